/* What a reader of latencies relies on: small values are exact, large ones within 1/64, and merging
 * the histograms of several threads gives the histogram of all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/histogram.h"

static struct histogram one;
static struct histogram two;

static void an_empty_histogram_says_zero(void **state)
{
    (void)state;
    histogram_clear(&one);
    assert_int_equal(histogram_quantile(&one, 0.5), 0);
    assert_int_equal(histogram_mean(&one), 0);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    histogram_clear(&one);
    for (uint64_t value = 1; value <= 100; value++) {
        histogram_add(&one, value);
    }
    assert_int_equal(histogram_quantile(&one, 0.5), 50);
    assert_int_equal(histogram_quantile(&one, 0.99), 99);
    assert_int_equal(histogram_quantile(&one, 1.0), 100);
    assert_int_equal(histogram_quantile(&one, 0.0), 1);
    assert_int_equal(histogram_mean(&one), 50);
}

static void a_quantile_is_never_low_and_at_most_a_64th_high(void **state)
{
    (void)state;
    for (uint64_t value = 1; value < HISTOGRAM_VALUE_MAX; value += value / 7 + 1) {
        histogram_clear(&one);
        histogram_add(&one, value);
        histogram_add(&one, HISTOGRAM_VALUE_MAX);
        uint64_t said = histogram_quantile(&one, 0.5);
        assert_in_range(said, value, value + value / 64);
    }
}

static void what_is_too_large_counts_as_the_largest(void **state)
{
    (void)state;
    histogram_clear(&one);
    histogram_add(&one, UINT64_MAX);
    assert_int_equal(one.max, HISTOGRAM_VALUE_MAX);
    assert_int_equal(histogram_quantile(&one, 0.5), HISTOGRAM_VALUE_MAX);
}

static void merging_gives_the_histogram_of_all(void **state)
{
    (void)state;
    static struct histogram all;
    histogram_clear(&one);
    histogram_clear(&two);
    histogram_clear(&all);
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t value = i * i;
        histogram_add(i % 3 == 0 ? &one : &two, value);
        histogram_add(&all, value);
    }
    histogram_merge(&one, &two);
    assert_memory_equal(&one, &all, sizeof all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_histogram_says_zero),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(a_quantile_is_never_low_and_at_most_a_64th_high),
        cmocka_unit_test(what_is_too_large_counts_as_the_largest),
        cmocka_unit_test(merging_gives_the_histogram_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
