/*
 * At a start: the arrival rows that earlier starts left are read back into memory, so that their
 * events are folded as if they had just come. Until all are read nobody knows how much of a user's
 * log is unfolded, and operations that want to fold wait.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_LOG_RECOVERY_H
#define COLUMBA_NODE_CORE_REPLICA_LOG_RECOVERY_H

#include "node/core/machine/op.h"

/* Called at start, by every tick until it is done, and while somebody waits for it. */
void log_recover(struct core *core);

#endif
