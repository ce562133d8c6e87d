#include "node/core/machine/batch.h"

#include "base/assert.h"
#include "node/core/state.h"

#define WAITERS_FIRST_CAPACITY 1024u

int batch_init(struct batch *batch, struct memory *memory)
{
    *batch = (struct batch){.memory = memory, .open = 1};
    batch->waiters.capacity = WAITERS_FIRST_CAPACITY;
    batch->waiters.ring = memory_allocate(memory, WAITERS_FIRST_CAPACITY * sizeof(struct waiter));
    return batch->waiters.ring == NULL ? -1 : 0;
}

void batch_clear(struct batch *batch)
{
    if (batch->memory != NULL) {
        memory_release(batch->memory, batch->waiters.ring);
    }
    batch->waiters.ring = NULL;
}

bool batch_write(struct core *core, enum effect_type type, struct slice key, struct slice value)
{
    COLUMBA_ASSERT(key.size > 0);
    bool written = effects_write(&core->effects, type, key, value);
    core->batch.has_writes = core->batch.has_writes || written;
    return written;
}

static bool waiters_grow(struct waiters *waiters, struct memory *memory)
{
    COLUMBA_ASSERT(waiters->count == waiters->capacity && waiters->capacity < WAITERS_MAX);
    uint32_t capacity = waiters->capacity * 2;
    struct waiter *ring = memory_allocate(memory, capacity * sizeof(struct waiter));
    if (ring == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < waiters->count; i++) {
        ring[i] = waiters->ring[(waiters->head + i) & (waiters->capacity - 1)];
    }
    memory_release(memory, waiters->ring);
    waiters->ring = ring;
    waiters->capacity = capacity;
    waiters->head = 0;
    return true;
}

bool batch_has_room(struct batch *batch)
{
    struct waiters *waiters = &batch->waiters;
    if (waiters->count < waiters->capacity) {
        return true;
    }
    return waiters->capacity < WAITERS_MAX && waiters_grow(waiters, batch->memory);
}

void batch_wait(struct batch *batch, const struct waiter *waiter)
{
    struct waiters *waiters = &batch->waiters;
    COLUMBA_ASSERT(waiters->count < waiters->capacity);
    COLUMBA_ASSERT(batch->open > batch->durable);
    struct waiter *place =
        &waiters->ring[(waiters->head + waiters->count) & (waiters->capacity - 1)];
    *place = *waiter;
    place->batch = batch->open;
    waiters->count++;
}

void batch_wait_op(struct batch *batch, struct op *op, op_next *committed)
{
    batch->has_writes = true; /* even if it has none: it ends the wait */
    op->committed = committed;
    batch_wait(batch, &(struct waiter){.kind = WAITER_OP, .to = {.op = op_reference(op)}});
}

bool batch_waiter_take(struct batch *batch, uint64_t number, struct waiter *out_waiter)
{
    struct waiters *waiters = &batch->waiters;
    if (waiters->count == 0 || waiters->ring[waiters->head].batch > number) {
        return false;
    }
    *out_waiter = waiters->ring[waiters->head];
    waiters->head = (waiters->head + 1) & (waiters->capacity - 1);
    waiters->count--;
    return true;
}
