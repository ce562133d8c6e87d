/* Cursors read and write bytes, and never step out of bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cursor.h"

static void what_is_written_is_read(void **state)
{
    (void)state;
    uint8_t buffer[128];
    struct id id = {{1, 2, 3}};
    struct writer writer = writer_of(buffer, sizeof(buffer));
    writer_u8(&writer, 0xab);
    writer_u16(&writer, 0x0102);
    writer_u32(&writer, 0x03040506);
    writer_u64(&writer, 0x0708090a0b0c0d0e);
    writer_varint(&writer, 300);
    writer_id(&writer, &id);
    writer_sized(&writer, slice_of_text("pigeon"));
    assert_false(writer.failed);

    struct reader reader = reader_of(writer_done(&writer));
    assert_int_equal(reader_u8(&reader), 0xab);
    assert_int_equal(reader_u16(&reader), 0x0102);
    assert_int_equal(reader_u32(&reader), 0x03040506);
    assert_true(reader_u64(&reader) == 0x0708090a0b0c0d0e);
    assert_int_equal(reader_varint(&reader), 300);
    struct id read = reader_id(&reader);
    assert_true(id_equal(&read, &id));
    assert_true(slice_equal(reader_sized(&reader), slice_of_text("pigeon")));
    assert_true(reader_is_done(&reader));
}

static void integers_are_big_endian(void **state)
{
    (void)state;
    uint8_t buffer[4];
    struct writer writer = writer_of(buffer, sizeof(buffer));
    writer_u32(&writer, 0x01020304);
    assert_memory_equal(buffer, "\x01\x02\x03\x04", 4);
}

static void varints_have_one_form(void **state)
{
    (void)state;
    const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint8_t buffer[10];
        struct writer writer = writer_of(buffer, sizeof(buffer));
        writer_varint(&writer, values[i]);
        assert_int_equal(writer_done(&writer).size, varint_size(values[i]));
        struct reader reader = reader_of(writer_done(&writer));
        assert_true(reader_varint(&reader) == values[i]);
        assert_true(reader_is_done(&reader));
    }
    struct reader longer = reader_of(slice_of("\x80\x00", 2));
    reader_varint(&longer);
    assert_true(longer.failed);
    struct reader wide = reader_of(slice_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
    reader_varint(&wide);
    assert_true(wide.failed);
}

static void a_reader_that_failed_stays_failed(void **state)
{
    (void)state;
    struct reader reader = reader_of(slice_of("\x01\x02\x03", 3));
    assert_int_equal(reader_u32(&reader), 0);
    assert_int_equal(reader_u8(&reader), 0);
    assert_int_equal(reader_left(&reader), 0);
    assert_false(reader_is_done(&reader));
}

static void a_length_beyond_the_end_is_refused(void **state)
{
    (void)state;
    struct reader reader = reader_of(slice_of("\x05text", 5));
    struct slice bytes = reader_sized(&reader);
    assert_int_equal(bytes.size, 0);
    assert_true(reader.failed);
}

static void a_writer_that_failed_writes_nothing_more(void **state)
{
    (void)state;
    uint8_t buffer[4] = {0};
    struct writer writer = writer_of(buffer, 3);
    writer_u32(&writer, UINT32_MAX);
    writer_u8(&writer, 0xff);
    assert_true(writer.failed);
    assert_int_equal(writer_done(&writer).size, 0);
    assert_memory_equal(buffer, "\0\0\0\0", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(varints_have_one_form),
        cmocka_unit_test(a_reader_that_failed_stays_failed),
        cmocka_unit_test(a_length_beyond_the_end_is_refused),
        cmocka_unit_test(a_writer_that_failed_writes_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
