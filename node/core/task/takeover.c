#include "node/core/task/takeover.h"

#include "base/assert.h"
#include "node/core/coordinator/fanout.h"
#include "node/core/coordinator/read.h"
#include "node/core/state.h"
#include "node/store/key.h"

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

static void takeover_message_read(struct core *core, struct op *op)
{
    if (op->status.error == COLUMBA_OK && op->read->row_count > 0) {
        fanout_begin(core, op, op->request, takeover_fanned_out);
        return;
    }
    takeover_end(core);
    op_end(core, op);
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
    if (entry->kind != HAPPENED_MESSAGE) {
        fanout_begin(core, op, order, takeover_fanned_out);
        return true;
    }
    uint8_t begin[ID_BYTES];
    uint8_t end[ID_BYTES + 1] = {0};
    clustering_of_id(TABLE_MESSAGE, &entry->message, begin);
    memcpy(end, begin, ID_BYTES);
    struct message_read query = {.table = TABLE_MESSAGE,
                                 .begin = slice_of(begin, ID_BYTES),
                                 .end = slice_of(end, sizeof(end)),
                                 .limit_rows = 1,
                                 .limit_bytes = ROW_MAX_BYTES};
    struct partition partition = partition_conversation(&core->cluster, &entry->conversation);
    read_start(core, op, &partition, &query, core->cluster.topology->read_consistency,
               takeover_message_read);
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
