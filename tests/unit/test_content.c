/* The immutable part of a message has one form, and only good ones are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "proto/content.h"

static struct content sample(void)
{
    return (struct content){.is_encrypted = true,
                            .type = CONTENT_TYPE_TEXT,
                            .created_at_ms = 0x0102030405060708,
                            .epoch = 300,
                            .sender = slice_of_text("alice"),
                            .body = slice_of_text("hello"),
                            .media_url = slice_of_text("u")};
}

static void bytes_do_not_change(void **state)
{
    (void)state;
    struct content content = sample();
    uint8_t bytes[64];
    const uint8_t expected[] = {1,   1,   1,   1,   2,   3, 4,   5,   6,   7,   8,   0xac, 0x02, 5,
                                'a', 'l', 'i', 'c', 'e', 5, 'h', 'e', 'l', 'l', 'o', 1,    'u'};
    assert_int_equal(content_size(&content), sizeof(expected));
    content_encode(&content, bytes);
    assert_memory_equal(bytes, expected, sizeof(expected));
}

static void what_is_encoded_is_decoded(void **state)
{
    (void)state;
    struct content content = sample(), decoded;
    uint8_t bytes[64];
    content_encode(&content, bytes);
    struct slice encoded = slice_of(bytes, content_size(&content));
    assert_int_equal(content_decode(encoded, &decoded), COLUMBA_OK);
    assert_true(decoded.is_encrypted);
    assert_int_equal(decoded.type, CONTENT_TYPE_TEXT);
    assert_true(decoded.created_at_ms == content.created_at_ms);
    assert_int_equal(decoded.epoch, 300);
    assert_true(slice_equal(decoded.sender, content.sender));
    assert_true(slice_equal(decoded.body, content.body));
    assert_true(slice_equal(decoded.media_url, content.media_url));
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct content content = sample(), decoded;
    uint8_t bytes[64];
    content_encode(&content, bytes);
    for (size_t size = 0; size < content_size(&content); size++) {
        uint8_t *cut = malloc(size + 1);
        assert_non_null(cut);
        memcpy(cut, bytes, size);
        assert_int_equal(content_decode(slice_of(cut, size), &decoded), ERR_MALFORMED);
        free(cut);
    }
    bytes[content_size(&content)] = 0;
    assert_int_equal(content_decode(slice_of(bytes, content_size(&content) + 1), &decoded),
                     ERR_MALFORMED);
}

static void unknown_forms_and_flags_are_refused(void **state)
{
    (void)state;
    struct content content = sample(), decoded;
    uint8_t bytes[64];
    content_encode(&content, bytes);
    struct slice encoded = slice_of(bytes, content_size(&content));
    bytes[0] = 2;
    assert_int_equal(content_decode(encoded, &decoded), ERR_MALFORMED);
    bytes[0] = 1;
    bytes[1] = 2;
    assert_int_equal(content_decode(encoded, &decoded), ERR_MALFORMED);
    /* Types are the applications': any passes. */
    bytes[1] = 0;
    bytes[2] = 200;
    assert_int_equal(content_decode(encoded, &decoded), COLUMBA_OK);
    assert_int_equal(decoded.type, 200);
}

static enum columba_error decode_with(size_t sender, size_t body, size_t media_url)
{
    static uint8_t text[BODY_MAX_BYTES + 1], bytes[2 * BODY_MAX_BYTES];
    memset(text, 'x', sizeof(text));
    struct content content = {.type = 1,
                              .sender = slice_of(text, sender),
                              .body = slice_of(text, body),
                              .media_url = slice_of(text, media_url)};
    struct content decoded;
    content_encode(&content, bytes);
    return content_decode(slice_of(bytes, content_size(&content)), &decoded);
}

static void texts_have_limits(void **state)
{
    (void)state;
    assert_int_equal(decode_with(1, 0, 0), COLUMBA_OK);
    assert_int_equal(decode_with(0, 0, 0), ERR_MALFORMED); /* everything has a sender */
    assert_int_equal(decode_with(NAME_MAX_BYTES, BODY_MAX_BYTES, CONTENT_MEDIA_URL_MAX_BYTES),
                     COLUMBA_OK);
    assert_int_equal(decode_with(NAME_MAX_BYTES + 1, 0, 0), ERR_TOO_LARGE);
    assert_int_equal(decode_with(1, BODY_MAX_BYTES + 1, 0), ERR_TOO_LARGE);
    assert_int_equal(decode_with(1, 0, CONTENT_MEDIA_URL_MAX_BYTES + 1), ERR_TOO_LARGE);
}

static void a_sender_has_a_name(void **state)
{
    (void)state;
    struct content content = sample(), decoded;
    uint8_t bytes[64];
    content.sender = slice_of("al\nce", 5);
    content_encode(&content, bytes);
    assert_int_equal(content_decode(slice_of(bytes, content_size(&content)), &decoded),
                     ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_do_not_change),
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(unknown_forms_and_flags_are_refused),
        cmocka_unit_test(texts_have_limits),
        cmocka_unit_test(a_sender_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
