#include "node/shell/turn.h"

#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "node/shell/node.h"

/* ---- effects ---- */

/* False: no memory. The array only grows: to the most that one step of the core asked for. */
static bool outcome_push(struct turn *turn, struct turn_outcome outcome)
{
    if (turn->outcome_count == turn->outcome_capacity) {
        unsigned capacity = turn->outcome_capacity * 2 + TURN_OUTCOMES_FIRST;
        struct turn_outcome *outcomes = realloc(turn->outcomes, capacity * sizeof *outcomes);
        if (outcomes == NULL) {
            return false;
        }
        turn->outcomes = outcomes;
        turn->outcome_capacity = capacity;
    }
    turn->outcomes[turn->outcome_count++] = outcome;
    return true;
}

static bool outcome_pop(struct turn *turn, struct turn_outcome *out_outcome)
{
    if (turn->outcome_taken == turn->outcome_count) {
        turn->outcome_taken = turn->outcome_count = 0;
        return false;
    }
    *out_outcome = turn->outcomes[turn->outcome_taken++];
    return true;
}

/* True: the result is there (or the read has failed for good). */
static bool read_from_memory(struct node *node, uint64_t read_id, const struct read_query *query)
{
    struct turn *turn = &node->turn;
    size_t needed = scan_buffer_bytes(query);
    if (turn->scratch_used + needed > TURN_SCRATCH_BYTES) {
        return false;
    }
    uint8_t *buffer = turn->scratch + turn->scratch_used;
    struct scan_result scan = scan_run(node->engine, query, TIER_MEMORY, buffer);
    if (scan.error == ERR_OVERLOADED) {
        return false;
    }
    struct turn_outcome outcome = {.type = OUTCOME_READ, .id = read_id, .scan = scan};
    if (!outcome_push(turn, outcome)) {
        return false;
    }
    turn->scratch_used += (scan.packed.size + 15u) & ~(size_t)15u;
    node->counters.reads_memory++;
    return true;
}

static void effect_read(struct node *node, uint64_t read_id, const struct read_query *query)
{
    if (read_from_memory(node, read_id, query)) {
        return;
    }
    enum columba_error error = ERR_OVERLOADED;
    if (intake_read_take(&node->intake)) {
        error = readers_submit(&node->readers, read_id, query);
        if (error == COLUMBA_OK) {
            node->counters.reads_disk++;
            return;
        }
        intake_read_give_back(&node->intake);
    }
    node->counters.reads_refused++;
    struct turn_outcome outcome = {.type = OUTCOME_READ, .id = read_id, .scan = {.error = error}};
    if (!outcome_push(&node->turn, outcome)) {
        log_error(node->log, "read_lost", "a read was given up: out of memory");
    }
}

static void effect_write(struct node *node, const struct effect *effect)
{
    const struct engine_table *table = node->engine->table;
    struct engine_batch *batch = committer_filling(&node->committer);
    intake_write(&node->intake, effect->write.key.size + effect->write.value.size);
    if (effect->type == EFFECT_MERGE) {
        table->batch_merge(batch, effect->write.key, effect->write.value);
    } else if (effect->type == EFFECT_PUT) {
        table->batch_put(batch, effect->write.key, effect->write.value);
    } else {
        table->batch_remove(batch, effect->write.key);
    }
}

/* Without memory to tell it the core waits for its timeout. */
static void effect_send(struct node *node, const struct effect *effect)
{
    struct turn_outcome outcome = {
        .type = OUTCOME_UNSENT,
        .id = effect->send.request_id,
        .node = effect->send.node,
        .error = node->turn.table->send(node, effect->send.node, effect->send.request_id,
                                        effect->send.message),
    };
    bool is_asked = outcome.id != 0;
    if (outcome.error != COLUMBA_OK && is_asked) {
        outcome_push(&node->turn, outcome);
    }
}

static void effect_run(struct node *node, const struct effect *effect)
{
    switch (effect->type) {
    case EFFECT_REPLY:
        node->turn.table->reply(node, effect->reply.request_id, effect->reply.message);
        return;
    case EFFECT_SEND:
        effect_send(node, effect);
        return;
    case EFFECT_MERGE:
    case EFFECT_PUT:
    case EFFECT_REMOVE:
        effect_write(node, effect);
        return;
    case EFFECT_READ:
        effect_read(node, effect->read.read_id, &effect->read.query);
        return;
    }
}

static void step_read(struct node *node, const struct turn_outcome *outcome)
{
    struct event event = {
        .type = EVENT_READ_DONE,
        .read_done = {.read_id = outcome->id,
                      .error = outcome->scan.error,
                      .packed = outcome->scan.packed,
                      .row_count = outcome->scan.row_count,
                      .more = outcome->scan.more},
    };
    core_step(node->core, &event);
}

/* In the place of the node that never heard the request. */
static void step_unsent(struct node *node, const struct turn_outcome *outcome)
{
    const char *text = outcome->error == ERR_OVERLOADED
                           ? "too much waits to be sent to the node (limits.peer_output_max)"
                           : "the node is not connected";
    struct message status = {
        .type = MESSAGE_STATUS,
        .status = {.error = outcome->error, .text = slice_of_text(text)},
    };
    struct event event = {
        .type = EVENT_ANSWER,
        .answer = {.node = outcome->node, .request_id = outcome->id, .message = &status},
    };
    core_step(node->core, &event);
}

/* Carries out all effects, and gives the core what came of them at once, until nothing is left. */
static void effects_drain(struct node *node)
{
    struct turn *turn = &node->turn;
    struct effect effect;
    struct turn_outcome outcome;
    for (;;) {
        while (core_effect_next(node->core, &effect)) {
            effect_run(node, &effect);
        }
        if (!outcome_pop(turn, &outcome)) {
            break;
        }
        if (outcome.type == OUTCOME_READ) {
            step_read(node, &outcome);
        } else {
            step_unsent(node, &outcome);
        }
    }
    turn->scratch_used = 0;
}

void turn_event(struct node *node, const struct event *event)
{
    core_step(node->core, event);
    effects_drain(node);
}

/* ---- begin and end ---- */

void turn_begin(struct node *node)
{
    struct turn *turn = &node->turn;
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    turn->now_ns = uv_hrtime();
    turn->unix_ms = (uint64_t)wall.tv_sec * 1000u + (uint64_t)wall.tv_nsec / 1000000u;
    turn->has_work = true;
    core_now(node->core, turn->now_ns / 1000000u, turn->unix_ms);
    turn->table->begun(node);
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* Meanwhile work gathers: in the sockets, and at the commit thread. */
static void turn_rest(struct node *node)
{
    struct turn *turn = &node->turn;
    uint64_t now_ns = uv_hrtime();
    if (pace_is_due(&turn->pace, now_ns)) {
        pace_measure(&turn->pace, now_ns,
                     thread_cpu_ns() + committer_cpu_us(&node->committer) * 1000u);
        node->counters.load_permille = turn->pace.load_permille;
    }
    uint64_t wait_ns = pace_wait_ns(&turn->pace, turn->rested_ns, now_ns, PACE_TURN_MAX_NS);
    if (wait_ns != 0 && node->mode == NODE_NORMAL) {
        struct timespec rest = {.tv_sec = 0, .tv_nsec = (long)wait_ns};
        nanosleep(&rest, NULL);
        now_ns = uv_hrtime();
    }
    turn->rested_ns = now_ns;
}

/* Nothing but another turn is wanted: its end hands the batch. */
static void hand_fired(uv_timer_t *timer)
{
    turn_begin(timer->data);
}

/* True: the batch waits for more, and its timer is set. */
static bool batch_waits(struct node *node)
{
    struct turn *turn = &node->turn;
    if (node->mode != NODE_NORMAL || node->intake.batch_bytes >= PACE_BATCH_BYTES) {
        return false;
    }
    uint64_t wait_ns =
        pace_wait_ns(&turn->pace, node->committer.handed_ns, turn->now_ns, PACE_COMMIT_MAX_NS);
    if (wait_ns != 0 && !uv_is_active((uv_handle_t *)&turn->hand)) {
        uv_update_time(&node->loop);
        uv_timer_start(&turn->hand, hand_fired, (wait_ns + 999999u) / 1000000u, 0);
    }
    return wait_ns != 0;
}

static void batch_hand(struct node *node)
{
    struct committer *committer = &node->committer;
    if (!committer->is_started || committer->is_busy || committer->has_failed ||
        !core_has_writes(node->core) || batch_waits(node)) {
        return;
    }
    uv_timer_stop(&node->turn.hand);
    uint64_t number = core_batch_close(node->core);
    effects_drain(node);
    committer_hand(&node->committer, number);
    intake_batch_handed(&node->intake);
}

static void tick_fired(uv_timer_t *timer)
{
    struct node *node = timer->data;
    node->turn.tick_due_ms = UINT64_MAX;
    turn_begin(node);
    turn_event(node, &(struct event){.type = EVENT_TICK});
}

/* A timer that fires too early does no harm: it is set again. */
static void tick_set(struct node *node)
{
    struct turn *turn = &node->turn;
    uint64_t due_ms = core_next_deadline_ms(node->core);
    if (due_ms >= turn->tick_due_ms) {
        return;
    }
    uint64_t now_ms = turn->now_ns / 1000000u;
    turn->tick_due_ms = due_ms;
    uv_update_time(&node->loop);
    uv_timer_start(&turn->tick, tick_fired, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

void turn_end(struct node *node)
{
    if (!node->turn.has_work) {
        return;
    }
    node->counters.turns++;
    node->turn.table->before_end(node);
    do {
        /* Output that left may have made room for input that was kept, and output that failed is
         * news for the core: neither must wait for the next event, which may never come. Each round
         * uses some of it up. */
        node->turn.has_work = false;
        node->turn.table->resume(node);
        core_turn_end(node->core);
        effects_drain(node);
        batch_hand(node);
        stream_flush_all(&node->streams);
    } while (node->turn.has_work || !list_is_empty(&node->connections.resumable));
    tick_set(node);
}

/* ---- what other threads have done ---- */

static void batch_done(struct node *node, uint64_t number, enum columba_error error)
{
    struct committer *committer = &node->committer;
    if (error == COLUMBA_OK) {
        node->counters.commits++;
        node->counters.commit_rows += committer->handed_rows;
        latencies_add(&node->latencies, LATENCY_COMMIT, node->turn.now_ns - committer->handed_ns);
    }
    if (number != 0) {
        turn_event(node, &(struct event){.type = EVENT_COMMITTED,
                                         .committed = {.batch = number, .error = error}});
    }
    if (error != COLUMBA_OK) {
        node->turn.table->commit_failed(node, error);
    }
}

static void committed(uv_async_t *async)
{
    struct node *node = async->data;
    uint64_t number;
    enum columba_error error;
    turn_begin(node);
    if (committer_take_done(&node->committer, &number, &error)) {
        batch_done(node, number, error);
    }
}

static void read_done(uv_async_t *async)
{
    struct node *node = async->data;
    struct read_job *job;
    turn_begin(node);
    while ((job = readers_take_done(&node->readers)) != NULL) {
        intake_read_give_back(&node->intake);
        turn_event(node, &(struct event){
                             .type = EVENT_READ_DONE,
                             .read_done = {.read_id = job->read_id,
                                           .error = job->result.error,
                                           .packed = job->result.packed,
                                           .row_count = job->result.row_count,
                                           .more = job->result.more},
                         });
        read_job_free(job);
    }
}

/* ---- handles ---- */

/* Timers and what was resumed have run: before the loop waits. */
static void before_wait(uv_prepare_t *prepare)
{
    turn_end(prepare->data);
    turn_rest(prepare->data);
}

/* Sockets and threads have been heard. */
static void after_wait(uv_check_t *check)
{
    turn_end(check->data);
}

enum columba_error turn_init(struct node *node, const struct turn_table *table)
{
    struct turn *turn = &node->turn;
    turn->table = table;
    turn->tick_due_ms = UINT64_MAX;
    turn->prepare.data = turn->check.data = turn->tick.data = turn->hand.data = node;
    turn->committed.data = turn->read_done.data = node;
    uv_prepare_init(&node->loop, &turn->prepare);
    uv_check_init(&node->loop, &turn->check);
    uv_timer_init(&node->loop, &turn->tick);
    uv_timer_init(&node->loop, &turn->hand);
    uv_prepare_start(&turn->prepare, before_wait);
    uv_check_start(&turn->check, after_wait);
    turn->scratch = malloc(TURN_SCRATCH_BYTES);
    if (turn->scratch == NULL || uv_async_init(&node->loop, &turn->committed, committed) != 0 ||
        uv_async_init(&node->loop, &turn->read_done, read_done) != 0) {
        return ERR_NO_MEMORY;
    }
    return COLUMBA_OK;
}

void turn_close(struct node *node)
{
    struct turn *turn = &node->turn;
    uv_close((uv_handle_t *)&turn->prepare, NULL);
    uv_close((uv_handle_t *)&turn->check, NULL);
    uv_close((uv_handle_t *)&turn->tick, NULL);
    uv_close((uv_handle_t *)&turn->hand, NULL);
    uv_close((uv_handle_t *)&turn->committed, NULL);
    uv_close((uv_handle_t *)&turn->read_done, NULL);
}

void turn_clear(struct node *node)
{
    free(node->turn.scratch);
    free(node->turn.outcomes);
    node->turn.scratch = NULL;
    node->turn.outcomes = NULL;
}
