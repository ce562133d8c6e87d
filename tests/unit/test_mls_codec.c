/* The encoding of MLS: one form for each value, and no reading past the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/mls/codec.h"
#include "client/mls/error.h"
#include "client/mls/extension.h"
#include "client/mls/limits.h"
#include "client/mls/secret_pool.h"
#include "client/mls/suite.h"
#include "client/mls/tree.h"

static bool length_fails(const uint8_t *bytes, size_t size)
{
    struct reader reader = reader_of(slice_of(bytes, size));
    (void)mls_read_length(&reader);
    return reader.failed;
}

static void lengths_have_one_form(void **state)
{
    (void)state;
    static const uint32_t edges[] = {0, 1, 63, 64, 16383, 16384, (1u << 30) - 1};
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        uint8_t bytes[4];
        size_t size = mls_length_put(bytes, edges[i]);
        assert_int_equal(size, mls_length_size(edges[i]));
        struct reader reader = reader_of(slice_of(bytes, size));
        assert_int_equal(mls_read_length(&reader), edges[i]);
        assert_true(reader_is_done(&reader));
        assert_true(length_fails(bytes, size - 1));
    }
    assert_true(length_fails((const uint8_t[]){0x40, 0x3f}, 2));
    assert_true(length_fails((const uint8_t[]){0x40, 0x00}, 2));
    assert_true(length_fails((const uint8_t[]){0x80, 0x00, 0x3f, 0xff}, 4));
    assert_true(length_fails((const uint8_t[]){0xc0, 0, 0, 0, 0, 0, 0, 0}, 8));
}

static void a_vector_ends_within_its_input(void **state)
{
    (void)state;
    const uint8_t bytes[] = {5, 1, 2, 3, 4};
    struct reader reader = reader_of(slice_of(bytes, sizeof(bytes)));
    struct slice content = mls_read_vector(&reader);
    assert_true(reader.failed);
    assert_int_equal(content.size, 0);
    assert_false(mls_read_optional(&reader));
    const uint8_t two[] = {2};
    reader = reader_of(slice_of(two, 1));
    assert_false(mls_read_optional(&reader));
    assert_true(reader.failed);
}

static void nested_vectors_get_the_length_they_have(void **state)
{
    (void)state;
    struct mls_buffer buffer = mls_buffer_of(memory_system());
    uint8_t *filler = calloc(1, 20000);
    assert_non_null(filler);
    size_t outer = mls_write_open(&buffer);
    size_t inner = mls_write_open(&buffer);
    mls_write_bytes(&buffer, slice_of(filler, 20000));
    mls_write_close(&buffer, inner);
    mls_write_vector(&buffer, slice_of_text("tail"));
    mls_write_close(&buffer, outer);
    struct reader reader = reader_of(mls_buffer_done(&buffer));
    struct reader content = reader_of(mls_read_vector(&reader));
    assert_true(reader_is_done(&reader));
    assert_int_equal(mls_read_vector(&content).size, 20000);
    assert_true(slice_equal(mls_read_vector(&content), slice_of_text("tail")));
    assert_true(reader_is_done(&content));
    mls_buffer_clear(&buffer);
    free(filler);
}

static void lists_are_bounded(void **state)
{
    (void)state;
    struct mls_buffer buffer = mls_buffer_of(memory_system());
    size_t mark = mls_write_open(&buffer);
    for (uint32_t i = 0; i <= MLS_EXTENSIONS_MAX; i++) {
        mls_write_extension(&buffer, (uint16_t)(0x4000 + i), slice_of(NULL, 0));
    }
    mls_write_close(&buffer, mark);
    struct reader reader = reader_of(mls_buffer_done(&buffer));
    (void)mls_read_extensions(&reader);
    assert_true(reader.failed);
    mls_buffer_clear(&buffer);
    const uint8_t odd[] = {3, 0, 1, 0};
    reader = reader_of(slice_of(odd, sizeof(odd)));
    (void)mls_read_types(&reader);
    assert_true(reader.failed);
}

static void secrets_are_wiped_when_given_back(void **state)
{
    (void)state;
    struct mls_secret_pool pool;
    static const uint8_t zero[96];
    uint8_t *block[600];
    mls_secret_pool_init(&pool, mls_guarded_memory());
    for (size_t i = 0; i < 600; i++) {
        block[i] = mls_secret_take(&pool, 32 + i % 3 * 32);
        assert_non_null(block[i]);
        memset(block[i], 0xaa, 32 + i % 3 * 32);
    }
    for (size_t i = 0; i < 600; i++) {
        size_t size = 32 + i % 3 * 32;
        assert_int_equal(block[i][size - 1], 0xaa);
        mls_secret_give(&pool, block[i], size);
        assert_memory_equal(block[i], zero, size);
    }
    uint8_t *again = mls_secret_take(&pool, 96);
    assert_memory_equal(again, zero, 96);
    mls_secret_give(&pool, again, 96);
}

static size_t count_maps(void)
{
    size_t count = 0;
    int byte;
    FILE *file = fopen("/proc/self/maps", "r");
    assert_non_null(file);
    while ((byte = fgetc(file)) != EOF) {
        count += byte == '\n';
    }
    (void)fclose(file);
    return count;
}

/* The kernel has a limit of maps for the whole process. Sanitizers have their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAPS_OF_OTHERS 1000
#else
#define MAPS_OF_OTHERS 0
#endif

static void many_secrets_share_few_maps(void **state)
{
    (void)state;
    enum { SECRETS = 40000 };
    static uint8_t *block[SECRETS];
    struct mls_secret_pool pool;
    mls_secret_pool_init(&pool, mls_guarded_memory());
    size_t before = count_maps();
    for (size_t i = 0; i < SECRETS; i++) {
        block[i] = mls_secret_take(&pool, 1 + i % 300);
        assert_non_null(block[i]);
        memset(block[i], (int)(i % 251), 1 + i % 300);
    }
    assert_true(count_maps() <= before + MAPS_OF_OTHERS + 40);
    for (size_t i = 0; i < SECRETS; i++) {
        size_t at = i * 7919 % SECRETS; /* every one, out of order */
        for (size_t k = 0; k < 1 + at % 300; k++) {
            assert_int_equal(block[at][k], at % 251);
        }
        mls_secret_give(&pool, block[at], 1 + at % 300);
    }
    assert_true(count_maps() <= before + MAPS_OF_OTHERS + 8);
}

/* The list of points that no key can be agreed with says what agreeing with them says. */
static void unusable_keys_are_those_that_give_nothing(void **state)
{
    (void)state;
    static const uint8_t lowest[] = {0x00, 0x01, 0x02, 0x09, 0xeb, 0xec, 0xed, 0xee, 0xef};
    static const char *const doubled_to_one[] = {
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"};
    const struct mls_suite *suite =
        mls_suite_find(MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519);
    static uint8_t keys[2 * 2 * sizeof(lowest) + 4 + 200][MLS_KEM_MAX_BYTES];
    size_t count = sizeof(keys) / sizeof(keys[0]);
    size_t at = 0;
    size_t unusable = 0;
    for (size_t i = 0; i < 2 * sizeof(lowest); i++, at++) { /* near 0, near the prime */
        memset(keys[at], i % 2 == 0 ? 0 : 0xff, sizeof(keys[at]));
        keys[at][0] = lowest[i / 2];
        keys[at][31] &= 0x7f;
    }
    for (size_t i = 0; i < 2; i++, at++) {
        assert_int_equal(sodium_hex2bin(keys[at], 32, doubled_to_one[i], 64, NULL, NULL, NULL), 0);
    }
    for (size_t i = 0, half = at; i < half; i++, at++) { /* and with the bit that does not count */
        memcpy(keys[at], keys[i], sizeof(keys[at]));
        keys[at][31] |= 0x80;
    }
    randombytes_buf(keys[at], (count - at) * sizeof(keys[0]));
    for (size_t i = 0; i < count; i++) {
        uint8_t private_key[MLS_KEM_MAX_BYTES];
        uint8_t shared[MLS_KEM_MAX_BYTES];
        randombytes_buf(private_key, sizeof(private_key));
        bool usable = suite->kem_is_usable(keys[i]);
        assert_int_equal(usable, suite->kem_shared(private_key, keys[i], shared));
        unusable += !usable;
    }
    assert_int_equal(unusable, 2 * 7);
}

/* As many blank leaves as told, then a parent without leaves under its right child. */
static enum mls_error decode_tree_ending_in_parent(size_t blanks)
{
    static const uint8_t hash_key[16];
    struct mls_buffer buffer = mls_buffer_of(memory_system());
    uint8_t entries[16] = {0};
    const uint8_t parent[] = {1, 2, 0, 0, 0}; /* present, a parent, three empty vectors */
    assert_true(blanks + sizeof(parent) <= sizeof(entries));
    memcpy(entries + blanks, parent, sizeof(parent));
    mls_write_vector(&buffer, slice_of(entries, blanks + sizeof(parent)));
    struct mls_tree *tree = NULL;
    enum mls_error error = mls_tree_decode(
        memory_system(), mls_suite_find(MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519), hash_key,
        mls_buffer_done(&buffer), &tree);
    mls_buffer_clear(&buffer);
    return error;
}

static void a_tree_ends_in_a_leaf(void **state)
{
    (void)state;
    for (size_t blanks = 0; blanks < 10; blanks++) {
        assert_int_equal(decode_tree_ending_in_parent(blanks), MLS_ERR_TREE_MALFORMED);
    }
}

static void errors_have_names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(mls_error_name(MLS_ERR_STALE_EPOCH), "STALE_EPOCH");
    assert_string_equal(mls_error_name((enum mls_error)9999), "UNKNOWN");
    assert_true(strlen(mls_error_text(MLS_ERR_REPLAYED)) > 10);
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_have_one_form),
        cmocka_unit_test(a_vector_ends_within_its_input),
        cmocka_unit_test(nested_vectors_get_the_length_they_have),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(secrets_are_wiped_when_given_back),
        cmocka_unit_test(many_secrets_share_few_maps),
        cmocka_unit_test(unusable_keys_are_those_that_give_nothing),
        cmocka_unit_test(a_tree_ends_in_a_leaf),
        cmocka_unit_test(errors_have_names_and_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
