/*
 * Fan-out: one event into the logs of all members, one request for each node that holds replicas
 * of some of them. Done when every member has it on a quorum of their replicas; then the
 * conversation's replicas are told, at the end of the turn, many messages in one.
 */
#ifndef COLUMBA_NODE_CORE_FANOUT_H
#define COLUMBA_NODE_CORE_FANOUT_H

#include "node/core/op.h"

/*
 * Fans op->message of op->conversation, sent by op->user, out to the members as they are now
 * (loads them if what was admitted may be stale: op->membership_version), then says `done` to the
 * conversation's replicas and ends the operation. `at_end` (may be NULL) hears first whether it
 * reached everybody; if it did not, the outbox entries stay.
 */
void fanout_begin(struct core *core, struct op *op,
                  void (*at_end)(struct core *core, struct op *op, bool reached_all));
void fanout_answer(struct core *core, struct op *op, uint16_t node, enum columba_error error);
/* Sends what was gathered for each peer. */
void fanout_done_flush(struct core *core);

#endif
