#include "node/shell/handshake.h"

#include <string.h>

#include "base/assert.h"
#include "node/shell/admission.h"
#include "node/shell/node.h"

static void hello_refuse(struct connection *connection, uint64_t asked_id, enum columba_error error,
                         const char *text)
{
    struct shell_counters *counters = &connection->node->counters;
    if (error == ERR_PROTOCOL_VERSION) {
        counters->frames_wrong_version++;
    } else {
        counters->frames_wrong_cluster++;
    }
    connection_refuse(connection, asked_id, error, text);
}

static bool hello_version_is_known(const struct message_hello *hello)
{
    return hello->protocol_min <= PROTOCOL_VERSION_MAX &&
           hello->protocol_max >= PROTOCOL_VERSION_MIN &&
           hello->protocol_min <= hello->protocol_max;
}

/* ---- nodes ---- */

static const char *stranger_text(enum handshake_stranger stranger)
{
    switch (stranger) {
    case STRANGER_UNLISTED:
        return "this node is not in the receiver's list of nodes: give all nodes the same";
    case STRANGER_NAMESAKE:
        return "the receiver has this node's own name: two nodes share a node_name, or one "
               "listens on another's address";
    case STRANGER_ELSEWHERE:
        return "a node's greeting comes from another address than the list of nodes has for it";
    case STRANGER_KINDS:
        break;
    }
    COLUMBA_ASSERT(false);
    return "";
}

static bool address_of_other(const struct connection *connection, struct address *out_address)
{
    struct sockaddr_storage socket;
    int size = sizeof socket;
    return uv_tcp_getpeername(&connection->stream.tcp, (struct sockaddr *)&socket, &size) == 0 &&
           address_of_socket((struct sockaddr *)&socket, out_address);
}

/* Whoever can reach the port can greet as a node, as often as he likes. */
static void stranger_tell(struct connection *connection, enum handshake_stranger stranger,
                          const struct id *host)
{
    struct node *node = connection->node;
    struct address from;
    char address[ADDRESS_TEXT_BYTES] = "?";
    char name[ID_TEXT_BYTES];
    uint64_t left_out;
    if (!log_limit_allows(&node->strangers[stranger], node_now_ms(node), &left_out)) {
        return;
    }
    if (address_of_other(connection, &from)) {
        address_format(&from, address);
    }
    id_to_text(host, name);
    log_warning(node->log, "greeting_refused",
                "%s greeted as the node with host id %s and was refused: %s (%llu more like it "
                "were not logged)",
                address, name, stranger_text(stranger), (unsigned long long)left_out);
}

static void stranger_refuse(struct connection *connection, uint64_t asked_id,
                            enum handshake_stranger stranger, const struct message_hello *hello)
{
    stranger_tell(connection, stranger, &hello->host_id);
    hello_refuse(connection, asked_id, ERR_WRONG_CLUSTER, stranger_text(stranger));
}

static bool comes_from(const struct connection *connection, uint16_t index)
{
    static const char mapped[] = "::ffff:"; /* IPv4, come in on an IPv6 socket */
    struct address from;
    if (!address_of_other(connection, &from)) {
        return false;
    }
    size_t skipped = strncmp(from.host, mapped, sizeof mapped - 1) == 0 ? sizeof mapped - 1 : 0;
    return strcmp(from.host + skipped, node_address(connection->node, index)->host) == 0;
}

/* The index of a node that greets us; TOPOLOGY_NODE_NONE: the connection was refused. */
static uint16_t hello_node(struct connection *connection, uint64_t asked_id,
                           const struct message_hello *hello)
{
    const struct node *node = connection->node;
    uint16_t index = topology_node_by_host(node->topology, &hello->host_id);
    if (index == TOPOLOGY_NODE_NONE) {
        stranger_refuse(connection, asked_id, STRANGER_UNLISTED, hello);
    } else if (index == node->self) {
        stranger_refuse(connection, asked_id, STRANGER_NAMESAKE, hello);
        index = TOPOLOGY_NODE_NONE;
    } else if (!comes_from(connection, index)) {
        stranger_refuse(connection, asked_id, STRANGER_ELSEWHERE, hello);
        index = TOPOLOGY_NODE_NONE;
    }
    return index;
}

/* ERR_WIPED is how the other node finds out; it stops. */
static bool hello_directory_check(struct connection *connection, uint64_t asked_id,
                                  const struct message_hello *hello, uint16_t index)
{
    struct node *node = connection->node;
    const struct data_identity told = {.id = hello->directory_id,
                                       .accepts_loss = hello->accepts_loss};
    const char *why;
    uint64_t wiped_before = node->counters.peers_wiped;
    if (admission_check(node, index, &told, &why)) {
        return true;
    }
    bool is_wiped = node->counters.peers_wiped != wiped_before;
    connection_refuse(connection, asked_id, is_wiped ? ERR_WIPED : ERR_IO, why);
    return false;
}

/* ---- everybody ---- */

static bool hello_cluster_is_right(const struct node *node, const struct message_hello *hello)
{
    bool takes_any = hello->role != ROLE_NODE && hello->cluster_name.size == 0;
    return takes_any || slice_equal(hello->cluster_name, node->topology->cluster_name);
}

/* False: refused. */
static bool hello_check(struct connection *connection, uint64_t asked_id,
                        const struct message_hello *hello)
{
    char text[NAME_MAX_BYTES + 128u];
    if (!hello_version_is_known(hello)) {
        snprintf(text, sizeof text,
                 "this node speaks protocol versions %u to %u, the greeting offers %u to %u",
                 PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX, hello->protocol_min,
                 hello->protocol_max);
        hello_refuse(connection, asked_id, ERR_PROTOCOL_VERSION, text);
        return false;
    }
    if (!hello_cluster_is_right(connection->node, hello)) {
        snprintf(text, sizeof text, "this node belongs to the cluster %s",
                 (const char *)connection->node->topology->cluster_name.data);
        hello_refuse(connection, asked_id, ERR_WRONG_CLUSTER, text);
        return false;
    }
    return true;
}

static void settle(struct connection *connection, uint64_t asked_id, enum connection_state state,
                   uint16_t peer)
{
    struct node *node = connection->node;
    if (!connection_settle(connection, state, peer)) {
        node->counters.connections_refused++;
        connection_refuse(connection, asked_id, ERR_OVERLOADED,
                          "the node has as many connections as it takes (limits.connections_max)");
        return;
    }
    struct message welcome = greeting_welcome(node);
    connection_answer(connection, asked_id, &welcome);
}

static void settle_node(struct connection *connection, uint64_t asked_id,
                        const struct message_hello *hello)
{
    struct node *node = connection->node;
    uint16_t index = hello_node(connection, asked_id, hello);
    if (index == TOPOLOGY_NODE_NONE || !hello_directory_check(connection, asked_id, hello, index)) {
        return;
    }
    /* A node that comes anew has lost the old ones, noticed or not. */
    if (connections_of_node(node, index) >= INTAKE_CONNECTIONS_OF_NODE) {
        connections_of_node_trim(node, index);
    }
    settle(connection, asked_id, CONNECTION_NODE, index);
    peer_greeted(node, index);
}

void handshake_hello(struct connection *connection, uint64_t asked_id,
                     const struct message_hello *hello)
{
    if (!hello_check(connection, asked_id, hello)) {
        return;
    }
    if (hello->role == ROLE_NODE) {
        settle_node(connection, asked_id, hello);
    } else if (hello->role == ROLE_ADMINISTRATOR) {
        settle(connection, asked_id, CONNECTION_ADMINISTRATOR, NODE_NONE);
    } else {
        settle(connection, asked_id, CONNECTION_CLIENT, NODE_NONE);
    }
}
