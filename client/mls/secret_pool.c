#include "client/mls/secret_pool.h"

#include <sodium.h>
#include <stdbool.h>

#include "base/assert.h"

/* A page, then twice as much each time: a group of thousands has a dozen chunks. */
#define FIRST_CHUNK_SLOTS 128u
#define LAST_CHUNK_SLOTS (128u * 1024u)

struct mls_secret_chunk {
    struct mls_secret_chunk *older;
    uint8_t *slots;
    size_t slot_count;
    size_t free_count;
    size_t first_free; /* no slot below it is free */
    uint8_t used[];    /* one byte a slot */
};

static void *guarded_allocate(struct memory *memory, size_t size)
{
    (void)memory;
    return sodium_malloc(size);
}

static void guarded_release(struct memory *memory, void *block)
{
    (void)memory;
    sodium_free(block);
}

struct memory *mls_guarded_memory(void)
{
    static struct memory guarded = {.allocate = guarded_allocate, .release = guarded_release};
    return &guarded;
}

void mls_secret_pool_init(struct mls_secret_pool *pool, struct memory *memory,
                          struct memory *guarded)
{
    *pool = (struct mls_secret_pool){.memory = memory, .guarded = guarded};
}

void mls_secret_pool_clear(struct mls_secret_pool *pool)
{
    while (pool->newest != NULL) {
        struct mls_secret_chunk *chunk = pool->newest;
        pool->newest = chunk->older;
        sodium_memzero(chunk->slots, chunk->slot_count * MLS_SECRET_SLOT_BYTES);
        memory_release(pool->guarded, chunk->slots);
        memory_release(pool->memory, chunk);
    }
}

static struct mls_secret_chunk *chunk_create(struct mls_secret_pool *pool)
{
    size_t count = pool->newest == NULL ? FIRST_CHUNK_SLOTS : 2 * pool->newest->slot_count;
    if (count > LAST_CHUNK_SLOTS) {
        count = LAST_CHUNK_SLOTS;
    }
    struct mls_secret_chunk *chunk = memory_allocate_zero(pool->memory, sizeof(*chunk) + count);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->slots = memory_allocate(pool->guarded, count * MLS_SECRET_SLOT_BYTES);
    if (chunk->slots == NULL) {
        memory_release(pool->memory, chunk);
        return NULL;
    }
    memset(chunk->slots, 0, count * MLS_SECRET_SLOT_BYTES);
    chunk->slot_count = count;
    chunk->free_count = count;
    chunk->older = pool->newest;
    pool->newest = chunk;
    return chunk;
}

/* The first run of `count` free slots, marked as used; NULL if there is none. */
static uint8_t *chunk_take(struct mls_secret_chunk *chunk, size_t count)
{
    size_t run = 0;
    if (chunk->free_count < count) {
        return NULL;
    }
    while (chunk->first_free < chunk->slot_count && chunk->used[chunk->first_free]) {
        chunk->first_free++;
    }
    for (size_t i = chunk->first_free; i < chunk->slot_count; i++) {
        run = chunk->used[i] ? 0 : run + 1;
        if (run == count) {
            size_t first = i + 1 - count;
            memset(chunk->used + first, 1, count);
            chunk->free_count -= count;
            return chunk->slots + first * MLS_SECRET_SLOT_BYTES;
        }
    }
    return NULL;
}

static size_t slots_for(size_t size)
{
    COLUMBA_ASSERT(size > 0 && size <= MLS_SECRET_BLOCK_MAX_BYTES);
    return (size + MLS_SECRET_SLOT_BYTES - 1) / MLS_SECRET_SLOT_BYTES;
}

uint8_t *mls_secret_take(struct mls_secret_pool *pool, size_t size)
{
    size_t count = slots_for(size);
    for (struct mls_secret_chunk *chunk = pool->newest; chunk != NULL; chunk = chunk->older) {
        uint8_t *block = chunk_take(chunk, count);
        if (block != NULL) {
            return block;
        }
    }
    struct mls_secret_chunk *chunk = chunk_create(pool);
    return chunk == NULL ? NULL : chunk_take(chunk, count);
}

uint8_t *mls_secret_take_copy(struct mls_secret_pool *pool, const uint8_t *bytes, size_t size)
{
    uint8_t *block = mls_secret_take(pool, size);
    if (block != NULL) {
        memcpy(block, bytes, size);
    }
    return block;
}

static bool chunk_holds(const struct mls_secret_chunk *chunk, const uint8_t *block)
{
    uintptr_t at = (uintptr_t)block;
    uintptr_t begin = (uintptr_t)chunk->slots;
    return at >= begin && at < begin + chunk->slot_count * MLS_SECRET_SLOT_BYTES;
}

void mls_secret_give(struct mls_secret_pool *pool, uint8_t *block, size_t size)
{
    if (block == NULL) {
        return;
    }
    size_t count = slots_for(size);
    struct mls_secret_chunk *chunk = pool->newest;
    while (chunk != NULL && !chunk_holds(chunk, block)) {
        chunk = chunk->older;
    }
    COLUMBA_ASSERT(chunk != NULL);
    size_t first = (size_t)(block - chunk->slots) / MLS_SECRET_SLOT_BYTES;
    COLUMBA_ASSERT(chunk->used[first]);
    sodium_memzero(block, count * MLS_SECRET_SLOT_BYTES);
    memset(chunk->used + first, 0, count);
    chunk->free_count += count;
    if (first < chunk->first_free) {
        chunk->first_free = first;
    }
}
