/*
 * Where an object's secrets are: blocks of guarded memory, wiped when they are given back. In
 * production they come from the process's secret heap, in a test from a memory that can fail.
 */
#ifndef COLUMBA_MLS_SECRET_POOL_H
#define COLUMBA_MLS_SECRET_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "client/mls/secret_heap.h"

struct mls_secret_pool {
    struct memory *guarded;
};

void mls_secret_pool_init(struct mls_secret_pool *pool, struct memory *guarded);
/* Zeroed. NULL: no memory. */
uint8_t *mls_secret_take(struct mls_secret_pool *pool, size_t size);
/* A copy of `bytes` in the pool. */
uint8_t *mls_secret_take_copy(struct mls_secret_pool *pool, const uint8_t *bytes, size_t size);
/* Wipes the block; `size` as it was taken. NULL is fine. */
void mls_secret_give(struct mls_secret_pool *pool, uint8_t *block, size_t size);

#endif
