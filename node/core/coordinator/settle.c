#include "node/core/coordinator/settle.h"

#include "base/assert.h"

static bool same_body(const struct vote *a, const struct vote *b)
{
    return slice_equal(a->content.value, b->content.value);
}

static bool is_settled(const struct vote *vote)
{
    return vote->content.timestamp == CONTENT_SETTLED;
}

static unsigned votes_like(const struct vote *votes, unsigned replicas, const struct vote *vote)
{
    unsigned count = 0;
    for (unsigned i = 0; i < replicas; i++) {
        count += votes[i].has_content && same_body(&votes[i], vote) ? 1 : 0;
    }
    return count;
}

/* The same on every replica, whoever reads: the lower stamp, then the lesser body. */
static bool precedes(const struct vote *a, const struct vote *b)
{
    if (a->content.timestamp != b->content.timestamp) {
        return a->content.timestamp < b->content.timestamp;
    }
    return slice_compare(a->content.value, b->content.value) < 0;
}

enum settle_verdict settle_votes(const struct vote *votes, unsigned replicas, unsigned quorum,
                                 unsigned *out_leader)
{
    COLUMBA_ASSERT(quorum > replicas / 2 && quorum <= replicas);
    const struct vote *leader = NULL;
    bool differ = false;
    unsigned open = 0; /* replicas whose vote is not cast, or not known */
    for (unsigned i = 0; i < replicas; i++) {
        const struct vote *vote = &votes[i];
        if (!vote->has_content) {
            open++;
            continue;
        }
        differ = differ || (leader != NULL && !same_body(leader, vote));
        if (leader == NULL || precedes(vote, leader)) {
            leader = vote;
        }
    }
    if (!differ) {
        return SETTLE_ALIKE;
    }
    unsigned most = 0;
    for (unsigned i = 0; i < replicas; i++) {
        unsigned count = votes[i].has_content ? votes_like(votes, replicas, &votes[i]) : 0;
        if (count > most) {
            most = count;
        }
        if (count >= quorum) {
            leader = &votes[i];
        }
    }
    COLUMBA_ASSERT(leader != NULL && leader->has_content);
    *out_leader = (unsigned)(leader - votes);
    bool can_still_be = most + open >= quorum && most < quorum;
    return can_still_be && !is_settled(leader) ? SETTLE_UNDECIDED : SETTLE_SETTLED;
}

struct slice settle_row(const struct vote *vote, bool stays, struct arena *arena)
{
    struct row_reader reader;
    struct row_writer writer;
    struct cell cell;
    uint8_t *buffer = arena_allocate(arena, vote->row.size);
    if (buffer == NULL || !row_reader_init(&reader, vote->row)) {
        return slice_of(NULL, 0);
    }
    row_writer_init(&writer, buffer, vote->row.size);
    while (row_reader_next(&reader, &cell)) {
        if (cell.column != COLUMN_MESSAGE_CONTENT) {
            row_writer_cell(&writer, &cell);
        } else if (stays) {
            cell.timestamp = CONTENT_SETTLED;
            row_writer_cell(&writer, &cell);
        }
    }
    return row_writer_done(&writer);
}
