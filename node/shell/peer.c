#include "node/shell/peer.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "node/shell/handshake.h"
#include "node/shell/node.h"
#include "proto/codec.h"

static const struct stream_table peer_table;

static struct peer *peer_of(struct stream *stream)
{
    return container_of(stream, struct peer, stream);
}

static const char *peer_name(const struct peer *peer)
{
    return (const char *)peer->node->topology->nodes[peer->index].name.data;
}

static void peer_tell(struct peer *peer)
{
    struct event event = {
        .type = EVENT_PEER,
        .peer = {.node = peer->index,
                 .alive = peer->is_alive,
                 .connected = peer->state == PEER_READY},
    };
    turn_begin(peer->node);
    turn_event(peer->node, &event);
}

/* ---- connecting ---- */

static void retry_fired(uv_timer_t *timer);

/* Half of the backoff is fixed and half is drawn, so that nodes that lost each other together do
 * not come back together. */
static void retry_set(struct peer *peer)
{
    uint32_t half = peer->backoff_ms / 2;
    uint64_t delay_ms = half + random_below(&peer->node->random, half + 1);
    peer->state = PEER_WAITING;
    uv_timer_start(&peer->retry, retry_fired, delay_ms, 0);
    peer->backoff_ms =
        peer->backoff_ms * 2 < PEER_BACKOFF_MAX_MS ? peer->backoff_ms * 2 : PEER_BACKOFF_MAX_MS;
}

static void peer_lost(struct peer *peer, const char *reason)
{
    bool was_ready = peer->state == PEER_READY;
    if (peer->state == PEER_CLOSING) {
        return;
    }
    peer->is_asked = true;
    peer->state = PEER_CLOSING;
    stream_close(&peer->stream);
    if (peer->is_stopping) {
        return;
    }
    if (was_ready) {
        peer->node->counters.peer_disconnects++;
        log_warning(peer->node->log, "peer_lost", "the connection to %s is lost: %s",
                    peer_name(peer), reason);
        peer_tell(peer);
        gossiper_unreachable(peer->node, peer->index);
    } else if (peer->failures++ == 0) {
        log_info(peer->node->log, "peer_unreachable", "%s cannot be reached yet: %s",
                 peer_name(peer), reason);
    }
}

static void connected(uv_connect_t *connect, int status)
{
    struct peer *peer = container_of(connect, struct peer, connect);
    struct node *node = peer->node;
    if (peer->state != PEER_CONNECTING) {
        return;
    }
    if (status != 0) {
        peer_lost(peer, uv_strerror(status));
        return;
    }
    int fd;
    unsigned unacknowledged_ms = PEER_UNACKNOWLEDGED_MS;
    if (uv_fileno((uv_handle_t *)&peer->stream.tcp, &fd) == 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
    }
    uv_tcp_nodelay(&peer->stream.tcp, 1);
    uv_tcp_keepalive(&peer->stream.tcp, 1, NODE_KEEPALIVE_SECONDS);
    peer->state = PEER_GREETING;
    turn_begin(node);
    stream_start(&peer->stream);
    stream_handshake_deadline(&peer->stream,
                              node_now_ms(node) + node->config->handshake_timeout_ms);
    struct message hello = greeting_hello(node);
    if (stream_send(&peer->stream, &hello, 0) != COLUMBA_OK) {
        peer_lost(peer, "out of memory");
    }
}

/* The others know a node by its address. Where that is not one of this machine's (somebody between
 * translates), the system chooses. */
static void source_bind(struct peer *peer)
{
    struct address own = *node_address(peer->node, peer->node->self);
    union address_socket socket;
    own.port = 0;
    address_to_socket(&own, &socket);
    uv_tcp_bind(&peer->stream.tcp, &socket.any, 0);
}

static void peer_connect(struct peer *peer)
{
    struct node *node = peer->node;
    union address_socket socket;
    COLUMBA_ASSERT(peer->state == PEER_WAITING);
    uv_timer_stop(&peer->retry);
    if (stream_init(&peer->stream, &node->streams, &peer_table, INTAKE_NODES) != COLUMBA_OK) {
        retry_set(peer);
        return;
    }
    peer->state = PEER_CONNECTING;
    source_bind(peer);
    address_to_socket(node_address(node, peer->index), &socket);
    int failed = uv_tcp_connect(&peer->connect, &peer->stream.tcp, &socket.any, connected);
    if (failed != 0) {
        peer_lost(peer, uv_strerror(failed));
    }
}

static void retry_fired(uv_timer_t *timer)
{
    struct peer *peer = container_of(timer, struct peer, retry);
    if (peer->state == PEER_WAITING) {
        peer_connect(peer);
    }
}

static void peer_wake(struct peer *peer)
{
    peer->backoff_ms = PEER_BACKOFF_FIRST_MS;
    if (peer->state == PEER_WAITING && !peer->is_stopping) {
        peer_connect(peer);
    }
}

/* ---- frames ---- */

static void peer_welcomed(struct peer *peer)
{
    struct node *node = peer->node;
    peer->state = PEER_READY;
    peer->is_asked = true;
    peer->failures = 0;
    peer->backoff_ms = PEER_BACKOFF_FIRST_MS;
    stream_handshake_deadline(&peer->stream, 0);
    node->counters.peer_connects++;
    log_info(node->log, "peer_connected", "connected to %s", peer_name(peer));
    peer_tell(peer);
}

static void welcome_handle(struct peer *peer, const struct message *message)
{
    struct node *node = peer->node;
    char text[NAME_MAX_BYTES];
    if (message->type == MESSAGE_STATUS) {
        snprintf(text, sizeof text, "it refused the greeting: %.*s",
                 (int)(message->status.text.size < 400 ? message->status.text.size : 400),
                 (const char *)message->status.text.data);
        peer_lost(peer, text);
        if (message->status.error == ERR_WIPED) {
            admission_refused(node, peer->index);
        }
        return;
    }
    if (message->type != MESSAGE_WELCOME ||
        !id_equal(&message->welcome.host_id, &node->topology->nodes[peer->index].host_id)) {
        peer_lost(peer, "another node answers at its address: check the list of nodes");
        return;
    }
    const struct data_identity told = {.id = message->welcome.directory_id,
                                       .accepts_loss = message->welcome.accepts_loss};
    const char *why;
    if (admission_check(node, peer->index, &told, &why)) {
        peer_welcomed(peer);
    } else {
        peer_lost(peer, why);
    }
}

static void answer_handle(struct peer *peer, const struct frame *frame,
                          const struct message *message)
{
    struct event event = {
        .type = EVENT_ANSWER,
        .clock = frame->clock,
        .answer = {.node = peer->index, .request_id = frame->request_id, .message = message},
    };
    turn_event(peer->node, &event);
}

static void peer_frame(struct stream *stream, const struct frame *frame, struct slice payload)
{
    struct peer *peer = peer_of(stream);
    struct arena *arena = &peer->node->decode_arena;
    struct message message;
    enum columba_error error = codec_decode(frame->type, payload, arena, &message);
    if (error != COLUMBA_OK) {
        peer->node->counters.frames_malformed++;
        peer_lost(peer, "it sent a frame that is not valid");
    } else if (peer->state == PEER_GREETING) {
        welcome_handle(peer, &message);
    } else if (peer->state == PEER_READY) {
        answer_handle(peer, frame, &message);
    }
    arena_reset(arena);
}

static void peer_broken(struct stream *stream, enum columba_error error, const char *text)
{
    (void)error;
    peer_lost(peer_of(stream), text);
}

static void peer_ended(struct stream *stream, int uv_error)
{
    peer_lost(peer_of(stream), uv_strerror(uv_error));
}

static void peer_closed(struct stream *stream)
{
    struct peer *peer = peer_of(stream);
    if (peer->is_stopping) {
        peer->state = PEER_STOPPED;
        return;
    }
    retry_set(peer);
}

static const struct stream_table peer_table = {
    .frame = peer_frame,
    .broken = peer_broken,
    .ended = peer_ended,
    .closed = peer_closed,
};

/* ---- the rest of the node ---- */

enum columba_error peer_send(struct node *node, uint16_t index, uint64_t request_id,
                             const struct message *message)
{
    COLUMBA_ASSERT(index < node->topology->node_count && index != node->self);
    struct peer *peer = &node->peers[index];
    enum columba_error error = ERR_UNAVAILABLE;
    if (peer->state == PEER_READY) {
        error = intake_send_fits(&node->intake, stream_unsent_bytes(&peer->stream))
                    ? stream_send(&peer->stream, message, request_id)
                    : ERR_OVERLOADED;
    }
    node->counters.peer_dropped += error != COLUMBA_OK;
    return error;
}

void peer_greeted(struct node *node, uint16_t index)
{
    peer_wake(&node->peers[index]);
}

void peer_alive_set(struct node *node, uint16_t index, bool is_alive)
{
    struct peer *peer = &node->peers[index];
    if (index == node->self || peer->is_alive == is_alive) {
        return;
    }
    peer->is_alive = is_alive;
    if (is_alive) {
        peer_wake(peer);
    }
    peer_tell(peer);
}

bool peer_is_ready(const struct node *node, uint16_t index)
{
    return index != node->self && node->peers[index].state == PEER_READY;
}

enum columba_error peers_start(struct node *node)
{
    uint16_t count = node->topology->node_count;
    node->peers = calloc(count, sizeof *node->peers);
    if (node->peers == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint16_t i = 0; i < count; i++) {
        struct peer *peer = &node->peers[i];
        peer->node = node;
        peer->index = i;
        peer->backoff_ms = PEER_BACKOFF_FIRST_MS;
        uv_timer_init(&node->loop, &peer->retry);
        if (i != node->self) {
            peer_connect(peer);
        }
    }
    return COLUMBA_OK;
}

void peers_stop(struct node *node)
{
    if (node->peers == NULL) {
        return;
    }
    for (uint16_t i = 0; i < node->topology->node_count; i++) {
        struct peer *peer = &node->peers[i];
        bool has_stream = i != node->self && peer->state != PEER_WAITING;
        peer->is_stopping = true;
        uv_close((uv_handle_t *)&peer->retry, NULL);
        if (has_stream && peer->state != PEER_CLOSING) {
            peer_lost(peer, "");
        } else if (!has_stream) {
            peer->state = PEER_STOPPED;
        }
    }
}

void peers_clear(struct node *node)
{
    free(node->peers);
    node->peers = NULL;
}
