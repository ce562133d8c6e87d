#include "node/store/damage.h"

#include <stdio.h>

#define KEY_SHOWN_BYTES 32u

static size_t key_text(struct slice key, char *out_text)
{
    static const char digits[] = "0123456789abcdef";
    size_t shown = key.size < KEY_SHOWN_BYTES ? key.size : KEY_SHOWN_BYTES;
    for (size_t i = 0; i < shown; i++) {
        out_text[2 * i] = digits[key.data[i] >> 4];
        out_text[2 * i + 1] = digits[key.data[i] & 15];
    }
    out_text[2 * shown] = '\0';
    return 2 * shown;
}

void damage_range_text(struct slice begin, struct slice end, char out_text[DAMAGE_RANGE_BYTES])
{
    char first[2 * KEY_SHOWN_BYTES + 1];
    char last[2 * KEY_SHOWN_BYTES + 1];
    key_text(begin, first);
    key_text(end, last);
    snprintf(out_text, DAMAGE_RANGE_BYTES, "keys %s to %s", first, last);
}
