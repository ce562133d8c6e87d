#include "tests/sim/diagnosis.h"

#include "base/arena.h"
#include "node/store/key.h"
#include "node/store/row.h"
#include "ring/placement.h"
#include "ring/token.h"
#include "tests/sim/host.h"

/* The unread ids that a host has stored; empty: no row, or none unread. */
static struct slice unread_of_host(const struct host *host, const struct id *conversation,
                                   const struct id *user, struct arena *arena)
{
    struct row_key key = {
        .token = token_of_partition(PARTITION_USER, user),
        .partition = *user,
        .table = TABLE_INBOX,
        .clustering_size = ID_BYTES,
    };
    memcpy(key.clustering, conversation->bytes, ID_BYTES);
    struct key_bytes bytes = row_key_encode(&key);
    struct slice row;
    struct cell cell;
    if (host->engine->table->get(host->engine, SPACE_ROWS, TIER_ALL, key_slice(&bytes), arena,
                                 &row) != COLUMBA_OK ||
        !row_find(row, COLUMN_INBOX_UNREAD, &cell)) {
        return slice_of(NULL, 0);
    }
    return cell.value;
}

static bool holds(struct slice ids, const struct id *id)
{
    for (size_t at = 0; at + ID_BYTES <= ids.size; at += ID_BYTES) {
        if (memcmp(ids.data + at, id->bytes, ID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

static void report(struct world *world, const struct model_conversation *conversation,
                   uint32_t user, uint16_t host, const struct id *id)
{
    char text[ID_TEXT_BYTES];
    const struct model_message *message = model_message(conversation, id);
    id_to_text(id, text);
    findings_add(&world->findings,
                 "host %u lacks %s in %s for user %u: sent by user %u at %.6f s, known at %.6f s",
                 host, text, conversation->name, user, message->sender,
                 (double)message->asked_at_us / 1e6,
                 message->known_at_us == NEVER ? -1.0 : (double)message->known_at_us / 1e6);
}

void diagnose_unread(struct world *world, uint32_t index, uint32_t user, const struct id *ids,
                     uint32_t count)
{
    const struct model_conversation *conversation = &world->model->conversations[index];
    const struct id *user_id = &world->model->users[user].id;
    const struct replica_set *replicas =
        placement_replicas(world->topology, token_of_partition(PARTITION_USER, user_id));
    struct arena arena;
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    for (unsigned k = 0; k < replicas->count; k++) {
        uint16_t host = replicas->node[k];
        struct slice unread =
            unread_of_host(world->hosts[host], &conversation->id, user_id, &arena);
        for (uint32_t i = 0; i < count; i++) {
            if (!holds(unread, &ids[i])) {
                report(world, conversation, user, host, &ids[i]);
            }
        }
    }
    arena_clear(&arena);
}
