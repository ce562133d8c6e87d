#include "node/store/rocksdb_gap.h"

#include "base/assert.h"

/* Adds 2^power to the key, a big-endian number. False: it has no such place, or overflows. */
static bool key_add(struct key_bytes *key, unsigned power)
{
    if (power / 8 >= key->size) {
        return false;
    }
    unsigned at = key->size - 1 - power / 8;
    unsigned sum = key->bytes[at] + (1u << power % 8);
    key->bytes[at] = (uint8_t)sum;
    while (sum > UINT8_MAX && at > 0) {
        at--;
        sum = key->bytes[at] + 1u;
        key->bytes[at] = (uint8_t)sum;
    }
    return sum <= UINT8_MAX;
}

bool gap_pass(struct key_bytes *key, struct slice end, gap_probe_at probe, void *context)
{
    COLUMBA_ASSERT(key->size > 0);
    struct key_bytes damaged = *key;
    unsigned power = 0;
    /* Doubling: `damaged` cannot be read from, the key + 2^power can, or is past the end. */
    for (;; power++) {
        struct key_bytes next = *key;
        if (!key_add(&next, power) || slice_compare(key_slice(&next), end) >= 0 ||
            probe(context, key_slice(&next)) == PROBE_READABLE) {
            break;
        }
        damaged = next;
    }
    while (power-- > 0) {
        struct key_bytes next = damaged;
        if (key_add(&next, power) && slice_compare(key_slice(&next), end) < 0 &&
            probe(context, key_slice(&next)) == PROBE_DAMAGED) {
            damaged = next;
        }
    }
    *key = damaged;
    return key_add(key, 0) && slice_compare(key_slice(key), end) < 0;
}
