#include "node/shell/buffer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool buffer_take(struct buffer *buffer, struct buffer_pool *pool)
{
    if (pool->count > 0) {
        *buffer = pool->kept[--pool->count];
        buffer->size = 0;
        return true;
    }
    uint8_t *bytes = malloc(BUFFER_BYTES);
    if (bytes == NULL) {
        return false;
    }
    *buffer = (struct buffer){.bytes = bytes, .capacity = BUFFER_BYTES};
    return true;
}

uint8_t *buffer_reserve(struct buffer *buffer, struct buffer_pool *pool, size_t size)
{
    if (buffer->bytes == NULL && !buffer_take(buffer, pool)) {
        return NULL;
    }
    size_t needed = buffer->size + size;
    if (needed > buffer->capacity) {
        size_t capacity = buffer->capacity * 2 > needed ? buffer->capacity * 2 : needed;
        uint8_t *bytes = realloc(buffer->bytes, capacity);
        if (bytes == NULL) {
            return NULL;
        }
        buffer->bytes = bytes;
        buffer->capacity = capacity;
    }
    return buffer->bytes + buffer->size;
}

size_t buffer_trim(struct buffer *buffer, size_t used)
{
    size_t left = buffer->size - used;
    if (left > buffer->capacity / 2) {
        return used;
    }
    memmove(buffer->bytes, buffer->bytes + used, left);
    uint8_t *bytes = realloc(buffer->bytes, left == 0 ? 1 : left);
    if (bytes != NULL) {
        buffer->bytes = bytes;
        buffer->capacity = left;
    }
    buffer->size = left;
    return 0;
}

void buffer_release(struct buffer *buffer, struct buffer_pool *pool)
{
    if (buffer->bytes == NULL) {
        return;
    }
    bool is_usual = buffer->capacity >= BUFFER_BYTES && buffer->capacity <= BUFFER_KEPT_BYTES;
    if (is_usual && pool->count < BUFFERS_KEPT_MAX) {
        pool->kept[pool->count++] = *buffer;
    } else {
        free(buffer->bytes);
    }
    *buffer = (struct buffer){0};
}

void buffer_pool_clear(struct buffer_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++) {
        free(pool->kept[i].bytes);
    }
    pool->count = 0;
}
