/* Frames lie on the stream as documented, and a damaged one is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/limits.h"
#include "proto/frame.h"

static const struct frame sample = {
    .payload_bytes = 6, .type = 16, .request_id = 0x0102030405060708, .clock = 0x1112131415161718};

static void frame_of(uint8_t *bytes, const char *payload)
{
    memcpy(bytes + FRAME_HEADER_BYTES, payload, sample.payload_bytes);
    frame_header_encode(bytes, &sample);
}

static void the_layout_is_as_documented(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_HEADER_BYTES + 6];
    frame_of(bytes, "pigeon");
    const uint8_t expected[] = {0, 0, 0, 6, 1,    16,   0,    0,    1,    2,    3,    4,
                                5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
                                0, 0, 0, 0, 'p',  'i',  'g',  'e',  'o',  'n'};
    assert_memory_equal(bytes, expected, 24);
    assert_memory_equal(bytes + 28, expected + 28, 6);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_HEADER_BYTES + 6];
    struct frame frame;
    frame_of(bytes, "pigeon");
    assert_int_equal(frame_header_decode(bytes, &frame), COLUMBA_OK);
    assert_int_equal(frame.payload_bytes, 6);
    assert_int_equal(frame.type, 16);
    assert_true(frame.request_id == sample.request_id);
    assert_true(frame.clock == sample.clock);
    assert_true(frame_is_intact(bytes, slice_of(bytes + FRAME_HEADER_BYTES, 6)));
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_HEADER_BYTES + 6];
    frame_of(bytes, "pigeon");
    for (unsigned bit = 0; bit < sizeof(bytes) * 8; bit++) {
        struct frame frame;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool passes = frame_header_decode(bytes, &frame) == COLUMBA_OK &&
                      frame_is_intact(bytes, slice_of(bytes + FRAME_HEADER_BYTES, 6));
        assert_false(passes);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void other_formats_and_sizes_have_their_own_errors(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_HEADER_BYTES + 6];
    struct frame frame = {.type = 99};
    frame_of(bytes, "pigeon");
    bytes[4] = FRAME_FORMAT + 1;
    assert_int_equal(frame_header_decode(bytes, &frame), ERR_PROTOCOL_VERSION);
    frame_of(bytes, "pigeon");
    bytes[6] = 1;
    assert_int_equal(frame_header_decode(bytes, &frame), ERR_MALFORMED);
    frame_of(bytes, "pigeon");
    bytes[0] = 0x80;
    assert_int_equal(frame_header_decode(bytes, &frame), ERR_TOO_LARGE);
    assert_int_equal(frame.type, 99);
}

static void the_largest_payload_is_the_limit(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_HEADER_BYTES] = {0, 0x10, 0, 0, FRAME_FORMAT};
    struct frame frame;
    assert_int_equal(frame_header_decode(bytes, &frame), COLUMBA_OK);
    assert_int_equal(frame.payload_bytes, FRAME_PAYLOAD_MAX_BYTES);
    bytes[3] = 1;
    assert_int_equal(frame_header_decode(bytes, &frame), ERR_TOO_LARGE);
}

/* The checksum is on the wire: XXH3-64 of the payload, then of header and that, its low half. */
static void the_checksum_does_not_change(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_HEADER_BYTES + 6];
    frame_of(bytes, "pigeon");
    const uint8_t expected[] = {0x77, 0x31, 0x58, 0x30};
    assert_memory_equal(bytes + 24, expected, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout_is_as_documented),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(other_formats_and_sizes_have_their_own_errors),
        cmocka_unit_test(the_largest_payload_is_the_limit),
        cmocka_unit_test(the_checksum_does_not_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
