/*
 * An arena hands out memory that all dies at once: one request, one arena. Chunks come from a
 * `struct memory`; the sum of what was handed out never passes the cap given at init, so hostile
 * input cannot make a request grow without bound.
 *
 * Not thread-safe. Pointers stay valid until arena_clear or arena_reset.
 */
#ifndef COLUMBA_BASE_ARENA_H
#define COLUMBA_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/slice.h"

struct arena_chunk;

struct arena {
    struct memory *memory;
    struct arena_chunk *newest;
    uint8_t *free_begin;
    uint8_t *free_end;
    size_t used_bytes; /* handed out, with alignment */
    size_t cap_bytes;
};

void arena_init(struct arena *arena, struct memory *memory, size_t cap_bytes);
/* Frees every chunk. The arena can be used again. */
void arena_clear(struct arena *arena);
/* Like arena_clear, but keeps one ordinary chunk for the next use. */
void arena_reset(struct arena *arena);

/* Aligned for any type, not zeroed. NULL: the cap is reached or the memory source is empty. */
void *arena_allocate(struct arena *arena, size_t size);
void *arena_allocate_zero(struct arena *arena, size_t size);
/* NULL also where count * size overflows. */
void *arena_allocate_array(struct arena *arena, size_t count, size_t size);
/* Copies into the arena. 0 on success, -1 when there is no room (out is untouched). */
int arena_copy(struct arena *arena, struct slice bytes, struct slice *out_copy);

#endif
