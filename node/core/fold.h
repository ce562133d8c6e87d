/*
 * Folding: the inbox is a view of the user's log. What was appended since the last fold becomes
 * inbox rows (newest message, unread ids), merged into those that are there; then the mark moves
 * up. Rows and mark are one batch. All of it may be done twice: the rows merge.
 *
 *   mark -> tail of the log -> rows and mark into the open batch -> durable -> (more?) tail …
 *
 * A read that folds goes on only when the folded rows are durable, so it never shows what a crash
 * could take back.
 */
#ifndef COLUMBA_NODE_CORE_FOLD_H
#define COLUMBA_NODE_CORE_FOLD_H

#include "node/core/op.h"

/* Events folded in one batch. */
#define FOLD_EVENTS_MAX 512u
/* Batches for one read: a tail that grows faster than it is folded must not hold the read for ever.
 * What is left came after the read began. */
#define FOLD_ROUNDS_MAX 64u

/* `next` runs when op->replica.query.partition's log is folded; on failure the read is refused. */
void fold_begin(struct core *core, struct op *op, void (*next)(struct core *core, struct op *op));
/* After appends: folds the logs of users whose tails have grown past the bound. */
void fold_tails_that_grew(struct core *core, const struct id *users, uint32_t count);

#endif
