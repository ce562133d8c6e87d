#include "client/mls/secret_pool.h"

#include <sodium.h>

#include "base/assert.h"

void mls_secret_pool_init(struct mls_secret_pool *pool, struct memory *guarded)
{
    *pool = (struct mls_secret_pool){.guarded = guarded};
}

uint8_t *mls_secret_take(struct mls_secret_pool *pool, size_t size)
{
    COLUMBA_ASSERT(size > 0 && size <= MLS_SECRET_BLOCK_MAX_BYTES);
    return memory_allocate_zero(pool->guarded, size);
}

uint8_t *mls_secret_take_copy(struct mls_secret_pool *pool, const uint8_t *bytes, size_t size)
{
    uint8_t *block = mls_secret_take(pool, size);
    if (block != NULL) {
        memcpy(block, bytes, size);
    }
    return block;
}

void mls_secret_give(struct mls_secret_pool *pool, uint8_t *block, size_t size)
{
    if (block != NULL) {
        sodium_memzero(block, size);
        memory_release(pool->guarded, block);
    }
}
