/*
 * The push-pull exchange. Now and then a node sends a random member the records it holds of a part
 * of the circle of host ids (SYNC); the other answers with what it holds newer or besides, with the
 * states the first lacks, and with requests for those it lacks itself (EXCHANGE), which the first
 * then sends. The part is what fits a packet and moves on around the circle, so an exchange costs
 * the same in any cluster, and a small cluster fits whole.
 *
 * It is also how a node makes itself known to a seed, catches up with a cluster it has joined (one
 * exchange after the other while the other side has more), and finds out that the dead live again
 * after a partition.
 */
#include "gossip/parts.h"

#include "base/assert.h"

/* A SYNC leaves this much for news. */
#define SYNC_NEWS_BYTES 160u
/* What records may take of an EXCHANGE that also has states to bring. */
#define EXCHANGE_RECORDS_BYTES 450u
_Static_assert(GOSSIP_PREFIX_MAX_BYTES + GOSSIP_EXCHANGE_HEAD_MAX_BYTES + EXCHANGE_RECORDS_BYTES +
                       GOSSIP_DELTA_MAX_BYTES <=
                   GOSSIP_PACKET_MAX_BYTES,
               "there is always room for one state");
/* Asked at a time when a node alone looks for others. */
#define SEEDS_ASKED 3u

/* A list in a packet, whose length is known when it is written. */
struct list_writer {
    struct writer *writer;
    uint8_t *count_at;
    uint8_t *end;
    uint8_t *mark;
    unsigned count_max;
};

static struct list_writer list_begin(struct writer *writer, uint8_t *end, unsigned count_max)
{
    struct list_writer list = {
        .writer = writer, .count_at = writer->at, .end = end, .count_max = count_max};
    writer_u8(writer, 0);
    COLUMBA_ASSERT(!writer->failed);
    list.mark = writer->at;
    return list;
}

/* Call after each element was written: false, and it is taken back, when it does not fit. */
static bool list_add(struct list_writer *list)
{
    if (*list->count_at == list->count_max) {
        list->writer->at = list->mark;
        list->writer->failed = false;
        return false;
    }
    if (!gossip_write_fits(list->writer, list->mark, list->end)) {
        return false;
    }
    (*list->count_at)++;
    list->mark = list->writer->at;
    return true;
}

static bool list_add_record(struct list_writer *list, const struct gossip_row *row)
{
    struct gossip_record record = gossip_row_record(row);
    gossip_record_write(list->writer, &record);
    return list_add(list);
}

static bool list_add_delta(struct list_writer *list, const struct gossip_row *row, uint64_t base)
{
    uint8_t packed[GOSSIP_STATE_MAX_BYTES];
    struct gossip_delta delta = {
        .host = row->host,
        .generation = row->generation,
        .base = base,
        .version = row->state.version,
        .packed = slice_of(packed, gossip_state_after(&row->state, base, packed)),
    };
    gossip_delta_write(list->writer, &delta);
    return list_add(list);
}

static bool list_add_request(struct list_writer *list, const struct gossip_row *row)
{
    struct gossip_request request = {
        .host = row->host,
        .generation = row->generation,
        .version = gossip_row_version(row),
    };
    gossip_request_write(list->writer, &request);
    return list_add(list);
}

/* Remembers what is asked now, so that the answer tells the other's clock. */
static uint32_t sync_note(struct gossip *gossip)
{
    struct gossip_sync *asked = &gossip->sync_asked[gossip->sync_asked_next++ % GOSSIP_SYNCS_MAX];
    asked->sequence = (uint32_t)random_next(&gossip->sync_random) | 1;
    asked->asked_ms = gossip->now_ms;
    return asked->sequence;
}

static void sync_answered(struct gossip *gossip, const struct gossip_packet *packet)
{
    for (size_t i = 0; i < GOSSIP_SYNCS_MAX && packet->sequence != 0; i++) {
        struct gossip_sync *asked = &gossip->sync_asked[i];
        if (asked->sequence == packet->sequence) {
            gossip->counters.clocks_heard +=
                gossip_clocks_hear(&gossip->clocks, &packet->sender.host, asked->asked_ms,
                                   gossip->now_ms, packet->unix_ms);
            asked->sequence = 0;
            return;
        }
    }
}

static void sync_send(struct gossip *gossip, uint16_t to, const struct gossip_address *address)
{
    const struct gossip_members *members = &gossip->members;
    struct gossip_post post;
    if (!gossip_post_begin(gossip, GOSSIP_SYNC, to, address, &post)) {
        return;
    }
    struct id begin = gossip->sync_begin;
    struct id end = begin;
    writer_u32(&post.writer, sync_note(gossip));
    writer_id(&post.writer, &begin);
    uint8_t *end_at = post.writer.at;
    writer_id(&post.writer, &end);
    struct list_writer records =
        list_begin(&post.writer, post.writer.end - SYNC_NEWS_BYTES, GOSSIP_PACKET_RECORDS_MAX);
    uint16_t place = gossip_members_place(members, &begin);
    for (uint16_t i = 0; i < members->count; i++) {
        const struct gossip_row *row = &members->rows[members->order[(place + i) % members->count]];
        if (!list_add_record(&records, row)) {
            end = row->host;
            break;
        }
    }
    memcpy(end_at, end.bytes, ID_BYTES);
    gossip->sync_last_begin = begin;
    gossip->sync_begin = end;
    gossip_post_end(gossip, &post);
}

struct answer {
    struct gossip *gossip;
    const struct gossip_packet *packet;
    uint16_t slots[GOSSIP_PACKET_RECORDS_MAX]; /* of the packet's records */
    uint64_t told[NODES_MAX / 64];             /* bit: the asker holds this slot */
    bool has_deltas;
};

static void answer_compare(struct answer *answer)
{
    struct gossip_members *members = &answer->gossip->members;
    for (size_t i = 0; i < answer->packet->records_count; i++) {
        const struct gossip_record *record = &answer->packet->records[i];
        uint16_t slot = gossip_members_find(members, &record->host);
        answer->slots[i] = slot;
        if (slot != GOSSIP_NONE) {
            const struct gossip_row *row = &members->rows[slot];
            answer->told[slot / 64] |= (uint64_t)1 << (slot % 64);
            answer->has_deltas = answer->has_deltas || (row->generation == record->generation &&
                                                        gossip_row_version(row) > record->version);
        }
    }
}

/* What the asker holds older than we do. */
static bool answer_newer(struct answer *answer, struct list_writer *records)
{
    for (size_t i = 0; i < answer->packet->records_count; i++) {
        const struct gossip_record *record = &answer->packet->records[i];
        if (answer->slots[i] == GOSSIP_NONE) {
            continue;
        }
        const struct gossip_row *row = gossip_row(answer->gossip, answer->slots[i]);
        bool is_newer = row->incarnation > record->incarnation ||
                        (row->incarnation == record->incarnation && row->status > record->status);
        if (is_newer && !list_add_record(records, row)) {
            return false;
        }
    }
    return true;
}

/* How many members, from the place of `begin` on, lie before `end` on the circle. */
static uint16_t part_length(const struct gossip_members *members, uint16_t place,
                            const struct gossip_packet *packet)
{
    if (id_equal(&packet->begin, &packet->end)) {
        return members->count;
    }
    uint16_t end = gossip_members_place(members, &packet->end);
    if (id_compare(&packet->begin, &packet->end) > 0) {
        end = (uint16_t)(end + members->count);
    }
    return (uint16_t)(end - place);
}

/* The living that the asker has not heard of, from a random place on: askers at the same time get
 * different ones, and can tell each other. */
static bool answer_missing(struct answer *answer, struct list_writer *records)
{
    struct gossip *gossip = answer->gossip;
    const struct gossip_members *members = &gossip->members;
    uint16_t place = gossip_members_place(members, &answer->packet->begin);
    uint16_t length = part_length(members, place, answer->packet);
    uint32_t skipped = random_below(&gossip->random, length);
    for (uint32_t i = 0; i < length; i++) {
        uint16_t slot = members->order[(place + (i + skipped) % length) % members->count];
        const struct gossip_row *row = &members->rows[slot];
        bool is_told = (answer->told[slot / 64] >> (slot % 64) & 1) != 0;
        if (!is_told && slot != gossip->self && row->status <= GOSSIP_SUSPECT &&
            !list_add_record(records, row)) {
            return false;
        }
    }
    return true;
}

static bool answer_deltas(struct answer *answer, struct list_writer *deltas)
{
    for (size_t i = 0; i < answer->packet->records_count; i++) {
        const struct gossip_record *record = &answer->packet->records[i];
        if (answer->slots[i] == GOSSIP_NONE) {
            continue;
        }
        const struct gossip_row *row = gossip_row(answer->gossip, answer->slots[i]);
        if (row->generation == record->generation && gossip_row_version(row) > record->version &&
            !list_add_delta(deltas, row, record->version)) {
            return false;
        }
    }
    return true;
}

static bool answer_requests(struct answer *answer, struct list_writer *requests)
{
    for (size_t i = 0; i < answer->packet->records_count; i++) {
        if (gossip_judge_wants(answer->gossip, &answer->packet->records[i]) &&
            !list_add_request(requests, gossip_row(answer->gossip, answer->slots[i]))) {
            return false;
        }
    }
    return true;
}

/* What comes before the lists; returns where `more` stands. */
static uint8_t *exchange_head_write(struct gossip *gossip, struct gossip_post *post,
                                    uint32_t sequence)
{
    writer_u32(&post->writer, sequence);
    writer_varint(&post->writer, gossip_unix_ms(gossip));
    uint8_t *more_at = post->writer.at;
    writer_u8(&post->writer, 0);
    writer_varint(&post->writer, gossip_alive_count(gossip));
    return more_at;
}

static void sync_answer(struct gossip *gossip, uint16_t sender, const struct gossip_address *from,
                        const struct gossip_packet *packet)
{
    struct answer answer = {.gossip = gossip, .packet = packet};
    answer_compare(&answer);
    struct gossip_post post;
    if (!gossip_post_begin(gossip, GOSSIP_EXCHANGE, sender, from, &post)) {
        return;
    }
    uint8_t *more_at = exchange_head_write(gossip, &post, packet->sequence);
    /* Two bytes for the empty lists that may follow. */
    uint8_t *last = post.writer.end - 2;
    uint8_t *records_end = answer.has_deltas ? post.writer.at + EXCHANGE_RECORDS_BYTES : last;
    struct list_writer records = list_begin(&post.writer, records_end, GOSSIP_PACKET_RECORDS_MAX);
    bool is_whole = answer_newer(&answer, &records) && answer_missing(&answer, &records);
    struct list_writer deltas = list_begin(&post.writer, last, GOSSIP_PACKET_DELTAS_MAX);
    is_whole = answer_deltas(&answer, &deltas) && is_whole;
    struct list_writer requests =
        list_begin(&post.writer, post.writer.end, GOSSIP_PACKET_REQUESTS_MAX);
    is_whole = answer_requests(&answer, &requests) && is_whole;
    *more_at = !is_whole;
    gossip_post_end(gossip, &post);
}

/* An EXCHANGE without records; the caller fills the two other lists. */
static bool exchange_begin(struct gossip *gossip, uint16_t to, const struct gossip_address *address,
                           struct gossip_post *out_post)
{
    if (!gossip_post_begin(gossip, GOSSIP_EXCHANGE, to, address, out_post)) {
        return false;
    }
    exchange_head_write(gossip, out_post, 0);
    writer_u8(&out_post->writer, 0);
    return true;
}

static void requests_serve(struct gossip *gossip, uint16_t sender,
                           const struct gossip_address *from, const struct gossip_packet *packet)
{
    struct gossip_post post;
    if (packet->requests_count == 0 || !exchange_begin(gossip, sender, from, &post)) {
        return;
    }
    struct list_writer deltas =
        list_begin(&post.writer, post.writer.end - 1, GOSSIP_PACKET_DELTAS_MAX);
    for (size_t i = 0; i < packet->requests_count; i++) {
        const struct gossip_request *request = &packet->requests[i];
        uint16_t slot = gossip_members_find(&gossip->members, &request->host);
        if (slot == GOSSIP_NONE) {
            continue;
        }
        const struct gossip_row *row = gossip_row(gossip, slot);
        if (row->generation == request->generation && gossip_row_version(row) > request->version &&
            !list_add_delta(&deltas, row, request->version)) {
            break;
        }
    }
    writer_u8(&post.writer, 0);
    gossip_post_end(gossip, &post);
}

/* A small difference is only worth a burst at a node's start: later it is a death or a join that
 * has not reached everybody, and news will bring it. */
static bool has_more(const struct gossip *gossip, const struct gossip_packet *packet)
{
    size_t living = gossip_alive_count(gossip);
    size_t small = gossip->now_ms < gossip->young_until_ms ? 0 : living / 32 + 1;
    return packet->more || packet->living > living + small;
}

void gossip_sync_receive(struct gossip *gossip, uint16_t sender, const struct gossip_address *from,
                         const struct gossip_packet *packet)
{
    if (packet->kind == GOSSIP_SYNC) {
        sync_answer(gossip, sender, from, packet);
        return;
    }
    if (packet->kind != GOSSIP_EXCHANGE) {
        return;
    }
    for (size_t i = 0; i < packet->deltas_count; i++) {
        gossip_judge_delta(gossip, &packet->deltas[i]);
    }
    sync_answered(gossip, packet);
    requests_serve(gossip, sender, from, packet);
    if (gossip->sync_burst_left > 0 && has_more(gossip, packet)) {
        gossip->sync_burst_left--;
        if (packet->more) {
            gossip->sync_begin = gossip->sync_last_begin; /* the same part again */
        }
        sync_send(gossip, sender, from);
    }
}

void gossip_sync_request(struct gossip *gossip, uint16_t sender, const struct gossip_address *from,
                         const struct gossip_packet *packet)
{
    /* A SYNC's answer has asked already. */
    if (packet->kind == GOSSIP_SYNC || gossip->now_ms < gossip->request_at_ms) {
        return;
    }
    size_t heard = packet->records_count + packet->news_count;
    const struct gossip_record *wanted[GOSSIP_PACKET_REQUESTS_MAX];
    size_t wanted_count = 0;
    if (gossip_judge_wants(gossip, &packet->sender)) {
        wanted[wanted_count++] = &packet->sender;
    }
    for (size_t i = 0; i < heard && wanted_count < GOSSIP_PACKET_REQUESTS_MAX; i++) {
        if (gossip_judge_wants(gossip, &packet->records[i])) {
            wanted[wanted_count++] = &packet->records[i];
        }
    }
    struct gossip_post post;
    if (wanted_count == 0 || !exchange_begin(gossip, sender, from, &post)) {
        return;
    }
    gossip->request_at_ms = gossip->now_ms + gossip->config.sync_interval_ms / 4;
    writer_u8(&post.writer, 0);
    struct list_writer requests =
        list_begin(&post.writer, post.writer.end, GOSSIP_PACKET_REQUESTS_MAX);
    for (size_t i = 0; i < wanted_count; i++) {
        uint16_t slot = gossip_members_find(&gossip->members, &wanted[i]->host);
        if (!list_add_request(&requests, gossip_row(gossip, slot))) {
            break;
        }
    }
    gossip_post_end(gossip, &post);
}

static void seed_ask(struct gossip *gossip, const struct gossip_address *seed)
{
    if (!gossip_address_equal(seed, &gossip->config.address)) {
        sync_send(gossip, GOSSIP_NONE, seed);
    }
}

static void seeds_ask(struct gossip *gossip)
{
    uint32_t count = (uint32_t)gossip->config.seeds_count;
    uint32_t first = random_below(&gossip->random, count);
    for (uint32_t i = 0; i < count && i < SEEDS_ASKED + 1; i++) {
        seed_ask(gossip, &gossip->seeds[(first + i) % count]);
    }
}

static bool address_is_alive(const struct gossip *gossip, const struct gossip_address *address)
{
    const struct gossip_members *members = &gossip->members;
    for (uint16_t i = 0; i < members->count; i++) {
        const struct gossip_row *row = &members->rows[members->order[i]];
        if (row->status <= GOSSIP_SUSPECT && gossip_address_equal(&row->address, address)) {
            return true;
        }
    }
    return false;
}

static void sync_next(struct gossip *gossip)
{
    gossip->sync_burst_left = GOSSIP_SYNC_BURST;
    uint16_t slot = gossip_random_alive(gossip, gossip->self);
    if (slot != GOSSIP_NONE) {
        sync_send(gossip, slot, &gossip_row(gossip, slot)->address);
    } else if (gossip->config.seeds_count > 0) {
        seeds_ask(gossip);
    }
}

static void reconnect(struct gossip *gossip)
{
    struct gossip_members *members = &gossip->members;
    uint16_t place = (uint16_t)random_below(&gossip->random, members->count);
    uint16_t dead = gossip_members_from(members, place, GOSSIP_DEAD, gossip->self);
    if (dead != GOSSIP_NONE) {
        sync_send(gossip, dead, &gossip_row(gossip, dead)->address);
    }
    if (gossip->config.seeds_count > 0) {
        uint32_t at = random_below(&gossip->random, (uint32_t)gossip->config.seeds_count);
        if (!address_is_alive(gossip, &gossip->seeds[at])) {
            seed_ask(gossip, &gossip->seeds[at]);
        }
    }
}

void gossip_sync_tick(struct gossip *gossip)
{
    if (gossip->has_left) {
        return;
    }
    if (gossip->now_ms >= gossip->sync_at_ms) {
        gossip->sync_at_ms = gossip->now_ms + gossip->config.sync_interval_ms;
        sync_next(gossip);
    }
    if (gossip->now_ms >= gossip->reconnect_at_ms) {
        gossip->reconnect_at_ms = gossip->now_ms + gossip->config.reconnect_interval_ms;
        reconnect(gossip);
    }
}

uint64_t gossip_sync_deadline(const struct gossip *gossip)
{
    if (gossip->has_left) {
        return GOSSIP_NEVER;
    }
    return gossip->sync_at_ms < gossip->reconnect_at_ms ? gossip->sync_at_ms
                                                        : gossip->reconnect_at_ms;
}

void gossip_sync_farewell(struct gossip *gossip)
{
    const struct gossip_members *members = &gossip->members;
    uint16_t place = (uint16_t)random_below(&gossip->random, members->count);
    unsigned told = 0;
    for (uint16_t i = 0; i < members->count && told < GOSSIP_FAREWELLS; i++) {
        uint16_t slot = members->order[(place + i) % members->count];
        const struct gossip_row *row = &members->rows[slot];
        struct gossip_post post;
        if (slot != gossip->self && row->status <= GOSSIP_SUSPECT &&
            exchange_begin(gossip, slot, &row->address, &post)) {
            writer_u8(&post.writer, 0);
            writer_u8(&post.writer, 0);
            gossip_post_end(gossip, &post);
            told++;
        }
    }
}
