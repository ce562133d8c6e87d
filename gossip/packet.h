/*
 * The bytes of gossip's packets. Decoding takes a packet apart whole before anything in it is
 * believed; encoding writes part after part into a buffer of GOSSIP_PACKET_MAX_BYTES.
 *
 *     version u8 | kind u8 | checksum u32 | cluster u64 | sender record | u8 0, or 1 and a record:
 *     how the sender holds the receiver when not as alive | body of the kind | news: records to
 *     the end
 *
 *     PING         sequence u32, target id        answered by ACK with the same sequence
 *     PING_REQUEST sequence u32, target record    the receiver pings the target and passes the ACK
 *                                                 on, or answers NACK: "I am here, it is silent"
 *     ACK          sequence u32, time varint      the answering node's wall clock, Unix ms; 0: none
 *     NACK         sequence u32
 *     SYNC         sequence u32, begin id, end id, records
 *                                                 all members the sender knows between the ids (a
 *                                                 circle; all where they are equal)
 *     EXCHANGE     sequence u32, time varint, more u8, living varint, records, deltas, requests
 *                                                 the sequence of the SYNC it answers, else 0
 *
 *     record   host id | status (2 bits), IPv6 (1), suspecters (2) u8 | generation varint |
 *              incarnation - generation varint | state version varint | address 4 or 16 B |
 *              port u16 | u32 for each suspecter
 *     delta    host id | generation varint | base varint | version varint | packed values, sized
 *     request  host id | generation varint | version varint (what the asker has)
 *
 * Lists are preceded by their length, u8. The checksum is the low half of XXH3-64 over what
 * follows it, seeded by version and kind; it finds damage, not forgery.
 */
#ifndef COLUMBA_GOSSIP_PACKET_H
#define COLUMBA_GOSSIP_PACKET_H

#include "base/cursor.h"
#include "gossip/gossip.h"

#define GOSSIP_FORMAT_VERSION 2u
/* Room for a raise for every refutation in the life of the universe, and 5 bits spare. */
#define GOSSIP_INCARNATION_MAX ((uint64_t)1 << 56)

/* Who raised a suspicion and who confirmed it: beyond this the suspicion is as short as can be. */
#define GOSSIP_SUSPECTERS_MAX 3u

enum gossip_packet_kind {
    GOSSIP_PING = 1,
    GOSSIP_PING_REQUEST = 2,
    GOSSIP_ACK = 3,
    GOSSIP_NACK = 4,
    GOSSIP_SYNC = 5,
    GOSSIP_EXCHANGE = 6,
};

/* How one node holds a member. */
struct gossip_record {
    struct id host;
    uint64_t generation;
    uint64_t incarnation;
    uint64_t version; /* of the member's state, as far as the teller has it */
    struct gossip_address address;
    uint8_t status;
    uint8_t suspecters_count;
    uint32_t suspecters[GOSSIP_SUSPECTERS_MAX]; /* gossip_tag of each */
};

struct gossip_delta {
    struct id host;
    uint64_t generation;
    uint64_t base; /* values set after this version */
    uint64_t version;
    struct slice packed;
};

struct gossip_request {
    struct id host;
    uint64_t generation;
    uint64_t version;
};

#define GOSSIP_RECORD_MIN_BYTES (ID_BYTES + 1 + 3 + 4 + 2)
#define GOSSIP_RECORD_MAX_BYTES (ID_BYTES + 1 + 9 + 9 + 10 + 16 + 2 + 4 * GOSSIP_SUSPECTERS_MAX)
#define GOSSIP_DELTA_MAX_BYTES (ID_BYTES + 9 + 10 + 10 + 2 + GOSSIP_STATE_MAX_BYTES)
#define GOSSIP_REQUEST_MAX_BYTES (ID_BYTES + 9 + 10)
/* Everything before the body. */
#define GOSSIP_PREFIX_MAX_BYTES (14 + GOSSIP_RECORD_MAX_BYTES + 1 + GOSSIP_RECORD_MAX_BYTES)

/* What fits a packet at the shortest. */
#define GOSSIP_PACKET_RECORDS_MAX (GOSSIP_PACKET_MAX_BYTES / GOSSIP_RECORD_MIN_BYTES)
/* More would each be too short to be worth a packet. */
#define GOSSIP_PACKET_DELTAS_MAX 48u
#define GOSSIP_PACKET_REQUESTS_MAX 48u

/* What comes before an EXCHANGE's lists, and their lengths. */
#define GOSSIP_EXCHANGE_HEAD_MAX_BYTES (4 + 10 + 1 + 2 + 3)

_Static_assert(GOSSIP_PREFIX_MAX_BYTES + GOSSIP_EXCHANGE_HEAD_MAX_BYTES + GOSSIP_DELTA_MAX_BYTES <=
                   GOSSIP_PACKET_MAX_BYTES,
               "any one state fits a packet");

struct gossip_packet {
    enum gossip_packet_kind kind;
    uint64_t cluster_hash;
    struct gossip_record sender;
    bool has_receiver;
    struct gossip_record receiver;
    uint32_t sequence; /* all kinds */
    uint64_t unix_ms;  /* ACK, EXCHANGE */
    struct id target;  /* PING */
    struct id begin;   /* SYNC */
    struct id end;
    bool more;       /* EXCHANGE: there was no room for everything */
    uint64_t living; /* EXCHANGE: members the sender holds alive or suspect */
    size_t records_count;
    size_t news_count;
    size_t deltas_count;
    size_t requests_count;
    /* The body's records, then the news. */
    struct gossip_record records[GOSSIP_PACKET_RECORDS_MAX];
    struct gossip_delta deltas[GOSSIP_PACKET_DELTAS_MAX];
    struct gossip_request requests[GOSSIP_PACKET_REQUESTS_MAX];
};

enum gossip_verdict {
    GOSSIP_PACKET_GOOD,
    GOSSIP_PACKET_MALFORMED,
    GOSSIP_PACKET_DAMAGED,
    GOSSIP_PACKET_OTHER_VERSION,
};

/* Deltas are views into `bytes`. `out_packet` is undefined unless the verdict is good. */
enum gossip_verdict gossip_packet_decode(struct slice bytes, struct gossip_packet *out_packet);

/* Room for the checksum is left; gossip_packet_seal fills it in when all is written. */
void gossip_packet_head(struct writer *writer, enum gossip_packet_kind kind, uint64_t cluster_hash);
void gossip_packet_seal(struct slice packet);

void gossip_record_write(struct writer *writer, const struct gossip_record *record);
void gossip_delta_write(struct writer *writer, const struct gossip_delta *delta);
void gossip_request_write(struct writer *writer, const struct gossip_request *request);

/* Keeps what was written since `mark` if it fit before `end`, else takes it back: false. */
bool gossip_write_fits(struct writer *writer, uint8_t *mark, const uint8_t *end);

/* 32 bits for a host among its suspecters; where two share one, a suspicion lasts longer. */
static inline uint32_t gossip_tag(const struct id *host)
{
    return (uint32_t)host->bytes[12] << 24 | (uint32_t)host->bytes[13] << 16 |
           (uint32_t)host->bytes[14] << 8 | host->bytes[15];
}

#endif
