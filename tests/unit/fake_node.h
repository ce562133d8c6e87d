/*
 * A node for tests of the library: one thread, real sockets, and just enough of a memory to answer
 * what was stored. What it is told to do wrong, it does.
 */
#ifndef COLUMBA_TESTS_FAKE_NODE_H
#define COLUMBA_TESTS_FAKE_NODE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "proto/change.h"
#include "proto/codec.h"
#include "proto/content.h"

#define FAKE_CONNECTIONS_MAX 16
#define FAKE_ROWS_MAX 4096
#define FAKE_BUFFER_BYTES (4u * MIB)

enum fake_fault {
    FAKE_WELL,
    FAKE_GARBAGE,       /* answers the greeting with bytes that are no frame */
    FAKE_OLD_FRAMES,    /* speaks another frame format */
    FAKE_BAD_CHECKSUM,  /* its answers are damaged */
    FAKE_BAD_MESSAGE,   /* good frames around payloads that do not parse */
    FAKE_OTHER_VERSION, /* says that it speaks another protocol version */
    FAKE_CLOSES_ONCE,   /* closes the connection at the next request */
    FAKE_PAIRS,         /* answers each request twice, and one nobody asked */
    FAKE_REFUSES,       /* every request: `refusal` */
};

struct fake_row {
    struct id conversation;
    struct id message;
    uint8_t *content;
    size_t size;     /* 0: undecided */
    uint8_t *edited; /* the newest edit's content; NULL: none */
    size_t edited_size;
    uint64_t edit_number;
    uint8_t marks[512]; /* every one that came, in order */
    size_t marks_size;
    char deleted_sender[32]; /* "": not deleted */
};

struct fake_connection {
    int fd;
    uint8_t *bytes;
    size_t used;
};

struct fake_node {
    pthread_t thread;
    pthread_mutex_t lock; /* held while a request is answered */
    int listener;
    int stop_pipe[2];
    uint16_t port;
    _Atomic int fault;
    struct message_status refusal;
    _Atomic unsigned differing; /* what imports are answered with */
    _Atomic int refused_type;   /* of FAKE_REFUSES: this request only; 0: every one */
    struct fake_connection connections[FAKE_CONNECTIONS_MAX];
    struct fake_row rows[FAKE_ROWS_MAX]; /* by message id */
    size_t row_count;
    uint8_t *heard; /* every byte that came in */
    size_t heard_bytes;
    _Atomic unsigned asked[256]; /* by message type */
    _Atomic unsigned reads;
    uint32_t last_kind;
    struct id last_up_to;
    struct message_inbox_row inbox[300];
    uint32_t inbox_count;
    char inbox_names[300][32]; /* of its conversations */
};

static inline void fake_write(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return;
        }
        size_t done = sent > 0 ? (size_t)sent : 0;
        bytes += done;
        size -= done;
    }
}

static inline uint64_t fake_unix_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline void fake_reply(struct fake_node *node, int fd, uint64_t request_id,
                              const struct message *message)
{
    struct arena arena;
    struct codec_encoding encoding;
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    if (codec_prepare(message, &arena, &encoding) != COLUMBA_OK) {
        abort();
    }
    size_t size = FRAME_HEADER_BYTES + encoding.payload_bytes;
    uint8_t *bytes = malloc(size);
    codec_encode(&encoding, request_id, fake_unix_ms() << 16, bytes);
    if (node->fault == FAKE_BAD_CHECKSUM) {
        bytes[FRAME_HEADER_BYTES - 1] ^= 1;
    }
    fake_write(fd, bytes, size);
    free(bytes);
    arena_clear(&arena);
}

static inline void fake_welcome(struct fake_node *node, int fd, uint64_t request_id)
{
    const uint64_t token = 0;
    const struct slice text = slice_of_text("dc1");
    const struct message_node listed = {.host_id = {{1}},
                                        .name = slice_of_text("node1"),
                                        .address = slice_of_text("127.0.0.1"),
                                        .port = node->port,
                                        .datacenter = text,
                                        .rack = text,
                                        .tokens = &token,
                                        .token_count = 1};
    const struct message_factor factor = {text, 1};
    struct message welcome = {.type = MESSAGE_WELCOME,
                              .welcome = {.protocol = PROTOCOL_VERSION_MAX,
                                          .host_id = {{1}},
                                          .cluster_name = slice_of_text("test"),
                                          .unix_ms = fake_unix_ms(),
                                          .topology_version = 1,
                                          .nodes = &listed,
                                          .node_count = 1,
                                          .keyspace = slice_of_text("chat"),
                                          .factors = &factor,
                                          .factor_count = 1,
                                          .read_consistency = 4,
                                          .write_consistency = 4,
                                          .fanout_members_max = 1024}};
    if (node->fault == FAKE_OTHER_VERSION) {
        welcome =
            (struct message){.type = MESSAGE_STATUS,
                             .status = {.error = ERR_PROTOCOL_VERSION,
                                        .text = slice_of_text("this node speaks versions 5 to 6")}};
    }
    fake_reply(node, fd, request_id, &welcome);
}

static inline void fake_store(struct fake_node *node, const struct id *conversation,
                              const struct id *message, struct slice content)
{
    if (node->row_count == FAKE_ROWS_MAX) {
        return;
    }
    size_t at = node->row_count++;
    for (; at > 0 && id_compare(&node->rows[at - 1].message, message) > 0; at--) {
        node->rows[at] = node->rows[at - 1];
    }
    struct fake_row *row = &node->rows[at];
    row->conversation = *conversation;
    row->message = *message;
    row->content = malloc(content.size);
    memcpy(row->content, content.data, content.size);
    row->size = content.size;
    row->edited = NULL;
    row->edited_size = 0;
    row->edit_number = 0;
    row->marks_size = 0;
    row->deleted_sender[0] = '\0';
}

static inline void fake_mark(struct fake_row *row, const struct message_change *change)
{
    bool is_reaction = change->kind == CHANGE_REACTION;
    struct id user = id_of_name(ID_USER, change->actor);
    struct writer writer =
        writer_of(row->marks + row->marks_size, sizeof(row->marks) - row->marks_size);
    writer_u8(&writer, is_reaction ? MARK_REACTION : MARK_COLUMN);
    writer_u8(&writer, 1);
    writer_u64(&writer, 7);
    writer_sized(&writer, is_reaction ? slice_of(user.bytes, ID_BYTES) : change->key);
    writer_sized(&writer, change->content);
    row->marks_size += writer_done(&writer).size;
}

static inline enum columba_error fake_change(struct fake_node *node,
                                             const struct message_change *change)
{
    for (size_t i = 0; i < node->row_count; i++) {
        struct fake_row *row = &node->rows[i];
        if (!id_equal(&row->message, &change->message)) {
            continue;
        }
        if (row->deleted_sender[0] != '\0') {
            return ERR_MESSAGE_DELETED;
        }
        if (change->kind == CHANGE_DELETION) {
            snprintf(row->deleted_sender, sizeof(row->deleted_sender), "%.*s",
                     (int)change->actor.size, (const char *)change->actor.data);
            return COLUMBA_OK;
        }
        if (change->kind != CHANGE_EDIT) {
            fake_mark(row, change);
            return COLUMBA_OK;
        }
        free(row->edited);
        row->edited = malloc(change->content.size);
        memcpy(row->edited, change->content.data, change->content.size);
        row->edited_size = change->content.size;
        row->edit_number++;
        return COLUMBA_OK;
    }
    return ERR_UNKNOWN_MESSAGE;
}

static inline struct message_history_row fake_history_row(const struct fake_row *row)
{
    if (row->deleted_sender[0] != '\0') {
        return (struct message_history_row){.message = row->message,
                                            .is_deleted = true,
                                            .deleted_sender = slice_of_text(row->deleted_sender)};
    }
    return (struct message_history_row){.message = row->message,
                                        .content = slice_of(row->content, row->size),
                                        .is_undecided = row->size == 0,
                                        .edited = slice_of(row->edited, row->edited_size),
                                        .edit_number = row->edit_number,
                                        .marks = slice_of(row->marks, row->marks_size)};
}

static inline struct message fake_history(struct fake_node *node,
                                          const struct message_history_read *read)
{
    static struct message_history_row rows[PAGE_MAX_ROWS];
    uint32_t count = 0, limit = read->limit == 0 ? 50 : read->limit;
    node->reads++;
    for (size_t i = node->row_count; i > 0 && count < limit; i--) {
        const struct fake_row *row = &node->rows[read->oldest_first ? node->row_count - i : i - 1];
        bool is_within =
            (id_is_zero(&read->before) || id_compare(&row->message, &read->before) < 0) &&
            (id_is_zero(&read->after) || id_compare(&row->message, &read->after) > 0);
        if (is_within && id_equal(&row->conversation, &read->conversation)) {
            rows[count++] = fake_history_row(row);
        }
    }
    return (struct message){.type = MESSAGE_HISTORY, .history = {.rows = rows, .row_count = count}};
}

/* The rows of `inbox` are by newest message, then conversation, descending. */
static inline int fake_inbox_order(const struct message_inbox_row *row, const struct id *last,
                                   const struct id *conversation)
{
    int order = id_compare(&row->last, last);
    return order != 0 ? order : id_compare(&row->conversation, conversation);
}

static inline struct message fake_inbox(const struct fake_node *node,
                                        const struct message_inbox_read *read)
{
    uint32_t begin = 0, count = 0;
    while (begin < node->inbox_count && !id_is_zero(&read->after) &&
           fake_inbox_order(&node->inbox[begin], &read->after_last, &read->after) >= 0) {
        begin++;
    }
    while (begin + count < node->inbox_count && count < read->limit) {
        count++;
    }
    return (struct message){.type = MESSAGE_INBOX,
                            .inbox = {.rows = node->inbox + begin,
                                      .row_count = count,
                                      .more = begin + count < node->inbox_count}};
}

static inline struct slice fake_name(const struct fake_node *node, const struct id *conversation)
{
    for (uint32_t i = 0; i < node->inbox_count; i++) {
        struct slice name = slice_of_text(node->inbox_names[i]);
        struct id id = id_of_name(ID_CONVERSATION, name);
        if (id_equal(&id, conversation)) {
            return name;
        }
    }
    return slice_of_text("a garden");
}

static inline struct message fake_answer(struct fake_node *node, const struct message *request)
{
    const struct slice alice = slice_of_text("alice"), bob = slice_of_text("bob");
    static struct message_member_row members[2];
    members[0] = (struct message_member_row){.user = id_of_name(ID_USER, alice), .name = alice};
    members[1] = (struct message_member_row){.user = id_of_name(ID_USER, bob), .name = bob};
    switch (request->type) {
    case MESSAGE_SEND:
        fake_store(node, &request->send.conversation, &request->send.message,
                   request->send.content);
        break;
    case MESSAGE_CHANGE:
        return (struct message){.type = MESSAGE_STATUS,
                                .status = {.error = fake_change(node, &request->change)}};
    case MESSAGE_HISTORY_IMPORT:
        for (uint32_t i = 0; i < request->history_import.row_count; i++) {
            fake_store(node, &request->history_import.conversation,
                       &request->history_import.rows[i].message,
                       request->history_import.rows[i].content);
        }
        return (struct message){.type = MESSAGE_STATUS, .status = {.differing = node->differing}};
    case MESSAGE_HISTORY_READ:
        return fake_history(node, &request->history_read);
    case MESSAGE_CONVERSATION_CREATE:
        node->last_kind = request->conversation_create.kind;
        node->reads += request->conversation_create.member_count;
        break;
    case MESSAGE_CONVERSATION_GET:
        return (struct message){
            .type = MESSAGE_CONVERSATION,
            .conversation = {.conversation = request->conversation_get.conversation,
                             .name = fake_name(node, &request->conversation_get.conversation),
                             .kind = 2,
                             .membership_version = 9}};
    case MESSAGE_MEMBERS_READ:
        return (struct message){.type = MESSAGE_MEMBERS,
                                .members = {.rows = members, .row_count = 2}};
    case MESSAGE_INBOX_READ:
        return fake_inbox(node, &request->inbox_read);
    case MESSAGE_MARK_READ:
        node->last_up_to = request->mark_read.up_to;
        break;
    case MESSAGE_ADMIN:
        return (struct message){.type = MESSAGE_ADMIN_REPLY,
                                .admin_reply = {.json = slice_of_text("{\"done\":true}")}};
    case MESSAGE_PING:
        return (struct message){.type = MESSAGE_PING, .ping = {.answer = true}};
    default:
        break;
    }
    return (struct message){.type = MESSAGE_STATUS};
}

static inline void fake_disconnect(struct fake_connection *connection)
{
    close(connection->fd);
    free(connection->bytes);
    *connection = (struct fake_connection){.fd = -1};
}

static inline void fake_greeted(struct fake_node *node, struct fake_connection *connection,
                                uint64_t request_id)
{
    uint8_t bytes[FRAME_HEADER_BYTES + 64] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n";
    int fault = node->fault;
    switch (fault) {
    case FAKE_GARBAGE:
        fake_write(connection->fd, bytes, sizeof(bytes));
        break;
    case FAKE_OLD_FRAMES:
        memset(bytes, 0, sizeof(bytes));
        bytes[4] = 9;
        fake_write(connection->fd, bytes, sizeof(bytes));
        break;
    case FAKE_BAD_MESSAGE: {
        const struct frame frame = {.payload_bytes = 32, .type = MESSAGE_WELCOME};
        memset(bytes, 0xff, sizeof(bytes));
        frame_header_encode(bytes, &frame);
        fake_write(connection->fd, bytes, FRAME_HEADER_BYTES + 32);
        break;
    }
    default:
        fake_welcome(node, connection->fd, request_id);
    }
}

static inline void fake_asked(struct fake_node *node, struct fake_connection *connection,
                              const struct frame *frame, const struct message *request)
{
    if (request->type == MESSAGE_HELLO) {
        fake_greeted(node, connection, frame->request_id);
        return;
    }
    if (node->fault == FAKE_CLOSES_ONCE) {
        node->fault = FAKE_WELL;
        shutdown(connection->fd, SHUT_RDWR);
        return;
    }
    struct message answer = {.type = MESSAGE_STATUS, .status = node->refusal};
    if (node->fault != FAKE_REFUSES ||
        (node->refused_type != 0 && node->refused_type != (int)request->type)) {
        answer = fake_answer(node, request);
    }
    fake_reply(node, connection->fd, frame->request_id, &answer);
    if (node->fault == FAKE_PAIRS) {
        fake_reply(node, connection->fd, frame->request_id, &answer);
        fake_reply(node, connection->fd, 77, &answer);
    }
}

/* What refused requests are answered with from now on. */
static inline void fake_refuse(struct fake_node *node, struct message_status refusal)
{
    pthread_mutex_lock(&node->lock);
    node->refusal = refusal;
    pthread_mutex_unlock(&node->lock);
    node->fault = FAKE_REFUSES;
}

/* Other words under the id of a row. */
static inline void fake_alter(struct fake_node *node, size_t index, const struct content *content)
{
    pthread_mutex_lock(&node->lock);
    struct fake_row *row = &node->rows[index];
    row->size = content_size(content);
    row->content = realloc(row->content, row->size);
    content_encode(content, row->content);
    pthread_mutex_unlock(&node->lock);
}

static inline size_t fake_row_count(struct fake_node *node)
{
    pthread_mutex_lock(&node->lock);
    size_t count = node->row_count;
    pthread_mutex_unlock(&node->lock);
    return count;
}

static inline void fake_frames(struct fake_node *node, struct fake_connection *connection)
{
    size_t at = 0;
    while (connection->used - at >= FRAME_HEADER_BYTES) {
        struct frame frame;
        struct message request;
        struct arena arena;
        const uint8_t *bytes = connection->bytes + at;
        if (frame_header_decode(bytes, &frame) != COLUMBA_OK) {
            abort();
        }
        if (connection->used - at < FRAME_HEADER_BYTES + frame.payload_bytes) {
            break;
        }
        struct slice payload = slice_of(bytes + FRAME_HEADER_BYTES, frame.payload_bytes);
        arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
        if (!frame_is_intact(bytes, payload) ||
            codec_decode(frame.type, payload, &arena, &request) != COLUMBA_OK) {
            abort();
        }
        node->asked[frame.type]++;
        pthread_mutex_lock(&node->lock);
        fake_asked(node, connection, &frame, &request);
        pthread_mutex_unlock(&node->lock);
        arena_clear(&arena);
        at += FRAME_HEADER_BYTES + frame.payload_bytes;
    }
    memmove(connection->bytes, connection->bytes + at, connection->used - at);
    connection->used -= at;
}

static inline void fake_read(struct fake_node *node, struct fake_connection *connection)
{
    ssize_t got = recv(connection->fd, connection->bytes + connection->used,
                       FAKE_BUFFER_BYTES - connection->used, 0);
    if (got <= 0) {
        fake_disconnect(connection);
        return;
    }
    size_t size = (size_t)got;
    if (node->heard_bytes + size <= FAKE_BUFFER_BYTES) {
        memcpy(node->heard + node->heard_bytes, connection->bytes + connection->used, size);
        node->heard_bytes += size;
    }
    connection->used += size;
    fake_frames(node, connection);
}

static inline void fake_accept(struct fake_node *node)
{
    int on = 1;
    int fd = accept(node->listener, NULL, NULL);
    if (fd < 0) {
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (int i = 0; i < FAKE_CONNECTIONS_MAX; i++) {
        if (node->connections[i].fd < 0) {
            node->connections[i] =
                (struct fake_connection){.fd = fd, .bytes = malloc(FAKE_BUFFER_BYTES)};
            return;
        }
    }
    close(fd);
}

static inline void *fake_run(void *argument)
{
    struct fake_node *node = argument;
    for (;;) {
        struct pollfd polled[FAKE_CONNECTIONS_MAX + 2] = {
            {.fd = node->stop_pipe[0], .events = POLLIN}, {.fd = node->listener, .events = POLLIN}};
        for (int i = 0; i < FAKE_CONNECTIONS_MAX; i++) {
            polled[i + 2] = (struct pollfd){.fd = node->connections[i].fd, .events = POLLIN};
        }
        poll(polled, FAKE_CONNECTIONS_MAX + 2, -1);
        if (polled[0].revents != 0) {
            return NULL;
        }
        if (polled[1].revents != 0) {
            fake_accept(node);
        }
        for (int i = 0; i < FAKE_CONNECTIONS_MAX; i++) {
            if (polled[i + 2].revents != 0 && node->connections[i].fd >= 0) {
                fake_read(node, &node->connections[i]);
            }
        }
    }
}

/* One that listens already; a test says what it knows, then fake_begin. */
static inline struct fake_node *fake_prepare(enum fake_fault fault)
{
    struct fake_node *node = calloc(1, sizeof(*node));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    node->fault = fault;
    node->heard = malloc(FAKE_BUFFER_BYTES);
    pthread_mutex_init(&node->lock, NULL);
    node->listener = socket(AF_INET, SOCK_STREAM, 0);
    for (int i = 0; i < FAKE_CONNECTIONS_MAX; i++) {
        node->connections[i].fd = -1;
    }
    if (bind(node->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(node->listener, 16) != 0 || pipe(node->stop_pipe) != 0) {
        abort();
    }
    getsockname(node->listener, (struct sockaddr *)&address, &size);
    node->port = ntohs(address.sin_port);
    return node;
}

static inline void fake_begin(struct fake_node *node)
{
    if (pthread_create(&node->thread, NULL, fake_run, node) != 0) {
        abort();
    }
}

static inline struct fake_node *fake_start(enum fake_fault fault)
{
    struct fake_node *node = fake_prepare(fault);
    fake_begin(node);
    return node;
}

static inline void fake_stop(struct fake_node *node)
{
    close(node->stop_pipe[1]);
    pthread_join(node->thread, NULL);
    close(node->stop_pipe[0]);
    close(node->listener);
    for (int i = 0; i < FAKE_CONNECTIONS_MAX; i++) {
        if (node->connections[i].fd >= 0) {
            fake_disconnect(&node->connections[i]);
        }
    }
    for (size_t i = 0; i < node->row_count; i++) {
        free(node->rows[i].content);
        free(node->rows[i].edited);
    }
    free(node->heard);
    free(node);
}

#endif
