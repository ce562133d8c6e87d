#include "base/assert.h"
#include "client/core/internal.h"

/* The table of nodes. Entries are made from the contacts and from what a WELCOME lists, and stay
 * where they are, so that their index and their connections' numbers never change. Two entries may
 * turn out to be one node (a host name and its address): all but one become aliases, which are
 * not used. */

static bool is_literal_v6(struct slice host)
{
    return host.size > 0 && memchr(host.data, ':', host.size) != NULL;
}

static void node_name(struct client_node *node)
{
    struct text text = text_into(node->text, sizeof(node->text));
    bool brackets = is_literal_v6(node->host);
    text_add(&text, brackets ? "[" : "");
    text_add_slice(&text, node->host);
    text_add(&text, brackets ? "]:" : ":");
    text_add_number(&text, node->port);
}

static bool nodes_have_room(struct client *client)
{
    if (client->node_count < client->node_capacity) {
        return true;
    }
    uint32_t capacity = client->node_capacity == 0 ? 8 : client->node_capacity * 2;
    if (client->node_count >= NODES_ENTRIES_MAX) {
        return false;
    }
    struct client_node **nodes =
        memory_allocate(client->memory, capacity * sizeof(struct client_node *));
    if (nodes == NULL) {
        return false;
    }
    if (client->node_count > 0) {
        memcpy(nodes, client->nodes, client->node_count * sizeof(struct client_node *));
    }
    memory_release(client->memory, client->nodes);
    client->nodes = nodes;
    client->node_capacity = capacity;
    return true;
}

/* NULL: no memory, no room, or a host name that is too long. */
struct client_node *node_add(struct client *client, struct slice host, uint16_t port)
{
    uint32_t per_node = client->config.connections_per_node;
    if (host.size == 0 || host.size > CLIENT_HOST_MAX_BYTES || !nodes_have_room(client)) {
        return NULL;
    }
    struct client_node *node = memory_allocate_zero(
        client->memory, sizeof(*node) + per_node * sizeof(node->connections[0]));
    if (node == NULL) {
        return NULL;
    }
    memcpy(node->host_text, host.data, host.size);
    node->host = slice_of(node->host_text, host.size);
    node->port = port;
    node->index = client->node_count;
    node->topology_index = TOPOLOGY_NODE_NONE;
    list_init(&node->news_link);
    node_name(node);
    for (uint32_t i = 0; i < per_node; i++) {
        connection_init(&node->connections[i], node, node->index * per_node + i);
    }
    client->nodes[client->node_count++] = node;
    return node;
}

void nodes_destroy(struct client *client)
{
    for (uint32_t i = 0; i < client->node_count; i++) {
        memory_release(client->memory, client->nodes[i]);
    }
    memory_release(client->memory, client->nodes);
}

bool node_is_ready(const struct client *client, const struct client_node *node)
{
    for (uint32_t i = 0; i < client->config.connections_per_node; i++) {
        if (node->connections[i].state == CONNECTION_READY) {
            return true;
        }
    }
    return false;
}

/* --- the cluster, from a WELCOME ------------------------------------------------------------- */

/* Of several entries for one host the connected one is kept. */
static struct client_node *node_by_host_id(const struct client *client, const struct id *host_id)
{
    struct client_node *found = NULL;
    for (uint32_t i = 0; i < client->node_count; i++) {
        struct client_node *node = client->nodes[i];
        if (id_equal(&node->host_id, host_id) && (found == NULL || node_is_ready(client, node))) {
            found = node;
        }
    }
    return found;
}

static struct client_node *node_by_address(const struct client *client, struct slice host,
                                           uint32_t port)
{
    for (uint32_t i = 0; i < client->node_count; i++) {
        struct client_node *node = client->nodes[i];
        if (node->port == port && slice_equal(node->host, host)) {
            return node;
        }
    }
    return NULL;
}

static void nodes_map(struct client *client)
{
    const struct topology *topology = client->topology;
    for (uint16_t i = 0; i < topology->node_count; i++) {
        const struct topology_node *listed = &topology->nodes[i];
        struct client_node *node = node_by_host_id(client, &listed->host_id);
        if (node == NULL) {
            node = node_by_address(client, listed->address, listed->port);
        }
        if (node == NULL) {
            node = node_add(client, listed->address, listed->port);
        }
        client->node_of_topology[i] = node == NULL ? UINT32_MAX : node->index;
        if (node != NULL) {
            node->host_id = listed->host_id;
            node->topology_index = i;
        }
    }
}

static void nodes_mark_aliases(struct client *client)
{
    for (uint32_t i = 0; i < client->node_count; i++) {
        struct client_node *node = client->nodes[i];
        uint16_t host = id_is_zero(&node->host_id)
                            ? TOPOLOGY_NODE_NONE
                            : topology_node_by_host(client->topology, &node->host_id);
        node->topology_index = host;
        node->is_alias = host != TOPOLOGY_NODE_NONE && client->node_of_topology[host] != i;
    }
}

static enum columba_error spec_fill(const struct message_welcome *welcome, struct memory *memory,
                                    struct topology_spec *out_spec, void **out_block)
{
    size_t nodes_bytes = welcome->node_count * sizeof(struct topology_node_spec);
    size_t factors_bytes = welcome->factor_count * sizeof(struct topology_factor_spec);
    uint8_t *block = memory_allocate(memory, nodes_bytes + factors_bytes + 1);
    if (block == NULL) {
        return ERR_NO_MEMORY;
    }
    struct topology_node_spec *nodes = (void *)block;
    struct topology_factor_spec *factors = (void *)(block + nodes_bytes);
    for (uint32_t i = 0; i < welcome->node_count; i++) {
        const struct message_node *node = &welcome->nodes[i];
        nodes[i] = (struct topology_node_spec){.host_id = node->host_id,
                                               .name = node->name,
                                               .address = node->address,
                                               .port = node->port,
                                               .datacenter = node->datacenter,
                                               .rack = node->rack,
                                               .tokens = node->tokens,
                                               .token_count = node->token_count};
    }
    for (uint32_t i = 0; i < welcome->factor_count; i++) {
        factors[i] = (struct topology_factor_spec){.datacenter = welcome->factors[i].datacenter,
                                                   .factor = welcome->factors[i].factor};
    }
    *out_spec = (struct topology_spec){.cluster_name = welcome->cluster_name,
                                       .version = welcome->topology_version,
                                       .nodes = nodes,
                                       .node_count = welcome->node_count,
                                       .keyspace = {.name = welcome->keyspace,
                                                    .factors = factors,
                                                    .factor_count = welcome->factor_count}};
    *out_block = block;
    return COLUMBA_OK;
}

static enum columba_error topology_of(const struct message_welcome *welcome, struct memory *memory,
                                      struct topology **out_topology, struct text *problem)
{
    struct topology_spec spec;
    struct topology_problem why = {{0}};
    void *block = NULL;
    enum columba_error error = spec_fill(welcome, memory, &spec, &block);
    if (error == COLUMBA_OK &&
        (!consistency_from_number(welcome->read_consistency, &spec.keyspace.read_consistency) ||
         !consistency_from_number(welcome->write_consistency, &spec.keyspace.write_consistency))) {
        text_add(problem, "it has default consistency levels that are not known here");
        error = ERR_MALFORMED;
    }
    if (error == COLUMBA_OK) {
        error = topology_create(memory, &spec, out_topology, &why);
        text_add(problem, error == COLUMBA_OK ? "" : why.text);
    }
    memory_release(memory, block);
    return error == ERR_INVALID ? ERR_MALFORMED : error;
}

static enum columba_error topology_take(struct client *client,
                                        const struct message_welcome *welcome, struct text *problem)
{
    struct topology *topology = NULL;
    enum columba_error error = topology_of(welcome, client->memory, &topology, problem);
    if (error != COLUMBA_OK) {
        return error;
    }
    uint32_t *map =
        memory_allocate(client->memory, topology->node_count * sizeof(client->node_of_topology[0]));
    if (map == NULL) {
        topology_destroy(topology);
        return ERR_NO_MEMORY;
    }
    topology_destroy(client->topology);
    memory_release(client->memory, client->node_of_topology);
    client->topology = topology;
    client->node_of_topology = map;
    client->fanout_members_max = welcome->fanout_members_max;
    return COLUMBA_OK;
}

/* Checks who it is and takes over what it knows of the cluster. */
enum columba_error node_welcomed(struct client *client, struct client_node *node,
                                 const struct message_welcome *welcome, struct text *problem)
{
    struct slice expected = client->config.cluster_name;
    if (expected.size == 0 && client->topology != NULL) {
        expected = client->topology->cluster_name;
    }
    if (expected.size > 0 && !slice_equal(expected, welcome->cluster_name)) {
        text_add(problem, "it belongs to cluster \"");
        text_add_foreign(problem, welcome->cluster_name);
        text_add(problem, "\", not to \"");
        text_add_slice(problem, expected);
        text_add(problem, "\"");
        return ERR_WRONG_CLUSTER;
    }
    bool is_new = client->topology == NULL || welcome->topology_version > client->topology->version;
    if (is_new) {
        enum columba_error error = topology_take(client, welcome, problem);
        if (error != COLUMBA_OK) {
            return error;
        }
    }
    if (is_new || !id_equal(&node->host_id, &welcome->host_id)) {
        node->host_id = welcome->host_id;
        nodes_map(client);
        nodes_mark_aliases(client);
    }
    return COLUMBA_OK;
}

/* --- what callers and people ask ------------------------------------------------------------- */

void node_tell(struct client *client, struct client_node *node, bool is_up)
{
    if (node->was_told && node->was_up == is_up && node->news == NODE_NEWS_NONE) {
        return;
    }
    node->was_told = true;
    node->was_up = is_up;
    node->news = is_up ? NODE_NEWS_UP : NODE_NEWS_DOWN;
    struct text text = text_into(node->news_text, sizeof(node->news_text));
    text_add(&text, node->text);
    if (!is_up) {
        text_add(&text, ": ");
        text_add(&text, node->problem);
    }
    list_remove(&node->news_link);
    list_append(&client->news, &node->news_link);
}

static bool node_is_unreachable(const struct client *client, const struct client_node *node)
{
    for (uint32_t i = 0; i < client->config.connections_per_node; i++) {
        const struct connection *connection = &node->connections[i];
        if (connection->wanted && (connection->state == CONNECTION_READY ||
                                   connection->failures < UNREACHABLE_FAILURES)) {
            return false;
        }
    }
    return true;
}

static bool node_was_tried(const struct client_node *node)
{
    return node->connections[0].wanted;
}

bool nodes_are_unreachable(const struct client *client, uint32_t index)
{
    if (index < client->node_count) {
        return node_is_unreachable(client, client->nodes[index]);
    }
    if (client->topology == NULL && client->bootstrap_next < client->contact_count) {
        return false;
    }
    bool any_tried = false;
    for (uint32_t i = 0; i < client->node_count; i++) {
        const struct client_node *node = client->nodes[i];
        if (!node->is_alias && !node_is_unreachable(client, node)) {
            return false;
        }
        any_tried = any_tried || node_was_tried(node);
    }
    return any_tried;
}

static void problem_add(const struct client_node *node, struct text *text,
                        enum columba_error *inout_error)
{
    if (!node_was_tried(node)) {
        return;
    }
    text_add(text, text->used == 0 ? "" : "; ");
    text_add(text, node->text);
    text_add(text, ": ");
    text_add(text, node->problem[0] == '\0' ? "not connected yet" : node->problem);
    if (node->last_error == ERR_PROTOCOL_VERSION || node->last_error == ERR_WRONG_CLUSTER) {
        *inout_error = node->last_error;
    }
}

enum columba_error nodes_problem(const struct client *client, uint32_t index, struct text *text)
{
    enum columba_error error = ERR_NO_NODE;
    for (uint32_t i = 0; i < client->node_count; i++) {
        if (index >= client->node_count ? !client->nodes[i]->is_alias : i == index) {
            problem_add(client->nodes[i], text, &error);
        }
    }
    return error;
}

static bool name_is_address(const struct client_node *node, struct slice name)
{
    struct slice text = slice_of_text(node->text);
    if (slice_equal(text, name)) {
        return true;
    }
    return node->port == CLIENT_PORT_DEFAULT && slice_equal(node->host, name);
}

bool client_node_find(const struct client *client, struct slice name, uint32_t *out_node)
{
    for (uint32_t i = 0; i < client->node_count; i++) {
        if (name_is_address(client->nodes[i], name)) {
            *out_node = i;
            return true;
        }
    }
    if (client->topology == NULL) {
        return false;
    }
    uint16_t index = topology_node_by_name(client->topology, name);
    if (index == TOPOLOGY_NODE_NONE || client->node_of_topology[index] >= client->node_count) {
        return false;
    }
    *out_node = client->node_of_topology[index];
    return true;
}

bool client_node_is_connected(const struct client *client, uint32_t node)
{
    return node < client->node_count && node_is_ready(client, client->nodes[node]);
}
