/* A hybrid clock only ever goes forward, and stays near the wall clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/hlc.h"
#include "base/limits.h"

static void stamps_rise_when_the_wall_clock_stands_or_falls(void **state)
{
    (void)state;
    struct hlc clock = {0};
    uint64_t before = hlc_next(&clock, 1000);
    assert_int_equal(hlc_unix_ms(before), 1000);
    const uint64_t walls[] = {1000, 1000, 900, 1, 1001, 500};
    for (size_t i = 0; i < sizeof(walls) / sizeof(walls[0]); i++) {
        uint64_t stamp = hlc_next(&clock, walls[i]);
        assert_true(stamp > before);
        before = stamp;
    }
}

static void what_follows_a_message_is_stamped_after_it(void **state)
{
    (void)state;
    struct hlc ahead = {0}, behind = {0};
    uint64_t heard = hlc_next(&ahead, 5000);
    assert_true(hlc_follow(&behind, heard, 4000, 5000));
    assert_true(hlc_next(&behind, 4000) > heard);
    assert_true(hlc_follow(&behind, 1, 4000, 5000));
    assert_true(hlc_next(&behind, 4000) > heard);
}

static void a_stamp_is_followed_as_far_as_its_sender_is_believed(void **state)
{
    (void)state;
    const uint64_t bounds_ms[] = {CLOCK_CLIENT_DRAG_MAX_MS, CLOCK_NODE_DRAG_MAX_MS};
    for (size_t i = 0; i < sizeof(bounds_ms) / sizeof(bounds_ms[0]); i++) {
        struct hlc clock = {0};
        uint64_t bound_ms = bounds_ms[i];
        hlc_next(&clock, 1000);
        uint64_t last = clock.last;
        assert_false(hlc_follow(&clock, hlc_of_unix_ms(1000 + bound_ms + 1), 1000, bound_ms));
        assert_false(hlc_follow(&clock, UINT64_MAX, 1000, bound_ms));
        assert_true(clock.last == last);
        assert_true(hlc_follow(&clock, hlc_of_unix_ms(1000 + bound_ms), 1000, bound_ms));
        assert_true(clock.last == hlc_of_unix_ms(1000 + bound_ms));
    }
}

static void stamps_of_a_clock_that_was_wrong_are_not_gone_on_with(void **state)
{
    (void)state;
    struct hlc clock = {0};
    hlc_next(&clock, 3600000);
    hlc_settle(&clock, 1000, 5000);
    assert_int_equal(hlc_unix_ms(hlc_next(&clock, 1000)), 1000);
    /* What is not far ahead keeps its order. */
    uint64_t before = hlc_next(&clock, 5000);
    hlc_settle(&clock, 1000, 5000);
    assert_true(hlc_next(&clock, 1000) > before);
}

static void more_than_a_counter_of_stamps_in_a_millisecond_go_on(void **state)
{
    (void)state;
    struct hlc clock = {0};
    uint64_t before = 0;
    for (int i = 0; i < 70000; i++) {
        uint64_t stamp = hlc_next(&clock, 1000);
        assert_true(stamp > before);
        before = stamp;
    }
    assert_int_equal(hlc_unix_ms(before), 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_rise_when_the_wall_clock_stands_or_falls),
        cmocka_unit_test(what_follows_a_message_is_stamped_after_it),
        cmocka_unit_test(a_stamp_is_followed_as_far_as_its_sender_is_believed),
        cmocka_unit_test(stamps_of_a_clock_that_was_wrong_are_not_gone_on_with),
        cmocka_unit_test(more_than_a_counter_of_stamps_in_a_millisecond_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
