/* What is stored of a change: the record and the edit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/change.h"

static const struct id message = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void a_record_comes_back_as_it_was(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct change_record record = {
        .kind = CHANGE_DELETION, .message = message, .actor = slice_of_text("alice")};
    size_t size = change_record_size(&record);
    assert_true(size <= sizeof(bytes));
    change_record_encode(&record, bytes);
    struct change_record read;
    assert_int_equal(change_record_decode(slice_of(bytes, size), &read), COLUMBA_OK);
    assert_int_equal(read.kind, CHANGE_DELETION);
    assert_true(id_equal(&read.message, &message));
    assert_true(slice_equal(read.actor, record.actor));
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(change_record_decode(slice_of(bytes, cut), &read), ERR_MALFORMED);
    }
    bytes[size] = 0;
    assert_int_equal(change_record_decode(slice_of(bytes, size + 1), &read), ERR_MALFORMED);
    bytes[0] = 2; /* another format */
    assert_int_equal(change_record_decode(slice_of(bytes, size), &read), ERR_MALFORMED);
}

static void a_record_names_its_kind_and_somebody(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct change_record read;
    struct change_record nobody = {.kind = CHANGE_EDIT, .message = message};
    change_record_encode(&nobody, bytes);
    assert_int_equal(change_record_decode(slice_of(bytes, change_record_size(&nobody)), &read),
                     ERR_MALFORMED);
    struct change_record nothing = {.message = message, .actor = slice_of_text("alice")};
    change_record_encode(&nothing, bytes);
    assert_int_equal(change_record_decode(slice_of(bytes, change_record_size(&nothing)), &read),
                     ERR_MALFORMED);
}

static void an_edit_comes_back_as_it_was(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct edit edit = {.number = 300, .content = slice_of_text("content")};
    size_t size = edit_size(&edit);
    assert_true(size <= sizeof(bytes));
    edit_encode(&edit, bytes);
    struct edit read;
    assert_int_equal(edit_decode(slice_of(bytes, size), &read), COLUMBA_OK);
    assert_int_equal(read.number, 300);
    assert_true(slice_equal(read.content, edit.content));
    assert_int_equal(edit_decode(slice_of(bytes, 2), &read), ERR_MALFORMED); /* half a number */
    assert_int_equal(edit_decode(slice_of(bytes, 0), &read), ERR_MALFORMED);
    bytes[0] = 2; /* another format */
    assert_int_equal(edit_decode(slice_of(bytes, size), &read), ERR_MALFORMED);
    struct edit zeroth = {.content = slice_of_text("content")};
    edit_encode(&zeroth, bytes);
    assert_int_equal(edit_decode(slice_of(bytes, edit_size(&zeroth)), &read), ERR_MALFORMED);
}

static void marks_are_read_one_after_the_other(void **state)
{
    (void)state;
    uint8_t bytes[128];
    struct writer writer = writer_of(bytes, sizeof(bytes));
    const uint8_t open[] = {0, '!'}, sealed[] = {MARK_SEALED, 'x', 'y'};
    writer_u8(&writer, MARK_REACTION);
    writer_u8(&writer, 1);
    writer_u64(&writer, 9);
    writer_sized(&writer, slice_of(message.bytes, ID_BYTES));
    writer_sized(&writer, slice_of(open, sizeof(open)));
    size_t first = writer_done(&writer).size;
    writer_u8(&writer, MARK_COLUMN);
    writer_u8(&writer, 1);
    writer_u64(&writer, 9);
    writer_sized(&writer, slice_of_text("x.a"));
    writer_sized(&writer, slice_of(sealed, sizeof(sealed)));
    struct slice whole = writer_done(&writer);
    struct mark_reader reader;
    struct mark mark;
    mark_reader_init(&reader, whole);
    assert_true(mark_next(&reader, &mark));
    assert_int_equal(mark.kind, MARK_REACTION);
    assert_false(mark.is_sealed);
    assert_true(slice_equal(mark.value, slice_of_text("!")));
    assert_true(mark_next(&reader, &mark));
    assert_int_equal(mark.kind, MARK_COLUMN);
    assert_true(mark.is_sealed);
    assert_true(slice_equal(mark.key, slice_of_text("x.a")));
    assert_true(slice_equal(mark.value, slice_of_text("xy")));
    assert_false(mark_next(&reader, &mark));
    assert_false(mark_reader_failed(&reader));
    for (size_t cut = 1; cut < whole.size; cut++) {
        mark_reader_init(&reader, slice_of(bytes, cut));
        while (mark_next(&reader, &mark)) {
        }
        assert_int_equal(mark_reader_failed(&reader), cut != first);
    }
    bytes[0] = 6; /* of no kind */
    mark_reader_init(&reader, whole);
    assert_false(mark_next(&reader, &mark));
    assert_true(mark_reader_failed(&reader));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(a_record_names_its_kind_and_somebody),
        cmocka_unit_test(an_edit_comes_back_as_it_was),
        cmocka_unit_test(marks_are_read_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
