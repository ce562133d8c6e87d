#include "node/shell/handshake.h"

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

/* The index of a node that greets us; NODE_NONE: the connection was refused. */
static uint16_t hello_node(struct connection *connection, uint64_t asked_id,
                           const struct message_hello *hello)
{
    struct node *node = connection->node;
    uint16_t index = topology_node_by_host(node->topology, &hello->host_id);
    if (index == TOPOLOGY_NODE_NONE) {
        hello_refuse(connection, asked_id, ERR_WRONG_CLUSTER,
                     "this node is not in the receiver's list of nodes: give all nodes the same");
    } else if (index == node->self) {
        hello_refuse(connection, asked_id, ERR_WRONG_CLUSTER,
                     "the receiver has this node's own name: two nodes share a node_name, or one "
                     "listens on another's address");
        index = TOPOLOGY_NODE_NONE;
    }
    return index;
}

bool handshake_directory_check(struct node *node, uint16_t index, const struct data_identity *told,
                               const char **out_why)
{
    const struct topology_node *peer = &node->topology->nodes[index];
    const char *name = (const char *)peer->name.data;
    enum identity_verdict verdict;
    if (directory_meet(&node->directory, &peer->host_id, told, &verdict) != COLUMBA_OK) {
        log_error(node->log, "peer_not_remembered",
                  "cannot write down in %s which data directory %s has, so it is not counted as a "
                  "replica: look at the disk",
                  node->directory.path, name);
        *out_why = "this node cannot write down which data directory the other one has";
        return false;
    }
    if (verdict == IDENTITY_WIPED) {
        node->counters.peers_wiped++;
        log_warning(node->log, "peer_wiped",
                    "%s has another data directory than it had, so it lacks what it had "
                    "acknowledged; it is not counted as a replica",
                    name);
        *out_why = "its data directory is not the one it had";
        return false;
    }
    if (verdict == IDENTITY_REPLACED) {
        log_warning(node->log, "peer_replaced",
                    "%s has lost its data directory and has a new one, on purpose: it lacks what "
                    "it had acknowledged",
                    name);
    }
    return true;
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
    if (handshake_directory_check(node, index, &told, &why)) {
        return true;
    }
    bool is_wiped = node->counters.peers_wiped != wiped_before;
    connection_refuse(connection, asked_id, is_wiped ? ERR_WIPED : ERR_IO, why);
    return false;
}

void handshake_hello(struct connection *connection, uint64_t asked_id,
                     const struct message_hello *hello)
{
    struct node *node = connection->node;
    char text[NAME_MAX_BYTES + 128u];
    if (!hello_version_is_known(hello)) {
        snprintf(text, sizeof text,
                 "this node speaks protocol versions %u to %u, the greeting offers %u to %u",
                 PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX, hello->protocol_min,
                 hello->protocol_max);
        hello_refuse(connection, asked_id, ERR_PROTOCOL_VERSION, text);
        return;
    }
    bool is_node = hello->role == ROLE_NODE;
    if ((is_node || hello->cluster_name.size > 0) &&
        !slice_equal(hello->cluster_name, node->topology->cluster_name)) {
        snprintf(text, sizeof text, "this node belongs to the cluster %s",
                 (const char *)node->topology->cluster_name.data);
        hello_refuse(connection, asked_id, ERR_WRONG_CLUSTER, text);
        return;
    }
    if (is_node) {
        uint16_t index = hello_node(connection, asked_id, hello);
        if (index == TOPOLOGY_NODE_NONE ||
            !hello_directory_check(connection, asked_id, hello, index)) {
            return;
        }
        connection->peer = index;
        connection->asker.side = INTAKE_NODES;
        stream_side_set(&connection->stream, INTAKE_NODES);
        peer_greeted(node, index);
    }
    connection->state = is_node ? CONNECTION_NODE : CONNECTION_CLIENT;
    stream_handshake_deadline(&connection->stream, 0);
    struct message welcome = node_welcome(node);
    connection_answer(connection, asked_id, &welcome);
}
