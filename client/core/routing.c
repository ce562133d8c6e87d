#include "client/core/internal.h"

/* How good a connection is for a request; higher is better, 0 is none. */
enum fitness { FIT_NONE, FIT_SILENT, FIT_AGAIN, FIT_WELL };

static struct connection *ready_connection(const struct client *client, struct client_node *node,
                                           uint32_t turn)
{
    for (uint32_t i = 0; i < client->config.connections_per_node; i++) {
        uint32_t place = (turn + i) % client->config.connections_per_node;
        if (node->connections[place].state == CONNECTION_READY) {
            return &node->connections[place];
        }
    }
    return NULL;
}

static void node_want(struct client *client, struct client_node *node)
{
    if (node->is_alias) {
        return;
    }
    for (uint32_t i = 0; i < client->config.connections_per_node; i++) {
        connection_want(client, &node->connections[i]);
    }
}

static enum fitness node_fitness(const struct client *client, const struct client_request *request,
                                 struct client_node *node, struct connection **out_connection)
{
    struct connection *connection = ready_connection(client, node, request->slot);
    if (connection == NULL || node->is_alias) {
        return FIT_NONE;
    }
    *out_connection = connection;
    if (connection->silent || node->avoid_until_ms > client->now_ms) {
        return FIT_SILENT;
    }
    return request->last_node == node->index ? FIT_AGAIN : FIT_WELL;
}

struct choice {
    struct connection *connection;
    enum fitness fitness;
};

/* True: it cannot get better. */
static bool choice_offer(struct choice *choice, struct client *client,
                         const struct client_request *request, struct client_node *node)
{
    struct connection *connection = NULL;
    enum fitness fitness = node_fitness(client, request, node, &connection);
    if (fitness > choice->fitness) {
        *choice = (struct choice){connection, fitness};
    }
    return choice->fitness == FIT_WELL;
}

static bool is_busy(const struct client_node *node, const struct client_node *other)
{
    return node->requests > NODE_BUSY_FACTOR * other->requests + NODE_BUSY_REQUESTS;
}

/* Another replica that is as good, while the chosen one is busy. */
static void choose_less_busy(struct choice *choice, struct client *client,
                             const struct client_request *request,
                             const struct replica_set *replicas)
{
    for (unsigned i = 0; i < replicas->count; i++) {
        uint32_t index = client->node_of_topology[replicas->node[i]];
        struct connection *connection = NULL;
        if (index < client->node_count && is_busy(choice->connection->node, client->nodes[index]) &&
            node_fitness(client, request, client->nodes[index], &connection) == FIT_WELL) {
            choice->connection = connection;
        }
    }
}

/* Replicas in ring order. The first one that is not connected is wanted: it would be better. */
static void choose_replica(struct choice *choice, struct client *client,
                           const struct client_request *request)
{
    uint64_t token = token_of_partition(request->partition_kind, &request->partition);
    const struct replica_set *replicas = placement_replicas(client->topology, token);
    bool wanted = false;
    for (unsigned i = 0; i < replicas->count; i++) {
        uint32_t index = client->node_of_topology[replicas->node[i]];
        if (index >= client->node_count) {
            continue;
        }
        struct client_node *node = client->nodes[index];
        if (choice_offer(choice, client, request, node)) {
            choose_less_busy(choice, client, request, replicas);
            return;
        }
        if (!wanted && !node_is_ready(client, node)) {
            node_want(client, node);
            wanted = true;
        }
    }
}

static void choose_any(struct choice *choice, struct client *client,
                       const struct client_request *request)
{
    for (uint32_t i = 0; i < client->node_count; i++) {
        uint32_t index = (client->next_other + i) % client->node_count;
        if (choice_offer(choice, client, request, client->nodes[index])) {
            client->next_other = index + 1;
            return;
        }
    }
}

/* Nothing is connected: whoever answers first. Before any node was reached the contacts are asked
 * in their order instead (connections_bootstrap). */
static void want_any(struct client *client)
{
    if (client->topology == NULL) {
        connections_bootstrap(client);
        return;
    }
    for (uint32_t i = 0; i < client->node_count && i < WANTED_AT_ONCE_MAX; i++) {
        node_want(client, client->nodes[(client->next_other + i) % client->node_count]);
    }
    client->next_other = (client->next_other + WANTED_AT_ONCE_MAX) % client->node_count;
}

struct connection *routing_pick(struct client *client, const struct client_request *request)
{
    if (request->node < client->node_count) {
        struct client_node *node = client->nodes[request->node];
        struct connection *connection = ready_connection(client, node, request->slot);
        if (connection == NULL) {
            node->is_alias = false;
            node_want(client, node);
        }
        return connection;
    }
    struct choice choice = {0};
    if (client->ready_count > 0) {
        if (request->has_partition && client->topology != NULL) {
            choose_replica(&choice, client, request);
        }
        if (choice.fitness < FIT_AGAIN || (choice.fitness < FIT_WELL && client->ready_count > 1)) {
            choose_any(&choice, client, request);
        }
    }
    if (choice.connection == NULL) {
        want_any(client);
    }
    return choice.connection;
}
