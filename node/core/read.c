#include "node/core/read.h"

#include <xxhash.h>

#include "base/assert.h"
#include "node/core/read_merge.h"
#include "node/core/replica_read.h"
#include "node/core/replica_write.h"
#include "node/core/state.h"

static uint16_t bit_of(unsigned position)
{
    return (uint16_t)(1u << position);
}

static void read_end(struct core *core, struct op *op, enum columba_error error, unsigned needed,
                     unsigned received)
{
    op_deadline_clear(op);
    list_remove(&op->read.awaiting);
    op_phase_next(op);
    op->read.repairing = false;
    op->status = (struct message_status){.error = error, .needed = needed, .received = received};
    if (error == ERR_TIMEOUT) {
        core->counters.timeouts++;
    } else if (error == ERR_UNAVAILABLE) {
        core->counters.unavailable++;
    }
    op->read.done(core, op);
}

static void read_fail(struct core *core, struct op *op, enum columba_error error)
{
    uint16_t received = op->read.repairing ? op->read.current : op->read.answered;
    read_end(core, op, error, op->read.plan.needed, (unsigned)__builtin_popcount(received));
}

static void read_timed_out(struct core *core, struct op *op)
{
    read_fail(core, op, ERR_TIMEOUT);
}

/* Whole rows or a digest from one replica. */
static void read_ask(struct core *core, struct op *op, unsigned position, bool digest)
{
    op->read.asked |= bit_of(position);
    uint16_t node = op->read.replicas->node[position];
    struct message *message = effects_message(&core->effects, MESSAGE_READ);
    if (message == NULL) {
        return;
    }
    message->read = op->read.query;
    if (digest) {
        message->read.flags |= READ_DIGEST;
    }
    if (node == core->config.self) {
        replica_read(core, &message->read, &(struct answer_to){.op = op_reference(op)});
        return;
    }
    effects_send(&core->effects, node, op_reference(op), message);
}

/* A silent replica is raced a little later. */
static void read_watch(struct core *core, struct op *op)
{
    list_remove(&op->read.awaiting);
    op->read.speculate_at_ms = core->now_ms + core->config.speculative_read_ms;
    list_append(&core->speculation, &op->read.awaiting);
}

/* This node first, then those that can be reached now, in turn. */
static unsigned read_preference(const struct core *core, const struct op *op,
                                uint8_t *out_preference)
{
    const struct replica_set *replicas = op->read.replicas;
    unsigned count = 0;
    int self = replica_set_position(replicas, core->config.self);
    if (self >= 0) {
        out_preference[count++] = (uint8_t)self;
    }
    for (int connected = 1; connected >= 0; connected--) {
        for (unsigned i = 0; i < replicas->count; i++) {
            unsigned position = (i + op->index) % replicas->count;
            const struct peer_state *peer = &core->peers[replicas->node[position]];
            if ((int)position != self && peer->connected == (connected == 1)) {
                out_preference[count++] = (uint8_t)position;
            }
        }
    }
    return count;
}

static void read_begin_asking(struct core *core, struct op *op, uint16_t alive)
{
    uint8_t preference[REPLICAS_MAX];
    unsigned count = read_preference(core, op, preference);
    uint16_t chosen = consistency_choose(&op->read.plan, alive, preference, count);
    op_deadline_set(core, op, DEADLINE_READ, read_timed_out);
    read_watch(core, op);
    op->read.asked = chosen;
    op_ref reference = op_reference(op);
    bool digest = false;
    for (unsigned i = 0; i < count; i++) {
        if ((chosen & bit_of(preference[i])) == 0) {
            continue;
        }
        read_ask(core, op, preference[i], digest);
        digest = true;
        if (op_find(core, reference) == NULL) {
            return; /* this node's own answer ended it */
        }
    }
}

static void read_answers_clear(struct op *op)
{
    for (unsigned i = 0; i < op->read.replicas->count; i++) {
        op->read.answers[i].present = false;
    }
    op->read.asked = 0;
    op->read.answered = 0;
    op->read.failed = 0;
    op->read.current = 0;
}

/* The operation may outlive the slices the query came with. */
static bool read_query_keep(struct core *core, struct op *op, const struct message_read *query)
{
    op->read.query = *query;
    op->read.query.topology_version = core->topology->version;
    return op_keep(op, query->begin, &op->read.query.begin) &&
           op_keep(op, query->end, &op->read.query.end);
}

void read_start(struct core *core, struct op *op, const struct message_read *query,
                enum consistency level, void (*done)(struct core *core, struct op *op))
{
    core->counters.reads++;
    uint64_t token =
        token_of_partition((enum partition_kind)query->partition_kind, &query->partition);
    op->read.replicas = placement_replicas(core->topology, token);
    op->read.done = done;
    op->read.full = false;
    op->read.repairing = false;
    op->read.packed = slice_of(NULL, 0);
    op->read.row_count = 0;
    op->read.more = false;
    op->read.replica_error = COLUMBA_OK;
    read_answers_clear(op);
    consistency_plan_init(&op->read.plan, core->topology, op->read.replicas, level,
                          core->topology->nodes[core->config.self].datacenter);
    uint16_t alive = replicas_alive(core, op->read.replicas);
    unsigned needed;
    unsigned alive_count;
    if (!consistency_is_possible(&op->read.plan, alive, &needed, &alive_count)) {
        read_end(core, op, ERR_UNAVAILABLE, needed, alive_count);
        return;
    }
    if (!read_query_keep(core, op, query)) {
        read_end(core, op, ERR_NO_MEMORY, 0, 0);
        return;
    }
    read_begin_asking(core, op, alive);
}

/* One more replica, for its whole rows. False: there is none left. */
static bool read_ask_another(struct core *core, struct op *op)
{
    uint16_t candidates = replicas_alive(core, op->read.replicas);
    candidates &= (uint16_t)~op->read.asked;
    for (unsigned i = 0; i < op->read.replicas->count; i++) {
        if ((candidates & bit_of(i)) != 0) {
            core->counters.speculative_reads++;
            read_ask(core, op, i, false);
            return true;
        }
    }
    return false;
}

void read_speculate(struct core *core)
{
    while (!list_is_empty(&core->speculation)) {
        struct op *op = container_of(core->speculation.next, struct op, read.awaiting);
        if (op->read.speculate_at_ms > core->now_ms) {
            return;
        }
        list_remove(&op->read.awaiting);
        op_ref reference = op_reference(op);
        if (read_ask_another(core, op) && op_find(core, reference) != NULL) {
            read_watch(core, op);
        }
    }
}

static void digest_of(struct slice packed, uint8_t out_digest[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(packed.data, packed.size));
    memcpy(out_digest, canonical.digest, 16);
}

static void answer_take(struct op *op, unsigned position, const struct message_rows *rows)
{
    struct read_answer *answer = &op->read.answers[position];
    answer->is_digest = rows->digest.size > 0;
    answer->more = rows->more;
    answer->row_count = rows->row_count;
    answer->packed = rows->packed;
    if (answer->is_digest) {
        memcpy(answer->digest, rows->digest.data, sizeof(answer->digest));
    }
    answer->present = true;
    op->read.answered |= bit_of(position);
}

/* The answer with whole rows that the others are held against. */
static const struct read_answer *answer_with_rows(const struct op *op)
{
    for (unsigned i = 0; i < op->read.replicas->count; i++) {
        const struct read_answer *answer = &op->read.answers[i];
        if (answer->present && !answer->is_digest) {
            return answer;
        }
    }
    return NULL;
}

static bool answers_agree(const struct op *op, const struct read_answer *reference)
{
    uint8_t expected[16];
    bool hashed = false;
    for (unsigned i = 0; i < op->read.replicas->count; i++) {
        const struct read_answer *answer = &op->read.answers[i];
        if (!answer->present || answer == reference) {
            continue;
        }
#ifndef COLUMBA_BUG_digest_without_more
        if (answer->more != reference->more) {
            return false; /* the same rows, but one replica has others behind them */
        }
#endif
        if (!answer->is_digest) {
            if (!slice_equal(answer->packed, reference->packed)) {
                return false;
            }
            continue;
        }
        if (!hashed) {
            digest_of(reference->packed, expected);
            hashed = true;
        }
        if (memcmp(answer->digest, expected, sizeof(expected)) != 0) {
            return false;
        }
    }
    return true;
}

static void read_deliver(struct core *core, struct op *op, const struct read_answer *answer)
{
    op->read.packed = answer->packed;
    op->read.row_count = answer->row_count;
    op->read.more = answer->more;
    read_end(core, op, COLUMBA_OK, op->read.plan.needed,
             (unsigned)__builtin_popcount(op->read.answered));
}

/* Second round: whole rows from everybody who answered with a digest. */
static void read_in_full(struct core *core, struct op *op)
{
    core->counters.digest_mismatches++;
    op->read.full = true;
    op_phase_next(op);
    uint16_t digests = 0;
    for (unsigned i = 0; i < op->read.replicas->count; i++) {
        struct read_answer *answer = &op->read.answers[i];
        if (answer->present && answer->is_digest) {
            answer->present = false;
            digests |= bit_of(i);
        }
    }
    op->read.answered &= (uint16_t)~digests;
    op->read.asked = op->read.answered;
    read_watch(core, op);
    op_ref reference = op_reference(op);
    for (unsigned i = 0; i < op->read.replicas->count; i++) {
        if ((digests & bit_of(i)) != 0) {
            read_ask(core, op, i, false);
            if (op_find(core, reference) == NULL) {
                return;
            }
        }
    }
}

static void read_repaired_enough(struct core *core, struct op *op)
{
    if (consistency_is_met(&op->read.plan, op->read.current)) {
        read_end(core, op, COLUMBA_OK, op->read.plan.needed,
                 (unsigned)__builtin_popcount(op->read.current));
    }
}

static void repair_send(struct core *core, struct op *op, unsigned position, struct slice packed)
{
    uint16_t node = op->read.replicas->node[position];
    struct message *message = effects_message(&core->effects, MESSAGE_WRITE);
    if (message == NULL) {
        return;
    }
    message->write = (struct message_write){.topology_version = core->topology->version,
                                            .partition_kind = op->read.query.partition_kind,
                                            .partition = op->read.query.partition,
                                            .packed = packed};
    if (node == core->config.self) {
        replica_write(core, &message->write, &(struct answer_to){.op = op_reference(op)}, true);
        return;
    }
    effects_send(&core->effects, node, op_reference(op), message);
}

static void read_repair(struct core *core, struct op *op, const struct read_merged *merged)
{
    op->read.repairing = true;
    list_remove(&op->read.awaiting);
    op_phase_next(op);
    op_ref reference = op_reference(op);
    for (unsigned i = 0; i < op->read.replicas->count; i++) {
        const struct read_answer *answer = &op->read.answers[i];
        if (answer->present && merged->repairs[i].size == 0) {
            op->read.current |= bit_of(i);
        }
    }
    for (unsigned i = 0; i < op->read.replicas->count; i++) {
        if (merged->repairs[i].size > 0) {
            repair_send(core, op, i, merged->repairs[i]);
        }
        if (op_find(core, reference) == NULL) {
            return;
        }
    }
#ifdef COLUMBA_BUG_repair_after_answer
    op->read.current = op->read.answered;
#endif
    read_repaired_enough(core, op);
}

static void read_merge_answers(struct core *core, struct op *op)
{
    struct read_merged merged;
    enum columba_error error = read_merge(op, &merged);
    if (error != COLUMBA_OK) {
        read_fail(core, op, error);
        return;
    }
    core->counters.read_repairs += merged.repair_rows;
    op->read.packed = merged.packed;
    op->read.row_count = merged.row_count;
    op->read.more = merged.more;
    read_repair(core, op, &merged);
}

static bool read_try_deliver(struct core *core, struct op *op)
{
    const struct read_answer *rows = answer_with_rows(op);
    if (rows == NULL || !answers_agree(op, rows)) {
        return false;
    }
    read_deliver(core, op, rows);
    return true;
}

static void read_disagree(struct core *core, struct op *op)
{
    if (answer_with_rows(op) == NULL) {
        /* Only digests so far: the one asked for whole rows is slow. */
        return;
    }
    if (!op->read.full) {
        read_in_full(core, op);
        return;
    }
    read_merge_answers(core, op);
}

static void read_answer_failed(struct core *core, struct op *op, unsigned position,
                               enum columba_error error)
{
    op->read.failed |= bit_of(position);
    op->read.replica_error = error;
    uint16_t possible = (uint16_t)(replicas_alive(core, op->read.replicas) & ~op->read.failed);
    if (!consistency_is_possible(&op->read.plan, possible, NULL, NULL)) {
        read_fail(core, op, error);
        return;
    }
    read_ask_another(core, op);
}

/* What has to wait for other answers must not point into this event's bytes. */
static bool answer_keep(struct op *op, unsigned position)
{
    struct read_answer *answer = &op->read.answers[position];
    return answer->is_digest || op_keep(op, answer->packed, &answer->packed);
}

void read_answer_take(struct core *core, struct op *op, uint16_t node,
                      const struct message_rows *rows)
{
    int found = replica_set_position(op->read.replicas, node);
    if (found < 0 || op->read.repairing) {
        return;
    }
    unsigned position = (unsigned)found;
    if (op->read.answers[position].present) {
        return;
    }
    bool is_digest = rows->digest.size > 0;
    if (rows->error != COLUMBA_OK || (is_digest && rows->digest.size != 16)) {
        read_answer_failed(core, op, position,
                           rows->error == COLUMBA_OK ? ERR_MALFORMED : rows->error);
        return;
    }
    answer_take(op, position, rows);
    bool is_met = consistency_is_met(&op->read.plan, op->read.answered);
    if (is_met && read_try_deliver(core, op)) {
        return;
    }
    if (!answer_keep(op, position)) {
        read_fail(core, op, ERR_NO_MEMORY);
        return;
    }
    if (is_met) {
        read_disagree(core, op);
    }
}

void read_repair_answer(struct core *core, struct op *op, uint16_t node, enum columba_error error)
{
    int position = replica_set_position(op->read.replicas, node);
    if (position < 0 || error != COLUMBA_OK) {
        return;
    }
    op->read.current |= bit_of((unsigned)position);
    read_repaired_enough(core, op);
}
