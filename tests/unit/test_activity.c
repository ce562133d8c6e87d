#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "node/store/activity.h"

#define ROWS_MAX 500u

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

/* --- inboxes --------------------------------------------------------------------------------- */

struct listed {
    uint64_t conversation;
    uint64_t last; /* 0: none */
    bool is_channel;
    size_t unread; /* ids, to make a row long */
};

static struct slice id_bytes(uint64_t number)
{
    struct slice kept;
    struct id id = id_of_number(number);
    assert_int_equal(arena_copy(&arena, slice_of(id.bytes, ID_BYTES), &kept), 0);
    return kept;
}

static void inbox_row_write(struct writer *writer, const struct listed *listed)
{
    static const uint8_t flag = INBOX_FLAG_CHANNEL;
    struct cell cells[3];
    size_t count = 0;
    if (listed->last != 0) {
        cells[count++] =
            (struct cell){.column = COLUMN_INBOX_LAST, .value = id_bytes(listed->last)};
    }
    if (listed->unread > 0) {
        uint8_t *ids = arena_allocate_zero(&arena, listed->unread * ID_BYTES);
        cells[count++] = (struct cell){.column = COLUMN_INBOX_UNREAD,
                                       .value = slice_of(ids, listed->unread * ID_BYTES)};
    }
    if (listed->is_channel) {
        cells[count++] = (struct cell){
            .column = COLUMN_INBOX_FLAGS, .timestamp = 1, .value = slice_of(&flag, 1)};
    }
    packed_row_write(writer, &(struct packed_row){.table = TABLE_INBOX,
                                                  .clustering = id_bytes(listed->conversation),
                                                  .row = row_build(&arena, cells, count)});
}

static struct slice packed_of(const struct listed *rows, uint32_t count)
{
    size_t room = 1;
    for (uint32_t i = 0; i < count; i++) {
        room += 128 + rows[i].unread * ID_BYTES;
    }
    struct writer writer = writer_of(arena_allocate(&arena, room), room);
    for (uint32_t i = 0; i < count; i++) {
        inbox_row_write(&writer, &rows[i]);
    }
    return writer_done(&writer);
}

static bool is_listed(const struct listed *row)
{
    return row->last != 0 || row->is_channel;
}

static int by_activity(const void *a, const void *b)
{
    const struct listed *left = a, *right = b;
    if (left->last != right->last) {
        return left->last > right->last ? -1 : 1;
    }
    return left->conversation > right->conversation ? -1 : 1;
}

/* Random rows; returns how many of them are listed. */
static uint32_t inbox_make(struct random *random, struct listed *rows, uint32_t count)
{
    uint32_t listed = 0;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (struct listed){.conversation = i + 1,
                                  .last = random_below(random, 40),
                                  .is_channel = random_below(random, 10) == 0,
                                  .unread = random_below(random, 8)};
        listed += is_listed(&rows[i]);
    }
    return listed;
}

/* The page's rows must be these, in this order. */
static void assert_rows(const struct activity_page *page, const struct listed *rows)
{
    struct packed_reader reader;
    struct packed_row row;
    struct activity_place place;
    uint32_t count = 0;
    packed_reader_init(&reader, page->packed);
    while (packed_reader_next(&reader, &row)) {
        struct id last = id_of_number(rows[count].last);
        struct id conversation = id_of_number(rows[count].conversation);
        struct activity_place expected = activity_place_of(&last, &conversation);
        assert_true(activity_place_of_row(&row, &place));
        assert_memory_equal(&place, &expected, sizeof(place));
        count++;
    }
    assert_false(packed_reader_failed(&reader));
    assert_int_equal(count, page->row_count);
}

/* In scans of some rows each, as a replica sees them. */
static struct activity_page page_of(const struct listed *rows, uint32_t count, uint32_t scan_rows,
                                    const struct activity_place *after, uint32_t limit_rows)
{
    struct activity_page page;
    activity_page_init(&page, &arena, after, limit_rows, PAGE_MAX_BYTES);
    for (uint32_t i = 0; i < count; i += scan_rows) {
        uint32_t size = count - i < scan_rows ? count - i : scan_rows;
        assert_int_equal(activity_page_add(&page, packed_of(&rows[i], size)), COLUMBA_OK);
    }
    return page;
}

/* --- tests ----------------------------------------------------------------------------------- */

/* However it is scanned, and whatever the pages' size: all of it, newest first, each row once. */
static void pages_follow_each_other_newest_first(void **state)
{
    (void)state;
    struct random random = {.state = 7};
    static struct listed rows[ROWS_MAX], sorted[ROWS_MAX];
    for (int round = 0; round < 60; round++) {
        uint32_t count = 1 + random_below(&random, round == 0 ? ROWS_MAX : 60), kept = 0;
        uint32_t listed = inbox_make(&random, rows, count);
        for (uint32_t i = 0; i < count; i++) {
            sorted[kept] = rows[i];
            kept += is_listed(&rows[i]);
        }
        qsort(sorted, listed, sizeof(sorted[0]), by_activity);
        struct activity_place after;
        uint32_t limit = 1 + random_below(&random, 20);
        uint32_t scan = 1 + random_below(&random, 50);
        for (uint32_t at = 0; at < listed; at += limit) {
            struct activity_page page = page_of(rows, count, scan, at == 0 ? NULL : &after, limit);
            assert_rows(&page, &sorted[at]);
            assert_int_equal(page.row_count, listed - at < limit ? listed - at : limit);
            assert_int_equal(page.more, listed - at > limit);
            after = page.last;
            arena_clear(&arena);
        }
    }
}

static void rows_without_a_message_are_listed_if_they_are_channels(void **state)
{
    (void)state;
    const struct listed rows[] = {
        {1, 0, false, 0}, {2, 0, true, 0}, {3, 5, false, 0}, {4, 0, true, 0}, {5, 5, true, 0}};
    const struct listed expected[] = {
        {5, 5, true, 0}, {3, 5, false, 0}, {4, 0, true, 0}, {2, 0, true, 0}};
    struct activity_page page = page_of(rows, 5, 5, NULL, 10);
    assert_int_equal(page.row_count, 4);
    assert_rows(&page, expected);
    assert_false(page.more);
    /* Behind a channel that has no message. */
    struct id none = id_of_number(0), four = id_of_number(4);
    struct activity_place after = activity_place_of(&none, &four);
    page = page_of(rows, 5, 2, &after, 10);
    assert_int_equal(page.row_count, 1);
    assert_rows(&page, &expected[3]);
}

/* The limit in bytes ends a page early, but never before its first row. */
static void long_rows_make_short_pages(void **state)
{
    (void)state;
    const struct listed rows[] = {{1, 9, false, 1}, {2, 8, false, 5000}, {3, 7, false, 1}};
    for (uint32_t scan = 1; scan <= 3; scan++) {
        struct activity_page page;
        activity_page_init(&page, &arena, NULL, 10, 1000);
        for (uint32_t i = 0; i < 3; i += scan) {
            uint32_t size = 3 - i < scan ? 3 - i : scan;
            assert_int_equal(activity_page_add(&page, packed_of(&rows[i], size)), COLUMBA_OK);
        }
        assert_int_equal(page.row_count, 1);
        assert_true(page.more);
        struct activity_place after = page.last;
        activity_page_init(&page, &arena, &after, 10, 1000);
        assert_int_equal(activity_page_add(&page, packed_of(rows, 3)), COLUMBA_OK);
        assert_int_equal(page.row_count, 1);
        assert_rows(&page, &rows[1]);
        assert_true(page.more);
    }
}

static void what_is_behind_the_horizon_is_left_out(void **state)
{
    (void)state;
    const struct listed rows[] = {{1, 9, false, 1}, {2, 8, false, 1}, {3, 7, false, 1}};
    for (uint64_t last = 6; last <= 10; last++) {
        struct id message = id_of_number(last), conversation = id_of_number(9);
        struct activity_place horizon = activity_place_of(&message, &conversation);
        struct activity_page page = page_of(rows, 3, 3, NULL, 10);
        activity_page_cut(&page, &horizon);
        /* Conversation 9 comes before the others of one newest message. */
        assert_int_equal(page.row_count, last >= 9 ? 0 : 9 - last);
        assert_rows(&page, rows);
        assert_true(page.more);
    }
    struct id message = id_of_number(8), conversation = id_of_number(2);
    struct activity_place second = activity_place_of(&message, &conversation);
    struct activity_page page = page_of(rows, 3, 3, NULL, 10);
    activity_page_cut(&page, &second);
    assert_int_equal(page.row_count, 2); /* what is at the horizon itself is known */
}

static void damage_and_want_of_memory_are_told(void **state)
{
    (void)state;
    const struct listed rows[] = {{1, 9, false, 1}};
    struct slice packed = packed_of(rows, 1);
    struct activity_page page;
    struct arena small;
    activity_page_init(&page, &arena, NULL, 10, 1000);
    assert_int_equal(activity_page_add(&page, slice_of(packed.data, packed.size - 1)), ERR_CORRUPT);
    arena_init(&small, memory_system(), 64);
    activity_page_init(&page, &small, NULL, 10, 1000);
    assert_int_equal(activity_page_add(&page, packed), ERR_NO_MEMORY);
    arena_clear(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_follow_each_other_newest_first),
        cmocka_unit_test(rows_without_a_message_are_listed_if_they_are_channels),
        cmocka_unit_test(long_rows_make_short_pages),
        cmocka_unit_test(what_is_behind_the_horizon_is_left_out),
        cmocka_unit_test(damage_and_want_of_memory_are_told),
    };
    return cmocka_run_group_tests(tests, arena_open, arena_close);
}
