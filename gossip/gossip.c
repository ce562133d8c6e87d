/*
 * The doors of a gossip object: see gossip.h. A packet is taken apart whole, then everything it
 * tells is judged, then its kind is acted on, so an answer already knows what was just heard.
 */
#include "gossip/gossip.h"

#include "base/assert.h"
#include "gossip/parts.h"

/* A day: longer than a weekend's repair is unusual, and a dead member costs a packet now and then.
 */
#define FORGET_PERIODS 86400u
#define INTERVAL_MAX_MS 600000u
#define INDIRECT_PROBES_MAX 8u
#define MULTIPLIER_MAX 64u

void gossip_config_defaults(struct gossip_config *config, uint32_t probe_interval_ms)
{
    *config = (struct gossip_config){
        .probe_interval_ms = probe_interval_ms,
        .probe_timeout_ms = probe_interval_ms * 2 / 5,
        .indirect_probes = 3,
        .suspicion_periods = 4,
        .suspicion_stretch = 6,
        .retransmit_factor = 2,
        .sync_interval_ms = probe_interval_ms,
        .reconnect_interval_ms = probe_interval_ms * 5,
        .forget_ms = (uint64_t)probe_interval_ms * FORGET_PERIODS,
    };
}

static bool is_between(uint64_t value, uint64_t low, uint64_t high)
{
    return low <= value && value <= high;
}

static bool config_is_valid(const struct gossip_config *config)
{
    for (size_t i = 0; i < config->seeds_count && i < GOSSIP_SEEDS_MAX; i++) {
        if (!gossip_address_is_valid(&config->seeds[i])) {
            return false;
        }
    }
    for (size_t i = 1; i < config->hosts_count && i < NODES_MAX; i++) {
        if (id_compare(&config->hosts[i - 1], &config->hosts[i]) >= 0) {
            return false;
        }
    }
    return !id_is_zero(&config->host) && config->hosts_count <= NODES_MAX &&
           gossip_address_is_valid(&config->address) && config->seeds_count <= GOSSIP_SEEDS_MAX &&
           config->incarnation < GOSSIP_INCARNATION_MAX &&
           is_between(config->probe_interval_ms, 2, INTERVAL_MAX_MS) &&
           is_between(config->probe_timeout_ms, 1, config->probe_interval_ms - 1) &&
           config->indirect_probes <= INDIRECT_PROBES_MAX &&
           is_between(config->suspicion_periods, 1, MULTIPLIER_MAX) &&
           is_between(config->suspicion_stretch, 1, MULTIPLIER_MAX) &&
           is_between(config->retransmit_factor, 1, MULTIPLIER_MAX) &&
           is_between(config->sync_interval_ms, 1, INTERVAL_MAX_MS) &&
           is_between(config->reconnect_interval_ms, 1, 60ull * INTERVAL_MAX_MS) &&
           config->forget_ms >= config->probe_interval_ms;
}

static void random_id(struct random *random, struct id *out_id)
{
    for (size_t i = 0; i < ID_BYTES; i++) {
        out_id->bytes[i] = (uint8_t)random_next(random);
    }
}

enum columba_error gossip_create(struct memory *memory, const struct gossip_config *config,
                                 uint64_t now_ms, struct gossip **out_gossip)
{
    if (!config_is_valid(config)) {
        return ERR_INVALID;
    }
    struct gossip *gossip = memory_allocate(memory, sizeof *gossip);
    if (gossip == NULL) {
        return ERR_NO_MEMORY;
    }
    /* The tables behind it are filled as they are used: most clusters touch little of them. */
    memset(gossip, 0, offsetof(struct gossip, members));
    gossip->memory = memory;
    gossip->config = *config;
    gossip->config.seeds = NULL;
    gossip->config.hosts = NULL;
    if (config->hosts_count > 0) {
        memcpy(gossip->hosts, config->hosts, config->hosts_count * sizeof gossip->hosts[0]);
    }
    for (size_t i = 0; i < config->seeds_count; i++) {
        gossip->seeds[i] = config->seeds[i];
    }
    random_init(&gossip->random, config->random_seed);
    random_init(&gossip->sync_random, ~config->random_seed);
    gossip->now_ms = now_ms;
    gossip->suspects_at_ms = GOSSIP_NEVER;
    for (size_t i = 0; i < GOSSIP_NEWS_LISTS; i++) {
        gossip_list_init(&gossip->news[i]);
    }
    gossip_members_init(&gossip->members, memory, random_next(&gossip->random));
    random_id(&gossip->random, &gossip->sync_begin);
    /* Nodes that start together do not act in step. */
    gossip->probe_at_ms = now_ms + random_below(&gossip->random, config->probe_interval_ms);
    gossip->sync_at_ms = now_ms;
    gossip->young_until_ms = now_ms + (uint64_t)config->sync_interval_ms * GOSSIP_YOUNG_SYNCS;
    gossip->reconnect_at_ms = now_ms + config->reconnect_interval_ms;
    gossip_judge_init(gossip);
    *out_gossip = gossip;
    return COLUMBA_OK;
}

void gossip_destroy(struct gossip *gossip)
{
    if (gossip != NULL) {
        gossip_members_clear(&gossip->members);
        memory_release(gossip->memory, gossip);
    }
}

static void time_note(struct gossip *gossip, uint64_t now_ms)
{
    if (now_ms > gossip->now_ms) {
        gossip->now_ms = now_ms;
    }
}

static bool packet_is_for_us(struct gossip *gossip, enum gossip_verdict verdict,
                             const struct gossip_packet *packet)
{
    struct gossip_counters *counters = &gossip->counters;
    if (verdict != GOSSIP_PACKET_GOOD) {
        counters->packets_malformed += verdict == GOSSIP_PACKET_MALFORMED;
        counters->packets_damaged += verdict == GOSSIP_PACKET_DAMAGED;
        counters->packets_other_version += verdict == GOSSIP_PACKET_OTHER_VERSION;
        return false;
    }
    if (packet->cluster_hash != gossip->config.cluster_hash) {
        counters->packets_other_cluster++;
        return false;
    }
    if (id_equal(&packet->sender.host, &gossip->config.host)) {
        counters->packets_misdirected++;
        counters->host_conflicts +=
            !gossip_address_equal(&packet->sender.address, &gossip->config.address);
        return false;
    }
    if (!gossip_knows_host(gossip, &packet->sender.host)) {
        counters->strangers_refused++;
        return false;
    }
    return true;
}

void gossip_wall(struct gossip *gossip, uint64_t now_ms, uint64_t unix_ms)
{
    time_note(gossip, now_ms);
    gossip_clocks_wall(&gossip->clocks, gossip->now_ms, unix_ms);
    gossip_clocks_judge(&gossip->clocks, gossip->now_ms);
}

void gossip_receive(struct gossip *gossip, uint64_t now_ms, const struct gossip_address *from,
                    struct slice packet_bytes)
{
    struct gossip_packet packet;
    time_note(gossip, now_ms);
    gossip->counters.packets_received++;
    enum gossip_verdict verdict = gossip_packet_decode(packet_bytes, &packet);
    if (!packet_is_for_us(gossip, verdict, &packet)) {
        return;
    }
    gossip_judge(gossip, &packet.sender);
    if (packet.has_receiver) {
        gossip_judge(gossip, &packet.receiver);
    }
    for (size_t i = 0; i < packet.records_count + packet.news_count; i++) {
        gossip_judge(gossip, &packet.records[i]);
    }
    uint16_t sender = gossip_members_find(&gossip->members, &packet.sender.host);
    gossip_probe_receive(gossip, sender, from, &packet);
    gossip_sync_receive(gossip, sender, from, &packet);
    gossip_sync_request(gossip, sender, from, &packet);
    gossip_clocks_judge(&gossip->clocks, gossip->now_ms);
}

/*
 * We were called late: answers may be waiting unread while their time has run out. Whoever would
 * be blamed for that gets half an interval more, and a bounded number of times.
 */
static void stall_note(struct gossip *gossip)
{
    uint32_t half_ms = gossip->config.probe_interval_ms / 2;
    if (gossip->now_ms <= gossip_next_deadline(gossip) + half_ms) {
        return;
    }
    gossip->counters.stalls++;
    gossip_health_move(gossip, 1);
    gossip_probe_reprieve(gossip, gossip->now_ms + half_ms);
    gossip_suspect_reprieve(gossip, gossip->now_ms + half_ms);
}

static void departed_forget(struct gossip *gossip)
{
    uint16_t oldest = gossip->members.departed.first;
    if (oldest != GOSSIP_NONE && oldest != gossip->self &&
        gossip->now_ms - gossip_row(gossip, oldest)->since_ms > gossip->config.forget_ms) {
        gossip_judge_forget(gossip, oldest);
    }
}

void gossip_tick(struct gossip *gossip, uint64_t now_ms)
{
    time_note(gossip, now_ms);
    stall_note(gossip);
    gossip_probe_tick(gossip);
    gossip_judge_suspects(gossip);
    gossip_judge_own(gossip);
    gossip_sync_tick(gossip);
    departed_forget(gossip);
}

uint64_t gossip_next_deadline(const struct gossip *gossip)
{
    uint64_t deadline = gossip_probe_deadline(gossip);
    uint64_t sync_ms = gossip_sync_deadline(gossip);
    deadline = sync_ms < deadline ? sync_ms : deadline;
    return gossip->suspects_at_ms < deadline ? gossip->suspects_at_ms : deadline;
}

bool gossip_packet_next(struct gossip *gossip, struct gossip_address *out_to,
                        struct slice *out_packet)
{
    if (gossip->outgoing_count == 0) {
        return false;
    }
    const struct gossip_outgoing *outgoing = &gossip->outgoing[gossip->outgoing_first];
    *out_to = outgoing->to;
    *out_packet = slice_of(outgoing->bytes, outgoing->size);
    gossip->outgoing_first = (gossip->outgoing_first + 1) % GOSSIP_PACKETS_MAX;
    gossip->outgoing_count--;
    return true;
}

bool gossip_change_next(struct gossip *gossip, struct gossip_change *out_change)
{
    struct gossip_list *changes = &gossip->members.changes;
    uint16_t slot = changes->first;
    if (slot == GOSSIP_NONE) {
        return false;
    }
    struct gossip_row *row = gossip_row(gossip, slot);
    gossip_list_remove(&gossip->members, changes, GOSSIP_LINK_CHANGES, slot);
    *out_change = (struct gossip_change){
        .host = row->host,
        .address = row->address,
        .status = row->status,
        .incarnation = row->incarnation,
        .status_changed = row->status_changed,
        .state_changed = row->state_changed,
    };
    row->status_changed = false;
    row->state_changed = false;
    return true;
}

enum columba_error gossip_state_set(struct gossip *gossip, enum gossip_key key, struct slice value)
{
    if (value.size > gossip_key_max_bytes(key)) {
        return ERR_TOO_LARGE;
    }
    struct gossip_row *self = gossip_row(gossip, gossip->self);
    struct slice old = gossip_state_get(&self->state, key);
    if (old.data != NULL && slice_equal(old, value)) {
        return COLUMBA_OK;
    }
    uint64_t version = self->state.version + 1;
    uint8_t buffer[GOSSIP_STATE_MAX_BYTES];
    struct writer writer = writer_of(buffer, sizeof buffer);
    writer_u8(&writer, (uint8_t)key);
    writer_varint(&writer, version);
    writer_sized(&writer, value);
    return gossip_state_merge(&self->state, gossip->members.memory, writer_done(&writer), version,
                              false);
}

void gossip_hint_unreachable(struct gossip *gossip, uint64_t now_ms, const struct id *host)
{
    time_note(gossip, now_ms);
    uint16_t slot = gossip_members_find(&gossip->members, host);
    if (slot != GOSSIP_NONE && slot != gossip->self && !gossip->has_left &&
        gossip_row(gossip, slot)->status <= GOSSIP_SUSPECT) {
        gossip_probe_now(gossip, slot);
    }
}

void gossip_leave(struct gossip *gossip, uint64_t now_ms)
{
    time_note(gossip, now_ms);
    if (gossip->has_left) {
        return;
    }
    gossip->has_left = true;
    gossip_judge_status(gossip, gossip->self, GOSSIP_LEFT);
    gossip_sync_farewell(gossip);
}

const struct gossip_counters *gossip_counters(const struct gossip *gossip)
{
    return &gossip->counters;
}
