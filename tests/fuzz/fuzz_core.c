/*
 * The core of one node of three, fed by the input: what clients ask, what its peers ask and answer,
 * what becomes of its commits and reads, who is alive, and time. The framing of it all is right, as
 * the shell would refuse anything else; what is in it is not to be trusted.
 *
 * The other nodes are the core itself: what it asks a peer is given back to it as that peer's
 * request, its reply is what the peer would answer, and the input says what is altered in it. So
 * the input gets far with few bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "node/core/core.h"
#include "node/store/engine.h"
#include "proto/codec.h"
#include "proto/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODES 3u
#define SENDS_MAX 16u
#define READS_MAX 16u
#define COMMANDS_MAX 400u
/* Connections of this number on stand for what was asked of peers. */
#define ECHO_BASE 1000u
#define UNIX_MS 1767225600000u

/* What the core asked a peer, and what the peer would answer. */
struct sent {
    uint16_t node; /* NODE_NONE: a free place */
    uint64_t request_id;
    uint8_t *question;
    size_t question_size;
    uint8_t *answer;
    size_t answer_size;
};

struct pending_read {
    uint64_t read_id; /* 0: a free place */
    struct read_query query;
    uint8_t keys[64 * 1024];
};

struct rig {
    struct topology *topology;
    struct core *core;
    struct engine *engine;
    struct engine_batch *batch;
    struct arena arena;
    struct sent sent[SENDS_MAX];
    uint32_t sent_next;
    struct pending_read reads[READS_MAX];
    uint32_t read_next;
    uint64_t now_ms;
    uint64_t request_id;
    bool has_failed;
    const uint8_t *data;
    size_t size;
};

/* The input. At its end everything is 0. */

static uint8_t take_u8(struct rig *rig)
{
    if (rig->size == 0) {
        return 0;
    }
    rig->size--;
    return *rig->data++;
}

static struct slice take_bytes(struct rig *rig, size_t size)
{
    size = size < rig->size ? size : rig->size;
    struct slice bytes = slice_of(rig->data, size);
    rig->data += size;
    rig->size -= size;
    return bytes;
}

static struct slice take_sized(struct rig *rig)
{
    size_t size = take_u8(rig);
    return take_bytes(rig, size | (size_t)(take_u8(rig) & 7) << 8);
}

/* Frames. */

static uint8_t *encode(const struct message *message, size_t *out_size)
{
    struct arena arena;
    struct codec_encoding encoding;
    uint8_t *bytes = NULL;
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    if (codec_prepare(message, &arena, &encoding) == COLUMBA_OK) {
        *out_size = FRAME_HEADER_BYTES + encoding.payload_bytes;
        bytes = malloc(*out_size);
        COLUMBA_ASSERT(bytes != NULL);
        codec_encode(&encoding, 1, 1, bytes);
    }
    arena_clear(&arena);
    return bytes;
}

static bool decode(struct rig *rig, const uint8_t *bytes, size_t size, struct message *out_message)
{
    struct frame frame;
    arena_reset(&rig->arena);
    return frame_header_decode(bytes, &frame) == COLUMBA_OK &&
           codec_decode(frame.type, slice_of(bytes + FRAME_HEADER_BYTES, size - FRAME_HEADER_BYTES),
                        &rig->arena, out_message) == COLUMBA_OK;
}

/* Effects. */

static void sent_forget(struct sent *sent)
{
    free(sent->question);
    free(sent->answer);
    *sent = (struct sent){.node = NODE_NONE};
}

static void carry_send(struct rig *rig, const struct effect *effect)
{
    struct sent *sent = &rig->sent[rig->sent_next++ % SENDS_MAX];
    sent_forget(sent);
    sent->node = effect->send.node;
    sent->request_id = effect->send.request_id;
    sent->question = encode(effect->send.message, &sent->question_size);
}

static void carry_reply(struct rig *rig, const struct effect *effect)
{
    uint64_t connection = effect->reply.connection;
    if (connection < ECHO_BASE) {
        return;
    }
    struct sent *sent = &rig->sent[connection - ECHO_BASE];
    if (sent->node != NODE_NONE && sent->request_id == effect->reply.request_id) {
        free(sent->answer);
        sent->answer = encode(effect->reply.message, &sent->answer_size);
    }
}

static void carry_read(struct rig *rig, const struct effect *effect)
{
    const struct read_query *query = &effect->read.query;
    struct pending_read *read = &rig->reads[rig->read_next++ % READS_MAX];
    if (read_query_bytes(query) > sizeof read->keys) {
        read->read_id = 0;
        return;
    }
    read->read_id = effect->read.read_id;
    read->query = *query;
    read_query_move(&read->query, read->keys);
}

static void drain(struct rig *rig)
{
    const struct engine_table *table = rig->engine->table;
    struct effect effect;
    while (core_effect_next(rig->core, &effect)) {
        switch (effect.type) {
        case EFFECT_REPLY:
            carry_reply(rig, &effect);
            break;
        case EFFECT_SEND:
            carry_send(rig, &effect);
            break;
        case EFFECT_MERGE:
            table->batch_merge(rig->batch, effect.write.key, effect.write.value);
            break;
        case EFFECT_PUT:
            table->batch_put(rig->batch, effect.write.key, effect.write.value);
            break;
        case EFFECT_REMOVE:
            table->batch_remove(rig->batch, effect.write.key);
            break;
        case EFFECT_READ:
            carry_read(rig, &effect);
            break;
        }
    }
}

static void step(struct rig *rig, const struct event *event)
{
    core_step(rig->core, event);
    drain(rig);
}

/* Events. */

static void request(struct rig *rig, uint16_t node, uint64_t connection, uint64_t request_id,
                    const struct message *message)
{
    struct event event = {.type = EVENT_REQUEST};
    event.request.connection = connection;
    event.request.request_id = request_id;
    event.request.node = node;
    event.request.message = message;
    step(rig, &event);
}

static void answer(struct rig *rig, uint16_t node, uint64_t request_id,
                   const struct message *message)
{
    struct event event = {.type = EVENT_ANSWER};
    event.answer.node = node;
    event.answer.request_id = request_id;
    event.answer.message = message;
    step(rig, &event);
}

/* Any message, from a client (0) or another node. */
static void do_request(struct rig *rig)
{
    struct message message;
    uint8_t from = take_u8(rig) % NODES;
    uint8_t type = take_u8(rig);
    struct slice payload = take_sized(rig);
    arena_reset(&rig->arena);
    if (codec_decode(type, payload, &rig->arena, &message) == COLUMBA_OK) {
        request(rig, from == 0 ? NODE_NONE : from, 1, ++rig->request_id, &message);
    }
}

/* What a client asks in earnest. */
static void do_ask(struct rig *rig)
{
    static const struct message_member members[] = {
        {.name = {.data = (const uint8_t *)"alice", .size = 5}},
        {.name = {.data = (const uint8_t *)"bob", .size = 3}}};
    struct id conversation = id_of_name(ID_CONVERSATION, slice_of_text("lunch"));
    struct id alice = id_of_name(ID_USER, slice_of_text("alice"));
    struct content content = {.type = CONTENT_TYPE_TEXT, .sender = slice_of_text("alice")};
    uint8_t bytes[128];
    struct message message = {0};
    uint8_t which = take_u8(rig);
    uint8_t argument = take_u8(rig);
    uint32_t level = argument >> 5;
    switch (which % 6) {
    case 0:
        message.type = MESSAGE_CONVERSATION_CREATE;
        message.conversation_create = (struct message_conversation_create){
            .name = slice_of_text("lunch"), .members = members, .member_count = 2};
        break;
    case 1:
        content.body = slice_of(&argument, 1);
        COLUMBA_ASSERT(content_size(&content) <= sizeof bytes);
        content_encode(&content, bytes);
        message.type = MESSAGE_SEND;
        message.send = (struct message_send){
            .conversation = conversation,
            .message = message_id_make(UNIX_MS + argument % 8u, argument % 8u, &alice),
            .content = slice_of(bytes, content_size(&content)),
            .consistency = level};
        break;
    case 2:
        message.type = MESSAGE_HISTORY_READ;
        message.history_read = (struct message_history_read){
            .conversation = conversation, .limit = argument % 8u, .consistency = level};
        break;
    case 3:
        message.type = MESSAGE_INBOX_READ;
        message.inbox_read = (struct message_inbox_read){.user = alice, .consistency = level};
        break;
    case 4:
        message.type = MESSAGE_MEMBERS_READ;
        message.members_read =
            (struct message_members_read){.conversation = conversation, .consistency = level};
        break;
    default:
        message.type = MESSAGE_MARK_READ;
        message.mark_read = (struct message_mark_read){
            .user = alice,
            .conversation = conversation,
            .up_to = message_id_make(UNIX_MS + argument % 8u, argument % 8u, &alice),
            .consistency = level};
        break;
    }
    request(rig, NODE_NONE, 1, ++rig->request_id, &message);
}

static struct sent *take_sent(struct rig *rig)
{
    struct sent *sent = &rig->sent[take_u8(rig) % SENDS_MAX];
    return sent->node == NODE_NONE || sent->question == NULL ? NULL : sent;
}

/* The peer gets what it was asked, and serves it from the core's own rows. */
static void do_echo(struct rig *rig)
{
    struct message message;
    struct sent *sent = take_sent(rig);
    if (sent != NULL && sent->request_id != 0 &&
        decode(rig, sent->question, sent->question_size, &message)) {
        request(rig, sent->node, ECHO_BASE + (uint64_t)(sent - rig->sent), sent->request_id,
                &message);
    }
}

static void rows_alter(struct rig *rig, struct message_rows *rows)
{
    uint8_t value = take_u8(rig);
    switch (value % 6) {
    case 0:
        rows->row_count += value / 6u;
        break;
    case 1:
        rows->row_count = value / 6u;
        break;
    case 2:
        rows->packed.size = rows->packed.size * value / 256;
        break;
    case 3:
        rows->packed = take_sized(rig);
        break;
    case 4:
        rows->digest = slice_of((const uint8_t *)"0123456789abcdef", value & 8 ? 16 : 0);
        break;
    default:
        rows->more = !rows->more;
        break;
    }
}

/* Its answer arrives, as it is or altered; once or twice, from that peer or from another. */
static void do_answer(struct rig *rig)
{
    struct message message;
    struct sent *sent = take_sent(rig);
    uint8_t how = take_u8(rig);
    if (sent == NULL || sent->answer == NULL ||
        !decode(rig, sent->answer, sent->answer_size, &message)) {
        return;
    }
    if ((how & 1) != 0 && message.type == MESSAGE_ROWS) {
        rows_alter(rig, &message.rows);
    }
    uint16_t node = (how & 2) != 0 ? (uint16_t)(NODES - sent->node) : sent->node;
    uint64_t request_id = sent->request_id + ((how & 4) != 0 ? how >> 5 : 0);
    if ((how & 8) == 0) {
        sent->node = NODE_NONE;
    }
    answer(rig, node, request_id, &message);
}

/* An answer of the input's making to a question that was asked. */
static void do_false_answer(struct rig *rig)
{
    struct message message = {0};
    struct sent *sent = take_sent(rig);
    uint8_t how = take_u8(rig);
    enum columba_error error = (enum columba_error)(how >> 4);
    if (sent == NULL) {
        return;
    }
    switch (how % 4) {
    case 0:
        message.type = MESSAGE_STATUS;
        message.status.error = error;
        break;
    case 1:
        message.type = MESSAGE_WRITTEN;
        message.written.error = error;
        message.written.membership_version = take_u8(rig);
        break;
    case 2:
        message.type = MESSAGE_ROWS;
        message.rows.error = error;
        rows_alter(rig, &message.rows);
        rows_alter(rig, &message.rows);
        break;
    default: {
        uint8_t type = take_u8(rig);
        arena_reset(&rig->arena);
        if (codec_decode(type, take_sized(rig), &rig->arena, &message) != COLUMBA_OK) {
            return;
        }
        break;
    }
    }
    answer(rig, sent->node, sent->request_id, &message);
}

/* A commit fails at most once: then the shell would stop the node. */
static void do_commit(struct rig *rig)
{
    bool fails = take_u8(rig) == 0xff;
    core_turn_end(rig->core);
    drain(rig);
    if (!core_has_writes(rig->core)) {
        return;
    }
    struct event event = {.type = EVENT_COMMITTED};
    event.committed.batch = core_batch_close(rig->core);
    drain(rig);
    rig->has_failed = rig->has_failed || fails;
    enum columba_error error = ERR_IO;
    if (!rig->has_failed) {
        error = rig->engine->table->commit(rig->engine, rig->batch, true);
    }
    rig->engine->table->batch_clear(rig->batch);
    event.committed.error = error;
    step(rig, &event);
}

static void do_read(struct rig *rig)
{
    struct pending_read *read = &rig->reads[take_u8(rig) % READS_MAX];
    bool fails = take_u8(rig) == 0xff;
    if (read->read_id == 0) {
        return;
    }
    uint8_t *buffer = malloc(scan_buffer_bytes(&read->query) + 1);
    COLUMBA_ASSERT(buffer != NULL);
    struct scan_result result = scan_run(rig->engine, &read->query, TIER_ALL, buffer);
    struct event event = {.type = EVENT_READ_DONE};
    event.read_done.read_id = read->read_id;
    event.read_done.error = fails ? ERR_CORRUPT : result.error;
    event.read_done.packed = fails ? slice_of(NULL, 0) : result.packed;
    event.read_done.row_count = fails ? 0 : result.row_count;
    event.read_done.more = !fails && result.more;
    read->read_id = 0;
    step(rig, &event);
    free(buffer);
}

static void do_time(struct rig *rig)
{
    rig->now_ms += 1u + (uint64_t)take_u8(rig) * 20u;
    core_now(rig->core, rig->now_ms, UNIX_MS + rig->now_ms);
    step(rig, &(struct event){.type = EVENT_TICK});
}

static void peer_set(struct rig *rig, uint16_t node, bool alive, bool connected)
{
    struct event event = {.type = EVENT_PEER};
    event.peer.node = node;
    event.peer.alive = alive;
    event.peer.connected = connected;
    step(rig, &event);
}

static void do_peer(struct rig *rig)
{
    uint8_t how = take_u8(rig);
    peer_set(rig, (uint16_t)(1u + how % 2u), (how & 2) != 0, (how & 4) != 0);
}

/* Everything that is due for the core itself: reads, then the commit. */
static void do_settle(struct rig *rig)
{
    for (uint32_t i = 0; i < READS_MAX; i++) {
        if (rig->reads[i].read_id != 0) {
            struct slice rest = slice_of(rig->data, rig->size);
            const uint8_t arguments[] = {(uint8_t)i, 0};
            rig->data = arguments;
            rig->size = sizeof arguments;
            do_read(rig);
            rig->data = rest.data;
            rig->size = rest.size;
        }
    }
    do_commit(rig);
}

static void (*const commands[])(struct rig *rig) = {
    do_ask,          do_settle, do_echo, do_answer, do_request,
    do_false_answer, do_commit, do_read, do_time,   do_peer,
};
#define COMMANDS (sizeof commands / sizeof commands[0])

/* The rig. */

static struct topology *topology_make(void)
{
    static const char *const names[NODES] = {"n1", "n2", "n3"};
    static const char *const addresses[NODES] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    static const uint64_t tokens[NODES] = {1, UINT64_MAX / 3, UINT64_MAX / 3 * 2};
    struct topology_node_spec nodes[NODES];
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[i] = (struct topology_node_spec){
            .host_id = id_of_name(ID_HOST, slice_of_text(names[i])),
            .name = slice_of_text(names[i]),
            .address = slice_of_text(addresses[i]),
            .port = 7411,
            .datacenter = slice_of_text("dc1"),
            .rack = slice_of_text("r1"),
            .tokens = &tokens[i],
            .token_count = 1,
        };
    }
    struct topology_factor_spec factor = {.datacenter = slice_of_text("dc1"), .factor = NODES};
    struct topology_spec spec = {
        .cluster_name = slice_of_text("fuzz"),
        .version = 1,
        .nodes = nodes,
        .node_count = NODES,
        .keyspace = {.name = slice_of_text("chat"),
                     .factors = &factor,
                     .factor_count = 1,
                     .read_consistency = CONSISTENCY_QUORUM,
                     .write_consistency = CONSISTENCY_QUORUM},
    };
    struct topology *topology;
    struct topology_problem problem;
    enum columba_error error = topology_create(memory_system(), &spec, &topology, &problem);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    return topology;
}

static void rig_open(struct rig *rig)
{
    struct core_config config;
    memset(rig, 0, sizeof *rig);
    for (uint32_t i = 0; i < SENDS_MAX; i++) {
        rig->sent[i].node = NODE_NONE;
    }
    arena_init(&rig->arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    rig->topology = topology_make();
    rig->engine = engine_memory_open(memory_system());
    COLUMBA_ASSERT(rig->engine != NULL);
    rig->batch = rig->engine->table->batch_create(rig->engine);
    COLUMBA_ASSERT(rig->batch != NULL);
    core_config_defaults(&config);
    config.self = 0;
    config.start_count = 1;
    config.operations_max = 32;
    config.outbox_entries_max = 64;
    config.log_events_max = 64;
    config.conversations_cached_max = 4;
    rig->now_ms = 1;
    rig->core = core_create(memory_system(), &config, rig->topology);
    COLUMBA_ASSERT(rig->core != NULL);
    core_now(rig->core, rig->now_ms, UNIX_MS);
    step(rig, &(struct event){.type = EVENT_STARTED});
    peer_set(rig, 1, true, true);
    peer_set(rig, 2, true, true);
    do_settle(rig);
}

static void rig_close(struct rig *rig)
{
    core_destroy(rig->core);
    rig->engine->table->batch_destroy(rig->batch);
    rig->engine->table->close(rig->engine);
    topology_destroy(rig->topology);
    for (uint32_t i = 0; i < SENDS_MAX; i++) {
        sent_forget(&rig->sent[i]);
    }
    arena_clear(&rig->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rig rig;
    rig_open(&rig);
    rig.data = data;
    rig.size = size;
    for (uint32_t i = 0; i < COMMANDS_MAX && rig.size > 0; i++) {
        commands[take_u8(&rig) % COMMANDS](&rig);
    }
    rig_close(&rig);
    return 0;
}
