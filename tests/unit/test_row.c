#include "rows.h"

#include "base/memory.h"

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

static const uint8_t golden_row[] = {
    1,                                                                /* format */
    1, 0, 0, 0, 0x01, 0x92, 0, 0, 0, 7,   5, 'h', 'e', 'l', 'l', 'o', /* content */
    2, 2, 0, 0, 0,    0,    0, 0, 0, 9,                               /* edited, with an expiry */
    0, 0, 0, 0, 0,    0,    4, 0, 1, 'x',                             /* … */
    5, 1, 0, 0, 0,    0,    0, 0, 0, 3,   3, 'x', '.', 'a', 1,   'y'  /* an application's column */
};

static struct slice row_like_the_golden_one(void)
{
    const struct cell cells[] = {
        {.column = COLUMN_MESSAGE_CONTENT,
         .timestamp = 0x0000000192000000u << 8 | 7,
         .value = slice_of_text("hello")},
        {.column = COLUMN_MESSAGE_EDITED,
         .timestamp = 9,
         .expires_at_ms = 0x400,
         .value = slice_of_text("x")},
        {.column = COLUMN_MESSAGE_APPLICATION,
         .subkey = slice_of_text("x.a"),
         .timestamp = 3,
         .value = slice_of_text("y")},
    };
    return row_build(&arena, cells, COUNT_OF(cells));
}

static void rows_have_these_bytes(void **state)
{
    (void)state;
    assert_bytes_equal(row_like_the_golden_one(), slice_of(golden_row, sizeof(golden_row)));
    assert_int_equal(row_check(TABLE_MESSAGE, slice_of(golden_row, sizeof(golden_row))),
                     COLUMBA_OK);
}

static void rows_read_as_they_were_written(void **state)
{
    (void)state;
    struct row_reader reader;
    struct cell cell;
    assert_true(row_reader_init(&reader, slice_of(golden_row, sizeof(golden_row))));
    assert_true(row_reader_next(&reader, &cell));
    assert_int_equal(cell.column, COLUMN_MESSAGE_CONTENT);
    assert_bytes_equal(cell.value, slice_of_text("hello"));
    assert_true(row_reader_next(&reader, &cell));
    assert_int_equal(cell.expires_at_ms, 0x400);
    assert_true(row_reader_next(&reader, &cell));
    assert_bytes_equal(cell.subkey, slice_of_text("x.a"));
    assert_false(row_reader_next(&reader, &cell));
    assert_false(row_reader_failed(&reader));
}

static void a_column_is_found_or_not(void **state)
{
    (void)state;
    struct slice row = slice_of(golden_row, sizeof(golden_row));
    struct cell cell = {.column = 77};
    assert_false(row_find(row, COLUMN_MESSAGE_DELETED, &cell));
    assert_int_equal(cell.column, 77);
    assert_true(row_find(row, COLUMN_MESSAGE_EDITED, &cell));
    assert_int_equal(cell.timestamp, 9);
}

static void a_row_cut_short_or_lengthened_is_corrupt(void **state)
{
    (void)state;
    /* Cut between cells it is a row again. */
    const size_t whole_cells[] = {1, 17, 37};
    size_t next_whole = 0;
    for (size_t size = 0; size < sizeof(golden_row); size++) {
        bool is_whole = next_whole < COUNT_OF(whole_cells) && size == whole_cells[next_whole];
        next_whole += is_whole;
        assert_int_equal(row_check(TABLE_MESSAGE, slice_of(golden_row, size)),
                         is_whole ? COLUMBA_OK : ERR_CORRUPT);
    }
    uint8_t longer[sizeof(golden_row) + 1] = {0};
    memcpy(longer, golden_row, sizeof(golden_row));
    assert_int_equal(row_check(TABLE_MESSAGE, slice_of(longer, sizeof(longer))), ERR_CORRUPT);
}

static void every_changed_byte_is_handled(void **state)
{
    (void)state;
    uint8_t changed[sizeof(golden_row)];
    for (size_t i = 0; i < sizeof(golden_row); i++) {
        for (unsigned value = 0; value < 256; value++) {
            memcpy(changed, golden_row, sizeof(golden_row));
            changed[i] = (uint8_t)value;
            struct slice row = slice_of(changed, sizeof(changed));
            struct slice merged;
            assert_int_equal(row_check(TABLE_MESSAGE, row),
                             row_merge(TABLE_MESSAGE, &row, 1, &arena, &merged));
        }
    }
}

struct refused {
    const char *what;
    uint8_t table;
    struct cell cells[2];
    size_t count;
};

static void what_breaks_a_tables_rules_is_corrupt(void **state)
{
    (void)state;
    struct id one = id_of_number(1);
    struct slice id = slice_of(one.bytes, ID_BYTES);
    uint8_t descending[2 * ID_BYTES] = {0};
    descending[0] = 1;
    const struct refused refused[] = {
        {"a table that does not exist", 9, {{.column = 1}}, 1},
        {"a column that does not exist", TABLE_MESSAGE, {{.column = 6}}, 1},
        {"column 0", TABLE_MESSAGE, {{.column = 0}}, 1},
        {"a value too short", TABLE_CONVERSATION, {{.column = COLUMN_CONVERSATION_EPOCH}}, 1},
        {"a value too long",
         TABLE_CONVERSATION,
         {{.column = COLUMN_CONVERSATION_KIND, .value = slice_of_text("12")}},
         1},
        {"a sub-key where none belongs",
         TABLE_MESSAGE,
         {{.column = COLUMN_MESSAGE_CONTENT, .subkey = slice_of_text("a")}},
         1},
        {"no sub-key where one belongs", TABLE_MESSAGE, {{.column = COLUMN_MESSAGE_REACTION}}, 1},
        {"a watermark with a stamp",
         TABLE_INBOX,
         {{.column = COLUMN_INBOX_LAST, .timestamp = 1, .value = id}},
         1},
        {"a deletion that expires",
         TABLE_MESSAGE,
         {{.column = COLUMN_MESSAGE_DELETED, .expires_at_ms = 5}},
         1},
        {"ids that descend",
         TABLE_INBOX,
         {{.column = COLUMN_INBOX_UNREAD, .value = slice_of(descending, sizeof(descending))}},
         1},
        {"an unread id at the marker",
         TABLE_INBOX,
         {{.column = COLUMN_INBOX_MARKER, .value = id},
          {.column = COLUMN_INBOX_UNREAD, .value = id}},
         2},
        {"a floor at the marker",
         TABLE_INBOX,
         {{.column = COLUMN_INBOX_MARKER, .value = id},
          {.column = COLUMN_INBOX_FLOOR, .value = id}},
         2},
    };
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct slice row = row_build(&arena, refused[i].cells, refused[i].count);
        if (row_check(refused[i].table, row) != ERR_CORRUPT) {
            fail_msg("%s is accepted", refused[i].what);
        }
    }
}

static void cells_out_of_order_or_twice_are_corrupt(void **state)
{
    (void)state;
    const uint8_t twice[] = {1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0};
    const uint8_t back[] = {1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0};
    assert_int_equal(row_check(TABLE_MESSAGE, slice_of(twice, sizeof(twice))), ERR_CORRUPT);
    assert_int_equal(row_check(TABLE_MESSAGE, slice_of(back, sizeof(back))), ERR_CORRUPT);
    assert_int_equal(row_check(TABLE_MESSAGE, slice_of(twice, 12)), COLUMBA_OK);
}

static void a_row_that_does_not_fit_its_buffer_is_empty(void **state)
{
    (void)state;
    uint8_t buffer[16];
    struct cell cell = {.column = COLUMN_MESSAGE_CONTENT, .value = slice_of_text("hello")};
    struct row_writer row;
    row_writer_init(&row, buffer, sizeof(buffer));
    row_writer_cell(&row, &cell);
    assert_int_equal(row_writer_done(&row).size, 0);
}

static void the_largest_message_is_a_row_and_a_larger_one_is_not(void **state)
{
    (void)state;
    uint8_t *body = arena_allocate_zero(&arena, ROW_CONTENT_MAX_BYTES + 1);
    struct slice row = message_row(&arena, 1, slice_of(body, ROW_CONTENT_MAX_BYTES));
    assert_int_equal(row_check(TABLE_MESSAGE, row), COLUMBA_OK);
    row = message_row(&arena, 1, slice_of(body, ROW_CONTENT_MAX_BYTES + 1));
    assert_int_equal(row_check(TABLE_MESSAGE, row), ERR_CORRUPT);
}

static void packed_rows_travel_unchanged(void **state)
{
    (void)state;
    struct id id = id_of_number(1);
    const struct packed_row rows[] = {
        {TABLE_MESSAGE, slice_of(id.bytes, ID_BYTES), slice_of(golden_row, sizeof(golden_row))},
        {TABLE_CONVERSATION, slice_of(NULL, 0), slice_of(golden_row, 1)},
    };
    uint8_t buffer[256];
    struct writer writer = writer_of(buffer, sizeof(buffer));
    size_t size = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        packed_row_write(&writer, &rows[i]);
        size += packed_row_size(&rows[i]);
    }
    struct slice packed = writer_done(&writer);
    assert_int_equal(packed.size, size);
    struct packed_reader reader;
    struct packed_row row;
    packed_reader_init(&reader, packed);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_true(packed_reader_next(&reader, &row));
        assert_int_equal(row.table, rows[i].table);
        assert_true(slice_equal(row.clustering, rows[i].clustering));
        assert_bytes_equal(row.row, rows[i].row);
    }
    assert_false(packed_reader_next(&reader, &row));
    assert_false(packed_reader_failed(&reader));

    for (size_t cut = 1; cut < packed.size; cut++) {
        packed_reader_init(&reader, slice_of(packed.data, cut));
        while (packed_reader_next(&reader, &row)) {
        }
        assert_true(packed_reader_failed(&reader) == (cut != packed_row_size(&rows[0])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_have_these_bytes),
        cmocka_unit_test(rows_read_as_they_were_written),
        cmocka_unit_test(a_column_is_found_or_not),
        cmocka_unit_test(a_row_cut_short_or_lengthened_is_corrupt),
        cmocka_unit_test(every_changed_byte_is_handled),
        cmocka_unit_test(what_breaks_a_tables_rules_is_corrupt),
        cmocka_unit_test(cells_out_of_order_or_twice_are_corrupt),
        cmocka_unit_test(a_row_that_does_not_fit_its_buffer_is_empty),
        cmocka_unit_test(the_largest_message_is_a_row_and_a_larger_one_is_not),
        cmocka_unit_test(packed_rows_travel_unchanged),
    };
    return cmocka_run_group_tests(tests, arena_open, arena_close);
}
