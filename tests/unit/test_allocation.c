/* Token allocation: even after replication, for whole clusters and as nodes join one by one; a join
 * moves only what the new node gains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ring/token.h"
#include "ring_growing.h"
#include "scarce_memory.h"

static const unsigned sizes[] = {3, 10, 100, 1000};

static void a_new_cluster_is_exactly_even(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct growing *growing = growing_create(sizes[i], 1, 3);
        growing_start(growing, sizes[i]);
        assert_true(growing_load_max(growing) < 1.0001 * 3 / sizes[i]);
        growing_destroy(growing);
    }
}

static void a_new_cluster_in_three_racks_is_exactly_even_in_each(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct growing *growing = growing_create(sizes[i], 3, 3);
        growing_start(growing, sizes[i]);
        unsigned smallest_rack = sizes[i] / 3;
        assert_true(growing_load_max(growing) < 1.0001 / smallest_rack);
        growing_destroy(growing);
    }
}

static void a_new_cluster_is_even_with_any_factor_and_equal_racks(void **state)
{
    (void)state;
    for (unsigned racks = 1; racks <= 6; racks++) {
        for (unsigned factor = 1; factor <= 6; factor++) {
            struct growing *growing = growing_create(12, racks == 5 ? 1 : racks, factor);
            growing_start(growing, 12);
            assert_true(growing_load_max(growing) < 1.0001 * factor / 12);
            growing_destroy(growing);
        }
    }
}

static void racks_of_nearly_equal_size_are_nearly_even(void **state)
{
    (void)state;
    static const unsigned cases[][3] = {{9, 2, 3}, {10, 4, 3}, {11, 5, 3}, {20, 6, 3}, {10, 3, 2}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct growing *growing = growing_create(cases[i][0], cases[i][1], cases[i][2]);
        growing_start(growing, cases[i][0]);
        assert_true(growing_load_max(growing) < 1.05 * cases[i][2] / cases[i][0]);
        growing_destroy(growing);
    }
}

/* Joins one by one from three nodes on, even at every size on the way. */
static void assert_stays_even(unsigned count, unsigned racks, double max)
{
    struct growing *growing = growing_create(count, racks, 3);
    growing_start(growing, 3);
    while (growing->request.node_count < count) {
        growing_join(growing);
        assert_true(growing_max_over_rack_mean(growing) < max);
    }
    growing_destroy(growing);
}

static void a_cluster_that_grows_stays_even(void **state)
{
    (void)state;
    assert_stays_even(40, 1, 1.04);
}

/* A rack is a ring with one replica: a joining node's 16 tokens take load off 16 nodes, so beyond
 * 16 the others are left above the mean until the next join. */
static void a_cluster_that_grows_in_three_racks_stays_even(void **state)
{
    (void)state;
    assert_stays_even(40, 3, 1.06);
}

/* Every set after the join is the set before, or that with one member replaced by the new node. */
static double assert_only_gains(const struct topology *before, const struct topology *after,
                                uint16_t joined)
{
    double moved = 0;
    for (uint32_t i = 0; i < placement_range_count(after); i++) {
        struct ring_range range = placement_range(after, i);
        const struct replica_set *old = placement_replicas(before, range.up_to);
        unsigned kept = 0;
        for (unsigned r = 0; r < old->count; r++) {
            kept += replica_set_position(range.replicas, old->node[r]) >= 0;
        }
        if (replica_set_position(range.replicas, joined) >= 0) {
            moved += token_range_fraction(range.after, range.up_to);
            assert_int_equal(kept + 1, range.replicas->count);
        } else {
            assert_int_equal(kept, range.replicas->count);
        }
    }
    return moved;
}

static void a_join_moves_only_what_the_new_node_gains(void **state)
{
    (void)state;
    static const unsigned racks[] = {1, 3, 2, 5};
    for (size_t i = 0; i < 4; i++) {
        for (size_t r = 0; r < 4; r++) {
            struct growing *growing = growing_create(sizes[i] + 1, racks[r], 3);
            growing_start(growing, sizes[i]);
            struct topology *before = ring_cluster_topology(growing->cluster);
            growing_join(growing);
            struct topology *after = ring_cluster_topology(growing->cluster);
            uint16_t joined = (uint16_t)sizes[i];
            double moved = assert_only_gains(before, after, joined);
            double load = placement_ownership_effective(after, joined);
            assert_true(moved > load - 0.000001 && moved < load + 0.000001);
            topology_destroy(before);
            topology_destroy(after);
            growing_destroy(growing);
        }
    }
}

static void a_join_leaves_a_large_cluster_even(void **state)
{
    (void)state;
    struct growing *growing = growing_create(1002, 1, 3);
    growing_start(growing, 1000);
    growing_join(growing);
    growing_join(growing);
    assert_true(growing_max_over_rack_mean(growing) < 1.01);
    growing_destroy(growing);
}

/* Every node of a cluster computes the tokens for itself, and those of the next version must be the
 * same. */
static void tokens_of_a_cluster_never_change(void **state)
{
    (void)state;
    struct growing *growing = growing_create(3, 1, 3);
    growing_start(growing, 3);
    assert_true(growing->tokens[0][0] == UINT64_C(0x010a2dec89025cc1));
    assert_true(growing->tokens[1][7] == UINT64_C(0x765f8341de57b216));
    assert_true(growing->tokens[2][15] == UINT64_C(0xfbb4d89733ad076b));
    growing_destroy(growing);

    growing = growing_create(100, 4, 3);
    growing_start(growing, 100);
    uint64_t all = 0;
    for (unsigned i = 0; i < 100 * GROWING_TOKENS; i++) {
        all = all * 31 + growing->tokens[i / GROWING_TOKENS][i % GROWING_TOKENS];
    }
    assert_true(all == UINT64_C(0x6ea7e82d76431ee4));
    growing_destroy(growing);
}

static void the_same_input_makes_the_same_tokens(void **state)
{
    (void)state;
    struct growing *one = growing_create(30, 2, 3), *other = growing_create(30, 2, 3);
    growing_start(one, 20);
    growing_start(other, 20);
    for (unsigned i = 0; i < 10; i++) {
        growing_join(one);
        growing_join(other);
    }
    assert_memory_equal(one->tokens, other->tokens, sizeof(one->tokens));
    other->request.seed = 2;
    growing_start(other, 20);
    assert_memory_not_equal(one->tokens, other->tokens, sizeof(one->tokens[0]));
    growing_destroy(one);
    growing_destroy(other);
}

static void a_node_may_be_the_first_of_its_data_centre_or_rack(void **state)
{
    (void)state;
    struct growing *growing = growing_create(8, 1, 3);
    growing->request.factors[1] = 2;
    ring_cluster_factor(growing->cluster, "dc2", 2);
    growing_start(growing, 4);
    for (unsigned i = 4; i < 8; i++) {
        growing->nodes[i].datacenter = 1;
        growing->nodes[i].rack = (uint16_t)(i % 2);
        ring_cluster_put(growing->cluster, i, "dc2", growing_rack_names[i % 2]);
        growing_join(growing);
    }
    struct topology *topology = ring_cluster_topology(growing->cluster);
    for (uint16_t i = 0; i < 8; i++) {
        double fair = i < 4 ? 0.75 : 0.5;
        assert_true(placement_ownership_effective(topology, i) < fair * 1.05);
    }
    topology_destroy(topology);
    growing_destroy(growing);
}

static void data_centres_are_even_each_for_itself(void **state)
{
    (void)state;
    struct growing *growing = growing_create(16, 1, 3);
    growing->request.factors[1] = 2;
    ring_cluster_factor(growing->cluster, "dc2", 2);
    for (unsigned i = 0; i < 16; i += 3) {
        growing->nodes[i].datacenter = 1;
        ring_cluster_put(growing->cluster, i, "dc2", "r0");
    }
    growing_start(growing, 16);
    struct topology *topology = ring_cluster_topology(growing->cluster);
    for (uint16_t i = 0; i < 16; i++) {
        double fair = i % 3 == 0 ? 2.0 / 6 : 3.0 / 10;
        assert_true(placement_ownership_effective(topology, i) < fair * 1.0001);
    }
    topology_destroy(topology);
    growing_destroy(growing);
}

/* Whatever the racks and factors are: as many tokens as asked for, none of them twice (which the
 * topology would refuse), and joins that only gain. */
static void odd_clusters_get_tokens_too(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 30; round++) {
        unsigned count = 1 + round % 13, racks = 1 + round % 6, factor = 1 + round % 5;
        struct growing *growing = growing_create(count + 2, racks, factor);
        growing->request.seed = round;
        growing_start(growing, count);
        struct topology *before = ring_cluster_topology(growing->cluster);
        growing_join(growing);
        struct topology *after = ring_cluster_topology(growing->cluster);
        assert_only_gains(before, after, (uint16_t)count);
        topology_destroy(before);
        topology_destroy(after);
        growing_join(growing);
        growing_destroy(growing);
    }
}

/* Given tokens may lie side by side, without room for another between them. */
static void a_crowded_ring_still_takes_a_node(void **state)
{
    (void)state;
    struct growing *growing = growing_create(5, 1, 3);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned t = 0; t < GROWING_TOKENS; t++) {
            growing->tokens[i][t] = UINT64_MAX - 20 + i * GROWING_TOKENS + t;
        }
        growing_take(growing, i);
    }
    growing_join(growing);
    struct topology *topology = ring_cluster_topology(growing->cluster);
    assert_int_equal(placement_range_count(topology), 5 * GROWING_TOKENS);
    topology_destroy(topology);
    growing_destroy(growing);
}

/* One rack of a single node among a thousand: walks for replicas get long. */
static void a_lopsided_cluster_is_allocated_in_no_time(void **state)
{
    (void)state;
    struct growing *growing = growing_create(1001, 1, 2);
    growing->request.factors[0] = 3;
    growing->nodes[500].rack = 1;
    ring_cluster_put(growing->cluster, 500, "dc1", "r1");
    growing->nodes[1000].rack = 1;
    ring_cluster_put(growing->cluster, 1000, "dc1", "r1");
    growing_start(growing, 1000);
    growing_join(growing);
    growing_destroy(growing);
}

static void numbers_out_of_their_limits_are_refused(void **state)
{
    (void)state;
    struct growing *growing = growing_create(3, 1, 3);
    growing_start(growing, 3);
    uint64_t untouched = 7;
    struct allocation_request good = growing->request;
    struct allocation_node far = {.datacenter = DATACENTERS_MAX};
    struct allocation_request wrong[5] = {good, good, good, good, good};
    wrong[0].node_count = 0;
    wrong[1].node_count = NODES_MAX + 1;
    wrong[2].tokens_per_node = 0;
    wrong[3].tokens_per_node = TOKENS_PER_NODE_MAX + 1;
    wrong[4].factors[7] = REPLICAS_MAX + 1;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(allocation_cluster(memory_system(), &wrong[i], &untouched), ERR_INVALID);
        assert_int_equal(
            allocation_join(memory_system(), &wrong[i], &growing->nodes[2], &untouched),
            ERR_INVALID);
    }
    assert_int_equal(allocation_join(memory_system(), &good, &far, &untouched), ERR_INVALID);
    growing->nodes[1].datacenter = DATACENTERS_MAX;
    assert_int_equal(allocation_cluster(memory_system(), &good, &untouched), ERR_INVALID);
    growing->nodes[1].datacenter = 0;
    growing->nodes[1].token_count = TOKENS_PER_NODE_MAX + 1;
    assert_int_equal(allocation_join(memory_system(), &good, &growing->nodes[2], &untouched),
                     ERR_INVALID);
    assert_int_equal(untouched, 7);
    growing_destroy(growing);
}

static void memory_may_run_out_at_any_point(void **state)
{
    (void)state;
    struct growing *growing = growing_create(101, 1, 3);
    growing_start(growing, 100);
    uint64_t tokens[100 * GROWING_TOKENS];
    unsigned failed = 0;
    enum columba_error error = ERR_NO_MEMORY;
    for (unsigned blocks = 0; error != COLUMBA_OK; blocks++) {
        struct scarce_memory scarce = scarce_memory(blocks);
        error = allocation_cluster(&scarce.memory, &growing->request, tokens);
        assert_true(error == COLUMBA_OK || error == ERR_NO_MEMORY);
        assert_int_equal(scarce.out, 0);
        failed += error != COLUMBA_OK;
    }
    error = ERR_NO_MEMORY;
    for (unsigned blocks = 0; error != COLUMBA_OK; blocks++) {
        struct scarce_memory scarce = scarce_memory(blocks);
        error = allocation_join(&scarce.memory, &growing->request, &growing->nodes[100], tokens);
        assert_true(error == COLUMBA_OK || error == ERR_NO_MEMORY);
        assert_int_equal(scarce.out, 0);
        failed += error != COLUMBA_OK;
    }
    assert_true(failed > 4);
    growing_destroy(growing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_cluster_is_exactly_even),
        cmocka_unit_test(a_new_cluster_in_three_racks_is_exactly_even_in_each),
        cmocka_unit_test(a_new_cluster_is_even_with_any_factor_and_equal_racks),
        cmocka_unit_test(racks_of_nearly_equal_size_are_nearly_even),
        cmocka_unit_test(a_cluster_that_grows_stays_even),
        cmocka_unit_test(a_cluster_that_grows_in_three_racks_stays_even),
        cmocka_unit_test(a_join_moves_only_what_the_new_node_gains),
        cmocka_unit_test(a_join_leaves_a_large_cluster_even),
        cmocka_unit_test(tokens_of_a_cluster_never_change),
        cmocka_unit_test(the_same_input_makes_the_same_tokens),
        cmocka_unit_test(a_node_may_be_the_first_of_its_data_centre_or_rack),
        cmocka_unit_test(data_centres_are_even_each_for_itself),
        cmocka_unit_test(odd_clusters_get_tokens_too),
        cmocka_unit_test(a_crowded_ring_still_takes_a_node),
        cmocka_unit_test(a_lopsided_cluster_is_allocated_in_no_time),
        cmocka_unit_test(numbers_out_of_their_limits_are_refused),
        cmocka_unit_test(memory_may_run_out_at_any_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
