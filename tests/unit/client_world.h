/*
 * A world of a client core: nodes that answer as the test says, a clock that the test moves, and a
 * network without delay. Nothing here is real, so every run is the same.
 */
#ifndef COLUMBA_TESTS_CLIENT_WORLD_H
#define COLUMBA_TESTS_CLIENT_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "client/core/client.h"

#define WORLD_NODES_MAX 5u
#define WORLD_CONNECTIONS_MAX 128u
#define WORLD_LOG_MAX 4096u
#define WORLD_UNIX_MS 1700000000000u

struct world;

/* What a node says to a request. False: nothing. */
typedef bool (*world_answer)(struct world *world, unsigned node, const struct message *request,
                             struct message *out_answer);

struct world_node {
    bool refuses; /* connections */
    bool is_mute; /* accepts, and says nothing any more */
    bool is_mute_greeting;
    int64_t clock_ms;        /* how far its clock is off */
    struct message greeting; /* instead of WELCOME, if it has a type */
    world_answer answer;
    unsigned connects;
    unsigned asked; /* requests, PING among them not */
};

struct world_asked {
    uint64_t at_ms;
    unsigned node;
    enum message_type type;
};

struct world {
    struct client *client;
    uint64_t now_ms;
    int64_t device_clock_ms; /* how far the device's wall clock is off */
    unsigned node_count;
    struct world_node nodes[WORLD_NODES_MAX];
    int node_of_connection[WORLD_CONNECTIONS_MAX]; /* -1: closed */
    bool opened[WORLD_CONNECTIONS_MAX];            /* CONNECT seen, not yet told */
    struct world_asked asked[WORLD_LOG_MAX];
    unsigned asked_count;
    uint64_t connect_at_ms[WORLD_LOG_MAX];
    unsigned connect_count;
    unsigned completed;
    struct client_request *last_completed;
    enum message_type last_answer; /* 0: none */
    uint64_t last_request_id;
    uint32_t last_connection;
    char news[WORLD_LOG_MAX];
};

static inline struct slice world_text(const char *text)
{
    return slice_of_text(text);
}

static inline const char *world_address(unsigned node)
{
    static const char *addresses[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"};
    return addresses[node];
}

static inline struct id world_host_id(unsigned node)
{
    return (struct id){{(uint8_t)(node + 1)}};
}

static inline uint64_t world_unix_ms(const struct world *world, unsigned node)
{
    return (uint64_t)((int64_t)(WORLD_UNIX_MS + world->now_ms) + world->nodes[node].clock_ms);
}

/* What a WELCOME of this world lists: one token each, evenly spread; three replicas. */
static inline struct message world_welcome(const struct world *world, unsigned node)
{
    static struct message_node listed[WORLD_NODES_MAX];
    static uint64_t tokens[WORLD_NODES_MAX];
    static const char *names[] = {"node1", "node2", "node3", "node4", "node5"};
    static struct message_factor factor;
    factor = (struct message_factor){world_text("dc1"), 3};
    for (unsigned i = 0; i < world->node_count; i++) {
        tokens[i] = UINT64_MAX / world->node_count * i;
        listed[i] = (struct message_node){.host_id = world_host_id(i),
                                          .name = world_text(names[i]),
                                          .address = world_text(world_address(i)),
                                          .port = CLIENT_PORT_DEFAULT,
                                          .datacenter = world_text("dc1"),
                                          .rack = world_text(names[i]),
                                          .tokens = &tokens[i],
                                          .token_count = 1};
    }
    return (struct message){
        .type = MESSAGE_WELCOME,
        .welcome = {.protocol = PROTOCOL_VERSION_MAX,
                    .host_id = world_host_id(node),
                    .cluster_name = world_text("test"),
                    .unix_ms = world_unix_ms(world, node),
                    .topology_version = 1,
                    .nodes = listed,
                    .node_count = world->node_count,
                    .keyspace = world_text("chat"),
                    .factors = &factor,
                    .factor_count = 1,
                    .read_consistency = 4,
                    .write_consistency = 4,
                    .fanout_members_max = 1024},
    };
}

static inline bool world_answers_well(struct world *world, unsigned node,
                                      const struct message *request, struct message *out_answer)
{
    (void)world;
    (void)node;
    *out_answer = (struct message){.type = MESSAGE_STATUS};
    if (request->type == MESSAGE_HISTORY_READ) {
        out_answer->type = MESSAGE_HISTORY;
    } else if (request->type == MESSAGE_ADMIN) {
        out_answer->type = MESSAGE_ADMIN_REPLY;
    } else if (request->type == MESSAGE_PING) {
        *out_answer = (struct message){.type = MESSAGE_PING, .ping = {.answer = true}};
    }
    return true;
}

static inline void world_tell_time(struct world *world)
{
    client_now(world->client, world->now_ms,
               (uint64_t)((int64_t)(WORLD_UNIX_MS + world->now_ms) + world->device_clock_ms));
}

static inline uint64_t world_clock(const struct world *world, unsigned node)
{
    return world_unix_ms(world, node) << 16;
}

static inline struct client_config world_config(const struct client_contact *contacts,
                                                uint32_t count)
{
    struct client_config config;
    client_config_defaults(&config);
    config.contacts = contacts;
    config.contact_count = count;
    config.seed = 42;
    return config;
}

static inline void world_init(struct world *world, unsigned node_count)
{
    memset(world, 0, sizeof(*world));
    world->node_count = node_count;
    for (unsigned i = 0; i < node_count; i++) {
        world->nodes[i].answer = world_answers_well;
    }
    for (unsigned i = 0; i < WORLD_CONNECTIONS_MAX; i++) {
        world->node_of_connection[i] = -1;
    }
}

/* With the first `contact_count` nodes as contacts. */
static inline void world_start(struct world *world, unsigned node_count, unsigned contact_count)
{
    static struct client_contact contacts[WORLD_NODES_MAX];
    world_init(world, node_count);
    for (unsigned i = 0; i < contact_count; i++) {
        contacts[i] = (struct client_contact){world_text(world_address(i)), CLIENT_PORT_DEFAULT};
    }
    struct client_config config = world_config(contacts, contact_count);
    world->client = client_create(memory_system(), &config);
    world_tell_time(world);
}

static inline void world_end(struct world *world)
{
    client_destroy(world->client);
}

static inline int world_node_at(const struct world *world, struct slice host)
{
    for (unsigned i = 0; i < world->node_count; i++) {
        if (slice_equal(host, world_text(world_address(i)))) {
            return (int)i;
        }
    }
    return slice_equal(host, world_text("first.example")) ? 0 : -1;
}

static inline void world_connect(struct world *world, const struct client_effect *effect)
{
    int node = world_node_at(world, effect->connect.host);
    world->connect_at_ms[world->connect_count++ % WORLD_LOG_MAX] = world->now_ms;
    if (node >= 0) {
        world->nodes[node].connects++;
    }
    if (node < 0 || world->nodes[node].refuses) {
        client_closed(world->client, effect->connection, ERR_NO_NODE, "connection refused");
        return;
    }
    world->node_of_connection[effect->connection] = node;
    world->opened[effect->connection] = true;
}

static inline void world_greet(struct world *world, uint32_t connection, unsigned node)
{
    struct world_node *at = &world->nodes[node];
    struct message welcome = at->greeting.type != 0 ? at->greeting : world_welcome(world, node);
    if (!at->is_mute && !at->is_mute_greeting) {
        client_received(world->client, connection, UINT64_MAX, world_clock(world, node), &welcome);
    }
}

static inline void world_drain(struct world *world);

static inline void world_ask(struct world *world, const struct client_effect *effect)
{
    uint32_t connection = effect->connection;
    uint64_t request_id = effect->send.request_id;
    struct message request = *effect->send.message;
    struct message answer = {0};
    int node = world->node_of_connection[connection];
    if (node < 0) {
        return;
    }
    if (request.type == MESSAGE_HELLO) {
        world_greet(world, connection, (unsigned)node);
        return;
    }
    if (request.type != MESSAGE_PING) {
        world->asked[world->asked_count++ % WORLD_LOG_MAX] =
            (struct world_asked){world->now_ms, (unsigned)node, request.type};
        world->nodes[node].asked++;
    }
    world->last_request_id = request_id;
    world->last_connection = connection;
    if (!world->nodes[node].is_mute &&
        world->nodes[node].answer(world, (unsigned)node, &request, &answer)) {
        client_received(world->client, connection, request_id, world_clock(world, (unsigned)node),
                        &answer);
        world_drain(world);
    }
}

static inline void world_effect(struct world *world, const struct client_effect *effect)
{
    switch (effect->type) {
    case CLIENT_EFFECT_CONNECT:
        world_connect(world, effect);
        break;
    case CLIENT_EFFECT_SEND:
        world_ask(world, effect);
        break;
    case CLIENT_EFFECT_CLOSE:
        world->node_of_connection[effect->connection] = -1;
        world->opened[effect->connection] = false;
        break;
    case CLIENT_EFFECT_COMPLETE:
        world->completed++;
        world->last_completed = effect->complete.request;
        world->last_answer =
            effect->complete.answer != NULL ? effect->complete.answer->type : (enum message_type)0;
        break;
    case CLIENT_EFFECT_NODE_UP:
    case CLIENT_EFFECT_NODE_DOWN: {
        size_t used = strlen(world->news);
        snprintf(world->news + used, sizeof(world->news) - used, "%s %s\n",
                 effect->type == CLIENT_EFFECT_NODE_UP ? "up" : "down", effect->node.text);
        break;
    }
    }
}

static inline void world_drain(struct world *world)
{
    struct client_effect effect;
    bool again = true;
    while (again) {
        again = false;
        while (client_effect_next(world->client, &effect)) {
            world_effect(world, &effect);
        }
        for (uint32_t i = 0; i < WORLD_CONNECTIONS_MAX; i++) {
            if (world->opened[i]) {
                world->opened[i] = false;
                client_connected(world->client, i);
                again = true;
            }
        }
    }
}

/* Lets time pass. */
static inline void world_run(struct world *world, uint64_t ms)
{
    uint64_t until_ms = world->now_ms + ms;
    world_drain(world);
    while (world->now_ms < until_ms) {
        world->now_ms++;
        world_tell_time(world);
        if (client_next_deadline_ms(world->client) <= world->now_ms) {
            client_tick(world->client);
        }
        world_drain(world);
    }
}

/* Until this many requests have completed in all, or a long time has passed. */
static inline void world_run_until(struct world *world, unsigned completed)
{
    world_drain(world);
    for (unsigned i = 0; i < 60000 && world->completed < completed; i++) {
        world_run(world, 1);
    }
}

static inline void world_close(struct world *world, uint32_t connection, const char *reason)
{
    world->node_of_connection[connection] = -1;
    client_closed(world->client, connection, ERR_DISCONNECTED, reason);
}

/* Every connection to the node breaks. */
static inline void world_cut(struct world *world, unsigned node)
{
    for (uint32_t i = 0; i < WORLD_CONNECTIONS_MAX; i++) {
        if (world->node_of_connection[i] == (int)node) {
            world_close(world, i, "connection reset by peer");
        }
    }
}

static inline struct client_request world_send_request(const struct id *conversation)
{
    return (struct client_request){
        .message = {.type = MESSAGE_SEND, .send = {.conversation = *conversation}},
        .has_partition = true,
        .partition_kind = PARTITION_CONVERSATION,
        .partition = *conversation,
        .node = CLIENT_NODE_ANY};
}

static inline struct client_request world_read_request(const struct id *conversation)
{
    struct client_request request = world_send_request(conversation);
    request.message = (struct message){.type = MESSAGE_HISTORY_READ, .history_read = {.limit = 50}};
    return request;
}

/* All nodes connected. */
static inline void world_warm(struct world *world, unsigned node_count)
{
    world_start(world, node_count, node_count);
    for (unsigned i = 0; i < 40; i++) {
        struct id some = {{(uint8_t)i, 9}};
        struct client_request request = world_send_request(&some);
        client_submit(world->client, &request);
        world_run_until(world, i + 1);
    }
    world->completed = 0;
    world->asked_count = 0;
}

#endif
