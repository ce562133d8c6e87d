/*
 * A node as a replica: reads of one partition, as whole rows or as their digest. With READ_FOLD the
 * user's log is folded first (fold.h). A read goes to the store as one bounded scan; one in
 * order of activity as several, over the whole inbox.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_READ_H
#define COLUMBA_NODE_CORE_REPLICA_READ_H

#include "node/core/machine/op.h"

/* The query must live as long as the step's effects. */
void replica_read(struct core *core, const struct message_read *query, const struct answer_to *to);

#endif
