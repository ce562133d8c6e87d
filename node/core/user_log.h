/*
 * A user's log on this replica: events under the replica's own sequence, one put each, no read.
 * The log is replica-local; how densely it is packed is this file's affair alone.
 *
 * Sequences grow for ever: the start counter in the high bits, a count in the low ones, so that
 * nothing has to be stored to know the next one.
 *
 *   event  [format u8 = 1][flags u8][conversation 16][message 16]     flags: 1 sent by the user
 */
#ifndef COLUMBA_NODE_CORE_USER_LOG_H
#define COLUMBA_NODE_CORE_USER_LOG_H

#include <stdbool.h>

#include "base/error.h"
#include "base/id.h"
#include "base/memory.h"
#include "base/slice.h"

#define USER_EVENT_FORMAT 1u
#define USER_EVENT_BYTES (2u + 2u * ID_BYTES)
#define SEQUENCE_COUNT_BITS 40
/* Unfolded events of one user after which the log is folded without anybody asking, so that an
 * inbox read never has a long tail before it. */
#define USER_LOG_TAIL_MAX 256u
/* Users whose tails are counted; a collision only folds a little earlier. */
#define USER_LOG_TAILS (1u << 15)

struct core;

struct user_event {
    struct id conversation;
    struct id message;
    bool is_own;
};

struct user_log {
    uint64_t sequence; /* of the newest event */
    uint16_t *tails;   /* events since the last fold, by a hash of the user */
};

int user_log_init(struct user_log *log, struct memory *memory, uint64_t start_count);
void user_log_clear(struct user_log *log, struct memory *memory);
/* Into the open batch. ERR_NO_MEMORY. */
enum columba_error user_log_append(struct core *core, const struct id *user,
                                   const struct user_event *event);
bool user_event_decode(struct slice bytes, struct user_event *out_event);
/* Has the tail grown past its bound? Counts from zero again if so. */
bool user_log_tail_is_long(struct user_log *log, const struct id *user);

#endif
