#include "race_world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "node/store/id_bound.h"
#include "node/store/scan.h"
#include "proto/codec.h"
#include "ring_cluster.h"
#include "tests/sim/transcript.h"

/* Connections: of clients, the call and this; of peers, the index and the life of the asker. */
#define CLIENT_CONNECTIONS (UINT64_C(1) << 32)
#define PARCELS_MAX 4096u

enum parcel_kind { PARCEL_REQUEST, PARCEL_ANSWER, PARCEL_COMMITTED, PARCEL_READ };

static const char *const parcel_names[] = {"request", "answer", "commit", "read"};

struct parcel {
    enum parcel_kind kind;
    uint16_t from;
    uint16_t to;
    uint64_t connection; /* REQUEST */
    uint64_t number;     /* COMMITTED: the batch; READ: its id */
    struct read_query query;
    size_t size;
    uint8_t bytes[]; /* a frame, or what the query points to */
};

struct player {
    struct core *core;
    struct engine *engine;
    struct engine_batch *batch;
    uint64_t life; /* how often it was started */
    int32_t ahead_ms;
    bool is_committing;
};

struct race_world {
    struct race_options options;
    struct topology *topology;
    struct player players[RACE_NODES];
    struct parcel *parcels[PARCELS_MAX];
    uint32_t parcel_count;
    uint64_t now_ms;
};

uint64_t race_unix_ms(const struct race_world *world)
{
    return RACE_START_UNIX_MS + world->now_ms;
}

void race_note(struct race_world *world, const char *format, ...)
{
    if (world->options.trace == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vfprintf(world->options.trace, format, arguments);
    va_end(arguments);
    fputc('\n', world->options.trace);
}

uint32_t race_parcels(const struct race_world *world)
{
    return world->parcel_count;
}

static void note_message(struct race_world *world, const char *what, uint16_t from, uint16_t to,
                         const struct message *message)
{
    FILE *trace = world->options.trace;
    if (trace != NULL) {
        fprintf(trace, "    %s %u -> %u:", what, from, to);
        transcript_message(trace, message);
        fputc('\n', trace);
    }
}

/* Parcels. */

static struct parcel *parcel_add(struct race_world *world, enum parcel_kind kind, uint16_t to,
                                 size_t size)
{
    struct parcel *parcel = malloc(sizeof *parcel + size);
    COLUMBA_ASSERT(parcel != NULL && world->parcel_count < PARCELS_MAX);
    *parcel = (struct parcel){.kind = kind, .from = to, .to = to, .size = size};
    world->parcels[world->parcel_count++] = parcel;
    return parcel;
}

static struct parcel *parcel_take(struct race_world *world, uint32_t place)
{
    COLUMBA_ASSERT(place < world->parcel_count);
    struct parcel *parcel = world->parcels[place];
    world->parcel_count--;
    memmove(&world->parcels[place], &world->parcels[place + 1],
            (world->parcel_count - place) * sizeof(struct parcel *));
    return parcel;
}

static struct parcel *message_add(struct race_world *world, enum parcel_kind kind, uint16_t from,
                                  uint16_t to, uint64_t request_id, const struct message *message)
{
    struct arena scratch;
    struct codec_encoding encoding;
    arena_init(&scratch, memory_system(), DECODE_ARENA_MAX_BYTES);
    enum columba_error error = codec_prepare(message, &scratch, &encoding);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    struct parcel *parcel =
        parcel_add(world, kind, to, FRAME_HEADER_BYTES + encoding.payload_bytes);
    parcel->from = from;
    codec_encode(&encoding, request_id, core_clock(world->players[from].core), parcel->bytes);
    arena_clear(&scratch);
    return parcel;
}

/* Effects. */

static uint64_t connection_of(const struct race_world *world, uint16_t node)
{
    return 1 + node + world->players[node].life * RACE_NODES;
}

static void carry_reply(struct race_world *world, uint16_t node, const struct effect *effect)
{
    uint64_t connection = effect->reply.connection;
    if (connection >= CLIENT_CONNECTIONS) {
        note_message(world, "answers client", node, NODE_NONE, effect->reply.message);
        world->options.answered(world->options.context, connection - CLIENT_CONNECTIONS,
                                effect->reply.message);
        return;
    }
    uint16_t to = (uint16_t)((connection - 1) % RACE_NODES);
    if (connection == connection_of(world, to)) {
        message_add(world, PARCEL_ANSWER, node, to, effect->reply.request_id,
                    effect->reply.message);
    }
}

static void carry_read(struct race_world *world, uint16_t node, const struct effect *effect)
{
    const struct read_query *query = &effect->read.query;
    struct parcel *parcel = parcel_add(world, PARCEL_READ, node, read_query_bytes(query));
    parcel->number = effect->read.read_id;
    parcel->query = *query;
    read_query_move(&parcel->query, parcel->bytes);
}

static void carry_out(struct race_world *world, uint16_t node, const struct effect *effect)
{
    struct player *player = &world->players[node];
    const struct engine_table *table = player->engine->table;
    switch (effect->type) {
    case EFFECT_REPLY:
        carry_reply(world, node, effect);
        break;
    case EFFECT_SEND:
        message_add(world, PARCEL_REQUEST, node, effect->send.node, effect->send.request_id,
                    effect->send.message)
            ->connection = connection_of(world, node);
        break;
    case EFFECT_MERGE:
        table->batch_merge(player->batch, effect->write.key, effect->write.value);
        break;
    case EFFECT_PUT:
        table->batch_put(player->batch, effect->write.key, effect->write.value);
        break;
    case EFFECT_REMOVE:
        table->batch_remove(player->batch, effect->write.key);
        break;
    case EFFECT_READ:
        carry_read(world, node, effect);
        break;
    }
}

static void drain(struct race_world *world, uint16_t node)
{
    struct effect effect;
    while (core_effect_next(world->players[node].core, &effect)) {
        carry_out(world, node, &effect);
    }
}

/* Each event is a turn of its own. */
static void step(struct race_world *world, uint16_t node, const struct event *event)
{
    struct player *player = &world->players[node];
    core_now(player->core, 1 + world->now_ms,
             race_unix_ms(world) + (uint64_t)(int64_t)player->ahead_ms);
    core_step(player->core, event);
    drain(world, node);
    core_turn_end(player->core);
    drain(world, node);
}

/* Deliveries. */

static void deliver_message(struct race_world *world, const struct parcel *parcel)
{
    struct frame frame;
    struct message message;
    struct arena arena;
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    enum columba_error error = frame_header_decode(parcel->bytes, &frame);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    struct slice payload =
        slice_of(parcel->bytes + FRAME_HEADER_BYTES, parcel->size - FRAME_HEADER_BYTES);
    error = codec_decode(frame.type, payload, &arena, &message);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    note_message(world, parcel_names[parcel->kind], parcel->from, parcel->to, &message);
    struct event event = {.clock = frame.clock};
    if (parcel->kind == PARCEL_REQUEST) {
        event.type = EVENT_REQUEST;
        event.request.connection = parcel->connection;
        event.request.node = parcel->from;
        event.request.request_id = frame.request_id;
        event.request.message = &message;
    } else {
        event.type = EVENT_ANSWER;
        event.answer.node = parcel->from;
        event.answer.request_id = frame.request_id;
        event.answer.message = &message;
    }
    step(world, parcel->to, &event);
    arena_clear(&arena);
}

/* The store is looked at when the read is delivered. */
static void deliver_read(struct race_world *world, const struct parcel *parcel)
{
    uint8_t *buffer = malloc(scan_buffer_bytes(&parcel->query));
    COLUMBA_ASSERT(buffer != NULL);
    struct scan_result result =
        scan_run(world->players[parcel->to].engine, &parcel->query, TIER_ALL, buffer);
    race_note(world, "    %u has read %u rows", parcel->to, result.row_count);
    struct event event = {.type = EVENT_READ_DONE};
    event.read_done.read_id = parcel->number;
    event.read_done.error = result.error;
    event.read_done.packed = result.packed;
    event.read_done.row_count = result.row_count;
    event.read_done.more = result.more;
    step(world, parcel->to, &event);
    free(buffer);
}

static void deliver_committed(struct race_world *world, const struct parcel *parcel)
{
    race_note(world, "    %u hears that batch %llu is durable", parcel->to,
              (unsigned long long)parcel->number);
    world->players[parcel->to].is_committing = false;
    struct event event = {.type = EVENT_COMMITTED};
    event.committed.batch = parcel->number;
    step(world, parcel->to, &event);
}

void race_deliver(struct race_world *world, uint32_t place)
{
    struct parcel *parcel = parcel_take(world, place);
    if (parcel->kind == PARCEL_READ) {
        deliver_read(world, parcel);
    } else if (parcel->kind == PARCEL_COMMITTED) {
        deliver_committed(world, parcel);
    } else {
        deliver_message(world, parcel);
    }
    free(parcel);
}

bool race_lose(struct race_world *world, uint32_t place)
{
    enum parcel_kind kind = world->parcels[place]->kind;
    if (kind != PARCEL_REQUEST && kind != PARCEL_ANSWER) {
        return false;
    }
    struct parcel *parcel = parcel_take(world, place);
    race_note(world, "  lost: %s %u -> %u", parcel_names[kind], parcel->from, parcel->to);
    free(parcel);
    return true;
}

bool race_commit(struct race_world *world, uint16_t node)
{
    struct player *player = &world->players[node];
    if (player->is_committing || !core_has_writes(player->core)) {
        return false;
    }
    uint64_t batch = core_batch_close(player->core);
    drain(world, node);
    enum columba_error error = player->engine->table->commit(player->engine, player->batch, true);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    player->engine->table->batch_clear(player->batch);
    player->is_committing = true;
    race_note(world, "  %u commits batch %llu", node, (unsigned long long)batch);
    parcel_add(world, PARCEL_COMMITTED, node, 0)->number = batch;
    return true;
}

void race_gossip(struct race_world *world, uint16_t node, uint16_t peer, bool is_alive)
{
    race_note(world, "  %u hears that %u is %s", node, peer, is_alive ? "alive" : "dead");
    struct event event = {.type = EVENT_PEER};
    event.peer.node = peer;
    event.peer.alive = event.peer.connected = is_alive;
    step(world, node, &event);
}

void race_wait(struct race_world *world, uint32_t ms)
{
    world->now_ms += ms;
    race_note(world, "  %u ms pass", ms);
    for (uint16_t node = 0; node < RACE_NODES; node++) {
        struct event tick = {.type = EVENT_TICK};
        step(world, node, &tick);
    }
}

void race_settle(struct race_world *world)
{
    bool has_work = true;
    while (has_work) {
        has_work = world->parcel_count > 0;
        if (has_work) {
            race_deliver(world, 0);
        }
        for (uint16_t node = 0; node < RACE_NODES; node++) {
            has_work = race_commit(world, node) || has_work;
        }
    }
}

void race_ask(struct race_world *world, uint16_t node, uint64_t call, const struct message *message)
{
    note_message(world, "client asks", NODE_NONE, node, message);
    struct event event = {.type = EVENT_REQUEST};
    event.request.connection = CLIENT_CONNECTIONS + call;
    event.request.node = NODE_NONE;
    event.request.request_id = 1;
    event.request.message = message;
    step(world, node, &event);
}

/* Life. */

static void player_start(struct race_world *world, uint16_t node)
{
    struct player *player = &world->players[node];
    struct core_config config;
    core_config_defaults(&config);
    config.self = node;
    config.handles = world->options.handles;
    config.start_count = ++player->life;
    config.log_incarnation = 1000u + node;
    config.seed = node;
    config.fanout_members_max = world->options.fanout_members_max;
    config.recent_messages = world->options.recent_messages;
    enum columba_error error = id_bound_get(player->engine, memory_system(), &config.ids_bound_ms);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    config.operations_max = 512;
    config.outbox_entries_max = 1024;
    config.log_events_max = 1024;
    config.conversations_cached_max = 16;
    player->core = core_create(memory_system(), &config, world->topology);
    COLUMBA_ASSERT(player->core != NULL);
    struct event started = {.type = EVENT_STARTED};
    step(world, node, &started);
    for (uint16_t peer = 0; peer < RACE_NODES; peer++) {
        if (peer != node) {
            race_gossip(world, node, peer, true);
        }
    }
}

/* What was under way to a node that died is gone; who asked may hear of it. */
static void parcels_break(struct race_world *world, uint16_t node, bool tells)
{
    for (uint32_t i = 0; i < world->parcel_count;) {
        if (world->parcels[i]->to != node) {
            i++;
            continue;
        }
        struct parcel *parcel = parcel_take(world, i);
        uint16_t asker = parcel->from;
        struct frame frame;
        bool is_request = parcel->kind == PARCEL_REQUEST && asker != node &&
                          frame_header_decode(parcel->bytes, &frame) == COLUMBA_OK &&
                          parcel->connection == connection_of(world, asker);
        if (is_request && tells) {
            struct message status = {.type = MESSAGE_STATUS};
            status.status.error = ERR_DISCONNECTED;
            message_add(world, PARCEL_ANSWER, node, asker, frame.request_id, &status);
        }
        free(parcel);
    }
}

void race_restart(struct race_world *world, uint16_t node, bool tells, int32_t ahead_ms)
{
    struct player *player = &world->players[node];
    race_note(world, "  %u dies and starts%s, %d ms ahead", node, tells ? ", peers hear of it" : "",
              ahead_ms);
    parcels_break(world, node, tells);
    core_destroy(player->core);
    player->engine->table->batch_clear(player->batch);
    player->is_committing = false;
    player->ahead_ms = ahead_ms;
    player_start(world, node);
}

static struct topology *topology_make(void)
{
    static const uint64_t tokens[RACE_NODES] = {UINT64_C(1) << 62, UINT64_C(2) << 62,
                                                UINT64_C(3) << 62};
    struct ring_cluster *cluster = ring_cluster_create(RACE_NODES);
    for (unsigned i = 0; i < RACE_NODES; i++) {
        ring_cluster_tokens(cluster, i, &tokens[i], 1);
    }
    ring_cluster_factor(cluster, "dc1", RACE_NODES);
    struct topology *topology = ring_cluster_topology(cluster);
    ring_cluster_destroy(cluster);
    return topology;
}

struct race_world *race_world_create(const struct race_options *options)
{
    struct race_world *world = calloc(1, sizeof *world);
    COLUMBA_ASSERT(world != NULL);
    world->options = *options;
    world->topology = topology_make();
    for (uint16_t node = 0; node < RACE_NODES; node++) {
        struct player *player = &world->players[node];
        player->ahead_ms = options->ahead_ms[node];
        player->engine = engine_memory_open(memory_system());
        COLUMBA_ASSERT(player->engine != NULL);
        player->batch = player->engine->table->batch_create(player->engine);
        COLUMBA_ASSERT(player->batch != NULL);
        player_start(world, node);
    }
    return world;
}

void race_world_destroy(struct race_world *world)
{
    for (uint16_t node = 0; node < RACE_NODES; node++) {
        struct player *player = &world->players[node];
        core_destroy(player->core);
        player->engine->table->batch_destroy(player->batch);
        player->engine->table->close(player->engine);
    }
    while (world->parcel_count > 0) {
        free(parcel_take(world, 0));
    }
    topology_destroy(world->topology);
    free(world);
}
