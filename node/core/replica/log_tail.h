/*
 * What users' logs hold that is not folded yet, in memory: events in the order they came, and for
 * each user a chain. It says nothing about how they are stored; user_log.h does.
 *
 *   rows    | 17 . . . | 23 . | 30 (open)      each covers the events of one commit batch
 *   events  | a b a c  | d a  | b c            a ring; what is folded stays until its row is done
 *   users   a: 0 -> 2 -> 5   b: 1 -> 6   …     found by a hash of the id
 *
 * Rows leave at the front, when all of their events are folded: a user whose events hold up the
 * front is folded first. So memory is bounded however long nobody reads.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_LOG_TAIL_H
#define COLUMBA_NODE_CORE_REPLICA_LOG_TAIL_H

#include <stdbool.h>

#include "base/id.h"
#include "base/memory.h"

/* Events for each row that the table of rows has room for, on average: a quiet node commits a
 * message at a time. */
#define LOG_TAIL_EVENTS_PER_ROW 4u
/* Above this part of its room the tail is crowded, and the oldest should be folded. */
#define LOG_TAIL_CROWDED_QUARTERS 3u
/* No user. */
#define LOG_TAIL_NONE UINT32_MAX

struct log_event {
    struct id conversation;
    struct id message;
    uint32_t user; /* in `users` */
    uint32_t next; /* of the user's, a position; the last one's means nothing */
    uint32_t row;  /* a position */
    uint8_t kind;  /* enum happening; of no concern here */
    bool is_own;   /* sent by this user */
    bool is_folded;
};

struct log_row {
    uint64_t sequence;
    uint32_t first; /* position of its first event */
    uint32_t count;
    uint32_t unfolded;
};

struct log_user {
    struct id id;
    uint32_t first; /* positions of events */
    uint32_t last;
    uint32_t count; /* every position is a valid one: the count ends the chain */
    uint32_t next;  /* in its bucket, or in the free list */
};

/* Positions count for ever and wrap around; a mask makes the place. */
struct log_tail {
    struct log_event *events;
    uint32_t events_max; /* a power of two */
    uint32_t events_begin;
    uint32_t events_end;
    uint32_t oldest; /* no event before is unfolded */
    uint32_t unfolded;
    struct log_row *rows;
    uint32_t rows_max; /* a power of two */
    uint32_t rows_begin;
    uint32_t rows_end;
    bool is_open; /* the newest row takes events */
    struct log_user *users;
    uint32_t users_touched; /* users[users_touched …] were never used */
    uint32_t users_free;
    uint32_t *buckets;
    uint32_t bucket_count; /* a power of two */
};

/* events_max is rounded up to a power of two. */
int log_tail_init(struct log_tail *tail, struct memory *memory, uint32_t events_max);
void log_tail_clear(struct log_tail *tail, struct memory *memory);

/* Room for so many more events, in one new row? */
bool log_tail_has_room(const struct log_tail *tail, uint32_t events);
/* Should something be folded before so many more come? */
bool log_tail_is_crowded(const struct log_tail *tail, uint32_t events);

/* No row may be open, and there must be room. */
void log_tail_row_open(struct log_tail *tail, uint64_t sequence);
/* Into the open row; there must be room. Returns the user. */
struct log_user *log_tail_append(struct log_tail *tail, const struct id *user,
                                 const struct id *conversation, const struct id *message,
                                 uint8_t kind, bool is_own);
/* The row that is open; NULL: none. */
const struct log_row *log_tail_open_row(const struct log_tail *tail);
void log_tail_row_close(struct log_tail *tail);

const struct log_event *log_tail_event(const struct log_tail *tail, uint32_t position);
const struct id *log_tail_user_of(const struct log_tail *tail, const struct log_event *event);
/* NULL: nothing of this user is unfolded. */
struct log_user *log_tail_find(const struct log_tail *tail, const struct id *user);
/* Whose unfolded event is the oldest; NULL: there is none. */
struct log_user *log_tail_oldest(struct log_tail *tail);
/* All of the user's events are folded: they are forgotten, and the user. `row_done` is told the
 * sequence of each closed row that has no unfolded event left. */
void log_tail_fold(struct log_tail *tail, struct log_user *user,
                   void (*row_done)(void *context, uint64_t sequence), void *context);

#endif
