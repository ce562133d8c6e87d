#include "node/core/replica/look.h"

#include "base/assert.h"
#include "node/core/machine/partition.h"
#include "node/core/state.h"
#include "node/store/key.h"
#include "node/store/row.h"

/* The messages of a fragment, one by one. */
struct message_reader {
    struct packed_reader reader;
    struct id id;
    struct cell content;
    struct slice clustering;
};

static void message_reader_init(struct message_reader *messages, const struct message_write *write)
{
    packed_reader_init(&messages->reader, write->packed);
}

static bool message_next(struct message_reader *messages)
{
    struct packed_row row;
    while (packed_reader_next(&messages->reader, &row)) {
        if (row.table == TABLE_MESSAGE && row.clustering.size == ID_BYTES &&
            row_find(row.row, COLUMN_MESSAGE_CONTENT, &messages->content)) {
            messages->id = clustering_to_id(TABLE_MESSAGE, row.clustering.data);
            messages->clustering = row.clustering;
            return true;
        }
    }
    return false;
}

static bool is_settled(const struct message_reader *messages)
{
    return messages->content.timestamp == CONTENT_SETTLED;
}

static struct recent_message recent_of(const struct core *core, const struct message_write *write,
                                       const struct message_reader *messages)
{
    return recent_message_of(&core->recent, &write->partition, &messages->id,
                             messages->content.value);
}

enum look_verdict look_judge(const struct core *core, const struct message_write *write,
                             struct look_messages *out_messages)
{
    out_messages->count = 0;
    enum look_verdict verdict = LOOK_TAKE;
    struct message_reader messages;
    message_reader_init(&messages, write);
    while (message_next(&messages)) {
        out_messages->last = recent_of(core, write, &messages);
        out_messages->count++;
        if (is_settled(&messages)) {
            continue;
        }
        switch (recent_judge(&core->recent, &out_messages->last)) {
        case RECENT_OTHER:
            return LOOK_CONFLICT;
        case RECENT_UNKNOWN:
            verdict = LOOK_NEEDED;
            break;
        case RECENT_NEW:
        case RECENT_SAME:
            break;
        }
    }
#ifdef COLUMBA_BUG_taken_without_a_look
    return LOOK_TAKE;
#endif
    return verdict;
}

void look_took(struct core *core, const struct message_write *write,
               const struct look_messages *known)
{
    if (known->count <= 1) {
        if (known->count == 1) {
            recent_put(&core->recent, &known->last);
        }
        return;
    }
    struct message_reader messages;
    message_reader_init(&messages, write);
    while (message_next(&messages)) {
        struct recent_message message = recent_of(core, write, &messages);
        recent_put(&core->recent, &message);
    }
}

/* ---- the look ---- */

static void look_finish(struct core *core, struct op *op, enum columba_error error)
{
    const struct look *look = op->request;
    op->status = (struct message_status){.error = error};
    look->next(core, op);
}

/* The keys of all messages, in the fragment's order; empty: no memory. */
static struct slice keys_make(struct core *core, const struct message_write *write,
                              uint32_t *out_count)
{
    struct partition partition = partition_conversation(&core->cluster, &write->partition);
    struct row_key key = {.token = partition.token,
                          .partition = write->partition,
                          .table = TABLE_MESSAGE,
                          .clustering_size = ID_BYTES};
    size_t room = WRITE_MAX_ROWS * (KEY_MAX_BYTES + 1u);
    uint8_t *buffer = effects_allocate(&core->effects, room);
    if (buffer == NULL) {
        return slice_of(NULL, 0);
    }
    struct writer writer = writer_of(buffer, room);
    struct message_reader messages;
    message_reader_init(&messages, write);
    *out_count = 0;
    while (message_next(&messages)) {
        memcpy(key.clustering, messages.clustering.data, ID_BYTES);
        struct key_bytes bytes = row_key_encode(&key);
        writer_sized(&writer, key_slice(&bytes));
        ++*out_count;
    }
    return writer_done(&writer);
}

/* What is stored, in the fragment's order, against the fragment's. */
static bool stored_differs(const struct look *look, struct slice packed)
{
    struct packed_reader stored;
    struct packed_row row;
    struct message_reader messages;
    message_reader_init(&messages, &look->write);
    packed_reader_init(&stored, packed);
    bool has_message = message_next(&messages);
    while (packed_reader_next(&stored, &row)) {
        struct cell cell;
        while (has_message && !slice_equal(messages.clustering, row.clustering)) {
            has_message = message_next(&messages);
        }
        if (has_message && !is_settled(&messages) &&
            row_find(row.row, COLUMN_MESSAGE_CONTENT, &cell) &&
            !slice_equal(cell.value, messages.content.value)) {
            return true;
        }
    }
    return false;
}

static void rows_read(struct core *core, struct op *op, const struct event *event)
{
    struct look *look = op->request;
    if (event->read_done.error != COLUMBA_OK) {
        look_finish(core, op, event->read_done.error);
        return;
    }
    if (event->read_done.more) {
        look_finish(core, op, ERR_TOO_LARGE);
        return;
    }
    bool differs = look_judge(core, &look->write, &look->messages) == LOOK_CONFLICT ||
                   stored_differs(look, event->read_done.packed);
    look_finish(core, op, differs ? ERR_ID_CONFLICT : COLUMBA_OK);
}

static void rows_ask(struct core *core, struct op *op)
{
    const struct look *look = op->request;
    uint32_t count = 0;
    struct read_query query = {.space = SPACE_ROWS,
                               .keys = keys_make(core, &look->write, &count),
                               .limit_rows = WRITE_MAX_ROWS,
                               .limit_bytes = LOOK_MAX_BYTES};
    core->counters.looks += count;
    op->read_done = rows_read;
    if (query.keys.size == 0 || !effects_read(&core->effects, op_reference(op), &query)) {
        look_finish(core, op, ERR_NO_MEMORY);
    }
}

bool look_begin(struct core *core, const struct message_write *write, const struct answer_to *to,
                op_next *next)
{
    struct op *op = op_begin(core);
    struct look *look = op == NULL ? NULL : op_allocate(op, sizeof(*look));
    if (look == NULL) {
        if (op != NULL) {
            op_end(core, op);
        }
        return false;
    }
    op->request = look;
    look->write = *write;
    look->to = *to;
    look->next = next;
    if (!op_keep(op, write->packed, &look->write.packed)) {
        op_end(core, op);
        return false;
    }
    if (!latch_take(core, &look->claim, op, &look->write.partition, rows_ask)) {
        op_end(core, op);
        return false;
    }
    return true;
}

void look_end(struct core *core, struct op *op)
{
    struct look *look = op->request;
    latch_release(core, &look->claim);
    op_end(core, op);
}
