/*
 * The codec of gossip's packets: see packet.h for the layout. Every length is proved before it is
 * used, and what our own encoder would not write is malformed.
 */
#include "gossip/packet.h"

#include <xxhash.h>

#include "base/assert.h"
#include "base/bytes.h"

#define CHECKSUM_AT 2u
#define CHECKED_AT 6u

#define STATUS_MASK 0x03u
#define IPV6_BIT 0x04u
#define SUSPECTERS_SHIFT 3
#define RECORD_BITS_MAX 0x1fu

static uint32_t checksum_of(struct slice packet)
{
    uint64_t seed = (uint64_t)packet.data[0] << 8 | packet.data[1];
    return (uint32_t)XXH3_64bits_withSeed(packet.data + CHECKED_AT, packet.size - CHECKED_AT, seed);
}

void gossip_packet_head(struct writer *writer, enum gossip_packet_kind kind, uint64_t cluster_hash)
{
    writer_u8(writer, GOSSIP_FORMAT_VERSION);
    writer_u8(writer, (uint8_t)kind);
    writer_u32(writer, 0);
    writer_u64(writer, cluster_hash);
}

void gossip_packet_seal(struct slice packet)
{
    COLUMBA_ASSERT(packet.size > CHECKED_AT);
    bytes_put_u32_be((uint8_t *)packet.data + CHECKSUM_AT, checksum_of(packet));
}

bool gossip_write_fits(struct writer *writer, uint8_t *mark, const uint8_t *end)
{
    if (!writer->failed && writer->at <= end) {
        return true;
    }
    writer->at = mark;
    writer->failed = false;
    return false;
}

void gossip_record_write(struct writer *writer, const struct gossip_record *record)
{
    bool is_ipv6 = record->address.family == 6;
    unsigned bits = record->status | (is_ipv6 ? IPV6_BIT : 0) |
                    (unsigned)record->suspecters_count << SUSPECTERS_SHIFT;
    writer_id(writer, &record->host);
    writer_u8(writer, (uint8_t)bits);
    writer_varint(writer, record->generation);
    writer_varint(writer, record->incarnation - record->generation);
    writer_varint(writer, record->version);
    writer_bytes(writer, slice_of(record->address.bytes, is_ipv6 ? 16 : 4));
    writer_u16(writer, record->address.port);
    for (size_t i = 0; i < record->suspecters_count; i++) {
        writer_u32(writer, record->suspecters[i]);
    }
}

void gossip_delta_write(struct writer *writer, const struct gossip_delta *delta)
{
    writer_id(writer, &delta->host);
    writer_varint(writer, delta->generation);
    writer_varint(writer, delta->base);
    writer_varint(writer, delta->version);
    writer_sized(writer, delta->packed);
}

void gossip_request_write(struct writer *writer, const struct gossip_request *request)
{
    writer_id(writer, &request->host);
    writer_varint(writer, request->generation);
    writer_varint(writer, request->version);
}

static void record_read(struct reader *reader, struct gossip_record *record)
{
    record->host = reader_id(reader);
    unsigned bits = reader_u8(reader);
    record->status = (uint8_t)(bits & STATUS_MASK);
    record->suspecters_count = (uint8_t)(bits >> SUSPECTERS_SHIFT & GOSSIP_SUSPECTERS_MAX);
    record->generation = reader_varint(reader);
    uint64_t raised = reader_varint(reader);
    record->incarnation = record->generation + raised;
    record->version = reader_varint(reader);
    bool is_ipv6 = (bits & IPV6_BIT) != 0;
    struct slice address = reader_bytes(reader, is_ipv6 ? 16 : 4);
    record->address = (struct gossip_address){.family = is_ipv6 ? 6 : 4};
    if (address.size > 0) {
        memcpy(record->address.bytes, address.data, address.size);
    }
    record->address.port = reader_u16(reader);
    for (size_t i = 0; i < record->suspecters_count; i++) {
        record->suspecters[i] = reader_u32(reader);
    }
    bool is_suspect = record->status == GOSSIP_SUSPECT;
    if (bits > RECORD_BITS_MAX || record->address.port == 0 || id_is_zero(&record->host) ||
        record->generation > GOSSIP_INCARNATION_MAX || raised > GOSSIP_INCARNATION_MAX ||
        record->incarnation > GOSSIP_INCARNATION_MAX ||
        is_suspect != (record->suspecters_count > 0)) {
        reader->failed = true;
    }
}

static void records_read(struct reader *reader, struct gossip_packet *packet)
{
    size_t count = reader_u8(reader);
    if (count > GOSSIP_PACKET_RECORDS_MAX) {
        reader->failed = true;
    }
    while (!reader->failed && packet->records_count < count) {
        record_read(reader, &packet->records[packet->records_count++]);
    }
}

static void news_read(struct reader *reader, struct gossip_packet *packet)
{
    while (reader_left(reader) > 0) {
        size_t at = packet->records_count + packet->news_count;
        if (at == GOSSIP_PACKET_RECORDS_MAX) {
            reader->failed = true;
            return;
        }
        record_read(reader, &packet->records[at]);
        packet->news_count++;
    }
}

static void deltas_read(struct reader *reader, struct gossip_packet *packet)
{
    size_t count = reader_u8(reader);
    if (count > GOSSIP_PACKET_DELTAS_MAX) {
        reader->failed = true;
    }
    while (!reader->failed && packet->deltas_count < count) {
        struct gossip_delta *delta = &packet->deltas[packet->deltas_count++];
        delta->host = reader_id(reader);
        delta->generation = reader_varint(reader);
        delta->base = reader_varint(reader);
        delta->version = reader_varint(reader);
        delta->packed = reader_sized(reader);
        if (delta->generation > GOSSIP_INCARNATION_MAX || delta->base >= delta->version ||
            !gossip_state_is_valid(delta->packed, delta->version)) {
            reader->failed = true;
        }
    }
}

static void requests_read(struct reader *reader, struct gossip_packet *packet)
{
    size_t count = reader_u8(reader);
    if (count > GOSSIP_PACKET_REQUESTS_MAX) {
        reader->failed = true;
    }
    while (!reader->failed && packet->requests_count < count) {
        struct gossip_request *request = &packet->requests[packet->requests_count++];
        request->host = reader_id(reader);
        request->generation = reader_varint(reader);
        request->version = reader_varint(reader);
    }
}

static void flag_read(struct reader *reader, bool *out_flag)
{
    uint8_t flag = reader_u8(reader);
    if (flag > 1) {
        reader->failed = true;
    }
    *out_flag = flag == 1;
}

static void body_read(struct reader *reader, struct gossip_packet *packet)
{
    switch (packet->kind) {
    case GOSSIP_PING:
        packet->sequence = reader_u32(reader);
        packet->target = reader_id(reader);
        break;
    case GOSSIP_PING_REQUEST:
        packet->sequence = reader_u32(reader);
        record_read(reader, &packet->records[packet->records_count++]);
        break;
    case GOSSIP_ACK:
        packet->sequence = reader_u32(reader);
        packet->unix_ms = reader_varint(reader);
        break;
    case GOSSIP_NACK:
        packet->sequence = reader_u32(reader);
        break;
    case GOSSIP_SYNC:
        packet->sequence = reader_u32(reader);
        packet->begin = reader_id(reader);
        packet->end = reader_id(reader);
        records_read(reader, packet);
        break;
    case GOSSIP_EXCHANGE:
        packet->sequence = reader_u32(reader);
        packet->unix_ms = reader_varint(reader);
        flag_read(reader, &packet->more);
        packet->living = reader_varint(reader);
        records_read(reader, packet);
        deltas_read(reader, packet);
        requests_read(reader, packet);
        break;
    default:
        reader->failed = true;
    }
}

enum gossip_verdict gossip_packet_decode(struct slice bytes, struct gossip_packet *out_packet)
{
    if (bytes.size <= CHECKED_AT || bytes.size > GOSSIP_PACKET_MAX_BYTES) {
        return GOSSIP_PACKET_MALFORMED;
    }
    if (bytes.data[0] != GOSSIP_FORMAT_VERSION) {
        return GOSSIP_PACKET_OTHER_VERSION;
    }
    struct reader reader = reader_of(bytes);
    reader_u8(&reader);
    out_packet->kind = (enum gossip_packet_kind)reader_u8(&reader);
    if (reader_u32(&reader) != checksum_of(bytes)) {
        return GOSSIP_PACKET_DAMAGED;
    }
    out_packet->records_count = 0;
    out_packet->news_count = 0;
    out_packet->deltas_count = 0;
    out_packet->requests_count = 0;
    out_packet->cluster_hash = reader_u64(&reader);
    record_read(&reader, &out_packet->sender);
    flag_read(&reader, &out_packet->has_receiver);
    if (out_packet->has_receiver) {
        record_read(&reader, &out_packet->receiver);
    }
    body_read(&reader, out_packet);
    news_read(&reader, out_packet);
    return reader_is_done(&reader) ? GOSSIP_PACKET_GOOD : GOSSIP_PACKET_MALFORMED;
}
