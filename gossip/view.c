/*
 * What is known of the members: for the caller, and how many of them are alive for the parts.
 */
#include "base/assert.h"
#include "gossip/parts.h"

const char *gossip_status_text(enum gossip_status status)
{
    static const char *const texts[] = {"alive", "suspect", "dead", "left"};
    return (unsigned)status < sizeof texts / sizeof texts[0] ? texts[status] : "unknown";
}

unsigned gossip_magnitude(const struct gossip *gossip)
{
    return 64u - (unsigned)__builtin_clzll(gossip_alive_count(gossip) | 1);
}

unsigned gossip_others_alive(const struct gossip *gossip)
{
    unsigned alive = gossip->members.status_counts[GOSSIP_ALIVE];
    return alive - !gossip->has_left;
}

uint16_t gossip_random_alive(struct gossip *gossip, uint16_t except)
{
    uint16_t place = (uint16_t)random_below(&gossip->random, gossip->members.count);
    return gossip_members_from(&gossip->members, place, GOSSIP_ALIVE, except);
}

bool gossip_knows_host(const struct gossip *gossip, const struct id *host)
{
    size_t low = 0;
    size_t high = gossip->config.hosts_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (id_compare(&gossip->hosts[middle], host) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return gossip->config.hosts_count == 0 ||
           (low < gossip->config.hosts_count && id_equal(&gossip->hosts[low], host));
}

uint64_t gossip_unix_ms(const struct gossip *gossip)
{
    const struct gossip_clocks *clocks = &gossip->clocks;
    int64_t unix_ms = clocks->base_ms + (int64_t)gossip->now_ms;
    return clocks->has_wall && unix_ms > 0 ? (uint64_t)unix_ms : 0;
}

struct gossip_clock gossip_clock(const struct gossip *gossip)
{
    return (struct gossip_clock){
        .is_wrong = gossip->clocks.is_wrong,
        .offset_ms = gossip_clocks_offset_ms(&gossip->clocks),
        .compared = (uint32_t)gossip->clocks.count,
    };
}

bool gossip_clock_of(const struct gossip *gossip, const struct id *host, int64_t *out_offset_ms)
{
    return gossip_clocks_find(&gossip->clocks, host, out_offset_ms);
}

size_t gossip_member_count(const struct gossip *gossip)
{
    return gossip->members.count;
}

static struct gossip_member member_of(const struct gossip_row *row)
{
    struct gossip_member member = {
        .host = row->host,
        .address = row->address,
        .status = row->status,
        .generation = row->generation,
        .incarnation = row->incarnation,
        .since_ms = row->since_ms,
        .state_version = gossip_row_version(row),
    };
    for (unsigned key = 0; key < GOSSIP_KEY_COUNT; key++) {
        member.state[key] = gossip_state_get(&row->state, (enum gossip_key)key);
    }
    return member;
}

struct gossip_member gossip_member_at(const struct gossip *gossip, size_t index)
{
    COLUMBA_ASSERT(index < gossip->members.count);
    return member_of(&gossip->members.rows[gossip->members.order[index]]);
}

bool gossip_member_find(const struct gossip *gossip, const struct id *host,
                        struct gossip_member *out_member)
{
    uint16_t slot = gossip_members_find(&gossip->members, host);
    if (slot == GOSSIP_NONE) {
        return false;
    }
    *out_member = member_of(&gossip->members.rows[slot]);
    return true;
}

bool gossip_status_of(const struct gossip *gossip, const struct id *host,
                      enum gossip_status *out_status)
{
    uint16_t slot = gossip_members_find(&gossip->members, host);
    if (slot == GOSSIP_NONE) {
        return false;
    }
    *out_status = gossip->members.rows[slot].status;
    return true;
}

size_t gossip_alive_count(const struct gossip *gossip)
{
    const uint16_t *counts = gossip->members.status_counts;
    return (size_t)counts[GOSSIP_ALIVE] + counts[GOSSIP_SUSPECT];
}
