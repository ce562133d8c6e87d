/*
 * A node as a replica: what came for a user behind a sequence. What is not folded yet is folded
 * first and durable before anything is read, so that one scan of the log sees all of it, and what
 * is handed out can never be taken back. `up_to` is taken as the fold is made: an event that comes
 * later is folded into a row behind it.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_LOG_READ_H
#define COLUMBA_NODE_CORE_REPLICA_LOG_READ_H

#include "node/core/machine/op.h"

/* Answered with LOG. */
void replica_log_read(struct core *core, const struct message_log_read *query,
                      const struct answer_to *to);

#endif
