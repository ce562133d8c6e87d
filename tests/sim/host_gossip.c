/* The host's part in gossip: datagrams in and out, and what it tells the core about peers. */
#include "tests/sim/host.h"

#include "base/assert.h"

#define PROBE_INTERVAL_MS 200u
#define GOSSIP_PORT 7412u
#define CLUSTER_HASH 0x5157u

static struct gossip_address address_of(uint32_t index)
{
    return (struct gossip_address){
        .family = 4, .bytes = {10, 0, 0, (uint8_t)(index + 1)}, .port = GOSSIP_PORT};
}

static void take_changes(struct host *host)
{
    struct gossip_change change;
    while (gossip_change_next(host->gossip, &change)) {
        uint16_t node = topology_node_by_host(host->world->topology, &change.host);
        COLUMBA_ASSERT(node != TOPOLOGY_NODE_NONE);
        bool is_alive = change.status == GOSSIP_ALIVE || change.status == GOSSIP_SUSPECT;
        if (host->is_peer_alive[node] != is_alive) {
            trace_note(&host->world->trace, "host %u: host %u is %s", host->index, node,
                       gossip_status_text(change.status));
            host->is_peer_alive[node] = is_alive;
            host_peer_report(host, node);
        }
    }
}

static void drain(struct host *host)
{
    struct gossip_address to;
    struct slice packet;
    while (gossip_packet_next(host->gossip, &to, &packet)) {
        if (host->is_listening) {
            network_datagram(host->world->network, host->index, to.bytes[3] - 1u, packet);
        }
    }
    take_changes(host);
    host_clock_judge(host);
}

void host_gossip_start(struct host *host)
{
    struct gossip_address seeds[2];
    for (uint32_t i = 0; i < 2; i++) {
        seeds[i] = address_of((host->index + 1u + i) % host->world->plan.node_count);
    }
    struct id hosts[HOSTS_MAX];
    for (uint16_t i = 0; i < host->world->plan.node_count; i++) {
        hosts[i] = host->world->topology->nodes[i].host_id;
    }
    struct gossip_config config;
    gossip_config_defaults(&config, PROBE_INTERVAL_MS);
    config.host = host->world->topology->nodes[host->index].host_id;
    config.address = address_of(host->index);
    config.cluster_hash = CLUSTER_HASH;
    config.seeds = seeds;
    config.seeds_count = 2;
    config.hosts = hosts;
    config.hosts_count = host->world->plan.node_count;
    config.random_seed = random_u64(&host->random);
    config.incarnation = host_unix_ms(host);
    enum columba_error error =
        gossip_create(&host->gossip_memory.memory, &config, host_monotonic_ms(host), &host->gossip);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    memset(host->is_peer_alive, 0, sizeof host->is_peer_alive);
    drain(host);
}

void host_gossip_stop(struct host *host)
{
    gossip_destroy(host->gossip);
    host->gossip = NULL;
    if (host->gossip_memory.blocks != 0) {
        findings_add(&host->world->findings, "host %u: gossip leaks %llu blocks, %llu B",
                     host->index, (unsigned long long)host->gossip_memory.blocks,
                     (unsigned long long)host->gossip_memory.bytes);
    }
}

void host_gossip_input(struct host *host, const struct input *input)
{
    struct gossip_address from = address_of(input->from);
    if (!host->is_listening) {
        return;
    }
    host_clock_tell(host);
    gossip_receive(host->gossip, host_monotonic_ms(host), &from,
                   slice_of(input->bytes, input->size));
    drain(host);
}

void host_gossip_tick(struct host *host)
{
    if (gossip_next_deadline(host->gossip) <= host_monotonic_ms(host)) {
        host_clock_tell(host);
        gossip_tick(host->gossip, host_monotonic_ms(host));
        drain(host);
    }
}

void host_gossip_unreachable(struct host *host, uint16_t node)
{
    gossip_hint_unreachable(host->gossip, host_monotonic_ms(host),
                            &host->world->topology->nodes[node].host_id);
    drain(host);
}

bool host_sees_all(const struct host *host)
{
    uint32_t alive = 0;
    for (uint16_t node = 0; node < host->world->plan.node_count; node++) {
        bool is_expected = !world_is_lost(host->world, node);
        if (node != host->index && host->is_peer_alive[node] != is_expected) {
            return false;
        }
        alive += is_expected;
    }
    return gossip_alive_count(host->gossip) == alive;
}
