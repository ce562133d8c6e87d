/*
 * Suspicions. One that nobody confirms lasts long, for the accuser may be the slow one; each
 * independent confirmation shortens it (Lifeguard's dynamic timeout). Even the shortest leaves time
 * for the suspicion to reach the suspect and its refutation to come back, and both spread in a
 * logarithm of the members.
 *
 * Where too few are left to confirm anything, a suspicion is short at once.
 */
#include "base/assert.h"
#include "gossip/parts.h"

/* With fewer others alive, waiting for confirmations costs more than it tells. */
#define CONFIRMERS_MIN 5u

/* How far two confirmations bring a suspicion from its longest to its shortest:
 * log(confirmations + 1) / log(3), in thousandths. */
static const uint64_t shortened_permille[GOSSIP_SUSPECTERS_MAX] = {0, 631, 1000};

static uint64_t suspicion_ms(const struct gossip *gossip, const struct gossip_row *row)
{
    const struct gossip_config *config = &gossip->config;
    uint64_t half_periods = 2ull * config->suspicion_periods + gossip_magnitude(gossip);
    uint64_t shortest = config->probe_interval_ms * half_periods / 2;
    if (gossip_others_alive(gossip) < CONFIRMERS_MIN || row->suspecters_count == 0) {
        return shortest;
    }
    uint64_t more = shortest * (config->suspicion_stretch - 1);
    uint64_t kept = 1000 - shortened_permille[row->suspecters_count - 1];
    return shortest + more * kept / 1000;
}

static uint64_t ends_ms(const struct gossip *gossip, const struct gossip_row *row)
{
    uint64_t ends = row->since_ms + suspicion_ms(gossip, row);
    return ends > row->suspected_until_ms ? ends : row->suspected_until_ms;
}

/* Not in the past: that would look as if we had been called late. */
static void look_at(struct gossip *gossip, uint64_t at_ms)
{
    at_ms = at_ms > gossip->now_ms ? at_ms : gossip->now_ms;
    if (at_ms < gossip->suspects_at_ms) {
        gossip->suspects_at_ms = at_ms;
    }
}

void gossip_suspect_started(struct gossip *gossip, uint16_t slot)
{
    struct gossip_row *row = gossip_row(gossip, slot);
    row->reprieves = 0;
    row->suspected_until_ms = 0;
    look_at(gossip, ends_ms(gossip, row));
}

bool gossip_suspect_confirm(struct gossip *gossip, uint16_t slot, const uint32_t *suspecters,
                            size_t count)
{
    struct gossip_row *row = gossip_row(gossip, slot);
    size_t before = row->suspecters_count;
    for (size_t i = 0; i < count && row->suspecters_count < GOSSIP_SUSPECTERS_MAX; i++) {
        bool is_known = false;
        for (size_t j = 0; j < row->suspecters_count; j++) {
            is_known = is_known || row->suspecters[j] == suspecters[i];
        }
        if (!is_known) {
            row->suspecters[row->suspecters_count++] = suspecters[i];
        }
    }
    if (row->suspecters_count == before) {
        return false;
    }
    look_at(gossip, ends_ms(gossip, row));
    gossip_news_add(gossip, slot, false);
    return true;
}

bool gossip_suspect_is_over(const struct gossip *gossip, uint16_t slot)
{
    const struct gossip_row *row = &gossip->members.rows[slot];
    COLUMBA_ASSERT(row->status == GOSSIP_SUSPECT);
    return ends_ms(gossip, row) <= gossip->now_ms;
}

void gossip_suspect_plan(struct gossip *gossip)
{
    uint64_t next_ms = GOSSIP_NEVER;
    for (uint16_t slot = gossip->members.suspects.first; slot != GOSSIP_NONE;) {
        const struct gossip_row *row = gossip_row(gossip, slot);
        uint64_t ends = ends_ms(gossip, row);
        next_ms = ends < next_ms ? ends : next_ms;
        slot = row->next[GOSSIP_LINK_STATUS];
    }
    /* A suspicion also gets shorter when others that could confirm it die: so look again soon. */
    uint64_t soon = gossip->now_ms + gossip->config.probe_interval_ms;
    gossip->suspects_at_ms = next_ms != GOSSIP_NEVER && soon < next_ms ? soon : next_ms;
}

void gossip_suspect_reprieve(struct gossip *gossip, uint64_t until_ms)
{
    /* Bounded, so that a node that is always late still declares deaths. */
    enum { REPRIEVES_MAX = 2 };
    for (uint16_t slot = gossip->members.suspects.first; slot != GOSSIP_NONE;) {
        struct gossip_row *row = gossip_row(gossip, slot);
        if (row->reprieves < REPRIEVES_MAX && ends_ms(gossip, row) < until_ms) {
            row->suspected_until_ms = until_ms;
            row->reprieves++;
        }
        slot = row->next[GOSSIP_LINK_STATUS];
    }
}
