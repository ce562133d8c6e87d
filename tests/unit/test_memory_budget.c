/* Memory with an end: what is given back can be had again, and no sum passes the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory_budget.h"

static void what_is_out_stays_below_the_limit(void **state)
{
    (void)state;
    struct memory_budget budget;
    memory_budget_init(&budget, memory_system(), 10000);
    void *first = memory_allocate(&budget.memory, 5000);
    assert_non_null(first);
    memset(first, 1, 5000);
    assert_false(memory_budget_is_short(&budget));
    void *second = memory_allocate(&budget.memory, 4000);
    assert_non_null(second);
    assert_true(memory_budget_is_short(&budget));
    assert_null(memory_allocate(&budget.memory, 2000));
    assert_null(memory_allocate(&budget.memory, SIZE_MAX - 8));
    assert_in_range(budget.held_bytes, 9000, 10000);
    memory_release(&budget.memory, first);
    void *third = memory_allocate(&budget.memory, 2000);
    assert_non_null(third);
    memory_release(&budget.memory, second);
    memory_release(&budget.memory, third);
    memory_release(&budget.memory, NULL);
    assert_int_equal(budget.held_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_out_stays_below_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
