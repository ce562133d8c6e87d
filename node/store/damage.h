/*
 * What an engine could not read: how often it met bytes that fail their check, and what the newest
 * of these times said, with file and range. Many threads note, one looks now and then.
 */
#ifndef COLUMBA_NODE_STORE_DAMAGE_H
#define COLUMBA_NODE_STORE_DAMAGE_H

#include <stdint.h>

#include "base/slice.h"

/* The longest text of damage, with its final NUL. */
#define DAMAGE_TEXT_MAX_BYTES 512u
/* Two keys in hexadecimal, cut when longer, and what is between them. */
#define DAMAGE_RANGE_BYTES 160u

struct engine_damage {
    uint64_t count;
    char text[DAMAGE_TEXT_MAX_BYTES]; /* of the newest; "" if there was none */
};

/* "keys 01ab… to 01cd…" */
void damage_range_text(struct slice begin, struct slice end, char out_text[DAMAGE_RANGE_BYTES]);

#endif
