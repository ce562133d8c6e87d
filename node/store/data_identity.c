#include "node/store/data_identity.h"

#include "base/bytes.h"

#include <stddef.h>

#include "base/assert.h"

enum identity_verdict data_identity_judge(const struct id *known, const struct data_identity *told)
{
    COLUMBA_ASSERT(known == NULL || !id_is_zero(known));
    if (id_is_zero(&told->id)) {
        return IDENTITY_WIPED;
    }
    if (known == NULL) {
        return IDENTITY_FIRST;
    }
    int order = id_compare(&told->id, known);
    if (order == 0) {
        return IDENTITY_KNOWN;
    }
#ifdef COLUMBA_BUG_wiped_are_counted
    return IDENTITY_REPLACED;
#endif
    return told->accepts_loss && order > 0 ? IDENTITY_REPLACED : IDENTITY_WIPED;
}

uint64_t log_incarnation_of(const struct data_identity *identity)
{
    /* The half of a UUIDv7 that is random. */
    return bytes_get_u64_be(&identity->id.bytes[8]) | 1u;
}
