/*
 * MARK_READ: the user's marker in the inbox, then the member's watermark in the conversation.
 */
#include "node/core/coordinator/admission.h"
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/write.h"
#include "node/core/machine/answer.h"
#include "node/core/request/begin.h"
#include "node/core/request/fragment.h"
#include "node/core/request/table.h"
#include "node/core/state.h"

struct mark {
    struct id user;
    struct id conversation;
    struct id up_to;
};

static void watermark_write(struct core *core, struct op *op, const struct partition *partition,
                            enum table table, uint8_t column, const struct id *clustering,
                            op_next *done)
{
    const struct mark *mark = op->request;
    struct cell cell = {.column = column, .value = slice_of(mark->up_to.bytes, ID_BYTES)};
    struct message_write write = {.packed = fragment_small(core, table, clustering, &cell, 1)};
    if (write.packed.size == 0) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    write_start(core, op, partition, &write, level_for_writing(core, op), done);
}

/* The inbox has the marker already, so a failure here is not one of the whole. */
static void mark_both_written(struct core *core, struct op *op)
{
#ifndef COLUMBA_BUG_half_done_is_refused
    op->status.outcome_unknown = op->status.error != COLUMBA_OK;
#endif
    op_finish(core, op);
}

static void mark_written(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    const struct mark *mark = op->request;
    struct partition partition = partition_conversation(&core->cluster, &mark->conversation);
    watermark_write(core, op, &partition, TABLE_MEMBER, COLUMN_MEMBER_READ_UP_TO, &mark->user,
                    mark_both_written);
}

static void mark_admitted(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    const struct mark *mark = op->request;
    struct partition partition = partition_user(&core->cluster, &mark->user);
    watermark_write(core, op, &partition, TABLE_INBOX, COLUMN_INBOX_MARKER, &mark->conversation,
                    mark_written);
}

void request_mark_read(struct core *core, const struct event *event)
{
    const struct message_mark_read *request = &event->request.message->mark_read;
    if (!message_id_is_valid(&request->up_to)) {
        request_reject(core, event, ERR_INVALID, "up to which message? not an id");
        return;
    }
    if (request_id_is_ahead(core, &request->up_to)) {
        request_reject(core, event, ERR_CLOCK_AHEAD, NULL);
        return;
    }
    struct op *op = request_begin(core, event, request->consistency, sizeof(struct mark));
    if (op == NULL) {
        return;
    }
    struct mark *mark = op->request;
    *mark = (struct mark){
        .user = request->user, .conversation = request->conversation, .up_to = request->up_to};
    admission_begin(core, op, &mark->conversation, &mark->user, mark_admitted);
}
