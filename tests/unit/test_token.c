/* Tokens: which partition lies where, and which range a token is in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ring/token.h"

/* Tokens begin every storage key and travel between nodes. */
static void tokens_never_change(void **state)
{
    (void)state;
    static const struct id zero;
    struct id alice = id_of_name(ID_USER, slice_of_text("alice"));
    struct id garden = id_of_name(ID_CONVERSATION, slice_of_text("garden"));
    assert_true(token_of_partition(PARTITION_USER, &alice) == UINT64_C(0x734570d7153dd94b));
    assert_true(token_of_partition(PARTITION_CONVERSATION, &garden) ==
                UINT64_C(0x75fb131720f02ccf));
    assert_true(token_of_partition(PARTITION_CONVERSATION, &zero) == UINT64_C(0xa5950f9c4c7a9188));
    assert_true(token_of_partition(PARTITION_USER, &zero) == UINT64_C(0xc81c64b230149d5a));
}

static void the_kind_is_part_of_the_partition(void **state)
{
    (void)state;
    struct id id = id_of_name(ID_USER, slice_of_text("alice"));
    assert_true(token_of_partition(PARTITION_USER, &id) !=
                token_of_partition(PARTITION_CONVERSATION, &id));
}

static void a_range_ends_with_its_own_token(void **state)
{
    (void)state;
    assert_false(token_range_contains(10, 20, 10));
    assert_true(token_range_contains(10, 20, 11));
    assert_true(token_range_contains(10, 20, 20));
    assert_false(token_range_contains(10, 20, 21));
    assert_false(token_range_contains(10, 20, 0));
    assert_false(token_range_contains(10, 20, UINT64_MAX));
}

static void a_range_may_wrap(void **state)
{
    (void)state;
    assert_false(token_range_contains(UINT64_MAX - 1, 5, UINT64_MAX - 1));
    assert_true(token_range_contains(UINT64_MAX - 1, 5, UINT64_MAX));
    assert_true(token_range_contains(UINT64_MAX - 1, 5, 0));
    assert_true(token_range_contains(UINT64_MAX - 1, 5, 5));
    assert_false(token_range_contains(UINT64_MAX - 1, 5, 6));
    assert_true(token_range_contains(UINT64_MAX, 0, 0));
    assert_false(token_range_contains(UINT64_MAX, 0, 1));
    assert_false(token_range_contains(UINT64_MAX, 0, UINT64_MAX));
}

static void a_range_from_a_token_to_itself_is_the_ring(void **state)
{
    (void)state;
    static const uint64_t tokens[] = {0, 6, 7, 8, UINT64_MAX};
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        assert_true(token_range_contains(7, 7, tokens[i]));
    }
}

static void a_range_has_its_share_of_the_ring(void **state)
{
    (void)state;
    assert_true(token_range_fraction(0, UINT64_C(1) << 63) == 0.5);
    assert_true(token_range_fraction(UINT64_C(3) << 62, UINT64_C(1) << 62) == 0.5);
    assert_true(token_range_fraction(9, 9) == 1.0);
    assert_true(token_range_fraction(9, 10) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_never_change),
        cmocka_unit_test(the_kind_is_part_of_the_partition),
        cmocka_unit_test(a_range_ends_with_its_own_token),
        cmocka_unit_test(a_range_may_wrap),
        cmocka_unit_test(a_range_from_a_token_to_itself_is_the_ring),
        cmocka_unit_test(a_range_has_its_share_of_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
