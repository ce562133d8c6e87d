#include "client/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "client/resolver.h"

static bool buffer_reserve(struct socket_buffer *buffer, size_t more)
{
    if (buffer->capacity - buffer->end >= more) {
        return true;
    }
    size_t used = buffer->end - buffer->begin;
    if (buffer->begin > 0) {
        memmove(buffer->data, buffer->data + buffer->begin, used);
        buffer->begin = 0;
        buffer->end = used;
    }
    if (buffer->capacity - used >= more) {
        return true;
    }
    size_t capacity = buffer->capacity == 0 ? SOCKET_CHUNK_BYTES : buffer->capacity;
    while (capacity - used < more) {
        capacity *= 2;
    }
    uint8_t *data = realloc(buffer->data, capacity);
    if (data == NULL) {
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

static void buffer_take(struct socket_buffer *buffer, size_t size)
{
    buffer->begin += size;
    if (buffer->begin == buffer->end) {
        buffer->begin = 0;
        buffer->end = 0;
    }
}

/* --- open and close -------------------------------------------------------------------------- */

static bool sockets_have_room(struct columba_client *client, uint32_t number)
{
    if (number < client->socket_count) {
        return true;
    }
    uint32_t count = number + 8;
    struct socket **sockets = realloc(client->sockets, count * sizeof(struct socket *));
    if (sockets == NULL) {
        return false;
    }
    for (uint32_t i = client->socket_count; i < count; i++) {
        sockets[i] = NULL;
    }
    client->sockets = sockets;
    client->socket_count = count;
    return true;
}

/* An address as it is written. False: it is a name. */
static bool address_literal(const char *host, uint16_t port, struct addresses *out_addresses)
{
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    snprintf(service, sizeof(service), "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        return false;
    }
    *out_addresses = (struct addresses){.count = 1};
    out_addresses->at[0].size = found->ai_addrlen;
    memcpy(&out_addresses->at[0].bytes, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

static int descriptor_open(const struct address *address)
{
    int on = 1;
    int fd = socket(address->bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (connect(fd, (const struct sockaddr *)&address->bytes, address->size) != 0 &&
        errno != EINPROGRESS) {
        int failed = errno;
        close(fd);
        errno = failed;
        return -1;
    }
    return fd;
}

static struct socket *socket_at(const struct columba_client *client, uint32_t number)
{
    return number < client->socket_count ? client->sockets[number] : NULL;
}

static struct socket *socket_create(struct columba_client *client, uint32_t number)
{
    struct socket *socket = calloc(1, sizeof(*socket));
    if (socket == NULL || !sockets_have_room(client, number)) {
        free(socket);
        return NULL;
    }
    *socket = (struct socket){.fd = -1, .number = number, .is_connecting = true};
    list_init(&socket->dirty);
    list_init(&socket->connecting);
    COLUMBA_ASSERT(client->sockets[number] == NULL);
    client->sockets[number] = socket;
    return socket;
}

static bool descriptor_watch(struct columba_client *client, struct socket *socket, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = socket};
    if (epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        int failed = errno;
        close(fd);
        errno = failed;
        return false;
    }
    socket->fd = fd;
    socket->wants_write = true;
    return true;
}

/* Begins to connect to the next address that can be tried. False: there is none; errno says why the
 * last one could not. */
static bool address_try_next(struct columba_client *client, struct socket *socket)
{
    struct addresses *addresses = socket->addresses;
    COLUMBA_ASSERT(socket->fd < 0 && socket->is_connecting);
    list_remove(&socket->connecting);
    while (addresses->next < addresses->count) {
        int fd = descriptor_open(&addresses->at[addresses->next++]);
        if (fd < 0 || !descriptor_watch(client, socket, fd)) {
            continue;
        }
        if (addresses->next < addresses->count) {
            socket->step_ms = library_now(client) + ADDRESS_STEP_MS;
            list_append(&client->connecting, &socket->connecting);
        }
        return true;
    }
    return false;
}

static void descriptor_give_up(struct socket *socket)
{
    if (socket->fd >= 0) {
        close(socket->fd); /* which also takes it out of epoll */
        socket->fd = -1;
    }
}

static void socket_fail(struct columba_client *client, struct socket *socket,
                        enum columba_error error, const char *reason);

void socket_found(struct columba_client *client, uint32_t number, const struct addresses *addresses)
{
    struct socket *socket = socket_at(client, number);
    COLUMBA_ASSERT(socket != NULL && socket->addresses == NULL);
    socket->addresses = malloc(sizeof(*socket->addresses));
    if (socket->addresses == NULL) {
        socket_fail(client, socket, ERR_NO_MEMORY, error_text(ERR_NO_MEMORY));
        return;
    }
    *socket->addresses = *addresses;
    if (!address_try_next(client, socket)) {
        socket_fail(client, socket, ERR_NO_NODE, strerror(errno));
    }
}

void socket_not_found(struct columba_client *client, uint32_t number, const char *why)
{
    struct socket *socket = socket_at(client, number);
    COLUMBA_ASSERT(socket != NULL);
    library_log(client, COLUMBA_LOG_WARNING, why);
    socket_fail(client, socket, ERR_NO_NODE, why);
}

void socket_open(struct columba_client *client, uint32_t number, struct slice host, uint16_t port)
{
    char name[CLIENT_HOST_MAX_BYTES + 1];
    struct addresses literal;
    COLUMBA_ASSERT(host.size < sizeof(name));
    memcpy(name, host.data, host.size);
    name[host.size] = '\0';
    if (socket_create(client, number) == NULL) {
        client_closed(client->core, number, ERR_NO_MEMORY, error_text(ERR_NO_MEMORY));
    } else if (address_literal(name, port, &literal)) {
        socket_found(client, number, &literal);
    } else {
        resolver_ask(client, number, name, port);
    }
}

void sockets_tick(struct columba_client *client, uint64_t now_ms)
{
    list_for_each_safe(link, &client->connecting)
    {
        struct socket *socket = container_of(link, struct socket, connecting);
        if (now_ms < socket->step_ms) {
            continue;
        }
        descriptor_give_up(socket);
        if (!address_try_next(client, socket)) {
            socket_fail(client, socket, ERR_NO_NODE, strerror(errno));
        }
    }
}

uint64_t sockets_due_ms(const struct columba_client *client)
{
    uint64_t due_ms = UINT64_MAX;
    for (const struct list *link = client->connecting.next; link != &client->connecting;
         link = link->next) {
        const struct socket *socket =
            (const struct socket *)((const char *)link - offsetof(struct socket, connecting));
        due_ms = socket->step_ms < due_ms ? socket->step_ms : due_ms;
    }
    return due_ms;
}

static void socket_free(struct socket *socket)
{
    free(socket->addresses);
    free(socket->in.data);
    free(socket->out.data);
    free(socket);
}

void socket_close(struct columba_client *client, uint32_t number)
{
    struct socket *socket = socket_at(client, number);
    if (socket == NULL) {
        return;
    }
    client->sockets[number] = NULL;
    resolver_forget(client, number);
    descriptor_give_up(socket);
    list_remove(&socket->connecting);
    list_remove(&socket->dirty);
    list_append(&client->dead, &socket->dirty);
}

void sockets_bury(struct columba_client *client)
{
    while (!list_is_empty(&client->dead)) {
        struct list *link = client->dead.next;
        list_remove(link);
        socket_free(container_of(link, struct socket, dirty));
    }
}

void sockets_destroy(struct columba_client *client)
{
    for (uint32_t i = 0; i < client->socket_count; i++) {
        socket_close(client, i);
    }
    sockets_bury(client);
    free(client->sockets);
}

static void socket_fail(struct columba_client *client, struct socket *socket,
                        enum columba_error error, const char *reason)
{
    uint32_t number = socket->number;
    socket_close(client, number);
    client_closed(client->core, number, error, reason);
    library_effects(client);
}

/* --- out ------------------------------------------------------------------------------------- */

void socket_send(struct columba_client *client, uint32_t number, uint64_t request_id,
                 const struct message *message)
{
    struct socket *socket = socket_at(client, number);
    struct codec_encoding encoding;
    arena_reset(&client->encoding);
    /* What cannot be written for want of memory is as if it were lost on the way: the core's
     * timeouts see to it. */
    if (socket == NULL || codec_prepare(message, &client->encoding, &encoding) != COLUMBA_OK) {
        return;
    }
    size_t size = FRAME_HEADER_BYTES + encoding.payload_bytes;
    if (!buffer_reserve(&socket->out, size)) {
        return;
    }
    codec_encode(&encoding, request_id, client_clock(client->core),
                 socket->out.data + socket->out.end);
    socket->out.end += size;
    if (list_is_empty(&socket->dirty)) {
        list_append(&client->dirty, &socket->dirty);
    }
}

static void socket_watch(struct columba_client *client, struct socket *socket, bool wants_write)
{
    if (socket->wants_write == wants_write) {
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0u),
                                .data.ptr = socket};
    epoll_ctl(client->epoll_fd, EPOLL_CTL_MOD, socket->fd, &event);
    socket->wants_write = wants_write;
}

static void socket_flush(struct columba_client *client, struct socket *socket)
{
    struct socket_buffer *out = &socket->out;
    if (socket->is_connecting) {
        return;
    }
    while (out->begin < out->end) {
        ssize_t sent =
            send(socket->fd, out->data + out->begin, out->end - out->begin, MSG_NOSIGNAL);
        if (sent >= 0) {
            buffer_take(out, (size_t)sent);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            socket_fail(client, socket, ERR_DISCONNECTED, strerror(errno));
            return;
        }
    }
    socket_watch(client, socket, out->begin < out->end);
}

void sockets_flush(struct columba_client *client)
{
    while (!list_is_empty(&client->dirty)) {
        struct list *link = client->dirty.next;
        list_remove(link);
        socket_flush(client, container_of(link, struct socket, dirty));
    }
}

/* --- in -------------------------------------------------------------------------------------- */

static bool frame_refuse(struct columba_client *client, struct socket *socket,
                         enum columba_error error)
{
    const char *reason = "it sent bytes that are no frame of ours; is something else listening "
                         "on this port?";
    if (error == ERR_PROTOCOL_VERSION) {
        reason = "it speaks another frame format; use a client of its version";
    } else if (error == ERR_TOO_LARGE) {
        reason = "it sent a frame over the limit";
    } else if (error == ERR_NOT_SUPPORTED) {
        reason = "it sent a message of a kind that is not known here";
    } else if (error == ERR_NO_MEMORY) {
        reason = "its frame takes more memory than there is";
    }
    socket_fail(client, socket, error, reason);
    return false;
}

/* False: the socket is gone. */
static bool frame_received(struct columba_client *client, struct socket *socket,
                           const struct frame *frame, const uint8_t *bytes)
{
    struct slice payload = slice_of(bytes + FRAME_HEADER_BYTES, frame->payload_bytes);
    struct message message;
    uint32_t number = socket->number;
    if (!frame_is_intact(bytes, payload)) {
        return frame_refuse(client, socket, ERR_MALFORMED);
    }
    arena_reset(&client->decoding);
    enum columba_error error = codec_decode(frame->type, payload, &client->decoding, &message);
    if (error != COLUMBA_OK) {
        return frame_refuse(client, socket, error);
    }
    client_received(client->core, number, frame->request_id, frame->clock, &message);
    library_effects(client);
    return client->sockets[number] == socket;
}

/* False: the socket is gone. */
static bool frames_take(struct columba_client *client, struct socket *socket)
{
    struct socket_buffer *in = &socket->in;
    while (in->end - in->begin >= FRAME_HEADER_BYTES) {
        const uint8_t *bytes = in->data + in->begin;
        struct frame frame;
        enum columba_error error = frame_header_decode(bytes, &frame);
        if (error != COLUMBA_OK) {
            return frame_refuse(client, socket, error);
        }
        size_t size = FRAME_HEADER_BYTES + frame.payload_bytes;
        if (in->end - in->begin < size) {
            return true;
        }
        if (!frame_received(client, socket, &frame, bytes)) {
            return false;
        }
        buffer_take(in, size);
    }
    return true;
}

static void socket_read(struct columba_client *client, struct socket *socket)
{
    struct socket_buffer *in = &socket->in;
    for (unsigned round = 0; round < SOCKET_READS_MAX; round++) {
        if (!buffer_reserve(in, SOCKET_CHUNK_BYTES / 2)) {
            socket_fail(client, socket, ERR_NO_MEMORY, error_text(ERR_NO_MEMORY));
            return;
        }
        size_t room = in->capacity - in->end;
        ssize_t got = recv(socket->fd, in->data + in->end, room, 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            return;
        }
        if (got <= 0) {
            socket_fail(client, socket, ERR_DISCONNECTED,
                        got == 0 ? "the node closed the connection" : strerror(errno));
            return;
        }
        in->end += (size_t)got;
        if (!frames_take(client, socket) || (size_t)got < room) {
            return;
        }
    }
}

/* False: it could not be connected; it tries another address, or is gone. */
static bool socket_connected(struct columba_client *client, struct socket *socket)
{
    int failed = 0;
    socklen_t size = sizeof(failed);
    getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &failed, &size);
    if (failed != 0) {
        descriptor_give_up(socket);
        errno = failed;
        if (!address_try_next(client, socket)) {
            socket_fail(client, socket, ERR_NO_NODE, strerror(errno));
        }
        return false;
    }
    socket->is_connecting = false;
    list_remove(&socket->connecting);
    free(socket->addresses);
    socket->addresses = NULL;
    socket_watch(client, socket, false);
    client_connected(client->core, socket->number);
    library_effects(client);
    return true;
}

void socket_ready(struct columba_client *client, struct socket *socket, uint32_t events)
{
    if (socket->fd < 0) {
        return; /* closed earlier in this turn */
    }
    if (socket->is_connecting) {
        if (!socket_connected(client, socket)) {
            return;
        }
    } else if ((events & EPOLLOUT) != 0) {
        list_remove(&socket->dirty);
        socket_flush(client, socket);
    }
    if (socket->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        socket_read(client, socket);
    }
}
