/* Sentences put together in a fixed buffer: always terminated, cut where they do not fit. */
#ifndef COLUMBA_CLIENT_CORE_TEXT_H
#define COLUMBA_CLIENT_CORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct text {
    char *begin;
    size_t used;
    size_t size;
};

static inline struct text text_into(char *buffer, size_t size)
{
    buffer[0] = '\0';
    return (struct text){.begin = buffer, .size = size};
}

static inline void text_add_slice(struct text *text, struct slice bytes)
{
    size_t left = text->size - 1 - text->used;
    size_t taken = bytes.size < left ? bytes.size : left;
    if (taken > 0) {
        memcpy(text->begin + text->used, bytes.data, taken);
    }
    text->used += taken;
    text->begin[text->used] = '\0';
}

static inline void text_add(struct text *text, const char *more)
{
    text_add_slice(text, slice_of_text(more));
}

static inline void text_add_number(struct text *text, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    text_add_slice(text, slice_of(digits + at, sizeof(digits) - at));
}

#endif
