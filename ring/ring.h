/*
 * The ring inside a topology: parallel arrays, one entry for each token, ascending. Filled by
 * topology_create (tokens, owners) and ring_place (the rest); read through placement.h.
 */
#ifndef COLUMBA_RING_RING_H
#define COLUMBA_RING_RING_H

#include <stdint.h>

#include "base/arena.h"
#include "ring/placement.h"
#include "ring/topology.h"

struct topology_ring {
    uint32_t count;
    uint64_t *tokens;
    uint16_t *owners;
    struct replica_set *replicas;
    double *ownership;           /* for each node */
    double *ownership_effective; /* for each node */
};

/* Works out replicas and ownership from tokens and owners. Memory for the results comes from
 * `kept`, for the work from `scratch`. False: out of memory. */
bool ring_place(const struct topology *topology, struct topology_ring *ring, struct arena *kept,
                struct arena *scratch);

#endif
