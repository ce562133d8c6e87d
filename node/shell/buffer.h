/*
 * Output buffers. A connection with nothing to send holds none, so ten thousand idle ones cost
 * nothing; used buffers go back to a small pool, so a busy one allocates nothing.
 */
#ifndef COLUMBA_NODE_SHELL_BUFFER_H
#define COLUMBA_NODE_SHELL_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

/* One turn's answers to one connection usually fit. */
#define BUFFER_BYTES (16u * KIB)
/* Grown ones above this are freed rather than kept: a page of history is rare. */
#define BUFFER_KEPT_BYTES (256u * KIB)
/* Kept ones: connections that are busy in the same turn. */
#define BUFFERS_KEPT_MAX 64u

struct buffer {
    uint8_t *bytes; /* NULL: none is held */
    size_t size;
    size_t capacity;
};

struct buffer_pool {
    struct buffer kept[BUFFERS_KEPT_MAX];
    unsigned count;
};

/* Room for `size` more bytes at bytes + size; NULL: no memory (the buffer is as it was). The caller
 * adds what it wrote to buffer->size. */
uint8_t *buffer_reserve(struct buffer *buffer, struct buffer_pool *pool, size_t size);
/* Drops the first `used` bytes where that gives memory back; returns how many are left of them. */
size_t buffer_trim(struct buffer *buffer, size_t used);
/* Gives the memory back; the buffer then holds none. */
void buffer_release(struct buffer *buffer, struct buffer_pool *pool);
void buffer_pool_clear(struct buffer_pool *pool);

#endif
