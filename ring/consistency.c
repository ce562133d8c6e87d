#include "ring/consistency.h"

#include <stddef.h>
#include <string.h>

#include "base/assert.h"
#include "ring/placement.h"
#include "ring/topology.h"

const char *consistency_name(enum consistency level)
{
    switch (level) {
#define X(name, number)                                                                            \
    case CONSISTENCY_##name:                                                                       \
        return #name;
        CONSISTENCY_TABLE(X)
#undef X
    }
    return "UNKNOWN";
}

static uint8_t ascii_upper(uint8_t letter)
{
    return letter >= 'a' && letter <= 'z' ? (uint8_t)(letter - ('a' - 'A')) : letter;
}

static bool name_equals_upper(struct slice name, const char *upper)
{
    if (name.size != strlen(upper)) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        if (ascii_upper(name.data[i]) != (uint8_t)upper[i]) {
            return false;
        }
    }
    return true;
}

bool consistency_from_name(struct slice name, enum consistency *out_level)
{
#define X(level_name, number)                                                                      \
    if (name_equals_upper(name, #level_name)) {                                                    \
        *out_level = CONSISTENCY_##level_name;                                                     \
        return true;                                                                               \
    }
    CONSISTENCY_TABLE(X)
#undef X
    return false;
}

bool consistency_from_number(uint32_t number, enum consistency *out_level)
{
    switch (number) {
#define X(name, value) case value:
        CONSISTENCY_TABLE(X)
#undef X
        *out_level = (enum consistency)number;
        return true;
    default:
        return false;
    }
}

static uint8_t quorum_of(uint8_t factor)
{
    return (uint8_t)(factor / 2 + 1);
}

static uint16_t positions_in(const struct topology *topology, const struct replica_set *replicas,
                             uint8_t datacenter)
{
    uint16_t positions = 0;
    for (unsigned i = 0; i < replicas->count; i++) {
        if (topology->nodes[replicas->node[i]].datacenter == datacenter) {
            positions = (uint16_t)(positions | 1u << i);
        }
    }
    return positions;
}

static void plan_add(struct consistency_plan *plan, uint16_t members, uint8_t needed)
{
    plan->groups[plan->group_count++] = (struct consistency_group){members, needed};
    plan->needed = (uint8_t)(plan->needed + needed);
}

static void plan_add_each(struct consistency_plan *plan, const struct topology *topology,
                          const struct replica_set *replicas)
{
    for (uint8_t i = 0; i < topology->datacenter_count; i++) {
        uint8_t factor = topology->datacenters[i].factor;
        if (factor > 0) {
            plan_add(plan, positions_in(topology, replicas, i), quorum_of(factor));
        }
    }
}

unsigned consistency_quorum(const struct topology *topology)
{
    return quorum_of(topology->factor_total);
}

void consistency_plan_init(struct consistency_plan *plan, const struct topology *topology,
                           const struct replica_set *replicas, enum consistency level,
                           uint8_t local_datacenter)
{
    COLUMBA_ASSERT(local_datacenter < topology->datacenter_count);
    const uint16_t everyone = (uint16_t)((1u << replicas->count) - 1);
    const uint16_t local = positions_in(topology, replicas, local_datacenter);
    *plan = (struct consistency_plan){0};
    switch (level) {
    case CONSISTENCY_ONE:
        plan_add(plan, everyone, 1);
        return;
    case CONSISTENCY_TWO:
        plan_add(plan, everyone, 2);
        return;
    case CONSISTENCY_THREE:
        plan_add(plan, everyone, 3);
        return;
    case CONSISTENCY_QUORUM:
    case CONSISTENCY_SERIAL:
        plan_add(plan, everyone, quorum_of(topology->factor_total));
        return;
    case CONSISTENCY_ALL:
        plan_add(plan, everyone, topology->factor_total);
        return;
    case CONSISTENCY_LOCAL_ONE:
        plan_add(plan, local, 1);
        return;
    case CONSISTENCY_LOCAL_QUORUM:
        plan_add(plan, local, quorum_of(topology->datacenters[local_datacenter].factor));
        return;
    case CONSISTENCY_EACH_QUORUM:
        plan_add_each(plan, topology, replicas);
        return;
    }
    COLUMBA_ASSERT(false && "a consistency level of the table");
}

static void count_out(unsigned *out_needed, unsigned *out_alive, unsigned needed, unsigned alive)
{
    if (out_needed != NULL) {
        *out_needed = needed;
    }
    if (out_alive != NULL) {
        *out_alive = alive;
    }
}

bool consistency_is_possible(const struct consistency_plan *plan, uint16_t alive,
                             unsigned *out_needed, unsigned *out_alive)
{
    unsigned alive_total = 0;
    for (unsigned i = 0; i < plan->group_count; i++) {
        const struct consistency_group *group = &plan->groups[i];
        unsigned group_alive = (unsigned)__builtin_popcount(alive & group->members);
        if (group_alive < group->needed) {
            count_out(out_needed, out_alive, group->needed, group_alive);
            return false;
        }
        alive_total += group_alive;
    }
    count_out(out_needed, out_alive, plan->needed, alive_total);
    return true;
}

uint16_t consistency_choose(const struct consistency_plan *plan, uint16_t alive,
                            const uint8_t *preference, unsigned count)
{
    uint16_t chosen = 0;
    for (unsigned i = 0; i < plan->group_count; i++) {
        const struct consistency_group *group = &plan->groups[i];
        unsigned missing = group->needed;
        for (unsigned at = 0; at < count && missing > 0; at++) {
            uint16_t bit = (uint16_t)(1u << preference[at]);
            if ((bit & alive & group->members & ~chosen) != 0) {
                chosen = (uint16_t)(chosen | bit);
                missing--;
            }
        }
    }
    return chosen;
}
