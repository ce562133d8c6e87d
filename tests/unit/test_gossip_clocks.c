/* Whose clock is wrong, and what is not enough to say so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "gossip/clocks.h"

#define NOW_MS 1000000u
#define TRUE_UNIX_MS 1700000000000u
#define HOUR_MS 3600000

static struct id host(unsigned number)
{
    struct id id = {{0}};
    id.bytes[0] = (uint8_t)(number + 1);
    return id;
}

static void hear(struct gossip_clocks *clocks, unsigned number, int64_t off_ms)
{
    struct id id = host(number);
    assert_true(gossip_clocks_hear(clocks, &id, NOW_MS - 10, NOW_MS,
                                   (uint64_t)((int64_t)TRUE_UNIX_MS + off_ms) - 5));
}

/* Our clock is off by `own_ms`, the others' by what the list says. */
static struct gossip_clocks clocks_of(int64_t own_ms, const int64_t *others, size_t count)
{
    struct gossip_clocks clocks = {0};
    gossip_clocks_wall(&clocks, NOW_MS, (uint64_t)((int64_t)TRUE_UNIX_MS + own_ms));
    for (size_t i = 0; i < count; i++) {
        hear(&clocks, (unsigned)i, others[i]);
    }
    gossip_clocks_judge(&clocks, NOW_MS);
    return clocks;
}

#define CLOCKS(own_ms, ...)                                                                        \
    clocks_of(own_ms, (const int64_t[]){__VA_ARGS__},                                              \
              sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void the_one_of_three_that_is_off_is_wrong(void **state)
{
    (void)state;
    struct gossip_clocks behind = CLOCKS(-600000, 0, 20);
    assert_true(behind.is_wrong);
    assert_int_equal(gossip_clocks_offset_ms(&behind), -600000);
    struct gossip_clocks ahead = CLOCKS(HOUR_MS, 0, 20);
    assert_true(ahead.is_wrong);
    assert_int_equal(gossip_clocks_offset_ms(&ahead), HOUR_MS - 20);
    /* Those that hold the majority with another are right, even if one is an hour away. */
    struct gossip_clocks right = CLOCKS(0, HOUR_MS, 20);
    assert_false(right.is_wrong);
    assert_int_equal(gossip_clocks_offset_ms(&right), -20);
}

static void two_nodes_only_see_that_they_are_apart(void **state)
{
    (void)state;
    struct gossip_clocks clocks = CLOCKS(0, HOUR_MS);
    assert_false(clocks.is_wrong);
    assert_int_equal(gossip_clocks_offset_ms(&clocks), -HOUR_MS);
}

static void half_against_half_stands_nobody_aside(void **state)
{
    (void)state;
    assert_false(CLOCKS(0, 0, HOUR_MS, HOUR_MS).is_wrong);
    assert_false(CLOCKS(HOUR_MS, 0, 0, HOUR_MS).is_wrong);
    assert_true(CLOCKS(0, HOUR_MS, HOUR_MS, HOUR_MS).is_wrong);
    /* Clocks that are off to either side do not make a majority. */
    assert_false(CLOCKS(0, HOUR_MS, -HOUR_MS, HOUR_MS, -HOUR_MS).is_wrong);
}

static void the_limit_is_what_it_says(void **state)
{
    (void)state;
    int64_t limit_ms = CLOCK_WRONG_MS;
    assert_false(CLOCKS(limit_ms, 0, 0).is_wrong);
    assert_true(CLOCKS(limit_ms + 1, 0, 0).is_wrong);
    assert_true(CLOCKS(-limit_ms - 1, 0, 0).is_wrong);
}

static void a_corrected_clock_is_right_without_a_packet(void **state)
{
    (void)state;
    struct gossip_clocks clocks = CLOCKS(HOUR_MS, 0, 0);
    gossip_clocks_wall(&clocks, NOW_MS + 1, TRUE_UNIX_MS + 1);
    gossip_clocks_judge(&clocks, NOW_MS + 1);
    assert_false(clocks.is_wrong);
    gossip_clocks_wall(&clocks, NOW_MS + 2, TRUE_UNIX_MS - HOUR_MS);
    gossip_clocks_judge(&clocks, NOW_MS + 2);
    assert_true(clocks.is_wrong);
}

static void a_wrong_clock_comes_back_well_within_the_limit_only(void **state)
{
    (void)state;
    struct gossip_clocks clocks = CLOCKS(HOUR_MS, 0, 0);
    gossip_clocks_wall(&clocks, NOW_MS, TRUE_UNIX_MS + CLOCK_WRONG_MS - 1);
    gossip_clocks_judge(&clocks, NOW_MS);
    assert_true(clocks.is_wrong);
    gossip_clocks_wall(&clocks, NOW_MS, TRUE_UNIX_MS + CLOCK_WRONG_MS / 2);
    gossip_clocks_judge(&clocks, NOW_MS);
    assert_false(clocks.is_wrong);
}

static void silence_or_a_tie_does_not_clear_a_wrong_clock(void **state)
{
    (void)state;
    struct gossip_clocks clocks = CLOCKS(HOUR_MS, 0, 0);
    uint64_t later_ms = NOW_MS + GOSSIP_CLOCK_AGE_MAX_MS;
    struct id heard = host(0);
    assert_true(gossip_clocks_hear(&clocks, &heard, later_ms, later_ms,
                                   TRUE_UNIX_MS + GOSSIP_CLOCK_AGE_MAX_MS));
    gossip_clocks_judge(&clocks, later_ms + 1);
    assert_int_equal(clocks.count, 1);
    assert_true(clocks.is_wrong);
    gossip_clocks_judge(&clocks, later_ms + GOSSIP_CLOCK_AGE_MAX_MS + 1);
    assert_int_equal(clocks.count, 0);
    assert_true(clocks.is_wrong);
}

static void a_long_round_trip_tells_nothing(void **state)
{
    (void)state;
    struct gossip_clocks clocks = {0};
    struct id id = host(0);
    gossip_clocks_wall(&clocks, NOW_MS, TRUE_UNIX_MS);
    uint64_t asked_ms = NOW_MS - GOSSIP_CLOCK_ROUND_MAX_MS;
    assert_false(gossip_clocks_hear(&clocks, &id, asked_ms - 1, NOW_MS, TRUE_UNIX_MS + HOUR_MS));
    assert_false(gossip_clocks_hear(&clocks, &id, NOW_MS, NOW_MS, 0));
    assert_false(gossip_clocks_hear(&clocks, &id, NOW_MS, NOW_MS, UINT64_MAX));
    assert_int_equal(clocks.count, 0);
    /* At the limit the estimate is off by half of the trip at most. */
    assert_true(gossip_clocks_hear(&clocks, &id, asked_ms, NOW_MS, TRUE_UNIX_MS));
    int64_t off_ms = gossip_clocks_offset_ms(&clocks);
    assert_in_range(off_ms < 0 ? -off_ms : off_ms, 0, GOSSIP_CLOCK_ROUND_MAX_MS / 2);
}

static void one_host_is_one_voice_and_the_oldest_gives_way(void **state)
{
    (void)state;
    struct gossip_clocks clocks = CLOCKS(0, 0, 0);
    for (int i = 0; i < 100; i++) {
        hear(&clocks, 7, HOUR_MS);
    }
    gossip_clocks_judge(&clocks, NOW_MS);
    assert_int_equal(clocks.count, 3);
    assert_false(clocks.is_wrong);
    for (unsigned i = 0; i < 2 * GOSSIP_CLOCKS_MAX; i++) {
        hear(&clocks, 10 + i, 0);
    }
    int64_t offset_ms;
    struct id oldest = host(7);
    assert_int_equal(clocks.count, GOSSIP_CLOCKS_MAX);
    assert_false(gossip_clocks_find(&clocks, &oldest, &offset_ms));
}

static void without_a_wall_clock_nothing_is_compared(void **state)
{
    (void)state;
    struct gossip_clocks clocks = {0};
    hear(&clocks, 0, HOUR_MS);
    hear(&clocks, 1, HOUR_MS);
    gossip_clocks_judge(&clocks, NOW_MS);
    assert_false(clocks.is_wrong);
    assert_int_equal(gossip_clocks_offset_ms(&clocks), 0);
    assert_int_equal(gossip_clocks_unix_ms(&clocks, NOW_MS), 0);
}

static void the_time_to_believe_is_the_others_where_ours_is_wrong_or_behind(void **state)
{
    (void)state;
    struct gossip_clocks ahead = CLOCKS(HOUR_MS, 0, 0);
    assert_int_equal(gossip_clocks_unix_ms(&ahead, NOW_MS), TRUE_UNIX_MS);
    struct gossip_clocks behind = CLOCKS(-HOUR_MS, 0);
    assert_int_equal(gossip_clocks_unix_ms(&behind, NOW_MS), TRUE_UNIX_MS);
    struct gossip_clocks right = CLOCKS(0, -HOUR_MS);
    assert_int_equal(gossip_clocks_unix_ms(&right, NOW_MS + 7), TRUE_UNIX_MS + 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_of_three_that_is_off_is_wrong),
        cmocka_unit_test(two_nodes_only_see_that_they_are_apart),
        cmocka_unit_test(half_against_half_stands_nobody_aside),
        cmocka_unit_test(the_limit_is_what_it_says),
        cmocka_unit_test(a_corrected_clock_is_right_without_a_packet),
        cmocka_unit_test(a_wrong_clock_comes_back_well_within_the_limit_only),
        cmocka_unit_test(silence_or_a_tie_does_not_clear_a_wrong_clock),
        cmocka_unit_test(a_long_round_trip_tells_nothing),
        cmocka_unit_test(one_host_is_one_voice_and_the_oldest_gives_way),
        cmocka_unit_test(without_a_wall_clock_nothing_is_compared),
        cmocka_unit_test(the_time_to_believe_is_the_others_where_ours_is_wrong_or_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
