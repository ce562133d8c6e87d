/* Pace: an idle node never waits, a busy one takes larger steps, and none waits longer than told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/shell/pace.h"

#define MS UINT64_C(1000000)

struct world {
    struct pace pace;
    uint64_t now_ns;
    uint64_t cpu_ns;
};

/* So many windows with a share of one CPU in use. */
static void run(struct world *world, unsigned windows, unsigned permille)
{
    for (unsigned i = 0; i < windows; i++) {
        world->now_ns += PACE_WINDOW_NS;
        world->cpu_ns += PACE_WINDOW_NS * (uint64_t)permille / 1000u;
        assert_true(pace_is_due(&world->pace, world->now_ns));
        pace_measure(&world->pace, world->now_ns, world->cpu_ns);
        assert_false(pace_is_due(&world->pace, world->now_ns + PACE_WINDOW_NS - 1));
    }
}

/* For what began just now. */
static uint64_t wait_ns(const struct world *world)
{
    return pace_wait_ns(&world->pace, world->now_ns, world->now_ns, PACE_TURN_MAX_NS);
}

static struct world world_make(void)
{
    return (struct world){.now_ns = 1000 * MS, .pace = {.window_began_ns = 1000 * MS}};
}

static void a_node_with_little_to_do_never_waits(void **state)
{
    (void)state;
    struct world world = world_make();
    assert_int_equal(wait_ns(&world), 0);
    run(&world, 100, PACE_FREE_PERMILLE);
    assert_int_equal(wait_ns(&world), 0);
    run(&world, 1, 500); /* one busy moment is no load */
    assert_true(wait_ns(&world) < PACE_TURN_MAX_NS);
}

static void the_wait_grows_with_the_load_up_to_its_limit(void **state)
{
    (void)state;
    uint64_t before_ns = 0;
    for (unsigned permille = PACE_FREE_PERMILLE + 30; permille < PACE_FULL_PERMILLE;
         permille += 30) {
        struct world world = world_make();
        run(&world, 50, permille);
        assert_true(wait_ns(&world) > before_ns);
        before_ns = wait_ns(&world);
    }
    assert_true(before_ns < PACE_TURN_MAX_NS);
    struct world world = world_make();
    run(&world, 50, 2000);
    assert_int_equal(wait_ns(&world), PACE_TURN_MAX_NS);
}

static void time_that_has_passed_counts(void **state)
{
    (void)state;
    struct world world = world_make();
    run(&world, 50, 1000);
    uint64_t now_ns = world.now_ns;
    uint64_t began_ns = now_ns - PACE_TURN_MAX_NS / 4;
    assert_int_equal(pace_wait_ns(&world.pace, began_ns, now_ns, PACE_TURN_MAX_NS),
                     PACE_TURN_MAX_NS / 4 * 3);
    began_ns = now_ns - PACE_TURN_MAX_NS;
    assert_int_equal(pace_wait_ns(&world.pace, began_ns, now_ns, PACE_TURN_MAX_NS), 0);
}

static void a_burst_is_forgotten(void **state)
{
    (void)state;
    struct world world = world_make();
    run(&world, 50, 1500);
    world.now_ns += 1000 * MS; /* nothing at all: the loop slept */
    pace_measure(&world.pace, world.now_ns, world.cpu_ns);
    assert_int_equal(wait_ns(&world), 0);
    run(&world, 50, 1500);
    run(&world, 10, 50); /* or less and less */
    assert_int_equal(wait_ns(&world), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_with_little_to_do_never_waits),
        cmocka_unit_test(the_wait_grows_with_the_load_up_to_its_limit),
        cmocka_unit_test(time_that_has_passed_counts),
        cmocka_unit_test(a_burst_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
