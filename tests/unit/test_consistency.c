/* Consistency levels: their names and numbers, how many replicas each needs, of which data centre,
 * and when that is reached. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ring_cluster.h"

static void names_and_numbers_never_change(void **state)
{
    (void)state;
    static const struct {
        enum consistency level;
        uint32_t number;
        const char *name;
    } levels[] = {
        {CONSISTENCY_ONE, 1, "ONE"},
        {CONSISTENCY_TWO, 2, "TWO"},
        {CONSISTENCY_THREE, 3, "THREE"},
        {CONSISTENCY_QUORUM, 4, "QUORUM"},
        {CONSISTENCY_ALL, 5, "ALL"},
        {CONSISTENCY_LOCAL_QUORUM, 6, "LOCAL_QUORUM"},
        {CONSISTENCY_EACH_QUORUM, 7, "EACH_QUORUM"},
        {CONSISTENCY_SERIAL, 8, "SERIAL"},
        {CONSISTENCY_LOCAL_ONE, 10, "LOCAL_ONE"},
    };
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        enum consistency level;
        assert_string_equal(consistency_name(levels[i].level), levels[i].name);
        assert_true(consistency_from_number(levels[i].number, &level));
        assert_int_equal(level, levels[i].level);
        assert_true(consistency_from_name(slice_of_text(levels[i].name), &level));
        assert_int_equal(level, levels[i].level);
    }
}

static void names_are_read_in_any_case(void **state)
{
    (void)state;
    enum consistency level;
    assert_true(consistency_from_name(slice_of_text("local_Quorum"), &level));
    assert_int_equal(level, CONSISTENCY_LOCAL_QUORUM);
}

static void other_names_and_numbers_are_no_levels(void **state)
{
    (void)state;
    enum consistency level = CONSISTENCY_TWO;
    static const char *const names[] = {"", "ON", "ONES", "LOCAL-ONE", "ANY", "QUORUM "};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_false(consistency_from_name(slice_of_text(names[i]), &level));
    }
    assert_false(consistency_from_number(0, &level));
    assert_false(consistency_from_number(9, &level));
    assert_false(consistency_from_number(11, &level));
    assert_false(consistency_from_number(UINT32_MAX, &level));
    assert_int_equal(level, CONSISTENCY_TWO);
    assert_string_equal(consistency_name((enum consistency)9), "UNKNOWN");
}

static uint64_t tokens[8] = {100, 200, 300, 400, 500, 600, 700, 800};

/* `here` nodes in dc1, then `there` in dc2, as many as the factors: the set of token 1 is all of
 * them, position i being node i. */
static struct topology *replicas_in_two(unsigned here, unsigned there)
{
    struct ring_cluster *cluster = ring_cluster_create(here + there);
    for (unsigned i = 0; i < here + there; i++) {
        ring_cluster_tokens(cluster, i, &tokens[i], 1);
        ring_cluster_put(cluster, i, i < here ? "dc1" : "dc2", "r1");
    }
    ring_cluster_factor(cluster, "dc1", here);
    if (there > 0) {
        ring_cluster_factor(cluster, "dc2", there);
    }
    struct topology *topology = ring_cluster_topology(cluster);
    ring_cluster_destroy(cluster);
    return topology;
}

static void assert_needs(const struct topology *topology, enum consistency level, unsigned needed)
{
    const struct replica_set *replicas = placement_replicas(topology, 1);
    struct consistency_plan plan;
    consistency_plan_init(&plan, topology, replicas, level, 0);
    assert_int_equal(plan.needed, needed);
    for (unsigned answers = 0; answers < 1u << replicas->count; answers++) {
        bool expected = (unsigned)__builtin_popcount(answers) >= needed;
        unsigned out_needed = 99, out_alive = 99;
        assert_int_equal(consistency_is_met(&plan, (uint16_t)answers), expected);
        assert_int_equal(consistency_is_possible(&plan, (uint16_t)answers, &out_needed, &out_alive),
                         expected);
        assert_int_equal(out_needed, needed);
        assert_int_equal(out_alive, __builtin_popcount(answers));
    }
}

/* Every level with 1 to 5 replicas in one data centre, and every set of answers. */
static void in_one_data_centre_levels_are_numbers(void **state)
{
    (void)state;
    static const struct {
        enum consistency level;
        unsigned needed[5];
    } levels[] = {
        {CONSISTENCY_ONE, {1, 1, 1, 1, 1}},         {CONSISTENCY_TWO, {2, 2, 2, 2, 2}},
        {CONSISTENCY_THREE, {3, 3, 3, 3, 3}},       {CONSISTENCY_QUORUM, {1, 2, 2, 3, 3}},
        {CONSISTENCY_SERIAL, {1, 2, 2, 3, 3}},      {CONSISTENCY_ALL, {1, 2, 3, 4, 5}},
        {CONSISTENCY_LOCAL_ONE, {1, 1, 1, 1, 1}},   {CONSISTENCY_LOCAL_QUORUM, {1, 2, 2, 3, 3}},
        {CONSISTENCY_EACH_QUORUM, {1, 2, 2, 3, 3}},
    };
    for (unsigned factor = 1; factor <= 5; factor++) {
        struct topology *topology = replicas_in_two(factor, 0);
        for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
            assert_needs(topology, levels[i].level, levels[i].needed[factor - 1]);
        }
        topology_destroy(topology);
    }
}

enum { HERE = 0x07, THERE = 0x18 }; /* three replicas, then two */

static void two_data_centres_count_as_the_level_says(void **state)
{
    (void)state;
    static const struct {
        enum consistency level;
        uint16_t answers;
        bool met;
        unsigned needed, alive;
    } cases[] = {
        {CONSISTENCY_ONE, 0, false, 1, 0},
        {CONSISTENCY_ONE, 0x10, true, 1, 1},
        {CONSISTENCY_TWO, 0x11, true, 2, 2},
        {CONSISTENCY_THREE, 0x13, true, 3, 3},
        {CONSISTENCY_QUORUM, 0x03, false, 3, 2},
        {CONSISTENCY_QUORUM, HERE, true, 3, 3},
        {CONSISTENCY_SERIAL, 0x19, true, 3, 3},
        {CONSISTENCY_ALL, 0x0f, false, 5, 4},
        {CONSISTENCY_ALL, HERE | THERE, true, 5, 5},
        {CONSISTENCY_LOCAL_ONE, THERE, false, 1, 0},
        {CONSISTENCY_LOCAL_ONE, 0x04, true, 1, 1},
        {CONSISTENCY_LOCAL_QUORUM, THERE | 0x01, false, 2, 1},
        {CONSISTENCY_LOCAL_QUORUM, 0x05, true, 2, 2},
        {CONSISTENCY_EACH_QUORUM, HERE, false, 2, 0},
        {CONSISTENCY_EACH_QUORUM, HERE | 0x08, false, 2, 1},
        {CONSISTENCY_EACH_QUORUM, THERE | 0x01, false, 2, 1},
        {CONSISTENCY_EACH_QUORUM, THERE | 0x05, true, 4, 4},
        {CONSISTENCY_EACH_QUORUM, THERE | HERE, true, 4, 5},
    };
    struct topology *topology = replicas_in_two(3, 2);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct consistency_plan plan;
        unsigned needed, alive;
        consistency_plan_init(&plan, topology, placement_replicas(topology, 1), cases[i].level, 0);
        assert_int_equal(consistency_is_met(&plan, cases[i].answers), cases[i].met);
        assert_int_equal(consistency_is_possible(&plan, cases[i].answers, &needed, &alive),
                         cases[i].met);
        assert_int_equal(needed, cases[i].needed);
        assert_int_equal(alive, cases[i].alive);
        assert_int_equal(consistency_is_possible(&plan, cases[i].answers, NULL, NULL),
                         cases[i].met);
    }
    topology_destroy(topology);
}

static void local_means_the_coordinators_data_centre(void **state)
{
    (void)state;
    struct topology *topology = replicas_in_two(3, 2);
    struct consistency_plan plan;
    consistency_plan_init(&plan, topology, placement_replicas(topology, 1),
                          CONSISTENCY_LOCAL_QUORUM, 1);
    assert_false(consistency_is_met(&plan, HERE));
    assert_true(consistency_is_met(&plan, THERE));
    topology_destroy(topology);
}

/* A coordinator in a data centre that keeps no replicas has nobody local to ask. */
static void local_levels_need_local_replicas(void **state)
{
    (void)state;
    struct ring_cluster *cluster = ring_cluster_create(2);
    ring_cluster_tokens(cluster, 0, &tokens[0], 1);
    ring_cluster_tokens(cluster, 1, &tokens[1], 1);
    ring_cluster_put(cluster, 1, "dc2", "r1");
    ring_cluster_factor(cluster, "dc1", 1);
    struct topology *topology = ring_cluster_topology(cluster);
    struct consistency_plan plan;
    unsigned needed, alive;
    consistency_plan_init(&plan, topology, placement_replicas(topology, 1),
                          CONSISTENCY_LOCAL_QUORUM, 1);
    assert_false(consistency_is_possible(&plan, UINT16_MAX, &needed, &alive));
    assert_int_equal(needed, 1);
    assert_int_equal(alive, 0);
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void quorums_are_counted_from_the_factor_not_from_the_nodes(void **state)
{
    (void)state;
    struct ring_cluster *cluster = ring_cluster_create(1);
    ring_cluster_tokens(cluster, 0, tokens, 1);
    ring_cluster_factor(cluster, "dc1", 3);
    struct topology *topology = ring_cluster_topology(cluster);
    struct consistency_plan plan;
    unsigned needed, alive;
    consistency_plan_init(&plan, topology, placement_replicas(topology, 1), CONSISTENCY_QUORUM, 0);
    assert_false(consistency_is_possible(&plan, 1, &needed, &alive));
    assert_int_equal(needed, 2);
    assert_int_equal(alive, 1);
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

/* What makes a read at QUORUM see a write at QUORUM. */
static void any_two_quorums_share_a_replica(void **state)
{
    (void)state;
    for (unsigned here = 1; here <= 5; here++) {
        for (unsigned there = 0; there <= 3; there++) {
            struct topology *topology = replicas_in_two(here, there);
            struct consistency_plan plan;
            consistency_plan_init(&plan, topology, placement_replicas(topology, 1),
                                  CONSISTENCY_QUORUM, 0);
            assert_true(2u * plan.needed > here + there);
            topology_destroy(topology);
        }
    }
}

static void sixteen_replicas_fill_the_bitmap(void **state)
{
    (void)state;
    static uint64_t many[16];
    struct ring_cluster *cluster = ring_cluster_create(16);
    for (unsigned i = 0; i < 16; i++) {
        many[i] = i + 10;
        ring_cluster_tokens(cluster, i, &many[i], 1);
    }
    ring_cluster_factor(cluster, "dc1", 16);
    struct topology *topology = ring_cluster_topology(cluster);
    struct consistency_plan plan;
    consistency_plan_init(&plan, topology, placement_replicas(topology, 1), CONSISTENCY_ALL, 0);
    assert_true(consistency_is_met(&plan, 0xffff));
    assert_false(consistency_is_met(&plan, 0x7fff));
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void no_more_replicas_are_chosen_than_needed(void **state)
{
    (void)state;
    static const uint8_t preference[] = {2, 4, 0, 3, 1};
    static const struct {
        enum consistency level;
        uint16_t alive, chosen;
    } cases[] = {
        {CONSISTENCY_ONE, 0x1f, 0x04},          {CONSISTENCY_ONE, 0x1b, 0x10},
        {CONSISTENCY_QUORUM, 0x1f, 0x15},       {CONSISTENCY_QUORUM, 0x0b, 0x0b},
        {CONSISTENCY_QUORUM, 0x01, 0x01},       {CONSISTENCY_LOCAL_QUORUM, 0x1f, 0x05},
        {CONSISTENCY_LOCAL_QUORUM, 0x1a, 0x02}, {CONSISTENCY_EACH_QUORUM, 0x1f, 0x1d},
        {CONSISTENCY_ALL, 0x1f, 0x1f},
    };
    struct topology *topology = replicas_in_two(3, 2);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct consistency_plan plan;
        consistency_plan_init(&plan, topology, placement_replicas(topology, 1), cases[i].level, 0);
        uint16_t chosen = consistency_choose(&plan, cases[i].alive, preference, 5);
        assert_int_equal(chosen, cases[i].chosen);
        assert_int_equal(consistency_is_met(&plan, chosen),
                         consistency_is_possible(&plan, cases[i].alive, NULL, NULL));
    }
    topology_destroy(topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers_never_change),
        cmocka_unit_test(names_are_read_in_any_case),
        cmocka_unit_test(other_names_and_numbers_are_no_levels),
        cmocka_unit_test(in_one_data_centre_levels_are_numbers),
        cmocka_unit_test(two_data_centres_count_as_the_level_says),
        cmocka_unit_test(local_means_the_coordinators_data_centre),
        cmocka_unit_test(local_levels_need_local_replicas),
        cmocka_unit_test(quorums_are_counted_from_the_factor_not_from_the_nodes),
        cmocka_unit_test(any_two_quorums_share_a_replica),
        cmocka_unit_test(sixteen_replicas_fill_the_bitmap),
        cmocka_unit_test(no_more_replicas_are_chosen_than_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
