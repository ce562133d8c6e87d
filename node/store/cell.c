/* Which of two cells wins: the merge rules of schema.h, made total orders. */
#include "node/store/cell.h"

#include <xxhash.h>

#include "base/assert.h"

/* The last word between cells that differ in nothing their rule asks for. */
static bool expires_later(const struct cell *a, const struct cell *b)
{
    return a->expires_at_ms > b->expires_at_ms;
}

static bool last_wins(const struct cell *a, const struct cell *b)
{
    if (a->timestamp != b->timestamp) {
        return a->timestamp > b->timestamp;
    }
    int order = slice_compare(a->value, b->value);
    return order != 0 ? order > 0 : expires_later(a, b);
}

static bool first_wins(const struct cell *a, const struct cell *b)
{
    if (a->timestamp != b->timestamp) {
        return a->timestamp < b->timestamp;
    }
    if (slice_equal(a->value, b->value)) {
        return expires_later(a, b);
    }
    uint64_t hash_a = XXH3_64bits(a->value.data, a->value.size);
    uint64_t hash_b = XXH3_64bits(b->value.data, b->value.size);
    return hash_a != hash_b ? hash_a < hash_b : slice_compare(a->value, b->value) < 0;
}

bool cell_wins(enum merge_rule rule, const struct cell *a, const struct cell *b)
{
    COLUMBA_ASSERT(rule != RULE_SET && rule != RULE_NONE);
    switch (rule) {
    case RULE_LWW:
        return last_wins(a, b);
    case RULE_FIRST:
        return first_wins(a, b);
    case RULE_MAX:
#ifdef COLUMBA_BUG_marker_goes_back
        return true;
#endif
        return slice_compare(a->value, b->value) > 0;
    case RULE_DEAD:
        return a->timestamp != b->timestamp ? a->timestamp < b->timestamp
                                            : slice_compare(a->value, b->value) < 0;
    case RULE_SET:
    case RULE_NONE:
        break;
    }
    return false;
}
