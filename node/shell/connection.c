#include "node/shell/connection.h"

#include <stdlib.h>

#include "base/assert.h"
#include "node/shell/node.h"
#include "proto/codec.h"
#include "proto/request.h"

static struct connection *connection_of(struct stream *stream)
{
    return container_of(stream, struct connection, stream);
}

static struct message status_of(enum columba_error error, const char *text)
{
    return (struct message){
        .type = MESSAGE_STATUS,
        .status = {.error = error, .text = slice_of_text(text)},
    };
}

/* ---- answers ---- */

/* The last words on a connection. */
void connection_refuse(struct connection *connection, uint64_t asked_id, enum columba_error error,
                       const char *text)
{
    struct message status = status_of(error, text);
    if (stream_send(&connection->stream, &status, asked_id) != COLUMBA_OK) {
        stream_close(&connection->stream);
        return;
    }
    stream_finish(&connection->stream);
}

/* An answer that cannot be sent becomes one that says so. */
static enum columba_error answer_replace(struct connection *connection, uint64_t asked_id,
                                         enum columba_error error)
{
    const char *text = "the answer could not be sent; ask for less";
    if (error == ERR_OVERLOADED) {
        connection->node->counters.answers_refused++;
        text = "unsent answers take too much memory of this node (limits.output_max)";
    }
    struct message status = status_of(error, text);
    return stream_send(&connection->stream, &status, asked_id);
}

void connection_answer(struct connection *connection, uint64_t asked_id,
                       const struct message *message)
{
    struct stream *stream = &connection->stream;
    const struct intake *intake = &connection->node->intake;
    enum columba_error error = stream_send(stream, message, asked_id);
    if (error != COLUMBA_OK) {
        error = answer_replace(connection, asked_id, error);
    }
    if (error == COLUMBA_OK && intake_is_half_full(intake, stream->side)) {
        stream_flush(stream); /* what the system takes need not be kept until the turn ends */
    }
    bool is_overrun = intake_is_overrun(intake, stream->side, stream_unsent_bytes(stream));
    connection->node->counters.output_overruns += is_overrun;
    if (error != COLUMBA_OK || is_overrun) {
        stream_close(stream);
    }
}

static void resume_consider(struct connection *connection)
{
    const struct stream *stream = &connection->stream;
    if (stream->is_paused && list_is_empty(&connection->resumable) &&
        intake_has_room(&connection->node->intake, &connection->asker, stream_unsent_bytes(stream),
                        stream->is_writing)) {
        list_append(&connection->node->connections.resumable, &connection->resumable);
    }
}

void connections_resume(struct node *node)
{
    while (!list_is_empty(&node->connections.resumable)) {
        struct connection *connection =
            container_of(node->connections.resumable.next, struct connection, resumable);
        list_remove(&connection->resumable);
        stream_resume(&connection->stream);
    }
}

void request_answer(struct node *node, struct request *request, const struct message *message)
{
    struct connection *connection = request->connection;
    uint64_t asked_id = request->asked_id;
    intake_give_back(&node->intake, connection == NULL ? NULL : &connection->asker,
                     &request->ticket);
    requests_release(&node->requests, request);
    if (connection == NULL) {
        node->counters.replies_dropped++;
        return;
    }
    connection_answer(connection, asked_id, message);
    resume_consider(connection);
}

void request_refuse(struct node *node, struct request *request, enum columba_error error,
                    const char *text)
{
    struct message status = status_of(error, text);
    request_answer(node, request, &status);
}

void connection_reply(struct node *node, uint64_t request_id, const struct message *message)
{
    struct request *request = requests_find(&node->requests, request_id);
    if (request == NULL) {
        node->counters.replies_dropped++;
        return;
    }
    latencies_add_request(&node->latencies, (enum message_type)request->type,
                          node->turn.now_ns - request->started_ns);
    request_answer(node, request, message);
}

/* ---- requests ---- */

enum asking {
    ASKING_UNKNOWN = 0,
    ASKING_OF_CLIENT,
    ASKING_OF_NODE,
    ASKING_WITHOUT_ANSWER, /* of a node */
    ASKING_PING,
    ASKING_ADMIN,
};

static enum asking asking_of(enum message_type type)
{
    switch (type) {
    case MESSAGE_WRITE:
    case MESSAGE_READ:
    case MESSAGE_FANOUT:
    case MESSAGE_LOG_READ:
        return ASKING_OF_NODE;
    case MESSAGE_OUTBOX_DONE:
        return ASKING_WITHOUT_ANSWER;
    case MESSAGE_PING:
        return ASKING_PING;
    case MESSAGE_ADMIN:
        return ASKING_ADMIN;
    default:
        return request_kind_of(type) != NULL ? ASKING_OF_CLIENT : ASKING_UNKNOWN;
    }
}

static void frame_refuse(struct connection *connection, const struct frame *frame,
                         enum columba_error error, const char *text)
{
    struct message status = status_of(error, text);
    connection_answer(connection, frame->request_id, &status);
}

static struct request *request_take(struct connection *connection, const struct frame *frame)
{
    struct node *node = connection->node;
    struct intake_ticket ticket;
    const char *text;
    enum columba_error error =
        intake_take(&node->intake, &connection->asker, (enum message_type)frame->type,
                    frame->payload_bytes, &ticket, &text);
    if (error != COLUMBA_OK) {
        node->counters.requests_refused++;
        frame_refuse(connection, frame, error, text);
        return NULL;
    }
    struct request *request = requests_take(&node->requests, connection, &connection->requests,
                                            frame->request_id, frame->type, node->turn.now_ns);
    COLUMBA_ASSERT(request != NULL); /* as many places as the intake lets in */
    request->ticket = ticket;
    return request;
}

static void request_give(struct connection *connection, const struct frame *frame,
                         const struct request *request, const struct message *message)
{
    struct node *node = connection->node;
    struct event event = {
        .type = EVENT_REQUEST,
        .clock = frame->clock,
        .request = {.connection = connection->name,
                    .request_id = request == NULL ? 0 : requests_id(&node->requests, request),
                    .node = connection->peer,
                    .message = message},
    };
    turn_event(node, &event);
}

static void ping_answer(struct connection *connection, const struct frame *frame,
                        const struct message_ping *ping)
{
    struct message pong = {.type = MESSAGE_PING, .ping = {.token = ping->token, .answer = true}};
    if (!ping->answer) {
        connection_answer(connection, frame->request_id, &pong);
    }
}

static void request_handle(struct connection *connection, const struct frame *frame,
                           const struct message *message)
{
    struct node *node = connection->node;
    struct request *request;
    switch (asking_of(message->type)) {
    case ASKING_PING:
        ping_answer(connection, frame, &message->ping);
        return;
    case ASKING_WITHOUT_ANSWER:
        if (connection->state == CONNECTION_NODE) {
            request_give(connection, frame, NULL, message);
            return;
        }
        break;
    case ASKING_OF_NODE:
        if (connection->state == CONNECTION_NODE) {
            request = request_take(connection, frame);
            if (request != NULL) {
                request_give(connection, frame, request, message);
            }
            return;
        }
        break;
    case ASKING_OF_CLIENT:
        if (connection->state != CONNECTION_CLIENT) {
            break;
        }
        if (node->mode != NODE_NORMAL) {
            node->counters.requests_draining++;
            frame_refuse(connection, frame, ERR_SHUTTING_DOWN, "");
            return;
        }
        request = request_take(connection, frame);
        if (request != NULL) {
            request_give(connection, frame, request, message);
        }
        return;
    case ASKING_ADMIN:
        if (connection->state == CONNECTION_NODE) {
            break;
        }
        request = request_take(connection, frame);
        if (request != NULL) {
            node->connections.asked(node, request, &message->admin);
        }
        return;
    case ASKING_UNKNOWN:
        break;
    }
    node->counters.frames_unexpected++;
    frame_refuse(connection, frame, ERR_NOT_SUPPORTED,
                 "this is not a request that can be made on this connection");
}

/* ---- frames ---- */

static void decode_refuse(struct connection *connection, const struct frame *frame,
                          enum columba_error error)
{
    struct shell_counters *counters = &connection->node->counters;
    if (error == ERR_NOT_SUPPORTED && connection->state != CONNECTION_HANDSHAKE) {
        /* A newer asker may know more requests than we do: the stream is still in order. */
        counters->frames_unexpected++;
        frame_refuse(connection, frame, error, "this node does not know the request");
        return;
    }
    if (error == ERR_TOO_LARGE || error == ERR_NO_MEMORY) {
        counters->frames_too_large++;
        connection_refuse(connection, frame->request_id, ERR_TOO_LARGE,
                          "the message has too many elements or takes too much memory");
        return;
    }
    counters->frames_malformed++;
    connection_refuse(connection, frame->request_id, ERR_MALFORMED,
                      "the frame's payload is not a valid message");
}

static void connection_frame(struct stream *stream, const struct frame *frame, struct slice payload)
{
    struct connection *connection = connection_of(stream);
    struct arena *arena = &connection->node->decode_arena;
    struct message message;
    enum columba_error error = codec_decode(frame->type, payload, arena, &message);
    if (error != COLUMBA_OK) {
        decode_refuse(connection, frame, error);
    } else if (connection->state != CONNECTION_HANDSHAKE) {
        request_handle(connection, frame, &message);
    } else if (message.type == MESSAGE_HELLO) {
        connection->node->connections.greeted(connection, frame->request_id, &message.hello);
    } else {
        connection->node->counters.frames_unexpected++;
        connection_refuse(connection, frame->request_id, ERR_INVALID,
                          "the first message on a connection must be HELLO");
    }
    arena_reset(arena);
    if (intake_is_full(&connection->node->intake, &connection->asker, stream_unsent_bytes(stream),
                       stream->is_writing)) {
        stream_pause(stream);
        resume_consider(connection);
    }
}

static void connection_broken(struct stream *stream, enum columba_error error, const char *text)
{
    connection_refuse(connection_of(stream), 0, error, text);
}

static void connection_ended(struct stream *stream, int uv_error)
{
    (void)uv_error;
    stream_close(stream);
}

static void connection_drained(struct stream *stream)
{
    resume_consider(connection_of(stream));
}

static void requests_orphan(struct connection *connection)
{
    while (!list_is_empty(&connection->requests)) {
        struct request *request =
            container_of(connection->requests.next, struct request, of_connection);
        list_remove(&request->of_connection);
        request->connection = NULL;
    }
}

static void place_give_back(struct connection *connection)
{
    struct intake *intake = &connection->node->intake;
    list_remove(&connection->kin);
    if (connection->state == CONNECTION_HANDSHAKE) {
        intake_greeting_give_back(intake);
    } else {
        intake_place_give_back(intake, connection->asker.side);
    }
}

static void connection_closed(struct stream *stream)
{
    struct connection *connection = connection_of(stream);
    requests_orphan(connection);
    place_give_back(connection);
    list_remove(&connection->resumable);
    list_remove(&connection->link);
    free(connection);
}

static const struct stream_table connection_table = {
    .frame = connection_frame,
    .broken = connection_broken,
    .ended = connection_ended,
    .drained = connection_drained,
    .closed = connection_closed,
};

/* The oldest that has not said who it is makes room. */
static void greeting_end(struct node *node)
{
    list_for_each(at, &node->connections.greeting)
    {
        struct connection *connection = container_of(at, struct connection, kin);
        if (connection->stream.state != STREAM_CLOSED) {
            node->counters.connections_refused++;
            stream_close(&connection->stream);
            return;
        }
    }
}

struct connection *connection_create(struct node *node)
{
    struct connection *connection = malloc(sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    *connection =
        (struct connection){.node = node, .peer = NODE_NONE, .name = ++node->connections.names};
    if (stream_init(&connection->stream, &node->streams, &connection_table, INTAKE_CLIENTS) !=
        COLUMBA_OK) {
        free(connection);
        return NULL;
    }
    list_init(&connection->requests);
    list_init(&connection->resumable);
    if (!intake_greeting_take(&node->intake)) {
        greeting_end(node);
    }
    list_append(&node->connections.all, &connection->link);
    list_append(&node->connections.greeting, &connection->kin);
    return connection;
}

static enum intake_side side_of(enum connection_state state)
{
    switch (state) {
    case CONNECTION_NODE:
        return INTAKE_NODES;
    case CONNECTION_ADMINISTRATOR:
        return INTAKE_ADMINISTRATION;
    default:
        return INTAKE_CLIENTS;
    }
}

bool connection_settle(struct connection *connection, enum connection_state state, uint16_t peer)
{
    struct intake *intake = &connection->node->intake;
    COLUMBA_ASSERT(connection->state == CONNECTION_HANDSHAKE && state != CONNECTION_HANDSHAKE);
    if (!intake_place_take(intake, side_of(state))) {
        return false;
    }
    place_give_back(connection);
    connection->state = state;
    connection->peer = peer;
    if (state == CONNECTION_NODE) {
        list_append(&connection->node->connections.nodes, &connection->kin);
    }
    connection->asker.side = side_of(state);
    stream_side_set(&connection->stream, side_of(state));
    stream_handshake_deadline(&connection->stream, 0);
    return true;
}

/* ---- all of them ---- */

static bool is_of_node(const struct connection *connection, uint16_t peer)
{
    return connection->peer == peer && connection->stream.state == STREAM_OPEN;
}

uint32_t connections_of_node(const struct node *node, uint16_t peer)
{
    uint32_t count = 0;
    list_for_each(at, &node->connections.nodes)
    {
        count += is_of_node(container_of(at, struct connection, kin), peer);
    }
    return count;
}

void connections_of_node_trim(struct node *node, uint16_t peer)
{
    list_for_each(at, &node->connections.nodes)
    {
        struct connection *connection = container_of(at, struct connection, kin);
        if (is_of_node(connection, peer)) {
            stream_close(&connection->stream);
            return;
        }
    }
}

void connections_finish(struct node *node)
{
    list_for_each_safe(at, &node->connections.all)
    {
        stream_finish(&container_of(at, struct connection, link)->stream);
    }
}

void connections_close(struct node *node)
{
    list_for_each_safe(at, &node->connections.all)
    {
        stream_close(&container_of(at, struct connection, link)->stream);
    }
}

void connections_sweep(struct node *node)
{
    uint64_t patience_ns = node->request_patience_ms * 1000000u;
    if (node->turn.now_ns < patience_ns) {
        return;
    }
    uint32_t cursor = 0;
    struct request *request;
    while ((request = requests_stale(&node->requests, &cursor, node->turn.now_ns - patience_ns)) !=
           NULL) {
        node->counters.requests_abandoned++;
        request_refuse(node, request, ERR_OUTCOME_UNKNOWN, "the node gave the request up");
    }
}
