/* The topology: what it keeps of a spec, and which specs it refuses, with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ring_cluster.h"
#include "scarce_memory.h"

static const uint64_t tokens_of_node[4][2] = {{400, 100}, {500, 200}, {600, 300}, {800, 700}};

/* Four nodes in two data centres, factors 2 and 1. */
static struct ring_cluster *four_nodes(void)
{
    struct ring_cluster *cluster = ring_cluster_create(4);
    for (unsigned i = 0; i < 4; i++) {
        ring_cluster_tokens(cluster, i, tokens_of_node[i], 2);
    }
    ring_cluster_put(cluster, 1, "dc1", "r2");
    ring_cluster_put(cluster, 3, "dc2", "r1");
    ring_cluster_factor(cluster, "dc1", 2);
    ring_cluster_factor(cluster, "dc2", 1);
    return cluster;
}

static void a_topology_keeps_what_the_spec_says(void **state)
{
    (void)state;
    struct ring_cluster *cluster = four_nodes();
    cluster->spec.version = 17;
    cluster->spec.keyspace.read_consistency = CONSISTENCY_ONE;
    struct topology *topology = ring_cluster_topology(cluster);
    ring_cluster_destroy(cluster);

    assert_string_equal((const char *)topology->cluster_name.data, "test");
    assert_string_equal((const char *)topology->keyspace.data, "chat");
    assert_int_equal(topology->version, 17);
    assert_int_equal(topology->read_consistency, CONSISTENCY_ONE);
    assert_int_equal(topology->write_consistency, CONSISTENCY_QUORUM);
    assert_int_equal(topology->node_count, 4);
    assert_int_equal(topology->factor_total, 3);
    const struct topology_node *node = &topology->nodes[3];
    assert_string_equal((const char *)node->name.data, "n3");
    assert_string_equal((const char *)node->address.data, "127.0.0.4");
    assert_int_equal(node->port, 9042);
    assert_int_equal(node->token_count, 2);
    assert_int_equal(node->tokens[0], 700);
    assert_int_equal(node->tokens[1], 800);
    topology_destroy(topology);
}

static void nodes_stand_in_the_order_of_their_host_ids(void **state)
{
    (void)state;
    struct ring_cluster *cluster = four_nodes();
    struct topology_node_spec first = cluster->nodes[0];
    cluster->nodes[0] = cluster->nodes[2];
    cluster->nodes[2] = first;
    struct topology *topology = ring_cluster_topology(cluster);
    for (uint16_t i = 0; i < 4; i++) {
        struct id host_id = topology->nodes[i].host_id;
        assert_int_equal(host_id.bytes[1], i + 1);
        assert_int_equal(topology_node_by_host(topology, &host_id), i);
        assert_int_equal(topology_node_by_name(topology, topology->nodes[i].name), i);
    }
    static const struct id nobody;
    assert_int_equal(topology_node_by_host(topology, &nobody), TOPOLOGY_NODE_NONE);
    assert_int_equal(topology_node_by_name(topology, slice_of_text("n9")), TOPOLOGY_NODE_NONE);
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void racks_of_one_name_in_two_data_centres_are_two(void **state)
{
    (void)state;
    struct ring_cluster *cluster = four_nodes();
    struct topology *topology = ring_cluster_topology(cluster);
    assert_int_equal(topology->datacenter_count, 2);
    assert_int_equal(topology->rack_count, 3);
    assert_int_equal(topology->datacenters[0].node_count, 3);
    assert_int_equal(topology->datacenters[0].rack_count, 2);
    assert_int_equal(topology->datacenters[0].factor, 2);
    assert_int_equal(topology->racks[0].node_count, 2);
    assert_true(topology->nodes[0].rack == topology->nodes[2].rack);
    assert_true(topology->nodes[0].rack != topology->nodes[3].rack);
    assert_int_equal(topology_datacenter_by_name(topology, slice_of_text("dc2")), 1);
    assert_int_equal(topology_datacenter_by_name(topology, slice_of_text("dc3")),
                     TOPOLOGY_DATACENTER_NONE);
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void a_factor_above_the_number_of_nodes_is_kept(void **state)
{
    (void)state;
    struct ring_cluster *cluster = four_nodes();
    cluster->factors[0].factor = 5;
    struct topology *topology = ring_cluster_topology(cluster);
    assert_int_equal(topology->datacenters[0].factor, 5);
    assert_int_equal(topology->datacenters[0].node_count, 3);
    assert_int_equal(placement_replicas(topology, 1)->count, 4);
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void a_factor_of_zero_is_as_good_as_none(void **state)
{
    (void)state;
    struct ring_cluster *cluster = four_nodes();
    cluster->factors[1] = (struct topology_factor_spec){slice_of_text("elsewhere"), 0};
    struct topology *topology = ring_cluster_topology(cluster);
    assert_int_equal(topology->datacenters[1].factor, 0);
    assert_int_equal(topology->factor_total, 2);
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
}

static void no_nodes(struct ring_cluster *cluster)
{
    cluster->spec.node_count = 0;
}

static void too_many_nodes(struct ring_cluster *cluster)
{
    cluster->spec.node_count = NODES_MAX + 1;
}

static void no_cluster_name(struct ring_cluster *cluster)
{
    cluster->spec.cluster_name = slice_of_text("");
}

static void no_keyspace_name(struct ring_cluster *cluster)
{
    cluster->spec.keyspace.name = slice_of_text("a\nb");
}

static void same_host(struct ring_cluster *cluster)
{
    cluster->nodes[2].host_id = cluster->nodes[0].host_id;
}

static void no_host(struct ring_cluster *cluster)
{
    cluster->nodes[2].host_id = (struct id){{0}};
}

static void same_name(struct ring_cluster *cluster)
{
    cluster->nodes[2].name = cluster->nodes[1].name;
}

static void same_address(struct ring_cluster *cluster)
{
    cluster->nodes[2].address = cluster->nodes[1].address;
}

static void host_name(struct ring_cluster *cluster)
{
    cluster->nodes[2].address = slice_of_text("example.org");
}

static void port_zero(struct ring_cluster *cluster)
{
    cluster->nodes[2].port = 0;
}

static void port_large(struct ring_cluster *cluster)
{
    cluster->nodes[2].port = 65536;
}

static void no_rack(struct ring_cluster *cluster)
{
    cluster->nodes[2].rack = slice_of_text("");
}

static void long_name(struct ring_cluster *cluster)
{
    cluster->nodes[2].name = slice_of_text("0123456789012345678901234567890123456789"
                                           "0123456789012345678901234");
}

static void no_tokens(struct ring_cluster *cluster)
{
    cluster->nodes[2].token_count = 0;
}

static void many_tokens(struct ring_cluster *cluster)
{
    cluster->nodes[2].token_count = TOKENS_PER_NODE_MAX + 1;
}

static void same_token(struct ring_cluster *cluster)
{
    static const uint64_t taken[] = {5, 800};
    cluster->nodes[1].tokens = taken;
}

static void same_token_twice(struct ring_cluster *cluster)
{
    static const uint64_t twice[] = {18446744073709551615u, 18446744073709551615u};
    cluster->nodes[1].tokens = twice;
}

static void factor_nowhere(struct ring_cluster *cluster)
{
    cluster->factors[1].datacenter = slice_of_text("dc7");
}

static void factor_twice(struct ring_cluster *cluster)
{
    cluster->factors[1].datacenter = slice_of_text("dc1");
}

static void factor_none(struct ring_cluster *cluster)
{
    cluster->spec.keyspace.factor_count = 0;
}

static void factor_large(struct ring_cluster *cluster)
{
    cluster->factors[0].factor = 17;
}

static void factors_large(struct ring_cluster *cluster)
{
    cluster->factors[0].factor = 16;
}

static void factors_many(struct ring_cluster *cluster)
{
    cluster->spec.keyspace.factor_count = DATACENTERS_MAX + 1;
}

static void level_unknown(struct ring_cluster *cluster)
{
    cluster->spec.keyspace.read_consistency = (enum consistency)99;
}

static void level_serial(struct ring_cluster *cluster)
{
    cluster->spec.keyspace.write_consistency = CONSISTENCY_SERIAL;
}

static const struct {
    void (*spoil)(struct ring_cluster *cluster);
    const char *text;
} problems[] = {
    {no_nodes, "cluster \"test\" has no nodes"},
    {too_many_nodes, "cluster \"test\" has more than 1024 nodes"},
    {no_cluster_name, "cluster \"\" needs a name of 1 to 64 bytes without control characters"},
    {no_keyspace_name, "keyspace \"a?b\" needs a name of 1 to 64 bytes without control characters"},
    {same_host, "nodes \"n0\" and \"n2\" have the same host id"},
    {no_host, "node \"n2\" has no host id"},
    {same_name, "nodes \"n1\" and \"n1\" have the same name"},
    {same_address, "nodes \"n1\" and \"n2\" have the same address and port"},
    {host_name, "node \"n2\" needs an IPv4 or IPv6 address, not a host name"},
    {port_zero, "node \"n2\" needs a port from 1 to 65535"},
    {port_large, "node \"n2\" needs a port from 1 to 65535"},
    {no_rack, "node \"n2\" needs a data centre and a rack, names of 1 to 64 bytes without control "
              "characters"},
    {long_name, "node \"0123456789012345678901234567890123456789012345678901234567890123...\" "
                "needs a name of 1 to 64 bytes without control characters"},
    {no_tokens, "node \"n2\" needs 1 to 256 tokens"},
    {many_tokens, "node \"n2\" needs 1 to 256 tokens"},
    {same_token, "nodes \"n1\" and \"n3\" have the same token 800"},
    {same_token_twice, "nodes \"n1\" and \"n1\" have the same token 18446744073709551615"},
    {factor_nowhere, "data centre \"dc7\" has a replication factor, but no node is in it"},
    {factor_twice, "data centre \"dc1\" has two replication factors"},
    {factor_none, "keyspace \"chat\" needs a replication factor of at least 1 in one data centre"},
    {factor_large, "data centre \"dc1\" has a replication factor above 16"},
    {factors_large, "keyspace \"chat\" has more than 16 replicas over all data centres"},
    {factors_many, "keyspace \"chat\" has replication factors for more than 8 data centres"},
    {level_unknown,
     "keyspace \"chat\" has a default consistency that is no level of reads and writes"},
    {level_serial,
     "keyspace \"chat\" has a default consistency that is no level of reads and writes"},
};

static void a_wrong_spec_is_refused_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
        struct ring_cluster *cluster = four_nodes();
        struct topology *untouched = NULL;
        struct topology_problem problem = {""};
        problems[i].spoil(cluster);
        assert_int_equal(topology_create(memory_system(), &cluster->spec, &untouched, &problem),
                         ERR_INVALID);
        assert_string_equal(problem.text, problems[i].text);
        assert_null(untouched);
        assert_int_equal(topology_create(memory_system(), &cluster->spec, &untouched, NULL),
                         ERR_INVALID);
        ring_cluster_destroy(cluster);
    }
}

static void too_many_places_are_refused(void **state)
{
    (void)state;
    static char names[RACKS_MAX + 1][8];
    uint64_t tokens[RACKS_MAX + 1];
    struct ring_cluster *cluster = ring_cluster_create(RACKS_MAX + 1);
    for (unsigned i = 0; i <= RACKS_MAX; i++) {
        names[i][0] = (char)('a' + i / 26);
        names[i][1] = (char)('a' + i % 26);
        tokens[i] = i;
        ring_cluster_put(cluster, i, "dc1", names[i]);
        ring_cluster_tokens(cluster, i, &tokens[i], 1);
    }
    ring_cluster_factor(cluster, "dc1", 3);
    struct topology *topology = NULL;
    struct topology_problem problem;
    assert_int_equal(topology_create(memory_system(), &cluster->spec, &topology, &problem),
                     ERR_INVALID);
    assert_string_equal(problem.text, "cluster \"test\" has more than 256 racks");
    for (unsigned i = 1; i <= DATACENTERS_MAX; i++) {
        ring_cluster_put(cluster, i, names[i], "r1");
    }
    assert_int_equal(topology_create(memory_system(), &cluster->spec, &topology, &problem),
                     ERR_INVALID);
    assert_string_equal(problem.text, "cluster \"test\" has more than 8 data centres");
    ring_cluster_destroy(cluster);
}

static void memory_may_run_out_at_any_point(void **state)
{
    (void)state;
    struct ring_cluster *cluster = four_nodes();
    enum columba_error error = ERR_NO_MEMORY;
    unsigned blocks = 0;
    for (; error != COLUMBA_OK; blocks++) {
        struct scarce_memory scarce = scarce_memory(blocks);
        struct topology *topology = NULL;
        error = topology_create(&scarce.memory, &cluster->spec, &topology, NULL);
        assert_true(error == COLUMBA_OK || error == ERR_NO_MEMORY);
        topology_destroy(topology);
        assert_int_equal(scarce.out, 0);
    }
    assert_true(blocks > 2);
    ring_cluster_destroy(cluster);
}

/* The largest spec there can be, with one rack that a walk would have to look for. */
static void the_largest_topology_is_made_in_no_time(void **state)
{
    (void)state;
    uint64_t *tokens = malloc((size_t)NODES_MAX * TOKENS_PER_NODE_MAX * sizeof(*tokens));
    struct ring_cluster *cluster = ring_cluster_create(NODES_MAX);
    for (unsigned i = 0; i < NODES_MAX * TOKENS_PER_NODE_MAX; i++) {
        tokens[i] = i * UINT64_C(0x9e3779b97f4a7c15);
    }
    for (unsigned i = 0; i < NODES_MAX; i++) {
        ring_cluster_tokens(cluster, i, tokens + i * TOKENS_PER_NODE_MAX, TOKENS_PER_NODE_MAX);
    }
    ring_cluster_put(cluster, 7, "dc1", "r2");
    cluster->nodes[7].token_count = 1;
    ring_cluster_factor(cluster, "dc1", 2);
    struct topology *topology = ring_cluster_topology(cluster);
    assert_true(placement_ownership_effective(topology, 7) > 0.999999);
    topology_destroy(topology);
    ring_cluster_destroy(cluster);
    free(tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topology_keeps_what_the_spec_says),
        cmocka_unit_test(nodes_stand_in_the_order_of_their_host_ids),
        cmocka_unit_test(racks_of_one_name_in_two_data_centres_are_two),
        cmocka_unit_test(a_factor_above_the_number_of_nodes_is_kept),
        cmocka_unit_test(a_factor_of_zero_is_as_good_as_none),
        cmocka_unit_test(a_wrong_spec_is_refused_in_words),
        cmocka_unit_test(too_many_places_are_refused),
        cmocka_unit_test(memory_may_run_out_at_any_point),
        cmocka_unit_test(the_largest_topology_is_made_in_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
