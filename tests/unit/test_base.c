/* Errors have one number, one name and one sentence each; lists keep their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/list.h"

static const struct {
    uint32_t number;
    const char *name;
} table[] = {
#define X(name, number, retryable, text) {(number), #name},
    COLUMBA_ERROR_TABLE(X)
#undef X
};

#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

static void numbers_and_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(table[i].number, table[j].number);
            assert_string_not_equal(table[i].name, table[j].name);
        }
    }
}

static void every_error_has_its_name_and_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        enum columba_error error = error_from_number(table[i].number);
        assert_int_equal(error, table[i].number);
        assert_string_equal(error_name(error), table[i].name);
        assert_true(strlen(error_text(error)) > 0);
    }
    assert_int_equal(COLUMBA_OK, 0);
}

/* They travel between versions. */
static void numbers_on_the_wire_do_not_change(void **state)
{
    (void)state;
    assert_int_equal(ERR_UNAVAILABLE, 1);
    assert_int_equal(ERR_TIMEOUT, 2);
    assert_int_equal(ERR_OVERLOADED, 3);
    assert_int_equal(ERR_OUTCOME_UNKNOWN, 4);
    assert_int_equal(ERR_INVALID, 20);
    assert_int_equal(ERR_UNKNOWN_CONVERSATION, 22);
    assert_int_equal(ERR_MALFORMED, 40);
    assert_int_equal(ERR_PROTOCOL_VERSION, 41);
    assert_int_equal(ERR_INTERNAL, 67);
}

static void other_numbers_are_internal_errors(void **state)
{
    (void)state;
    assert_int_equal(error_from_number(9999), ERR_INTERNAL);
    assert_string_equal(error_name((enum columba_error)9999), "UNKNOWN");
}

static void what_passes_is_retryable(void **state)
{
    (void)state;
    assert_true(error_is_retryable(ERR_OVERLOADED));
    assert_true(error_is_retryable(ERR_UNAVAILABLE));
    assert_false(error_is_retryable(ERR_INVALID));
    assert_false(error_is_retryable(ERR_WRONG_KEY));
}

struct item {
    int number;
    struct list link;
};

static void lists_keep_their_order(void **state)
{
    (void)state;
    struct list head;
    struct item items[4];
    list_init(&head);
    assert_true(list_is_empty(&head));
    for (int i = 1; i < 4; i++) {
        items[i].number = i;
        list_append(&head, &items[i].link);
    }
    items[0].number = 0;
    list_prepend(&head, &items[0].link);
    int expected = 0;
    list_for_each(node, &head)
    {
        assert_int_equal(container_of(node, struct item, link)->number, expected++);
    }
    assert_int_equal(expected, 4);
}

static void items_may_leave_while_walking(void **state)
{
    (void)state;
    struct list head;
    struct item items[4];
    list_init(&head);
    for (int i = 0; i < 4; i++) {
        items[i].number = i;
        list_append(&head, &items[i].link);
    }
    list_for_each_safe(node, &head)
    {
        if (container_of(node, struct item, link)->number % 2 == 0) {
            list_remove(node);
            list_remove(node); /* alone already: nothing happens */
        }
    }
    assert_int_equal(container_of(head.next, struct item, link)->number, 1);
    assert_int_equal(container_of(head.previous, struct item, link)->number, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_names_are_unique),
        cmocka_unit_test(every_error_has_its_name_and_sentence),
        cmocka_unit_test(numbers_on_the_wire_do_not_change),
        cmocka_unit_test(other_numbers_are_internal_errors),
        cmocka_unit_test(what_passes_is_retryable),
        cmocka_unit_test(lists_keep_their_order),
        cmocka_unit_test(items_may_leave_while_walking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
