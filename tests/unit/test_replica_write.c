/*
 * What a replica takes of what another node writes: only rows of their tables in canonical form, no
 * growth that it cannot judge, for its own ranges, while there is room on the disk. What is refused
 * leaves nothing in the batch. And of two bodies under one id only the first, whatever its clock
 * says and however often it starts.
 */
#include "rows.h"

#include <limits.h>
#include <stdlib.h>

#include "base/limits.h"
#include "node/core/core.h"
#include "node/core/replica/recent.h"
#include "node/store/id_bound.h"
#include "ring/token.h"
#include "ring_cluster.h"
#include "scarce_memory.h"

#define SELF 0u
#define PEER 1u
#define UNIX_MS UINT64_C(1767225600000)
#define MEMORY_MESSAGES 1024u /* of each of two generations */

static struct arena arena;
static struct topology *topology;
static struct core *core;
static struct scarce_memory memory;
static struct engine *engine; /* what the core has put into its batches */
static uint64_t clock_ms;

static struct topology *topology_of_three(void)
{
    static const uint64_t tokens[] = {UINT64_C(1) << 62, UINT64_C(1) << 63, UINT64_C(3) << 62};
    struct ring_cluster *cluster = ring_cluster_create(3);
    for (unsigned i = 0; i < 3; i++) {
        ring_cluster_tokens(cluster, i, &tokens[i], 1);
    }
    ring_cluster_factor(cluster, "dc1", 1);
    struct topology *made = ring_cluster_topology(cluster);
    ring_cluster_destroy(cluster);
    return made;
}

static void effects_skip(void)
{
    struct effect effect;
    while (core_effect_next(core, &effect)) {
    }
}

static void start_core(uint64_t unix_ms)
{
    struct core_config config;
    core_config_defaults(&config);
    config.self = SELF;
    config.start_count = 1;
    config.recent_messages = MEMORY_MESSAGES;
    assert_int_equal(id_bound_get(engine, memory_system(), &config.ids_bound_ms), COLUMBA_OK);
    core = core_create(&memory.memory, &config, topology);
    assert_non_null(core);
    clock_ms = 1000;
    core_now(core, clock_ms, unix_ms);
    core_step(core, &(struct event){.type = EVENT_STARTED});
    effects_skip();
}

static int make_core(void **state)
{
    (void)state;
    memory = scarce_memory(UINT_MAX);
    arena_init(&arena, memory_system(), 4 * MIB);
    topology = topology_of_three();
    engine = engine_memory_open(memory_system());
    assert_non_null(engine);
    start_core(UNIX_MS);
    return 0;
}

static int destroy_core(void **state)
{
    (void)state;
    core_destroy(core);
    engine->table->close(engine);
    assert_int_equal(memory.out, 0);
    topology_destroy(topology);
    arena_clear(&arena);
    return 0;
}

/* A conversation that this node owns, or does not. */
static struct id partition_here(bool is_here)
{
    for (uint64_t number = 1;; number++) {
        struct id id = id_of_number(number * UINT64_C(0x9e3779b97f4a7c15));
        const struct replica_set *replicas =
            placement_replicas(topology, token_of_partition(PARTITION_CONVERSATION, &id));
        if ((replicas->node[0] == SELF) == is_here) {
            return id;
        }
    }
}

static struct slice packed_of(uint8_t table, struct slice row)
{
    static uint8_t bytes[ROW_MAX_BYTES * 2];
    static const uint8_t clustering[32];
    struct writer writer = writer_of(bytes, sizeof bytes);
    int size = table == TABLE_MESSAGE ? ID_BYTES : 0;
    packed_row_write(&writer, &(struct packed_row){.table = table,
                                                   .clustering = slice_of(clustering, (size_t)size),
                                                   .row = row});
    return writer_done(&writer);
}

/* Writes as another node does; what came of it at once: COLUMBA_OK if it was not refused,
 * ERR_NOT_FOUND if the store is asked first. */
static enum columba_error write_step(bool is_here, struct slice packed, unsigned *out_merged)
{
    const struct message message = {.type = MESSAGE_WRITE,
                                    .write = {.topology_version = topology->version,
                                              .partition_kind = PARTITION_CONVERSATION,
                                              .partition = partition_here(is_here),
                                              .packed = packed}};
    core_step(core, &(struct event){
                        .type = EVENT_REQUEST,
                        .request = {
                            .connection = 7, .request_id = 9, .node = PEER, .message = &message}});
    enum columba_error error = COLUMBA_OK;
    struct effect effect;
    *out_merged = 0;
    while (core_effect_next(core, &effect)) {
        if (effect.type == EFFECT_REPLY) {
            assert_int_equal(effect.reply.message->type, MESSAGE_WRITTEN);
            error = effect.reply.message->written.error;
            assert_int_not_equal(error, COLUMBA_OK); /* nothing is durable yet */
        }
        *out_merged += effect.type == EFFECT_MERGE;
        error = effect.type == EFFECT_READ ? ERR_NOT_FOUND : error;
    }
    return error;
}

/* The same; what is not refused is in the batch, and only that. */
static enum columba_error write_as_peer(bool is_here, struct slice packed)
{
    unsigned merged;
    enum columba_error error = write_step(is_here, packed, &merged);
    assert_int_equal(merged > 0, error == COLUMBA_OK);
    return error;
}

static struct slice kind_row(uint8_t column, const char *value)
{
    const struct cell cell = {.column = column, .timestamp = 1, .value = slice_of_text(value)};
    return row_build(&arena, &cell, 1);
}

static void a_row_of_its_table_is_taken(void **state)
{
    (void)state;
    assert_int_equal(
        write_as_peer(true, packed_of(TABLE_CONVERSATION, kind_row(COLUMN_CONVERSATION_KIND, "2"))),
        COLUMBA_OK);
}

static void what_is_no_row_of_its_table_is_refused(void **state)
{
    (void)state;
    const struct {
        uint8_t column;
        const char *value;
    } wrong[] = {{COLUMN_CONVERSATION_KIND, "too long"},
                 {COLUMN_CONVERSATION_KIND, ""},
                 {77, "2"},
                 {0, "2"}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct slice row = kind_row(wrong[i].column, wrong[i].value);
        assert_int_equal(write_as_peer(true, packed_of(TABLE_CONVERSATION, row)), ERR_MALFORMED);
    }
    struct slice no_row = packed_of(TABLE_CONVERSATION, slice_of_text("no row"));
    assert_int_equal(write_as_peer(true, no_row), ERR_MALFORMED);
    assert_int_equal(write_as_peer(true, slice_of_text("nothing packed")), ERR_MALFORMED);
}

static void growth_that_was_not_judged_is_refused(void **state)
{
    (void)state;
    struct id user = id_of_number(5);
    const struct cell cell = {.column = COLUMN_MESSAGE_REACTION,
                              .subkey = slice_of(user.bytes, ID_BYTES),
                              .timestamp = 1,
                              .value = slice_of_text("!")};
    assert_int_equal(write_as_peer(true, packed_of(TABLE_MESSAGE, row_build(&arena, &cell, 1))),
                     ERR_NOT_SUPPORTED);
}

static void a_range_of_others_is_refused(void **state)
{
    (void)state;
    assert_int_equal(write_as_peer(false, packed_of(TABLE_CONVERSATION,
                                                    kind_row(COLUMN_CONVERSATION_KIND, "2"))),
                     ERR_NOT_A_REPLICA);
}

static void a_full_disk_refuses_until_there_is_room(void **state)
{
    (void)state;
    struct slice row = kind_row(COLUMN_CONVERSATION_KIND, "2");
    core_step(core, &(struct event){.type = EVENT_DISK, .disk = {.is_full = true}});
    assert_int_equal(write_as_peer(true, packed_of(TABLE_CONVERSATION, row)), ERR_DISK_FULL);
    core_step(core, &(struct event){.type = EVENT_DISK, .disk = {.is_full = false}});
    assert_int_equal(write_as_peer(true, packed_of(TABLE_CONVERSATION, row)), COLUMBA_OK);
}

/* ---- ids ---- */

/* Messages under ids of this time, each another. */
static struct slice messages_at(uint64_t unix_ms, unsigned count, const char *body)
{
    static uint8_t bytes[256 * KIB];
    struct writer writer = writer_of(bytes, sizeof bytes);
    struct id sender = id_of_number(3);
    for (unsigned i = 0; i < count; i++) {
        uint8_t clustering[ID_BYTES];
        struct id message = message_id_make(unix_ms, i, &sender);
        clustering_of_id(TABLE_MESSAGE, &message, clustering);
        packed_row_write(&writer,
                         &(struct packed_row){.table = TABLE_MESSAGE,
                                              .clustering = slice_of(clustering, ID_BYTES),
                                              .row = message_row(&arena, 1, slice_of_text(body))});
    }
    return writer_done(&writer);
}

/* The batch is durable, and what it puts into the local space is in the store; how many rows. */
static unsigned batch_commit(void)
{
    unsigned rows = 0;
    struct effect effect;
    struct engine_batch *batch = engine->table->batch_create(engine);
    assert_non_null(batch);
    struct event event = {.type = EVENT_COMMITTED, .committed = {.batch = core_batch_close(core)}};
    while (core_effect_next(core, &effect)) {
        if (effect.type == EFFECT_PUT) {
            engine->table->batch_put(batch, effect.write.key, effect.write.value);
            rows++;
        }
    }
    assert_int_equal(engine->table->commit(engine, batch, true), COLUMBA_OK);
    engine->table->batch_destroy(batch);
    core_step(core, &event);
    effects_skip();
    return rows;
}

static void an_id_that_a_wrong_clock_let_in_is_looked_up_after_a_restart(void **state)
{
    (void)state;
    const uint64_t ahead_ms = UNIX_MS + 100000;
    core_now(core, ++clock_ms, ahead_ms);
    assert_int_equal(write_as_peer(true, messages_at(ahead_ms, 1, "first")), COLUMBA_OK);
    assert_int_equal(batch_commit(), 1);
    core_destroy(core);
    /* The clock is set right; its time comes. */
    start_core(UNIX_MS);
    core_now(core, clock_ms + 100000, UNIX_MS + 100000);
    assert_int_equal(write_as_peer(true, messages_at(ahead_ms, 1, "second")), ERR_NOT_FOUND);
    assert_int_equal(write_as_peer(true, messages_at(ahead_ms + RECENT_LEASE_MS + 1, 1, "later")),
                     COLUMBA_OK);
}

static void the_bound_of_ids_is_raised_once_in_a_while(void **state)
{
    (void)state;
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS, 1, "one")), COLUMBA_OK);
    assert_int_equal(batch_commit(), 1);
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS + 9000, 1, "two")), COLUMBA_OK);
    assert_int_equal(batch_commit(), 0);
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS + 11000, 1, "three")), COLUMBA_OK);
    assert_int_equal(batch_commit(), 1);
}

static void what_is_not_durable_is_not_forgotten(void **state)
{
    (void)state;
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS, 1000, "one")), COLUMBA_OK);
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS + 1, 1000, "one")), COLUMBA_OK);
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS + 2, 49, "one")), ERR_OVERLOADED);
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS + 2, 48, "one")), COLUMBA_OK);
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS + 3, 1, "one")), ERR_OVERLOADED);
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS, 1, "other")), ERR_ID_CONFLICT);
    batch_commit();
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS + 3, 1000, "one")), COLUMBA_OK);
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS, 1, "other")), ERR_NOT_FOUND);
}

static void what_finds_no_memory_leaves_nothing(void **state)
{
    (void)state;
    unsigned merged;
    struct slice packed = messages_at(UNIX_MS, 1000, "one");
    memory.left = 0; /* not even for the answer */
    write_step(true, packed, &merged);
    assert_int_equal(merged, 0);
    memory.left = UINT_MAX;
    assert_int_equal(write_as_peer(true, messages_at(UNIX_MS, 1, "other")), COLUMBA_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_core, destroy_core)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_row_of_its_table_is_taken),
        TEST(what_is_no_row_of_its_table_is_refused),
        TEST(growth_that_was_not_judged_is_refused),
        TEST(a_range_of_others_is_refused),
        TEST(a_full_disk_refuses_until_there_is_room),
        TEST(an_id_that_a_wrong_clock_let_in_is_looked_up_after_a_restart),
        TEST(the_bound_of_ids_is_raised_once_in_a_while),
        TEST(what_is_not_durable_is_not_forgotten),
        TEST(what_finds_no_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
