/*
 * Latches: an operation that reads a partition's rows and then writes by what it read holds the
 * partition's latch in between; others that want it wait, in order. The claim lies in the
 * operation's own state and must be released before the operation ends.
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_LATCH_H
#define COLUMBA_NODE_CORE_MACHINE_LATCH_H

#include "node/core/machine/op.h"

struct latch_claim {
    struct id partition;
    struct op *op;
    op_next *next;
    struct list link;    /* holder: in its bucket; else in the holder's `waiting` */
    struct list waiting; /* holder: those behind it */
    uint32_t waiting_count;
};

#define LATCH_BUCKETS 1024u
/* Each waits for a read of those before it; more could not be done before their askers give up. */
#define LATCH_WAITERS_MAX 256u

struct latches {
    struct list buckets[LATCH_BUCKETS];
};

void latches_init(struct latches *latches);
/* `next` is called when the partition is the operation's: now, or when it is its turn. False: too
 * many wait for it already. */
bool latch_take(struct core *core, struct latch_claim *claim, struct op *op,
                const struct id *partition, op_next *next);
/* The next in turn goes on. */
void latch_release(struct core *core, struct latch_claim *claim);

#endif
