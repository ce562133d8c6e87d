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
#ifndef COLUMBA_NODE_CORE_REPLICA_FOLD_H
#define COLUMBA_NODE_CORE_REPLICA_FOLD_H

#include "node/core/machine/op.h"

struct log_user;

enum fold_outcome {
    FOLD_DURABLE,  /* nothing was left to fold, and what was is durable */
    FOLD_GATHERED, /* all of it is in the open batch or in one before */
    FOLD_FAILED,   /* no room or no memory now, or the node has failed */
};

/* Events in one inbox row's fragment; more make another fragment of the same row. */
#define FOLD_EVENTS_MAX 512u

/* Folds the user's log; it must be whole. */
enum fold_outcome fold_user(struct core *core, const struct id *user);
/* Folds the oldest users until there is room for so many more events. False: there is none. */
bool fold_make_room(struct core *core, uint32_t events);
/* After an append: folds the user if the tail has grown past the bound. */
void fold_long_tail(struct core *core, struct log_user *user);

#endif
