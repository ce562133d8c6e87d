#include "node/shell/gossiper.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "node/shell/node.h"

/* What a node that stands aside says of itself. */
#define STATUS_ASIDE "CLOCK_WRONG"
#define STATUS_DISK_FULL "DISK_FULL"

/* ---- addresses ---- */

static struct gossip_address address_to_gossip(const struct address *address)
{
    union address_socket socket;
    struct gossip_address made = {.family = address->is_ipv6 ? 6 : 4, .port = address->port};
    address_to_socket(address, &socket);
    if (address->is_ipv6) {
        memcpy(made.bytes, &socket.ipv6.sin6_addr, 16);
    } else {
        memcpy(made.bytes, &socket.ipv4.sin_addr, 4);
    }
    return made;
}

static bool address_of_socket_gossip(const struct sockaddr *socket, struct gossip_address *out)
{
    struct address address;
    if (!address_of_socket(socket, &address) || address.port == 0) {
        return false;
    }
    *out = address_to_gossip(&address);
    return true;
}

static void address_of_gossip(const struct gossip_address *address, union address_socket *out)
{
    memset(out, 0, sizeof *out);
    if (address->family == 6) {
        out->ipv6.sin6_family = AF_INET6;
        out->ipv6.sin6_port = htons(address->port);
        memcpy(&out->ipv6.sin6_addr, address->bytes, 16);
    } else {
        out->ipv4.sin_family = AF_INET;
        out->ipv4.sin_port = htons(address->port);
        memcpy(&out->ipv4.sin_addr, address->bytes, 4);
    }
}

/* ---- what comes out ---- */

static void packets_send(struct node *node)
{
    struct gossiper *gossiper = &node->gossiper;
    struct gossip_address to;
    struct slice packet;
    while (gossip_packet_next(gossiper->gossip, &to, &packet)) {
        union address_socket socket;
        uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)packet.data, (unsigned)packet.size);
        address_of_gossip(&to, &socket);
        if (uv_udp_try_send(&gossiper->udp, &bytes, 1, &socket.any) >= 0) {
            node->counters.gossip_sent++;
        } else {
            node->counters.gossip_unsent++;
        }
    }
}

/* The same list of nodes on every node is what ownership stands on. */
static void tokens_compare(struct node *node, uint16_t index, const struct id *host)
{
    struct gossip_member member;
    if (!gossip_member_find(node->gossiper.gossip, host, &member)) {
        return;
    }
    struct slice theirs = member.state[GOSSIP_TOKENS_HASH];
    if (theirs.size > 0 && !node->peers[index].is_told_tokens &&
        !slice_equal(theirs, slice_of(node->cluster.tokens_id.bytes, theirs.size))) {
        node->peers[index].is_told_tokens = true;
        log_error(node->log, "other_tokens",
                  "%s computes other tokens than this node: their lists of nodes, num_tokens, "
                  "replication or versions differ. Give all nodes the same configuration",
                  (const char *)node->topology->nodes[index].name.data);
    }
}

static void member_log(struct node *node, uint16_t index)
{
    uint64_t left_out;
    const char *name = (const char *)node->topology->nodes[index].name.data;
    const char *view = gossiper_view_name(gossiper_view_of(node, index));
    if (!log_limit_allows(&node->gossiper.member_lines, node_now_ms(node), &left_out)) {
        return;
    }
    if (left_out > 0) {
        log_warning(node->log, "member", "%" PRIu64 " changes like the next were not logged",
                    left_out);
    }
    log_info(node->log, "member", "%s is %s", name, view);
}

static void change_handle(struct node *node, const struct gossip_change *change)
{
    uint16_t index = topology_node_by_host(node->topology, &change->host);
    if (index == TOPOLOGY_NODE_NONE || index == node->self) {
        return;
    }
    if (change->status_changed) {
        member_log(node, index);
        node->gossiper.table->alive_changed(
            node, index, change->status == GOSSIP_ALIVE || change->status == GOSSIP_SUSPECT);
    }
    if (change->state_changed) {
        tokens_compare(node, index, &change->host);
    }
}

static void timer_fired(uv_timer_t *timer);

static void timer_set(struct node *node)
{
    uint64_t due_ms = gossip_next_deadline(node->gossiper.gossip);
    uint64_t now_ms = node_now_ms(node);
    if (node->gossiper.is_open) {
        uv_update_time(&node->loop);
        uv_timer_start(&node->gossiper.timer, timer_fired, due_ms > now_ms ? due_ms - now_ms : 0,
                       0);
    }
}

static void drain_all(struct node *node)
{
    struct gossip_change change;
    packets_send(node);
    while (gossip_change_next(node->gossiper.gossip, &change)) {
        change_handle(node, &change);
    }
    node->gossiper.table->clocks_compared(node);
    timer_set(node);
}

/* ---- what goes in ---- */

static void number_set(struct node *node, enum gossip_key key, uint64_t number)
{
    uint8_t bytes[8];
    bytes_put_u64_be(bytes, number);
    (void)gossip_state_set(node->gossiper.gossip, key, slice_of(bytes, sizeof bytes));
}

static void text_set(struct node *node, enum gossip_key key, struct slice text)
{
    (void)gossip_state_set(node->gossiper.gossip, key, text);
}

static void load_set(struct node *node)
{
    struct engine_stats stats = {0};
    if (node_now_ms(node) < node->gossiper.load_due_ms) {
        return;
    }
    node->gossiper.load_due_ms = node_now_ms(node) + GOSSIPER_LOAD_MS;
    node->engine->table->stats(node->engine, &stats);
    /* What is in memory only is on the disk too, in the write-ahead log. */
    number_set(node, GOSSIP_LOAD_BYTES, stats.bytes_on_disk + stats.bytes_in_memory);
}

/* A wrong clock comes first: it keeps a node from everything that clients ask. */
static const char *status_of(const struct node *node)
{
    if (node->clock_watch.is_wrong) {
        return STATUS_ASIDE;
    }
    return node->disk.is_full ? STATUS_DISK_FULL : "NORMAL";
}

void gossiper_status_set(struct node *node)
{
    if (node->mode == NODE_NORMAL && node->gossiper.gossip != NULL) {
        text_set(node, GOSSIP_STATUS, slice_of_text(status_of(node)));
    }
}

void gossiper_clock_set(struct node *node, int64_t offset_ms)
{
    number_set(node, GOSSIP_CLOCK_OFFSET, (uint64_t)offset_ms);
}

static void state_set(struct node *node)
{
    const struct topology *topology = node->topology;
    const struct topology_node *self = &topology->nodes[node->self];
    char address[ADDRESS_TEXT_BYTES];
    address_format(node_address(node, node->self), address);
    gossiper_status_set(node);
    text_set(node, GOSSIP_NAME, self->name);
    text_set(node, GOSSIP_DATACENTER, topology->datacenters[self->datacenter].name);
    text_set(node, GOSSIP_RACK, topology->racks[self->rack].name);
    text_set(node, GOSSIP_RELEASE_VERSION, slice_of_text(COLUMBA_VERSION));
    text_set(node, GOSSIP_ADDRESS, slice_of_text(address));
    text_set(node, GOSSIP_TOKENS_HASH, slice_of(node->cluster.tokens_id.bytes, 8));
    number_set(node, GOSSIP_TOPOLOGY_VERSION, topology->version);
    load_set(node);
}

static void gossip_step(struct node *node)
{
    load_set(node);
    node->gossiper.table->clock_due(node);
    gossip_tick(node->gossiper.gossip, node_now_ms(node));
    drain_all(node);
}

static void timer_fired(uv_timer_t *timer)
{
    struct node *node = timer->data;
    turn_begin(node);
    gossip_step(node);
}

void gossiper_turn(struct node *node)
{
    if (node->gossiper.is_open &&
        gossip_next_deadline(node->gossiper.gossip) <= node_now_ms(node)) {
        gossip_step(node);
    }
}

static void packet_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buffer)
{
    (void)suggested;
    struct node *node = handle->data;
    *out_buffer = uv_buf_init((char *)node->gossiper.packet, sizeof node->gossiper.packet);
}

static void packet_arrived(uv_udp_t *udp, ssize_t size, const uv_buf_t *buffer,
                           const struct sockaddr *socket, unsigned flags)
{
    struct node *node = udp->data;
    struct gossip_address from;
    if (size < 0 || socket == NULL || (flags & UV_UDP_PARTIAL) != 0 ||
        !address_of_socket_gossip(socket, &from)) {
        return;
    }
    turn_begin(node);
    node->counters.gossip_received++;
    node->gossiper.table->clock_due(node);
    gossip_receive(node->gossiper.gossip, node_now_ms(node), &from,
                   slice_of(buffer->base, (size_t)size));
    drain_all(node);
}

/* ---- starting and stopping ---- */

static enum columba_error gossip_make(struct node *node)
{
    struct gossip_address seeds[GOSSIP_SEEDS_MAX];
    struct id hosts[NODES_MAX]; /* the topology's order is theirs */
    struct gossip_config config;
    gossip_config_defaults(&config, (uint32_t)node->config->probe_interval_ms);
    for (uint16_t i = 0; i < node->topology->node_count && i < GOSSIP_SEEDS_MAX; i++) {
        seeds[i] = address_to_gossip(node_address(node, i));
        config.seeds_count++;
    }
    for (uint16_t i = 0; i < node->topology->node_count; i++) {
        hosts[i] = node->topology->nodes[i].host_id;
    }
    config.hosts = hosts;
    config.hosts_count = node->topology->node_count;
    struct id cluster = id_of_name(ID_HOST, node->topology->cluster_name);
    config.host = node->topology->nodes[node->self].host_id;
    config.address = address_to_gossip(node_address(node, node->self));
    config.cluster_hash = bytes_get_u64_be(cluster.bytes);
    config.seeds = seeds;
    config.random_seed = random_next(&node->random);
    config.incarnation = node->turn.unix_ms;
    return gossip_create(memory_system(), &config, node_now_ms(node), &node->gossiper.gossip);
}

enum columba_error gossiper_open(struct node *node, const struct gossiper_table *table,
                                 char *out_text)
{
    struct gossiper *gossiper = &node->gossiper;
    union address_socket socket;
    char address[ADDRESS_TEXT_BYTES];
    gossiper->table = table;
    enum columba_error error = gossip_make(node);
    if (error != COLUMBA_OK) {
        snprintf(out_text, CONFIG_PROBLEM_BYTES, "gossip cannot start: %s", error_text(error));
        return error;
    }
    address_to_socket(&node->config->listen_address, &socket);
    address_format(&node->config->listen_address, address);
    uv_timer_init(&node->loop, &gossiper->timer);
    uv_udp_init(&node->loop, &gossiper->udp);
    gossiper->udp.data = gossiper->timer.data = node;
    gossiper->is_open = true;
    int failed = uv_udp_bind(&gossiper->udp, &socket.any, 0);
    if (failed == 0) {
        failed = uv_udp_recv_start(&gossiper->udp, packet_allocate, packet_arrived);
    }
    if (failed != 0) {
        snprintf(out_text, CONFIG_PROBLEM_BYTES, "cannot listen on %s (UDP): %s", address,
                 uv_strerror(failed));
        return failed == UV_EADDRINUSE ? ERR_IN_USE : ERR_IO;
    }
    state_set(node);
    drain_all(node);
    return COLUMBA_OK;
}

void gossiper_leave(struct node *node)
{
    if (!node->gossiper.is_open) {
        return;
    }
    text_set(node, GOSSIP_STATUS, slice_of_text("DRAINING"));
    gossip_leave(node->gossiper.gossip, node_now_ms(node));
    drain_all(node);
}

void gossiper_close(struct node *node)
{
    if (!node->gossiper.is_open) {
        return;
    }
    node->gossiper.is_open = false;
    uv_close((uv_handle_t *)&node->gossiper.udp, NULL);
    uv_close((uv_handle_t *)&node->gossiper.timer, NULL);
}

void gossiper_clear(struct node *node)
{
    gossip_destroy(node->gossiper.gossip);
    node->gossiper.gossip = NULL;
}

void gossiper_unreachable(struct node *node, uint16_t index)
{
    if (node->gossiper.is_open) {
        gossip_hint_unreachable(node->gossiper.gossip, node_now_ms(node),
                                &node->topology->nodes[index].host_id);
        drain_all(node);
    }
}

/* ---- what is known ---- */

static enum gossiper_view view_of_status(enum gossip_status status)
{
    switch (status) {
    case GOSSIP_ALIVE:
        return VIEW_UP;
    case GOSSIP_SUSPECT:
        return VIEW_SUSPECT;
    case GOSSIP_DEAD:
        return VIEW_DOWN;
    case GOSSIP_LEFT:
        return VIEW_LEFT;
    }
    return VIEW_UNKNOWN;
}

enum gossiper_view gossiper_view_of(const struct node *node, uint16_t index)
{
    enum gossip_status status;
    const struct id *host = &node->topology->nodes[index].host_id;
    return gossip_status_of(node->gossiper.gossip, host, &status) ? view_of_status(status)
                                                                  : VIEW_UNKNOWN;
}

const char *gossiper_view_name(enum gossiper_view view)
{
    static const char *const names[] = {"unknown", "up", "suspect", "down", "left"};
    return names[view];
}

static struct slice value_of(const struct node *node, uint16_t index, enum gossip_key key)
{
    struct gossip_member member;
    const struct id *host = &node->topology->nodes[index].host_id;
    if (!gossip_member_find(node->gossiper.gossip, host, &member)) {
        return (struct slice){0};
    }
    return member.state[key];
}

bool gossiper_load(const struct node *node, uint16_t index, uint64_t *out_bytes)
{
    struct slice value = value_of(node, index, GOSSIP_LOAD_BYTES);
    if (value.size != 8) {
        return false;
    }
    *out_bytes = bytes_get_u64_be(value.data);
    return true;
}

bool gossiper_clock(const struct node *node, uint16_t index, int64_t *out_offset_ms)
{
    struct slice value = value_of(node, index, GOSSIP_CLOCK_OFFSET);
    if (value.size != 8) {
        return false;
    }
    *out_offset_ms = (int64_t)bytes_get_u64_be(value.data);
    return true;
}

bool gossiper_stands_aside(const struct node *node, uint16_t index)
{
    return slice_equal(value_of(node, index, GOSSIP_STATUS), slice_of_text(STATUS_ASIDE));
}

bool gossiper_disk_is_full(const struct node *node, uint16_t index)
{
    return slice_equal(value_of(node, index, GOSSIP_STATUS), slice_of_text(STATUS_DISK_FULL));
}

struct slice gossiper_version(const struct node *node, uint16_t index)
{
    return value_of(node, index, GOSSIP_RELEASE_VERSION);
}

/* Numbers as decimal text, a hash as hexadecimal; text as it is, if it is UTF-8. */
static json_t *value_report(enum gossip_key key, struct slice value)
{
    char text[24];
    if (key == GOSSIP_TOKENS_HASH && value.size == 8) {
        snprintf(text, sizeof text, "%016" PRIx64, bytes_get_u64_be(value.data));
        return json_string(text);
    }
    if (key == GOSSIP_CLOCK_OFFSET && value.size == 8) {
        snprintf(text, sizeof text, "%" PRId64, (int64_t)bytes_get_u64_be(value.data));
        return json_string(text);
    }
    if ((key == GOSSIP_LOAD_BYTES || key == GOSSIP_TOPOLOGY_VERSION) && value.size == 8) {
        snprintf(text, sizeof text, "%" PRIu64, bytes_get_u64_be(value.data));
        return json_string(text);
    }
    json_t *report = json_stringn((const char *)value.data, value.size);
    return report == NULL ? json_string("(not text)") : report;
}

static json_t *member_report(const struct node *node, const struct gossip_member *member)
{
    uint16_t index = topology_node_by_host(node->topology, &member->host);
    union address_socket socket;
    struct address address;
    char host[ID_TEXT_BYTES];
    char text[ADDRESS_TEXT_BYTES] = "";
    json_t *values = json_object();
    id_to_text(&member->host, host);
    address_of_gossip(&member->address, &socket);
    if (address_of_socket(&socket.any, &address)) {
        address_format(&address, text);
    }
    for (enum gossip_key key = 0; key < GOSSIP_KEY_COUNT; key++) {
        if (member->state[key].data != NULL) {
            json_object_set_new(values, gossip_key_text(key),
                                value_report(key, member->state[key]));
        }
    }
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:o}", "name",
        index == TOPOLOGY_NODE_NONE ? host : (const char *)node->topology->nodes[index].name.data,
        "address", text, "state", gossiper_view_name(view_of_status(member->status)), "incarnation",
        (json_int_t)member->incarnation, "values", values);
}

json_t *gossiper_report(const struct node *node)
{
    const struct gossip *gossip = node->gossiper.gossip;
    const struct gossip_counters *counters = gossip_counters(gossip);
    json_t *members = json_array();
    json_t *counts = json_object();
    for (size_t i = 0; i < gossip_member_count(gossip); i++) {
        struct gossip_member member = gossip_member_at(gossip, i);
        json_array_append_new(members, member_report(node, &member));
    }
#define X(name) json_object_set_new(counts, #name, json_integer((json_int_t)counters->name));
    GOSSIP_COUNTER_TABLE(X)
#undef X
    return json_pack("{s:o, s:i, s:o}", "nodes", members, "health", (int)gossip_health(gossip),
                     "counters", counts);
}
