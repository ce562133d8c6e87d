#include "node/shell/listener.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "node/shell/node.h"

/* The system's own buffer is no place for answers that nobody takes: megabytes for each. */
static void unsent_bound(uv_tcp_t *tcp)
{
    int fd;
    unsigned unsent_bytes = LISTENER_UNSENT_BYTES;
    if (uv_fileno((uv_handle_t *)tcp, &fd) == 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes);
    }
}

static void connection_accepted(struct connection *connection)
{
    struct node *node = connection->node;
    uv_tcp_nodelay(&connection->stream.tcp, 1);
    unsent_bound(&connection->stream.tcp);
    uv_tcp_keepalive(&connection->stream.tcp, 1, NODE_KEEPALIVE_SECONDS);
    turn_begin(node);
    stream_start(&connection->stream);
    node->counters.connections_accepted++;
    stream_handshake_deadline(&connection->stream,
                              node_now_ms(node) + node->config->handshake_timeout_ms);
}

static void connection_arrived(uv_stream_t *server, int status)
{
    struct node *node = server->data;
    struct connection *connection = status == 0 ? connection_create(node) : NULL;
    if (connection == NULL) {
        node->counters.accept_errors++;
        return;
    }
    if (uv_accept(server, (uv_stream_t *)&connection->stream.tcp) != 0) {
        node->counters.accept_errors++;
        stream_close(&connection->stream);
        return;
    }
    connection_accepted(connection);
}

enum columba_error listener_open(struct node *node, char *out_text)
{
    struct listener *listener = &node->listener;
    union address_socket socket;
    char address[ADDRESS_TEXT_BYTES];
    address_to_socket(&node->config->listen_address, &socket);
    address_format(&node->config->listen_address, address);
    int failed = uv_tcp_init(&node->loop, &listener->tcp);
    if (failed == 0) {
        listener->is_open = true;
        listener->tcp.data = node;
        failed = uv_tcp_bind(&listener->tcp, &socket.any, 0);
    }
    if (failed == 0) {
        failed = uv_listen((uv_stream_t *)&listener->tcp, LISTENER_BACKLOG, connection_arrived);
    }
    if (failed == 0) {
        return COLUMBA_OK;
    }
    snprintf(out_text, CONFIG_PROBLEM_BYTES, "cannot listen on %s: %s%s", address,
             uv_strerror(failed),
             failed == UV_EADDRINUSE ? ": is another node running there?" : "");
    return failed == UV_EADDRINUSE ? ERR_IN_USE : ERR_IO;
}

void listener_close(struct node *node)
{
    if (node->listener.is_open) {
        node->listener.is_open = false;
        uv_close((uv_handle_t *)&node->listener.tcp, NULL);
    }
}
