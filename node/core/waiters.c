#include "node/core/waiters.h"

#include "base/assert.h"

#define WAITERS_FIRST_CAPACITY 1024u

int waiters_init(struct waiters *waiters, struct memory *memory)
{
    *waiters = (struct waiters){.capacity = WAITERS_FIRST_CAPACITY};
    waiters->ring = memory_allocate(memory, waiters->capacity * sizeof(struct waiter));
    return waiters->ring == NULL ? -1 : 0;
}

void waiters_clear(struct waiters *waiters, struct memory *memory)
{
    memory_release(memory, waiters->ring);
    waiters->ring = NULL;
}

static bool waiters_grow(struct waiters *waiters, struct memory *memory)
{
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

bool waiters_have_room(struct waiters *waiters, struct memory *memory)
{
    if (waiters->count < waiters->capacity) {
        return true;
    }
    return waiters->capacity < WAITERS_MAX && waiters_grow(waiters, memory);
}

void waiters_push(struct waiters *waiters, const struct waiter *waiter)
{
    COLUMBA_ASSERT(waiters->count < waiters->capacity);
    waiters->ring[(waiters->head + waiters->count) & (waiters->capacity - 1)] = *waiter;
    waiters->count++;
}

bool waiters_pop(struct waiters *waiters, uint64_t batch, struct waiter *out_waiter)
{
    if (waiters->count == 0 || waiters->ring[waiters->head].batch > batch) {
        return false;
    }
    *out_waiter = waiters->ring[waiters->head];
    waiters->head = (waiters->head + 1) & (waiters->capacity - 1);
    waiters->count--;
    return true;
}
