#include "node/core/write.h"

#include "node/core/replica_write.h"
#include "node/core/state.h"

static void write_finish(struct core *core, struct op *op, enum columba_error error)
{
    op_deadline_clear(op);
    op_phase_next(op);
    op->status = (struct message_status){
        .error = error,
        .needed = op->write.plan.needed,
        .received = (uint32_t)__builtin_popcount(op->write.acked),
        .outcome_unknown = error == ERR_TIMEOUT || error == ERR_OUTCOME_UNKNOWN,
    };
    if (error == ERR_TIMEOUT) {
        core->counters.timeouts++;
    }
    op->write.done(core, op);
}

static void write_timed_out(struct core *core, struct op *op)
{
    write_finish(core, op, ERR_TIMEOUT);
}

static void write_unavailable(struct core *core, struct op *op, unsigned needed, unsigned alive)
{
    core->counters.unavailable++;
    op_phase_next(op);
    op->status =
        (struct message_status){.error = ERR_UNAVAILABLE, .needed = needed, .received = alive};
    op->write.done(core, op);
}

static void write_send(struct core *core, struct op *op, const struct message_write *write,
                       uint16_t alive)
{
    const struct replica_set *replicas = op->write.replicas;
    op_ref reference = op_reference(op);
    const struct message *message = NULL;
    bool local = false;
    for (unsigned i = 0; i < replicas->count; i++) {
        if ((alive & 1u << i) == 0) {
            continue;
        }
        if (replicas->node[i] == core->config.self) {
            local = true;
            continue;
        }
        if (message == NULL) {
            struct message *made = effects_message(&core->effects, MESSAGE_WRITE);
            if (made != NULL) {
                made->write = *write;
            }
            message = made;
        }
        effects_send(&core->effects, replicas->node[i], reference, message);
    }
    if (local) {
        /* Last: its refusal may end the operation at once. */
        replica_write(core, write, &(struct answer_to){.op = reference}, true);
    }
}

void write_start(struct core *core, struct op *op, const struct message_write *write,
                 enum consistency level, void (*done)(struct core *core, struct op *op))
{
    core->counters.writes++;
    uint64_t token =
        token_of_partition((enum partition_kind)write->partition_kind, &write->partition);
    op->write.replicas = placement_replicas(core->topology, token);
    op->write.acked = 0;
    op->write.failed = 0;
    op->write.membership_version = 0;
    op->write.replica_error = COLUMBA_OK;
    op->write.may_be_applied = false;
    op->write.done = done;
    consistency_plan_init(&op->write.plan, core->topology, op->write.replicas, level,
                          core->topology->nodes[core->config.self].datacenter);
    uint16_t alive = replicas_alive(core, op->write.replicas);
    unsigned needed;
    unsigned alive_count;
    if (!consistency_is_possible(&op->write.plan, alive, &needed, &alive_count)) {
        write_unavailable(core, op, needed, alive_count);
        return;
    }
    op_deadline_set(core, op, DEADLINE_WRITE, write_timed_out);
    op->write.failed = (uint16_t)~alive;
    write_send(core, op, write, alive);
}

/* The level cannot be met any more. */
static void write_fail(struct core *core, struct op *op)
{
    uint16_t all = (uint16_t)((1u << op->write.replicas->count) - 1);
    bool all_refused =
        op->write.acked == 0 && (op->write.failed & all) == all && !op->write.may_be_applied;
    write_finish(core, op, all_refused ? op->write.replica_error : ERR_OUTCOME_UNKNOWN);
}

void write_answer(struct core *core, struct op *op, uint16_t node,
                  const struct message_written *written)
{
    int position = replica_set_position(op->write.replicas, node);
    if (position < 0) {
        return;
    }
    uint16_t bit = (uint16_t)(1u << position);
    if (written->error != COLUMBA_OK) {
        op->write.failed |= bit;
        op->write.replica_error = written->error;
        op->write.may_be_applied =
            op->write.may_be_applied || written->error == ERR_OUTCOME_UNKNOWN;
        uint16_t possible = (uint16_t)~op->write.failed;
        if (!consistency_is_possible(&op->write.plan, possible, NULL, NULL)) {
            write_fail(core, op);
        }
        return;
    }
    op->write.acked |= bit;
    if (written->membership_version > op->write.membership_version) {
        op->write.membership_version = written->membership_version;
    }
    if (consistency_is_met(&op->write.plan, op->write.acked)) {
        write_finish(core, op, COLUMBA_OK);
    }
}
