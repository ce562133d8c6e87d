/* The laws every path of data relies on, on seeded random rows of every table. */
#include "rows.h"

#include "base/memory.h"
#include "node/store/cell.h"

#define ROUNDS 3000u
#define CELLS_MAX 12u

static struct arena arena;

static int arena_open(void **state)
{
    (void)state;
    arena_init(&arena, memory_system(), 64 * MIB);
    return 0;
}

static int arena_close(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

/* Low enough that random rows run into them. */
static const struct row_limits low_limits = {.row_max_bytes = 4096, .unread_max = 4};

static struct slice random_bytes(struct random *random, size_t size)
{
    uint8_t *bytes = arena_allocate(&arena, size);
    /* Two values in each byte: ties must be common. */
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)random_below(random, 2);
    }
    return slice_of(bytes, size);
}

static struct slice random_value(struct random *random, const struct column_spec *spec)
{
    uint32_t most = spec->value_max_bytes;
    most = most > spec->value_min_bytes + 3 ? spec->value_min_bytes + 3 : most;
    uint32_t span = most - spec->value_min_bytes + 1;
    return random_bytes(random, spec->value_min_bytes + random_below(random, span));
}

static struct slice random_set(struct random *random)
{
    uint8_t *ids = arena_allocate(&arena, 6 * ID_BYTES);
    size_t size = 0;
    for (uint64_t number = 1; number <= 40 && size < 4 * ID_BYTES; number++) {
        if (random_below(random, 8) == 0) {
            struct id id = id_of_number(number);
            memcpy(ids + size, id.bytes, ID_BYTES);
            size += ID_BYTES;
        }
    }
    return slice_of(ids, size);
}

static void row_add(struct cell *cells, size_t *count, struct cell cell)
{
    if (*count < CELLS_MAX && (*count == 0 || cell_key_compare(&cells[*count - 1], &cell) < 0)) {
        cells[(*count)++] = cell;
    }
}

static struct cell random_cell(struct random *random, uint8_t column,
                               const struct column_spec *spec)
{
    struct cell cell = {.column = column, .value = random_value(random, spec)};
    bool is_stamped = spec->rule == RULE_LWW || spec->rule == RULE_FIRST;
    cell.timestamp = is_stamped || spec->rule == RULE_DEAD ? random_below(random, 3) : 0;
    cell.expires_at_ms = is_stamped && random_below(random, 4) == 0 ? 5 : 0;
    return cell;
}

/* What is deleted has one cell. */
static struct slice random_dead_row(struct random *random, uint8_t table, uint8_t column)
{
    struct cell cell = random_cell(random, column, schema_column(table, column));
    return row_build(&arena, &cell, 1);
}

static struct slice random_plain_row(struct random *random, uint8_t table)
{
    struct cell cells[CELLS_MAX];
    size_t count = 0;
    for (uint8_t column = 1; schema_column(table, column) != NULL; column++) {
        const struct column_spec *spec = schema_column(table, column);
        if (spec->rule == RULE_DEAD && random_below(random, 4) == 0) {
            return random_dead_row(random, table, column);
        }
        if (spec->rule == RULE_DEAD) {
            continue;
        }
        uint32_t subkeys = spec->subkey == SUBKEY_NONE ? 1 : 3;
        for (uint64_t subkey = 0; subkey < subkeys; subkey++) {
            struct cell cell = random_cell(random, column, spec);
            if (spec->subkey != SUBKEY_NONE) {
                struct id id = id_of_number(subkey);
                struct slice bytes;
                arena_copy(&arena, slice_of(id.bytes, ID_BYTES), &bytes);
                cell.subkey = bytes;
            }
            if (random_below(random, 3) > 0) {
                row_add(cells, &count, cell);
            }
        }
    }
    return row_build(&arena, cells, count);
}

static struct slice id_bytes(uint64_t number)
{
    struct id id = id_of_number(number);
    struct slice bytes = {0};
    arena_copy(&arena, slice_of(id.bytes, ID_BYTES), &bytes);
    return bytes;
}

static struct slice random_set_above(struct random *random, uint64_t number)
{
    struct slice set = random_set(random);
    struct slice bar = id_bytes(number);
    while (set.size > 0 && memcmp(set.data, bar.data, ID_BYTES) <= 0) {
        set = slice_of(set.data + ID_BYTES, set.size - ID_BYTES);
    }
    return set;
}

/* Columns at random; of the unread and deleted ids only those above marker and floor. */
static struct slice random_inbox_row(struct random *random)
{
    struct cell cells[6];
    size_t count = 0;
    uint64_t marker = random_below(random, 3) == 0 ? random_below(random, 40) : 0;
    uint64_t floor = random_below(random, 4) == 0 ? random_below(random, 40) : 0;
    if (random_below(random, 2) == 0) {
        cells[count++] =
            (struct cell){.column = COLUMN_INBOX_LAST, .value = id_bytes(random_below(random, 50))};
    }
    if (marker > 0) {
        cells[count++] = (struct cell){.column = COLUMN_INBOX_MARKER, .value = id_bytes(marker)};
    }
    if (floor > marker) {
        cells[count++] = (struct cell){.column = COLUMN_INBOX_FLOOR, .value = id_bytes(floor)};
    }
    uint64_t bar = marker > floor ? marker : floor;
    struct slice set = random_set_above(random, bar);
    if (set.size > 0) {
        cells[count++] = (struct cell){.column = COLUMN_INBOX_UNREAD, .value = set};
    }
    if (random_below(random, 2) == 0) {
        cells[count++] = (struct cell){.column = COLUMN_INBOX_FLAGS,
                                       .timestamp = random_below(random, 3),
                                       .value = random_bytes(random, 1)};
    }
    set = random_set_above(random, bar);
    if (set.size > 0) {
        cells[count++] = (struct cell){.column = COLUMN_INBOX_DELETED, .value = set};
    }
    return row_build(&arena, cells, count);
}

static struct slice random_row(struct random *random, uint8_t table)
{
    struct slice row =
        table == TABLE_INBOX ? random_inbox_row(random) : random_plain_row(random, table);
    assert_int_equal(row_check_limited(table, row, &low_limits), COLUMBA_OK);
    return row;
}

static struct slice merged(uint8_t table, struct slice a, struct slice b)
{
    struct slice versions[] = {a, b};
    struct slice row = {0};
    assert_int_equal(row_merge_limited(table, versions, 2, &low_limits, &arena, &row), COLUMBA_OK);
    assert_int_equal(row_check_limited(table, row, &low_limits), COLUMBA_OK);
    return row;
}

static const uint8_t tables[] = {
#define X(name, number, clustering_bytes) number,
    SCHEMA_TABLES(X)
#undef X
};

static void for_each_table(void (*law)(struct random *random, uint8_t table))
{
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        struct random random = {.state = 1 + i};
        for (unsigned round = 0; round < ROUNDS; round++) {
            law(&random, tables[i]);
            arena_reset(&arena);
        }
    }
}

static void commutes(struct random *random, uint8_t table)
{
    struct slice a = random_row(random, table);
    struct slice b = random_row(random, table);
    assert_bytes_equal(merged(table, a, b), merged(table, b, a));
}

static void merging_is_commutative(void **state)
{
    (void)state;
    for_each_table(commutes);
}

static void associates(struct random *random, uint8_t table)
{
    struct slice a = random_row(random, table);
    struct slice b = random_row(random, table);
    struct slice c = random_row(random, table);
    assert_bytes_equal(merged(table, merged(table, a, b), c),
                       merged(table, a, merged(table, b, c)));
}

static void merging_is_associative(void **state)
{
    (void)state;
    for_each_table(associates);
}

static void absorbs(struct random *random, uint8_t table)
{
    struct slice a = random_row(random, table);
    struct slice b = random_row(random, table);
    struct slice both = merged(table, a, b);
    assert_bytes_equal(merged(table, a, a), a);
    assert_bytes_equal(merged(table, both, a), both);
    assert_bytes_equal(merged(table, b, both), both);
}

static void merging_is_idempotent(void **state)
{
    (void)state;
    for_each_table(absorbs);
}

/* More than one group, and groups of groups. */
static void agrees_with_pairs(struct random *random, uint8_t table)
{
    struct slice versions[40];
    uint32_t count = 1 + random_below(random, COUNT_OF(versions));
    struct slice by_pairs = versions[0] = random_row(random, table);
    for (uint32_t i = 1; i < count; i++) {
        versions[i] = random_row(random, table);
        by_pairs = merged(table, by_pairs, versions[i]);
    }
    struct slice at_once = {0};
    assert_int_equal(row_merge_limited(table, versions, count, &low_limits, &arena, &at_once),
                     COLUMBA_OK);
    assert_bytes_equal(at_once, by_pairs);
}

static void merging_many_at_once_is_merging_them_in_pairs(void **state)
{
    (void)state;
    for_each_table(agrees_with_pairs);
}

/* The inbox against the sentence that defines it, on sets of small numbers. */
static void keeps_what_the_definition_says(struct random *random, uint8_t table)
{
    if (table != TABLE_INBOX) {
        return;
    }
    bool is_unread[64] = {false};
    uint64_t marker = 0;
    struct slice row = row_build(&arena, NULL, 0);
    for (unsigned i = 0; i < 6; i++) {
        bool is_marker = random_below(random, 4) == 0;
        uint64_t number = 1 + random_below(random, 60);
        marker = is_marker && number > marker ? number : marker;
        is_unread[number] = is_unread[number] || !is_marker;
        struct cell cell = {.column = is_marker ? COLUMN_INBOX_MARKER : COLUMN_INBOX_UNREAD,
                            .value = id_bytes(number)};
        row = merged(table, row, row_build(&arena, &cell, 1));
    }
    struct cell cell = {0};
    uint8_t expected[64 * ID_BYTES];
    size_t size = sizeof(expected);
    uint64_t floor = 0;
    for (uint64_t number = 63; number > marker && floor == 0; number--) {
        if (is_unread[number] && size == sizeof(expected) - low_limits.unread_max * ID_BYTES) {
            floor = number;
        } else if (is_unread[number]) {
            size -= ID_BYTES;
            memcpy(expected + size, id_bytes(number).data, ID_BYTES);
        }
    }
    assert_int_equal(row_find(row, COLUMN_INBOX_UNREAD, &cell), size < sizeof(expected));
    assert_true(slice_equal(cell.value, slice_of(expected + size, sizeof(expected) - size)));
    assert_int_equal(row_find(row, COLUMN_INBOX_FLOOR, &cell), floor > 0);
    if (floor > 0) {
        assert_bytes_equal(cell.value, id_bytes(floor));
    }
}

static void the_inbox_counts_the_highest_ids_above_the_marker(void **state)
{
    (void)state;
    for_each_table(keeps_what_the_definition_says);
}

static void ten_thousand_unread_are_the_most(void **state)
{
    (void)state;
    arena_reset(&arena);
    uint8_t *ids = arena_allocate(&arena, UNREAD_IDS_MAX * ID_BYTES);
    for (uint64_t i = 0; i < UNREAD_IDS_MAX; i++) {
        memcpy(ids + i * ID_BYTES, id_bytes(10 + i).data, ID_BYTES);
    }
    struct cell full = {.column = COLUMN_INBOX_UNREAD,
                        .value = slice_of(ids, UNREAD_IDS_MAX * ID_BYTES)};
    struct cell one_more = {.column = COLUMN_INBOX_UNREAD, .value = id_bytes(10 + UNREAD_IDS_MAX)};
    struct slice versions[] = {row_build(&arena, &full, 1), row_build(&arena, &one_more, 1)};
    struct slice row;
    struct cell cell;
    assert_int_equal(row_merge(TABLE_INBOX, versions, 2, &arena, &row), COLUMBA_OK);
    assert_true(row_find(row, COLUMN_INBOX_FLOOR, &cell));
    assert_bytes_equal(cell.value, id_bytes(10));
    assert_true(row_find(row, COLUMN_INBOX_UNREAD, &cell));
    assert_int_equal(cell.value.size, UNREAD_IDS_MAX * ID_BYTES);
    assert_memory_equal(cell.value.data, id_bytes(11).data, ID_BYTES);
}

static struct slice content(uint64_t timestamp, const char *text)
{
    return message_row(&arena, timestamp, slice_of_text(text));
}

static void the_first_body_under_an_id_stays(void **state)
{
    (void)state;
    assert_bytes_equal(merged(TABLE_MESSAGE, content(5, "mine"), content(6, "yours")),
                       content(5, "mine"));
    /* Alike stamps: whichever wins, it wins everywhere. */
    struct slice a = content(5, "mine");
    struct slice b = content(5, "yours");
    struct slice winner = merged(TABLE_MESSAGE, a, b);
    assert_true(slice_equal(winner, a) || slice_equal(winner, b));
}

static struct slice message_cell(uint8_t column, uint64_t timestamp, const char *value)
{
    struct cell cell = {.column = column, .timestamp = timestamp, .value = slice_of_text(value)};
    return row_build(&arena, &cell, 1);
}

static void the_last_edit_wins_and_nothing_outlives_a_deletion(void **state)
{
    (void)state;
    struct slice old = message_cell(COLUMN_MESSAGE_EDITED, 5, "old");
    struct slice new = message_cell(COLUMN_MESSAGE_EDITED, 6, "new");
    struct slice deleted = message_cell(COLUMN_MESSAGE_DELETED, 1, "");
    assert_bytes_equal(merged(TABLE_MESSAGE, new, old), new);
    assert_bytes_equal(merged(TABLE_MESSAGE, deleted, new), deleted);
    assert_bytes_equal(merged(TABLE_MESSAGE, new, deleted), deleted);
    assert_bytes_equal(merged(TABLE_MESSAGE, content(0, "body"), deleted), deleted);
    struct slice later = message_cell(COLUMN_MESSAGE_DELETED, 2, "alice");
    assert_bytes_equal(merged(TABLE_MESSAGE, later, deleted), deleted);
    struct slice of_bob = message_cell(COLUMN_MESSAGE_DELETED, 1, "bob");
    assert_bytes_equal(merged(TABLE_MESSAGE, of_bob, deleted), deleted);
}

static void a_deletion_is_alone_in_its_row(void **state)
{
    (void)state;
    const struct cell cells[] = {
        {.column = COLUMN_MESSAGE_CONTENT, .timestamp = 1, .value = slice_of_text("body")},
        {.column = COLUMN_MESSAGE_DELETED, .timestamp = 2},
        {.column = COLUMN_MESSAGE_APPLICATION,
         .subkey = slice_of_text("x"),
         .timestamp = 3,
         .value = slice_of_text("y")},
    };
    assert_int_equal(row_check(TABLE_MESSAGE, row_build(&arena, cells, 2)), ERR_CORRUPT);
    assert_int_equal(row_check(TABLE_MESSAGE, row_build(&arena, cells + 1, 2)), ERR_CORRUPT);
    assert_int_equal(row_check(TABLE_MESSAGE, row_build(&arena, cells + 1, 1)), COLUMBA_OK);
}

/* Twenty messages of others, three deleted, two of them above the marker: whatever comes first. */
static void what_is_deleted_is_not_unread(void **state)
{
    (void)state;
    struct slice rows[20 + 3 + 1];
    size_t count = 0;
    for (uint64_t number = 1; number <= 20; number++) {
        const struct cell cell = {.column = COLUMN_INBOX_UNREAD, .value = id_bytes(number)};
        rows[count++] = row_build(&arena, &cell, 1);
    }
    const uint64_t deleted[] = {7, 12, 19};
    for (size_t i = 0; i < COUNT_OF(deleted); i++) {
        const struct cell cell = {.column = COLUMN_INBOX_DELETED, .value = id_bytes(deleted[i])};
        rows[count++] = row_build(&arena, &cell, 1);
    }
    const struct cell marker = {.column = COLUMN_INBOX_MARKER, .value = id_bytes(10)};
    rows[count++] = row_build(&arena, &marker, 1);
    struct random random = {.state = 3};
    for (unsigned round = 0; round < 200; round++) {
        struct slice row = rows[random_below(&random, (uint32_t)count)];
        for (size_t i = 0; i < count; i++) {
            size_t other = i + random_below(&random, (uint32_t)(count - i));
            struct slice swapped = rows[i];
            rows[i] = rows[other];
            rows[other] = swapped;
            struct slice versions[] = {row, rows[i]};
            assert_int_equal(row_merge(TABLE_INBOX, versions, 2, &arena, &row), COLUMBA_OK);
        }
        struct cell unread, gone;
        assert_true(row_find(row, COLUMN_INBOX_UNREAD, &unread));
        assert_true(row_find(row, COLUMN_INBOX_DELETED, &gone));
        assert_int_equal(inbox_unread_count(unread.value, gone.value), 8);
    }
    assert_int_equal(inbox_unread_count(slice_of(NULL, 0), id_bytes(3)), 0);
    assert_int_equal(inbox_unread_count(id_bytes(3), slice_of(NULL, 0)), 1);
}

static void one_version_costs_no_memory(void **state)
{
    (void)state;
    struct slice row = content(5, "mine");
    struct slice alike[] = {row, content(5, "mine")};
    struct arena empty;
    arena_init(&empty, memory_system(), 0);
    struct slice out;
    assert_int_equal(row_merge(TABLE_MESSAGE, &row, 1, &empty, &out), COLUMBA_OK);
    assert_ptr_equal(out.data, row.data);
    assert_int_equal(row_merge(TABLE_MESSAGE, alike, 2, &empty, &out), COLUMBA_OK);
    assert_bytes_equal(out, row);
}

static void a_corrupt_version_spoils_the_merge_and_leaves_the_result_alone(void **state)
{
    (void)state;
    struct slice good = content(5, "mine");
    for (size_t cut = 0; cut < good.size; cut++) {
        struct slice versions[] = {good, slice_of(good.data, cut), content(6, "yours")};
        struct slice out = slice_of("untouched", 9);
        if (cut != 1) {
            assert_int_equal(row_merge(TABLE_MESSAGE, versions, 3, &arena, &out), ERR_CORRUPT);
            assert_bytes_equal(out, slice_of_text("untouched"));
        }
    }
}

/* A source that gives `left` more blocks. */
struct scarce_memory {
    struct memory memory;
    unsigned left;
};

static void *scarce_allocate(struct memory *memory, size_t size)
{
    struct scarce_memory *scarce = (struct scarce_memory *)memory;
    return scarce->left == 0 ? NULL : (scarce->left--, memory_system()->allocate(memory, size));
}

static void scarce_release(struct memory *memory, void *block)
{
    memory_system()->release(memory, block);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct random random = {.state = 3};
    struct slice versions[40];
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        versions[i] = random_row(&random, TABLE_INBOX);
    }
    enum columba_error error = ERR_NO_MEMORY;
    for (size_t cap_bytes = 0; error != COLUMBA_OK; cap_bytes += 64) {
        struct arena small;
        struct slice row = slice_of("untouched", 9);
        arena_init(&small, memory_system(), cap_bytes);
        error = row_merge(TABLE_INBOX, versions, COUNT_OF(versions), &small, &row);
        if (error != COLUMBA_OK) {
            assert_int_equal(error, ERR_NO_MEMORY);
            assert_bytes_equal(row, slice_of_text("untouched"));
        }
        arena_clear(&small);
    }
    struct scarce_memory scarce = {.memory = {scarce_allocate, scarce_release}};
    struct arena small;
    struct slice row;
    arena_init(&small, &scarce.memory, MIB);
    assert_int_equal(row_merge(TABLE_INBOX, versions, 2, &small, &row), ERR_NO_MEMORY);
    scarce.left = 1;
    assert_int_equal(row_merge(TABLE_INBOX, versions, 2, &small, &row), COLUMBA_OK);
    arena_clear(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merging_is_commutative),
        cmocka_unit_test(merging_is_associative),
        cmocka_unit_test(merging_is_idempotent),
        cmocka_unit_test(merging_many_at_once_is_merging_them_in_pairs),
        cmocka_unit_test(the_inbox_counts_the_highest_ids_above_the_marker),
        cmocka_unit_test(ten_thousand_unread_are_the_most),
        cmocka_unit_test(the_first_body_under_an_id_stays),
        cmocka_unit_test(the_last_edit_wins_and_nothing_outlives_a_deletion),
        cmocka_unit_test(a_deletion_is_alone_in_its_row),
        cmocka_unit_test(what_is_deleted_is_not_unread),
        cmocka_unit_test(one_version_costs_no_memory),
        cmocka_unit_test(a_corrupt_version_spoils_the_merge_and_leaves_the_result_alone),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, arena_open, arena_close);
}
