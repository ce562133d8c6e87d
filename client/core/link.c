#include "base/assert.h"
#include "client/core/internal.h"

void connection_init(struct connection *connection, struct client_node *node, uint32_t number)
{
    connection->node = node;
    connection->number = number;
    list_init(&connection->dirty);
    list_init(&connection->queued);
    list_init(&connection->sent);
    connection->due_ms = UINT64_MAX;
}

struct connection *connection_of(const struct client *client, uint32_t number)
{
    uint32_t per_node = client->config.connections_per_node;
    COLUMBA_ASSERT(number / per_node < client->node_count);
    return &client->nodes[number / per_node]->connections[number % per_node];
}

void link_due(struct client *client, struct connection *connection, uint64_t due_ms)
{
    connection->due_ms = due_ms;
    if (due_ms < client->connections_due_ms) {
        client->connections_due_ms = due_ms;
    }
}

void connection_mark(struct client *client, struct connection *connection, uint8_t mark)
{
    connection->marks |= mark;
    if (list_is_empty(&connection->dirty)) {
        list_append(&client->dirty, &connection->dirty);
    }
}

void connection_start(struct client *client, struct connection *connection)
{
    connection->state = CONNECTION_CONNECTING;
    link_due(client, connection, client->now_ms + CONNECT_TIMEOUT_MS);
    connection_mark(client, connection, MARK_CONNECT);
}

void connection_want(struct client *client, struct connection *connection)
{
    if (connection->wanted) {
        return;
    }
    connection->wanted = true;
    connection_start(client, connection);
}

void connection_mark_silent(struct client *client, struct connection *connection)
{
    if (connection->silent) {
        return;
    }
    connection->silent = true;
    connection->silent_since_ms = client->now_ms;
    link_due(client, connection, client->now_ms);
}

/* The next contact, unless the one before was only just asked. */
void connections_bootstrap(struct client *client)
{
    if (client->topology != NULL || client->bootstrap_next >= client->contact_count ||
        client->now_ms < client->bootstrap_at_ms) {
        return;
    }
    struct client_node *node = client->nodes[client->bootstrap_next++];
    client->bootstrap_at_ms = client->now_ms + BOOTSTRAP_STEP_MS;
    connection_want(client, &node->connections[0]);
}
