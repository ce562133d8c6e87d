#include "base/name.h"

#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/utf8.h"

/* No character below this one is changed by normalization, nor combines with the one before it. */
#define FIRST_COMBINING 0x300u
/* UTF-8 in NFC has at most three times the bytes it had before (UAX #15, section 9); libunistring
 * wants room for one more character. */
#define NFC_MAX_BYTES (3u * NAME_MAX_BYTES + 64u)

static bool is_ascii_text(struct slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < 0x20 || name.data[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static bool is_control(ucs4_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

static bool is_separator(ucs4_t character)
{
    return character == 0x2028 || character == 0x2029;
}

static bool overrides_direction(ucs4_t character)
{
    return (character >= 0x202a && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069);
}

static const char *character_problem(ucs4_t character)
{
    if (is_control(character)) {
        return "contains a control character";
    }
    if (is_separator(character)) {
        return "contains a line separator";
    }
    return overrides_direction(character) ? "contains a mark that overrides the direction of text"
                                          : NULL;
}

/* There are characters that count as none and are made of nothing but marks. */
static bool is_mark(ucs4_t character)
{
    ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
    int count = uc_canonical_decomposition(character, parts);
    return uc_combining_class(count > 0 ? parts[0] : character) != 0;
}

static bool is_nfc(struct slice name)
{
    uint8_t buffer[NFC_MAX_BYTES];
    size_t size = sizeof(buffer);
    uint8_t *normal = u8_normalize(UNINORM_NFC, name.data, name.size, buffer, &size);
    COLUMBA_ASSERT(normal == buffer);
    return slice_equal(slice_of(normal, size), name);
}

static const char *characters_problem(struct slice name)
{
    bool may_change = false;
    unsigned marks = 0;
    for (struct slice rest = name; rest.size > 0;) {
        ucs4_t character;
        int size = u8_mbtouc(&character, rest.data, rest.size);
        const char *problem = character_problem(character);
        if (problem != NULL) {
            return problem;
        }
        may_change = may_change || character >= FIRST_COMBINING;
        marks = is_mark(character) ? marks + 1 : 0;
        if (marks > NAME_MARKS_MAX) {
            return "has too many combining marks in a row";
        }
        rest = slice_of(rest.data + size, rest.size - (size_t)size);
    }
    return may_change && !is_nfc(name) ? "is not in Unicode's Normalization Form C" : NULL;
}

_Static_assert(NAME_MAX_BYTES == 512, "the sentence below says so");

const char *name_problem(struct slice name)
{
    if (name.size == 0) {
        return "is missing";
    }
    if (name.size > NAME_MAX_BYTES) {
        return "has more than 512 bytes";
    }
    if (is_ascii_text(name)) {
        return NULL;
    }
    return utf8_is_valid(name) ? characters_problem(name) : "is not UTF-8";
}
