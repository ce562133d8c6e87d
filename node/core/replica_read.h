/*
 * A node as a replica: reads of one partition, as whole rows or as their digest. With READ_FOLD the
 * user's log is folded first (fold.h). A read goes to the store as one bounded scan.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_READ_H
#define COLUMBA_NODE_CORE_REPLICA_READ_H

#include "node/core/op.h"

/* The query must live as long as the step's effects. */
void replica_read(struct core *core, const struct message_read *query, const struct answer_to *to);
/* The scan itself, for an operation whose `replica` is filled in. */
void replica_read_scan(struct core *core, struct op *op);
void replica_read_refuse(struct core *core, struct op *op, enum columba_error error);

#endif
