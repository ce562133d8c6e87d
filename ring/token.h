/*
 * Tokens: where on the ring a partition lies. The ring is the whole range of 64-bit numbers and
 * wraps from the greatest to 0. Token values are on disk (they begin every storage key) and on the
 * wire, so token_of_partition never changes.
 *
 * A range is (after, up_to]: it ends with its own token and begins behind the one before. Where
 * up_to <= after it wraps; where both are equal it is the whole ring.
 */
#ifndef COLUMBA_RING_TOKEN_H
#define COLUMBA_RING_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"

/* On disk and on the wire. */
enum partition_kind { PARTITION_CONVERSATION = 1, PARTITION_USER = 2 };

/* XXH3-64 of the kind (one byte), then the id (16 bytes). */
uint64_t token_of_partition(enum partition_kind kind, const struct id *id);

static inline bool token_range_contains(uint64_t after, uint64_t up_to, uint64_t token)
{
    if (after < up_to) {
        return token > after && token <= up_to;
    }
    return token > after || token <= up_to;
}

/* How many tokens the range has; for the whole ring one less, to fit 64 bits. */
static inline uint64_t token_range_width(uint64_t after, uint64_t up_to)
{
    return after == up_to ? UINT64_MAX : up_to - after;
}

/* The range's share of the ring, above 0 and at most 1. */
static inline double token_range_fraction(uint64_t after, uint64_t up_to)
{
    return (double)token_range_width(after, up_to) / 0x1p64;
}

#endif
