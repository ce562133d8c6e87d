/*
 * Where memory comes from. The pure folders allocate only through a `struct memory` they were
 * given, so a test can fail every allocation in turn and a simulator can count them.
 *
 * `allocate` returns memory aligned for any type, or NULL; `release` takes NULL. Not thread-safe
 * unless the source says so (memory_system is).
 */
#ifndef COLUMBA_BASE_MEMORY_H
#define COLUMBA_BASE_MEMORY_H

#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct memory {
    void *(*allocate)(struct memory *memory, size_t size);
    void (*release)(struct memory *memory, void *block);
};

/* The process's heap. Shared, thread-safe, never freed. */
struct memory *memory_system(void);

static inline void *memory_allocate(struct memory *memory, size_t size)
{
    return memory->allocate(memory, size);
}

static inline void *memory_allocate_zero(struct memory *memory, size_t size)
{
    void *block = memory->allocate(memory, size);
    if (block != NULL) {
        memset(block, 0, size);
    }
    return block;
}

static inline void memory_release(struct memory *memory, void *block)
{
    if (block != NULL) {
        memory->release(memory, block);
    }
}

#ifdef __cplusplus
}
#endif

#endif
