/*
 * A slice is a view of bytes somebody else owns: it never frees, and is valid as long as its owner
 * says. A NULL pointer goes only with length 0.
 */
#ifndef COLUMBA_BASE_SLICE_H
#define COLUMBA_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data;
    size_t size;
};

static inline struct slice slice_of(const void *data, size_t size)
{
    struct slice slice = {(const uint8_t *)data, size};
    return slice;
}

static inline struct slice slice_of_text(const char *text)
{
    return slice_of(text, strlen(text));
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Byte order; a prefix sorts first. */
static inline int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

#endif
