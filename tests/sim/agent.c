#include "tests/sim/agent.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "proto/codec.h"

struct errand {
    struct list node;
    struct client_request request;
    caller_done done;
    void *context;
};

/* What nodes' clocks jump by at most, and what one may have been dragged along by a frame. */
#define AGENT_TIME_OFF_MAX_MS 90000u
#define AGENT_DRIFT_MAX_PPM 500u

static void agent_now(struct agent *agent)
{
    uint64_t ms = world_now_us(agent->world) / MICROSECONDS_PER_MS;
    int64_t off_ms = agent->skew_ms + (int64_t)ms * agent->drift_ppm / 1000000;
    client_now(agent->client, ms, (uint64_t)((int64_t)(UNIX_EPOCH_MS + ms) + off_ms));
}

static void errand_end(struct errand *errand, const struct message *answer)
{
    const struct client_error *error = &errand->request.error;
    struct message status = {.type = MESSAGE_STATUS};
    if (error->code != COLUMBA_OK) {
        status.status = (struct message_status){
            .error = error->code,
            .text = slice_of_text(error->text),
            .needed = error->needed,
            .received = error->received,
            .outcome_unknown = error->outcome_unknown,
        };
        answer = &status;
    }
    list_remove(&errand->node);
    errand->done(errand->context, answer);
    free(errand);
}

/* Effects. */

static void carry_send(struct agent *agent, const struct client_effect *effect)
{
    struct arena scratch;
    struct codec_encoding encoding;
    arena_init(&scratch, memory_system(), DECODE_ARENA_MAX_BYTES);
    enum columba_error error = codec_prepare(effect->send.message, &scratch, &encoding);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    size_t size = FRAME_HEADER_BYTES + encoding.payload_bytes;
    uint8_t *bytes = malloc(size);
    COLUMBA_ASSERT(bytes != NULL);
    codec_encode(&encoding, effect->send.request_id, client_clock(agent->client), bytes);
    network_send(agent->world->network, agent->connections[effect->connection], agent->endpoint,
                 slice_of(bytes, size));
    free(bytes);
    arena_clear(&scratch);
}

/* Hosts are named by their addresses. */
static uint16_t host_by_address(const struct agent *agent, struct slice address)
{
    const struct topology *topology = agent->world->topology;
    for (uint16_t i = 0; i < topology->node_count; i++) {
        if (slice_equal(topology->nodes[i].address, address)) {
            return i;
        }
    }
    COLUMBA_ASSERT(address.size == 0); /* the client connects to nobody else */
    return 0;
}

static void carry_connect(struct agent *agent, const struct client_effect *effect)
{
    COLUMBA_ASSERT(effect->connection < AGENT_CONNECTIONS_MAX);
    COLUMBA_ASSERT(agent->connections[effect->connection] == 0);
    uint16_t host = host_by_address(agent, effect->connect.host);
    agent->connections[effect->connection] =
        network_connect(agent->world->network, agent->endpoint, host);
}

static void carry_out(struct agent *agent, const struct client_effect *effect)
{
    switch (effect->type) {
    case CLIENT_EFFECT_CONNECT:
        carry_connect(agent, effect);
        break;
    case CLIENT_EFFECT_SEND:
        carry_send(agent, effect);
        break;
    case CLIENT_EFFECT_CLOSE:
        network_close(agent->world->network, agent->connections[effect->connection],
                      agent->endpoint);
        agent->connections[effect->connection] = 0;
        break;
    case CLIENT_EFFECT_COMPLETE:
        errand_end(container_of(effect->complete.request, struct errand, request),
                   effect->complete.answer);
        break;
    case CLIENT_EFFECT_NODE_UP:
    case CLIENT_EFFECT_NODE_DOWN:
        break;
    }
}

static void timer_fires(void *context, uint64_t argument);

static void turn_end(struct agent *agent)
{
    struct client_effect effect;
    while (client_effect_next(agent->client, &effect)) {
        carry_out(agent, &effect);
    }
    uint64_t deadline_ms = client_next_deadline_ms(agent->client);
    if (deadline_ms == UINT64_MAX) {
        return;
    }
    uint64_t at_us = deadline_ms * MICROSECONDS_PER_MS;
    uint64_t now_us = world_now_us(agent->world);
    at_us = at_us > now_us ? at_us : now_us + MICROSECONDS_PER_MS;
    if (at_us < agent->timer_at_us) {
        agent->timer_at_us = at_us;
        schedule_at(&agent->world->schedule, at_us, timer_fires, agent, at_us);
    }
}

static void timer_fires(void *context, uint64_t at_us)
{
    struct agent *agent = context;
    if (agent->timer_at_us == at_us) {
        agent->timer_at_us = UINT64_MAX;
    }
    if (agent->client != NULL) {
        agent_now(agent);
        client_tick(agent->client);
        turn_end(agent);
    }
}

/* Events. */

/* UINT32_MAX: closed already. */
static uint32_t connection_of(const struct agent *agent, uint64_t network_connection)
{
    for (uint32_t i = 0; i < AGENT_CONNECTIONS_MAX; i++) {
        if (agent->connections[i] == network_connection) {
            return i;
        }
    }
    return UINT32_MAX;
}

static void on_opened(void *context, uint64_t network_connection)
{
    struct agent *agent = context;
    uint32_t connection = connection_of(agent, network_connection);
    if (connection != UINT32_MAX && agent->client != NULL) {
        agent_now(agent);
        client_connected(agent->client, connection);
        turn_end(agent);
    }
}

static void close_as(struct agent *agent, uint64_t network_connection, enum columba_error error,
                     const char *reason)
{
    uint32_t connection = connection_of(agent, network_connection);
    if (connection != UINT32_MAX && agent->client != NULL) {
        agent->connections[connection] = 0;
        agent_now(agent);
        client_closed(agent->client, connection, error, reason);
        turn_end(agent);
    }
}

static void on_closed(void *context, uint64_t network_connection)
{
    close_as(context, network_connection, ERR_DISCONNECTED, "the connection broke");
}

static void on_frame(void *context, uint64_t network_connection, struct slice bytes)
{
    struct agent *agent = context;
    struct frame frame;
    struct message message;
    uint32_t connection = connection_of(agent, network_connection);
    if (connection == UINT32_MAX || agent->client == NULL) {
        return;
    }
    struct slice payload =
        slice_of(bytes.data + FRAME_HEADER_BYTES, bytes.size - FRAME_HEADER_BYTES);
    arena_reset(&agent->arena);
    if (frame_header_decode(bytes.data, &frame) != COLUMBA_OK ||
        !frame_is_intact(bytes.data, payload) ||
        codec_decode(frame.type, payload, &agent->arena, &message) != COLUMBA_OK) {
        network_close(agent->world->network, network_connection, agent->endpoint);
        close_as(agent, network_connection, ERR_MALFORMED, "a damaged frame");
        return;
    }
    agent_now(agent);
    agent->has_heard = true;
    client_received(agent->client, connection, frame.request_id, frame.clock, &message);
    turn_end(agent);
}

static void on_accepted(void *context, uint64_t connection, uint32_t from)
{
    (void)context;
    (void)from;
    COLUMBA_ASSERT(connection == 0); /* nobody connects to a client */
}

static void on_datagram(void *context, uint32_t from, struct slice bytes)
{
    (void)context;
    (void)from;
    (void)bytes;
}

/* Life. */

static void client_make(struct agent *agent, uint64_t seed)
{
    const struct topology *topology = agent->world->topology;
    struct client_contact contacts[2];
    for (uint32_t i = 0; i < 2; i++) {
        const struct topology_node *node = &topology->nodes[(seed + i) % topology->node_count];
        contacts[i] = (struct client_contact){.host = node->address, .port = node->port};
    }
    struct client_config config;
    client_config_defaults(&config);
    config.contacts = contacts;
    config.contact_count = 2;
    config.seed = seed;
    agent->client = client_create(&agent->memory.memory, &config);
    COLUMBA_ASSERT(agent->client != NULL);
    agent_now(agent);
}

void agent_init(struct agent *agent, struct world *world, uint32_t endpoint, int64_t skew_ms,
                uint64_t seed)
{
    *agent = (struct agent){
        .world = world, .endpoint = endpoint, .skew_ms = skew_ms, .timer_at_us = UINT64_MAX};
    if (world_has(world, EXTRA_CLIENT_CLOCKS)) {
        agent->drift_ppm = (int64_t)(seed % (2 * AGENT_DRIFT_MAX_PPM + 1)) - AGENT_DRIFT_MAX_PPM;
    }
    list_init(&agent->errands);
    counted_memory_init(&agent->memory);
    arena_init(&agent->arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    client_make(agent, seed);
    network_attach(world->network, endpoint,
                   (struct network_handler){
                       .context = agent,
                       .accepted = on_accepted,
                       .opened = on_opened,
                       .frame = on_frame,
                       .closed = on_closed,
                       .datagram = on_datagram,
                   });
}

void agent_clear(struct agent *agent)
{
    client_destroy(agent->client);
    agent->client = NULL;
    list_for_each_safe(node, &agent->errands)
    {
        free(container_of(node, struct errand, node));
    }
    list_init(&agent->errands);
    arena_clear(&agent->arena);
    if (agent->memory.blocks != 0) {
        findings_add(&agent->world->findings, "a client leaks %llu blocks, %llu B",
                     (unsigned long long)agent->memory.blocks,
                     (unsigned long long)agent->memory.bytes);
    }
}

void agent_ask(struct agent *agent, const struct message *request, enum partition_kind kind,
               const struct id *partition, caller_done done, void *context)
{
    struct errand *errand = calloc(1, sizeof *errand);
    COLUMBA_ASSERT(errand != NULL);
    errand->request.message = *request;
    errand->request.has_partition = true;
    errand->request.partition_kind = kind;
    errand->request.partition = *partition;
    errand->request.node = CLIENT_NODE_ANY;
    errand->done = done;
    errand->context = context;
    list_append(&agent->errands, &errand->node);
    agent_now(agent);
    client_submit(agent->client, &errand->request);
    turn_end(agent);
}

/* Whatever the device's own clock says: once it has heard of the nodes' time it keeps to that. That
 * of a node whose clock leapt may be the only one it heard. */
static void check_time(const struct agent *agent, uint64_t id_ms)
{
    uint64_t true_ms = UNIX_EPOCH_MS + world_now_us(agent->world) / MICROSECONDS_PER_MS;
    uint64_t off_ms = id_ms > true_ms ? id_ms - true_ms : true_ms - id_ms;
    if (agent->has_heard && !agent->world->has_wild_clocks && off_ms > AGENT_TIME_OFF_MAX_MS) {
        findings_add(&agent->world->findings, "a client makes an id %lld ms off",
                     (long long)(id_ms - true_ms));
    }
}

struct id agent_message_id(struct agent *agent, const struct id *sender)
{
    agent_now(agent);
    struct id id = client_message_id(agent->client, sender);
    check_time(agent, message_id_unix_ms(&id));
    return id;
}

uint64_t agent_unix_ms(struct agent *agent)
{
    agent_now(agent);
    return client_unix_ms(agent->client);
}
