/*
 * The round of probing: every member that may be alive, in random order, each once; then another.
 * A member so found dead is found within one round, not only on average (SWIM, section 4.3).
 */
#include "base/assert.h"
#include "gossip/parts.h"

static bool is_probed(const struct gossip *gossip, uint16_t slot)
{
    const struct gossip_row *row = &gossip->members.rows[slot];
    return slot != gossip->self && row->is_used && row->status <= GOSSIP_SUSPECT;
}

void gossip_round_join(struct gossip *gossip, uint16_t slot)
{
    if (gossip->probe_count == NODES_MAX) {
        return; /* it is in the next round */
    }
    COLUMBA_ASSERT(gossip->probe_place <= gossip->probe_count);
    uint32_t behind = (uint32_t)(gossip->probe_count - gossip->probe_place) + 1;
    uint16_t place = (uint16_t)(gossip->probe_place + random_below(&gossip->random, behind));
    gossip->probe_order[gossip->probe_count++] = gossip->probe_order[place];
    gossip->probe_order[place] = slot;
}

uint16_t gossip_round_next(struct gossip *gossip)
{
    while (gossip->probe_place < gossip->probe_count) {
        uint16_t slot = gossip->probe_order[gossip->probe_place++];
        if (is_probed(gossip, slot)) {
            return slot;
        }
    }
    return GOSSIP_NONE;
}

void gossip_round_begin(struct gossip *gossip)
{
    gossip->probe_place = 0;
    gossip->probe_count = 0;
    for (uint16_t i = 0; i < gossip->members.count; i++) {
        uint16_t slot = gossip->members.order[i];
        if (is_probed(gossip, slot)) {
            gossip_round_join(gossip, slot);
        }
    }
}
