/*
 * Outgoing packets, and the news that ride on them.
 *
 * Every packet begins with our own record, so each one introduces us, and with how we hold the
 * receiver if that is not as alive: a suspect learns of it from whoever speaks to it first
 * (Lifeguard's buddy system) and can refute. What room is left after the body goes to news, those
 * that were sent least and came last first.
 */
#include "gossip/parts.h"

#include "base/assert.h"

static struct gossip_outgoing *outgoing_back(struct gossip *gossip)
{
    unsigned at = (gossip->outgoing_first + gossip->outgoing_count) % GOSSIP_PACKETS_MAX;
    return &gossip->outgoing[at];
}

bool gossip_post_begin(struct gossip *gossip, enum gossip_packet_kind kind, uint16_t to,
                       const struct gossip_address *address, struct gossip_post *out_post)
{
    if (gossip->outgoing_count == GOSSIP_PACKETS_MAX) {
        gossip->counters.packets_dropped++;
        return false;
    }
    struct gossip_outgoing *outgoing = outgoing_back(gossip);
    outgoing->to = *address;
    struct writer writer = writer_of(outgoing->bytes, sizeof outgoing->bytes);
    gossip_packet_head(&writer, kind, gossip->config.cluster_hash);
    struct gossip_record self = gossip_row_record(gossip_row(gossip, gossip->self));
    gossip_record_write(&writer, &self);
    bool tell = to != GOSSIP_NONE && gossip_row(gossip, to)->status != GOSSIP_ALIVE;
    writer_u8(&writer, tell);
    if (tell) {
        struct gossip_record receiver = gossip_row_record(gossip_row(gossip, to));
        gossip_record_write(&writer, &receiver);
    }
    *out_post = (struct gossip_post){.writer = writer, .outgoing = outgoing, .to = to};
    return true;
}

static unsigned news_limit(const struct gossip *gossip)
{
    unsigned limit = gossip->config.retransmit_factor * gossip_magnitude(gossip);
    return limit < GOSSIP_NEWS_LISTS ? limit : GOSSIP_NEWS_LISTS;
}

void gossip_news_remove(struct gossip *gossip, uint16_t slot)
{
    struct gossip_row *row = gossip_row(gossip, slot);
    if (row->news_list == GOSSIP_NOT_NEWS) {
        return;
    }
    struct gossip_list *list = &gossip->news[row->news_list];
    gossip_list_remove(&gossip->members, list, GOSSIP_LINK_NEWS, slot);
    if (list->first == GOSSIP_NONE) {
        gossip->news_filled &= ~((uint64_t)1 << row->news_list);
    }
    row->news_list = GOSSIP_NOT_NEWS;
}

static void news_put(struct gossip *gossip, uint16_t slot, unsigned times_sent)
{
    struct gossip_row *row = gossip_row(gossip, slot);
    gossip_news_remove(gossip, slot);
    unsigned limit = news_limit(gossip);
    if (times_sent >= (row->is_state_news ? (limit + 1) / 2 : limit)) {
        return;
    }
    gossip_list_prepend(&gossip->members, &gossip->news[times_sent], GOSSIP_LINK_NEWS, slot);
    gossip->news_filled |= (uint64_t)1 << times_sent;
    row->news_list = (uint8_t)times_sent;
}

void gossip_news_add(struct gossip *gossip, uint16_t slot, bool is_state_only)
{
    struct gossip_row *row = gossip_row(gossip, slot);
    if (slot == gossip->self) {
        return; /* every packet carries our own record */
    }
    bool is_news = row->news_list != GOSSIP_NOT_NEWS;
    row->is_state_news = is_state_only && (!is_news || row->is_state_news);
    news_put(gossip, slot, 0);
}

/* One record; false: no room. */
static bool news_write(struct gossip *gossip, struct gossip_post *post, uint16_t slot)
{
    uint8_t *mark = post->writer.at;
    struct gossip_record record = gossip_row_record(gossip_row(gossip, slot));
    gossip_record_write(&post->writer, &record);
    return gossip_write_fits(&post->writer, mark, post->writer.end);
}

/* Writes the news of one list; returns false when the packet is full. */
static bool news_write_list(struct gossip *gossip, struct gossip_post *post,
                            const struct gossip_list *list, uint16_t *sent, size_t *sent_count)
{
    uint16_t slot = list->first;
    while (slot != GOSSIP_NONE) {
        const struct gossip_row *row = gossip_row(gossip, slot);
        /* It knows itself better; what it should know otherwise stands before the body. */
        if (slot != post->to) {
            if (*sent_count == GOSSIP_PACKET_RECORDS_MAX || !news_write(gossip, post, slot)) {
                return false;
            }
            sent[(*sent_count)++] = slot;
        }
        slot = row->next[GOSSIP_LINK_NEWS];
    }
    return true;
}

static void news_write_all(struct gossip *gossip, struct gossip_post *post)
{
    uint16_t sent[GOSSIP_PACKET_RECORDS_MAX];
    size_t sent_count = 0;
    bool has_room = true;
    for (uint64_t filled = gossip->news_filled; filled != 0 && has_room; filled &= filled - 1) {
        unsigned times_sent = (unsigned)__builtin_ctzll(filled);
        has_room = news_write_list(gossip, post, &gossip->news[times_sent], sent, &sent_count);
    }
    for (size_t i = 0; i < sent_count; i++) {
        news_put(gossip, sent[i], gossip_row(gossip, sent[i])->news_list + 1u);
    }
}

void gossip_post_end(struct gossip *gossip, struct gossip_post *post)
{
    COLUMBA_ASSERT(!post->writer.failed);
    news_write_all(gossip, post);
    struct slice packet = writer_done(&post->writer);
    gossip_packet_seal(packet);
    post->outgoing->size = (uint16_t)packet.size;
    gossip->outgoing_count++;
    gossip->counters.packets_sent++;
}
