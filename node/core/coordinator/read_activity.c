#include "node/core/coordinator/read_activity.h"

#include "base/assert.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "base/sort.h"
#include "node/core/state.h"

/* Every row of a whole page moves when messages come faster than replicas hear of them. */
#define ROUNDS_MAX 8u

struct activity_read {
    struct partition partition;
    enum consistency level;
    op_next *done;
    uint32_t limit_rows;
    uint32_t rounds;
    bool has_after;
    struct activity_place after;
    /* Of pages that differ. */
    bool has_horizon;
    struct activity_place horizon;
    struct id *ids; /* the conversations that they name, ascending, each once */
    uint32_t id_count;
    uint32_t id_next; /* not read yet, from here */
    struct activity_page page;
};

static void pages_ask(struct core *core, struct op *op);
static void rows_ask(struct core *core, struct op *op);

static void activity_fail(struct core *core, struct op *op, enum columba_error error)
{
    op->status.error = error;
    op->activity->done(core, op);
}

static void activity_finish(struct core *core, struct op *op)
{
    struct activity_read *activity = op->activity;
    const struct activity_page *page = &activity->page;
    bool has_horizon = activity->has_horizon;
#ifdef COLUMBA_BUG_pages_without_horizon
    has_horizon = false;
#endif
    if (has_horizon) {
        activity_page_cut(&activity->page, &activity->horizon);
    }
    if (page->row_count == 0 && page->more) {
        COLUMBA_ASSERT(has_horizon);
        pages_ask(core, op);
        return;
    }
    op->read->packed = page->packed;
    op->read->row_count = page->row_count;
    op->read->more = page->more;
    activity->done(core, op);
}

/* The ids behind the last row: a read's page may be shorter than what was asked for. False: no
 * row. */
static bool ids_pass(struct activity_read *activity, struct slice packed)
{
    struct packed_reader reader;
    struct packed_row row = {.table = 0};
    struct id last;
    packed_reader_init(&reader, packed);
    while (packed_reader_next(&reader, &row)) {
    }
    if (!id_from_slice(row.clustering, &last)) {
        return false;
    }
    while (activity->id_next < activity->id_count &&
           id_compare(&activity->ids[activity->id_next], &last) <= 0) {
        activity->id_next++;
    }
    return true;
}

static void rows_read(struct core *core, struct op *op)
{
    struct activity_read *activity = op->activity;
    const struct coordinated_read *read = op->read;
    if (op->status.error != COLUMBA_OK) {
        activity->done(core, op);
        return;
    }
    enum columba_error error = activity_page_add(&activity->page, read->packed);
    if (error == COLUMBA_OK && read->more && !ids_pass(activity, read->packed)) {
        error = ERR_BAD_ANSWER;
    }
    if (error != COLUMBA_OK) {
        activity_fail(core, op, error);
        return;
    }
    if (!read->more) {
        uint32_t left = activity->id_count - activity->id_next;
        activity->id_next += left < WRITE_MAX_ROWS ? left : WRITE_MAX_ROWS;
    }
    rows_ask(core, op);
}

/* As many of the conversations as one read may name. */
static void rows_ask(struct core *core, struct op *op)
{
    struct activity_read *activity = op->activity;
    if (activity->id_next == activity->id_count) {
        activity_finish(core, op);
        return;
    }
    uint8_t *buffer = effects_allocate(&core->effects, READ_KEYS_MAX_BYTES);
    if (buffer == NULL) {
        activity_fail(core, op, ERR_NO_MEMORY);
        return;
    }
    struct writer keys = writer_of(buffer, READ_KEYS_MAX_BYTES);
    for (uint32_t i = activity->id_next, room = WRITE_MAX_ROWS; i < activity->id_count && room > 0;
         i++, room--) {
        writer_sized(&keys, slice_of(activity->ids[i].bytes, ID_BYTES));
    }
    COLUMBA_ASSERT(!keys.failed);
    struct message_read query = {.table = TABLE_INBOX,
                                 .keys = writer_done(&keys),
                                 .limit_rows = PAGE_MAX_ROWS,
                                 .limit_bytes = PAGE_MAX_BYTES,
                                 .flags = READ_FOLD};
    read_start(core, op, &activity->partition, &query, activity->level, rows_read);
}

static int id_order(const void *a, const void *b)
{
    return id_compare(a, b);
}

/* What one replica's page names, and how far it can be trusted. */
static void page_note(struct activity_read *activity, const struct read_answer *answer)
{
    struct packed_reader reader;
    struct packed_row row;
    struct activity_place place;
    bool has_place = false;
    packed_reader_init(&reader, answer->packed);
    while (packed_reader_next(&reader, &row)) {
        has_place = activity_place_of_row(&row, &place);
        id_from_slice(row.clustering, &activity->ids[activity->id_count++]);
    }
    if (answer->more && has_place &&
        (!activity->has_horizon || activity_is_behind(&activity->horizon, &place))) {
        activity->horizon = place;
        activity->has_horizon = true;
    }
}

/* One replica's page; NULL: it has not answered with one. */
static const struct read_answer *page_of(const struct coordinated_read *read, unsigned position)
{
    const struct read_answer *answer = &read->answers[position];
    return answer->present && !answer->is_digest ? answer : NULL;
}

static uint32_t ids_unite(struct id *ids, uint32_t count)
{
    uint32_t kept = 0;
    sort_heap(ids, count, sizeof(*ids), id_order);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || !id_equal(&ids[i], &ids[kept - 1])) {
            ids[kept++] = ids[i];
        }
    }
    return kept;
}

/* False: no memory. */
static bool pages_note(struct op *op)
{
    struct activity_read *activity = op->activity;
    const struct coordinated_read *read = op->read;
    uint32_t rows = 0;
    for (unsigned i = 0; i < read->partition.replicas->count; i++) {
        rows += page_of(read, i) == NULL ? 0 : page_of(read, i)->row_count;
    }
    activity->ids = op_allocate(op, rows * sizeof(*activity->ids));
    activity->id_count = activity->id_next = 0;
    activity->has_horizon = false;
    if (activity->ids == NULL) {
        return false;
    }
    for (unsigned i = 0; i < read->partition.replicas->count; i++) {
        if (page_of(read, i) != NULL) {
            page_note(activity, page_of(read, i));
        }
    }
    COLUMBA_ASSERT(activity->id_count == rows);
    activity->id_count = ids_unite(activity->ids, rows);
    return true;
}

static void pages_read(struct core *core, struct op *op)
{
    struct activity_read *activity = op->activity;
    if (op->status.error != COLUMBA_OK || !op->read->differs) {
        activity->done(core, op);
        return;
    }
    if (!pages_note(op)) {
        activity_fail(core, op, ERR_NO_MEMORY);
        return;
    }
    activity_page_init(&activity->page, &op->arena, activity->has_after ? &activity->after : NULL,
                       activity->limit_rows, INBOX_PAGE_MAX_BYTES);
    rows_ask(core, op);
}

static void pages_ask(struct core *core, struct op *op)
{
    struct activity_read *activity = op->activity;
    struct message_read query = {.table = TABLE_INBOX,
                                 .limit_rows = activity->limit_rows,
                                 .limit_bytes = INBOX_PAGE_MAX_BYTES,
                                 .flags = READ_FOLD | READ_BY_ACTIVITY};
    if (++activity->rounds > ROUNDS_MAX) {
        activity_fail(core, op, ERR_OVERLOADED);
        return;
    }
    if (activity->has_after) {
        query.begin = slice_of(activity->after.bytes, sizeof(activity->after.bytes));
    }
    read_start(core, op, &activity->partition, &query, activity->level, pages_read);
}

void activity_read_start(struct core *core, struct op *op, const struct activity_query *query,
                         op_next *done)
{
    struct activity_read *activity = op_allocate(op, sizeof(*activity));
    if (activity == NULL) {
        op->status = (struct message_status){.error = ERR_NO_MEMORY};
        done(core, op);
        return;
    }
    *activity = (struct activity_read){.partition = query->partition,
                                       .level = query->level,
                                       .done = done,
                                       .limit_rows = query->limit_rows,
                                       .has_after = query->after != NULL};
    if (query->after != NULL) {
        activity->after = *query->after;
    }
    op->activity = activity;
    pages_ask(core, op);
}
