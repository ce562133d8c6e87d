#include "tests/sim/channels.h"

#include "base/arena.h"
#include "base/assert.h"
#include "node/store/key.h"
#include "node/store/row.h"
#include "ring/placement.h"
#include "ring/token.h"
#include "tests/sim/host.h"

/* The first member who is one too many; NULL: there are never so many. Members are added in the
 * model's order. */
static const struct model_member *one_too_many(const struct world *world,
                                               const struct model_conversation *channel)
{
    uint32_t most = world->plan.core.fanout_members_max;
    return channel->member_count > most ? &channel->members[most] : NULL;
}

uint64_t channel_asked_at_us(const struct world *world, const struct model_conversation *channel)
{
    const struct model_member *member = one_too_many(world, channel);
    return member == NULL ? NEVER : member->asked_at_us;
}

bool channel_is_known(const struct world *world, const struct model_conversation *channel)
{
    const struct model_member *member = one_too_many(world, channel);
    return member != NULL && member->known_at_us != NEVER;
}

static bool is_written_at(const struct host *host, struct slice key)
{
    struct arena arena;
    struct slice row;
    struct cell cell;
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    bool is_written = host->engine->table->get(host->engine, SPACE_ROWS, TIER_ALL, key, &arena,
                                               &row) == COLUMBA_OK &&
                      row_find(row, COLUMN_CONVERSATION_CHANNEL_SINCE, &cell);
    arena_clear(&arena);
    return is_written;
}

bool channel_is_written(const struct world *world, const struct id *conversation)
{
    struct row_key key = {
        .token = token_of_partition(PARTITION_CONVERSATION, conversation),
        .partition = *conversation,
        .table = TABLE_CONVERSATION,
    };
    struct key_bytes bytes = row_key_encode(&key);
    const struct replica_set *replicas = placement_replicas(world->topology, key.token);
    COLUMBA_ASSERT(replicas->count > 0);
    for (unsigned i = 0; i < replicas->count; i++) {
        if (is_written_at(world->hosts[replicas->node[i]], key_slice(&bytes))) {
            return true;
        }
    }
    return false;
}
