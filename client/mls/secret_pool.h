/*
 * One group's secrets, in guarded memory: pages that are locked, kept out of core dumps and fenced
 * by libsodium. sodium_malloc costs whole pages and mappings, so a pool takes few large chunks and
 * hands out blocks of them.
 *
 * A block is wiped when it is given back; everything is wiped with the pool. Chunks come from a
 * `struct memory` (mls_guarded_memory in production), so a test can make them fail. Not
 * thread-safe.
 */
#ifndef COLUMBA_MLS_SECRET_POOL_H
#define COLUMBA_MLS_SECRET_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

/* A block is a run of slots of this size. */
#define MLS_SECRET_SLOT_BYTES 32u
#define MLS_SECRET_BLOCK_MAX_BYTES 2048u

struct mls_secret_chunk;

struct mls_secret_pool {
    struct memory *memory;  /* for book-keeping */
    struct memory *guarded; /* for the secrets */
    struct mls_secret_chunk *newest;
};

/* sodium_malloc and sodium_free. Shared, thread-safe, never freed. */
struct memory *mls_guarded_memory(void);

void mls_secret_pool_init(struct mls_secret_pool *pool, struct memory *memory,
                          struct memory *guarded);
/* Wipes and frees all, blocks still out included. */
void mls_secret_pool_clear(struct mls_secret_pool *pool);
/* Zeroed. NULL: no memory. */
uint8_t *mls_secret_take(struct mls_secret_pool *pool, size_t size);
/* A copy of `bytes` in the pool. */
uint8_t *mls_secret_take_copy(struct mls_secret_pool *pool, const uint8_t *bytes, size_t size);
/* Wipes the block; `size` as it was taken. NULL is fine. */
void mls_secret_give(struct mls_secret_pool *pool, uint8_t *block, size_t size);

#endif
