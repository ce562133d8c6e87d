#include "node/core/coordinator/write.h"

#include "base/assert.h"
#include "node/core/coordinator/peer_answer.h"
#include "node/core/state.h"

static void write_finish(struct core *core, struct op *op, enum columba_error error)
{
    const struct coordinated_write *write = op->write;
    COLUMBA_ASSERT(error != COLUMBA_OK || consistency_is_met(&write->plan, write->acked));
    op_deadline_clear(op);
    op_phase_next(op);
    op->status = (struct message_status){
        .error = error,
        .needed = write->plan.needed,
        .received = (uint32_t)__builtin_popcount(write->acked),
        .outcome_unknown = error == ERR_TIMEOUT || error == ERR_OUTCOME_UNKNOWN ||
                           (error == ERR_ID_CONFLICT &&
                            (write->acked != 0 || write->may_be_applied || write->awaited != 0)),
    };
    if (error == ERR_TIMEOUT) {
        core->counters.timeouts++;
    }
    write->done(core, op);
}

static void write_timed_out(struct core *core, struct op *op)
{
    write_finish(core, op, ERR_TIMEOUT);
}

/* The level cannot be met any more. */
static void write_fail(struct core *core, struct op *op)
{
    const struct coordinated_write *write = op->write;
    uint16_t all = partition_all(&write->partition);
    if (!consistency_is_possible(&write->plan, (uint16_t)(all & ~write->conflicts), NULL, NULL)) {
        write_finish(core, op, ERR_ID_CONFLICT);
        return;
    }
    bool all_refused = write->acked == 0 && (write->failed & all) == all && !write->may_be_applied;
    write_finish(core, op, all_refused ? write->replica_error : ERR_OUTCOME_UNKNOWN);
}

static void write_refused(struct core *core, struct op *op, uint16_t bit, enum columba_error error)
{
    struct coordinated_write *write = op->write;
    write->failed |= bit;
    write->conflicts |= error == ERR_ID_CONFLICT ? bit : 0;
    write->replica_error = error;
    write->may_be_applied = write->may_be_applied || error == ERR_OUTCOME_UNKNOWN ||
                            error == ERR_BAD_ANSWER || error == ERR_DISCONNECTED;
    if (!consistency_is_possible(&write->plan, (uint16_t)~write->failed, NULL, NULL)) {
        write_fail(core, op);
    }
}

static void write_answered(struct core *core, struct op *op, uint16_t node,
                           const struct message *message)
{
    struct coordinated_write *write = op->write;
    int position = partition_position(&core->cluster, &write->partition, node);
    uint16_t bit = (uint16_t)(position < 0 ? 0u : 1u << position);
    if ((write->awaited & bit) == 0) {
        return; /* never asked, or it has answered already */
    }
    COLUMBA_ASSERT(((write->acked | write->failed) & bit) == 0);
    write->awaited &= (uint16_t)~bit;
    struct message_written written = peer_written(message);
    if (written.error != COLUMBA_OK) {
        write_refused(core, op, bit, written.error);
        return;
    }
    write->acked |= bit;
    if (written.membership_version > write->membership_version) {
        write->membership_version = written.membership_version;
    }
    if (consistency_is_met(&write->plan, write->acked)) {
        write_finish(core, op, COLUMBA_OK);
    }
}

struct message *write_message(struct core *core, const struct partition *partition,
                              const struct message_write *write)
{
    struct message *message = effects_message(&core->effects, MESSAGE_WRITE);
    if (message != NULL) {
        message->write = *write;
        message->write.topology_version = core->cluster.topology->version;
        message->write.partition_kind = partition->kind;
        message->write.partition = partition->id;
    }
    return message;
}

static void write_ask(struct core *core, struct op *op, const struct message *message,
                      uint16_t alive)
{
    struct coordinated_write *write = op->write;
    write->awaited = alive;
    write->failed = (uint16_t)~alive;
    op->answered = write_answered;
    op_deadline_set(core, op, DEADLINE_WRITE, write_timed_out);
    for (unsigned i = 0; i < write->partition.replicas->count; i++) {
        if ((alive & 1u << i) != 0) {
            mail_ask(core, partition_node(&core->cluster, &write->partition, i), op_reference(op),
                     message);
        }
    }
}

static void fail_at_once(struct core *core, struct op *op, enum columba_error error, op_next *done)
{
    op_phase_next(op);
    op->status.error = error;
    if (error == ERR_UNAVAILABLE) {
        core->counters.unavailable++;
    }
    done(core, op);
}

void write_start(struct core *core, struct op *op, const struct partition *partition,
                 const struct message_write *content, enum consistency level, op_next *done)
{
    core->counters.writes++;
    op->status = (struct message_status){.error = COLUMBA_OK};
    struct coordinated_write *write = op_allocate(op, sizeof(*write));
    struct message *message = write_message(core, partition, content);
    if (write == NULL || message == NULL) {
        fail_at_once(core, op, ERR_NO_MEMORY, done);
        return;
    }
    op->write = write;
    write->partition = *partition;
    write->done = done;
    consistency_plan_init(&write->plan, core->cluster.topology, partition->replicas, level,
                          cluster_datacenter(&core->cluster));
    uint16_t alive = partition_alive(&core->cluster, partition);
    if (!consistency_is_possible(&write->plan, alive, &op->status.needed, &op->status.received)) {
        fail_at_once(core, op, ERR_UNAVAILABLE, done);
        return;
    }
    write_ask(core, op, message, alive);
}

/* Fewer replicas than a quorum may all be behind: then the members are read anew. */
uint64_t write_membership_version(const struct core *core, const struct op *op)
{
    unsigned acked = (unsigned)__builtin_popcount(op->write->acked);
    bool is_quorum = acked >= consistency_quorum(core->cluster.topology);
#ifdef COLUMBA_BUG_weak_send_trusts_version
    is_quorum = true;
#endif
    return is_quorum ? op->write->membership_version : MEMBERSHIP_VERSION_UNREAD;
}
