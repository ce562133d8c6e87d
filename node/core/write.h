/*
 * A coordinated write: a fragment of one partition goes to every replica that is alive; `done` is
 * called once, when the level is met or cannot be met any more, with op->status:
 *
 *   OK               at least the level's replicas have it, durably
 *   UNAVAILABLE      too few are alive; nothing was sent
 *   TIMEOUT          too few answered in time; some may have it (outcome_unknown)
 *   OUTCOME_UNKNOWN  some refused, others may have it
 *   any other        every replica refused, and this is what one of them said
 */
#ifndef COLUMBA_NODE_CORE_WRITE_H
#define COLUMBA_NODE_CORE_WRITE_H

#include "node/core/op.h"

/* `write` and what it points to must live as long as the step's effects. */
void write_start(struct core *core, struct op *op, const struct message_write *write,
                 enum consistency level, void (*done)(struct core *core, struct op *op));
void write_answer(struct core *core, struct op *op, uint16_t node,
                  const struct message_written *written);

#endif
