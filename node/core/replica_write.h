/*
 * A node as a replica: it judges a fragment by what it can know alone (topology, ownership, form,
 * room), gathers it into the open batch and answers when that batch is durable, with the
 * conversation's membership version as it knows it. Everything is checked before anything is
 * gathered, so a refused fragment leaves no trace.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_WRITE_H
#define COLUMBA_NODE_CORE_REPLICA_WRITE_H

#include "node/core/op.h"
#include "node/core/waiters.h"

/* trusted: made by this node a moment ago, its rows need no check. */
void replica_write(struct core *core, const struct message_write *write, const struct answer_to *to,
                   bool trusted);
/* Log entries for users of whom this node is a replica. */
void replica_fanout(struct core *core, const struct message_fanout *fanout,
                    const struct answer_to *to);
/* The batch of these waiters is durable, or failed. */
void replica_committed(struct core *core, const struct waiter *waiter, enum columba_error error);

#endif
