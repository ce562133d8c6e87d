#include "node/core/coordinator/read_merge.h"

#include "base/assert.h"
#include "node/core/coordinator/settle.h"
#include "node/store/row.h"

/* Of a row with one cell without a value. */
#define ROW_HIDDEN_BYTES 64u

struct page {
    struct packed_reader reader;
    struct packed_row row; /* the head, if `has_row` */
    bool has_row;
    bool more;
    unsigned position;
    struct writer repair; /* made when first needed */
    struct writer ballot; /* the same */
};

struct merge {
    const struct coordinated_read *read;
    struct arena *arena;
    unsigned quorum;
    struct page pages[REPLICAS_MAX];
    unsigned page_count;
    struct writer out;
    size_t bytes_max; /* of the merged page, and so of each repair */
    struct read_merged result;
};

static void page_advance(struct page *page)
{
    page->has_row = packed_reader_next(&page->reader, &page->row);
}

static void merge_init(struct merge *merge, const struct coordinated_read *read,
                       struct arena *arena)
{
    *merge = (struct merge){.read = read, .arena = arena};
    for (unsigned i = 0; i < read->partition.replicas->count; i++) {
        const struct read_answer *answer = &read->answers[i];
        if (!answer->present || answer->is_digest) {
            continue;
        }
        struct page *page = &merge->pages[merge->page_count++];
        *page = (struct page){.position = i, .more = answer->more};
        packed_reader_init(&page->reader, answer->packed);
        page_advance(page);
        merge->bytes_max += answer->packed.size;
    }
    /* It ends with the row that reaches the limit; its envelope counts too. */
    size_t page_max = read->query.limit_bytes + 2 * (size_t)ROW_MAX_BYTES;
    merge->bytes_max = merge->bytes_max < page_max ? merge->bytes_max : page_max;
}

static int row_order(const struct merge *merge, const struct packed_row *a,
                     const struct packed_row *b)
{
    int order = (int)a->table - (int)b->table;
    if (order == 0) {
        order = slice_compare(a->clustering, b->clustering);
    }
    return (merge->read->query.flags & READ_BACKWARDS) != 0 ? -order : order;
}

/* The next key over all pages; NULL at the end. */
static const struct packed_row *merge_head(const struct merge *merge)
{
    const struct packed_row *head = NULL;
    for (unsigned i = 0; i < merge->page_count; i++) {
        const struct page *page = &merge->pages[i];
        if (page->has_row && (head == NULL || row_order(merge, &page->row, head) < 0)) {
            head = &page->row;
        }
    }
    return head;
}

/* A page that ended because of a limit says nothing about the rows behind it: the result ends
 * there too. */
static bool merge_is_cut(const struct merge *merge)
{
    for (unsigned i = 0; i < merge->page_count; i++) {
        if (!merge->pages[i].has_row && merge->pages[i].more) {
            return true;
        }
    }
    return false;
}

static enum columba_error row_add(struct merge *merge, struct writer *writer,
                                  const struct packed_row *row)
{
    if (writer->begin == NULL) {
        uint8_t *buffer = arena_allocate(merge->arena, merge->bytes_max);
        if (buffer == NULL) {
            return ERR_NO_MEMORY;
        }
        *writer = writer_of(buffer, merge->bytes_max);
    }
    packed_row_write(writer, row);
    return writer->failed ? ERR_NO_MEMORY : COLUMBA_OK;
}

static bool page_is_at(const struct merge *merge, const struct page *page,
                       const struct packed_row *head)
{
    return page->has_row && row_order(merge, &page->row, head) == 0;
}

/* What each replica says of the message at the head. */
static void votes_collect(const struct merge *merge, const struct packed_row *head,
                          struct vote votes[REPLICAS_MAX])
{
    memset(votes, 0, REPLICAS_MAX * sizeof(*votes));
    for (unsigned i = 0; i < merge->page_count; i++) {
        const struct page *page = &merge->pages[i];
        struct vote *vote = &votes[page->position];
        vote->is_known = true;
        if (page_is_at(merge, page, head)) {
            vote->row = page->row.row;
            vote->has_content = row_find(vote->row, COLUMN_MESSAGE_CONTENT, &vote->content);
        }
    }
}

/* The bodies differ: those that do not stay are taken out of the versions. */
static enum columba_error versions_settle(struct merge *merge, const struct vote *votes,
                                          unsigned leader, struct slice *versions)
{
    unsigned count = 0;
    merge->result.settled++;
    for (unsigned i = 0; i < merge->page_count; i++) {
        const struct vote *vote = &votes[merge->pages[i].position];
        if (vote->row.size == 0) {
            continue;
        }
        bool stays =
            vote->has_content && slice_equal(vote->content.value, votes[leader].content.value);
        versions[count] = settle_row(vote, stays, merge->arena);
        if (versions[count++].size == 0) {
            return ERR_NO_MEMORY;
        }
    }
    return COLUMBA_OK;
}

/* Replicas that hold no body are given the leading one: their vote. */
static enum columba_error ballots_add(struct merge *merge, const struct packed_row *head,
                                      const struct vote *votes, unsigned leader)
{
    COLUMBA_ASSERT(votes[leader].has_content);
    struct packed_row ballot = *head;
    ballot.row = votes[leader].row;
    for (unsigned i = 0; i < merge->page_count; i++) {
        struct page *page = &merge->pages[i];
        if (!votes[page->position].has_content) {
            enum columba_error error = row_add(merge, &page->ballot, &ballot);
            if (error != COLUMBA_OK) {
                return error;
            }
        }
    }
    return COLUMBA_OK;
}

/* What is deleted on one of them is deleted, whatever the others hold. */
static bool is_deleted(const struct vote *votes)
{
    struct cell cell;
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        if (row_find(votes[i].row, COLUMN_MESSAGE_DELETED, &cell)) {
            return true;
        }
    }
    return false;
}

/* out_verdict: whether one of the versions is the message's, and they are only those that stay. */
static enum columba_error message_settle(struct merge *merge, const struct packed_row *head,
                                         struct slice *versions, enum settle_verdict *out_verdict)
{
    struct vote votes[REPLICAS_MAX];
    unsigned leader;
    *out_verdict = SETTLE_ALIKE;
    votes_collect(merge, head, votes);
    if (is_deleted(votes)) {
        return COLUMBA_OK;
    }
    *out_verdict =
        settle_votes(votes, merge->read->partition.replicas->count, merge->quorum, &leader);
    switch (*out_verdict) {
    case SETTLE_SETTLED:
        return versions_settle(merge, votes, leader, versions);
    case SETTLE_UNDECIDED:
        return ballots_add(merge, head, votes, leader);
    case SETTLE_ALIKE:
        break;
    }
    return COLUMBA_OK;
}

/* Takes the head off the pages; those that lack some of it get all of it. */
static enum columba_error head_pass(struct merge *merge, const struct packed_row *head)
{
    enum columba_error error = COLUMBA_OK;
    for (unsigned i = 0; i < merge->page_count; i++) {
        struct page *page = &merge->pages[i];
        bool has = page_is_at(merge, page, head);
        if (error == COLUMBA_OK && (!has || !slice_equal(page->row.row, head->row))) {
            error = row_add(merge, &page->repair, head);
            merge->result.repair_rows++;
        }
        if (has) {
            page_advance(page);
        }
    }
    return error;
}

/* Which body stays is not known: the message is there, and nothing of it is shown. */
static enum columba_error head_hide(struct merge *merge, struct packed_row *head)
{
    struct row_writer writer;
    const struct cell none = {.column = COLUMN_MESSAGE_CONTENT, .timestamp = CONTENT_SETTLED};
    uint8_t *buffer = arena_allocate(merge->arena, ROW_HIDDEN_BYTES);
    if (buffer == NULL) {
        return ERR_NO_MEMORY;
    }
    row_writer_init(&writer, buffer, ROW_HIDDEN_BYTES);
    row_writer_cell(&writer, &none);
    head->row = row_writer_done(&writer);
    COLUMBA_ASSERT(head->row.size > 0);
    merge->result.undecided++;
    for (unsigned i = 0; i < merge->page_count; i++) {
        if (page_is_at(merge, &merge->pages[i], head)) {
            page_advance(&merge->pages[i]);
        }
    }
    return COLUMBA_OK;
}

static enum columba_error head_finish(struct merge *merge, struct packed_row *head,
                                      const struct slice *versions, unsigned count)
{
    enum columba_error error = row_merge(head->table, versions, count, merge->arena, &head->row);
    return error == COLUMBA_OK ? head_pass(merge, head) : error;
}

static enum columba_error merge_row(struct merge *merge, const struct packed_row *at)
{
    struct packed_row head = *at;
    struct slice versions[REPLICAS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < merge->page_count; i++) {
        if (page_is_at(merge, &merge->pages[i], &head)) {
            versions[count++] = merge->pages[i].row.row;
        }
    }
    COLUMBA_ASSERT(count > 0);
    enum settle_verdict verdict = SETTLE_ALIKE;
    enum columba_error error =
        head.table == TABLE_MESSAGE ? message_settle(merge, &head, versions, &verdict) : COLUMBA_OK;
    if (error == COLUMBA_OK) {
        error = verdict == SETTLE_UNDECIDED ? head_hide(merge, &head)
                                            : head_finish(merge, &head, versions, count);
    }
    packed_row_write(&merge->out, &head);
    merge->result.row_count++;
    return error;
}

static bool merge_is_full(const struct merge *merge)
{
    size_t used = (size_t)(merge->out.at - merge->out.begin);
    return merge->result.row_count >= merge->read->query.limit_rows ||
           used >= merge->read->query.limit_bytes;
}

enum columba_error read_merge(const struct coordinated_read *read, unsigned quorum,
                              struct arena *arena, struct read_merged *out_merged)
{
    struct merge merge;
    merge_init(&merge, read, arena);
    merge.quorum = quorum;
    uint8_t *buffer = arena_allocate(arena, merge.bytes_max);
    if (buffer == NULL) {
        return ERR_NO_MEMORY;
    }
    merge.out = writer_of(buffer, merge.bytes_max);
    const struct packed_row *head;
    while (!merge_is_cut(&merge) && (head = merge_head(&merge)) != NULL) {
        if (merge_is_full(&merge)) {
            merge.result.more = true;
            break;
        }
        enum columba_error error = merge_row(&merge, head);
        if (error != COLUMBA_OK) {
            return error;
        }
    }
    merge.result.more = merge.result.more || merge_is_cut(&merge);
    for (unsigned i = 0; i < merge.page_count; i++) {
        if (packed_reader_failed(&merge.pages[i].reader)) {
            return ERR_CORRUPT;
        }
        merge.result.repairs[merge.pages[i].position] = writer_done(&merge.pages[i].repair);
        merge.result.ballots[merge.pages[i].position] = writer_done(&merge.pages[i].ballot);
    }
    merge.result.packed = writer_done(&merge.out);
    *out_merged = merge.result;
    return merge.out.failed ? ERR_NO_MEMORY : COLUMBA_OK;
}
