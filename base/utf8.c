#include "base/utf8.h"

static size_t length_by_first(uint8_t first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The second byte alone tells overlong forms, surrogates and what lies above U+10FFFF. */
static bool second_is_in_range(uint8_t first, uint8_t second)
{
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
}

size_t utf8_length(struct slice text)
{
    if (text.size == 0) {
        return 0;
    }
    size_t length = length_by_first(text.data[0]);
    if (length > text.size || (length > 1 && !second_is_in_range(text.data[0], text.data[1]))) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((text.data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool utf8_is_valid(struct slice text)
{
    while (text.size > 0) {
        size_t length = utf8_length(text);
        if (length == 0) {
            return false;
        }
        text = slice_of(text.data + length, text.size - length);
    }
    return true;
}
