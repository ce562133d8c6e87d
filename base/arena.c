#include "base/arena.h"

#include <stdalign.h>

#include "base/limits.h"

struct arena_chunk {
    struct arena_chunk *older;
    size_t size;
    alignas(max_align_t) uint8_t bytes[];
};

static size_t align_up(size_t size)
{
    const size_t alignment = alignof(max_align_t);
    return (size + alignment - 1) & ~(alignment - 1);
}

void arena_init(struct arena *arena, struct memory *memory, size_t cap_bytes)
{
    *arena = (struct arena){.memory = memory, .cap_bytes = cap_bytes};
}

static void chunk_enter(struct arena *arena, struct arena_chunk *chunk)
{
    arena->newest = chunk;
    arena->free_begin = chunk->bytes;
    arena->free_end = chunk->bytes + chunk->size;
}

static void chunks_release(struct arena *arena, struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *older = chunk->older;
        memory_release(arena->memory, chunk);
        chunk = older;
    }
}

void arena_clear(struct arena *arena)
{
    chunks_release(arena, arena->newest);
    arena_init(arena, arena->memory, arena->cap_bytes);
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *kept = arena->newest;
    while (kept != NULL && kept->size != ARENA_CHUNK_BYTES) {
        struct arena_chunk *older = kept->older;
        memory_release(arena->memory, kept);
        kept = older;
    }
    if (kept == NULL) {
        arena_init(arena, arena->memory, arena->cap_bytes);
        return;
    }
    chunks_release(arena, kept->older);
    kept->older = NULL;
    chunk_enter(arena, kept);
    arena->used_bytes = 0;
}

static int chunk_add(struct arena *arena, size_t need)
{
    size_t size = need > ARENA_CHUNK_BYTES ? need : ARENA_CHUNK_BYTES;
    struct arena_chunk *chunk = memory_allocate(arena->memory, sizeof(*chunk) + size);
    if (chunk == NULL) {
        return -1;
    }
    chunk->size = size;
    chunk->older = arena->newest;
    chunk_enter(arena, chunk);
    return 0;
}

void *arena_allocate(struct arena *arena, size_t size)
{
    if (size > arena->cap_bytes) {
        return NULL;
    }
    size_t need = align_up(size == 0 ? 1 : size);
    if (arena->used_bytes + need > arena->cap_bytes) {
        return NULL;
    }
    if ((size_t)(arena->free_end - arena->free_begin) < need && chunk_add(arena, need) != 0) {
        return NULL;
    }
    void *block = arena->free_begin;
    arena->free_begin += need;
    arena->used_bytes += need;
    return block;
}

void *arena_allocate_zero(struct arena *arena, size_t size)
{
    void *block = arena_allocate(arena, size);
    if (block != NULL) {
        memset(block, 0, size);
    }
    return block;
}

void *arena_allocate_array(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    return arena_allocate(arena, count * size);
}

int arena_copy(struct arena *arena, struct slice bytes, struct slice *out_copy)
{
    uint8_t *copy = arena_allocate(arena, bytes.size);
    if (copy == NULL) {
        return -1;
    }
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    *out_copy = slice_of(copy, bytes.size);
    return 0;
}
