/*
 * Who waits for which batch to be durable: a bounded queue in the order of the batches.
 */
#ifndef COLUMBA_NODE_CORE_WAITERS_H
#define COLUMBA_NODE_CORE_WAITERS_H

#include "node/core/op.h"

/* Twice what all operations of this node and two peers can have in flight; a full queue is
 * answered with OVERLOADED. */
#define WAITERS_MAX (1u << 17)

enum waiter_kind {
    WAITER_WRITE,  /* a fragment: WRITTEN */
    WAITER_FANOUT, /* log entries: STATUS */
    WAITER_OP,     /* an operation of this node goes on */
};

struct waiter {
    uint64_t batch;
    enum waiter_kind kind;
    struct answer_to to;
    bool wants_version; /* WRITE: of `conversation` */
    struct id conversation;
};

struct waiters {
    struct waiter *ring; /* grows to WAITERS_MAX */
    uint32_t capacity;   /* a power of two */
    uint32_t head;
    uint32_t count;
};

int waiters_init(struct waiters *waiters, struct memory *memory);
void waiters_clear(struct waiters *waiters, struct memory *memory);
/* Room for one more? Grows if it must. */
bool waiters_have_room(struct waiters *waiters, struct memory *memory);
/* There must be room. */
void waiters_push(struct waiters *waiters, const struct waiter *waiter);
/* The oldest one whose batch is at most `batch`. */
bool waiters_pop(struct waiters *waiters, uint64_t batch, struct waiter *out_waiter);

#endif
