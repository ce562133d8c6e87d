/*
 * The open batch: what replicas gather until the shell takes it away to commit, and who waits for
 * which batch to be durable, in the order of the batches.
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_BATCH_H
#define COLUMBA_NODE_CORE_MACHINE_BATCH_H

#include "node/core/machine/op.h"

/* Twice what all operations of this node and two peers can have in flight; a full queue is
 * answered with OVERLOADED. */
#define WAITERS_MAX (1u << 17)

enum waiter_kind {
    WAITER_WRITE, /* a fragment, or log entries: WRITTEN */
    WAITER_OP,    /* an operation of this node goes on: op->committed */
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

struct batch {
    struct memory *memory;
    struct waiters waiters;
    uint64_t open;    /* the number the open batch will have */
    uint64_t durable; /* committed, and all before it */
    bool has_writes;
};

int batch_init(struct batch *batch, struct memory *memory);
void batch_clear(struct batch *batch);

/* Into the open batch. False: no memory, nothing was added. */
bool batch_write(struct core *core, enum effect_type type, struct slice key, struct slice value);
/* Room for one more waiter? Takes memory if it must. */
bool batch_has_room(struct batch *batch);
/* Waits for the open batch; there must be room. waiter->batch is filled in. */
void batch_wait(struct batch *batch, const struct waiter *waiter);
/* The operation goes on when what was gathered so far is durable; there must be room. */
void batch_wait_op(struct batch *batch, struct op *op, op_next *committed);
/* The oldest waiter whose batch is at most `number`. */
bool batch_waiter_take(struct batch *batch, uint64_t number, struct waiter *out_waiter);

#endif
