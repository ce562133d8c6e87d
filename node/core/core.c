#include "node/core/core.h"

#include "base/assert.h"
#include "node/core/clock.h"
#include "node/core/conversation.h"
#include "node/core/fanout.h"
#include "node/core/history.h"
#include "node/core/inbox.h"
#include "node/core/log_recovery.h"
#include "node/core/read.h"
#include "node/core/replica_read.h"
#include "node/core/replica_write.h"
#include "node/core/send.h"
#include "node/core/state.h"
#include "node/core/write.h"

/* With nothing due, the core still wants to look this often. */
#define IDLE_TICK_MS 1000u

void core_config_defaults(struct core_config *out_config)
{
    *out_config = (struct core_config){
        .self = NODE_NONE,
        .write_timeout_ms = 2000,
        .read_timeout_ms = 5000,
        .speculative_read_ms = 50,
        .fanout_members_max = FANOUT_MEMBERS_DEFAULT,
        .operations_max = 32768,
        .outbox_entries_max = 1u << 18,
        .log_events_max = 1u << 19,
        .conversations_cached_max = 1u << 16,
        .takeover_delay_ms = 5000,
    };
}

static int core_parts_init(struct core *core)
{
    struct memory *memory = core->memory;
    const struct core_config *config = &core->config;
    effects_init(&core->effects, memory);
    list_init(&core->ops_ended);
    list_init(&core->speculation);
    core->peers = memory_allocate_zero(memory, core->topology->node_count * sizeof(*core->peers));
    bool failed = core->peers == NULL;
    failed = op_table_init(&core->ops, memory, config->operations_max) != 0 || failed;
    failed = waiters_init(&core->waiters, memory) != 0 || failed;
    failed =
        outbox_init(&core->outbox, memory, config->outbox_entries_max, config->start_count) != 0 ||
        failed;
    failed =
        user_log_init(&core->user_log, memory, config->start_count, config->log_events_max) != 0 ||
        failed;
    failed = conversation_cache_init(&core->conversations, memory,
                                     config->conversations_cached_max) != 0 ||
             failed;
    failed = version_cache_init(&core->versions, memory) != 0 || failed;
    return failed ? -1 : 0;
}

struct core *core_create(struct memory *memory, const struct core_config *config,
                         const struct topology *topology)
{
    COLUMBA_ASSERT(config->self < topology->node_count);
    COLUMBA_ASSERT(config->fanout_members_max <= FANOUT_MEMBERS_MAX);
    COLUMBA_ASSERT(config->log_events_max >= LOG_EVENTS_MIN);
    struct core *core = memory_allocate_zero(memory, sizeof(*core));
    if (core == NULL) {
        return NULL;
    }
    core->memory = memory;
    core->config = *config;
    core->topology = topology;
    core->open_batch = 1;
    if (core_parts_init(core) != 0) {
        core_destroy(core);
        return NULL;
    }
    core->peers[config->self] = (struct peer_state){.alive = true, .connected = true};
    return core;
}

void core_destroy(struct core *core)
{
    if (core == NULL) {
        return;
    }
    struct memory *memory = core->memory;
    for (uint16_t i = 0; core->peers != NULL && i < core->topology->node_count; i++) {
        memory_release(memory, core->peers[i].done);
    }
    memory_release(memory, core->peers);
    effects_clear(&core->effects);
    op_table_clear(&core->ops, memory);
    waiters_clear(&core->waiters, memory);
    outbox_clear(&core->outbox, memory);
    user_log_clear(&core->user_log, memory);
    conversation_cache_clear(&core->conversations);
    version_cache_clear(&core->versions, memory);
    memory_release(memory, core);
}

void core_now(struct core *core, uint64_t monotonic_ms, uint64_t unix_ms)
{
    COLUMBA_ASSERT(monotonic_ms >= core->now_ms);
    core->now_ms = monotonic_ms;
    core->unix_ms = unix_ms;
}

/* Helpers that all requests use (state.h, op.h). */

void core_reply_status(struct core *core, uint64_t connection, uint64_t request_id,
                       const struct message_status *status)
{
    if (connection == 0) {
        return;
    }
    struct message *message = effects_message(&core->effects, MESSAGE_STATUS);
    if (message != NULL) {
        message->status = *status;
    }
    effects_reply(&core->effects, connection, request_id, message);
}

void core_refuse(struct core *core, uint64_t connection, uint64_t request_id,
                 enum columba_error error, const char *text)
{
    core->counters.refused++;
    struct message_status status = {.error = error};
    if (text != NULL) {
        status.text = slice_of_text(text);
    }
    core_reply_status(core, connection, request_id, &status);
}

void op_reply(struct core *core, struct op *op, const struct message *message)
{
    if (op->connection != 0) {
        effects_reply(&core->effects, op->connection, op->request_id, message);
        op->connection = 0;
    }
}

void op_reply_status(struct core *core, struct op *op)
{
    core_reply_status(core, op->connection, op->request_id, &op->status);
    op->connection = 0;
}

void op_finish(struct core *core, struct op *op)
{
    op_reply_status(core, op);
    op_end(core, op);
}

void op_refuse(struct core *core, struct op *op, enum columba_error error, const char *text)
{
    core_refuse(core, op->connection, op->request_id, error, text);
    op_end(core, op);
}

uint16_t replicas_alive(const struct core *core, const struct replica_set *set)
{
    uint16_t alive = 0;
    for (unsigned i = 0; i < set->count; i++) {
        if (core->peers[set->node[i]].alive) {
            alive |= (uint16_t)(1u << i);
        }
    }
    return alive;
}

bool core_write(struct core *core, enum effect_type type, struct slice key, struct slice value)
{
    bool written = effects_write(&core->effects, type, key, value);
    core->batch_has_writes = core->batch_has_writes || written;
    return written;
}

/* Events. */

static void ops_recycle(struct core *core)
{
    while (!list_is_empty(&core->ops_ended)) {
        struct op *op = container_of(core->ops_ended.next, struct op, link);
        list_remove(&op->link);
        arena_reset(&op->arena);
        list_prepend(&core->ops.free, &op->link);
    }
}

static void request_from_node(struct core *core, const struct event *event)
{
    const struct message *message = event->request.message;
    struct answer_to to = {.connection = event->request.connection,
                           .request_id = event->request.request_id};
    switch (message->type) {
    case MESSAGE_WRITE:
        replica_write(core, &message->write, &to, false);
        break;
    case MESSAGE_READ:
        replica_read(core, &message->read, &to);
        break;
    case MESSAGE_FANOUT:
        replica_fanout(core, &message->fanout, &to);
        break;
    case MESSAGE_OUTBOX_DONE:
        for (uint32_t i = 0; i < message->outbox_done.entry_count; i++) {
            const struct message_outbox_entry *entry = &message->outbox_done.entries[i];
            outbox_done(core, &entry->conversation, &entry->message);
        }
        break;
    default:
        core_refuse(core, to.connection, to.request_id, ERR_NOT_SUPPORTED, NULL);
        break;
    }
}

static void request_from_client(struct core *core, const struct event *event)
{
    switch (event->request.message->type) {
    case MESSAGE_SEND:
        send_request(core, event);
        break;
    case MESSAGE_HISTORY_READ:
        history_read(core, event);
        break;
    case MESSAGE_INBOX_READ:
        inbox_read(core, event);
        break;
    case MESSAGE_MARK_READ:
        inbox_mark_read(core, event);
        break;
    case MESSAGE_CONVERSATION_CREATE:
        conversation_create(core, event);
        break;
    case MESSAGE_CONVERSATION_GET:
        conversation_get(core, event);
        break;
    case MESSAGE_MEMBERS_READ:
        conversation_members(core, event);
        break;
    case MESSAGE_HISTORY_IMPORT:
        history_import(core, event);
        break;
    case MESSAGE_INBOX_IMPORT:
        inbox_import(core, event);
        break;
    default:
        core_refuse(core, event->request.connection, event->request.request_id, ERR_NOT_SUPPORTED,
                    NULL);
        break;
    }
}

static void event_request(struct core *core, const struct event *event)
{
    if (event->request.node != NODE_NONE) {
        request_from_node(core, event);
    } else if (!clock_refuses(core, event)) {
        request_from_client(core, event);
    }
}

static void event_answer(struct core *core, const struct event *event)
{
    struct op *op = op_find(core, event->answer.request_id);
    uint16_t node = event->answer.node;
    const struct message *message = event->answer.message;
    if (op == NULL) {
        core->counters.late_answers++;
        return;
    }
    switch (message->type) {
    case MESSAGE_WRITTEN:
        if (op->read.done != NULL && op->read.repairing) {
            read_repair_answer(core, op, node, message->written.error);
        } else if (op->write.done != NULL) {
            write_answer(core, op, node, &message->written);
        }
        break;
    case MESSAGE_ROWS:
        if (op->read.done != NULL) {
            read_answer_take(core, op, node, &message->rows);
        }
        break;
    case MESSAGE_STATUS:
        if (op->fanout.unmet > 0) {
            fanout_answer(core, op, node, message->status.error);
        }
        break;
    default:
        core->counters.late_answers++;
        break;
    }
}

static void event_committed(struct core *core, const struct event *event)
{
    struct waiter waiter;
    if (event->committed.error == COLUMBA_OK) {
        core->durable_batch = event->committed.batch;
    } else {
        core->failed = true;
    }
    while (waiters_pop(&core->waiters, event->committed.batch, &waiter)) {
        replica_committed(core, &waiter, event->committed.error);
    }
}

static void event_read_done(struct core *core, const struct event *event)
{
    struct op *op = op_find(core, event->read_done.read_id);
    if (op == NULL || op->read_done == NULL) {
        core->counters.late_answers++;
        return;
    }
    op->read_done(core, op, event);
}

static void event_peer(struct core *core, const struct event *event)
{
    struct peer_state *peer = &core->peers[event->peer.node];
    if (event->peer.node != core->config.self) {
        peer->alive = event->peer.alive;
        peer->connected = event->peer.connected;
    }
}

static void step_begin(struct core *core)
{
    effects_recycle(&core->effects);
    if (core->effects.first == NULL) {
        ops_recycle(core);
    }
}

static void time_run(struct core *core)
{
    op_deadlines_run(core);
    read_speculate(core);
    outbox_tick(core);
    log_recover(core);
}

void core_step(struct core *core, const struct event *event)
{
    step_begin(core);
    clock_follow(core, event);
    switch (event->type) {
    case EVENT_REQUEST:
        event_request(core, event);
        break;
    case EVENT_ANSWER:
        event_answer(core, event);
        break;
    case EVENT_COMMITTED:
        event_committed(core, event);
        break;
    case EVENT_READ_DONE:
        event_read_done(core, event);
        break;
    case EVENT_PEER:
        event_peer(core, event);
        break;
    case EVENT_STARTED:
        outbox_recover(core);
        log_recover(core);
        break;
    case EVENT_CLOCK:
        clock_judged(core, event);
        break;
    case EVENT_TICK:
        time_run(core);
        break;
    }
}

void core_turn_end(struct core *core)
{
    step_begin(core);
    fanout_done_flush(core);
}

bool core_effect_next(struct core *core, struct effect *out_effect)
{
    return effects_next(&core->effects, out_effect);
}

bool core_has_writes(const struct core *core)
{
    return core->batch_has_writes;
}

uint64_t core_batch_close(struct core *core)
{
    step_begin(core);
    outbox_batch_close(core);
    user_log_batch_close(core);
    core->batch_has_writes = false;
    return core->open_batch++;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t core_next_deadline_ms(const struct core *core)
{
    uint64_t due_ms = earlier(core->now_ms + IDLE_TICK_MS, outbox_next_due_ms(&core->outbox));
    for (int class = 0; class < DEADLINE_CLASSES; class ++) {
        const struct list *head = &core->ops.deadlines[class];
        if (!list_is_empty(head)) {
            due_ms = earlier(due_ms, container_of(head->next, struct op, link)->deadline_ms);
        }
    }
    if (!list_is_empty(&core->speculation)) {
        const struct op *op = container_of(core->speculation.next, struct op, read.awaiting);
        due_ms = earlier(due_ms, op->read.speculate_at_ms);
    }
    return due_ms;
}

uint64_t core_clock(struct core *core)
{
    return hlc_next(&core->hlc, core->unix_ms);
}

uint64_t core_in_flight(const struct core *core)
{
    return (uint64_t)core->ops.running + core->waiters.count + (core->batch_has_writes ? 1 : 0);
}

void core_counters_get(const struct core *core, struct core_counters *out_counters)
{
    *out_counters = core->counters;
    out_counters->outbox_entries = core->outbox.count;
    out_counters->log_unfolded = core->user_log.tail.unfolded;
    out_counters->operations = core->ops.running;
    out_counters->effects_dropped += core->effects.dropped;
}
