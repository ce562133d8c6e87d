/*
 * Any bytes as gossip packets: first through the decoder as they are, then, under a good head and
 * checksum, into a running object. The first byte of the input says how much of it is one packet.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "gossip/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gossip *object_make(void)
{
    struct gossip_config config;
    struct gossip *gossip;
    gossip_config_defaults(&config, 200);
    config.host.bytes[0] = 1;
    config.address = (struct gossip_address){.family = 4, .bytes = {127, 0, 0, 1}, .port = 1};
    config.cluster_hash = 1;
    config.incarnation = 100;
    enum columba_error error = gossip_create(memory_system(), &config, 0, &gossip);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    gossip_state_set(gossip, GOSSIP_STATUS, slice_of_text("NORMAL"));
    return gossip;
}

static void drain(struct gossip *gossip)
{
    struct gossip_address to;
    struct slice packet;
    struct gossip_change change;
    static struct gossip_packet decoded;
    while (gossip_packet_next(gossip, &to, &packet)) {
        COLUMBA_ASSERT(gossip_packet_decode(packet, &decoded) == GOSSIP_PACKET_GOOD);
    }
    while (gossip_change_next(gossip, &change)) {
    }
}

static void packet_receive(struct gossip *gossip, uint64_t now_ms, struct slice input)
{
    struct gossip_address from = {.family = 4, .bytes = {127, 0, 0, 2}, .port = 2};
    struct gossip_record sender = {
        .address = from, .generation = 1, .incarnation = 1, .version = 3};
    sender.host.bytes[0] = 2;
    uint8_t bytes[GOSSIP_PACKET_MAX_BYTES];
    struct writer writer = writer_of(bytes, sizeof bytes);
    uint8_t kind = input.size > 0 ? input.data[0] % 8 : 0;
    gossip_packet_head(&writer, (enum gossip_packet_kind)kind, 1);
    gossip_record_write(&writer, &sender);
    if (input.size > 1) {
        writer_bytes(&writer, slice_of(input.data + 1, input.size - 1));
    }
    if (writer.failed) {
        return;
    }
    gossip_packet_seal(writer_done(&writer));
    gossip_receive(gossip, now_ms, &from, writer_done(&writer));
    drain(gossip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gossip_packet decoded;
    (void)gossip_packet_decode(slice_of(data, size), &decoded);
    struct gossip *gossip = object_make();
    uint64_t now_ms = 0;
    while (size > 1) {
        size_t length = data[0] < size - 1 ? data[0] : size - 1;
        packet_receive(gossip, now_ms, slice_of(data + 1, length));
        now_ms += 150;
        gossip_tick(gossip, now_ms);
        drain(gossip);
        data += 1 + length;
        size -= 1 + length;
    }
    gossip_destroy(gossip);
    return 0;
}
