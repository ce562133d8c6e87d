/* Sentences put together in a fixed buffer: always terminated, cut where they do not fit. */
#ifndef COLUMBA_CLIENT_CORE_TEXT_H
#define COLUMBA_CLIENT_CORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/utf8.h"

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

/* What came off the network: control characters, which could steer a terminal, and bytes that are
 * not UTF-8 become '?'. */
static inline void text_add_foreign(struct text *text, struct slice bytes)
{
    while (bytes.size > 0) {
        size_t length = utf8_length(bytes);
        bool is_bad = length == 0 || bytes.data[0] < 0x20 || bytes.data[0] == 0x7f;
        size_t taken = is_bad ? 1 : length;
        if (text->size - 1 - text->used < taken) {
            return;
        }
        text_add_slice(text, is_bad ? slice_of("?", 1) : slice_of(bytes.data, length));
        bytes = slice_of(bytes.data + taken, bytes.size - taken);
    }
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
