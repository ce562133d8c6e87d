#include "ring_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"

struct ring_cluster *ring_cluster_create(unsigned node_count)
{
    struct ring_cluster *cluster = calloc(1, sizeof(*cluster));
    assert_non_null(cluster);
    for (unsigned i = 0; i < node_count; i++) {
        struct topology_node_spec *node = &cluster->nodes[i];
        bytes_put_u16_be(node->host_id.bytes, (uint16_t)(i + 1));
        snprintf(cluster->texts[i][0], sizeof(cluster->texts[i][0]), "n%u", i);
        snprintf(cluster->texts[i][1], sizeof(cluster->texts[i][1]), "127.0.%u.%u", i / 250,
                 i % 250 + 1);
        node->name = slice_of_text(cluster->texts[i][0]);
        node->address = slice_of_text(cluster->texts[i][1]);
        node->port = 9042;
        ring_cluster_put(cluster, i, "dc1", "r1");
    }
    cluster->spec = (struct topology_spec){
        .cluster_name = slice_of_text("test"),
        .version = 1,
        .nodes = cluster->nodes,
        .node_count = node_count,
        .keyspace =
            {
                .name = slice_of_text("chat"),
                .factors = cluster->factors,
                .read_consistency = CONSISTENCY_QUORUM,
                .write_consistency = CONSISTENCY_QUORUM,
            },
    };
    return cluster;
}

void ring_cluster_destroy(struct ring_cluster *cluster)
{
    free(cluster);
}

void ring_cluster_put(struct ring_cluster *cluster, unsigned node, const char *datacenter,
                      const char *rack)
{
    cluster->nodes[node].datacenter = slice_of_text(datacenter);
    cluster->nodes[node].rack = slice_of_text(rack);
}

void ring_cluster_tokens(struct ring_cluster *cluster, unsigned node, const uint64_t *tokens,
                         unsigned count)
{
    cluster->nodes[node].tokens = tokens;
    cluster->nodes[node].token_count = count;
}

void ring_cluster_factor(struct ring_cluster *cluster, const char *datacenter, unsigned factor)
{
    struct topology_keyspace_spec *keyspace = &cluster->spec.keyspace;
    cluster->factors[keyspace->factor_count++] =
        (struct topology_factor_spec){slice_of_text(datacenter), factor};
}

struct topology *ring_cluster_topology(const struct ring_cluster *cluster)
{
    struct topology *topology = NULL;
    struct topology_problem problem = {""};
    enum columba_error error =
        topology_create(memory_system(), &cluster->spec, &topology, &problem);
    assert_string_equal(problem.text, "");
    assert_int_equal(error, COLUMBA_OK);
    return topology;
}

struct walk {
    const struct topology *topology;
    struct replica_set set;
    unsigned taken[DATACENTERS_MAX];
    unsigned repeats[DATACENTERS_MAX];
};

static bool rack_is_taken(const struct walk *walk, uint16_t rack)
{
    for (unsigned i = 0; i < walk->set.count; i++) {
        if (walk->topology->nodes[walk->set.node[i]].rack == rack) {
            return true;
        }
    }
    return false;
}

static void walk_meet(struct walk *walk, uint16_t index)
{
    const struct topology_node *node = &walk->topology->nodes[index];
    const struct topology_datacenter *datacenter = &walk->topology->datacenters[node->datacenter];
    if (replica_set_position(&walk->set, index) >= 0 ||
        walk->taken[node->datacenter] == datacenter->factor) {
        return;
    }
    if (rack_is_taken(walk, node->rack)) {
        unsigned factor = datacenter->factor, racks = datacenter->rack_count;
        unsigned allowed = factor > racks ? factor - racks : 0;
        if (walk->repeats[node->datacenter] == allowed) {
            return;
        }
        walk->repeats[node->datacenter]++;
    }
    walk->taken[node->datacenter]++;
    walk->set.node[walk->set.count++] = index;
}

struct replica_set ring_cluster_reference(const struct topology *topology, uint64_t token)
{
    struct walk walk = {.topology = topology};
    const uint32_t count = placement_range_count(topology);
    uint32_t first = 0;
    while (first < count && placement_range(topology, first).up_to < token) {
        first++;
    }
    for (uint32_t i = 0; i < count; i++) {
        walk_meet(&walk, placement_range(topology, (first + i) % count).owner);
    }
    return walk.set;
}
