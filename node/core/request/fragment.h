/*
 * Rows that requests write, packed for a replica.
 */
#ifndef COLUMBA_NODE_CORE_REQUEST_FRAGMENT_H
#define COLUMBA_NODE_CORE_REQUEST_FRAGMENT_H

#include "node/core/machine/op.h"
#include "node/store/row.h"

/* A message's row, with one immutable cell. Empty: no memory. */
struct slice fragment_message(struct core *core, const struct id *message, struct slice content);
/* A row keyed by one id, with a few small cells. Empty: no memory. */
struct slice fragment_small(struct core *core, enum table table, const struct id *clustering,
                            const struct cell *cells, unsigned count);

/* A message's row with one cell, and the row of the change that made it. Empty: no memory. */
struct slice fragment_change(struct core *core, const struct id *message, const struct cell *cell,
                             const struct id *change, const struct cell *record);

#endif
