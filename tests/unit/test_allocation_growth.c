/* A cluster that grows to a thousand nodes, one join after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ring_growing.h"

static void assert_grows_to_a_thousand(unsigned racks, double max)
{
    struct growing *growing = growing_create(1000, racks, 3);
    double worst = 0;
    growing_start(growing, 3);
    while (growing->request.node_count < 1000) {
        growing_join(growing);
        if (growing->request.node_count < 100 || growing->request.node_count % 25 == 0) {
            double now = growing_max_over_rack_mean(growing);
            worst = now > worst ? now : worst;
        }
    }
    print_message("%u racks: at most %.4f of the mean on the way, %.4f at 1,000 nodes\n", racks,
                  worst, growing_max_over_rack_mean(growing));
    assert_true(worst < max);
    growing_destroy(growing);
}

static void in_one_rack_it_stays_even(void **state)
{
    (void)state;
    assert_grows_to_a_thousand(1, 1.04);
}

static void in_three_racks_it_stays_even(void **state)
{
    (void)state;
    assert_grows_to_a_thousand(3, 1.06);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_one_rack_it_stays_even),
        cmocka_unit_test(in_three_racks_it_stays_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
