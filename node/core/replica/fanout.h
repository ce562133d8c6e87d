/*
 * A node as a replica: events for the logs of users of whom it is a replica, all or none.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_FANOUT_H
#define COLUMBA_NODE_CORE_REPLICA_FANOUT_H

#include "node/core/machine/op.h"

/* Answered with WRITTEN when they are durable. */
void replica_fanout(struct core *core, const struct message_fanout *fanout,
                    const struct answer_to *to);

#endif
