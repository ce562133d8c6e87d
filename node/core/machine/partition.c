#include "node/core/machine/partition.h"

struct partition partition_of(const struct cluster *cluster, uint32_t kind, const struct id *id)
{
    uint64_t token = token_of_partition((enum partition_kind)kind, id);
    return (struct partition){.kind = kind,
                              .id = *id,
                              .token = token,
                              .replicas = placement_replicas(cluster->topology, token)};
}

int partition_position(const struct cluster *cluster, const struct partition *partition,
                       uint16_t node)
{
    for (unsigned i = 0; i < partition->replicas->count; i++) {
        if (partition_node(cluster, partition, i) == node) {
            return (int)i;
        }
    }
    return -1;
}

bool partition_is_here(const struct cluster *cluster, const struct partition *partition)
{
    return partition_position(cluster, partition, cluster->self) >= 0;
}

uint16_t partition_alive(const struct cluster *cluster, const struct partition *partition)
{
    uint16_t alive = 0;
    for (unsigned i = 0; i < partition->replicas->count; i++) {
        if (cluster_is_alive(cluster, partition_node(cluster, partition, i))) {
            alive |= (uint16_t)(1u << i);
        }
    }
    return alive;
}
