#include "node/core/coordinator/read.h"

#include <xxhash.h>

#include "base/assert.h"
#include "node/core/coordinator/peer_answer.h"
#include "node/core/coordinator/read_merge.h"
#include "node/core/coordinator/write.h"
#include "node/core/machine/sm.h"
#include "node/core/state.h"

static const uint16_t moves[] = {[READ_ASKING] = SM_TO(READ_ASKING_IN_FULL) | SM_TO(READ_DONE),
                                 [READ_ASKING_IN_FULL] = SM_TO(READ_REPAIRING) | SM_TO(READ_DONE),
                                 [READ_REPAIRING] = SM_TO(READ_REPAIRING) |
                                                    SM_TO(READ_ASKING_IN_FULL) | SM_TO(READ_DONE),
                                 [READ_DONE] = 0};

static uint16_t bit_of(unsigned position)
{
    return (uint16_t)(1u << position);
}

static void read_end(struct core *core, struct op *op, enum columba_error error, uint16_t received)
{
    struct coordinated_read *read = op->read;
    sm_move(&read->state, moves, READ_DONE);
    op_deadline_clear(op);
    list_remove(&read->awaiting);
    op_phase_next(op);
    op->status = (struct message_status){.error = error,
                                         .needed = read->plan.needed,
                                         .received = (unsigned)__builtin_popcount(received)};
    if (error == ERR_TIMEOUT) {
        core->counters.timeouts++;
    }
    read->done(core, op);
}

static void read_fail(struct core *core, struct op *op, enum columba_error error)
{
    const struct coordinated_read *read = op->read;
    read_end(core, op, error, read->state == READ_REPAIRING ? read->current : read->answered);
}

static void read_timed_out(struct core *core, struct op *op)
{
    read_fail(core, op, ERR_TIMEOUT);
}

/* Whole rows or a digest from one replica. */
static void read_ask(struct core *core, struct op *op, unsigned position, bool digest)
{
    struct coordinated_read *read = op->read;
    read->asked |= bit_of(position);
    read->awaited |= bit_of(position);
    read->digests &= (uint16_t)~bit_of(position);
    struct message *message = effects_message(&core->effects, MESSAGE_READ);
    if (message == NULL) {
        return;
    }
    message->read = read->query;
    if (digest) {
        message->read.flags |= READ_DIGEST;
        read->digests |= bit_of(position);
    }
    mail_ask(core, partition_node(&core->cluster, &read->partition, position), op_reference(op),
             message);
}

/* A silent replica is raced a little later. */
static void read_watch(struct core *core, struct coordinated_read *read)
{
    list_remove(&read->awaiting);
    read->speculate_at_ms = core->now_ms + core->config.speculative_read_ms;
    list_append(&core->speculation, &read->awaiting);
}

/* This node first, then those that can be reached now, in turn. */
static unsigned read_preference(const struct core *core, const struct op *op,
                                uint8_t *out_preference)
{
    const struct partition *partition = &op->read->partition;
    const struct cluster *cluster = &core->cluster;
    unsigned replicas = partition->replicas->count;
    unsigned count = 0;
    int self = partition_position(cluster, partition, cluster->self);
    if (self >= 0) {
        out_preference[count++] = (uint8_t)self;
    }
    for (int connected = 1; connected >= 0; connected--) {
        for (unsigned i = 0; i < replicas; i++) {
            unsigned position = (i + op->index) % replicas;
            uint16_t node = partition_node(cluster, partition, position);
            bool is_up = cluster->peers[node].state == PEER_UP;
            if ((int)position != self && is_up == (connected == 1)) {
                out_preference[count++] = (uint8_t)position;
            }
        }
    }
    return count;
}

static void read_begin_asking(struct core *core, struct op *op, uint16_t alive)
{
    uint8_t preference[REPLICAS_MAX];
    struct coordinated_read *read = op->read;
    unsigned count = read_preference(core, op, preference);
    uint16_t chosen = consistency_choose(&read->plan, alive, preference, count);
    op_deadline_set(core, op, DEADLINE_READ, read_timed_out);
    read_watch(core, read);
    bool digest = false;
    for (unsigned i = 0; i < count; i++) {
        if ((chosen & bit_of(preference[i])) != 0) {
            read_ask(core, op, preference[i], digest);
            digest = true;
        }
    }
}

/* One more replica, for its whole rows. False: there is none left. */
static bool read_ask_another(struct core *core, struct op *op)
{
    struct coordinated_read *read = op->read;
    uint16_t candidates = partition_alive(&core->cluster, &read->partition);
    candidates &= (uint16_t)~read->asked;
    if (candidates == 0) {
        return false;
    }
    core->counters.speculative_reads++;
    read_ask(core, op, (unsigned)__builtin_ctz(candidates), false);
    return true;
}

void read_speculate(struct core *core)
{
#ifdef COLUMBA_BUG_no_speculation
    return;
#endif
    while (!list_is_empty(&core->speculation)) {
        struct coordinated_read *read =
            container_of(core->speculation.next, struct coordinated_read, awaiting);
        if (read->speculate_at_ms > core->now_ms) {
            return;
        }
        list_remove(&read->awaiting);
        if (read_ask_another(core, read->op)) {
            read_watch(core, read);
        }
    }
}

uint64_t read_next_due_ms(const struct core *core)
{
    if (list_is_empty(&core->speculation)) {
        return UINT64_MAX;
    }
    return container_of(core->speculation.next, struct coordinated_read, awaiting)->speculate_at_ms;
}

static void digest_of(struct slice packed, uint64_t key, uint8_t out_digest[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(packed.data, packed.size, key));
    memcpy(out_digest, canonical.digest, 16);
}

static void answer_take(struct coordinated_read *read, unsigned position,
                        const struct message_rows *rows)
{
    struct read_answer *answer = &read->answers[position];
    *answer = (struct read_answer){.present = true,
                                   .is_digest = (read->digests & bit_of(position)) != 0,
                                   .more = rows->more,
                                   .row_count = rows->row_count,
                                   .packed = rows->packed};
    if (answer->is_digest) {
        memcpy(answer->digest, rows->digest.data, sizeof(answer->digest));
    }
    read->answered |= bit_of(position);
}

/* The answer with whole rows that the others are held against. */
static const struct read_answer *answer_with_rows(const struct coordinated_read *read)
{
    for (unsigned i = 0; i < read->partition.replicas->count; i++) {
        const struct read_answer *answer = &read->answers[i];
        if (answer->present && !answer->is_digest) {
            return answer;
        }
    }
    return NULL;
}

static bool answer_agrees(const struct read_answer *answer, const struct read_answer *reference,
                          const uint8_t digest[16])
{
#ifndef COLUMBA_BUG_digest_without_more
    if (answer->more != reference->more) {
        return false; /* the same rows, but one replica has others behind them */
    }
#endif
    if (answer->is_digest) {
        return memcmp(answer->digest, digest, sizeof(answer->digest)) == 0;
    }
    return slice_equal(answer->packed, reference->packed);
}

static bool answers_agree(const struct coordinated_read *read, const struct read_answer *reference)
{
    uint8_t digest[16];
    bool is_hashed = false;
    for (unsigned i = 0; i < read->partition.replicas->count; i++) {
        const struct read_answer *answer = &read->answers[i];
        if (!answer->present || answer == reference) {
            continue;
        }
        if (answer->is_digest && !is_hashed) {
            digest_of(reference->packed, read->query.digest_key, digest);
            is_hashed = true;
        }
        if (!answer_agrees(answer, reference, digest)) {
            return false;
        }
    }
    return true;
}

/* Second round: whole rows from everybody who answered with a digest. False: those who answered
 * with whole rows are enough, and nobody needs to be waited for. */
static bool read_in_full(struct core *core, struct op *op)
{
    struct coordinated_read *read = op->read;
    core->counters.digest_mismatches++;
    sm_move(&read->state, moves, READ_ASKING_IN_FULL);
    op_phase_next(op);
    uint16_t digests = 0;
    for (unsigned i = 0; i < read->partition.replicas->count; i++) {
        if (read->answers[i].present && read->answers[i].is_digest) {
            read->answers[i].present = false;
            digests |= bit_of(i);
        }
    }
    read->answered &= (uint16_t)~digests;
    read->asked = read->answered;
    read->awaited = 0;
#ifndef COLUMBA_BUG_enough_is_not_enough
    if (consistency_is_met(&read->plan, read->answered)) {
        return false;
    }
#endif
    read_watch(core, read);
    for (unsigned i = 0; i < read->partition.replicas->count; i++) {
        if ((digests & bit_of(i)) != 0) {
            read_ask(core, op, i, false);
        }
    }
    return true;
}

static void read_repaired_enough(struct core *core, struct op *op)
{
    if (consistency_is_met(&op->read->plan, op->read->current)) {
        read_end(core, op, COLUMBA_OK, op->read->current);
    }
}

static void repair_send(struct core *core, struct op *op, unsigned position, struct slice packed)
{
    struct coordinated_read *read = op->read;
    read->repaired |= bit_of(position);
    read->awaited |= bit_of(position);
    struct message *message = write_message(
        core, &read->partition, &(struct message_write){.packed = packed, .is_repair = true});
    mail_ask(core, partition_node(&core->cluster, &read->partition, position), op_reference(op),
             message);
}

static void read_merge_answers(struct core *core, struct op *op);

/* Somebody goes on sending bodies, or a replica takes none. */
static void read_give_up(struct core *core, struct op *op)
{
    struct coordinated_read *read = op->read;
    if (!read->ballots || !read->shows_undecided) {
        read_fail(core, op, ERR_UNAVAILABLE);
        return;
    }
    read->is_last_round = true;
    read_merge_answers(core, op);
}

/* Whole rows from everybody, anew: somebody has voted meanwhile. */
static void read_again(struct core *core, struct op *op)
{
    struct coordinated_read *read = op->read;
    if (++read->rounds > READ_ROUNDS_MAX) {
        read_give_up(core, op);
        return;
    }
    sm_move(&read->state, moves, READ_ASKING_IN_FULL);
    op_phase_next(op);
    uint16_t alive = partition_alive(&core->cluster, &read->partition);
    read->asked = read->awaited = read->answered = read->failed = 0;
    read->repaired = read->current = 0;
    read->ballots = false;
    read_watch(core, read);
    for (unsigned i = 0; i < read->partition.replicas->count; i++) {
        read->answers[i].present = false;
        if ((alive & bit_of(i)) != 0) {
            read_ask(core, op, i, false);
        }
    }
}

/* Bodies of one id differ, and the answers do not tell which one a quorum holds. True: answers are
 * under way that may; false: nobody who can be reached could say more. */
static bool read_decides(struct core *core, struct op *op, const struct read_merged *merged)
{
    struct coordinated_read *read = op->read;
    COLUMBA_ASSERT(merged->undecided > 0);
    if (read->is_last_round) {
        return false;
    }
    bool asked_more = false;
    while (read_ask_another(core, op)) {
        asked_more = true;
    }
    if (asked_more || (read->awaited & (uint16_t)~read->repaired) != 0) {
        return true; /* who has not answered may decide it */
    }
    sm_move(&read->state, moves, READ_REPAIRING);
    op_phase_next(op);
    read->current = read->repaired = read->awaited = 0;
    read->ballots = true;
    for (unsigned i = 0; i < read->partition.replicas->count; i++) {
        if (merged->ballots[i].size > 0) {
            repair_send(core, op, i, merged->ballots[i]);
        }
    }
    return read->awaited != 0;
}

/* Also again, when one more replica has answered meanwhile: what it lacks or has is seen to. One
 * whose answer was under way may be asked anew. */
static void read_repair(struct core *core, struct op *op, const struct read_merged *merged)
{
    struct coordinated_read *read = op->read;
    sm_move(&read->state, moves, READ_REPAIRING);
    op_phase_next(op);
    read->current = read->repaired = read->awaited = 0;
    read->asked = read->answered | read->failed;
    read->ballots = false;
    read_watch(core, read);
    for (unsigned i = 0; i < read->partition.replicas->count; i++) {
        if (!read->answers[i].present) {
            continue;
        }
        if (merged->repairs[i].size > 0) {
            repair_send(core, op, i, merged->repairs[i]);
        } else {
            read->current |= bit_of(i);
        }
    }
#ifdef COLUMBA_BUG_repair_after_answer
    read->current = read->answered;
#endif
    read_repaired_enough(core, op);
}

static void read_merge_answers(struct core *core, struct op *op)
{
    struct coordinated_read *read = op->read;
    if ((read->query.flags & READ_BY_ACTIVITY) != 0) {
        read->differs = true;
        read_end(core, op, COLUMBA_OK, read->answered);
        return;
    }
    struct read_merged merged;
    unsigned quorum = consistency_quorum(core->cluster.topology);
    enum columba_error error = read_merge(read, quorum, &op->arena, &merged);
    if (error != COLUMBA_OK) {
        read_fail(core, op, error);
        return;
    }
    if (merged.undecided > 0 && read_decides(core, op, &merged)) {
        return;
    }
    if (merged.undecided > 0 && !read->shows_undecided) {
        /* The one that could decide is down. */
        read_end(core, op, ERR_UNAVAILABLE, partition_alive(&core->cluster, &read->partition));
        return;
    }
    core->counters.settled += merged.settled;
    core->counters.read_repairs += merged.repair_rows;
    read->packed = merged.packed;
    read->row_count = merged.row_count;
    read->more = merged.more;
    read_repair(core, op, &merged);
}

static bool read_try_deliver(struct core *core, struct op *op)
{
    struct coordinated_read *read = op->read;
    const struct read_answer *rows = answer_with_rows(read);
    if (rows == NULL || !answers_agree(read, rows)) {
        return false;
    }
    read->packed = rows->packed;
    read->row_count = rows->row_count;
    read->more = rows->more;
    read_end(core, op, COLUMBA_OK, read->answered);
    return true;
}

static void read_disagree(struct core *core, struct op *op)
{
    if (answer_with_rows(op->read) == NULL) {
        return; /* only digests so far: the one asked for whole rows is slow */
    }
    if (op->read->state != READ_ASKING || !read_in_full(core, op)) {
        read_merge_answers(core, op);
    }
}

/* Once all have answered: did somebody vote? */
static void ballots_end(struct core *core, struct op *op)
{
    struct coordinated_read *read = op->read;
    COLUMBA_ASSERT(read->ballots && read->state == READ_REPAIRING);
    if (read->awaited != 0) {
        return;
    }
    if (read->current != 0) {
        read_again(core, op);
    } else {
        read_give_up(core, op);
    }
}

static void replica_failed(struct core *core, struct op *op, unsigned position,
                           enum columba_error error)
{
    struct coordinated_read *read = op->read;
    read->failed |= bit_of(position);
    bool is_repair = (read->repaired & bit_of(position)) != 0;
    if (is_repair && error == ERR_ID_CONFLICT) {
        read_again(core, op); /* it has met another body since */
        return;
    }
    if (is_repair && read->ballots) {
        ballots_end(core, op); /* it takes none now */
        return;
    }
    uint16_t possible =
        (uint16_t)(partition_alive(&core->cluster, &read->partition) & ~read->failed);
    if (!consistency_is_possible(&read->plan, possible, NULL, NULL)) {
        read_fail(core, op, error);
        return;
    }
    if (!read_ask_another(core, op) && read->state == READ_ASKING_IN_FULL && read->awaited == 0 &&
        consistency_is_met(&read->plan, read->answered)) {
        read_merge_answers(core, op); /* nobody else will decide it */
    }
}

/* What has to wait for other answers must not point into this event's bytes. */
static bool answer_keep(struct op *op, unsigned position)
{
    struct read_answer *answer = &op->read->answers[position];
    return answer->is_digest || op_keep(op, answer->packed, &answer->packed);
}

static void rows_answered(struct core *core, struct op *op, unsigned position,
                          const struct message_rows *rows)
{
    struct coordinated_read *read = op->read;
    answer_take(read, position, rows);
    bool is_met = consistency_is_met(&read->plan, read->answered);
    bool is_repairing = read->state == READ_REPAIRING;
    if (is_met && !is_repairing && read_try_deliver(core, op)) {
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

static void read_answered(struct core *core, struct op *op, uint16_t node,
                          const struct message *message)
{
    struct coordinated_read *read = op->read;
    int position = partition_position(&core->cluster, &read->partition, node);
    uint16_t bit = position < 0 ? 0 : bit_of((unsigned)position);
    if ((read->awaited & bit) == 0) {
        return; /* never asked, or it has answered already */
    }
    read->awaited &= (uint16_t)~bit;
    bool is_repair = (read->repaired & bit) != 0;
    struct message_read query = read->query;
    query.flags |= (read->digests & bit) != 0 ? READ_DIGEST : 0;
    enum columba_error error = is_repair
                                   ? peer_written(message).error
                                   : peer_rows_check(message, &query, node == core->config.self);
    if (error != COLUMBA_OK) {
        replica_failed(core, op, (unsigned)position, error);
    } else if (is_repair && read->ballots) {
        read->current |= bit;
        ballots_end(core, op);
    } else if (is_repair) {
        read->current |= bit;
        read_repaired_enough(core, op);
    } else {
        rows_answered(core, op, (unsigned)position, &message->rows);
    }
}

/* Another one for each read, and not to be guessed: else a member could send two bodies of one
 * digest to two replicas, and they would stay apart. */
static uint64_t digest_key(struct core *core)
{
    uint64_t count = ++core->digest_keys;
    return XXH3_64bits_withSeed(&count, sizeof(count), core->config.seed);
}

/* The operation may outlive the slices the query came with. */
static bool read_query_keep(struct core *core, struct op *op, const struct message_read *query)
{
    struct coordinated_read *read = op->read;
    read->query = *query;
    read->query.flags &= ~READ_SHOWS_UNDECIDED;
    read->query.topology_version = core->cluster.topology->version;
    read->query.partition_kind = read->partition.kind;
    read->query.partition = read->partition.id;
    read->query.digest_key = digest_key(core);
    return op_keep(op, query->begin, &read->query.begin) &&
           op_keep(op, query->end, &read->query.end) && op_keep(op, query->keys, &read->query.keys);
}

static bool read_make(struct core *core, struct op *op, const struct partition *partition,
                      const struct message_read *query)
{
    size_t size = sizeof(*op->read) + partition->replicas->count * sizeof(op->read->answers[0]);
    op->read = op_allocate(op, size);
    if (op->read == NULL) {
        return false;
    }
    op->read->op = op;
    op->read->shows_undecided = (query->flags & READ_SHOWS_UNDECIDED) != 0;
    op->read->partition = *partition;
    list_init(&op->read->awaiting);
    return read_query_keep(core, op, query);
}

void read_start(struct core *core, struct op *op, const struct partition *partition,
                const struct message_read *query, enum consistency level, op_next *done)
{
    core->counters.reads++;
    op->status = (struct message_status){.error = COLUMBA_OK};
    if (!read_make(core, op, partition, query)) {
        op->status.error = ERR_NO_MEMORY;
        done(core, op);
        return;
    }
    struct coordinated_read *read = op->read;
    read->done = done;
    op->answered = read_answered;
    consistency_plan_init(&read->plan, core->cluster.topology, partition->replicas, level,
                          cluster_datacenter(&core->cluster));
    uint16_t alive = partition_alive(&core->cluster, partition);
    if (!consistency_is_possible(&read->plan, alive, &op->status.needed, &op->status.received)) {
        core->counters.unavailable++;
        sm_move(&read->state, moves, READ_DONE);
        op->status.error = ERR_UNAVAILABLE;
        done(core, op);
        return;
    }
    read_begin_asking(core, op, alive);
}
