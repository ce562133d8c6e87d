/*
 * One message for 1,000 members in a cluster of 1,000 nodes: one request at most for each node that
 * holds replicas of some of them, each replica of each member named once, in a part of a
 * millisecond.
 */
#include "rows.h"

#include <stdlib.h>
#include <time.h>

#include "base/limits.h"
#include "node/core/coordinator/fanout.h"
#include "node/core/state.h"
#include "ring/token.h"
#include "ring_cluster.h"

#define SELF 0u
#define NODES 1000u
#define MEMBERS 1000u
#define FACTOR 3u
#define TOKENS 16u
#define ROUNDS 101u
/* It takes 340 on a quiet core, and is meant to stay below 500; the rest is for a busy one. */
#define FANOUT_MAX_US 1000.0

static struct topology *topology;
static struct core *core;
static struct id conversation;

static struct topology *topology_make(void)
{
    struct ring_cluster *cluster = ring_cluster_create(NODES);
    static uint64_t tokens[NODES][TOKENS];
    uint64_t token = 1;
    for (unsigned i = 0; i < NODES; i++) {
        uint64_t *own = tokens[i];
        for (unsigned k = 0; k < TOKENS; k++) {
            token = token * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            own[k] = token;
        }
        ring_cluster_tokens(cluster, i, own, TOKENS);
    }
    ring_cluster_factor(cluster, "dc1", FACTOR);
    struct topology *made = ring_cluster_topology(cluster);
    ring_cluster_destroy(cluster);
    return made;
}

static int by_id(const void *a, const void *b)
{
    return id_compare(a, b);
}

static bool is_elsewhere(const struct id *user)
{
    const struct replica_set *replicas =
        placement_replicas(topology, token_of_partition(PARTITION_USER, user));
    bool is_here = false;
    for (unsigned i = 0; i < replicas->count; i++) {
        is_here = is_here || replicas->node[i] == SELF;
    }
    return !is_here;
}

/* None of them on the coordinator itself: its own part is no request. */
static void members_make(void)
{
    static struct id users[MEMBERS];
    uint64_t number = 0;
    for (unsigned i = 0; i < MEMBERS; i++) {
        do {
            users[i] = id_of_number(++number * UINT64_C(0x4189374bc6a7ef));
        } while (!is_elsewhere(&users[i]));
    }
    qsort(users, MEMBERS, sizeof users[0], by_id);
    assert_non_null(members_cache_put(&core->members, &conversation, 1, false, users, MEMBERS));
}

static void effects_skip(void)
{
    struct effect effect;
    while (core_effect_next(core, &effect)) {
    }
}

static void others_are_there(void)
{
    for (uint16_t node = 1; node < NODES; node++) {
        core_step(core, &(struct event){.type = EVENT_PEER,
                                        .peer = {.node = node, .alive = true, .connected = true}});
        effects_skip();
    }
}

static int make_core(void **state)
{
    (void)state;
    struct core_config config;
    core_config_defaults(&config);
    config.self = SELF;
    config.start_count = 1;
    topology = topology_make();
    core = core_create(memory_system(), &config, topology);
    if (core == NULL) {
        return -1;
    }
    core_now(core, 1000, 1767225600000u);
    core_step(core, &(struct event){.type = EVENT_STARTED});
    effects_skip();
    others_are_there();
    conversation = id_of_number(77);
    members_make();
    return 0;
}

static int destroy_core(void **state)
{
    (void)state;
    core_destroy(core);
    topology_destroy(topology);
    return 0;
}

static void fanout_once(uint64_t number)
{
    struct op *op = op_begin(core);
    assert_non_null(op);
    struct fanout_order order = {.kind = HAPPENED_MESSAGE,
                                 .conversation = conversation,
                                 .message = id_of_number(number),
                                 .sender = id_of_number(5),
                                 .membership_version = 1};
    fanout_begin(core, op, &order, NULL);
    core_turn_end(core);
}

/* Which node is asked, and for how many members: each node once. */
static unsigned asked(bool *seen, uint32_t *members)
{
    unsigned requests = 0;
    struct effect effect;
    while (core_effect_next(core, &effect)) {
        if (effect.type != EFFECT_SEND || effect.send.message->type != MESSAGE_FANOUT) {
            continue;
        }
        assert_false(seen[effect.send.node]);
        seen[effect.send.node] = true;
        *members += effect.send.message->fanout.user_count;
        requests++;
    }
    return requests;
}

static void each_node_is_asked_once_for_all_of_its_members(void **state)
{
    (void)state;
    bool seen[NODES] = {false};
    uint32_t members = 0;
    fanout_once(1);
    unsigned requests = asked(seen, &members);
    assert_in_range(requests, NODES / 2, NODES - 1);
    assert_int_equal(members, FACTOR * MEMBERS);
}

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static void it_takes_a_part_of_a_millisecond(void **state)
{
    (void)state;
    double took_us[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        double before_us = cpu_us();
        fanout_once(100 + i);
        effects_skip();
        took_us[i] = cpu_us() - before_us;
    }
    qsort(took_us, ROUNDS, sizeof took_us[0], by_value);
    printf("a fan-out to %u members on %u nodes: %.0f us of one core (median of %u)\n", MEMBERS,
           NODES, took_us[ROUNDS / 2], ROUNDS);
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
    assert_true(took_us[ROUNDS / 2] < FANOUT_MAX_US);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_node_is_asked_once_for_all_of_its_members),
        cmocka_unit_test(it_takes_a_part_of_a_millisecond),
    };
    return cmocka_run_group_tests(tests, make_core, destroy_core);
}
