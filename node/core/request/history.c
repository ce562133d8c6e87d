/*
 * HISTORY_READ: a page of a conversation's messages, in either order. The request's own state is
 * the conversation's id.
 */
#include "node/core/coordinator/admission.h"
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/message_row.h"
#include "node/core/coordinator/read.h"
#include "node/core/machine/answer.h"
#include "node/core/request/begin.h"
#include "node/core/request/page.h"
#include "node/core/request/table.h"
#include "node/core/state.h"
#include "node/store/key.h"
#include "node/store/row.h"

/* What is asked for when no limit is said. */
#define HISTORY_ROWS_DEFAULT 50u

static bool history_row(const struct packed_row *packed, void *out_row)
{
    return message_row_show(packed, out_row);
}

static void history_existence_known(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    op_reply(core, op, effects_message(&core->effects, MESSAGE_HISTORY));
    op_end(core, op);
}

static void history_page_read(struct core *core, struct op *op)
{
    struct page page;
    if (op->status.error == COLUMBA_OK && op->read->row_count == 0) {
        /* Nothing there: is it an empty page, or no conversation at all? */
        admission_begin(core, op, op->request, NULL, history_existence_known);
    } else if (page_make(core, op, MESSAGE_HISTORY, sizeof(struct message_history_row), history_row,
                         &page)) {
        page.message->history = (struct message_history){
            .rows = page.rows, .row_count = page.row_count, .more = page.more};
        page_reply(core, op, &page);
    }
}

/*
 * Newest first in the store: what is older than `before` lies behind it, what is newer than
 * `after` in front of it. A trailing zero byte makes the first key behind an id.
 */
static void history_bounds(const struct message_history_read *request, uint8_t *begin, uint8_t *end,
                           struct message_read *out_query)
{
    if (!id_is_zero(&request->before)) {
        clustering_of_id(TABLE_MESSAGE, &request->before, begin);
        begin[ID_BYTES] = 0;
        out_query->begin = slice_of(begin, ID_BYTES + 1);
    }
    if (!id_is_zero(&request->after)) {
        clustering_of_id(TABLE_MESSAGE, &request->after, end);
        out_query->end = slice_of(end, ID_BYTES);
    }
}

void request_history_read(struct core *core, const struct event *event)
{
    const struct message_history_read *request = &event->request.message->history_read;
    struct op *op = request_begin(core, event, request->consistency, sizeof(struct id));
    if (op == NULL) {
        return;
    }
    uint8_t begin[ID_BYTES + 1];
    uint8_t end[ID_BYTES];
    *(struct id *)op->request = request->conversation;
    struct message_read query = {.table = TABLE_MESSAGE,
                                 .limit_rows = page_limit(request->limit, HISTORY_ROWS_DEFAULT),
                                 .limit_bytes = PAGE_MAX_BYTES,
                                 .flags = READ_SHOWS_UNDECIDED |
                                          (request->oldest_first ? READ_BACKWARDS : 0)};
    history_bounds(request, begin, end, &query);
    struct partition partition = partition_conversation(&core->cluster, &request->conversation);
    read_start(core, op, &partition, &query, level_for_reading(core, op), history_page_read);
}
