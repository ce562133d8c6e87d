/*
 * Gossip at 10, 100 and 1,000 nodes in one process. A period is the probe interval; a thousand
 * nodes that find each other cost most, so the tests that follow go on with that cluster.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "gossip_network.h"

#define INTERVAL_MS 200u
#define MANY 1000u

static struct network many;

static struct network_options lossy(size_t nodes, uint64_t seed)
{
    return (struct network_options){.nodes = nodes,
                                    .seed = seed,
                                    .probe_interval_ms = INTERVAL_MS,
                                    .loss_permille = 50,
                                    .delay_max_ms = 20,
                                    .seeds = 3};
}

static double periods(uint64_t ms)
{
    return (double)ms / INTERVAL_MS;
}

/* Packets a node sends in a period, over a while of peace (but for the loss). */
static double packets_rate(struct network *network)
{
    const uint64_t while_periods = 20;
    uint64_t before = network_packets_sent(network);
    network_run(network, while_periods * INTERVAL_MS);
    uint64_t sent = network_packets_sent(network) - before;
    return (double)sent / (double)(network->options.nodes * while_periods);
}

static void a_thousand_nodes_started_at_once_find_each_other(void **state)
{
    (void)state;
    struct network_options options = lossy(MANY, 1);
    network_init(&many, &options);
    uint64_t took_ms = network_run_until(&many, 100 * INTERVAL_MS, network_all_know_all, 0);
    print_message("1000 nodes know each other after %.1f periods\n", periods(took_ms));
    assert_in_range(took_ms, 0, 60 * INTERVAL_MS);
    network_run(&many, 10 * INTERVAL_MS);
}

static void a_nodes_packets_do_not_grow_with_the_cluster(void **state)
{
    (void)state;
    double rates[3];
    const size_t sizes[] = {10, 100};
    for (size_t i = 0; i < 2; i++) {
        struct network network;
        struct network_options options = lossy(sizes[i], 1);
        network_init(&network, &options);
        network_run(&network, 50 * INTERVAL_MS);
        rates[i] = packets_rate(&network);
        network_clear(&network);
    }
    rates[2] = packets_rate(&many);
    print_message("packets a node sends a period: %.2f of 10, %.2f of 100, %.2f of 1000\n",
                  rates[0], rates[1], rates[2]);
    assert_true(rates[1] < rates[0] * 1.15);
    assert_true(rates[2] < rates[0] * 1.15);
    assert_true(rates[2] < 8);
}

static void a_thousand_nodes_agree_on_a_death_within_20_periods(void **state)
{
    (void)state;
    for (size_t victim = 500; victim < 503; victim++) {
        uint64_t suspicions = many.false_suspicions;
        network_kill(&many, victim);
        uint64_t took_ms =
            network_run_until(&many, 40 * INTERVAL_MS, network_all_hold_dead, victim);
        print_message("999 nodes agree on a death after %.1f periods; meanwhile %d times somebody "
                      "held a living node suspect\n",
                      periods(took_ms), (int)(many.false_suspicions - suspicions));
        assert_in_range(took_ms, 0, 20 * INTERVAL_MS);
        network_start(&many, victim);
        took_ms = network_run_until(&many, 40 * INTERVAL_MS, network_all_hold_alive, victim);
        print_message("its restart is known to all after %.1f periods\n", periods(took_ms));
        assert_in_range(took_ms, 0, 20 * INTERVAL_MS);
    }
}

static bool all_hold_load(const struct network *network, size_t load)
{
    struct id host = network_host(7);
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

static void a_change_of_state_spreads_like_news(void **state)
{
    (void)state;
    uint8_t bytes[8];
    bytes_put_u64_be(bytes, 42);
    enum columba_error error =
        gossip_state_set(many.nodes[7].gossip, GOSSIP_LOAD_BYTES, slice_of(bytes, sizeof bytes));
    assert_int_equal(error, COLUMBA_OK);
    uint64_t took_ms = network_run_until(&many, 100 * INTERVAL_MS, all_hold_load, 42);
    print_message("a changed value is known to 1000 nodes after %.1f periods\n", periods(took_ms));
    assert_in_range(took_ms, 0, 20 * INTERVAL_MS);
}

static void a_cluster_cut_in_halves_becomes_one_again(void **state)
{
    (void)state;
    struct network network;
    struct network_options options = lossy(200, 1);
    network_init(&network, &options);
    network_run(&network, 40 * INTERVAL_MS);
    for (size_t i = 0; i < 100; i++) {
        network.nodes[i].island = 1;
    }
    network_run(&network, 60 * INTERVAL_MS);
    assert_int_equal(gossip_alive_count(network.nodes[0].gossip), 100);
    assert_int_equal(gossip_alive_count(network.nodes[199].gossip), 100);
    assert_int_equal(network.false_deaths, 0);
    for (size_t i = 0; i < 100; i++) {
        network.nodes[i].island = 0;
    }
    uint64_t took_ms = network_run_until(&network, 200 * INTERVAL_MS, network_all_know_all, 0);
    print_message("two halves of 100 are one again after %.1f periods\n", periods(took_ms));
    assert_in_range(took_ms, 0, 60 * INTERVAL_MS);
    network_clear(&network);
}

static void slow_nodes_among_many_are_not_declared_dead_for_good(void **state)
{
    (void)state;
    /* A tenth of the nodes take two periods for a turn of their loop, as on overloaded machines. */
    struct network network;
    struct network_options options = lossy(100, 5);
    network_init(&network, &options);
    network_run(&network, 40 * INTERVAL_MS);
    for (int i = 0; i < 60 * (int)INTERVAL_MS; i++) {
        for (size_t node = 0; node < 100; node += 10) {
            if (network.nodes[node].stalled_until_ms + 5 <= network.now_ms) {
                network_stall(&network, node, 2 * INTERVAL_MS);
            }
        }
        network_run(&network, 1);
    }
    print_message("10 of 100 nodes slow for 60 periods: held suspect %d times, dead %d times\n",
                  (int)network.false_suspicions, (int)network.false_deaths);
    assert_int_equal(network.false_deaths, 0);
    assert_int_not_equal(network_run_until(&network, 40 * INTERVAL_MS, network_is_at_peace, 0),
                         UINT64_MAX);
    network_clear(&network);
}

static void nobody_healthy_was_declared_dead(void **state)
{
    (void)state;
    print_message("1000 nodes, %.0f periods at 5 %% loss: held suspect %d times, dead %d times\n",
                  periods(many.now_ms - 1000000), (int)many.false_suspicions,
                  (int)many.false_deaths);
    assert_int_equal(many.false_deaths, 0);
    assert_true(network_all_know_all(&many, 0));
    network_clear(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_nodes_started_at_once_find_each_other),
        cmocka_unit_test(a_nodes_packets_do_not_grow_with_the_cluster),
        cmocka_unit_test(a_thousand_nodes_agree_on_a_death_within_20_periods),
        cmocka_unit_test(a_change_of_state_spreads_like_news),
        cmocka_unit_test(a_cluster_cut_in_halves_becomes_one_again),
        cmocka_unit_test(slow_nodes_among_many_are_not_declared_dead_for_good),
        cmocka_unit_test(nobody_healthy_was_declared_dead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
