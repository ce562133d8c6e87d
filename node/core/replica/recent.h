/*
 * What this replica took lately: a hash of the id and of the body of each message, so that a second
 * body under a known id is refused without a look at the store.
 *
 * It answers only what it can know: everything that this replica ever took under an id whose time
 * lies behind the horizon is here. The horizon is where the memory of this process begins, and
 * moves on with what is forgotten for want of room. About older ids it knows nothing, and the store
 * has to be asked.
 *
 * Where it begins no clock can say: a clock that was ahead, and was set right before a restart,
 * would leave ids behind the horizon that nobody remembers. So the store holds a bound of the ids
 * in it (store/id_bound.h). A batch with an id above the bound raises it, by a lease, in the same
 * commit; at a start the horizon is the bound.
 *
 * It is forgotten by generations, so that a message costs two looks into memory and nothing is
 * cleared: a full one becomes the older of two, and the older one goes, if all of it is durable.
 * What the store cannot tell yet is not forgotten.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_RECENT_H
#define COLUMBA_NODE_CORE_REPLICA_RECENT_H

#include <stdbool.h>

#include "base/id.h"
#include "base/memory.h"
#include "base/slice.h"
#include "node/store/id_bound.h"

/* Of a generation. Some seconds of the most that a node takes; 16 MiB. */
#define RECENT_MESSAGES 131072u
/* How far the stored bound is raised above the id that passes it: one row in so many seconds, and
 * ids of so many seconds that have to be looked up after a start. */
#define RECENT_LEASE_MS 10000u

enum recent_verdict {
    RECENT_NEW,     /* this replica never took anything under this id */
    RECENT_SAME,    /* it took this very body */
    RECENT_OTHER,   /* it took another one */
    RECENT_UNKNOWN, /* ask the store */
};

/* A message as it is remembered: hashes under a key of this process. */
struct recent_message {
    uint64_t id[2]; /* of conversation and message */
    uint64_t body;
    uint64_t unix_ms; /* of the id */
};

struct recent_generation {
    struct recent_slot *slots;
    uint64_t number;
    uint64_t last;      /* what was put last into it: a place among `count` */
    uint64_t newest_ms; /* of its messages */
    uint32_t count;
};

struct recent {
    struct recent_generation generations[2];
    struct recent_generation *current;
    struct recent_generation *previous;
    uint32_t capacity; /* messages of a generation, a power of two */
    uint64_t count;    /* put since the start */
    uint64_t durable;  /* of them: the first ones, whose batches are */
    uint64_t closed;   /* of them: those in batch `closed_batch` and before */
    uint64_t closed_batch;
    uint64_t horizon_ms;
    uint64_t newest_ms; /* of all that were put */
    uint64_t bound_ms;  /* of the store, with what was closed last */
    uint8_t bound_row[ID_BOUND_BYTES];
    uint64_t key;
    uint64_t secret[24]; /* made of the key, for long inputs */
};

/* No id in the store has a time after `bound_ms`. */
int recent_init(struct recent *recent, struct memory *memory, uint32_t capacity, uint64_t key,
                uint64_t bound_ms);
void recent_clear(struct recent *recent, struct memory *memory);

struct recent_message recent_message_of(const struct recent *recent, const struct id *conversation,
                                        const struct id *message, struct slice body);
enum recent_verdict recent_judge(const struct recent *recent, const struct recent_message *message);
/* Room for so many more? Not while too many wait to be durable. */
bool recent_has_room(const struct recent *recent, uint32_t messages);
/* There must be room. Takes the place of another body. The message goes into the open batch. */
void recent_put(struct recent *recent, const struct recent_message *message);

/* What was put since the last one is this batch's. True: a message of it has passed the stored
 * bound, and `bound_row` has to be in the same batch. */
bool recent_batch_close(struct recent *recent, uint64_t batch);
/* This batch and all before it are durable. */
void recent_committed(struct recent *recent, uint64_t batch);

#endif
