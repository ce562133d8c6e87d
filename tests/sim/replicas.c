#include "tests/sim/replicas.h"

#include "base/arena.h"
#include "node/store/activity.h"
#include "node/store/key.h"
#include "ring/placement.h"
#include "tests/sim/host.h"
#include "tests/sim/model.h"

/* The host whose rows are gone through. */
struct comparison {
    struct world *world;
    struct host *host;
    struct arena arena;
};

/* A marker that no message has followed is on no page; when one does, the row is read back. */
static bool inbox_row_is_listed(const struct row_key *key, struct slice value)
{
    struct activity_place place;
    const struct packed_row row = {.table = key->table,
                                   .clustering = slice_of(key->clustering, key->clustering_size),
                                   .row = value};
    return activity_place_of_row(&row, &place);
}

static bool is_read_back(const struct world *world, const struct row_key *key, struct slice value)
{
    if (key->table == TABLE_INBOX) {
        return model_user_by_id(world->model, &key->partition) != UINT32_MAX &&
               inbox_row_is_listed(key, value);
    }
    if (key->table == TABLE_CHANGE) {
        return false; /* a record is read by retries and take-overs alone */
    }
    uint32_t index = model_conversation_by_id(world->model, &key->partition);
    return index != UINT32_MAX && world->model->conversations[index].known_at_us != NEVER;
}

static void report(const struct comparison *comparison, const struct row_key *key, uint16_t other,
                   const char *what)
{
    char partition[ID_TEXT_BYTES];
    id_to_text(&key->partition, partition);
    findings_add(&comparison->world->findings, "host %u and host %u: %s, table %u of %s",
                 comparison->host->index, other, what, key->table, partition);
}

static void compare_with(struct comparison *comparison, const struct row_key *key, uint16_t other,
                         struct slice bytes, struct slice value)
{
    struct engine *engine = comparison->world->hosts[other]->engine;
    struct slice found;
    arena_reset(&comparison->arena);
    enum columba_error error =
        engine->table->get(engine, SPACE_ROWS, TIER_ALL, bytes, &comparison->arena, &found);
    if (error != COLUMBA_OK) {
        report(comparison, key, other, "the second lacks a row");
    } else if (!slice_equal(found, value)) {
        report(comparison, key, other, "a row differs");
    }
}

static bool visit(void *context, struct slice bytes, struct slice value)
{
    struct comparison *comparison = context;
    struct row_key key;
    if (!row_key_decode(bytes, &key)) {
        findings_add(&comparison->world->findings, "host %u has a key that does not decode",
                     comparison->host->index);
        return true;
    }
    const struct replica_set *replicas = placement_replicas(comparison->world->topology, key.token);
    if (replica_set_position(replicas, comparison->host->index) < 0) {
        report(comparison, &key, comparison->host->index, "a row that is not theirs");
        return true;
    }
    for (unsigned i = 0; i < replicas->count && is_read_back(comparison->world, &key, value); i++) {
        if (replicas->node[i] != comparison->host->index) {
            compare_with(comparison, &key, replicas->node[i], bytes, value);
        }
    }
    return true;
}

void replicas_compare(struct world *world)
{
    static const uint8_t begin[1] = {0};
    static const uint8_t end[KEY_MAX_BYTES] = {[0 ... KEY_MAX_BYTES - 1] = 0xff};
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        struct comparison comparison = {.world = world, .host = world->hosts[i]};
        struct engine *engine = comparison.host->engine;
        struct engine_scan scan = {.space = SPACE_ROWS,
                                   .tier = TIER_ALL,
                                   .begin = slice_of(begin, sizeof begin),
                                   .end = slice_of(end, sizeof end),
                                   .visit = visit,
                                   .context = &comparison};
        arena_init(&comparison.arena, memory_system(), DECODE_ARENA_MAX_BYTES);
        if (engine->table->scan(engine, &scan) != COLUMBA_OK) {
            findings_add(&world->findings, "host %u: its rows cannot be read", i);
        }
        arena_clear(&comparison.arena);
    }
}
