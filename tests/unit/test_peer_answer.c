/* What a peer says of a range, and of an inbox in order of activity, is held against the question.
 */
#include "rows.h"

#include <string.h>

#include "base/memory.h"
#include "node/core/coordinator/peer_answer.h"
#include "node/store/activity.h"

static uint8_t packed[4096];
static struct writer writer;
static struct message answer;
static struct message_read query;
static struct activity_place place;

static int fresh(void **state)
{
    (void)state;
    writer = writer_of(packed, sizeof(packed));
    answer = (struct message){.type = MESSAGE_ROWS};
    query = (struct message_read){.table = TABLE_INBOX,
                                  .limit_rows = 3,
                                  .limit_bytes = 2000,
                                  .flags = READ_FOLD | READ_BY_ACTIVITY};
    return 0;
}

static void table_row_add(uint8_t table, uint64_t clustering_number)
{
    uint8_t buffer[64];
    struct row_writer row;
    struct id clustering = id_of_number(clustering_number);
    row_writer_init(&row, buffer, sizeof(buffer));
    row_writer_cell(&row, &(struct cell){.column = 1, .value = slice_of_text("x")});
    packed_row_write(&writer, &(struct packed_row){.table = table,
                                                   .clustering = slice_of(clustering.bytes, 16),
                                                   .row = row_writer_done(&row)});
    answer.rows.packed = writer_done(&writer);
    answer.rows.row_count++;
}

/* The answer's next row; without a message if `last` is 0. */
static void row_add(uint64_t last, uint64_t conversation)
{
    uint8_t buffer[64];
    struct row_writer row;
    struct id id = id_of_number(last), clustering = id_of_number(conversation);
    row_writer_init(&row, buffer, sizeof(buffer));
    row_writer_cell(&row,
                    &(struct cell){.column = last == 0 ? COLUMN_INBOX_MARKER : COLUMN_INBOX_LAST,
                                   .value = slice_of(id.bytes, ID_BYTES)});
    packed_row_write(&writer,
                     &(struct packed_row){.table = TABLE_INBOX,
                                          .clustering = slice_of(clustering.bytes, ID_BYTES),
                                          .row = row_writer_done(&row)});
    answer.rows.packed = writer_done(&writer);
    answer.rows.row_count++;
}

static void ask_behind(uint64_t last, uint64_t conversation)
{
    struct id message = id_of_number(last), id = id_of_number(conversation);
    place = activity_place_of(&message, &id);
    query.begin = slice_of(place.bytes, sizeof(place.bytes));
}

static enum columba_error checked(void)
{
    return peer_rows_check(&answer, &query, false);
}

static void newest_first_is_believed(void **state)
{
    (void)state;
    row_add(9, 1);
    row_add(7, 4);
    row_add(7, 3);
    answer.rows.more = true;
    assert_int_equal(checked(), COLUMBA_OK);
    ask_behind(9, 2);
    assert_int_equal(checked(), COLUMBA_OK);
    ask_behind(10, 1);
    assert_int_equal(checked(), COLUMBA_OK);
}

static void what_was_on_an_earlier_page_is_not(void **state)
{
    (void)state;
    row_add(9, 2);
    ask_behind(9, 2);
    assert_int_equal(checked(), ERR_BAD_ANSWER);
    ask_behind(9, 1);
    assert_int_equal(checked(), ERR_BAD_ANSWER);
    ask_behind(8, 5);
    assert_int_equal(checked(), ERR_BAD_ANSWER);
}

static void another_order_is_not(void **state)
{
    row_add(7, 1);
    row_add(9, 2);
    assert_int_equal(checked(), ERR_BAD_ANSWER);
    fresh(state); /* of one newest message */
    row_add(7, 3);
    row_add(7, 4);
    assert_int_equal(checked(), ERR_BAD_ANSWER);
    fresh(state); /* one twice */
    row_add(7, 3);
    row_add(7, 3);
    assert_int_equal(checked(), ERR_BAD_ANSWER);
}

static void rows_that_nobody_asked_for_are_not(void **state)
{
    for (uint64_t i = 0; i < 4; i++) {
        row_add(9 - i, 1);
    }
    assert_int_equal(checked(), ERR_BAD_ANSWER);
    fresh(state);
    row_add(9, 1);
    answer.rows.row_count++;
    assert_int_equal(checked(), ERR_BAD_ANSWER);
    fresh(state); /* a marker alone is not listed */
    row_add(0, 1);
    assert_int_equal(checked(), ERR_BAD_ANSWER);
    fresh(state);
    row_add(9, 1);
    packed[0] = TABLE_MEMBER;
    assert_int_equal(checked(), ERR_BAD_ANSWER);
}

static enum columba_error checked_alone(uint8_t table, uint64_t clustering_number)
{
    writer = writer_of(packed, sizeof(packed));
    answer.rows.row_count = 0;
    table_row_add(table, clustering_number);
    return checked();
}

/* From 5 of the first table, which is in it, to 8 of the last one, which is not. */
static void a_range_has_two_ends(void **state)
{
    (void)state;
    struct id begin = id_of_number(5), end = id_of_number(8);
    query = (struct message_read){.table = TABLE_MEMBER,
                                  .table_last = TABLE_MESSAGE,
                                  .begin = slice_of(begin.bytes, ID_BYTES),
                                  .end = slice_of(end.bytes, ID_BYTES),
                                  .limit_rows = 3,
                                  .limit_bytes = 2000};
    assert_int_equal(checked_alone(TABLE_MEMBER, 4), ERR_BAD_ANSWER);
    assert_int_equal(checked_alone(TABLE_MEMBER, 5), COLUMBA_OK);
    assert_int_equal(checked_alone(TABLE_MEMBER, 9), COLUMBA_OK);
    assert_int_equal(checked_alone(TABLE_MESSAGE, 1), COLUMBA_OK);
    assert_int_equal(checked_alone(TABLE_MESSAGE, 7), COLUMBA_OK);
    assert_int_equal(checked_alone(TABLE_MESSAGE, 8), ERR_BAD_ANSWER);
    assert_int_equal(checked_alone(TABLE_CONVERSATION, 6), ERR_BAD_ANSWER);
    assert_int_equal(checked_alone(TABLE_USER, 6), ERR_BAD_ANSWER);
    query.end = slice_of(NULL, 0);
    assert_int_equal(checked_alone(TABLE_MESSAGE, 8), COLUMBA_OK);
    query.table_last = 0;
    assert_int_equal(checked_alone(TABLE_MEMBER, 9), COLUMBA_OK);
    assert_int_equal(checked_alone(TABLE_MESSAGE, 1), ERR_BAD_ANSWER);
}

/* It would not say where to go on. */
static void an_empty_page_is_the_last_one(void **state)
{
    (void)state;
    assert_int_equal(checked(), COLUMBA_OK);
    answer.rows.more = true;
    assert_int_equal(checked(), ERR_BAD_ANSWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(newest_first_is_believed, fresh),
        cmocka_unit_test_setup(what_was_on_an_earlier_page_is_not, fresh),
        cmocka_unit_test_setup(another_order_is_not, fresh),
        cmocka_unit_test_setup(rows_that_nobody_asked_for_are_not, fresh),
        cmocka_unit_test_setup(a_range_has_two_ends, fresh),
        cmocka_unit_test_setup(an_empty_page_is_the_last_one, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
