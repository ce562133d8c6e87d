/*
 * Probing: SWIM's failure detector. Once an interval the next member of a shuffled round is pinged;
 * without an answer a few others are asked to ping it; without any answer it is suspected.
 *
 * Local health (Lifeguard): an asked member that stays silent altogether, or a suspicion about
 * ourselves, says that we may be the slow one, and a probe then lasts longer. Only its length
 * grows, not the interval between probes, so that in a small cluster a death is still found soon;
 * probes overlap instead.
 */
#include "gossip/parts.h"

#include "base/assert.h"

static uint32_t sequence_make(struct gossip *gossip, unsigned slot)
{
    uint32_t high = (uint32_t)random_next(&gossip->random) * GOSSIP_SEQUENCE_SLOTS;
    return high | slot;
}

static void ping_send(struct gossip *gossip, uint16_t to, uint32_t sequence)
{
    const struct gossip_row *row = gossip_row(gossip, to);
    struct gossip_post post;
    if (gossip_post_begin(gossip, GOSSIP_PING, to, &row->address, &post)) {
        writer_u32(&post.writer, sequence);
        writer_id(&post.writer, &row->host);
        gossip_post_end(gossip, &post);
    }
}

/* With the target's whole record: a member that joined of late may not have heard of it. */
static void ping_request_send(struct gossip *gossip, uint16_t to, uint32_t sequence,
                              const struct gossip_row *target)
{
    struct gossip_post post;
    if (gossip_post_begin(gossip, GOSSIP_PING_REQUEST, to, &gossip_row(gossip, to)->address,
                          &post)) {
        struct gossip_record record = gossip_row_record(target);
        writer_u32(&post.writer, sequence);
        gossip_record_write(&post.writer, &record);
        gossip_post_end(gossip, &post);
    }
}

/* An ACK, with our clock, or a NACK. */
static void answer_send(struct gossip *gossip, enum gossip_packet_kind kind, uint16_t to,
                        const struct gossip_address *address, uint32_t sequence)
{
    struct gossip_post post;
    if (gossip_post_begin(gossip, kind, to, address, &post)) {
        writer_u32(&post.writer, sequence);
        if (kind == GOSSIP_ACK) {
            writer_varint(&post.writer, gossip_unix_ms(gossip));
        }
        gossip_post_end(gossip, &post);
    }
}

static bool probe_is_open(const struct gossip *gossip, const struct id *target)
{
    for (size_t i = 0; i < GOSSIP_PROBES_MAX; i++) {
        if (gossip->probes[i].is_open && id_equal(&gossip->probes[i].target, target)) {
            return true;
        }
    }
    return false;
}

void gossip_probe_now(struct gossip *gossip, uint16_t slot)
{
    const struct gossip_row *row = gossip_row(gossip, slot);
    unsigned free = 0;
    while (free < GOSSIP_PROBES_MAX && gossip->probes[free].is_open) {
        free++;
    }
    if (free == GOSSIP_PROBES_MAX || probe_is_open(gossip, &row->host)) {
        return;
    }
    uint64_t patience = gossip->health + 1;
    struct gossip_probe *probe = &gossip->probes[free];
    *probe = (struct gossip_probe){
        .is_open = true,
        .sequence = sequence_make(gossip, free),
        .target = row->host,
        .incarnation = row->incarnation,
        .asked_ms = gossip->now_ms,
        .indirect_at_ms = gossip->now_ms + gossip->config.probe_timeout_ms * patience,
        .fails_at_ms = gossip->now_ms + gossip->config.probe_interval_ms * patience,
    };
    gossip->counters.probes++;
    ping_send(gossip, slot, probe->sequence);
}

static void probe_next(struct gossip *gossip)
{
    for (unsigned rounds = 0; rounds < 2; rounds++) {
        for (;;) {
            uint16_t slot = gossip_round_next(gossip);
            if (slot == GOSSIP_NONE) {
                break;
            }
            if (!probe_is_open(gossip, &gossip_row(gossip, slot)->host)) {
                gossip_probe_now(gossip, slot);
                return;
            }
        }
        gossip_round_begin(gossip);
    }
}

static void probe_ask_others(struct gossip *gossip, struct gossip_probe *probe)
{
    const struct gossip_members *members = &gossip->members;
    probe->asked_others = true;
    gossip->counters.probes_indirect++;
    uint16_t target = gossip_members_find(members, &probe->target);
    if (target == GOSSIP_NONE) {
        return;
    }
    uint16_t place = (uint16_t)random_below(&gossip->random, members->count);
    for (uint16_t i = 0; i < members->count && probe->relays < gossip->config.indirect_probes;
         i++) {
        uint16_t slot = members->order[(place + i) % members->count];
        const struct gossip_row *row = &members->rows[slot];
        if (slot != gossip->self && slot != target && row->status == GOSSIP_ALIVE) {
            ping_request_send(gossip, slot, probe->sequence, gossip_row(gossip, target));
            probe->relays++;
        }
    }
}

static void probe_fail(struct gossip *gossip, struct gossip_probe *probe)
{
    probe->is_open = false;
    gossip->counters.probes_failed++;
    if (probe->nacks < probe->relays) {
        gossip_health_move(gossip, 1);
    }
    uint16_t slot = gossip_members_find(&gossip->members, &probe->target);
    if (slot == GOSSIP_NONE) {
        return;
    }
    const struct gossip_row *row = gossip_row(gossip, slot);
    /* A higher incarnation is a sign of life younger than the ping. */
    if (row->status <= GOSSIP_SUSPECT && row->incarnation == probe->incarnation) {
        gossip_judge_silent(gossip, slot);
    }
}

static void relay_tick(struct gossip *gossip, struct gossip_relay *relay)
{
    if (!relay->is_nacked && gossip->now_ms >= relay->nack_at_ms) {
        relay->is_nacked = true;
        uint16_t asker = gossip_members_find(&gossip->members, &relay->asker);
        answer_send(gossip, GOSSIP_NACK, asker, &relay->asker_address, relay->asker_sequence);
    }
    if (gossip->now_ms >= relay->ends_at_ms) {
        relay->is_open = false;
    }
}

void gossip_probe_tick(struct gossip *gossip)
{
    for (size_t i = 0; i < GOSSIP_PROBES_MAX; i++) {
        struct gossip_probe *probe = &gossip->probes[i];
        if (probe->is_open && gossip->now_ms >= probe->fails_at_ms) {
            probe_fail(gossip, probe);
        } else if (probe->is_open && !probe->asked_others &&
                   gossip->now_ms >= probe->indirect_at_ms) {
            probe_ask_others(gossip, probe);
        }
    }
    for (size_t i = 0; i < GOSSIP_RELAYS_MAX; i++) {
        if (gossip->relays[i].is_open) {
            relay_tick(gossip, &gossip->relays[i]);
        }
    }
    if (gossip->now_ms >= gossip->probe_at_ms && !gossip->has_left) {
        uint64_t next_ms = gossip->probe_at_ms + gossip->config.probe_interval_ms;
        bool is_late = next_ms <= gossip->now_ms;
        gossip->probe_at_ms = is_late ? gossip->now_ms + gossip->config.probe_interval_ms : next_ms;
        probe_next(gossip);
    }
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t gossip_probe_deadline(const struct gossip *gossip)
{
    uint64_t deadline = gossip->has_left ? GOSSIP_NEVER : gossip->probe_at_ms;
    for (size_t i = 0; i < GOSSIP_PROBES_MAX; i++) {
        const struct gossip_probe *probe = &gossip->probes[i];
        if (probe->is_open) {
            deadline = sooner(deadline, probe->fails_at_ms);
            deadline = sooner(deadline, probe->asked_others ? GOSSIP_NEVER : probe->indirect_at_ms);
        }
    }
    for (size_t i = 0; i < GOSSIP_RELAYS_MAX; i++) {
        const struct gossip_relay *relay = &gossip->relays[i];
        if (relay->is_open) {
            deadline = sooner(deadline, relay->is_nacked ? relay->ends_at_ms : relay->nack_at_ms);
        }
    }
    return deadline;
}

void gossip_probe_reprieve(struct gossip *gossip, uint64_t until_ms)
{
    for (size_t i = 0; i < GOSSIP_PROBES_MAX; i++) {
        struct gossip_probe *probe = &gossip->probes[i];
        if (probe->is_open && !probe->is_reprieved && probe->fails_at_ms < until_ms) {
            probe->fails_at_ms = until_ms;
            probe->is_reprieved = true;
        }
    }
}

/* A member asks us to ping another for it. */
static void relay_open(struct gossip *gossip, uint16_t sender, const struct gossip_address *from,
                       const struct gossip_packet *packet)
{
    uint16_t target = gossip_members_find(&gossip->members, &packet->records[0].host);
    if (target == gossip->self || target == GOSSIP_NONE) {
        enum gossip_packet_kind kind = target == gossip->self ? GOSSIP_ACK : GOSSIP_NACK;
        answer_send(gossip, kind, sender, from, packet->sequence);
        return;
    }
    unsigned at = gossip->relay_next++ % GOSSIP_RELAYS_MAX;
    const struct gossip_config *config = &gossip->config;
    /* The answer should reach the asker before it gives up: a fifth of the time is for its way. */
    gossip->relays[at] = (struct gossip_relay){
        .is_open = true,
        .sequence = sequence_make(gossip, GOSSIP_PROBES_MAX + at),
        .asker_sequence = packet->sequence,
        .asker = packet->sender.host,
        .asker_address = *from,
        .nack_at_ms = gossip->now_ms + config->probe_timeout_ms * 4ull / 5,
        .ends_at_ms = gossip->now_ms + config->probe_interval_ms * 2ull,
    };
    ping_send(gossip, target, gossip->relays[at].sequence);
}

static void probe_answered(struct gossip *gossip, struct gossip_probe *probe,
                           const struct gossip_packet *packet)
{
    bool is_target = id_equal(&packet->sender.host, &probe->target);
    if (!probe->is_open || probe->sequence != packet->sequence ||
        (!is_target && !probe->asked_others)) {
        return;
    }
    probe->is_open = false;
    gossip_health_move(gossip, -1);
    if (is_target) {
        gossip->counters.clocks_heard += gossip_clocks_hear(
            &gossip->clocks, &probe->target, probe->asked_ms, gossip->now_ms, packet->unix_ms);
    }
}

static void ack_receive(struct gossip *gossip, const struct gossip_packet *packet)
{
    unsigned at = packet->sequence % GOSSIP_SEQUENCE_SLOTS;
    if (at < GOSSIP_PROBES_MAX) {
        probe_answered(gossip, &gossip->probes[at], packet);
        return;
    }
    at -= GOSSIP_PROBES_MAX;
    if (at >= GOSSIP_RELAYS_MAX) {
        return;
    }
    struct gossip_relay *relay = &gossip->relays[at];
    if (relay->is_open && relay->sequence == packet->sequence) {
        relay->is_open = false;
        uint16_t asker = gossip_members_find(&gossip->members, &relay->asker);
        answer_send(gossip, GOSSIP_ACK, asker, &relay->asker_address, relay->asker_sequence);
    }
}

static void nack_receive(struct gossip *gossip, const struct gossip_packet *packet)
{
    unsigned at = packet->sequence % GOSSIP_SEQUENCE_SLOTS;
    if (at < GOSSIP_PROBES_MAX && gossip->probes[at].is_open &&
        gossip->probes[at].sequence == packet->sequence) {
        gossip->probes[at].nacks++;
    }
}

void gossip_probe_receive(struct gossip *gossip, uint16_t sender, const struct gossip_address *from,
                          const struct gossip_packet *packet)
{
    switch (packet->kind) {
    case GOSSIP_PING:
        if (id_equal(&packet->target, &gossip->config.host)) {
            answer_send(gossip, GOSSIP_ACK, sender, from, packet->sequence);
        } else {
            gossip->counters.packets_misdirected++;
        }
        break;
    case GOSSIP_PING_REQUEST:
        relay_open(gossip, sender, from, packet);
        break;
    case GOSSIP_ACK:
        ack_receive(gossip, packet);
        break;
    case GOSSIP_NACK:
        nack_receive(gossip, packet);
        break;
    default:
        break;
    }
}
