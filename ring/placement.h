/*
 * Placement: which nodes hold a token. Replica sets are worked out once, when the topology is made,
 * for every range of the ring; a lookup is one binary search.
 *
 * The rule is that of Cassandra's NetworkTopologyStrategy. For each data centre, walk the ring from
 * the token on and take distinct nodes until the factor is reached, never a second node of a rack
 * unless the factor is above the number of racks: then that many nodes more.
 */
#ifndef COLUMBA_RING_PLACEMENT_H
#define COLUMBA_RING_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "ring/topology.h"

/* In ring order, the owner of the range first if its data centre has replicas. */
struct replica_set {
    uint8_t count;
    uint16_t node[REPLICAS_MAX]; /* node indices */
};

/* One range of the ring, (after, up_to]. */
struct ring_range {
    uint64_t after;
    uint64_t up_to;
    uint16_t owner; /* the node whose token up_to is */
    const struct replica_set *replicas;
};

/* Lives as long as the topology. Never NULL, never empty. */
const struct replica_set *placement_replicas(const struct topology *topology, uint64_t token);

/* Ranges, ascending by up_to; the first wraps. index < placement_range_count. */
uint32_t placement_range_count(const struct topology *topology);
struct ring_range placement_range(const struct topology *topology, uint32_t index);
/* The index of the range that contains the token. */
uint32_t placement_range_of(const struct topology *topology, uint64_t token);

/* Share of the ring, 0 to 1, whose ranges end with a token of the node: sums to 1. */
double placement_ownership(const struct topology *topology, uint16_t node);
/* Share of all data of which the node is a replica, 0 to 1: sums to the number of replicas. */
double placement_ownership_effective(const struct topology *topology, uint16_t node);

/* The node's position in the set, -1 if it is not a replica. */
static inline int replica_set_position(const struct replica_set *replicas, uint16_t node)
{
    for (unsigned i = 0; i < replicas->count; i++) {
        if (replicas->node[i] == node) {
            return (int)i;
        }
    }
    return -1;
}

#endif
