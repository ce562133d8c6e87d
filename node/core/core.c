#include "node/core/core.h"

#include "base/assert.h"
#include "node/core/coordinator/fanout.h"
#include "node/core/coordinator/read.h"
#include "node/core/coordinator/sync.h"
#include "node/core/machine/answer.h"
#include "node/core/machine/clock.h"
#include "node/core/machine/sm.h"
#include "node/core/replica/fanout.h"
#include "node/core/replica/log_read.h"
#include "node/core/replica/log_recovery.h"
#include "node/core/replica/read.h"
#include "node/core/replica/write.h"
#include "node/core/request/table.h"
#include "node/core/state.h"
#include "node/core/task/takeover.h"

/* With nothing due, the core still wants to look this often. */
#define IDLE_TICK_MS 1000u

static const uint16_t mode_moves[] = {
    [NODE_SERVING] = SM_TO(NODE_FAILED), [NODE_FAILED] = SM_TO(NODE_FAILED)};

void core_config_defaults(struct core_config *out_config)
{
    *out_config = (struct core_config){
        .self = NODE_NONE,
        .write_timeout_ms = 2000,
        .read_timeout_ms = 5000,
        .speculative_read_ms = 50,
        .fanout_members_max = FANOUT_MEMBERS_DEFAULT,
        .operations_max = 32768,
        .operations_bytes_max = 512u * MIB,
        .outbox_entries_max = 1u << 18,
        .log_events_max = 1u << 19,
        .conversations_cached_max = 1u << 16,
        .sessions_max = 1u << 15,
        .takeover_delay_ms = 5000,
        .recent_messages = RECENT_MESSAGES,
    };
}

/* All are tried, so that all can be cleared. */
static bool core_parts_init(struct core *core, const struct topology *topology)
{
    struct memory *memory = core->memory;
    const struct core_config *config = &core->config;
    effects_init(&core->effects, memory);
    mail_init(&core->mail);
    latches_init(&core->latches);
    list_init(&core->speculation);
    sessions_init(&core->sessions);
    int failed = 0;
    failed |= cluster_view_init(&core->cluster, memory, topology, config->handles, config->self);
    failed |= op_table_init(&core->ops, memory, config);
    failed |= recent_init(&core->recent, memory, config->recent_messages, config->seed,
                          config->ids_bound_ms);
    failed |= batch_init(&core->batch, memory);
    failed |= outbox_init(&core->outbox, memory, config->outbox_entries_max, config->start_count);
    failed |= user_log_init(&core->user_log, memory, config->start_count, config->log_events_max);
    failed |= members_cache_init(&core->members, memory, config->conversations_cached_max);
    failed |= version_cache_init(&core->versions, memory);
    return failed == 0;
}

struct core *core_create(struct memory *memory, const struct core_config *config,
                         const struct topology *topology)
{
    struct core *core = memory_allocate_zero(memory, sizeof(*core));
    if (core == NULL) {
        return NULL;
    }
    core->memory = memory;
    core->config = *config;
    if (!core_parts_init(core, topology)) {
        core_destroy(core);
        return NULL;
    }
    core->config.handles = NULL; /* the caller's */
    return core;
}

void core_destroy(struct core *core)
{
    if (core == NULL) {
        return;
    }
    struct memory *memory = core->memory;
    cluster_view_clear(&core->cluster);
    effects_clear(&core->effects);
    op_table_clear(&core->ops);
    batch_clear(&core->batch);
    recent_clear(&core->recent, memory);
    outbox_clear(&core->outbox, memory);
    user_log_clear(&core->user_log, memory);
    members_cache_clear(&core->members);
    version_cache_clear(&core->versions, memory);
    sessions_clear(&core->sessions, memory);
    memory_release(memory, core);
}

void core_now(struct core *core, uint64_t monotonic_ms, uint64_t unix_ms)
{
    COLUMBA_ASSERT(monotonic_ms >= core->now_ms);
    core->now_ms = monotonic_ms;
    core->unix_ms = unix_ms;
}

/* Events. */

static void request_from_node(struct core *core, const struct message *message,
                              const struct answer_to *to)
{
    switch (message->type) {
    case MESSAGE_WRITE:
        replica_write(core, &message->write, to);
        break;
    case MESSAGE_READ:
        replica_read(core, &message->read, to);
        break;
    case MESSAGE_FANOUT:
        replica_fanout(core, &message->fanout, to);
        break;
    case MESSAGE_OUTBOX_DONE:
        outbox_done_all(core, &message->outbox_done);
        break;
    case MESSAGE_LOG_READ:
        replica_log_read(core, &message->log_read, to);
        break;
    default:
        core_refuse(core, to->connection, to->request_id, ERR_NOT_SUPPORTED, NULL);
        break;
    }
}

static void event_request(struct core *core, const struct event *event)
{
    if (event->request.node == NODE_NONE) {
        if (!clock_refuses(core, event)) {
            request_from_client(core, event);
        }
        return;
    }
    struct answer_to to = {.connection = event->request.connection,
                           .request_id = event->request.request_id};
    request_from_node(core, event->request.message, &to);
}

static void answer_deliver(struct core *core, uint16_t node, op_ref reference,
                           const struct message *message)
{
    struct op *op = op_find(core, reference);
    if (op == NULL || op->answered == NULL) {
        core->counters.late_answers++;
        return;
    }
    op->answered(core, op, node, message);
}

static void event_committed(struct core *core, const struct event *event)
{
    struct waiter waiter;
    enum columba_error error = event->committed.error;
    COLUMBA_ASSERT(event->committed.batch < core->batch.open);
    if (error == COLUMBA_OK) {
        COLUMBA_ASSERT(event->committed.batch > core->batch.durable);
        core->batch.durable = event->committed.batch;
        recent_committed(&core->recent, event->committed.batch);
        sessions_batch_durable(core, event->committed.batch);
    } else {
        sm_move(&core->mode, mode_moves, NODE_FAILED);
    }
    while (batch_waiter_take(&core->batch, event->committed.batch, &waiter)) {
        if (waiter.kind == WAITER_WRITE) {
            replica_write_committed(core, &waiter, error);
            continue;
        }
        struct op *op = op_find(core, waiter.to.op);
        if (op != NULL) {
            op->status = (struct message_status){.error = error};
            op->committed(core, op);
        }
    }
    sync_go_on(core);
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

/* Arenas are emptied when no effect points into them any more. */
static void step_begin(struct core *core)
{
    COLUMBA_ASSERT(core->mail.first == NULL);
    effects_recycle(&core->effects);
    if (core->effects.first == NULL) {
        op_table_recycle(&core->ops);
    }
}

/* Every step ends with the letters it made, and those that they made. */
static void step_end(struct core *core)
{
    struct letter letter;
    if (!list_is_empty(&core->user_log.waiting)) {
        log_recover(core);
    }
    while (mail_take(&core->mail, &letter)) {
        if (letter.is_answer) {
            answer_deliver(core, core->config.self, letter.op, letter.message);
        } else {
            request_from_node(core, letter.message, &(struct answer_to){.op = letter.op});
        }
    }
}

static void time_run(struct core *core)
{
    op_deadlines_run(core);
    read_speculate(core);
    outbox_tick(core);
    takeover_tick(core);
    log_recover(core);
    sync_tick(core);
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
        answer_deliver(core, event->answer.node, event->answer.request_id, event->answer.message);
        break;
    case EVENT_COMMITTED:
        event_committed(core, event);
        break;
    case EVENT_READ_DONE:
        event_read_done(core, event);
        break;
    case EVENT_PEER:
        cluster_peer_set(&core->cluster, event->peer.node, event->peer.alive,
                         event->peer.connected);
        break;
    case EVENT_STARTED:
#ifdef COLUMBA_BUG_horizon_by_clock
        core->recent.horizon_ms = core->unix_ms + REPLICA_CLOCK_AHEAD_MAX_MS;
#endif
        outbox_recover(core);
        log_recover(core);
        break;
    case EVENT_CLOCK:
        clock_judged(core, event);
        break;
    case EVENT_DISK:
        core->disk_is_full = event->disk.is_full;
        break;
    case EVENT_TICK:
        time_run(core);
        break;
    }
    step_end(core);
}

void core_turn_end(struct core *core)
{
    step_begin(core);
    fanout_done_flush(core);
    step_end(core);
}

bool core_effect_next(struct core *core, struct effect *out_effect)
{
    return effects_next(&core->effects, out_effect);
}

bool core_has_writes(const struct core *core)
{
    return core->batch.has_writes;
}

/* Cannot fail: right after the effects were taken. */
static void ids_bound_close(struct core *core)
{
    struct recent *recent = &core->recent;
    if (recent_batch_close(recent, core->batch.open)) {
        struct key_bytes key = id_bound_key();
        bool put = batch_write(core, EFFECT_PUT, key_slice(&key),
                               slice_of(recent->bound_row, sizeof recent->bound_row));
        COLUMBA_ASSERT(put);
    }
}

uint64_t core_batch_close(struct core *core)
{
    step_begin(core);
    outbox_batch_close(core);
    user_log_batch_close(core);
    ids_bound_close(core);
    sessions_batch_closed(core);
    core->batch.has_writes = false;
    return core->batch.open++;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t core_next_deadline_ms(const struct core *core)
{
    uint64_t due_ms = earlier(core->now_ms + IDLE_TICK_MS, outbox_next_due_ms(&core->outbox));
    due_ms = earlier(due_ms, op_table_next_due_ms(&core->ops));
    due_ms = earlier(due_ms, sync_next_due_ms(core));
    return earlier(due_ms, read_next_due_ms(core));
}

uint64_t core_clock(struct core *core)
{
    return hlc_next(&core->hlc, core->unix_ms);
}

uint64_t core_in_flight(const struct core *core)
{
    return (uint64_t)core->ops.running + core->batch.waiters.count +
           (core->batch.has_writes ? 1 : 0);
}

void core_counters_get(const struct core *core, struct core_counters *out_counters)
{
    *out_counters = core->counters;
    out_counters->outbox_entries = core->outbox.count;
    out_counters->log_unfolded = core->user_log.tail.unfolded;
    out_counters->operations = core->ops.running;
    out_counters->sessions = core->sessions.count;
    out_counters->operation_bytes = core->ops.arenas.held_bytes;
    out_counters->effects_dropped += core->effects.dropped;
}
