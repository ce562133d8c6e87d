/*
 * Users' logs on this replica: what happened for each of them, under the replica's own sequence.
 * A log is replica-local; how densely it is packed is this file's affair alone.
 *
 * An event is stored twice in its life, never in a row of its own:
 *
 *   as it comes  one row for all events that one commit batch brought, whoever they are for; the
 *                same events are in memory (log_tail.h). The row goes when all of them are folded.
 *   folded       one row in the user's log for all events of a fold (fold.h).
 *
 *   arrival row  [format u8 = 2] message*
 *     message      [kind u8][conversation 16][message 16][count u16] user * count
 *     kind         enum happening; one that is not known is kept, and folded into nothing
 *     user         [flags u8][user 16]                         flags: 1 sent by the user
 *   log row      [format u8 = 2] event*
 *     event        [kind u8][kind u8][flags u8][conversation 16][message 16]
 *
 * At a start the arrival rows that are left are read back into memory (log_recovery.h). What was
 * folded already may be folded again: inboxes are sets. Sequences grow for ever: the start counter
 * in the high bits, a count in the low ones, so that nothing has to be stored to know the next one.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_USER_LOG_H
#define COLUMBA_NODE_CORE_REPLICA_USER_LOG_H

#include "base/error.h"
#include "base/list.h"
#include "node/core/replica/log_tail.h"
#include "node/core/machine/recovery.h"

#define USER_LOG_FORMAT 2u
#define USER_LOG_FLAG_OWN 1u
#define ARRIVAL_USER_BYTES (1u + ID_BYTES)
/* Unfolded events of one user that are folded without anybody asking, at the latest, so that a fold
 * stays small. */
#define USER_LOG_TAIL_MAX 256u
/* The least that core_config.log_events_max may be. */
#define LOG_EVENTS_MIN 64u
/* Events in one arrival row; a batch that brings more opens another. */
#define ARRIVAL_ROW_EVENTS_MAX 1024u
/* Users whose last fold is known one by one; a collision only makes a read wait for a commit. */
#define USER_LOG_FOLDS (1u << 14)

struct core;
struct op;

struct user_log {
    struct log_tail tail;
    uint64_t sequence;      /* the newest */
    uint64_t *fold_batches; /* the batch of the last fold, by a hash of the user */
    uint32_t row_events_max;
    uint8_t *row_bytes; /* for the row that the closing of a batch ends: it must not fail */
    struct recovery recovery;
    struct list waiting; /* operations that fold when all rows are read back (log_recovery.h) */
};

/* Are all rows that earlier starts left in memory? Else nobody knows what a user's log holds. */
static inline bool user_log_is_whole(const struct user_log *log)
{
    return recovery_is_whole(&log->recovery);
}
/* The operation goes on when they are, or when they cannot be read: op->status.error. */
void user_log_wait(struct user_log *log, struct op *op,
                   void (*next)(struct core *core, struct op *op));

int user_log_init(struct user_log *log, struct memory *memory, uint64_t start_count,
                  uint32_t events_max);
void user_log_clear(struct user_log *log, struct memory *memory);
/* There must be room in the tail. Returns the user; NULL: no memory, not appended. */
struct log_user *user_log_append(struct core *core, const struct id *user,
                                 const struct id *conversation, const struct id *message,
                                 uint8_t kind, bool is_own);
/* Ends the open row, if there is one: it goes into the open batch. False: no memory, and it stays
 * open. */
bool user_log_row_end(struct core *core);
/* The same, as the batch is closed; cannot fail. Right after the effects were taken. */
void user_log_batch_close(struct core *core);
/* The user's events are in the inbox rows of the open batch: puts them into the log, removes the
 * arrival rows that are done, and forgets them. False: no memory, nothing has changed. */
bool user_log_folded(struct core *core, struct log_user *user);
/* The batch that made what was folded last for this user durable; 0: before this start. */
uint64_t user_log_fold_batch(const struct user_log *log, const struct id *user);

#endif
