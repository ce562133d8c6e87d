/*
 * What a replica takes of what another node writes: only rows of their tables in canonical form, no
 * growth that it cannot judge, for its own ranges, while there is room on the disk. What is refused
 * leaves nothing in the batch.
 */
#include "rows.h"

#include <stdlib.h>

#include "base/limits.h"
#include "node/core/core.h"
#include "ring/token.h"
#include "ring_cluster.h"

#define SELF 0u
#define PEER 1u

static struct arena arena;
static struct topology *topology;
static struct core *core;

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

static int make_core(void **state)
{
    (void)state;
    struct core_config config;
    core_config_defaults(&config);
    config.self = SELF;
    config.start_count = 1;
    arena_init(&arena, memory_system(), 4 * MIB);
    topology = topology_of_three();
    core = core_create(memory_system(), &config, topology);
    assert_non_null(core);
    core_now(core, 1000, 1767225600000u);
    core_step(core, &(struct event){.type = EVENT_STARTED});
    effects_skip();
    return 0;
}

static int destroy_core(void **state)
{
    (void)state;
    core_destroy(core);
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

/* Writes as another node does; what came of it at once, COLUMBA_OK if it is in the batch. */
static enum columba_error write_as_peer(bool is_here, struct slice packed)
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
    unsigned merged = 0;
    struct effect effect;
    while (core_effect_next(core, &effect)) {
        if (effect.type == EFFECT_REPLY) {
            assert_int_equal(effect.reply.message->type, MESSAGE_WRITTEN);
            error = effect.reply.message->written.error;
            assert_int_not_equal(error, COLUMBA_OK); /* nothing is durable yet */
        }
        merged += effect.type == EFFECT_MERGE;
    }
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_core, destroy_core)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_row_of_its_table_is_taken),
        TEST(what_is_no_row_of_its_table_is_refused),
        TEST(growth_that_was_not_judged_is_refused),
        TEST(a_range_of_others_is_refused),
        TEST(a_full_disk_refuses_until_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
