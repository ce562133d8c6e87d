/* Sealed bodies: only who has the key can read them, and only in their own place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <sodium.h>

#include "client/core/seal.h"

static const uint8_t application_key[SEAL_APPLICATION_KEY_BYTES] = {
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};

static struct seal_key key;
static struct id conversation = {{1, 2, 3}};
static struct id message = {{4, 5, 6}};

static struct content content_of(const char *sender)
{
    return (struct content){.is_encrypted = true,
                            .type = CONTENT_TYPE_TEXT,
                            .created_at_ms = 1700000000000,
                            .epoch = 7,
                            .sender = slice_of_text(sender),
                            .media_url = slice_of_text("https://example.org/a.jpg")};
}

static struct seal_place place_of(const struct content *content)
{
    return (struct seal_place){&conversation, &message, content, SEAL_USE_BODY};
}

static int setup(void **state)
{
    (void)state;
    seal_key_init(&key, application_key);
    return sodium_init() < 0 ? -1 : 0;
}

static void hex_to(const char *hex, uint8_t *out_bytes, size_t size)
{
    size_t got;
    assert_int_equal(sodium_hex2bin(out_bytes, size, hex, strlen(hex), " ", &got, NULL), 0);
    assert_int_equal(got, size);
}

/* draft-irtf-cfrg-xchacha-03, appendix A.3.1: the cipher under us is the published one. */
static void the_cipher_is_that_of_the_draft(void **state)
{
    (void)state;
    const char *plaintext = "Ladies and Gentlemen of the class of '99: If I could offer you only "
                            "one tip for the future, sunscreen would be it.";
    uint8_t data[12], vector_key[32], nonce[24], expected[130], sealed[130];
    hex_to("50515253c0c1c2c3c4c5c6c7", data, sizeof(data));
    hex_to("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", vector_key, 32);
    hex_to("404142434445464748494a4b4c4d4e4f5051525354555657", nonce, sizeof(nonce));
    hex_to("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
           "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
           "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
           "21f9664c97637da9768812f615c68b13b52e"
           "c0875924c1c7987947deafd8780acf49",
           expected, sizeof(expected));
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, NULL, (const uint8_t *)plaintext,
                                               strlen(plaintext), data, sizeof(data), NULL, nonce,
                                               vector_key);
    assert_memory_equal(sealed, expected, sizeof(expected));
}

static void sealed_bytes_do_not_change(void **state)
{
    (void)state;
    struct content content = content_of("alice");
    struct seal_place place = place_of(&content);
    uint8_t sealed[5 + SEAL_OVERHEAD_BYTES];
    char hex[2 * sizeof(sealed) + 1];
    seal_body(&key, &place, slice_of_text("hello"), sealed);
    sodium_bin2hex(hex, sizeof(hex), sealed, sizeof(sealed));
    assert_string_equal(hex, "01eaef0df2c6e18c4221cc2d2a7a8486e2821bdd20ff0a3647e7a517f9a7b4dccaf60"
                             "72b65d315e5a56d1ac4e6e2e4ead374");
}

static void what_is_sealed_opens(void **state)
{
    (void)state;
    static uint8_t body[PLAINTEXT_MAX_BYTES], sealed[BODY_MAX_BYTES], opened[PLAINTEXT_MAX_BYTES];
    struct content content = content_of("alice");
    struct seal_place place = place_of(&content);
    const size_t sizes[] = {0, 1, 63, 64, 65, 1000, PLAINTEXT_MAX_BYTES};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        randombytes_buf(body, sizes[i]);
        seal_body(&key, &place, slice_of(body, sizes[i]), sealed);
        struct slice bytes = slice_of(sealed, sizes[i] + SEAL_OVERHEAD_BYTES);
        assert_int_equal(seal_open(&key, &place, bytes, opened), SEAL_OPENED);
        assert_memory_equal(opened, body, sizes[i]);
    }
}

static void the_same_message_makes_the_same_bytes(void **state)
{
    (void)state;
    struct content content = content_of("alice");
    struct seal_place place = place_of(&content);
    uint8_t once[50], again[50];
    seal_body(&key, &place, slice_of_text("hello"), once);
    seal_body(&key, &place, slice_of_text("hello"), again);
    assert_memory_equal(once, again, sizeof(once));
}

static void other_text_or_place_makes_another_nonce(void **state)
{
    (void)state;
    struct content content = content_of("alice"), other = content_of("bob");
    struct seal_place place = place_of(&content), elsewhere = place_of(&other);
    uint8_t sealed[3][50];
    seal_body(&key, &place, slice_of_text("hello"), sealed[0]);
    seal_body(&key, &place, slice_of_text("hellp"), sealed[1]);
    seal_body(&key, &elsewhere, slice_of_text("hello"), sealed[2]);
    assert_memory_not_equal(sealed[0] + 5, sealed[1] + 5, 24);
    assert_memory_not_equal(sealed[0] + 5, sealed[2] + 5, 24);
    assert_memory_not_equal(sealed[1] + 5, sealed[2] + 5, 24);
}

static void any_flipped_bit_is_noticed(void **state)
{
    (void)state;
    struct content content = content_of("alice");
    struct seal_place place = place_of(&content);
    uint8_t sealed[50], opened[5] = {0};
    seal_body(&key, &place, slice_of_text("hello"), sealed);
    for (unsigned bit = 0; bit < sizeof(sealed) * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum seal_result result = seal_open(&key, &place, slice_of(sealed, 50), opened);
        enum seal_result expected = bit < 8    ? SEAL_UNKNOWN_FORM
                                    : bit < 40 ? SEAL_OTHER_KEY
                                               : SEAL_ALTERED;
        assert_int_equal(result, expected);
        assert_memory_not_equal(opened, "hello", 5);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t size = 0; size < 50; size++) {
        assert_int_not_equal(seal_open(&key, &place, slice_of(sealed, size), opened), SEAL_OPENED);
    }
}

static void a_body_opens_only_in_its_own_place(void **state)
{
    (void)state;
    struct content content = content_of("alice");
    struct seal_place place = place_of(&content);
    uint8_t sealed[50], opened[5];
    seal_body(&key, &place, slice_of_text("hello"), sealed);
    struct slice bytes = slice_of(sealed, sizeof(sealed));

    struct id other_id = {{9}};
    struct seal_place other_conversation = {&other_id, &message, &content, SEAL_USE_BODY};
    struct seal_place other_message = {&conversation, &other_id, &content, SEAL_USE_BODY};
    assert_int_equal(seal_open(&key, &other_conversation, bytes, opened), SEAL_ALTERED);
    assert_int_equal(seal_open(&key, &other_message, bytes, opened), SEAL_ALTERED);
    struct seal_place edit = {&conversation, &message, &content, SEAL_USE_EDIT};
    assert_int_equal(seal_open(&key, &edit, bytes, opened), SEAL_ALTERED);
    uint8_t sealed_edit[50];
    seal_body(&key, &edit, slice_of_text("hello"), sealed_edit);
    struct slice edit_bytes = slice_of(sealed_edit, sizeof(sealed_edit));
    assert_int_equal(seal_open(&key, &place, edit_bytes, opened), SEAL_ALTERED);
    assert_int_equal(seal_open(&key, &edit, edit_bytes, opened), SEAL_OPENED);

    struct content changed[5];
    for (unsigned i = 0; i < 5; i++) {
        changed[i] = content;
    }
    changed[0].sender = slice_of_text("bob");
    changed[1].type = 2;
    changed[2].epoch++;
    changed[3].created_at_ms--;
    changed[4].media_url = slice_of_text("https://example.net/a.jpg");
    for (unsigned i = 0; i < 5; i++) {
        struct seal_place moved = place_of(&changed[i]);
        assert_int_equal(seal_open(&key, &moved, bytes, opened), SEAL_ALTERED);
    }
    assert_int_equal(seal_open(&key, &place, bytes, opened), SEAL_OPENED);
}

static void another_key_is_told_apart_from_an_altered_message(void **state)
{
    (void)state;
    struct content content = content_of("alice");
    struct seal_place place = place_of(&content);
    uint8_t sealed[50], opened[5], other_bytes[SEAL_APPLICATION_KEY_BYTES] = {42};
    struct seal_key other;
    seal_key_init(&other, other_bytes);
    seal_body(&key, &place, slice_of_text("hello"), sealed);
    assert_int_equal(seal_open(&other, &place, slice_of(sealed, 50), opened), SEAL_OTHER_KEY);
    assert_string_not_equal(seal_result_text(SEAL_OTHER_KEY), seal_result_text(SEAL_ALTERED));
    /* Even if the key id is forged to match. */
    memcpy(sealed + 1, other.id, sizeof(other.id));
    assert_int_equal(seal_open(&other, &place, slice_of(sealed, 50), opened), SEAL_ALTERED);
}

static void the_plaintext_is_nowhere_in_the_sealed_bytes(void **state)
{
    (void)state;
    struct content content = content_of("alice");
    struct seal_place place = place_of(&content);
    static const char canary[] = "a sentence that must never be seen outside";
    uint8_t sealed[sizeof(canary) + SEAL_OVERHEAD_BYTES];
    seal_body(&key, &place, slice_of(canary, sizeof(canary)), sealed);
    for (size_t at = 0; at + 4 <= sizeof(sealed); at++) {
        for (size_t word = 0; word + 4 <= sizeof(canary); word++) {
            assert_memory_not_equal(sealed + at, canary + word, 4);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cipher_is_that_of_the_draft),
        cmocka_unit_test(sealed_bytes_do_not_change),
        cmocka_unit_test(what_is_sealed_opens),
        cmocka_unit_test(the_same_message_makes_the_same_bytes),
        cmocka_unit_test(other_text_or_place_makes_another_nonce),
        cmocka_unit_test(any_flipped_bit_is_noticed),
        cmocka_unit_test(a_body_opens_only_in_its_own_place),
        cmocka_unit_test(another_key_is_told_apart_from_an_altered_message),
        cmocka_unit_test(the_plaintext_is_nowhere_in_the_sealed_bytes),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
