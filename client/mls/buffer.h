/* Bytes that the library hands out: a buffer that the caller clears. C++ may include this. */
#ifndef COLUMBA_MLS_BUFFER_H
#define COLUMBA_MLS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mls_buffer {
    struct memory *memory;
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool failed;
};

static inline struct mls_buffer mls_buffer_of(struct memory *memory)
{
    struct mls_buffer buffer = {memory, NULL, 0, 0, false};
    return buffer;
}

/* Wipes and frees; the buffer can be used again. */
void mls_buffer_clear(struct mls_buffer *buffer);
/* What was written; empty once failed. */
struct slice mls_buffer_done(const struct mls_buffer *buffer);
/* Room for so many bytes at the end, counted as written. NULL once failed. */
uint8_t *mls_buffer_extend(struct mls_buffer *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
