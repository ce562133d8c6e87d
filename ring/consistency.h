/*
 * Consistency levels: how many replicas have to answer before a read or write is done.
 *
 * Happy path: make a plan once for a request (consistency_plan_init), ask whether it can succeed
 * with those alive (consistency_is_possible), then on every answer set the replica's bit and ask
 * consistency_is_met. Bit i of a bitmap stands for replicas->node[i].
 *
 * Needed numbers come from the keyspace's factors, not from the replicas that exist: with factor 3
 * on a single node QUORUM is never possible.
 */
#ifndef COLUMBA_RING_CONSISTENCY_H
#define COLUMBA_RING_CONSISTENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/slice.h"

struct topology;
struct replica_set;

/* X(NAME, number): numbers are on the wire, those of Cassandra's native protocol. 0 is free for
 * "the keyspace's default". */
#define CONSISTENCY_TABLE(X)                                                                       \
    X(ONE, 1)                                                                                      \
    X(TWO, 2)                                                                                      \
    X(THREE, 3)                                                                                    \
    X(QUORUM, 4)                                                                                   \
    X(ALL, 5)                                                                                      \
    X(LOCAL_QUORUM, 6)                                                                             \
    X(EACH_QUORUM, 7)                                                                              \
    X(SERIAL, 8) /* compare-and-set: a quorum over all data centres */                             \
    X(LOCAL_ONE, 10)

enum consistency {
#define X(name, number) CONSISTENCY_##name = (number),
    CONSISTENCY_TABLE(X)
#undef X
};

/* "LOCAL_QUORUM"; "UNKNOWN" for a number that is not in the table. */
const char *consistency_name(enum consistency level);
/* Any case; true if it was a level. */
bool consistency_from_name(struct slice name, enum consistency *out_level);
/* Numbers off the wire; true if it was a level. */
bool consistency_from_number(uint32_t number, enum consistency *out_level);

/* What a quorum of a partition's replicas is: from the keyspace's factors, like every needed
 * number. */
unsigned consistency_quorum(const struct topology *topology);

/* So many of these replicas. */
struct consistency_group {
    uint16_t members; /* bitmap over the positions of the replica set */
    uint8_t needed;
};

/* Met when every group is. One group, but for EACH_QUORUM (one for each data centre with
 * replicas). */
struct consistency_plan {
    uint8_t group_count;
    uint8_t needed; /* over all groups */
    struct consistency_group groups[DATACENTERS_MAX];
};

/* local_datacenter: the coordinator's, for LOCAL_*. */
void consistency_plan_init(struct consistency_plan *plan, const struct topology *topology,
                           const struct replica_set *replicas, enum consistency level,
                           uint8_t local_datacenter);

static inline bool consistency_is_met(const struct consistency_plan *plan, uint16_t acked)
{
    for (unsigned i = 0; i < plan->group_count; i++) {
        const struct consistency_group *group = &plan->groups[i];
        if (__builtin_popcount(acked & group->members) < group->needed) {
            return false;
        }
    }
    return true;
}

/* Could be met if all of `alive` answer. The out parameters (both may be NULL) are set either way:
 * those of the first group that falls short, else the sums over all groups. */
bool consistency_is_possible(const struct consistency_plan *plan, uint16_t alive,
                             unsigned *out_needed, unsigned *out_alive);

/* The fewest replicas that can meet the plan, taken from `alive` in the order of `preference`
 * (positions, `count` of them). Where the plan is not possible: all that could count towards it. */
uint16_t consistency_choose(const struct consistency_plan *plan, uint16_t alive,
                            const uint8_t *preference, unsigned count);

_Static_assert(REPLICAS_MAX <= 16, "replica bitmaps are uint16_t");

#endif
