/* The bytes of gossip: what they are, and what becomes of bytes that somebody meant ill with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "gossip_network.h"
#include "gossip/packet.h"

struct made {
    uint8_t bytes[GOSSIP_PACKET_MAX_BYTES];
    struct writer writer;
};

static struct gossip_record record_of(size_t node)
{
    return (struct gossip_record){
        .host = network_host(node),
        .generation = 1700000000000,
        .incarnation = 1700000000002,
        .version = 5,
        .address = network_address(node),
        .status = GOSSIP_ALIVE,
    };
}

static void make_begin(struct made *made, enum gossip_packet_kind kind, size_t sender)
{
    struct gossip_record record = record_of(sender);
    made->writer = writer_of(made->bytes, sizeof made->bytes);
    gossip_packet_head(&made->writer, kind, 0xc01);
    gossip_record_write(&made->writer, &record);
    writer_u8(&made->writer, 0);
}

/* What an EXCHANGE has before its lists: it answers no SYNC, and tells no time. */
static void exchange_head(struct made *made)
{
    writer_u32(&made->writer, 0);
    writer_varint(&made->writer, 0);
}

static struct slice make_end(struct made *made)
{
    struct slice packet = writer_done(&made->writer);
    gossip_packet_seal(packet);
    return packet;
}

static void make_ping(struct made *made)
{
    struct id target = network_host(2);
    make_begin(made, GOSSIP_PING, 1);
    writer_u32(&made->writer, 0x01020304);
    writer_id(&made->writer, &target);
}

/* clang-format off */
static const uint8_t golden_ping[] = {
    0x02, 0x01, 0x9b, 0x91, 0x4e, 0xb0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x01, 0x1e, 0x59,
    0x8c, 0x00, 0xc7, 0xda, 0x13, 0x01, 0xef, 0xbe, 0xc9, 0x17, 0x0c, 0xae, 0x41, 0x06, 0x00, 0x80,
    0xd0, 0x95, 0xff, 0xbc, 0x31, 0x02, 0x05, 0x0a, 0x00, 0x00, 0x01, 0x1b, 0x58, 0x00, 0x01, 0x02,
    0x03, 0x04, 0xf3, 0x2c, 0x16, 0x93, 0x9b, 0x27, 0xf4, 0xd6, 0x4f, 0xf1, 0x80, 0x69, 0x24, 0xc2,
    0x2f, 0x24, 0xf2, 0xf6, 0x33, 0x0e, 0xe8, 0x87, 0x37, 0x31, 0xde, 0x38, 0x5e, 0xa4, 0x34, 0x0b,
    0xbf, 0xee, 0x15, 0x80, 0xd0, 0x95, 0xff, 0xbc, 0x31, 0x02, 0x05, 0x0a, 0x00, 0x00, 0x03, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x1b, 0x58, 0xaa, 0xbb, 0xcc,
    0xdd, 0x11, 0x22, 0x33, 0x44,
};
/* clang-format on */

static void a_ping_with_news_of_a_suspect_has_these_bytes(void **state)
{
    (void)state;
    struct made made;
    make_ping(&made);
    struct gossip_record suspect = record_of(3);
    suspect.status = GOSSIP_SUSPECT;
    suspect.suspecters_count = 2;
    suspect.suspecters[0] = 0xaabbccdd;
    suspect.suspecters[1] = 0x11223344;
    suspect.address.family = 6;
    suspect.address.bytes[15] = 1;
    gossip_record_write(&made.writer, &suspect);
    struct slice packet = make_end(&made);
    if (!slice_equal(packet, slice_of(golden_ping, sizeof golden_ping))) {
        for (size_t i = 0; i < packet.size; i++) {
            printf("0x%02x,%s", packet.data[i], i % 16 == 15 ? "\n" : " ");
        }
        printf("\n");
        fail_msg("the format changed: raise its version");
    }
    struct gossip_packet decoded;
    assert_int_equal(gossip_packet_decode(packet, &decoded), GOSSIP_PACKET_GOOD);
    assert_int_equal(decoded.kind, GOSSIP_PING);
    assert_int_equal(decoded.sequence, 0x01020304);
    assert_int_equal(decoded.sender.incarnation, 1700000000002);
    assert_int_equal(decoded.news_count, 1);
    assert_int_equal(decoded.records[0].suspecters[1], 0x11223344);
    assert_int_equal(decoded.records[0].address.family, 6);
}

static void every_cut_and_every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    struct gossip_packet decoded;
    uint8_t bytes[sizeof golden_ping];
    for (size_t size = 0; size < sizeof golden_ping; size++) {
        assert_int_not_equal(gossip_packet_decode(slice_of(golden_ping, size), &decoded),
                             GOSSIP_PACKET_GOOD);
    }
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        memcpy(bytes, golden_ping, sizeof bytes);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(gossip_packet_decode(slice_of(bytes, sizeof bytes), &decoded),
                             GOSSIP_PACKET_GOOD);
    }
}

/* A record behind a ping, with one thing wrong, under a good checksum. */
static void assert_record_refused(const struct gossip_record *record)
{
    struct made made;
    struct gossip_packet decoded;
    make_ping(&made);
    gossip_record_write(&made.writer, record);
    assert_int_equal(gossip_packet_decode(make_end(&made), &decoded), GOSSIP_PACKET_MALFORMED);
}

static void records_that_nobody_would_send_are_malformed(void **state)
{
    (void)state;
    struct gossip_record record = record_of(3);
    record.address.port = 0;
    assert_record_refused(&record);
    record = record_of(3);
    memset(&record.host, 0, sizeof record.host);
    assert_record_refused(&record);
    record = record_of(3);
    record.generation = GOSSIP_INCARNATION_MAX + 1;
    record.incarnation = record.generation;
    assert_record_refused(&record);
    record = record_of(3);
    record.incarnation = UINT64_MAX;
    assert_record_refused(&record);
    record = record_of(3);
    record.incarnation = record.generation - 1; /* wraps around */
    assert_record_refused(&record);
    record = record_of(3);
    record.status = GOSSIP_SUSPECT; /* by nobody */
    assert_record_refused(&record);
    record = record_of(3);
    record.suspecters_count = 1;
    assert_record_refused(&record);
}

static void lists_longer_than_their_packet_are_malformed(void **state)
{
    (void)state;
    struct gossip_packet decoded;
    for (unsigned count = 1; count < 256; count++) {
        struct made made;
        make_begin(&made, GOSSIP_EXCHANGE, 1);
        exchange_head(&made);
        writer_u8(&made.writer, 0);
        writer_varint(&made.writer, 1);
        writer_u8(&made.writer, (uint8_t)count);
        writer_u8(&made.writer, (uint8_t)count);
        writer_u8(&made.writer, (uint8_t)count);
        assert_int_equal(gossip_packet_decode(make_end(&made), &decoded), GOSSIP_PACKET_MALFORMED);
    }
}

static struct gossip *gossip_small(struct network *network)
{
    struct network_options options = {
        .nodes = 2, .seed = 1, .probe_interval_ms = 200, .delay_max_ms = 1, .seeds = 2};
    network_init(network, &options);
    network_run(network, 1000);
    return network->nodes[0].gossip;
}

static void receive(struct gossip *gossip, uint64_t now_ms, struct slice packet)
{
    struct gossip_address from = network_address(1);
    gossip_receive(gossip, now_ms, &from, packet);
    struct slice bytes;
    while (gossip_packet_next(gossip, &from, &bytes)) {
        assert_in_range(bytes.size, 1, GOSSIP_PACKET_MAX_BYTES);
    }
}

static void what_is_not_understood_is_counted_and_dropped(void **state)
{
    (void)state;
    struct network network;
    struct gossip *gossip = gossip_small(&network);
    const struct gossip_counters *counters = gossip_counters(gossip);
    uint8_t bytes[sizeof golden_ping];
    memcpy(bytes, golden_ping, sizeof bytes);
    bytes[0] = 9;
    receive(gossip, network.now_ms, slice_of(bytes, sizeof bytes));
    assert_int_equal(counters->packets_other_version, 1);
    bytes[0] = golden_ping[0];
    bytes[20] ^= 1;
    receive(gossip, network.now_ms, slice_of(bytes, sizeof bytes));
    assert_int_equal(counters->packets_damaged, 1);
    receive(gossip, network.now_ms, slice_of(bytes, 3));
    receive(gossip, network.now_ms, slice_of("", 0));
    assert_int_equal(counters->packets_malformed, 2);
    receive(gossip, network.now_ms, slice_of(golden_ping, sizeof golden_ping));
    assert_int_equal(counters->packets_misdirected, 1);
    network_clear(&network);
}

static void a_flood_of_invented_members_is_bounded(void **state)
{
    (void)state;
    struct network network;
    struct gossip *gossip = gossip_small(&network);
    for (size_t node = 10; node < 3000; node += 10) {
        struct made made;
        make_ping(&made);
        for (size_t i = 0; i < 10; i++) {
            struct gossip_record record = record_of(node + i);
            gossip_record_write(&made.writer, &record);
        }
        receive(gossip, network.now_ms, make_end(&made));
    }
    assert_int_equal(gossip_member_count(gossip), NODES_MAX);
    assert_true(gossip_counters(gossip)->members_refused > 1000);
    /* The one real peer is still known, and the invented ones go the way of the dead. */
    assert_int_equal(network_view(&network, 0, 1), GOSSIP_ALIVE);
    network_run(&network, 2000);
    assert_int_equal(network_view(&network, 0, 1), GOSSIP_ALIVE);
    network_clear(&network);
}

static void the_dead_give_way_to_the_living_in_a_full_table(void **state)
{
    (void)state;
    struct network network;
    struct gossip *gossip = gossip_small(&network);
    for (int round = 0; round < 2; round++) {
        for (size_t node = 10; node < 10 + NODES_MAX; node++) {
            struct made made;
            make_ping(&made);
            struct gossip_record record = record_of(node);
            record.status = round == 0 ? GOSSIP_ALIVE : GOSSIP_DEAD;
            gossip_record_write(&made.writer, &record);
            receive(gossip, network.now_ms, make_end(&made));
        }
    }
    struct made made;
    make_ping(&made);
    struct gossip_record record = record_of(9000);
    gossip_record_write(&made.writer, &record);
    receive(gossip, network.now_ms, make_end(&made));
    enum gossip_status status;
    assert_true(gossip_status_of(gossip, &record.host, &status));
    assert_int_equal(status, GOSSIP_ALIVE);
    assert_int_equal(gossip_member_count(gossip), NODES_MAX);
    network_clear(&network);
}

static void a_node_told_of_its_own_death_with_the_highest_incarnation_stays_sane(void **state)
{
    (void)state;
    struct network network;
    struct gossip *gossip = gossip_small(&network);
    for (int i = 0; i < 3; i++) {
        struct made made;
        make_ping(&made);
        struct gossip_record record = record_of(0);
        record.status = GOSSIP_DEAD;
        record.generation = GOSSIP_INCARNATION_MAX;
        record.incarnation = GOSSIP_INCARNATION_MAX;
        gossip_record_write(&made.writer, &record);
        receive(gossip, network.now_ms, make_end(&made));
    }
    struct gossip_member member;
    struct id host = network_host(0);
    assert_true(gossip_member_find(gossip, &host, &member));
    assert_int_equal(member.incarnation, GOSSIP_INCARNATION_MAX);
    assert_int_equal(member.status, GOSSIP_ALIVE);
    network_clear(&network);
}

static void invented_states_do_not_replace_our_own(void **state)
{
    (void)state;
    struct network network;
    struct gossip *gossip = gossip_small(&network);
    assert_int_equal(gossip_state_set(gossip, GOSSIP_STATUS, slice_of_text("NORMAL")), ERR_OK);
    struct made made;
    make_begin(&made, GOSSIP_EXCHANGE, 1);
    exchange_head(&made);
    writer_u8(&made.writer, 1);
    writer_varint(&made.writer, 1000);
    writer_u8(&made.writer, 0);
    writer_u8(&made.writer, 1);
    struct gossip_member self;
    struct id host = network_host(0);
    assert_true(gossip_member_find(gossip, &host, &self));
    struct gossip_delta delta = {
        .host = host,
        .generation = self.generation,
        .version = 99,
        .packed = slice_of("\x00\x63\x03"
                           "BAD",
                           6),
    };
    gossip_delta_write(&made.writer, &delta);
    writer_u8(&made.writer, 0);
    struct gossip_packet decoded;
    struct slice packet = make_end(&made);
    assert_int_equal(gossip_packet_decode(packet, &decoded), GOSSIP_PACKET_GOOD);
    receive(gossip, network.now_ms, packet);
    assert_true(gossip_member_find(gossip, &host, &self));
    assert_true(slice_equal(self.state[GOSSIP_STATUS], slice_of_text("NORMAL")));
    network_clear(&network);
}

static void random_bytes_under_a_good_checksum_do_no_harm(void **state)
{
    (void)state;
    struct network network;
    struct gossip *gossip = gossip_small(&network);
    struct random random;
    random_init(&random, 7);
    for (int i = 0; i < 100000; i++) {
        struct made made;
        make_begin(&made, (enum gossip_packet_kind)random_below(&random, 8), 1);
        size_t size = random_below(&random, 200);
        for (size_t j = 0; j < size; j++) {
            writer_u8(&made.writer, random_below(&random, 3) == 0
                                        ? (uint8_t)random_next(&random)
                                        : (uint8_t)random_below(&random, 3));
        }
        receive(gossip, network.now_ms, make_end(&made));
    }
    network_run(&network, 2000);
    assert_int_equal(network_view(&network, 0, 1), GOSSIP_ALIVE);
    network_clear(&network);
}

struct failing_memory {
    struct memory memory;
    int left;
};

static void *failing_allocate(struct memory *memory, size_t size)
{
    struct failing_memory *failing = (struct failing_memory *)memory;
    if (failing->left == 0) {
        return NULL;
    }
    failing->left--;
    return memory_allocate(memory_system(), size);
}

static void failing_release(struct memory *memory, void *block)
{
    (void)memory;
    memory_release(memory_system(), block);
}

static void without_memory_a_call_fails_and_changes_nothing(void **state)
{
    (void)state;
    struct network network;
    gossip_small(&network);
    struct gossip_address seeds[GOSSIP_SEEDS_MAX];
    struct gossip_config config = network_config(&network, 1, seeds);
    struct failing_memory failing = {{failing_allocate, failing_release}, 0};
    struct gossip *gossip = NULL;
    assert_int_equal(gossip_create(&failing.memory, &config, 0, &gossip), ERR_NO_MEMORY);
    assert_null(gossip);
    failing.left = 2;
    assert_int_equal(gossip_create(&failing.memory, &config, 0, &gossip), ERR_OK);
    assert_int_equal(gossip_state_set(gossip, GOSSIP_STATUS, slice_of_text("NORMAL")), ERR_OK);
    assert_int_equal(gossip_state_set(gossip, GOSSIP_NAME, slice_of_text("a name of many bytes")),
                     ERR_NO_MEMORY);
    assert_int_equal(gossip_state_set(gossip, GOSSIP_LOAD_BYTES, slice_of_text("9 bytes !")),
                     ERR_TOO_LARGE);
    struct gossip_member self = gossip_member_at(gossip, 0);
    assert_true(slice_equal(self.state[GOSSIP_STATUS], slice_of_text("NORMAL")));
    assert_null(self.state[GOSSIP_NAME].data);
    assert_int_equal(self.state_version, 1);
    gossip_destroy(gossip);
    network_clear(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ping_with_news_of_a_suspect_has_these_bytes),
        cmocka_unit_test(every_cut_and_every_flipped_bit_is_noticed),
        cmocka_unit_test(records_that_nobody_would_send_are_malformed),
        cmocka_unit_test(lists_longer_than_their_packet_are_malformed),
        cmocka_unit_test(what_is_not_understood_is_counted_and_dropped),
        cmocka_unit_test(a_flood_of_invented_members_is_bounded),
        cmocka_unit_test(the_dead_give_way_to_the_living_in_a_full_table),
        cmocka_unit_test(a_node_told_of_its_own_death_with_the_highest_incarnation_stays_sane),
        cmocka_unit_test(invented_states_do_not_replace_our_own),
        cmocka_unit_test(random_bytes_under_a_good_checksum_do_no_harm),
        cmocka_unit_test(without_memory_a_call_fails_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
