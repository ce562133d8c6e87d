/* Where a node is reached. */
#include "gossip/parts.h"

bool gossip_address_equal(const struct gossip_address *a, const struct gossip_address *b)
{
    return a->family == b->family && a->port == b->port &&
           memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool gossip_address_is_valid(const struct gossip_address *address)
{
    static const uint8_t zeros[16];
    bool has_tail = address->family == 4 && memcmp(address->bytes + 4, zeros, 12) != 0;
    return (address->family == 4 || address->family == 6) && address->port != 0 && !has_tail;
}
