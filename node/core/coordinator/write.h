/*
 * A coordinated write: a fragment of one partition goes to every replica that is alive; `done` is
 * called once, when the level is met or cannot be met any more, with op->status:
 *
 *   OK               at least the level's replicas have it, durably
 *   UNAVAILABLE      too few are alive; nothing was sent
 *   TIMEOUT          too few answered in time; some may have it (outcome_unknown)
 *   OUTCOME_UNKNOWN  some refused, others may have it
 *   NO_MEMORY        nothing was sent
 *   ID_CONFLICT      so many hold another body that this one can never be acknowledged; where some
 *                    took it the outcome is unknown until a read has settled it
 *   any other        every replica refused, and this is what one of them said
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_WRITE_H
#define COLUMBA_NODE_CORE_COORDINATOR_WRITE_H

#include "node/core/machine/op.h"
#include "node/core/machine/partition.h"

/* Bit i of a bitmap stands for the partition's i-th replica. */
struct coordinated_write {
    struct partition partition;
    struct consistency_plan plan;
    uint16_t awaited; /* asked, and not answered yet */
    uint16_t acked;
    uint16_t failed;             /* down, or refused */
    uint16_t conflicts;          /* of them, hold another body under the id */
    uint64_t membership_version; /* the greatest that a replica told */
    enum columba_error replica_error;
    bool may_be_applied; /* a replica that failed does not know whether it stored it */
    op_next *done;
};

/* Where it goes is filled in. What `write` points to must live as long as the step's effects. */
void write_start(struct core *core, struct op *op, const struct partition *partition,
                 const struct message_write *write, enum consistency level, op_next *done);

/* Of a write that met its level: the membership version with which it is fanned out. */
uint64_t write_membership_version(const struct core *core, const struct op *op);

/* The fragment as a message for a replica of the partition; NULL: no memory. */
struct message *write_message(struct core *core, const struct partition *partition,
                              const struct message_write *write);

#endif
