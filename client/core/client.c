#include "base/assert.h"
#include "client/core/internal.h"

#define TIMEOUT_DEFAULT_MS 10000u
/* Above a node's own write timeout, so that its answer, which tells more, usually comes first. */
#define ATTEMPT_TIMEOUT_DEFAULT_MS 2500u
#define REQUESTS_DEFAULT 16384u

void client_config_defaults(struct client_config *out_config)
{
    *out_config = (struct client_config){
        .timeout_ms = TIMEOUT_DEFAULT_MS,
        .attempt_timeout_ms = ATTEMPT_TIMEOUT_DEFAULT_MS,
        .connections_per_node = 1,
        .requests_max = REQUESTS_DEFAULT,
    };
}

static bool contacts_add(struct client *client, const struct client_config *config)
{
    for (uint32_t i = 0; i < config->contact_count; i++) {
        if (node_add(client, config->contacts[i].host, config->contacts[i].port) == NULL) {
            return false;
        }
        client->contact_count++;
    }
    return true;
}

struct client *client_create(struct memory *memory, const struct client_config *config)
{
    COLUMBA_ASSERT(config->contact_count > 0 && config->contact_count <= CLIENT_CONTACTS_MAX);
    COLUMBA_ASSERT(config->connections_per_node > 0 &&
                   config->connections_per_node <= CLIENT_CONNECTIONS_PER_NODE_MAX);
    COLUMBA_ASSERT(config->cluster_name.size <= NAME_MAX_BYTES);
    struct client *client = memory_allocate_zero(memory, sizeof(*client));
    if (client == NULL) {
        return NULL;
    }
    client->memory = memory;
    client->config = *config;
    client->config.contacts = NULL;
    if (config->cluster_name.size > 0) {
        memcpy(client->cluster_name, config->cluster_name.data, config->cluster_name.size);
    }
    client->config.cluster_name = slice_of(client->cluster_name, config->cluster_name.size);
    client->random_state = config->seed;
    client->free_slot = SLOT_NONE;
    client->connections_due_ms = UINT64_MAX;
    nodes_clock_init(&client->clock);
    heap_init(&client->due, memory);
    list_init(&client->waiting);
    list_init(&client->completed);
    list_init(&client->dirty);
    list_init(&client->news);
    if (!contacts_add(client, config)) {
        client_destroy(client);
        return NULL;
    }
    return client;
}

void client_destroy(struct client *client)
{
    if (client == NULL) {
        return;
    }
    nodes_destroy(client);
    topology_destroy(client->topology);
    memory_release(client->memory, client->node_of_topology);
    memory_release(client->memory, client->slots);
    heap_clear(&client->due);
    memory_release(client->memory, client);
}

/* --- time, randomness, ids ------------------------------------------------------------------- */

void client_now(struct client *client, uint64_t monotonic_ms, uint64_t unix_ms)
{
    COLUMBA_ASSERT(monotonic_ms >= client->now_ms);
    client->now_ms = monotonic_ms;
    nodes_clock_device(&client->clock, monotonic_ms, unix_ms);
}

void client_tick(struct client *client)
{
    connections_tick(client);
    requests_tick(client);
}

uint64_t client_next_deadline_ms(const struct client *client)
{
    uint64_t due_ms = client->connections_due_ms;
    const struct heap_node *first = heap_first(&client->due);
    if (first != NULL && first->at < due_ms) {
        due_ms = first->at;
    }
    bool bootstraps = client->topology == NULL && client->bootstrap_next > 0 &&
                      client->bootstrap_next < client->contact_count;
    if (bootstraps && client->bootstrap_at_ms < due_ms) {
        due_ms = client->bootstrap_at_ms;
    }
    return due_ms;
}

uint64_t client_unix_ms(const struct client *client)
{
    return nodes_clock_unix_ms(&client->clock, client->now_ms);
}

uint64_t client_clock(struct client *client)
{
    return nodes_clock_stamp(&client->clock, client->now_ms);
}

struct id client_message_id(struct client *client, const struct id *sender)
{
    uint64_t unix_ms = hlc_unix_ms(client_clock(client));
    uint64_t last_ms = message_id_unix_ms(&client->last_message);
    struct id next;
    /* Far ahead: made while the clock was wrong, and of no use. */
    if (unix_ms > last_ms || last_ms > unix_ms + CLOCK_CLIENT_DRAG_MAX_MS) {
        next = message_id_make(unix_ms, client_random(client), sender);
    } else {
        next = message_id_next(&client->last_message, sender);
    }
    client->last_message = next;
    return next;
}

bool client_is_ready(const struct client *client)
{
    return client->topology != NULL;
}

uint32_t client_fanout_members_max(const struct client *client)
{
    return client->fanout_members_max;
}

uint32_t client_in_flight(const struct client *client)
{
    return client->in_flight;
}

/* --- effects --------------------------------------------------------------------------------- */

static const struct message *hello(struct client *client)
{
    client->control = (struct message){
        .type = MESSAGE_HELLO,
        .hello = {.protocol_min = PROTOCOL_VERSION_MIN,
                  .protocol_max = PROTOCOL_VERSION_MAX,
                  .role = client->config.is_administrator ? ROLE_ADMINISTRATOR : ROLE_CLIENT,
                  .cluster_name = client->config.cluster_name,
                  .software = slice_of_text("libcolumba " COLUMBA_VERSION)}};
    return &client->control;
}

static const struct message *ping(struct client *client)
{
    client->control = (struct message){.type = MESSAGE_PING, .ping = {.token = client->now_ms}};
    return &client->control;
}

static bool mark_take(struct connection *connection, enum connection_mark mark)
{
    bool was_set = (connection->marks & mark) != 0;
    connection->marks &= (uint8_t)~mark;
    return was_set;
}

static bool queued_take(struct client *client, struct connection *connection,
                        struct client_effect *out)
{
    if (list_is_empty(&connection->queued)) {
        return false;
    }
    struct list *link = connection->queued.next;
    struct client_request *request = container_of(link, struct client_request, link);
    list_remove(link);
    list_append(&connection->sent, link);
    request->state = REQUEST_SENT;
    out->type = CLIENT_EFFECT_SEND;
    out->send.request_id = (uint64_t)client->slots[request->slot].attempt << 32 | request->slot;
    out->send.message = &request->message;
    return true;
}

static bool connection_effect(struct client *client, struct connection *connection,
                              struct client_effect *out)
{
    out->connection = connection->number;
    if (mark_take(connection, MARK_CLOSE)) {
        out->type = CLIENT_EFFECT_CLOSE;
        return true;
    }
    if (mark_take(connection, MARK_CONNECT)) {
        out->type = CLIENT_EFFECT_CONNECT;
        out->connect.host = connection->node->host;
        out->connect.port = connection->node->port;
        return true;
    }
    if (mark_take(connection, MARK_HELLO) || (connection->marks & MARK_PING) != 0) {
        bool is_ping = mark_take(connection, MARK_PING);
        out->type = CLIENT_EFFECT_SEND;
        out->send.request_id = CONTROL_REQUEST_ID;
        out->send.message = is_ping ? ping(client) : hello(client);
        return true;
    }
    return connection->state == CONNECTION_READY && queued_take(client, connection, out);
}

static bool news_effect(struct client *client, struct client_effect *out)
{
    struct list *link = client->news.next;
    struct client_node *node = container_of(link, struct client_node, news_link);
    list_remove(link);
    out->type = node->news == NODE_NEWS_UP ? CLIENT_EFFECT_NODE_UP : CLIENT_EFFECT_NODE_DOWN;
    out->node.text = node->news_text;
    node->news = NODE_NEWS_NONE;
    return true;
}

static bool completed_effect(struct client *client, struct client_effect *out)
{
    struct list *link = client->completed.next;
    struct client_request *request = container_of(link, struct client_request, link);
    list_remove(link);
    request->state = REQUEST_IDLE;
    out->type = CLIENT_EFFECT_COMPLETE;
    out->complete.request = request;
    out->complete.answer = request->answer;
    return true;
}

bool client_effect_next(struct client *client, struct client_effect *out_effect)
{
    while (!list_is_empty(&client->dirty)) {
        struct list *link = client->dirty.next;
        struct connection *connection = container_of(link, struct connection, dirty);
        if (connection_effect(client, connection, out_effect)) {
            return true;
        }
        list_remove(link);
    }
    if (!list_is_empty(&client->news)) {
        return news_effect(client, out_effect);
    }
    if (!list_is_empty(&client->completed)) {
        return completed_effect(client, out_effect);
    }
    return false;
}
