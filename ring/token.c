#include "ring/token.h"

#include <string.h>
#include <xxhash.h>

uint64_t token_of_partition(enum partition_kind kind, const struct id *id)
{
    uint8_t named[1 + ID_BYTES];
    named[0] = (uint8_t)kind;
    memcpy(named + 1, id->bytes, ID_BYTES);
    return XXH3_64bits(named, sizeof(named));
}
