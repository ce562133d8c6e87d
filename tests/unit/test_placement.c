/* Placement: which nodes hold a token, on rings small enough to see, and on random ones compared
 * with the rule followed word by word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ring/token.h"
#include "ring_cluster.h"

/* Node i has token 100 * (i + 1). */
static const uint64_t hundreds[] = {100, 200, 300, 400, 500, 600, 700, 800, 900};

static struct ring_cluster *nodes_at_hundreds(unsigned count)
{
    struct ring_cluster *cluster = ring_cluster_create(count);
    for (unsigned i = 0; i < count; i++) {
        ring_cluster_tokens(cluster, i, &hundreds[i], 1);
    }
    return cluster;
}

static void assert_replicas(const struct topology *topology, uint64_t token, const char *expected)
{
    const struct replica_set *replicas = placement_replicas(topology, token);
    char found[2 * REPLICAS_MAX + 1] = "";
    for (unsigned i = 0; i < replicas->count; i++) {
        found[i] = (char)('0' + replicas->node[i]);
    }
    assert_string_equal(found, expected);
}

static void a_token_lies_with_the_next_nodes_on_the_ring(void **state)
{
    (void)state;
    struct ring_cluster *cluster = nodes_at_hundreds(5);
    ring_cluster_factor(cluster, "dc1", 3);
    struct topology *topology = ring_cluster_topology(cluster);
    assert_replicas(topology, 150, "123");
    assert_replicas(topology, 101, "123");
    assert_replicas(topology, 200, "123");
    assert_replicas(topology, 201, "234");
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void the_ring_wraps(void **state)
{
    (void)state;
    struct ring_cluster *cluster = nodes_at_hundreds(5);
    ring_cluster_factor(cluster, "dc1", 3);
    struct topology *topology = ring_cluster_topology(cluster);
    assert_replicas(topology, 0, "012");
    assert_replicas(topology, 100, "012");
    assert_replicas(topology, 400, "340");
    assert_replicas(topology, 401, "401");
    assert_replicas(topology, 500, "401");
    assert_replicas(topology, 501, "012");
    assert_replicas(topology, UINT64_MAX, "012");
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void tokens_at_both_ends_of_the_numbers_are_tokens(void **state)
{
    (void)state;
    static const uint64_t ends[] = {0, UINT64_MAX};
    struct ring_cluster *cluster = ring_cluster_create(2);
    ring_cluster_tokens(cluster, 0, &ends[0], 1);
    ring_cluster_tokens(cluster, 1, &ends[1], 1);
    ring_cluster_factor(cluster, "dc1", 1);
    struct topology *topology = ring_cluster_topology(cluster);
    assert_replicas(topology, 0, "0");
    assert_replicas(topology, 1, "1");
    assert_replicas(topology, UINT64_MAX, "1");
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void a_node_counts_once_however_many_tokens_it_has(void **state)
{
    (void)state;
    static const uint64_t many[] = {110, 120, 130};
    struct ring_cluster *cluster = nodes_at_hundreds(4);
    ring_cluster_tokens(cluster, 1, many, 3);
    ring_cluster_factor(cluster, "dc1", 3);
    struct topology *topology = ring_cluster_topology(cluster);
    assert_replicas(topology, 105, "123");
    assert_replicas(topology, 125, "123");
    assert_replicas(topology, 50, "012");
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void a_second_node_of_a_rack_is_passed_over(void **state)
{
    (void)state;
    struct ring_cluster *cluster = nodes_at_hundreds(6);
    static const char *const racks[] = {"a", "a", "b", "b", "c", "a"};
    for (unsigned i = 0; i < 6; i++) {
        ring_cluster_put(cluster, i, "dc1", racks[i]);
    }
    ring_cluster_factor(cluster, "dc1", 3);
    struct topology *topology = ring_cluster_topology(cluster);
    assert_replicas(topology, 100, "024");
    assert_replicas(topology, 200, "124");
    assert_replicas(topology, 400, "345");
    assert_replicas(topology, 500, "452");
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void with_fewer_racks_than_replicas_each_rack_has_one(void **state)
{
    (void)state;
    struct ring_cluster *cluster = nodes_at_hundreds(5);
    static const char *const racks[] = {"a", "a", "a", "a", "b"};
    for (unsigned i = 0; i < 5; i++) {
        ring_cluster_put(cluster, i, "dc1", racks[i]);
    }
    ring_cluster_factor(cluster, "dc1", 3);
    struct topology *topology = ring_cluster_topology(cluster);
    assert_replicas(topology, 100, "014");
    assert_replicas(topology, 400, "340");
    assert_replicas(topology, 500, "401");
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void each_data_centre_has_its_own_factor(void **state)
{
    (void)state;
    struct ring_cluster *cluster = nodes_at_hundreds(6);
    ring_cluster_put(cluster, 1, "dc2", "r1");
    ring_cluster_put(cluster, 4, "dc2", "r1");
    ring_cluster_put(cluster, 5, "dc3", "r1");
    ring_cluster_factor(cluster, "dc1", 2);
    ring_cluster_factor(cluster, "dc2", 1);
    struct topology *topology = ring_cluster_topology(cluster);
    assert_replicas(topology, 100, "012");
    assert_replicas(topology, 200, "123");
    assert_replicas(topology, 300, "234");
    assert_replicas(topology, 500, "402");
    assert_replicas(topology, 600, "012");
    assert_true(placement_ownership_effective(topology, 5) == 0);
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void one_node_holds_everything(void **state)
{
    (void)state;
    struct ring_cluster *cluster = nodes_at_hundreds(1);
    ring_cluster_factor(cluster, "dc1", 3);
    struct topology *topology = ring_cluster_topology(cluster);
    assert_replicas(topology, 100, "0");
    assert_replicas(topology, 101, "0");
    assert_true(placement_ownership(topology, 0) == 1.0);
    assert_true(placement_ownership_effective(topology, 0) == 1.0);
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void the_ring_is_listed_range_by_range(void **state)
{
    (void)state;
    struct ring_cluster *cluster = nodes_at_hundreds(3);
    ring_cluster_factor(cluster, "dc1", 2);
    struct topology *topology = ring_cluster_topology(cluster);
    assert_int_equal(placement_range_count(topology), 3);
    struct ring_range first = placement_range(topology, 0), last = placement_range(topology, 2);
    assert_int_equal(first.after, 300);
    assert_int_equal(first.up_to, 100);
    assert_int_equal(first.owner, 0);
    assert_ptr_equal(first.replicas, placement_replicas(topology, 100));
    assert_int_equal(last.after, 200);
    assert_int_equal(last.up_to, 300);
    assert_int_equal(placement_range_of(topology, 300), 2);
    assert_int_equal(placement_range_of(topology, 301), 0);
    assert_int_equal(replica_set_position(last.replicas, 0), 1);
    assert_int_equal(replica_set_position(last.replicas, 1), -1);
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static uint64_t random_next(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random >> 20 ^ *random << 43;
}

static unsigned random_below(uint64_t *random, unsigned bound)
{
    return (unsigned)(random_next(random) % bound);
}

struct random_cluster {
    struct ring_cluster *cluster;
    uint64_t tokens[24][6];
};

static void random_cluster_init(struct random_cluster *made, uint64_t seed)
{
    static const char *const datacenters[] = {"dc1", "dc2", "dc3"};
    static const char *const racks[] = {"a", "b", "c", "d", "e"};
    uint64_t random = seed;
    unsigned nodes = 1 + random_below(&random, 24);
    unsigned datacenter_count = 1 + random_below(&random, 3);
    unsigned rack_count = 1 + random_below(&random, 5);
    bool is_small = random_below(&random, 2) == 0;
    bool is_used[3] = {false};
    made->cluster = ring_cluster_create(nodes);
    for (unsigned i = 0; i < nodes; i++) {
        unsigned datacenter = random_below(&random, datacenter_count);
        unsigned count = 1 + random_below(&random, 6);
        is_used[datacenter] = true;
        for (unsigned t = 0; t < count; t++) {
            /* Distinct by their low bits; near each other or all over the ring. */
            uint64_t high = is_small ? random_below(&random, 3) : random_next(&random);
            made->tokens[i][t] = high << 8 | (i * 6 + t);
        }
        ring_cluster_put(made->cluster, i, datacenters[datacenter],
                         racks[random_below(&random, rack_count)]);
        ring_cluster_tokens(made->cluster, i, made->tokens[i], count);
    }
    for (unsigned i = 0; i < 3; i++) {
        if (is_used[i]) {
            ring_cluster_factor(made->cluster, datacenters[i], 1 + random_below(&random, 5));
        }
    }
}

static void assert_is_reference(const struct topology *topology, uint64_t token)
{
    const struct replica_set *replicas = placement_replicas(topology, token);
    struct replica_set reference = ring_cluster_reference(topology, token);
    assert_int_equal(replicas->count, reference.count);
    assert_memory_equal(replicas->node, reference.node,
                        reference.count * sizeof(reference.node[0]));
}

static void random_rings_follow_the_rule(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct random_cluster made;
        random_cluster_init(&made, seed);
        struct topology *topology = ring_cluster_topology(made.cluster);
        for (uint32_t i = 0; i < placement_range_count(topology); i++) {
            struct ring_range range = placement_range(topology, i);
            assert_is_reference(topology, range.up_to);
            assert_is_reference(topology, range.up_to + 1);
            assert_is_reference(topology, range.after + 1);
            assert_true(token_range_contains(range.after, range.up_to, range.up_to));
        }
        topology_destroy(topology);
        ring_cluster_destroy(made.cluster);
    }
}

static void shares_add_up(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct random_cluster made;
        random_cluster_init(&made, seed);
        struct topology *topology = ring_cluster_topology(made.cluster);
        double owned = 0, effective = 0;
        for (uint16_t i = 0; i < topology->node_count; i++) {
            owned += placement_ownership(topology, i);
            effective += placement_ownership_effective(topology, i);
            assert_true(placement_ownership_effective(topology, i) < 1.000001);
        }
        double expected = placement_replicas(topology, 0)->count;
        assert_true(owned > 0.999999 && owned < 1.000001);
        assert_true(effective > expected - 0.000001 && effective < expected + 0.000001);
        topology_destroy(topology);
        ring_cluster_destroy(made.cluster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_lies_with_the_next_nodes_on_the_ring),
        cmocka_unit_test(the_ring_wraps),
        cmocka_unit_test(tokens_at_both_ends_of_the_numbers_are_tokens),
        cmocka_unit_test(a_node_counts_once_however_many_tokens_it_has),
        cmocka_unit_test(a_second_node_of_a_rack_is_passed_over),
        cmocka_unit_test(with_fewer_racks_than_replicas_each_rack_has_one),
        cmocka_unit_test(each_data_centre_has_its_own_factor),
        cmocka_unit_test(one_node_holds_everything),
        cmocka_unit_test(the_ring_is_listed_range_by_range),
        cmocka_unit_test(random_rings_follow_the_rule),
        cmocka_unit_test(shares_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
