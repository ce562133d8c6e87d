/* Ids: of names, and of messages as RFC 9562 shapes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/id.h"

static struct id user(const char *name)
{
    return id_of_name(ID_USER, slice_of_text(name));
}

static void a_name_has_one_id_for_each_kind(void **state)
{
    (void)state;
    struct id alice = user("alice"), again = user("alice"), bob = user("bob");
    struct id conversation = id_of_name(ID_CONVERSATION, slice_of_text("alice"));
    assert_true(id_equal(&alice, &again));
    assert_false(id_equal(&alice, &bob));
    assert_false(id_equal(&alice, &conversation));
}

/* Ids of names are in every storage key. As Python has them: hashlib.blake2b(name, digest_size=16,
 * person=b"columba name\0\0\0" + kind). */
static void ids_of_names_never_change(void **state)
{
    (void)state;
    struct id alice = user("alice");
    struct id garden = id_of_name(ID_CONVERSATION, slice_of_text("garden"));
    char text[ID_TEXT_BYTES];
    id_to_text(&alice, text);
    assert_string_equal(text, "6222bdc7-83a4-516f-6ec1-2a9c4e2dc3f1");
    id_to_text(&garden, text);
    assert_string_equal(text, "b0cf143e-b11a-5422-431a-9d38fe5255a5");
}

static void text_goes_both_ways(void **state)
{
    (void)state;
    const char *text = "01234567-89ab-cdef-0123-456789abcdef";
    struct id id;
    char again[ID_TEXT_BYTES];
    assert_true(id_from_text(text, &id));
    assert_int_equal(id.bytes[0], 0x01);
    assert_int_equal(id.bytes[15], 0xef);
    id_to_text(&id, again);
    assert_string_equal(again, text);
    assert_true(id_from_text("01234567-89AB-CDEF-0123-456789ABCDEF", &id));
}

static void other_text_is_no_id(void **state)
{
    (void)state;
    const char *texts[] = {"",
                           "01234567",
                           "0123456789abcdef0123456789abcdef",
                           "01234567-89ab-cdef-0123-456789abcde",
                           "01234567-89ab-cdef-0123-456789abcdeff",
                           "g1234567-89ab-cdef-0123-456789abcdef"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct id id = {{42}};
        assert_false(id_from_text(texts[i], &id));
        assert_int_equal(id.bytes[0], 42);
    }
}

static void a_message_id_is_a_uuid_of_version_7(void **state)
{
    (void)state;
    struct id sender = user("alice");
    struct id id = message_id_make(0x0123456789ab, UINT64_MAX, &sender);
    char text[ID_TEXT_BYTES];
    id_to_text(&id, text);
    /* RFC 9562, section 5.7: 48 bits of milliseconds, version 7, variant 10. */
    text[23] = '\0';
    assert_string_equal(text, "01234567-89ab-7fff-bfff");
    assert_true(message_id_is_valid(&id));
    assert_int_equal(message_id_unix_ms(&id), 0x0123456789ab);
    id.bytes[6] = 0x4f;
    assert_false(message_id_is_valid(&id));
}

static void a_message_id_serves_its_sender_only(void **state)
{
    (void)state;
    struct id alice = user("alice"), bob = user("bob");
    struct id id = message_id_make(1700000000000, 12345, &alice);
    assert_true(message_id_is_of_sender(&id, &alice));
    assert_false(message_id_is_of_sender(&id, &bob));
    for (unsigned bit = 0; bit < 128; bit++) {
        struct id changed = id;
        changed.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(message_id_is_of_sender(&changed, &alice));
    }
}

static void the_next_id_is_above_even_over_a_carry(void **state)
{
    (void)state;
    struct id sender = user("alice");
    struct id id = message_id_make(1000, (UINT64_C(1) << 30) - 2, &sender);
    for (int i = 0; i < 4; i++) {
        struct id next = message_id_next(&id, &sender);
        assert_true(id_compare(&next, &id) > 0);
        assert_true(message_id_is_of_sender(&next, &sender));
        id = next;
    }
    struct id last = message_id_make(1000, UINT64_MAX, &sender);
    struct id carried = message_id_next(&last, &sender);
    assert_int_equal(message_id_unix_ms(&carried), 1001);
    assert_true(id_compare(&carried, &last) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_one_id_for_each_kind),
        cmocka_unit_test(ids_of_names_never_change),
        cmocka_unit_test(text_goes_both_ways),
        cmocka_unit_test(other_text_is_no_id),
        cmocka_unit_test(a_message_id_is_a_uuid_of_version_7),
        cmocka_unit_test(a_message_id_serves_its_sender_only),
        cmocka_unit_test(the_next_id_is_above_even_over_a_carry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
