/*
 * A node as a replica: it judges a fragment by what it can know alone (topology, ownership, form,
 * room), gathers it into the open batch and answers when that batch is durable, with the
 * conversation's membership version as it knows it. Everything is checked before anything is
 * gathered, so a refused fragment leaves no trace.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_WRITE_H
#define COLUMBA_NODE_CORE_REPLICA_WRITE_H

#include "node/core/machine/batch.h"
#include "node/core/machine/op.h"

void replica_write(struct core *core, const struct message_write *write,
                   const struct answer_to *to);
/* The batch of this waiter is durable, or failed. */
void replica_write_committed(struct core *core, const struct waiter *waiter,
                             enum columba_error error);

#endif
