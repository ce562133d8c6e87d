/*
 * Nodes by handle. Here no node's handle is its position in the topology, so whoever takes the one
 * for the other asks the wrong node.
 */
#include "rows.h"

#include "base/limits.h"
#include "node/core/core.h"
#include "node/core/machine/partition.h"
#include "ring_cluster.h"

#define NODES 4u

/* By position. */
static const uint16_t handles[NODES] = {7, 0, 9, 2};

static struct topology *topology;
static struct cluster cluster;

static int make_cluster(void **state)
{
    (void)state;
    static const uint64_t tokens[NODES] = {UINT64_C(1) << 61, UINT64_C(1) << 62, UINT64_C(1) << 63,
                                           UINT64_C(3) << 62};
    struct ring_cluster *made = ring_cluster_create(NODES);
    for (unsigned i = 0; i < NODES; i++) {
        ring_cluster_tokens(made, i, &tokens[i], 1);
        ring_cluster_put(made, i, i == 2 ? "dc2" : "dc1", "r1");
    }
    ring_cluster_factor(made, "dc1", 2);
    ring_cluster_factor(made, "dc2", 1);
    topology = ring_cluster_topology(made);
    ring_cluster_destroy(made);
    assert_int_equal(cluster_view_init(&cluster, memory_system(), topology, handles, 9), 0);
    return 0;
}

static int clear_cluster(void **state)
{
    (void)state;
    cluster_view_clear(&cluster);
    topology_destroy(topology);
    return 0;
}

static void a_partitions_replicas_come_by_handle(void **state)
{
    (void)state;
    for (uint64_t number = 1; number < 100; number++) {
        struct id id = id_of_number(number * UINT64_C(0x9e3779b97f4a7c15));
        struct partition partition = partition_conversation(&cluster, &id);
        assert_int_equal(partition.replicas->count, 3);
        for (unsigned i = 0; i < partition.replicas->count; i++) {
            uint16_t node = partition_node(&cluster, &partition, i);
            assert_int_equal(node, handles[partition.replicas->node[i]]);
            assert_int_equal(partition_position(&cluster, &partition, node), i);
        }
        assert_true(partition_is_here(&cluster, &partition)); /* the only one of its data centre */
    }
}

static void who_is_no_replica_has_no_place(void **state)
{
    (void)state;
    struct id id = id_of_number(5);
    struct partition partition = partition_conversation(&cluster, &id);
    unsigned replicas = 0;
    for (uint16_t handle = 0; handle < NODES_MAX; handle++) {
        replicas += partition_position(&cluster, &partition, handle) >= 0;
    }
    assert_int_equal(replicas, 3);
}

/* Of gossip too. Only this node is alive before anything is heard. */
static void who_is_alive_is_told_by_handle(void **state)
{
    (void)state;
    struct id id = id_of_number(5);
    struct partition partition = partition_conversation(&cluster, &id);
    uint16_t self = (uint16_t)(1u << partition_position(&cluster, &partition, 9));
    assert_int_equal(partition_alive(&cluster, &partition), self);
    for (unsigned i = 0; i < partition.replicas->count; i++) {
        uint16_t node = partition_node(&cluster, &partition, i);
        cluster_peer_set(&cluster, node, true, false);
        assert_int_equal(partition_alive(&cluster, &partition), self | 1u << i);
        cluster_peer_set(&cluster, node, false, false);
    }
    for (unsigned i = 0; i < NODES; i++) {
        cluster_peer_set(&cluster, handles[i], true, true);
    }
    assert_int_equal(partition_alive(&cluster, &partition), partition_all(&partition));
}

static void the_data_centre_is_this_nodes_own(void **state)
{
    (void)state;
    assert_int_equal(cluster_datacenter(&cluster), topology->nodes[2].datacenter);
    assert_int_not_equal(cluster_datacenter(&cluster), topology->nodes[0].datacenter);
}

/* A whole core: what it sends goes to the replicas, under their handles. */
static void a_core_asks_nodes_by_handle(void **state)
{
    (void)state;
    struct core_config config;
    struct effect effect;
    unsigned asked = 0;
    struct id id = id_of_number(5);
    struct partition partition = partition_conversation(&cluster, &id);
    core_config_defaults(&config);
    config.self = 9;
    config.handles = handles;
    config.start_count = 1;
    struct core *core = core_create(memory_system(), &config, topology);
    core_now(core, 1, 1767225600000u);
    core_step(core, &(struct event){.type = EVENT_STARTED});
    for (unsigned i = 0; i < NODES; i++) {
        struct event event = {.type = EVENT_PEER};
        event.peer.node = handles[i];
        event.peer.alive = event.peer.connected = true;
        core_step(core, &event);
    }
    struct message message = {.type = MESSAGE_CONVERSATION_GET};
    message.conversation_get.conversation = id;
    message.conversation_get.consistency = CONSISTENCY_ALL;
    struct event request = {.type = EVENT_REQUEST};
    request.request.connection = request.request.request_id = 1;
    request.request.node = NODE_NONE;
    request.request.message = &message;
    core_step(core, &request);
    while (core_effect_next(core, &effect)) {
        if (effect.type == EFFECT_SEND) {
            assert_true(partition_position(&cluster, &partition, effect.send.node) >= 0);
            assert_int_not_equal(effect.send.node, 9);
            asked |= 1u << partition_position(&cluster, &partition, effect.send.node);
        }
    }
    asked |= 1u << partition_position(&cluster, &partition, 9);
    assert_int_equal(asked, partition_all(&partition));
    core_destroy(core);
}

static void without_handles_a_position_is_one(void **state)
{
    (void)state;
    struct cluster plain;
    assert_int_equal(cluster_view_init(&plain, memory_system(), topology, NULL, 1), 0);
    assert_int_equal(plain.peer_count, NODES);
    for (uint16_t i = 0; i < NODES; i++) {
        assert_int_equal(plain.handles[i], i);
        assert_int_equal(plain.peers[i].position, i);
    }
    cluster_view_clear(&plain);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_cluster, clear_cluster)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_partitions_replicas_come_by_handle), TEST(who_is_no_replica_has_no_place),
        TEST(who_is_alive_is_told_by_handle),       TEST(the_data_centre_is_this_nodes_own),
        TEST(a_core_asks_nodes_by_handle),          TEST(without_handles_a_position_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
