/*
 * Folding: the inbox is a view of the user's log. The events that came since the last fold become
 * inbox rows (newest message, unread ids), merged into those that are there, and one row of the
 * user's log. All of it is in memory (log_tail.h), so a fold is one step without a read, and its
 * rows are one batch. It may be done twice: the rows merge.
 *
 * A user is folded when the inbox is read, when the tail is long, and when its events are the
 * oldest of a tail that is crowded. A read that follows goes on only when what was folded is
 * durable, so it never shows what a crash could take back.
 */
#ifndef COLUMBA_NODE_CORE_FOLD_H
#define COLUMBA_NODE_CORE_FOLD_H

#include "node/core/op.h"

struct log_user;

/* Events in one inbox row's fragment; more make another fragment of the same row. */
#define FOLD_EVENTS_MAX 512u

/* `next` runs when op->replica.query.partition's log is folded; on failure the read is refused. */
void fold_begin(struct core *core, struct op *op, void (*next)(struct core *core, struct op *op));
/* Folds the oldest users until there is room for so many more events. False: there is none. */
bool fold_make_room(struct core *core, uint32_t events);
/* After an append: folds the user if the tail has grown past the bound. */
void fold_long_tail(struct core *core, struct log_user *user);

#endif
