/*
 * At a start: the arrival rows that earlier starts left are read back into memory, so that their
 * events are folded as if they had just come. Until all are read nobody knows how much of a user's
 * log is unfolded, and operations that want to fold wait.
 */
#ifndef COLUMBA_NODE_CORE_LOG_RECOVERY_H
#define COLUMBA_NODE_CORE_LOG_RECOVERY_H

#include "node/core/op.h"

/* Called at start, and by every tick until it is done. */
void log_recover(struct core *core);
/* Are all rows in memory? */
bool log_is_whole(const struct core *core);
/* `op->admitted` is called when they are, through fold_begin; if they cannot be read, the read is
 * refused: other replicas can serve it. */
void log_wait(struct core *core, struct op *op);

#endif
