/*
 * What was acknowledged stays in its row, however many cells others added, wherever and in whatever
 * order the replicas were merged; and a row always stays one that can be read.
 */
#include "rows.h"

#include "base/memory.h"

static struct arena arena;

static int make_arena(void **state)
{
    (void)state;
    arena_init(&arena, memory_system(), 512 * MIB);
    return 0;
}

static int clear_arena(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

/* A fragment of one cell: a reaction by user `user`. */
static struct slice reaction(uint64_t user, uint64_t timestamp, size_t value_bytes)
{
    static const uint8_t value[64] = {0xf0, 0x9f, 0x91, 0x8d};
    struct id id = id_of_number(user);
    const struct cell cell = {.column = COLUMN_MESSAGE_REACTION,
                              .subkey = slice_of(id.bytes, ID_BYTES),
                              .timestamp = timestamp,
                              .value = slice_of(value, value_bytes)};
    return row_build(&arena, &cell, 1);
}

/* The largest message and its edit. */
static struct slice full_message(void)
{
    uint8_t *body = arena_allocate(&arena, ROW_CONTENT_MAX_BYTES);
    memset(body, 'x', ROW_CONTENT_MAX_BYTES);
    const struct cell cells[] = {
        {.column = COLUMN_MESSAGE_CONTENT,
         .timestamp = 1,
         .value = slice_of(body, ROW_CONTENT_MAX_BYTES)},
        {.column = COLUMN_MESSAGE_EDITED,
         .timestamp = 2,
         .value = slice_of(body, ROW_CONTENT_MAX_BYTES)},
    };
    return row_build(&arena, cells, COUNT_OF(cells));
}

static struct slice merge_two(struct slice a, struct slice b)
{
    const struct slice versions[] = {a, b};
    struct slice row = {0};
    assert_int_equal(row_merge(TABLE_MESSAGE, versions, 2, &arena, &row), COLUMBA_OK);
    return row;
}

/* Its row lies in bytes of its own: the arena is for what is under way. */
struct replica {
    struct slice row;
    uint8_t bytes[2 * ROW_MAX_BYTES];
};

static struct replica replicas[REPLICAS_MAX];

static void keep(struct replica *replica, struct slice row)
{
    assert_true(row.size <= sizeof replica->bytes);
    memmove(replica->bytes, row.data, row.size);
    replica->row = slice_of(replica->bytes, row.size);
    arena_reset(&arena);
}

/* A replica takes the fragment if it may. */
static bool take(struct replica *replica, struct slice fragment)
{
    enum columba_error error = row_growth_judge(TABLE_MESSAGE, replica->row, fragment, &arena);
    if (error == COLUMBA_OK) {
        keep(replica, merge_two(replica->row, fragment));
    } else {
        assert_int_equal(error, ERR_TOO_LARGE);
    }
    return error == COLUMBA_OK;
}

static struct slice merge_all(void)
{
    struct slice versions[REPLICAS_MAX];
    struct slice row = {0};
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        versions[i] = replicas[i].row;
    }
    assert_int_equal(row_merge(TABLE_MESSAGE, versions, REPLICAS_MAX, &arena, &row), COLUMBA_OK);
    assert_int_equal(row_check(TABLE_MESSAGE, row), COLUMBA_OK);
    return row;
}

static bool has_reaction(struct slice row, uint64_t user)
{
    struct id id = id_of_number(user);
    struct row_reader reader;
    struct cell cell;
    assert_true(row_reader_init(&reader, row));
    while (row_reader_next(&reader, &cell)) {
        if (cell.column == COLUMN_MESSAGE_REACTION &&
            slice_equal(cell.subkey, slice_of(id.bytes, ID_BYTES))) {
            return true;
        }
    }
    return false;
}

static void a_merge_loses_no_cell_whatever_the_size(void **state)
{
    (void)state;
    struct slice row = full_message();
    const uint64_t users = 30000;
    struct slice *versions = arena_allocate_array(&arena, users + 1, sizeof(*versions));
    for (uint64_t user = 0; user < users; user++) {
        versions[user] = reaction(user, 1, 64);
    }
    versions[users] = row;
    assert_int_equal(row_merge(TABLE_MESSAGE, versions, users + 1, &arena, &row), COLUMBA_OK);
    assert_true(row_growth_bytes(row) > users * 64);
    for (uint64_t user = 0; user < users; user += 997) {
        assert_true(has_reaction(row, user));
    }
    assert_true(has_reaction(row, users - 1));
}

static void a_full_group_finds_room_for_a_reaction_each(void **state)
{
    (void)state;
    struct replica *replica = &replicas[0];
    keep(replica, full_message());
    for (uint64_t user = 0; user < FANOUT_MEMBERS_DEFAULT; user++) {
        assert_true(take(replica, reaction(user, 1, 4)));
    }
    assert_int_equal(row_check(TABLE_MESSAGE, replica->row), COLUMBA_OK);
}

static void what_would_not_fit_is_refused_and_the_rest_goes_on(void **state)
{
    (void)state;
    struct replica *replica = &replicas[0];
    uint64_t user = 0;
    keep(replica, full_message());
    while (take(replica, reaction(user, 1, 64))) {
        user++;
    }
    size_t grown = row_growth_bytes(replica->row);
    assert_true(grown <= ROW_GROWTH_MAX_BYTES && grown + 128 > ROW_GROWTH_MAX_BYTES);
    assert_true(take(replica, reaction(0, 2, 60))); /* in the place of another */
    assert_true(take(replica, full_message()));     /* what cannot grow is not judged */
    assert_false(take(replica, reaction(user, 1, 64)));
}

/* The worst case: no replica has heard of what the others took. */
static void all_replicas_full_of_different_cells_make_a_row_that_is_read(void **state)
{
    (void)state;
    uint64_t user = 0;
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        keep(&replicas[i], full_message());
        while (take(&replicas[i], reaction(user, 1, user % 65))) {
            user++;
        }
    }
    struct slice row = merge_all();
    assert_true(row.size > ROW_MAX_BYTES - 8 * KIB); /* the bound is not far off */
    for (uint64_t i = 0; i < user; i += 37) {
        assert_true(has_reaction(row, i));
    }
}

/* One history: writes that reach some replicas, and repairs between any two of them, at random. */
static void history_of(uint64_t seed)
{
    enum { USERS = 6000, STEPS = 4000 };
    static bool was_taken[USERS];
    struct random random = {.state = seed};
    memset(was_taken, 0, sizeof was_taken);
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        keep(&replicas[i], full_message());
    }
    for (uint64_t step = 0; step < STEPS; step++) {
        struct replica *to = &replicas[random_below(&random, REPLICAS_MAX)];
        if (random_below(&random, 100) == 0) {
            keep(to, merge_two(to->row, replicas[random_below(&random, REPLICAS_MAX)].row));
            continue;
        }
        uint64_t user = random_below(&random, USERS);
        if (take(to, reaction(user, step, random_below(&random, 65)))) {
            was_taken[user] = true;
        }
    }
    struct slice row = merge_all();
    for (uint64_t user = 0; user < USERS; user += 7) {
        assert_int_equal(has_reaction(row, user), was_taken[user]);
    }
}

static void whatever_replicas_take_and_tell_each_other_nothing_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        history_of(seed);
        arena_reset(&arena);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, clear_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_merge_loses_no_cell_whatever_the_size),
        TEST(a_full_group_finds_room_for_a_reaction_each),
        TEST(what_would_not_fit_is_refused_and_the_rest_goes_on),
        TEST(all_replicas_full_of_different_cells_make_a_row_that_is_read),
        TEST(whatever_replicas_take_and_tell_each_other_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
