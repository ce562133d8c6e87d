/* A memory source that gives out only so many blocks and counts those still out, for tests that let
 * every allocation fail in turn. */
#ifndef COLUMBA_TESTS_UNIT_SCARCE_MEMORY_H
#define COLUMBA_TESTS_UNIT_SCARCE_MEMORY_H

#include <stdlib.h>

#include "base/list.h"
#include "base/memory.h"

struct scarce_memory {
    struct memory memory;
    unsigned left;
    unsigned out;
};

static inline void *scarce_memory_allocate(struct memory *memory, size_t size)
{
    struct scarce_memory *scarce = container_of(memory, struct scarce_memory, memory);
    if (scarce->left == 0) {
        return NULL;
    }
    scarce->left--;
    scarce->out++;
    return malloc(size);
}

static inline void scarce_memory_release(struct memory *memory, void *block)
{
    struct scarce_memory *scarce = container_of(memory, struct scarce_memory, memory);
    scarce->out--;
    free(block);
}

static inline struct scarce_memory scarce_memory(unsigned blocks)
{
    return (struct scarce_memory){.memory = {scarce_memory_allocate, scarce_memory_release},
                                  .left = blocks};
}

#endif
