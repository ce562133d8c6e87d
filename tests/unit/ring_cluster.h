/* Clusters for the tests of the ring: nodes "n0", "n1", … whose index in the topology is their
 * number, in data centre "dc1" and rack "r1" until placed elsewhere. */
#ifndef COLUMBA_TESTS_UNIT_RING_CLUSTER_H
#define COLUMBA_TESTS_UNIT_RING_CLUSTER_H

#include "ring/allocation.h"
#include "ring/placement.h"
#include "ring/topology.h"

struct ring_cluster {
    struct topology_spec spec;
    struct topology_node_spec nodes[NODES_MAX];
    struct topology_factor_spec factors[DATACENTERS_MAX];
    char texts[NODES_MAX][2][24];
};

/* No factor yet, no tokens yet. */
struct ring_cluster *ring_cluster_create(unsigned node_count);
void ring_cluster_destroy(struct ring_cluster *cluster);

/* The texts must outlive the cluster. */
void ring_cluster_put(struct ring_cluster *cluster, unsigned node, const char *datacenter,
                      const char *rack);
void ring_cluster_tokens(struct ring_cluster *cluster, unsigned node, const uint64_t *tokens,
                         unsigned count);
void ring_cluster_factor(struct ring_cluster *cluster, const char *datacenter, unsigned factor);

/* Fails the test where the cluster is refused. */
struct topology *ring_cluster_topology(const struct ring_cluster *cluster);

/* The position at which the rule of placement.h, followed word by word, has each node of the
 * token's set. */
struct replica_set ring_cluster_reference(const struct topology *topology, uint64_t token);

#endif
