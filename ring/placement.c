/* Lookups in what ring_place has worked out. */
#include "ring/placement.h"

#include "base/assert.h"
#include "ring/ring.h"

uint32_t placement_range_of(const struct topology *topology, uint64_t token)
{
    const struct topology_ring *ring = topology->ring;
    uint32_t low = 0, high = ring->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ring->tokens[middle] < token) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == ring->count ? 0 : low;
}

const struct replica_set *placement_replicas(const struct topology *topology, uint64_t token)
{
    return &topology->ring->replicas[placement_range_of(topology, token)];
}

uint32_t placement_range_count(const struct topology *topology)
{
    return topology->ring->count;
}

struct ring_range placement_range(const struct topology *topology, uint32_t index)
{
    const struct topology_ring *ring = topology->ring;
    COLUMBA_ASSERT(index < ring->count);
    return (struct ring_range){
        .after = ring->tokens[index == 0 ? ring->count - 1 : index - 1],
        .up_to = ring->tokens[index],
        .owner = ring->owners[index],
        .replicas = &ring->replicas[index],
    };
}

double placement_ownership(const struct topology *topology, uint16_t node)
{
    COLUMBA_ASSERT(node < topology->node_count);
    return topology->ring->ownership[node];
}

double placement_ownership_effective(const struct topology *topology, uint16_t node)
{
    COLUMBA_ASSERT(node < topology->node_count);
    return topology->ring->ownership_effective[node];
}
