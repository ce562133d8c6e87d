#include "node/core/history.h"

#include "node/core/conversation.h"
#include "node/core/page.h"
#include "node/core/read.h"
#include "node/core/request.h"
#include "node/core/send.h"
#include "node/core/state.h"
#include "node/core/write.h"
#include "node/store/key.h"
#include "node/store/row.h"
#include "proto/content.h"

static bool history_row(const struct packed_row *packed, void *out_row)
{
    struct message_history_row *row = out_row;
    struct cell cell;
    if (packed->clustering.size != ID_BYTES ||
        !row_find(packed->row, COLUMN_MESSAGE_CONTENT, &cell)) {
        return false;
    }
    row->message = clustering_to_id(TABLE_MESSAGE, packed->clustering.data);
    row->content = cell.value;
    return true;
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
    if (op->status.error == COLUMBA_OK && op->read.row_count == 0) {
        /* Nothing there: is it an empty page, or no conversation at all? */
        conversation_admit(core, op, true, history_existence_known);
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

void history_read(struct core *core, const struct event *event)
{
    const struct message_history_read *request = &event->request.message->history_read;
    struct op *op = request_begin(core, event, request->consistency);
    if (op == NULL) {
        return;
    }
    uint8_t begin[ID_BYTES + 1];
    uint8_t end[ID_BYTES];
    op->conversation = request->conversation;
    struct message_read query = {.partition_kind = PARTITION_CONVERSATION,
                                 .partition = request->conversation,
                                 .table = TABLE_MESSAGE,
                                 .limit_rows = page_limit(request->limit, HISTORY_ROWS_DEFAULT),
                                 .limit_bytes = PAGE_MAX_BYTES,
                                 .flags = request->oldest_first ? READ_BACKWARDS : 0};
    history_bounds(request, begin, end, &query);
    read_start(core, op, &query, request_read_level(core, op), history_page_read);
}

static enum columba_error import_row_check(const struct core *core,
                                           const struct message_history_row *row)
{
    struct content content;
    enum columba_error error = content_decode(row->content, &content);
    if (error != COLUMBA_OK) {
        return error;
    }
    struct id sender = id_of_name(ID_USER, content.sender);
    if (!message_id_is_of_sender(&row->message, &sender)) {
        return ERR_WRONG_SENDER;
    }
    return request_id_is_ahead(core, &row->message) ? ERR_CLOCK_AHEAD : COLUMBA_OK;
}

static enum columba_error import_check(const struct core *core,
                                       const struct message_history_import *request)
{
    size_t size = 0;
    if (request->row_count == 0 || request->row_count > WRITE_MAX_ROWS) {
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < request->row_count; i++) {
        enum columba_error error = import_row_check(core, &request->rows[i]);
        if (error != COLUMBA_OK) {
            return error;
        }
        size += request->rows[i].content.size;
    }
    return size > WRITE_MAX_BYTES ? ERR_TOO_LARGE : COLUMBA_OK;
}

static void import_admitted(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    struct message_write write = {.topology_version = core->topology->version,
                                  .partition_kind = PARTITION_CONVERSATION,
                                  .partition = op->conversation,
                                  .packed = op->content};
    write_start(core, op, &write, request_write_level(core, op), op_finish);
}

/* The rows as they will be stored, in the operation's arena: they may wait for a read. */
static bool import_pack(struct core *core, struct op *op,
                        const struct message_history_import *request)
{
    size_t size = 0;
    for (uint32_t i = 0; i < request->row_count; i++) {
        size += request->rows[i].content.size + 128;
    }
    uint8_t *buffer = arena_allocate(&op->arena, size);
    if (buffer == NULL) {
        return false;
    }
    struct writer writer = writer_of(buffer, size);
    for (uint32_t i = 0; i < request->row_count; i++) {
        struct slice packed =
            send_message_packed(core, &request->rows[i].message, request->rows[i].content);
        if (packed.size == 0) {
            return false;
        }
        writer_bytes(&writer, packed);
    }
    op->content = writer_done(&writer);
    return op->content.size > 0;
}

void history_import(struct core *core, const struct event *event)
{
    const struct message_history_import *request = &event->request.message->history_import;
    enum columba_error error = import_check(core, request);
    if (error != COLUMBA_OK) {
        core_refuse(core, event->request.connection, event->request.request_id, error, NULL);
        return;
    }
    struct op *op = request_begin(core, event, request->consistency);
    if (op == NULL) {
        return;
    }
    op->conversation = request->conversation;
    if (!import_pack(core, op, request)) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    conversation_admit(core, op, true, import_admitted);
}
