/* The host's connections: handshakes, frames in and out, reconnecting to peers. */
#include "tests/sim/host.h"

#include <stdlib.h>

#include "base/assert.h"
#include "proto/codec.h"

#define RECONNECT_MIN_US 50000u
#define RECONNECT_MAX_US 500000u
#define FULL_REFUSES_PERMILLE 300u

/* The network's callbacks only note what came: a turn takes it. */

static void on_accepted(void *context, uint64_t connection, uint32_t from)
{
    struct input *input = host_input(context, INPUT_ACCEPTED, slice_of(NULL, 0));
    input->number = connection;
    input->from = from;
}

static void on_opened(void *context, uint64_t connection)
{
    host_input(context, INPUT_OPENED, slice_of(NULL, 0))->number = connection;
}

static void on_frame(void *context, uint64_t connection, struct slice bytes)
{
    host_input(context, INPUT_FRAME, bytes)->number = connection;
}

static void on_closed(void *context, uint64_t connection)
{
    host_input(context, INPUT_CLOSED, slice_of(NULL, 0))->number = connection;
}

static void on_datagram(void *context, uint32_t from, struct slice bytes)
{
    host_input(context, INPUT_DATAGRAM, bytes)->from = from;
}

void host_links_attach(struct host *host)
{
    struct network_handler handler = {
        .context = host,
        .accepted = on_accepted,
        .opened = on_opened,
        .frame = on_frame,
        .closed = on_closed,
        .datagram = on_datagram,
    };
    network_attach(host->world->network, host->index, handler);
}

struct host_link *host_link_find(struct host *host, uint64_t connection)
{
    for (uint32_t i = 0; i < host->link_count; i++) {
        if (host->links[i].connection == connection) {
            return &host->links[i];
        }
    }
    return NULL;
}

static struct host_link *link_add(struct host *host, uint64_t connection, uint32_t endpoint)
{
    COLUMBA_ASSERT(host->link_count < HOST_LINKS_MAX);
    struct host_link *link = &host->links[host->link_count++];
    *link = (struct host_link){.connection = connection, .endpoint = endpoint, .node = NODE_NONE};
    return link;
}

struct host_link *host_link_to_peer(struct host *host, uint16_t node)
{
    for (uint32_t i = 0; i < host->link_count; i++) {
        struct host_link *link = &host->links[i];
        if (link->is_outgoing && link->is_ready && link->node == node) {
            return link;
        }
    }
    return NULL;
}

bool host_link_is_of_peer(struct host *host, uint64_t connection)
{
    const struct host_link *link = host_link_find(host, connection);
    return link != NULL && !link->is_outgoing && link->node != NODE_NONE;
}

static void peer_connect(struct host *host, uint16_t node)
{
    uint64_t connection = network_connect(host->world->network, host->index, node);
    struct host_link *link = link_add(host, connection, node);
    link->is_outgoing = true;
    link->node = node;
}

struct reconnect {
    struct host *host;
    uint64_t life;
    uint16_t node;
};

static void reconnect_due(void *context, uint64_t argument)
{
    (void)argument;
    struct reconnect *reconnect = context;
    if (reconnect->life == reconnect->host->life) {
        peer_connect(reconnect->host, reconnect->node);
    }
    free(reconnect);
}

static void peer_connect_later(struct host *host, uint16_t node)
{
    struct reconnect *reconnect = malloc(sizeof *reconnect);
    COLUMBA_ASSERT(reconnect != NULL);
    *reconnect = (struct reconnect){.host = host, .life = host->life, .node = node};
    schedule_after(&host->world->schedule,
                   random_between(&host->random, RECONNECT_MIN_US, RECONNECT_MAX_US), reconnect_due,
                   reconnect, 0);
}

void host_links_start(struct host *host)
{
    for (uint16_t node = 0; node < host->world->plan.node_count; node++) {
        if (node != host->index) {
            peer_connect(host, node);
        }
    }
}

void host_peer_report(struct host *host, uint16_t node)
{
    struct event event = {.type = EVENT_PEER};
    event.peer.node = node;
    event.peer.connected = host_link_to_peer(host, node) != NULL;
    event.peer.alive = host->is_peer_alive[node];
    core_step(host->core, &event);
    host_effects_drain(host);
}

/* Frames out. */

void host_frame_send(struct host *host, uint64_t connection, uint64_t request_id,
                     const struct message *message)
{
    if (host_link_find(host, connection) == NULL) {
        return;
    }
    arena_reset(&host->encoding);
    struct codec_encoding encoding;
    enum columba_error error = codec_prepare(message, &host->encoding, &encoding);
    if (error != COLUMBA_OK) {
        findings_add(&host->world->findings, "host %u: a %s cannot be encoded: %s", host->index,
                     message_type_name(message->type), error_name(error));
        return;
    }
    size_t size = FRAME_HEADER_BYTES + encoding.payload_bytes;
    uint8_t *bytes = malloc(size);
    COLUMBA_ASSERT(bytes != NULL);
    codec_encode(&encoding, request_id, core_clock(host->core), bytes);
    network_send(host->world->network, connection, host->index, slice_of(bytes, size));
    free(bytes);
}

static void hello_send(struct host *host, const struct host_link *link)
{
    const struct topology *topology = host->world->topology;
    struct message hello = {.type = MESSAGE_HELLO};
    hello.hello.protocol_min = PROTOCOL_VERSION_MIN;
    hello.hello.protocol_max = PROTOCOL_VERSION_MAX;
    hello.hello.role = ROLE_NODE;
    hello.hello.cluster_name = topology->cluster_name;
    hello.hello.host_id = topology->nodes[host->index].host_id;
    hello.hello.software = slice_of_text("columba-sim");
    hello.hello.directory_id = host->disk->identity.id;
    hello.hello.accepts_loss = host->disk->identity.accepts_loss;
    host_frame_send(host, link->connection, 0, &hello);
}

static void welcome_node(const struct topology *topology, uint16_t index,
                         struct message_node *out_node)
{
    const struct topology_node *node = &topology->nodes[index];
    *out_node = (struct message_node){
        .host_id = node->host_id,
        .name = node->name,
        .address = node->address,
        .port = node->port,
        .datacenter = topology->datacenters[node->datacenter].name,
        .rack = topology->racks[node->rack].name,
        .tokens = node->tokens,
        .token_count = node->token_count,
    };
}

static void welcome_send(struct host *host, uint64_t connection, uint64_t request_id)
{
    const struct topology *topology = host->world->topology;
    struct message_node nodes[HOSTS_MAX];
    struct message_factor factors[DATACENTERS_MAX];
    for (uint16_t i = 0; i < topology->node_count; i++) {
        welcome_node(topology, i, &nodes[i]);
    }
    for (uint8_t i = 0; i < topology->datacenter_count; i++) {
        factors[i].datacenter = topology->datacenters[i].name;
        factors[i].factor = topology->datacenters[i].factor;
    }
    struct message welcome = {.type = MESSAGE_WELCOME};
    welcome.welcome = (struct message_welcome){
        .protocol = PROTOCOL_VERSION_MAX,
        .host_id = topology->nodes[host->index].host_id,
        .cluster_name = topology->cluster_name,
        .software = slice_of_text("columba-sim"),
        .unix_ms = host_unix_ms(host),
        .topology_version = topology->version,
        .nodes = nodes,
        .node_count = topology->node_count,
        .keyspace = topology->keyspace,
        .factors = factors,
        .factor_count = topology->datacenter_count,
        .read_consistency = topology->read_consistency,
        .write_consistency = topology->write_consistency,
        .fanout_members_max = host->world->plan.core.fanout_members_max,
        .directory_id = host->disk->identity.id,
        .accepts_loss = host->disk->identity.accepts_loss,
    };
    host_frame_send(host, connection, request_id, &welcome);
}

/* Frames in. */

static void link_remove(struct host *host, struct host_link *link)
{
    struct host_link removed = *link;
    *link = host->links[--host->link_count];
    if (removed.is_outgoing) {
        host_directory_asked(host, removed.node);
        if (removed.is_ready) {
            host_peer_report(host, removed.node);
            host_gossip_unreachable(host, removed.node);
        }
        peer_connect_later(host, removed.node);
    }
}

/* The stream cannot be trusted any more. */
static void link_refuse(struct host *host, struct host_link *link)
{
    network_close(host->world->network, link->connection, host->index);
    link_remove(host, link);
}

/* What a shell does that is at its limits. A `done` wants no answer, so it is lost. */
static bool refuse_as_full(struct host *host, const struct host_link *link,
                           const struct frame *frame)
{
    if (world_now_us(host->world) >= host->full_until_us ||
        !random_chance(&host->random, FULL_REFUSES_PERMILLE)) {
        return false;
    }
    struct message full = {.type = MESSAGE_STATUS, .status = {.error = ERR_OVERLOADED}};
    if (frame->request_id != 0) {
        host_frame_send(host, link->connection, frame->request_id, &full);
    }
    return true;
}

static void step_request(struct host *host, struct host_link *link, const struct frame *frame,
                         const struct message *message)
{
    if (refuse_as_full(host, link, frame) || !host_intake_take(host, link, frame)) {
        return;
    }
    if (message->type == MESSAGE_SEND) {
        host->sends[host->send_next++ % HOST_SENDS_REMEMBERED] =
            (struct host_send){.connection = link->connection, .request_id = frame->request_id};
    }
    if (link->node == NODE_NONE) {
        host_request_came(host, link->connection, frame->request_id);
    }
    struct event event = {.type = EVENT_REQUEST, .clock = frame->clock};
    event.request.connection = link->connection;
    event.request.request_id = frame->request_id;
    event.request.node = link->node;
    event.request.message = message;
    core_step(host->core, &event);
}

static void step_answer(struct host *host, const struct host_link *link, const struct frame *frame,
                        const struct message *message)
{
    struct event event = {.type = EVENT_ANSWER, .clock = frame->clock};
    event.answer.node = link->node;
    event.answer.request_id = frame->request_id;
    event.answer.message = message;
    core_step(host->core, &event);
}

/* How the other host finds out that its directory is not the one it had. */
static void link_turn_away(struct host *host, struct host_link *link, const struct frame *frame)
{
    struct message wiped = {.type = MESSAGE_STATUS, .status = {.error = ERR_WIPED}};
    host_frame_send(host, link->connection, frame->request_id, &wiped);
    link_refuse(host, link);
}

static void take_welcome(struct host *host, struct host_link *link, const struct message *message)
{
    const struct data_identity told = {.id = message->welcome.directory_id,
                                       .accepts_loss = message->welcome.accepts_loss};
    if (!host_directory_meet(host, link->node, &told)) {
        link_refuse(host, link);
        return;
    }
    link->is_ready = true;
    host_directory_asked(host, link->node);
    host_peer_report(host, link->node);
}

static void take_first_incoming(struct host *host, struct host_link *link,
                                const struct frame *frame, const struct message *message)
{
    if (message->type != MESSAGE_HELLO) {
        link_refuse(host, link);
        return;
    }
    if (message->hello.role == ROLE_NODE) {
        const struct data_identity told = {.id = message->hello.directory_id,
                                           .accepts_loss = message->hello.accepts_loss};
        link->node = topology_node_by_host(host->world->topology, &message->hello.host_id);
        COLUMBA_ASSERT(link->node == link->endpoint);
        if (!host_directory_meet(host, link->node, &told)) {
            link_turn_away(host, link, frame);
            return;
        }
    }
    link->is_ready = true;
    welcome_send(host, link->connection, frame->request_id);
}

static void take_message(struct host *host, struct host_link *link, const struct frame *frame,
                         const struct message *message)
{
    if (link->is_outgoing && !link->is_ready) {
        if (message->type == MESSAGE_WELCOME) {
            take_welcome(host, link, message);
            return;
        }
        if (message->type == MESSAGE_STATUS && message->status.error == ERR_WIPED) {
            host_directory_refused(host, link->node);
        }
        link_refuse(host, link);
    } else if (link->is_outgoing) {
        step_answer(host, link, frame, message);
    } else if (!link->is_ready) {
        take_first_incoming(host, link, frame, message);
    } else if (message->type == MESSAGE_PING) {
        struct message pong = *message;
        pong.ping.answer = true;
        host_frame_send(host, link->connection, frame->request_id, &pong);
    } else {
        step_request(host, link, frame, message);
    }
}

static void take_frame(struct host *host, struct host_link *link, const struct input *input)
{
    struct frame frame;
    struct message message;
    struct slice payload =
        slice_of(input->bytes + FRAME_HEADER_BYTES, input->size - FRAME_HEADER_BYTES);
    if (frame_header_decode(input->bytes, &frame) != COLUMBA_OK ||
        frame.payload_bytes != payload.size || !frame_is_intact(input->bytes, payload)) {
        link_refuse(host, link);
        return;
    }
    arena_reset(&host->decoding);
    if (codec_decode(frame.type, payload, &host->decoding, &message) != COLUMBA_OK) {
        link_refuse(host, link);
        return;
    }
    take_message(host, link, &frame, &message);
    host_effects_drain(host);
}

void host_link_input(struct host *host, const struct input *input)
{
    if (input->type == INPUT_ACCEPTED && !host->is_listening) {
        network_close(host->world->network, input->number, host->index);
        return;
    }
    if (input->type == INPUT_ACCEPTED) {
        link_add(host, input->number, input->from);
        return;
    }
    struct host_link *link = host_link_find(host, input->number);
    if (link == NULL) {
        return;
    }
    switch (input->type) {
    case INPUT_OPENED:
        hello_send(host, link);
        break;
    case INPUT_CLOSED:
        link_remove(host, link);
        break;
    default:
        take_frame(host, link, input);
        break;
    }
}
