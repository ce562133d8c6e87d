/*
 * A partition and where it lives, worked out once for each request.
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_PARTITION_H
#define COLUMBA_NODE_CORE_MACHINE_PARTITION_H

#include "node/core/machine/cluster.h"
#include "ring/token.h"

struct partition {
    uint32_t kind; /* enum partition_kind */
    struct id id;
    uint64_t token;
    const struct replica_set *replicas; /* positions in the topology; bit i stands for the i-th */
};

struct partition partition_of(const struct cluster *cluster, uint32_t kind, const struct id *id);
static inline struct partition partition_conversation(const struct cluster *cluster,
                                                      const struct id *id)
{
    return partition_of(cluster, PARTITION_CONVERSATION, id);
}
static inline struct partition partition_user(const struct cluster *cluster, const struct id *id)
{
    return partition_of(cluster, PARTITION_USER, id);
}

/* The handle of the replica at a position, and back: -1 for a node that is none. */
static inline uint16_t partition_node(const struct cluster *cluster,
                                      const struct partition *partition, unsigned position)
{
    COLUMBA_ASSERT(position < partition->replicas->count);
    return cluster->handles[partition->replicas->node[position]];
}
int partition_position(const struct cluster *cluster, const struct partition *partition,
                       uint16_t node);
bool partition_is_here(const struct cluster *cluster, const struct partition *partition);
/* Positions whose node is alive. */
uint16_t partition_alive(const struct cluster *cluster, const struct partition *partition);
/* All positions. */
static inline uint16_t partition_all(const struct partition *partition)
{
    return (uint16_t)((1u << partition->replicas->count) - 1);
}

#endif
