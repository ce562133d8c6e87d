#include "tests/golden/stage.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/list.h"
#include "node/core/core.h"
#include "node/store/engine.h"
#include "node/store/id_bound.h"
#include "proto/codec.h"
#include "ring/topology.h"
#include "tests/sim/transcript.h"

#define START_UNIX_MS 1767225600000u
/* Connections: a peer's is its index plus one. */
#define CLIENT_CONNECTION 1000u
#define ROUNDS_MAX 10000u

enum delivery_type { DELIVERY_REQUEST, DELIVERY_ANSWER, DELIVERY_COMMITTED, DELIVERY_READ_DONE };

/* What the next round brings to a node. */
struct delivery {
    struct list node;
    enum delivery_type type;
    uint16_t from; /* NODE_NONE: the client */
    uint64_t number;
    uint32_t row_count;
    bool more;
    enum columba_error error;
    size_t size;
    uint8_t bytes[];
};

struct player {
    struct core *core;
    struct engine *engine;
    struct engine_batch *batch;
    struct list deliveries;
    uint32_t merges;
    uint32_t puts;
    uint32_t removes;
    struct list held; /* deliveries that wait, while `is_held` */
    uint64_t start_count;
    bool is_dead;
    bool is_held;
    bool is_full;
    bool commits_fail;
};

struct stage {
    FILE *out;
    struct topology *topology;
    struct player players[STAGE_NODES];
    bool is_cut[STAGE_NODES][STAGE_NODES];
    uint32_t group_max;
    uint64_t now_ms;
    uint64_t ids;
    uint64_t requests;
};

static const char *player_name(const struct stage *stage, uint16_t node)
{
    return node == NODE_NONE ? "client" : (const char *)stage->topology->nodes[node].name.data;
}

uint64_t stage_unix_ms(const struct stage *stage)
{
    return START_UNIX_MS + stage->now_ms;
}

static struct delivery *deliver(struct player *player, enum delivery_type type, struct slice bytes)
{
    struct delivery *delivery = malloc(sizeof *delivery + bytes.size);
    COLUMBA_ASSERT(delivery != NULL);
    *delivery = (struct delivery){.type = type, .size = bytes.size};
    if (bytes.size > 0) {
        memcpy(delivery->bytes, bytes.data, bytes.size);
    }
    bool waits = player->is_held && type != DELIVERY_COMMITTED && type != DELIVERY_READ_DONE;
    list_append(waits ? &player->held : &player->deliveries, &delivery->node);
    return delivery;
}

static void deliver_message(struct stage *stage, uint16_t from, uint16_t to,
                            enum delivery_type type, uint64_t request_id, uint64_t clock,
                            const struct message *message)
{
    struct arena scratch;
    struct codec_encoding encoding;
    arena_init(&scratch, memory_system(), DECODE_ARENA_MAX_BYTES);
    enum columba_error error = codec_prepare(message, &scratch, &encoding);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    size_t size = FRAME_HEADER_BYTES + encoding.payload_bytes;
    uint8_t *bytes = malloc(size);
    COLUMBA_ASSERT(bytes != NULL);
    codec_encode(&encoding, request_id, clock, bytes);
    struct delivery *delivery = deliver(&stage->players[to], type, slice_of(bytes, size));
    delivery->from = from;
    free(bytes);
    arena_clear(&scratch);
}

/* Effects. */

static void print_exchange(struct stage *stage, uint16_t from, uint16_t to,
                           const struct message *message)
{
    fprintf(stage->out, "  %s -> %s:", player_name(stage, from), player_name(stage, to));
    transcript_message(stage->out, message);
    fprintf(stage->out, "\n");
}

static bool passes(const struct stage *stage, uint16_t from, uint16_t to)
{
    return !stage->players[to].is_dead && !stage->is_cut[from][to];
}

static void refuse(struct stage *stage, uint16_t asker, uint16_t node, uint64_t request_id)
{
    struct message status = {.type = MESSAGE_STATUS};
    status.status.error = ERR_OVERLOADED;
    print_exchange(stage, node, asker, &status);
    deliver_message(stage, node, asker, DELIVERY_ANSWER, request_id,
                    core_clock(stage->players[node].core), &status);
}

static void carry_reply(struct stage *stage, uint16_t node, const struct effect *effect)
{
    struct player *player = &stage->players[node];
    uint64_t connection = effect->reply.connection;
    uint16_t to = connection == CLIENT_CONNECTION ? NODE_NONE : (uint16_t)(connection - 1);
    print_exchange(stage, node, to, effect->reply.message);
    if (to != NODE_NONE && passes(stage, node, to)) {
        deliver_message(stage, node, to, DELIVERY_ANSWER, effect->reply.request_id,
                        core_clock(player->core), effect->reply.message);
    }
}

static void carry_send(struct stage *stage, uint16_t node, const struct effect *effect)
{
    print_exchange(stage, node, effect->send.node, effect->send.message);
    uint16_t to = effect->send.node;
    if (!passes(stage, node, to)) {
        return;
    }
    if (stage->players[to].is_full) {
        refuse(stage, node, to, effect->send.request_id);
        return;
    }
    deliver_message(stage, node, to, DELIVERY_REQUEST, effect->send.request_id,
                    core_clock(stage->players[node].core), effect->send.message);
}

static void carry_read(struct stage *stage, uint16_t node, const struct effect *effect)
{
    struct player *player = &stage->players[node];
    uint8_t *buffer = malloc(scan_buffer_bytes(&effect->read.query));
    COLUMBA_ASSERT(buffer != NULL);
    struct scan_result result = scan_run(player->engine, &effect->read.query, TIER_ALL, buffer);
    struct delivery *delivery = deliver(player, DELIVERY_READ_DONE, result.packed);
    delivery->number = effect->read.read_id;
    delivery->row_count = result.row_count;
    delivery->more = result.more;
    delivery->error = result.error;
    fprintf(stage->out, "  %s reads %s: %u rows%s\n", player_name(stage, node),
            effect->read.query.space == SPACE_ROWS ? "rows" : "its own", result.row_count,
            result.more ? ", more" : "");
    free(buffer);
}

static void carry_out(struct stage *stage, uint16_t node, const struct effect *effect)
{
    struct player *player = &stage->players[node];
    const struct engine_table *table = player->engine->table;
    switch (effect->type) {
    case EFFECT_REPLY:
        carry_reply(stage, node, effect);
        break;
    case EFFECT_SEND:
        carry_send(stage, node, effect);
        break;
    case EFFECT_MERGE:
        player->merges++;
        table->batch_merge(player->batch, effect->write.key, effect->write.value);
        break;
    case EFFECT_PUT:
        player->puts++;
        table->batch_put(player->batch, effect->write.key, effect->write.value);
        break;
    case EFFECT_REMOVE:
        player->removes++;
        table->batch_remove(player->batch, effect->write.key);
        break;
    case EFFECT_READ:
        carry_read(stage, node, effect);
        break;
    }
}

static void drain(struct stage *stage, uint16_t node)
{
    struct effect effect;
    while (core_effect_next(stage->players[node].core, &effect)) {
        carry_out(stage, node, &effect);
    }
}

static void commit(struct stage *stage, uint16_t node)
{
    struct player *player = &stage->players[node];
    uint64_t number = core_batch_close(player->core);
    drain(stage, node);
    const struct engine_table *table = player->engine->table;
    enum columba_error error =
        player->commits_fail ? ERR_IO : table->commit(player->engine, player->batch, true);
    COLUMBA_ASSERT(error == COLUMBA_OK || player->commits_fail);
    table->batch_clear(player->batch);
    fprintf(stage->out, "  %s commits batch %llu: %u merged, %u put, %u removed%s\n",
            player_name(stage, node), (unsigned long long)number, player->merges, player->puts,
            player->removes, error == COLUMBA_OK ? "" : ", which fails");
    player->merges = player->puts = player->removes = 0;
    struct delivery *delivery = deliver(player, DELIVERY_COMMITTED, slice_of(NULL, 0));
    delivery->number = number;
    delivery->error = error;
}

/* Rounds. */

static void step_message(struct stage *stage, uint16_t node, const struct delivery *delivery)
{
    struct frame frame;
    struct message message;
    struct arena arena;
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    struct slice payload =
        slice_of(delivery->bytes + FRAME_HEADER_BYTES, delivery->size - FRAME_HEADER_BYTES);
    enum columba_error error = frame_header_decode(delivery->bytes, &frame);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    error = codec_decode(frame.type, payload, &arena, &message);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    struct event event = {.clock = frame.clock};
    if (delivery->type == DELIVERY_REQUEST) {
        event.type = EVENT_REQUEST;
        event.request.connection =
            delivery->from == NODE_NONE ? CLIENT_CONNECTION : delivery->from + 1u;
        event.request.node = delivery->from;
        event.request.request_id = frame.request_id;
        event.request.message = &message;
    } else {
        event.type = EVENT_ANSWER;
        event.answer.node = delivery->from;
        event.answer.request_id = frame.request_id;
        event.answer.message = &message;
    }
    core_step(stage->players[node].core, &event);
    drain(stage, node);
    arena_clear(&arena);
}

static void step_delivery(struct stage *stage, uint16_t node, const struct delivery *delivery)
{
    struct event event = {0};
    switch (delivery->type) {
    case DELIVERY_COMMITTED:
        event.type = EVENT_COMMITTED;
        event.committed.batch = delivery->number;
        event.committed.error = delivery->error;
        break;
    case DELIVERY_READ_DONE:
        event.type = EVENT_READ_DONE;
        event.read_done.read_id = delivery->number;
        event.read_done.error = delivery->error;
        event.read_done.packed = slice_of(delivery->bytes, delivery->size);
        event.read_done.row_count = delivery->row_count;
        event.read_done.more = delivery->more;
        break;
    default:
        step_message(stage, node, delivery);
        return;
    }
    core_step(stage->players[node].core, &event);
    drain(stage, node);
}

/* False: the node had nothing to do. */
static bool turn(struct stage *stage, uint16_t node)
{
    struct player *player = &stage->players[node];
    struct list taken;
    list_init(&taken);
    while (!list_is_empty(&player->deliveries)) {
        struct list *first = player->deliveries.next;
        list_remove(first);
        list_append(&taken, first);
    }
    core_now(player->core, 1 + stage->now_ms, stage_unix_ms(stage));
    bool is_due = core_next_deadline_ms(player->core) <= 1 + stage->now_ms;
    bool has_work = is_due || !list_is_empty(&taken);
    list_for_each_safe(node_link, &taken)
    {
        struct delivery *delivery = container_of(node_link, struct delivery, node);
        step_delivery(stage, node, delivery);
        free(delivery);
    }
    if (is_due) {
        core_step(player->core, &(struct event){.type = EVENT_TICK});
        drain(stage, node);
    }
    core_turn_end(player->core);
    drain(stage, node);
    if (core_has_writes(player->core)) {
        commit(stage, node);
        has_work = true;
    }
    return has_work;
}

static void play(struct stage *stage)
{
    bool has_work = true;
    for (unsigned round = 0; has_work; round++) {
        COLUMBA_ASSERT(round < ROUNDS_MAX);
        has_work = false;
        for (uint16_t node = 0; node < STAGE_NODES; node++) {
            if (!stage->players[node].is_dead) {
                has_work = turn(stage, node) || has_work;
            }
        }
    }
}

/* The script's doors. */

uint16_t stage_node(const char *name)
{
    bool is_one = name[0] == 'n' && name[1] >= '1' && name[1] < '1' + (int)STAGE_NODES;
    return is_one && name[2] == '\0' ? (uint16_t)(name[1] - '1') : NODE_NONE;
}

void stage_ask(struct stage *stage, uint16_t node, const struct message *request)
{
    print_exchange(stage, NODE_NONE, node, request);
    deliver_message(stage, NODE_NONE, node, DELIVERY_REQUEST, ++stage->requests, 0, request);
    play(stage);
}

static void tell_peers(struct stage *stage, uint16_t about, bool is_alive)
{
    for (uint16_t node = 0; node < STAGE_NODES; node++) {
        struct player *player = &stage->players[node];
        if (node == about || player->is_dead) {
            continue;
        }
        struct event event = {.type = EVENT_PEER};
        event.peer.node = about;
        event.peer.alive = is_alive;
        event.peer.connected = is_alive;
        core_now(player->core, 1 + stage->now_ms, stage_unix_ms(stage));
        core_step(player->core, &event);
        drain(stage, node);
    }
}

void stage_clock_judged(struct stage *stage, uint16_t node, bool is_trusted)
{
    struct player *player = &stage->players[node];
    struct event event = {.type = EVENT_CLOCK};
    event.clock_judged.is_trusted = is_trusted;
    event.clock_judged.text = slice_of_text("the clock is wrong");
    core_now(player->core, 1 + stage->now_ms, stage_unix_ms(stage));
    core_step(player->core, &event);
    drain(stage, node);
    play(stage);
}

void stage_node_dies(struct stage *stage, uint16_t node)
{
    stage->players[node].is_dead = true;
    tell_peers(stage, node, false);
    play(stage);
}

void stage_node_returns(struct stage *stage, uint16_t node)
{
    stage->players[node].is_dead = false;
    tell_peers(stage, node, true);
    play(stage);
}

void stage_link_set(struct stage *stage, uint16_t from, uint16_t to, bool is_cut)
{
    stage->is_cut[from][to] = is_cut;
}

void stage_node_hold(struct stage *stage, uint16_t node)
{
    stage->players[node].is_held = true;
}

void stage_node_release(struct stage *stage, uint16_t node)
{
    struct player *player = &stage->players[node];
    player->is_held = false;
    while (!list_is_empty(&player->held)) {
        struct list *first = player->held.next;
        list_remove(first);
        list_append(&player->deliveries, first);
    }
    play(stage);
}

void stage_node_full(struct stage *stage, uint16_t node, bool is_full)
{
    stage->players[node].is_full = is_full;
}

void stage_commits_fail(struct stage *stage, uint16_t node)
{
    stage->players[node].commits_fail = true;
}

void stage_wait(struct stage *stage, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        stage->now_ms++;
        play(stage);
    }
}

struct id stage_message_id(struct stage *stage, const struct id *sender)
{
    return message_id_make(stage_unix_ms(stage), ++stage->ids, sender);
}

/* Life. */

static void make_topology(struct stage *stage)
{
    static const char *const names[STAGE_NODES] = {"n1", "n2", "n3"};
    struct topology_node_spec nodes[STAGE_NODES];
    uint64_t tokens[STAGE_NODES];
    for (uint32_t i = 0; i < STAGE_NODES; i++) {
        tokens[i] = i * (UINT64_MAX / STAGE_NODES);
        nodes[i] = (struct topology_node_spec){
            .host_id = {.bytes = {(uint8_t)(i + 1)}},
            .name = slice_of_text(names[i]),
            .address = slice_of_text("127.0.0.1"),
            .port = 7411 + i,
            .datacenter = slice_of_text("dc1"),
            .rack = slice_of_text("r1"),
            .tokens = &tokens[i],
            .token_count = 1,
        };
    }
    struct topology_factor_spec factor = {.datacenter = slice_of_text("dc1"), .factor = 3};
    struct topology_spec spec = {
        .cluster_name = slice_of_text("golden"),
        .version = 1,
        .nodes = nodes,
        .node_count = STAGE_NODES,
        .keyspace = {.name = slice_of_text("chat"),
                     .factors = &factor,
                     .factor_count = 1,
                     .read_consistency = CONSISTENCY_QUORUM,
                     .write_consistency = CONSISTENCY_QUORUM},
    };
    enum columba_error error = topology_create(memory_system(), &spec, &stage->topology, NULL);
    COLUMBA_ASSERT(error == COLUMBA_OK);
}

static void core_begin(struct stage *stage, uint16_t node)
{
    struct player *player = &stage->players[node];
    struct core_config config;
    core_config_defaults(&config);
    config.self = node;
    config.start_count = ++player->start_count;
    enum columba_error error = id_bound_get(player->engine, memory_system(), &config.ids_bound_ms);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    config.seed = node;
    config.fanout_members_max = stage->group_max;
    player->core = core_create(memory_system(), &config, stage->topology);
    COLUMBA_ASSERT(player->core != NULL);
}

static void player_init(struct stage *stage, uint16_t node)
{
    struct player *player = &stage->players[node];
    player->engine = engine_memory_open(memory_system());
    COLUMBA_ASSERT(player->engine != NULL);
    core_begin(stage, node);
    player->batch = player->engine->table->batch_create(player->engine);
    COLUMBA_ASSERT(player->batch != NULL);
    list_init(&player->deliveries);
    list_init(&player->held);
}

static void player_start(struct stage *stage, uint16_t node)
{
    struct player *player = &stage->players[node];
    core_now(player->core, 1 + stage->now_ms, stage_unix_ms(stage));
    core_step(player->core, &(struct event){.type = EVENT_STARTED});
    drain(stage, node);
    for (uint16_t peer = 0; peer < STAGE_NODES; peer++) {
        if (peer != node) {
            struct event event = {.type = EVENT_PEER};
            event.peer.node = peer;
            event.peer.alive = !stage->players[peer].is_dead;
            event.peer.connected = !stage->players[peer].is_dead;
            core_step(player->core, &event);
            drain(stage, node);
        }
    }
}

static void deliveries_drop(struct list *deliveries)
{
    list_for_each_safe(link, deliveries)
    {
        list_remove(link);
        free(container_of(link, struct delivery, node));
    }
}

void stage_node_restarts(struct stage *stage, uint16_t node)
{
    struct player *player = &stage->players[node];
    core_destroy(player->core);
    player->engine->table->batch_clear(player->batch);
    deliveries_drop(&player->deliveries);
    deliveries_drop(&player->held);
    player->is_dead = player->is_held = player->commits_fail = false;
    core_begin(stage, node);
    player_start(stage, node);
    play(stage);
}

struct stage *stage_create(FILE *out, uint32_t group_max)
{
    struct stage *stage = calloc(1, sizeof *stage);
    COLUMBA_ASSERT(stage != NULL);
    stage->out = out;
    stage->group_max = group_max;
    make_topology(stage);
    for (uint16_t node = 0; node < STAGE_NODES; node++) {
        player_init(stage, node);
    }
    /* Starting is the same in every scene, and shown in none. */
    stage->out = fopen("/dev/null", "w");
    COLUMBA_ASSERT(stage->out != NULL);
    for (uint16_t node = 0; node < STAGE_NODES; node++) {
        player_start(stage, node);
    }
    play(stage);
    fclose(stage->out);
    stage->out = out;
    return stage;
}

void stage_destroy(struct stage *stage)
{
    for (uint16_t node = 0; node < STAGE_NODES; node++) {
        struct player *player = &stage->players[node];
        core_destroy(player->core);
        player->engine->table->batch_destroy(player->batch);
        player->engine->table->close(player->engine);
        deliveries_drop(&player->deliveries);
        deliveries_drop(&player->held);
    }
    topology_destroy(stage->topology);
    free(stage);
}
