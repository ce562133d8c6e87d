#include "node/core/fold.h"

#include "base/bytes.h"
#include "node/core/replica_read.h"
#include "node/core/state.h"
#include "node/store/key.h"
#include "node/store/row.h"

/* Bytes of a log page that holds FOLD_EVENTS_MAX events: key, value and their lengths. */
#define LOG_PAGE_BYTES (FOLD_EVENTS_MAX * (KEY_MAX_BYTES + USER_EVENT_BYTES + 8u))
#define MARK_BYTES 8u
/* Cells of an inbox row besides the unread set. */
#define INBOX_FRAGMENT_BYTES 128u

struct tail {
    struct user_event *events;
    uint32_t count;
    uint64_t last; /* sequence of the newest */
};

static void fold_fail(struct core *core, struct op *op, enum columba_error error)
{
    replica_read_refuse(core, op, error);
}

static void fold_finished(struct core *core, struct op *op)
{
    op->admitted(core, op);
}

static bool event_precedes(const struct user_event *a, const struct user_event *b)
{
    int order = id_compare(&a->conversation, &b->conversation);
    return order < 0 || (order == 0 && id_compare(&a->message, &b->message) < 0);
}

static void sift_down(struct user_event *events, uint32_t root, uint32_t count)
{
    for (uint32_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && event_precedes(&events[child], &events[child + 1])) {
            child++;
        }
        if (!event_precedes(&events[root], &events[child])) {
            return;
        }
        struct user_event swapped = events[root];
        events[root] = events[child];
        events[child] = swapped;
        root = child;
    }
}

/* Heap sort: in place, no allocation (the C library's may), bounded by FOLD_EVENTS_MAX. */
static void events_sort(struct user_event *events, uint32_t count)
{
    for (uint32_t root = count / 2; root-- > 0;) {
        sift_down(events, root, count);
    }
    for (uint32_t end = count; end > 1; end--) {
        struct user_event swapped = events[0];
        events[0] = events[end - 1];
        events[end - 1] = swapped;
        sift_down(events, 0, end - 1);
    }
}

/* Ids of others' messages, ascending, each once; returns their bytes. */
static size_t unread_collect(const struct user_event *events, uint32_t count, uint8_t *out_ids)
{
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool repeated = i > 0 && id_equal(&events[i].message, &events[i - 1].message);
        if (!events[i].is_own && !repeated) {
            memcpy(out_ids + size, events[i].message.bytes, ID_BYTES);
            size += ID_BYTES;
        }
    }
    return size;
}

/* One conversation's events become one row fragment. */
static bool conversation_fold(struct core *core, const struct op *op,
                              const struct user_event *events, uint32_t count)
{
    size_t room = INBOX_FRAGMENT_BYTES + count * (size_t)ID_BYTES;
    uint8_t *ids = effects_allocate(&core->effects, count * (size_t)ID_BYTES);
    uint8_t *buffer = effects_allocate(&core->effects, room);
    if (ids == NULL || buffer == NULL) {
        return false;
    }
    /* Cells whose value alone decides a merge carry no stamp: however a replica groups the same
     * events into folds, it makes the same bytes. */
    struct row_writer row;
    row_writer_init(&row, buffer, room);
    const struct id *newest = &events[count - 1].message;
    row_writer_cell(&row, &(struct cell){.column = COLUMN_INBOX_LAST,
                                         .value = slice_of(newest->bytes, ID_BYTES)});
    size_t unread = unread_collect(events, count, ids);
    if (unread > 0) {
        row_writer_cell(
            &row, &(struct cell){.column = COLUMN_INBOX_UNREAD, .value = slice_of(ids, unread)});
    }
    struct row_key key = {.token = op->replica.token,
                          .partition = op->replica.query.partition,
                          .table = TABLE_INBOX,
                          .clustering_size = ID_BYTES};
    memcpy(key.clustering, events[0].conversation.bytes, ID_BYTES);
    struct key_bytes bytes = row_key_encode(&key);
    struct slice done = row_writer_done(&row);
    return done.size > 0 && core_write(core, EFFECT_MERGE, key_slice(&bytes), done);
}

static bool tail_fold(struct core *core, struct op *op, struct tail *tail)
{
    events_sort(tail->events, tail->count);
    for (uint32_t begin = 0, end; begin < tail->count; begin = end) {
        for (end = begin + 1; end < tail->count && id_equal(&tail->events[end].conversation,
                                                            &tail->events[begin].conversation);
             end++) {
        }
        if (!conversation_fold(core, op, &tail->events[begin], end - begin)) {
            return false;
        }
    }
    uint8_t *mark = effects_allocate(&core->effects, MARK_BYTES);
    if (mark == NULL) {
        return false;
    }
    bytes_put_u64_be(mark, tail->last);
    struct key_bytes key = local_fold_key(op->replica.token, &op->replica.query.partition);
    core->counters.folds++;
    return core_write(core, EFFECT_PUT, key_slice(&key), slice_of(mark, MARK_BYTES));
}

static bool tail_read(struct core *core, struct op *op);

static void fold_committed(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        fold_fail(core, op, op->status.error);
        return;
    }
    if (op->replica.stage == 0 || ++op->replica.rounds >= FOLD_ROUNDS_MAX) {
        fold_finished(core, op);
        return;
    }
    if (!tail_read(core, op)) {
        fold_fail(core, op, ERR_NO_MEMORY);
    }
}

static bool tail_collect(struct op *op, const struct event *event, struct tail *out_tail)
{
    struct tail tail = {.last = op->replica.folded_up_to};
    tail.events = arena_allocate_array(&op->arena, FOLD_EVENTS_MAX, sizeof(*tail.events));
    if (tail.events == NULL) {
        return false;
    }
    struct reader reader = reader_of(event->read_done.packed);
    while (reader_left(&reader) > 0 && tail.count < FOLD_EVENTS_MAX) {
        struct slice key = reader_sized(&reader);
        struct slice value = reader_sized(&reader);
        struct id user;
        if (reader.failed || !local_log_key_decode(key, &user, &tail.last)) {
            return false;
        }
        /* An event of a kind this version does not know takes no part in the inbox. */
        if (user_event_decode(value, &tail.events[tail.count])) {
            tail.count++;
        }
    }
    *out_tail = tail;
    return true;
}

static void tail_read_done(struct core *core, struct op *op, const struct event *event)
{
    struct tail tail;
    if (event->read_done.error != COLUMBA_OK) {
        fold_fail(core, op, event->read_done.error);
        return;
    }
    if (event->read_done.row_count == 0) {
        fold_finished(core, op);
        return;
    }
    if (!tail_collect(op, event, &tail) || core->failed ||
        !waiters_have_room(&core->waiters, core->memory) || !tail_fold(core, op, &tail)) {
        fold_fail(core, op, ERR_OVERLOADED);
        return;
    }
    op->replica.folded_up_to = tail.last;
    op->replica.stage = event->read_done.more ? 1 : 0;
    op->committed = fold_committed;
    waiters_push(&core->waiters, &(struct waiter){.batch = core->open_batch,
                                                  .kind = WAITER_OP,
                                                  .to = {.op = op_reference(op)}});
}

static bool tail_read(struct core *core, struct op *op)
{
    const struct id *user = &op->replica.query.partition;
    struct key_bytes begin = local_log_key(op->replica.token, user, op->replica.folded_up_to + 1);
    struct key_bytes end = local_log_key(op->replica.token, user, UINT64_MAX);
    struct read_query query = {.space = SPACE_LOCAL,
                               .begin = key_slice(&begin),
                               .end = key_slice(&end),
                               .limit_rows = FOLD_EVENTS_MAX,
                               .limit_bytes = LOG_PAGE_BYTES};
    op->read_done = tail_read_done;
    return effects_read(&core->effects, op_reference(op), &query);
}

static void mark_read_done(struct core *core, struct op *op, const struct event *event)
{
    if (event->read_done.error != COLUMBA_OK) {
        fold_fail(core, op, event->read_done.error);
        return;
    }
    struct reader reader = reader_of(event->read_done.packed);
    if (reader_left(&reader) > 0) {
        reader_sized(&reader);
        struct slice mark = reader_sized(&reader);
        if (!reader.failed && mark.size == MARK_BYTES) {
            op->replica.folded_up_to = bytes_get_u64_be(mark.data);
        }
    }
    if (!tail_read(core, op)) {
        fold_fail(core, op, ERR_NO_MEMORY);
    }
}

void fold_begin(struct core *core, struct op *op, void (*next)(struct core *core, struct op *op))
{
    op->admitted = next;
    struct key_bytes begin = local_fold_key(op->replica.token, &op->replica.query.partition);
    struct key_bytes end = begin;
    end.bytes[end.size++] = 0;
    struct read_query query = {.space = SPACE_LOCAL,
                               .begin = key_slice(&begin),
                               .end = key_slice(&end),
                               .limit_rows = 1,
                               .limit_bytes = KEY_MAX_BYTES + MARK_BYTES + 8u};
    op->read_done = mark_read_done;
    if (!effects_read(&core->effects, op_reference(op), &query)) {
        fold_fail(core, op, ERR_NO_MEMORY);
    }
}

static void background_fold_end(struct core *core, struct op *op)
{
    op_end(core, op);
}

void fold_tails_that_grew(struct core *core, const struct id *users, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!user_log_tail_is_long(&core->user_log, &users[i])) {
            continue;
        }
        struct op *op = op_begin(core);
        if (op == NULL) {
            return; /* the tail is counted anew and folded a little later */
        }
        op->replica = (struct replica_read){
            .query = {.partition_kind = PARTITION_USER, .partition = users[i]},
            .token = token_of_partition(PARTITION_USER, &users[i])};
        fold_begin(core, op, background_fold_end);
    }
}
