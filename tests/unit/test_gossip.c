/* Gossip in clusters of a few nodes, as a developer or a small operation runs them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "gossip_network.h"

/* Loopback: what columba-cluster runs. */
#define INTERVAL_MS 200u
#define DEATH_MAX_MS 2500u

static struct network_options loopback(size_t nodes, uint64_t seed)
{
    return (struct network_options){.nodes = nodes,
                                    .seed = seed,
                                    .probe_interval_ms = INTERVAL_MS,
                                    .delay_max_ms = 2,
                                    .seeds = nodes < 3 ? nodes : 3};
}

static struct network network_peaceful(size_t nodes, uint64_t seed)
{
    struct network network;
    struct network_options options = loopback(nodes, seed);
    network_init(&network, &options);
    uint64_t took_ms = network_run_until(&network, 5000, network_is_at_peace, 0);
    assert_int_not_equal(took_ms, UINT64_MAX);
    return network;
}

static void nodes_started_together_know_each_other_within_a_second(void **state)
{
    (void)state;
    for (size_t nodes = 2; nodes <= 9; nodes++) {
        struct network network;
        struct network_options options = loopback(nodes, nodes);
        network_init(&network, &options);
        uint64_t took_ms = network_run_until(&network, 1000, network_is_at_peace, 0);
        assert_int_not_equal(took_ms, UINT64_MAX);
        assert_int_equal(gossip_member_count(network.nodes[0].gossip), nodes);
        network_clear(&network);
    }
}

/* The longest time, over many moments of death, until every survivor holds the victims dead. */
static uint64_t slowest_death_ms(size_t nodes, size_t victims, uint64_t stall_ms)
{
    uint64_t slowest_ms = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct network network = network_peaceful(nodes, seed);
        network_run(&network, random_below(&network.random, 3 * INTERVAL_MS));
        for (size_t i = 0; i < victims; i++) {
            network_kill(&network, i);
        }
        uint64_t killed_ms = network.now_ms;
        if (stall_ms > 0) {
            network_run(&network, random_below(&network.random, 1000));
            network_stall(&network, nodes - 1, stall_ms);
        }
        for (size_t i = 0; i < victims; i++) {
            uint64_t took_ms = network_run_until(&network, 10000, network_all_hold_dead, i);
            assert_int_not_equal(took_ms, UINT64_MAX);
        }
        uint64_t took_ms = network.now_ms - killed_ms;
        slowest_ms = took_ms > slowest_ms ? took_ms : slowest_ms;
        network_clear(&network);
    }
    print_message("%zu of %zu killed, a survivor stalls %d ms: dead for all after at most %d ms\n",
                  victims, nodes, (int)stall_ms, (int)slowest_ms);
    return slowest_ms;
}

static void a_killed_node_is_dead_for_all_survivors_in_time(void **state)
{
    (void)state;
    assert_in_range(slowest_death_ms(3, 1, 0), 0, DEATH_MAX_MS);
    assert_in_range(slowest_death_ms(3, 2, 0), 0, DEATH_MAX_MS);
    assert_in_range(slowest_death_ms(2, 1, 0), 0, DEATH_MAX_MS);
    assert_in_range(slowest_death_ms(5, 2, 0), 0, DEATH_MAX_MS);
}

static void a_survivor_that_stalls_finds_out_in_time_too(void **state)
{
    (void)state;
    /* It does nothing while it stalls. */
    const uint64_t stall_ms = 400;
    assert_in_range(slowest_death_ms(3, 1, stall_ms), 0, DEATH_MAX_MS + stall_ms);
    assert_in_range(slowest_death_ms(3, 2, stall_ms), 0, DEATH_MAX_MS + stall_ms);
    assert_in_range(slowest_death_ms(2, 1, stall_ms), 0, DEATH_MAX_MS + stall_ms);
}

/* Every turn of every node's loop takes up to 400 ms, with a moment between to do its work. */
static void stall_all(struct network *network)
{
    for (size_t i = 0; i < network->options.nodes; i++) {
        if (network->nodes[i].stalled_until_ms + 5 <= network->now_ms) {
            network_stall(network, i, 1 + random_below(&network->random, 400));
        }
    }
}

static void nodes_whose_loops_stall_again_and_again_are_never_declared_dead(void **state)
{
    (void)state;
    for (size_t nodes = 2; nodes <= 5; nodes++) {
        uint64_t suspicions = 0;
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct network network = network_peaceful(nodes, seed);
            for (int i = 0; i < 20000; i++) {
                stall_all(&network);
                network_run(&network, 1);
            }
            assert_int_equal(network.false_deaths, 0);
            suspicions += network.false_suspicions;
            assert_int_not_equal(network_run_until(&network, 3000, network_is_at_peace, 0),
                                 UINT64_MAX);
            network_clear(&network);
        }
        print_message("%zu nodes, 200 s of stalls of up to 400 ms: %d suspicions, no death\n",
                      nodes, (int)suspicions);
    }
}

static void an_observer_paused_for_long_does_not_declare_the_others_dead(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct network network = network_peaceful(3, seed);
        network_run(&network, random_below(&network.random, 500));
        network_stall(&network, 0, 900);
        network_run(&network, 900);
        /* Node 0 itself may have been suspected meanwhile; it must not have blamed the others. */
        network_run(&network, 2000);
        assert_int_equal(network.false_deaths, 0);
        assert_true(gossip_counters(network.nodes[0].gossip)->stalls > 0);
        network_clear(&network);
    }
}

static void a_hint_finds_a_death_sooner(void **state)
{
    (void)state;
    uint64_t slowest_ms = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct network network = network_peaceful(3, seed);
        network_run(&network, random_below(&network.random, 3 * INTERVAL_MS));
        network_kill(&network, 2);
        struct id victim = network_host(2);
        for (size_t i = 0; i < 2; i++) {
            gossip_hint_unreachable(network.nodes[i].gossip, network.now_ms, &victim);
            network_drain(&network, i);
        }
        uint64_t took_ms = network_run_until(&network, 5000, network_all_hold_dead, 2);
        slowest_ms = took_ms > slowest_ms ? took_ms : slowest_ms;
        network_clear(&network);
    }
    print_message("with a hint: dead for all after at most %d ms\n", (int)slowest_ms);
    assert_in_range(slowest_ms, 0, 1500);
}

static void a_hint_about_a_healthy_node_does_no_harm(void **state)
{
    (void)state;
    struct network network = network_peaceful(3, 1);
    struct id host = network_host(1);
    struct id stranger = network_host(77);
    for (int i = 0; i < 100; i++) {
        gossip_hint_unreachable(network.nodes[0].gossip, network.now_ms, &host);
        gossip_hint_unreachable(network.nodes[0].gossip, network.now_ms, &stranger);
        network_drain(&network, 0);
    }
    assert_in_range(network.nodes[0].packets_sent, 0, 100);
    network_run(&network, 2000);
    assert_int_equal(network.false_suspicions, 0);
    network_clear(&network);
}

static void a_node_that_leaves_is_gone_for_all_at_once(void **state)
{
    (void)state;
    struct network network = network_peaceful(5, 1);
    gossip_leave(network.nodes[2].gossip, network.now_ms);
    network_drain(&network, 2);
    network_run(&network, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(network_view(&network, i, 2), GOSSIP_LEFT);
    }
    network_kill(&network, 2);
    network_run(&network, 5000);
    assert_int_equal(network_view(&network, 0, 2), GOSSIP_LEFT);
    assert_int_equal(gossip_alive_count(network.nodes[0].gossip), 4);
    /* It comes back when it is started again. */
    network_start(&network, 2);
    assert_in_range(network_run_until(&network, 1000, network_is_at_peace, 0), 0, 1000);
    network_clear(&network);
}

static void a_node_restarted_after_its_death_is_alive_for_all_within_a_second(void **state)
{
    (void)state;
    struct network network = network_peaceful(3, 1);
    network_kill(&network, 1);
    network_run(&network, 5000);
    assert_int_equal(network_view(&network, 0, 1), GOSSIP_DEAD);
    network_start(&network, 1);
    assert_in_range(network_run_until(&network, 5000, network_is_at_peace, 0), 0, 1000);
    network_clear(&network);
}

static void a_restart_before_anybody_noticed_shows_as_a_new_incarnation(void **state)
{
    (void)state;
    struct network network = network_peaceful(3, 1);
    struct gossip_member before;
    struct gossip_member after;
    struct id host = network_host(1);
    assert_true(gossip_member_find(network.nodes[0].gossip, &host, &before));
    network_kill(&network, 1);
    network_run(&network, 10);
    network_start(&network, 1);
    network_run(&network, 1000);
    assert_true(gossip_member_find(network.nodes[0].gossip, &host, &after));
    assert_true(after.generation > before.generation);
    assert_int_equal(after.status, GOSSIP_ALIVE);
    network_clear(&network);
}

static void set_load(struct network *network, size_t node, uint64_t load)
{
    uint8_t bytes[8];
    bytes_put_u64_be(bytes, load);
    enum columba_error error = gossip_state_set(network->nodes[node].gossip, GOSSIP_LOAD_BYTES,
                                                slice_of(bytes, sizeof bytes));
    assert_int_equal(error, COLUMBA_OK);
}

static bool all_hold_load(const struct network *network, size_t load)
{
    struct id host = network_host(1);
    for (size_t i = 0; i < network->options.nodes; i++) {
        struct gossip_member member;
        if (!gossip_member_find(network->nodes[i].gossip, &host, &member) ||
            member.state[GOSSIP_LOAD_BYTES].size != 8 ||
            bytes_get_u64_be(member.state[GOSSIP_LOAD_BYTES].data) != load) {
            return false;
        }
    }
    return true;
}

static void a_restart_with_a_clock_set_back_still_wins_over_its_earlier_life(void **state)
{
    (void)state;
    struct network network = network_peaceful(3, 1);
    for (uint64_t load = 1; load <= 9; load++) {
        set_load(&network, 1, load);
    }
    assert_in_range(network_run_until(&network, 1000, all_hold_load, 9), 0, 1000);
    const uint64_t incarnations[] = {1700000000000 + 1000000, 5};
    for (size_t i = 0; i < 2; i++) {
        network_kill(&network, 1);
        network_run(&network, 5000);
        struct gossip_address seeds[GOSSIP_SEEDS_MAX];
        struct gossip_config config = network_config(&network, 1, seeds);
        config.incarnation = incarnations[i];
        network_start_with(&network, 1, &config);
        set_load(&network, 1, 100 + i);
        assert_in_range(network_run_until(&network, 3000, network_is_at_peace, 0), 0, 3000);
        assert_in_range(network_run_until(&network, 3000, all_hold_load, 100 + i), 0, 3000);
    }
    network_clear(&network);
}

static void a_partition_kills_on_both_sides_and_heals(void **state)
{
    (void)state;
    struct network network = network_peaceful(5, 3);
    network.nodes[3].island = 1;
    network.nodes[4].island = 1;
    network_run(&network, 5000);
    assert_int_equal(network_view(&network, 0, 3), GOSSIP_DEAD);
    assert_int_equal(network_view(&network, 4, 0), GOSSIP_DEAD);
    assert_int_equal(network_view(&network, 3, 4), GOSSIP_ALIVE);
    assert_int_equal(network.false_deaths, 0);
    network.nodes[3].island = 0;
    network.nodes[4].island = 0;
    assert_in_range(network_run_until(&network, 5000, network_is_at_peace, 0), 0, 5000);
    network_clear(&network);
}

static void a_change_of_state_reaches_all_within_three_intervals(void **state)
{
    (void)state;
    struct network network = network_peaceful(5, 3);
    for (size_t load = 1; load < 50; load++) {
        set_load(&network, 1, load);
        uint64_t took_ms = network_run_until(&network, 3000, all_hold_load, load);
        assert_in_range(took_ms, 0, 3 * INTERVAL_MS);
    }
    network_clear(&network);
}

static void a_change_of_state_is_reported_once_with_its_newest_value(void **state)
{
    (void)state;
    struct network network = network_peaceful(2, 3);
    network.options.not_started = true;
    struct gossip *observer = network.nodes[0].gossip;
    set_load(&network, 1, 1);
    set_load(&network, 1, 2);
    /* Deliver by hand, so that the changes are ours to drain. */
    struct gossip_change change;
    bool was_reported = false;
    for (int i = 0; i < 2000 && !was_reported; i++) {
        struct gossip_address to;
        struct gossip_address addresses[2] = {network_address(0), network_address(1)};
        network.now_ms++;
        for (size_t node = 0; node < 2; node++) {
            struct slice bytes;
            gossip_tick(network.nodes[node].gossip, network.now_ms);
            while (gossip_packet_next(network.nodes[node].gossip, &to, &bytes)) {
                gossip_receive(network.nodes[1 - node].gossip, network.now_ms, &addresses[node],
                               bytes);
            }
        }
        was_reported = gossip_change_next(observer, &change);
    }
    assert_true(was_reported);
    assert_true(change.state_changed);
    assert_false(change.status_changed);
    struct gossip_member member;
    assert_true(gossip_member_find(observer, &change.host, &member));
    assert_int_equal(bytes_get_u64_be(member.state[GOSSIP_LOAD_BYTES].data), 2);
    assert_false(gossip_change_next(observer, &change));
    network_clear(&network);
}

static void states_set_before_a_node_is_known_arrive_with_it(void **state)
{
    (void)state;
    struct network network;
    struct network_options options = loopback(3, 1);
    network_init(&network, &options);
    set_load(&network, 1, 42);
    assert_in_range(network_run_until(&network, 3000, all_hold_load, 42), 0, 1000);
    network_clear(&network);
}

static void loss_repetition_disorder_and_damage_only_slow_things_down(void **state)
{
    (void)state;
    struct network network;
    struct network_options options = loopback(7, 11);
    options.loss_permille = 200;
    options.repeat_permille = 200;
    options.damage_permille = 100;
    options.delay_max_ms = 30;
    network_init(&network, &options);
    assert_in_range(network_run_until(&network, 10000, network_all_know_all, 0), 0, 10000);
    set_load(&network, 1, 7);
    assert_in_range(network_run_until(&network, 10000, all_hold_load, 7), 0, 10000);
    network_kill(&network, 6);
    assert_in_range(network_run_until(&network, 20000, network_all_hold_dead, 6), 0, 20000);
    network_start(&network, 6);
    assert_in_range(network_run_until(&network, 20000, network_is_at_peace, 0), 0, 20000);
    assert_true(gossip_counters(network.nodes[0].gossip)->packets_damaged > 0);
    network_clear(&network);
}

static void another_cluster_is_not_heard(void **state)
{
    (void)state;
    struct network network;
    struct network_options options = loopback(2, 1);
    options.not_started = true;
    network_init(&network, &options);
    network_start(&network, 0);
    struct gossip_address seeds[GOSSIP_SEEDS_MAX];
    struct gossip_config config = network_config(&network, 1, seeds);
    config.cluster_hash++;
    network_start_with(&network, 1, &config);
    network_run(&network, 3000);
    assert_int_equal(gossip_member_count(network.nodes[0].gossip), 1);
    assert_int_equal(gossip_member_count(network.nodes[1].gossip), 1);
    assert_true(gossip_counters(network.nodes[0].gossip)->packets_other_cluster > 0);
    network_clear(&network);
}

static void two_nodes_with_one_host_id_are_noticed(void **state)
{
    (void)state;
    struct network network;
    struct network_options options = loopback(3, 1);
    options.not_started = true;
    network_init(&network, &options);
    network_start(&network, 0);
    network_start(&network, 1);
    struct gossip_address seeds[GOSSIP_SEEDS_MAX];
    struct gossip_config config = network_config(&network, 2, seeds);
    config.host = network_host(1);
    config.random_seed++;
    network_start_with(&network, 2, &config);
    network_run(&network, 5000);
    assert_true(gossip_counters(network.nodes[1].gossip)->host_conflicts +
                    gossip_counters(network.nodes[2].gossip)->host_conflicts >
                0);
    network_clear(&network);
}

static void the_dead_are_forgotten_in_the_end(void **state)
{
    (void)state;
    struct network network;
    struct network_options options = loopback(3, 1);
    options.not_started = true;
    network_init(&network, &options);
    for (size_t i = 0; i < 3; i++) {
        struct gossip_address seeds[GOSSIP_SEEDS_MAX];
        struct gossip_config config = network_config(&network, i, seeds);
        config.forget_ms = 10000;
        network_start_with(&network, i, &config);
    }
    network_run(&network, 2000);
    network_kill(&network, 2);
    network_run(&network, 5000);
    assert_int_equal(gossip_member_count(network.nodes[0].gossip), 3);
    network_run(&network, 10000);
    assert_int_equal(gossip_member_count(network.nodes[0].gossip), 2);
    assert_int_equal(gossip_member_count(network.nodes[1].gossip), 2);
    network_clear(&network);
}

static void the_same_seed_gives_the_same_trace(void **state)
{
    (void)state;
    uint64_t traces[3];
    for (size_t i = 0; i < 3; i++) {
        struct network network;
        struct network_options options = loopback(8, i < 2 ? 5 : 6);
        options.loss_permille = 100;
        options.repeat_permille = 50;
        options.delay_max_ms = 40;
        network_init(&network, &options);
        network_run(&network, 5000);
        network_kill(&network, 3);
        network_run(&network, 5000);
        traces[i] = network.trace;
        network_clear(&network);
    }
    assert_true(traces[0] == traces[1]);
    assert_true(traces[0] != traces[2]);
}

static void members_are_listed_by_host_id_with_ourselves_among_them(void **state)
{
    (void)state;
    struct network network = network_peaceful(6, 1);
    const struct gossip *gossip = network.nodes[4].gossip;
    struct id self = network_host(4);
    bool has_self = false;
    for (size_t i = 0; i < 6; i++) {
        struct gossip_member member = gossip_member_at(gossip, i);
        has_self = has_self || id_equal(&member.host, &self);
        if (i > 0) {
            struct gossip_member previous = gossip_member_at(gossip, i - 1);
            assert_true(id_compare(&previous.host, &member.host) < 0);
        }
    }
    assert_true(has_self);
    network_clear(&network);
}

static void wrong_parameters_are_refused(void **state)
{
    (void)state;
    struct network network = network_peaceful(2, 1);
    struct gossip_address seeds[GOSSIP_SEEDS_MAX];
    struct gossip_config good = network_config(&network, 0, seeds);
    struct gossip *gossip = NULL;
    struct gossip_config bad = good;
    bad.probe_interval_ms = 0;
    assert_int_equal(gossip_create(memory_system(), &bad, 0, &gossip), ERR_INVALID);
    bad = good;
    bad.probe_timeout_ms = bad.probe_interval_ms;
    assert_int_equal(gossip_create(memory_system(), &bad, 0, &gossip), ERR_INVALID);
    bad = good;
    bad.address.port = 0;
    assert_int_equal(gossip_create(memory_system(), &bad, 0, &gossip), ERR_INVALID);
    bad = good;
    memset(&bad.host, 0, sizeof bad.host);
    assert_int_equal(gossip_create(memory_system(), &bad, 0, &gossip), ERR_INVALID);
    bad = good;
    bad.seeds_count = GOSSIP_SEEDS_MAX + 1;
    assert_int_equal(gossip_create(memory_system(), &bad, 0, &gossip), ERR_INVALID);
    bad = good;
    bad.incarnation = UINT64_MAX;
    assert_int_equal(gossip_create(memory_system(), &bad, 0, &gossip), ERR_INVALID);
    assert_null(gossip);
    network_clear(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_started_together_know_each_other_within_a_second),
        cmocka_unit_test(a_killed_node_is_dead_for_all_survivors_in_time),
        cmocka_unit_test(a_survivor_that_stalls_finds_out_in_time_too),
        cmocka_unit_test(nodes_whose_loops_stall_again_and_again_are_never_declared_dead),
        cmocka_unit_test(an_observer_paused_for_long_does_not_declare_the_others_dead),
        cmocka_unit_test(a_hint_finds_a_death_sooner),
        cmocka_unit_test(a_hint_about_a_healthy_node_does_no_harm),
        cmocka_unit_test(a_node_that_leaves_is_gone_for_all_at_once),
        cmocka_unit_test(a_node_restarted_after_its_death_is_alive_for_all_within_a_second),
        cmocka_unit_test(a_restart_before_anybody_noticed_shows_as_a_new_incarnation),
        cmocka_unit_test(a_restart_with_a_clock_set_back_still_wins_over_its_earlier_life),
        cmocka_unit_test(a_partition_kills_on_both_sides_and_heals),
        cmocka_unit_test(a_change_of_state_reaches_all_within_three_intervals),
        cmocka_unit_test(a_change_of_state_is_reported_once_with_its_newest_value),
        cmocka_unit_test(states_set_before_a_node_is_known_arrive_with_it),
        cmocka_unit_test(loss_repetition_disorder_and_damage_only_slow_things_down),
        cmocka_unit_test(another_cluster_is_not_heard),
        cmocka_unit_test(two_nodes_with_one_host_id_are_noticed),
        cmocka_unit_test(the_dead_are_forgotten_in_the_end),
        cmocka_unit_test(the_same_seed_gives_the_same_trace),
        cmocka_unit_test(members_are_listed_by_host_id_with_ourselves_among_them),
        cmocka_unit_test(wrong_parameters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
