#include "node/core/takeover.h"

#include "base/assert.h"
#include "node/core/fanout.h"
#include "node/core/read.h"
#include "node/core/state.h"
#include "node/store/key.h"

static void takeover_end(struct core *core)
{
    COLUMBA_ASSERT(core->outbox.takeovers > 0);
    core->outbox.takeovers--;
}

static void takeover_fanned_out(struct core *core, struct op *op, bool reached_all)
{
    (void)op;
    (void)reached_all;
    takeover_end(core);
}

static void takeover_message_read(struct core *core, struct op *op)
{
    if (op->status.error == COLUMBA_OK && op->read.row_count > 0) {
        /* Any version it finds may be stale: the members are read anew. */
        op->membership_version = MEMBERSHIP_VERSION_UNREAD;
        fanout_begin(core, op, takeover_fanned_out);
        return;
    }
    takeover_end(core);
    op_end(core, op);
}

bool takeover_begin(struct core *core, const struct outbox_entry *entry)
{
    struct op *op = op_begin(core);
    if (op == NULL) {
        return false;
    }
    core->counters.takeovers++;
    core->outbox.takeovers++;
    op->conversation = entry->conversation;
    op->message = entry->message;
    op->user = entry->sender;
    uint8_t begin[ID_BYTES];
    clustering_of_id(TABLE_MESSAGE, &entry->message, begin);
    struct message_read query = {.partition_kind = PARTITION_CONVERSATION,
                                 .partition = entry->conversation,
                                 .table = TABLE_MESSAGE,
                                 .begin = slice_of(begin, ID_BYTES),
                                 .limit_rows = 1,
                                 .limit_bytes = ROW_MAX_BYTES};
    uint8_t end[ID_BYTES + 1] = {0};
    memcpy(end, begin, ID_BYTES);
    query.end = slice_of(end, sizeof(end));
    read_start(core, op, &query, core->topology->read_consistency, takeover_message_read);
    return true;
}
