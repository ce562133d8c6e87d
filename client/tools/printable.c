#include "client/tools/printable.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static void put_hidden(FILE *out, const uint8_t *bytes, size_t length, uint32_t character)
{
    if (length <= 1) {
        fprintf(out, "\\x%02x", bytes[0]);
    } else {
        fprintf(out, "\\u{%x}", character);
    }
}

void printable_write(FILE *out, const char *text, size_t size, const char *indent)
{
    struct slice rest = slice_of(text, size);
    while (rest.size > 0) {
        uint32_t character = 0;
        size_t length = utf8_character(rest, &character);
        if (length > 0 && (utf8_is_shown(character) || character == '\t')) {
            fwrite(rest.data, 1, length, out);
        } else if (length > 0 && character == '\n' && indent) {
            fprintf(out, "\n%s", indent);
        } else {
            put_hidden(out, rest.data, length, character);
        }
        size_t step = length > 0 ? length : 1;
        rest = slice_of(rest.data + step, rest.size - step);
    }
}

void printable_put(FILE *out, const char *text)
{
    printable_write(out, text, strlen(text), NULL);
}

char *printable_copy(const char *text)
{
    char *copy = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&copy, &size);
    if (!out) {
        return NULL;
    }
    printable_put(out, text);
    if (fclose(out) != 0) {
        free(copy);
        return NULL;
    }
    return copy;
}

void printable_json(FILE *out, const char *json)
{
    struct slice rest = slice_of(json, strlen(json));
    while (rest.size > 0) {
        uint32_t character = 0;
        size_t length = utf8_character(rest, &character);
        if (length == 0) {
            fputs("\\ufffd", out); /* JSON that is none: shown as far as it can be */
            length = 1;
        } else if (utf8_is_shown(character) || character == '\n' || character == '\t') {
            fwrite(rest.data, 1, length, out);
        } else if (character >= 0x10000) {
            uint32_t bits = character - 0x10000;
            fprintf(out, "\\u%04x\\u%04x", 0xd800 | bits >> 10, 0xdc00 | (bits & 0x3ff));
        } else {
            fprintf(out, "\\u%04x", character);
        }
        rest = slice_of(rest.data + length, rest.size - length);
    }
}
