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

size_t utf8_character(struct slice text, uint32_t *out_character)
{
    static const uint8_t first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t length = utf8_length(text);
    if (length == 0) {
        return 0;
    }
    uint32_t character = text.data[0] & first_bits[length];
    for (size_t i = 1; i < length; i++) {
        character = character << 6 | (text.data[i] & 0x3fu);
    }
    *out_character = character;
    return length;
}

bool utf8_is_shown(uint32_t character)
{
    bool is_control = character < 0x20 || (character >= 0x7f && character < 0xa0);
    bool is_override = (character >= 0x202a && character <= 0x202e) ||
                       (character >= 0x2066 && character <= 0x2069);
    bool is_separator = character == 0x2028 || character == 0x2029;
    bool is_hidden = (character >= 0xfff9 && character <= 0xfffb) ||
                     (character >= 0xe0000 && character <= 0xe007f);
    return !is_control && !is_override && !is_separator && !is_hidden;
}

void utf8_hide(char *text)
{
    struct slice rest = slice_of_text(text);
    char *out = text;
    while (rest.size > 0) {
        uint32_t character = 0;
        size_t length = utf8_character(rest, &character);
        bool is_shown = length > 0 && utf8_is_shown(character);
        length = length > 0 ? length : 1;
        if (is_shown) {
            memmove(out, rest.data, length);
            out += length;
        } else {
            *out++ = '?';
        }
        rest = slice_of(rest.data + length, rest.size - length);
    }
    *out = '\0';
}
