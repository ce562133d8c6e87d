/*
 * What this replica took lately: a hash of the id and of the body of each message, so that a second
 * body under a known id is refused without a look at the store.
 *
 * It answers only what it can know: everything that this replica ever took under an id whose time
 * lies behind the horizon is here. The horizon is where the memory of this process begins (at a
 * start: as far ahead as an id may have been), and moves on with what is forgotten for want of
 * room. About older ids it knows nothing, and the store has to be asked.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_RECENT_H
#define COLUMBA_NODE_CORE_REPLICA_RECENT_H

#include <stdbool.h>

#include "base/id.h"
#include "base/memory.h"
#include "base/slice.h"

/* Some seconds of the most that a node takes; 13 MiB. */
#define RECENT_MESSAGES 262144u

enum recent_verdict {
    RECENT_NEW,     /* this replica never took anything under this id */
    RECENT_SAME,    /* it took this very body */
    RECENT_OTHER,   /* it took another one */
    RECENT_UNKNOWN, /* ask the store */
};

/* A message as it is remembered: 128-bit hashes under a key of this process. */
struct recent_message {
    uint64_t id[2]; /* of conversation and message */
    uint64_t body[2];
    uint64_t unix_ms; /* of the id */
};

struct recent {
    struct recent_entry *entries; /* a ring */
    uint32_t *buckets;
    uint32_t capacity; /* a power of two, as the buckets' number */
    uint32_t next;     /* the place of the next one, counted for ever */
    uint64_t horizon_ms;
    uint64_t key;
    uint64_t secret[24]; /* made of the key, for long inputs */
};

/* Everything is unknown until recent_begin. */
int recent_init(struct recent *recent, struct memory *memory, uint32_t capacity, uint64_t key);
void recent_clear(struct recent *recent, struct memory *memory);
/* No id that was taken before this start has a time after `unix_ms`. */
void recent_begin(struct recent *recent, uint64_t unix_ms);

static inline bool recent_has_begun(const struct recent *recent)
{
    return recent->horizon_ms != UINT64_MAX;
}
/* The clock that it was begun with was wrong: the horizon moves to this time, if that is later. */
void recent_raise(struct recent *recent, uint64_t unix_ms);

struct recent_message recent_message_of(const struct recent *recent, const struct id *conversation,
                                        const struct id *message, struct slice body);
enum recent_verdict recent_judge(const struct recent *recent, const struct recent_message *message);
/* Takes the place of another body. */
void recent_put(struct recent *recent, const struct recent_message *message);

#endif
