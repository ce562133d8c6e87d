/* What both allocations use. */
#ifndef COLUMBA_RING_ALLOCATION_PARTS_H
#define COLUMBA_RING_ALLOCATION_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "ring/allocation.h"

/* The largest cluster has 262,144 tokens; neither allocation keeps more than 64 bytes for one. */
#define ALLOCATION_MEMORY_MAX_BYTES (24u * MIB)

/* A small seeded generator (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", 2014): the same numbers on every machine. */
static inline uint64_t allocation_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t mixed = *state;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

/* Below `bound` (above 0); the bias of 2^-32 and less does not matter here. */
static inline uint32_t allocation_random_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)((allocation_random(state) >> 32) * bound >> 32);
}

/* numerator / denominator of the ring, where numerator < denominator. */
static inline uint64_t allocation_fraction(uint64_t numerator, uint64_t denominator)
{
    return (uint64_t)(((unsigned __int128)numerator << 64) / denominator);
}

static inline bool allocation_request_is_valid(const struct allocation_request *request)
{
    if (request->node_count == 0 || request->node_count > NODES_MAX ||
        request->tokens_per_node == 0 || request->tokens_per_node > TOKENS_PER_NODE_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < request->node_count; i++) {
        if (request->nodes[i].datacenter >= DATACENTERS_MAX) {
            return false;
        }
    }
    for (unsigned i = 0; i < DATACENTERS_MAX; i++) {
        if (request->factors[i] > REPLICAS_MAX) {
            return false;
        }
    }
    return true;
}

#endif
