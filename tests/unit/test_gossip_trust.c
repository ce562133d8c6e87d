/*
 * Whom gossip believes: forged packets from inside the network, wrong clocks, answers to questions
 * of the past.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "gossip/packet.h"
#include "gossip_network.h"

#define INTERVAL_MS 200u
#define HOUR_MS 3600000
#define DAY_MS 86400000
#define YEAR_MS ((int64_t)365 * DAY_MS)

static struct network network_small(size_t nodes)
{
    struct network network;
    struct network_options options = {.nodes = nodes,
                                      .seed = 7,
                                      .probe_interval_ms = INTERVAL_MS,
                                      .delay_max_ms = 2,
                                      .seeds = nodes,
                                      .has_walls = true,
                                      .is_closed = true,
                                      .not_started = true};
    network_init(&network, &options);
    return network;
}

static void start_all(struct network *network)
{
    for (size_t i = 0; i < network->options.nodes; i++) {
        network_start(network, i);
    }
}

static struct network network_peaceful(size_t nodes)
{
    struct network network = network_small(nodes);
    start_all(&network);
    assert_int_not_equal(network_run_until(&network, 5000, network_is_at_peace, 0), UINT64_MAX);
    return network;
}

static bool is_at_peace_within(struct network *network, uint64_t duration_ms)
{
    return network_run_until(network, duration_ms, network_is_at_peace, 0) != UINT64_MAX;
}

static const struct gossip_counters *counters_of(const struct network *network, size_t node)
{
    return gossip_counters(network->nodes[node].gossip);
}

/* --- packets made by hand ------------------------------------------------------------------- */

struct made {
    struct writer writer;
    uint8_t bytes[GOSSIP_PACKET_MAX_BYTES];
};

static struct gossip_record record_of(size_t node, uint64_t incarnation, enum gossip_status status)
{
    return (struct gossip_record){
        .host = network_host(node),
        .generation = incarnation,
        .incarnation = incarnation,
        .address = network_address(node),
        .status = (uint8_t)status,
    };
}

static void make_begin(struct made *made, enum gossip_packet_kind kind, size_t sender)
{
    struct gossip_record record = record_of(sender, 1, GOSSIP_ALIVE);
    made->writer = writer_of(made->bytes, sizeof made->bytes);
    gossip_packet_head(&made->writer, kind, 0xc01);
    gossip_record_write(&made->writer, &record);
    writer_u8(&made->writer, 0);
}

static void make_send(struct network *network, struct made *made, size_t from, size_t to)
{
    struct gossip_address address = network_address(from);
    struct slice packet = writer_done(&made->writer);
    gossip_packet_seal(packet);
    gossip_receive(network->nodes[to].gossip, network->now_ms, &address, packet);
}

/* A NACK of a question that nobody asked, with a piece of news. */
static void forge(struct network *network, size_t sender, size_t to,
                  const struct gossip_record *news)
{
    struct made made;
    make_begin(&made, GOSSIP_NACK, sender);
    writer_u32(&made.writer, 1);
    gossip_record_write(&made.writer, news);
    make_send(network, &made, sender, to);
    network_drain(network, to);
}

static uint64_t unix_ms(const struct network *network)
{
    return NETWORK_UNIX_MS + network->now_ms;
}

/* --- forged packets --------------------------------------------------------------------------- */

static void a_forged_death_far_in_the_future_is_not_believed(void **state)
{
    (void)state;
    struct network network = network_peaceful(3);
    struct gossip_record dead = record_of(1, GOSSIP_INCARNATION_MAX, GOSSIP_DEAD);
    for (size_t to = 0; to < 3; to++) {
        forge(&network, 2 - (to == 2), to, &dead);
        assert_true(counters_of(&network, to)->incarnations_refused > 0);
        assert_int_equal(network_view(&network, to, 1), GOSSIP_ALIVE);
    }
    network_run(&network, 3000);
    assert_true(is_at_peace_within(&network, 0));
    network_kill(&network, 1);
    network_run(&network, 3000);
    network_start(&network, 1);
    assert_true(is_at_peace_within(&network, 2000));
    network_clear(&network);
}

static void a_forged_death_that_is_believed_is_refuted_also_after_a_restart(void **state)
{
    (void)state;
    struct network network = network_peaceful(3);
    struct gossip_record dead = record_of(1, unix_ms(&network) + DAY_MS, GOSSIP_DEAD);
    forge(&network, 2, 0, &dead);
    assert_int_equal(network_view(&network, 0, 1), GOSSIP_DEAD);
    assert_true(is_at_peace_within(&network, 3000));
    assert_true(counters_of(&network, 1)->refutations > 0);
    network_kill(&network, 1);
    network_run(&network, 3000);
    network_start(&network, 1);
    assert_true(is_at_peace_within(&network, 3000));
    network_clear(&network);
}

static void what_refutes_the_furthest_that_is_believed_is_believed_too(void **state)
{
    (void)state;
    struct network network = network_peaceful(3);
    struct gossip_record dead = record_of(1, unix_ms(&network) + DAY_MS, GOSSIP_DEAD);
    forge(&network, 2, 0, &dead);
    assert_int_equal(network_view(&network, 0, 1), GOSSIP_DEAD);
    struct gossip_record alive = record_of(1, dead.incarnation + 1, GOSSIP_ALIVE);
    forge(&network, 1, 0, &alive);
    assert_int_equal(network_view(&network, 0, 1), GOSSIP_ALIVE);
    network_clear(&network);
}

static void the_same_death_forged_again_and_again_is_refuted_each_time(void **state)
{
    (void)state;
    struct network network = network_peaceful(3);
    for (int i = 0; i < 20; i++) {
        struct gossip_member member;
        struct id host = network_host(1);
        assert_true(gossip_member_find(network.nodes[0].gossip, &host, &member));
        uint64_t incarnation = member.incarnation + 1000;
        struct gossip_record dead = record_of(1, incarnation, GOSSIP_DEAD);
        forge(&network, 2, 0, &dead);
        assert_true(is_at_peace_within(&network, 3000));
    }
    network_clear(&network);
}

static void hosts_that_do_not_belong_to_the_cluster_are_not_taken_in(void **state)
{
    (void)state;
    struct network network = network_peaceful(3);
    struct gossip_record stranger = record_of(9, unix_ms(&network), GOSSIP_ALIVE);
    forge(&network, 2, 0, &stranger);
    assert_int_equal(gossip_member_count(network.nodes[0].gossip), 3);
    assert_int_equal(counters_of(&network, 0)->strangers_refused, 1);
    /* Nor is what one of them says about others heard. */
    struct gossip_record dead = record_of(1, unix_ms(&network) + 1000, GOSSIP_DEAD);
    forge(&network, 9, 0, &dead);
    assert_int_equal(network_view(&network, 0, 1), GOSSIP_ALIVE);
    assert_int_equal(counters_of(&network, 0)->strangers_refused, 2);
    network_clear(&network);
}

/* --- clocks ----------------------------------------------------------------------------------- */

static bool one_is_wrong(const struct network *network, size_t node)
{
    for (size_t i = 0; i < network->options.nodes; i++) {
        if (gossip_clock(network->nodes[i].gossip).is_wrong != (i == node)) {
            return false;
        }
    }
    return true;
}

static bool none_is_wrong(const struct network *network, size_t unused)
{
    (void)unused;
    return one_is_wrong(network, SIZE_MAX);
}

static void a_node_whose_clock_is_off_finds_it_out_at_its_start(void **state)
{
    (void)state;
    const int64_t offsets_ms[] = {-600000, 600000, HOUR_MS, -HOUR_MS, 3 * YEAR_MS, -53 * YEAR_MS};
    for (size_t i = 0; i < sizeof(offsets_ms) / sizeof(offsets_ms[0]); i++) {
        struct network network = network_small(3);
        network.nodes[1].wall_off_ms = offsets_ms[i];
        start_all(&network);
        assert_int_not_equal(network_run_until(&network, 2 * INTERVAL_MS, one_is_wrong, 1),
                             UINT64_MAX);
        int64_t off_ms = gossip_clock(network.nodes[1].gossip).offset_ms - offsets_ms[i];
        assert_in_range(off_ms + 3, 0, 6);
        /* It is a member as all others, whatever its clock made of its incarnation. */
        assert_true(is_at_peace_within(&network, 3000));
        network.nodes[1].wall_off_ms = 0;
        assert_int_not_equal(network_run_until(&network, 2 * INTERVAL_MS, none_is_wrong, 0),
                             UINT64_MAX);
        network_run(&network, 3000);
        assert_true(is_at_peace_within(&network, 0));
        network_clear(&network);
    }
}

static void a_clock_that_is_set_wrong_later_is_noticed_by_the_node_itself(void **state)
{
    (void)state;
    struct network network = network_peaceful(5);
    network_run(&network, 10 * INTERVAL_MS);
    network.nodes[3].wall_off_ms = -HOUR_MS;
    assert_int_not_equal(network_run_until(&network, INTERVAL_MS, one_is_wrong, 3), UINT64_MAX);
    struct id host = network_host(3);
    int64_t seen_ms = 0;
    network_run(&network, 10 * INTERVAL_MS);
    assert_true(gossip_clock_of(network.nodes[0].gossip, &host, &seen_ms));
    assert_in_range(seen_ms - HOUR_MS + 3, 0, 6);
    network_clear(&network);
}

static void clocks_within_the_limits_leave_everybody_in_his_place(void **state)
{
    (void)state;
    struct network network = network_small(4);
    network.options.delay_max_ms = 60;
    network.nodes[0].wall_off_ms = 2400;
    network.nodes[1].wall_off_ms = -2400;
    start_all(&network);
    for (int i = 0; i < 100; i++) {
        network_run(&network, 100);
        assert_true(none_is_wrong(&network, 0));
    }
    network_clear(&network);
}

/* --- answers to questions of the past --------------------------------------------------------- */

/* Node 0 alone runs, and has heard of node 1. */
static struct network network_of_one(void)
{
    struct network network = network_small(3);
    network_start(&network, 0);
    struct gossip_record alive = record_of(1, unix_ms(&network), GOSSIP_ALIVE);
    forge(&network, 1, 0, &alive);
    return network;
}

/* The sequence of the next PING to node 1; nothing is delivered meanwhile. */
static uint32_t ping_await(struct network *network)
{
    struct gossip *gossip = network->nodes[0].gossip;
    for (int i = 0; i < 10 * (int)INTERVAL_MS; i++) {
        struct gossip_address to;
        struct slice bytes;
        struct gossip_packet packet;
        network->now_ms++;
        gossip_tick(gossip, network->now_ms);
        while (gossip_packet_next(gossip, &to, &bytes)) {
            struct gossip_address address = network_address(1);
            if (gossip_packet_decode(bytes, &packet) == GOSSIP_PACKET_GOOD &&
                packet.kind == GOSSIP_PING && gossip_address_equal(&to, &address)) {
                return packet.sequence;
            }
        }
    }
    fail_msg("no ping");
    return 0;
}

static void ack(struct network *network, uint32_t sequence)
{
    struct made made;
    make_begin(&made, GOSSIP_ACK, 1);
    writer_u32(&made.writer, sequence);
    writer_varint(&made.writer, unix_ms(network));
    make_send(network, &made, 1, 0);
}

static void wait(struct network *network, uint64_t duration_ms)
{
    for (uint64_t i = 0; i < duration_ms; i++) {
        network->now_ms++;
        gossip_tick(network->nodes[0].gossip, network->now_ms);
    }
}

static void an_old_acknowledgement_is_no_sign_of_life(void **state)
{
    (void)state;
    struct network network = network_of_one();
    uint32_t old = ping_await(&network);
    ack(&network, old);
    wait(&network, 2);
    assert_int_equal(counters_of(&network, 0)->probes_failed, 0);
    assert_int_not_equal(ping_await(&network), old);
    uint64_t heard = counters_of(&network, 0)->clocks_heard;
    ack(&network, old);
    assert_int_equal(counters_of(&network, 0)->clocks_heard, heard);
    wait(&network, INTERVAL_MS + 1);
    assert_int_equal(counters_of(&network, 0)->probes_failed, 1);
    assert_int_equal(network_view(&network, 0, 1), GOSSIP_SUSPECT);
    network_clear(&network);
}

static void an_answer_in_time_is_a_sign_of_life(void **state)
{
    (void)state;
    struct network network = network_of_one();
    for (int i = 0; i < 10; i++) {
        ack(&network, ping_await(&network));
    }
    assert_int_equal(counters_of(&network, 0)->probes_failed, 0);
    assert_int_equal(network_view(&network, 0, 1), GOSSIP_ALIVE);
    network_clear(&network);
}

static void a_sign_of_life_younger_than_the_ping_counts(void **state)
{
    (void)state;
    struct network network = network_of_one();
    ping_await(&network);
    struct gossip_record younger = record_of(1, unix_ms(&network) + 1, GOSSIP_ALIVE);
    forge(&network, 1, 0, &younger);
    wait(&network, INTERVAL_MS + 1);
    assert_int_equal(counters_of(&network, 0)->probes_failed, 1);
    assert_int_equal(counters_of(&network, 0)->suspicions_raised, 0);
    assert_int_equal(network_view(&network, 0, 1), GOSSIP_ALIVE);
    network_clear(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forged_death_far_in_the_future_is_not_believed),
        cmocka_unit_test(a_forged_death_that_is_believed_is_refuted_also_after_a_restart),
        cmocka_unit_test(what_refutes_the_furthest_that_is_believed_is_believed_too),
        cmocka_unit_test(the_same_death_forged_again_and_again_is_refuted_each_time),
        cmocka_unit_test(hosts_that_do_not_belong_to_the_cluster_are_not_taken_in),
        cmocka_unit_test(a_node_whose_clock_is_off_finds_it_out_at_its_start),
        cmocka_unit_test(a_clock_that_is_set_wrong_later_is_noticed_by_the_node_itself),
        cmocka_unit_test(clocks_within_the_limits_leave_everybody_in_his_place),
        cmocka_unit_test(an_old_acknowledgement_is_no_sign_of_life),
        cmocka_unit_test(an_answer_in_time_is_a_sign_of_life),
        cmocka_unit_test(a_sign_of_life_younger_than_the_ping_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
