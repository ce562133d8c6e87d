#include "node/core/task/takeover.h"

#include "base/assert.h"
#include "node/core/coordinator/fanout.h"
#include "node/core/coordinator/read.h"
#include "node/core/state.h"
#include "node/store/key.h"
#include "node/store/row.h"
#include "proto/change.h"

static void takeover_end(struct core *core)
{
    COLUMBA_ASSERT(core->takeovers > 0);
    core->takeovers--;
}

static void takeover_fanned_out(struct core *core, struct op *op, bool reached_all)
{
    (void)op;
    (void)reached_all;
    takeover_end(core);
}

static void takeover_give_up(struct core *core, struct op *op)
{
    takeover_end(core);
    op_end(core, op);
}

static void takeover_message_read(struct core *core, struct op *op)
{
    if (op->status.error == COLUMBA_OK && op->read->row_count > 0) {
        fanout_begin(core, op, op->request, takeover_fanned_out);
        return;
    }
    takeover_give_up(core, op);
}

/* The row is on a quorum when it has been read: what one replica had is repaired. */
static void row_read(struct core *core, struct op *op, enum table table, const struct id *id,
                     op_next *next)
{
    const struct fanout_order *order = op->request;
    uint8_t begin[ID_BYTES];
    uint8_t end[ID_BYTES + 1] = {0};
    clustering_of_id(table, id, begin);
    memcpy(end, begin, ID_BYTES);
    struct message_read query = {.table = table,
                                 .begin = slice_of(begin, ID_BYTES),
                                 .end = slice_of(end, sizeof(end)),
                                 .limit_rows = 1,
                                 .limit_bytes = ROW_MAX_BYTES};
    struct partition partition = partition_conversation(&core->cluster, &order->conversation);
    read_start(core, op, &partition, &query, core->cluster.topology->read_consistency, next);
}

/* Its record says which message was changed; that one is read too, so that nobody is told of a
 * change before a quorum has it. */
static void takeover_change_read(struct core *core, struct op *op)
{
    struct fanout_order *order = op->request;
    struct packed_reader reader;
    struct packed_row row;
    struct cell cell;
    struct change_record record;
    if (op->status.error != COLUMBA_OK) {
        takeover_give_up(core, op);
        return;
    }
    packed_reader_init(&reader, op->read->packed);
    if (!packed_reader_next(&reader, &row) || !row_find(row.row, COLUMN_CHANGE_RECORD, &cell) ||
        change_record_decode(cell.value, &record) != COLUMBA_OK) {
        takeover_give_up(core, op);
        return;
    }
    fanout_order_of_change(order, &record, &order->message);
    row_read(core, op, TABLE_MESSAGE, &record.message, takeover_message_read);
}

/* False: no room among the operations. */
static bool takeover_begin(struct core *core, const struct outbox_entry *entry)
{
    struct op *op = op_begin(core);
    struct fanout_order *order = op == NULL ? NULL : op_allocate(op, sizeof(*order));
    if (order == NULL) {
        if (op != NULL) {
            op_end(core, op);
        }
        return false;
    }
    /* Any version it finds may be stale: the members are read anew. */
    *order = (struct fanout_order){.kind = entry->kind,
                                   .conversation = entry->conversation,
                                   .message = entry->message,
                                   .sender = entry->sender,
                                   .membership_version = MEMBERSHIP_VERSION_UNREAD};
    op->request = order;
    core->counters.takeovers++;
    core->takeovers++;
    switch ((enum happening)entry->kind) {
    case HAPPENED_MESSAGE:
        row_read(core, op, TABLE_MESSAGE, &entry->message, takeover_message_read);
        break;
    case HAPPENED_CHANGE:
        row_read(core, op, TABLE_CHANGE, &entry->message, takeover_change_read);
        break;
    case HAPPENED_CHANNEL:
    case HAPPENED_DELETION: /* in no outbox */
        fanout_begin(core, op, order, takeover_fanned_out);
        break;
    }
    return true;
}

/* Each needs another operation for its read here: they must not take all. */
static uint32_t takeovers_max(const struct core *core)
{
    uint32_t part = core->ops.capacity / 8 + 1;
    return part < OUTBOX_TAKEOVERS_MAX ? part : OUTBOX_TAKEOVERS_MAX;
}

void takeover_tick(struct core *core)
{
    struct outbox_entry *entry;
#ifdef COLUMBA_BUG_no_takeover
    return;
#endif
    while (core->takeovers < takeovers_max(core) && (entry = outbox_try_next(core)) != NULL) {
        if (!takeover_begin(core, entry)) {
            outbox_pause(core, entry);
        }
    }
}
