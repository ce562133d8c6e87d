#include "base/assert.h"
#include "client/core/internal.h"

/*
 * The life of a connection:
 *
 *   IDLE        wanted: CONNECT at due_ms                            -> CONNECTING
 *   CONNECTING  connected: HELLO                                     -> HANDSHAKE
 *   HANDSHAKE   WELCOME of our cluster and version                   -> READY
 *   READY       takes requests
 *
 * From anywhere a close, a broken rule or a timeout leads back to IDLE, with a delay that doubles
 * while failures go on. Silent: a request was not answered in time and nothing else was heard; it
 * is asked with PING, passed over meanwhile, and closed when it stays silent.
 */

static void requests_release(struct client *client, struct connection *connection,
                             const char *reason)
{
    struct list sent, queued;
    list_init(&sent);
    list_init(&queued);
    /* Routing may put requests on this connection's lists again: take them off first. */
    while (!list_is_empty(&connection->sent)) {
        struct list *link = connection->sent.next;
        list_remove(link);
        list_append(&sent, link);
    }
    while (!list_is_empty(&connection->queued)) {
        struct list *link = connection->queued.next;
        list_remove(link);
        list_append(&queued, link);
    }
    list_for_each_safe(link, &sent)
    {
        list_remove(link);
        request_disconnected(client, container_of(link, struct client_request, link), reason);
    }
    list_for_each_safe(link, &queued)
    {
        list_remove(link);
        request_route(client, container_of(link, struct client_request, link));
    }
}

static uint64_t reconnect_delay(struct client *client, uint32_t failures)
{
    uint32_t doublings = failures < 8 ? failures : 8;
    uint64_t delay_ms = (uint64_t)RECONNECT_MIN_MS << (doublings - 1);
    return client_jitter(client, delay_ms < RECONNECT_MAX_MS ? delay_ms : RECONNECT_MAX_MS);
}

/* It is closed: what was on it goes elsewhere. */
static void connection_ended(struct client *client, struct connection *connection,
                             enum columba_error error, const char *reason)
{
    struct client_node *node = connection->node;
    bool was_ready = connection->state == CONNECTION_READY;
    connection->state = CONNECTION_IDLE;
    connection->silent = false;
    connection->marks &= MARK_CLOSE;
    connection->failures++;
    link_due(client, connection, client->now_ms + reconnect_delay(client, connection->failures));
    node->last_error = error;
    struct text problem = text_into(node->problem, sizeof(node->problem));
    text_add(&problem, reason);
    if (was_ready) {
        client->ready_count--;
    }
    if (!node_is_ready(client, node)) {
        node_tell(client, node, false);
    }
    if (client->topology == NULL) {
        client->bootstrap_at_ms = client->now_ms;
        connections_bootstrap(client);
    }
    requests_release(client, connection, reason);
    requests_fail_unreachable(client);
}

static void connection_break(struct client *client, struct connection *connection,
                             enum columba_error error, const char *reason)
{
    connection_mark(client, connection, MARK_CLOSE);
    connection_ended(client, connection, error, reason);
}

void client_closed(struct client *client, uint32_t number, enum columba_error error,
                   const char *reason)
{
    struct connection *connection = connection_of(client, number);
    if (connection->state != CONNECTION_IDLE) {
        connection_ended(client, connection, error, reason);
    }
}

void client_connected(struct client *client, uint32_t number)
{
    struct connection *connection = connection_of(client, number);
    if (connection->state != CONNECTION_CONNECTING) {
        return;
    }
    connection->state = CONNECTION_HANDSHAKE;
    connection->heard_ms = client->now_ms;
    link_due(client, connection, client->now_ms + CONNECT_TIMEOUT_MS);
    connection_mark(client, connection, MARK_HELLO);
}

static bool node_has_vote(const struct client *client, const struct client_node *node)
{
    return node->vote.is_cast && !node->vote.is_void && !node->is_alias &&
           node_is_ready(client, node);
}

static void votes_count(struct client *client)
{
    int64_t offsets_ms[CLOCK_VOTES_MAX];
    unsigned count = 0;
    for (uint32_t i = 0; i < client->node_count && count < CLOCK_VOTES_MAX; i++) {
        if (node_has_vote(client, client->nodes[i])) {
            offsets_ms[count++] = client->nodes[i]->vote.offset_ms;
        }
    }
    nodes_clock_count(&client->clock, client->now_ms, offsets_ms, count);
}

static void time_heard(struct client *client, struct client_node *node, uint64_t unix_ms)
{
    nodes_clock_vote(&client->clock, &node->vote, client->now_ms, unix_ms);
    if (nodes_clock_is_due(&client->clock)) {
        votes_count(client);
    }
}

static void connection_welcome(struct client *client, struct connection *connection,
                               const struct message_welcome *welcome)
{
    char reason[CLIENT_TEXT_BYTES];
    struct text problem = text_into(reason, sizeof(reason));
    if (welcome->protocol < PROTOCOL_VERSION_MIN || welcome->protocol > PROTOCOL_VERSION_MAX) {
        text_add(&problem, "it chose protocol version ");
        text_add_number(&problem, welcome->protocol);
        text_add(&problem, ", which was not offered");
        connection_break(client, connection, ERR_PROTOCOL_VERSION, reason);
        return;
    }
    enum columba_error error = node_welcomed(client, connection->node, welcome, &problem);
    if (error != COLUMBA_OK) {
        connection_break(client, connection, error, reason);
        return;
    }
    connection->state = CONNECTION_READY;
    connection->node->vote = (struct clock_vote){.is_cast = false};
    time_heard(client, connection->node, welcome->unix_ms);
    connection->failures = 0;
    connection->node->last_error = COLUMBA_OK;
    link_due(client, connection, UINT64_MAX);
    client->ready_count++;
    for (uint32_t i = 0; i < client->config.connections_per_node; i++) {
        connection_want(client, &connection->node->connections[i]);
    }
    node_tell(client, connection->node, true);
    requests_reroute_waiting(client);
}

static void connection_greeted(struct client *client, struct connection *connection,
                               const struct message *message)
{
    if (message->type == MESSAGE_WELCOME) {
        connection_welcome(client, connection, &message->welcome);
        return;
    }
    if (message->type != MESSAGE_STATUS) {
        connection_break(client, connection, ERR_MALFORMED, "it did not answer the greeting");
        return;
    }
    char reason[CLIENT_TEXT_BYTES];
    struct text text = text_into(reason, sizeof(reason));
    text_add(&text, error_text(message->status.error));
    text_add(&text, message->status.text.size > 0 ? ": " : "");
    text_add_foreign(&text, message->status.text);
    connection_break(client, connection, message->status.error, reason);
}

static void answer_received(struct client *client, struct connection *connection,
                            uint64_t request_id, const struct message *message)
{
    char reason[CLIENT_TEXT_BYTES];
    struct text problem = text_into(reason, sizeof(reason));
    if (!request_answered(client, connection, request_id, message, &problem)) {
        connection_break(client, connection, ERR_MALFORMED, reason);
    }
}

void client_received(struct client *client, uint32_t number, uint64_t request_id, uint64_t clock,
                     const struct message *message)
{
    struct connection *connection = connection_of(client, number);
    connection->heard_ms = client->now_ms;
    if (connection->state == CONNECTION_READY) {
        time_heard(client, connection->node, hlc_unix_ms(clock));
    }
    if (connection->state == CONNECTION_HANDSHAKE) {
        connection_greeted(client, connection, message);
    } else if (connection->state == CONNECTION_READY) {
        if (connection->silent) {
            connection->silent = false;
            link_due(client, connection, UINT64_MAX);
        }
        answer_received(client, connection, request_id, message);
    }
    if (connection->state == CONNECTION_READY) {
        nodes_clock_follow(&client->clock, client->now_ms, clock);
    }
}

/* A contact that the cluster does not list, while somebody of the cluster is connected: contacts
 * are for getting to know it. */
static bool is_spare_contact(const struct client *client, const struct client_node *node)
{
    return client->topology != NULL && node->topology_index == TOPOLOGY_NODE_NONE &&
           client->ready_count > 0;
}

static void connection_due(struct client *client, struct connection *connection)
{
    switch (connection->state) {
    case CONNECTION_IDLE:
        if (connection->node->is_alias || is_spare_contact(client, connection->node)) {
            connection->wanted = false;
        } else {
            connection_start(client, connection);
        }
        break;
    case CONNECTION_CONNECTING:
        connection_break(client, connection, ERR_TIMEOUT, "no connection in time");
        break;
    case CONNECTION_HANDSHAKE:
        connection_break(client, connection, ERR_TIMEOUT, "no answer to the greeting in time");
        break;
    case CONNECTION_READY:
        if (client->now_ms - connection->silent_since_ms >= SILENT_CLOSE_MS) {
            connection_break(client, connection, ERR_TIMEOUT, "connected, but silent");
            break;
        }
        link_due(client, connection, client->now_ms + SILENT_PING_MS);
        connection_mark(client, connection, MARK_PING);
        break;
    }
}

/* What is due is collected in one pass; a pass also finds when the next one is needed. */
void connections_tick(struct client *client)
{
    connections_bootstrap(client);
    if (client->now_ms < client->connections_due_ms) {
        return;
    }
    client->connections_due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < client->node_count; i++) {
        struct client_node *node = client->nodes[i];
        for (uint32_t k = 0; k < client->config.connections_per_node; k++) {
            struct connection *connection = &node->connections[k];
            if (connection->due_ms <= client->now_ms) {
                connection->due_ms = UINT64_MAX;
                connection_due(client, connection);
            }
            if (connection->due_ms < client->connections_due_ms) {
                client->connections_due_ms = connection->due_ms;
            }
        }
    }
}
