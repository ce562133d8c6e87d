/* The virtual network: see gossip_network.h. Packets wait in one list for each coming millisecond.
 */
#include "gossip_network.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

struct network_packet {
    struct network_packet *next;
    size_t from;
    size_t to;
    size_t size;
    uint8_t bytes[];
};

struct id network_host(size_t node)
{
    char name[32];
    snprintf(name, sizeof name, "node-%zu", node);
    return id_of_name(ID_HOST, slice_of_text(name));
}

struct gossip_address network_address(size_t node)
{
    return (struct gossip_address){
        .family = 4, .bytes = {10, 0, (uint8_t)(node >> 8), (uint8_t)node}, .port = 7000};
}

static size_t address_node(const struct gossip_address *address)
{
    return (size_t)address->bytes[2] << 8 | address->bytes[3];
}

static uint64_t wall_ms(const struct network *network, size_t node)
{
    return (uint64_t)((int64_t)(NETWORK_UNIX_MS + network->now_ms) +
                      network->nodes[node].wall_off_ms);
}

static void wall_tell(const struct network *network, size_t node)
{
    if (network->options.has_walls) {
        gossip_wall(network->nodes[node].gossip, network->now_ms, wall_ms(network, node));
    }
}

struct gossip_config network_config(const struct network *network, size_t node,
                                    struct gossip_address *seeds)
{
    const struct network_options *options = &network->options;
    struct gossip_config config;
    gossip_config_defaults(&config, options->probe_interval_ms);
    for (size_t i = 0; i < options->seeds; i++) {
        seeds[i] = network_address(i);
    }
    config.host = network_host(node);
    config.address = network_address(node);
    config.cluster_hash = 0xc01;
    config.seeds = seeds;
    config.seeds_count = options->seeds;
    config.random_seed = options->seed * 1000003 + node * 7919 + network->nodes[node].lives;
    /* As from a wall clock, in milliseconds. */
    config.incarnation = wall_ms(network, node);
    if (options->is_closed) {
        config.hosts = network->hosts;
        config.hosts_count = options->nodes;
    }
    return config;
}

void network_start_with(struct network *network, size_t node, const struct gossip_config *config)
{
    struct network_node *there = &network->nodes[node];
    COLUMBA_ASSERT(there->gossip == NULL);
    enum columba_error error =
        gossip_create(memory_system(), config, network->now_ms, &there->gossip);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    there->lives++;
    there->stalled_until_ms = 0;
    there->deadline_ms = network->now_ms;
}

void network_start(struct network *network, size_t node)
{
    struct gossip_address seeds[GOSSIP_SEEDS_MAX];
    struct gossip_config config = network_config(network, node, seeds);
    network_start_with(network, node, &config);
}

void network_kill(struct network *network, size_t node)
{
    gossip_destroy(network->nodes[node].gossip);
    network->nodes[node].gossip = NULL;
}

void network_stall(struct network *network, size_t node, uint64_t duration_ms)
{
    network->nodes[node].stalled_until_ms = network->now_ms + duration_ms;
}

static int host_compare(const void *a, const void *b)
{
    return id_compare(a, b);
}

static void hosts_list(struct network *network)
{
    size_t count = network->options.nodes;
    COLUMBA_ASSERT(count <= NETWORK_HOSTS_MAX);
    for (size_t i = 0; i < count; i++) {
        network->hosts[i] = network_host(i);
    }
    qsort(network->hosts, count, sizeof network->hosts[0], host_compare);
}

void network_init(struct network *network, const struct network_options *options)
{
    *network = (struct network){.options = *options, .now_ms = 1000000};
    COLUMBA_ASSERT(options->delay_max_ms <= NETWORK_DELAY_MAX_MS && options->delay_max_ms > 0);
    random_init(&network->random, options->seed);
    network->nodes = calloc(options->nodes, sizeof network->nodes[0]);
    COLUMBA_ASSERT(network->nodes != NULL);
    if (options->is_closed) {
        hosts_list(network);
    }
    for (size_t i = 0; i < options->nodes && !options->not_started; i++) {
        network_start(network, i);
    }
}

void network_clear(struct network *network)
{
    for (size_t i = 0; i < network->options.nodes; i++) {
        network_kill(network, i);
    }
    for (size_t i = 0; i <= NETWORK_DELAY_MAX_MS; i++) {
        while (network->due_first[i] != NULL) {
            struct network_packet *packet = network->due_first[i];
            network->due_first[i] = packet->next;
            free(packet);
        }
    }
    free(network->nodes);
}

static void packet_queue(struct network *network, struct network_packet *packet, uint64_t delay_ms)
{
    size_t at = (size_t)(network->now_ms + delay_ms) % (NETWORK_DELAY_MAX_MS + 1);
    packet->next = NULL;
    if (network->due_first[at] == NULL) {
        network->due_first[at] = packet;
    } else {
        network->due_last[at]->next = packet;
    }
    network->due_last[at] = packet;
}

static bool happens(struct network *network, unsigned permille)
{
    return permille > 0 && random_below(&network->random, 1000) < permille;
}

static void packet_send(struct network *network, size_t from, size_t to, struct slice bytes)
{
    const struct network_options *options = &network->options;
    network->nodes[from].packets_sent++;
    unsigned copies = happens(network, options->repeat_permille) ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        if (happens(network, options->loss_permille)) {
            continue;
        }
        struct network_packet *packet = malloc(sizeof *packet + bytes.size);
        COLUMBA_ASSERT(packet != NULL);
        *packet = (struct network_packet){.from = from, .to = to, .size = bytes.size};
        memcpy(packet->bytes, bytes.data, bytes.size);
        if (happens(network, options->damage_permille)) {
            uint32_t bit = random_below(&network->random, (uint32_t)bytes.size * 8);
            packet->bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        packet_queue(network, packet, 1 + random_below(&network->random, options->delay_max_ms));
    }
}

static void changes_note(struct network *network, size_t observer)
{
    struct gossip_change change;
    while (gossip_change_next(network->nodes[observer].gossip, &change)) {
        size_t node = address_node(&change.address);
        bool is_wrong = node < network->options.nodes && network->nodes[node].gossip != NULL &&
                        network->nodes[node].island == network->nodes[observer].island &&
                        change.status_changed;
        network->false_suspicions += is_wrong && change.status == GOSSIP_SUSPECT;
        network->false_deaths += is_wrong && change.status == GOSSIP_DEAD;
    }
}

void network_drain(struct network *network, size_t node)
{
    struct network_node *there = &network->nodes[node];
    struct gossip_address to;
    struct slice bytes;
    while (gossip_packet_next(there->gossip, &to, &bytes)) {
        packet_send(network, node, address_node(&to), bytes);
    }
    changes_note(network, node);
    there->deadline_ms = gossip_next_deadline(there->gossip);
}

static void packet_deliver(struct network *network, struct network_packet *packet)
{
    struct network_node *there =
        packet->to < network->options.nodes ? &network->nodes[packet->to] : NULL;
    if (there == NULL || there->gossip == NULL ||
        there->island != network->nodes[packet->from].island) {
        free(packet);
        return;
    }
    if (there->stalled_until_ms >= network->now_ms) {
        uint64_t left_ms = there->stalled_until_ms + 1 - network->now_ms;
        packet_queue(network, packet,
                     left_ms < NETWORK_DELAY_MAX_MS ? left_ms : NETWORK_DELAY_MAX_MS);
        return;
    }
    struct slice bytes = slice_of(packet->bytes, packet->size);
    struct id digest = id_of_name(ID_HOST, bytes);
    for (size_t i = 0; i < ID_BYTES; i++) {
        network->trace = (network->trace ^ digest.bytes[i]) * 0x100000001b3u;
    }
    network->trace = (network->trace ^ network->now_ms ^ packet->to << 32) * 0x100000001b3u;
    struct gossip_address from = network_address(packet->from);
    wall_tell(network, packet->to);
    gossip_receive(there->gossip, network->now_ms, &from, bytes);
    network_drain(network, packet->to);
    free(packet);
}

static void step(struct network *network)
{
    network->now_ms++;
    /* As in an event loop, timers come before what waits in the socket. */
    for (size_t i = 0; i < network->options.nodes; i++) {
        struct network_node *there = &network->nodes[i];
        if (there->gossip != NULL && there->deadline_ms <= network->now_ms &&
            there->stalled_until_ms <= network->now_ms) {
            wall_tell(network, i);
            gossip_tick(there->gossip, network->now_ms);
            network_drain(network, i);
        }
    }
    size_t at = (size_t)network->now_ms % (NETWORK_DELAY_MAX_MS + 1);
    struct network_packet *packet = network->due_first[at];
    network->due_first[at] = NULL;
    while (packet != NULL) {
        struct network_packet *next = packet->next;
        packet_deliver(network, packet);
        packet = next;
    }
}

void network_run(struct network *network, uint64_t duration_ms)
{
    for (uint64_t i = 0; i < duration_ms; i++) {
        step(network);
    }
}

uint64_t network_run_until(struct network *network, uint64_t duration_max_ms,
                           bool (*done)(const struct network *network, size_t argument),
                           size_t argument)
{
    uint64_t began_ms = network->now_ms;
    /* Looking at a thousand tables each millisecond would take longer than the run. */
    uint64_t look_every_ms = network->options.nodes > 100 ? 20 : 1;
    while (network->now_ms - began_ms <= duration_max_ms) {
        if ((network->now_ms - began_ms) % look_every_ms == 0 && done(network, argument)) {
            return network->now_ms - began_ms;
        }
        step(network);
    }
    return UINT64_MAX;
}

int network_view(const struct network *network, size_t observer, size_t node)
{
    struct id host = network_host(node);
    enum gossip_status status;
    if (!gossip_status_of(network->nodes[observer].gossip, &host, &status)) {
        return -1;
    }
    return (int)status;
}

bool network_all_know_all(const struct network *network, size_t unused)
{
    (void)unused;
    for (size_t i = 0; i < network->options.nodes; i++) {
        const struct gossip *gossip = network->nodes[i].gossip;
        if (gossip != NULL && gossip_alive_count(gossip) < network->options.nodes) {
            return false;
        }
    }
    return true;
}

static bool all_hold(const struct network *network, size_t node, enum gossip_status wanted)
{
    struct id host = network_host(node);
    for (size_t i = 0; i < network->options.nodes; i++) {
        const struct gossip *gossip = network->nodes[i].gossip;
        enum gossip_status status;
        if (gossip != NULL && i != node &&
            (!gossip_status_of(gossip, &host, &status) || status != wanted)) {
            return false;
        }
    }
    return true;
}

bool network_all_hold_dead(const struct network *network, size_t node)
{
    return all_hold(network, node, GOSSIP_DEAD);
}

bool network_all_hold_alive(const struct network *network, size_t node)
{
    return all_hold(network, node, GOSSIP_ALIVE);
}

bool network_is_at_peace(const struct network *network, size_t unused)
{
    (void)unused;
    for (size_t i = 0; i < network->options.nodes; i++) {
        if (network->nodes[i].gossip != NULL && !network_all_hold_alive(network, i)) {
            return false;
        }
    }
    return true;
}

uint64_t network_packets_sent(const struct network *network)
{
    uint64_t sent = 0;
    for (size_t i = 0; i < network->options.nodes; i++) {
        sent += network->nodes[i].packets_sent;
    }
    return sent;
}
