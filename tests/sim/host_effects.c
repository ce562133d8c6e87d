/* Carrying effects out: answers and requests, writes and their commits, reads. */
#include "tests/sim/host.h"

#include <stdlib.h>

#include "base/assert.h"
#include "tests/sim/lies.h"

#define READ_DELAY_MEAN_US 800u
#define SLOW_DISK_FACTOR 40u
#define READ_FAILS_PERMILLE 200u

/* Chance comes only while faults are on. */
static bool buggify(struct host *host)
{
    const struct world *world = host->world;
    return !world->is_calm && random_chance(&host->random, world->plan.buggify);
}

static bool was_send(const struct host *host, uint64_t connection, uint64_t request_id)
{
    for (uint32_t i = 0; i < HOST_SENDS_REMEMBERED; i++) {
        if (host->sends[i].connection == connection && host->sends[i].request_id == request_id) {
            return true;
        }
    }
    return false;
}

/* A lie in place of the answer, or before it. True: in its place. */
static bool lie(struct host *host, const struct effect *effect)
{
    const struct world *world = host->world;
    if (world->is_calm || !random_chance(&host->random, world->plan.lies) ||
        !host_link_is_of_peer(host, effect->reply.connection)) {
        return false;
    }
    struct message answer = *effect->reply.message;
    arena_reset(&host->lying);
    bool is_lie = lies_alter(&host->random, &answer, &host->lying);
    if (is_lie) {
        trace_note(&host->world->trace, "host %u lies: a %s", host->index,
                   message_type_name(answer.type));
        host_frame_send(host, effect->reply.connection, effect->reply.request_id, &answer);
    }
    return is_lie && random_chance(&host->random, 700);
}

static void carry_reply(struct host *host, const struct effect *effect)
{
    host_intake_answered(host, effect->reply.connection, effect->reply.request_id);
    host_request_answered(host, effect->reply.connection, effect->reply.request_id);
    if (lie(host, effect)) {
        return;
    }
    host_frame_send(host, effect->reply.connection, effect->reply.request_id,
                    effect->reply.message);
    const struct message *message = effect->reply.message;
    if (message->type == MESSAGE_STATUS && message->status.error == COLUMBA_OK &&
        was_send(host, effect->reply.connection, effect->reply.request_id) && buggify(host)) {
        trace_note(&host->world->trace, "host %u: struck after an acknowledgement", host->index);
        host->orphaned++;
        host->is_dying = true;
    }
}

/* The core is told in this turn, in the place of the node that never heard it. */
static void send_failed(struct host *host, const struct effect *effect)
{
    if (effect->send.request_id != 0) {
        struct input *input = host_input(host, INPUT_UNSENT, slice_of(NULL, 0));
        input->number = effect->send.request_id;
        input->from = effect->send.node;
        input->error = ERR_UNAVAILABLE;
    }
}

static void carry_send(struct host *host, const struct effect *effect)
{
    const struct host_link *link = host_link_to_peer(host, effect->send.node);
    if (link == NULL) {
        send_failed(host, effect);
        return;
    }
    host_frame_send(host, link->connection, effect->send.request_id, effect->send.message);
    if (effect->send.message->type == MESSAGE_FANOUT && buggify(host)) {
        trace_note(&host->world->trace, "host %u: struck in the middle of a fan-out", host->index);
        host->is_dying = true;
    }
}

/* Reads. */

struct late_read {
    struct host *host;
    uint64_t life;
    uint64_t read_id;
    struct read_query query;
    uint8_t keys[];
};

static uint32_t read_fails_permille(const struct host *host)
{
    if (world_now_us(host->world) < host->reads_fail_until_us) {
        return READ_FAILS_PERMILLE;
    }
    return host->world->is_calm ? 0 : host->world->plan.reads_fail;
}

static void run_read(struct host *host, uint64_t read_id, const struct read_query *query)
{
    size_t room = scan_buffer_bytes(query);
    uint8_t *buffer = malloc(room == 0 ? 1 : room);
    COLUMBA_ASSERT(buffer != NULL);
    struct scan_result result = scan_run(host->engine, query, TIER_ALL, buffer);
    if (random_chance(&host->random, read_fails_permille(host))) {
        result = (struct scan_result){.error = ERR_CORRUPT};
    }
    struct input *input = host_input(host, INPUT_READ_DONE, result.packed);
    input->number = read_id;
    input->error = result.error;
    input->row_count = result.row_count;
    input->more = result.more;
    free(buffer);
}

static void late_read_due(void *context, uint64_t argument)
{
    (void)argument;
    struct late_read *late = context;
    if (late->life == late->host->life) {
        intake_read_give_back(&late->host->intake);
        run_read(late->host, late->read_id, &late->query);
    }
    free(late);
}

static void read_refuse(struct host *host, uint64_t read_id)
{
    struct input *input = host_input(host, INPUT_READ_DONE, slice_of(NULL, 0));
    input->number = read_id;
    input->error = ERR_OVERLOADED;
}

static void carry_read(struct host *host, const struct effect *effect)
{
    const struct read_query *query = &effect->read.query;
    if (random_chance(&host->random, host->world->plan.inline_reads)) {
        run_read(host, effect->read.read_id, query);
        return;
    }
    if (!intake_read_take(&host->intake)) {
        read_refuse(host, effect->read.read_id);
        return;
    }
    struct late_read *late = malloc(sizeof *late + read_query_bytes(query));
    COLUMBA_ASSERT(late != NULL);
    *late = (struct late_read){
        .host = host, .life = host->life, .read_id = effect->read.read_id, .query = *query};
    read_query_move(&late->query, late->keys);
    schedule_after(&host->world->schedule, random_exponential(&host->random, READ_DELAY_MEAN_US),
                   late_read_due, late, 0);
}

static void carry_out(struct host *host, const struct effect *effect)
{
    const struct engine_table *table = host->engine->table;
    if (effect->type == EFFECT_MERGE || effect->type == EFFECT_PUT ||
        effect->type == EFFECT_REMOVE) {
        intake_write(&host->intake, effect->write.key.size + effect->write.value.size);
    }
    switch (effect->type) {
    case EFFECT_REPLY:
        carry_reply(host, effect);
        break;
    case EFFECT_SEND:
        carry_send(host, effect);
        break;
    case EFFECT_MERGE:
        table->batch_merge(host->gathering, effect->write.key, effect->write.value);
        break;
    case EFFECT_PUT:
        table->batch_put(host->gathering, effect->write.key, effect->write.value);
        break;
    case EFFECT_REMOVE:
        table->batch_remove(host->gathering, effect->write.key);
        break;
    case EFFECT_READ:
        carry_read(host, effect);
        break;
    }
}

void host_effects_drain(struct host *host)
{
    struct effect effect;
    while (core_effect_next(host->core, &effect)) {
        if (!host->is_dying) {
            carry_out(host, &effect);
        }
    }
}

/* Commits: one at a time, in order. */

/* A failed sync: what was written may be on the disk all the same. */
static enum columba_error commit_run(struct host *host)
{
    const struct engine_table *table = host->engine->table;
    bool has_room = world_now_us(host->world) >= host->no_room_until_us;
    if (has_room && (host->fail_commit_in == 0 || --host->fail_commit_in > 0)) {
        return table->commit(host->engine, host->committing, true);
    }
    if (has_room && host->is_failure_durable) {
        table->commit(host->engine, host->committing, true);
    }
    engine_memory_fail_commit(host->engine, 1);
    return ERR_IO;
}

static void commit_done(void *context, uint64_t life)
{
    struct host *host = context;
    if (life != host->life) {
        return;
    }
    enum columba_error error = commit_run(host);
    host->engine->table->batch_clear(host->committing);
    struct input *input = host_input(host, INPUT_COMMITTED, slice_of(NULL, 0));
    input->number = host->committing_batch;
    input->error = error;
    host->committing_batch = 0;
    trace_note(&host->world->trace, "host %u commits batch %llu: %s", host->index,
               (unsigned long long)input->number, error_name(error));
}

void host_commit_start(struct host *host)
{
    if (host->is_dying || host->is_stopping || host->is_refused || host->committing_batch != 0 ||
        !core_has_writes(host->core)) {
        return;
    }
    host->committing_batch = core_batch_close(host->core);
    host_effects_drain(host);
    intake_batch_handed(&host->intake);
    struct engine_batch *gathered = host->gathering;
    host->gathering = host->committing;
    host->committing = gathered;
    uint64_t delay_us = 1 + random_exponential(&host->random, host->world->plan.commit_mean_us);
    if (world_now_us(host->world) < host->slow_disk_until_us) {
        delay_us *= SLOW_DISK_FACTOR;
    }
    schedule_after(&host->world->schedule, delay_us, commit_done, host, host->life);
}

/* What was gathered is lost; of a commit under way the seed decides whether it had reached the
 * disk. */
void host_commit_interrupt(struct host *host)
{
    const struct engine_table *table = host->engine->table;
    uint32_t kept = 0;
    if (host->committing_batch != 0) {
        table->commit(host->engine, host->committing, false);
        kept = (uint32_t)random_below(&host->random, 2);
    }
    engine_memory_crash(host->engine, kept);
    engine_memory_fail_commit(host->engine, 0);
    table->batch_clear(host->gathering);
    table->batch_clear(host->committing);
    host->committing_batch = 0;
}
