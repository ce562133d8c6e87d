#include "node/core/inbox.h"

#include "node/core/conversation.h"
#include "node/core/page.h"
#include "node/core/read.h"
#include "node/core/request.h"
#include "node/core/state.h"
#include "node/core/write.h"
#include "node/store/row.h"

#define INBOX_ROW_BYTES 160u

static bool inbox_row(const struct packed_row *packed, void *out_row)
{
    struct message_inbox_row row = {.has_unread = true};
    struct row_reader reader;
    struct cell cell;
    if (packed->clustering.size != ID_BYTES || !row_reader_init(&reader, packed->row)) {
        return false;
    }
    id_from_slice(packed->clustering, &row.conversation);
    while (row_reader_next(&reader, &cell)) {
        switch (cell.column) {
        case COLUMN_INBOX_LAST:
            id_from_slice(cell.value, &row.last);
            break;
        case COLUMN_INBOX_MARKER:
            id_from_slice(cell.value, &row.marker);
            break;
        case COLUMN_INBOX_FLOOR:
            row.unread_is_at_least = true;
            break;
        case COLUMN_INBOX_UNREAD:
            row.unread = (uint32_t)(cell.value.size / ID_BYTES);
            break;
        case COLUMN_INBOX_FLAGS:
            row.has_unread = cell.value.size != 1 || (cell.value.data[0] & INBOX_FLAG_CHANNEL) == 0;
            break;
        default:
            break;
        }
    }
    *(struct message_inbox_row *)out_row = row;
    /* A marker without a message: read before anything arrived here. */
    return !id_is_zero(&row.last);
}

static void inbox_page_read(struct core *core, struct op *op)
{
    struct page page;
    if (page_make(core, op, MESSAGE_INBOX, sizeof(struct message_inbox_row), inbox_row, &page)) {
        page.message->inbox = (struct message_inbox){
            .rows = page.rows, .row_count = page.row_count, .more = page.more};
        page_reply(core, op, &page);
    }
}

void inbox_read(struct core *core, const struct event *event)
{
    const struct message_inbox_read *request = &event->request.message->inbox_read;
    struct op *op = request_begin(core, event, request->consistency);
    if (op == NULL) {
        return;
    }
    uint8_t begin[ID_BYTES + 1];
    struct message_read query = {.partition_kind = PARTITION_USER,
                                 .partition = request->user,
                                 .table = TABLE_INBOX,
                                 .limit_rows = page_limit(request->limit, INBOX_ROWS_DEFAULT),
                                 .limit_bytes = PAGE_MAX_BYTES,
                                 .flags = READ_FOLD};
    page_begin_after(&query, &request->after, begin);
    read_start(core, op, &query, request_read_level(core, op), inbox_page_read);
}

/* One row with one or several watermarks. Empty: no memory. */
static struct slice row_packed(struct core *core, enum table table, const struct id *clustering,
                               const struct cell *cells, unsigned count)
{
    uint8_t row_bytes[INBOX_ROW_BYTES];
    uint8_t *buffer = effects_allocate(&core->effects, INBOX_ROW_BYTES + 32);
    if (buffer == NULL) {
        return slice_of(NULL, 0);
    }
    struct row_writer row;
    row_writer_init(&row, row_bytes, sizeof(row_bytes));
    for (unsigned i = 0; i < count; i++) {
        row_writer_cell(&row, &cells[i]);
    }
    struct writer packed = writer_of(buffer, INBOX_ROW_BYTES + 32);
    packed_row_write(&packed,
                     &(struct packed_row){.table = (uint8_t)table,
                                          .clustering = slice_of(clustering->bytes, ID_BYTES),
                                          .row = row_writer_done(&row)});
    return writer_done(&packed);
}

static void watermark_write(struct core *core, struct op *op, enum table table, uint8_t column,
                            void (*done)(struct core *core, struct op *op))
{
    bool is_inbox = table == TABLE_INBOX;
    struct cell cell = {.column = column, .value = slice_of(op->message.bytes, ID_BYTES)};
    struct slice packed =
        row_packed(core, table, is_inbox ? &op->conversation : &op->user, &cell, 1);
    if (packed.size == 0) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    struct message_write write = {.topology_version = core->topology->version,
                                  .partition_kind =
                                      is_inbox ? PARTITION_USER : PARTITION_CONVERSATION,
                                  .partition = is_inbox ? op->user : op->conversation,
                                  .packed = packed};
    write_start(core, op, &write, request_write_level(core, op), done);
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
    watermark_write(core, op, TABLE_MEMBER, COLUMN_MEMBER_READ_UP_TO, mark_both_written);
}

static void mark_admitted(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    watermark_write(core, op, TABLE_INBOX, COLUMN_INBOX_MARKER, mark_written);
}

void inbox_mark_read(struct core *core, const struct event *event)
{
    const struct message_mark_read *request = &event->request.message->mark_read;
    uint64_t connection = event->request.connection;
    uint64_t request_id = event->request.request_id;
    if (!message_id_is_valid(&request->up_to)) {
        core_refuse(core, connection, request_id, ERR_INVALID, "up to which message? not an id");
        return;
    }
    if (request_id_is_ahead(core, &request->up_to)) {
        core_refuse(core, connection, request_id, ERR_CLOCK_AHEAD, NULL);
        return;
    }
    struct op *op = request_begin(core, event, request->consistency);
    if (op == NULL) {
        return;
    }
    op->user = request->user;
    op->conversation = request->conversation;
    op->message = request->up_to;
    conversation_admit(core, op, false, mark_admitted);
}

/* The import's parts: one operation for each row, all on behalf of one. */

/* A failure of one part is not one of the whole. */
static void part_ends(struct core *core, struct op *op)
{
    if (--op->parts_left == 0) {
        op->status.outcome_unknown = op->status.error != COLUMBA_OK && op->parts_may_be_applied;
        op_finish(core, op);
    }
}

static void part_written(struct core *core, struct op *part)
{
    struct op *op = op_find(core, part->parent);
    struct message_status status = part->status;
    op_end(core, part);
    if (op == NULL) {
        return;
    }
    if (status.error != COLUMBA_OK) {
        op->status = status;
    }
    if (status.error == COLUMBA_OK || status.outcome_unknown) {
        op->parts_may_be_applied = true;
    }
    part_ends(core, op);
}

static struct slice import_row_packed(struct core *core, const struct message_inbox_import_row *row)
{
    static const uint8_t channel = INBOX_FLAG_CHANNEL;
    struct cell cells[3];
    unsigned count = 0;
    cells[count++] =
        (struct cell){.column = COLUMN_INBOX_LAST, .value = slice_of(row->last.bytes, ID_BYTES)};
    if (!id_is_zero(&row->marker)) {
        cells[count++] = (struct cell){.column = COLUMN_INBOX_MARKER,
                                       .value = slice_of(row->marker.bytes, ID_BYTES)};
    }
    if (row->is_channel) {
        /* Stamped by the message, so that an import run again changes nothing. */
        cells[count++] = (struct cell){.column = COLUMN_INBOX_FLAGS,
                                       .timestamp = hlc_of_unix_ms(message_id_unix_ms(&row->last)),
                                       .value = slice_of(&channel, 1)};
    }
    return row_packed(core, TABLE_INBOX, &row->conversation, cells, count);
}

static void import_part(struct core *core, struct op *op,
                        const struct message_inbox_import_row *row)
{
    struct op *part = op_begin(core);
    struct slice packed = part == NULL ? slice_of(NULL, 0) : import_row_packed(core, row);
    if (packed.size == 0) {
        if (part != NULL) {
            op_end(core, part);
        }
        op->status = (struct message_status){.error = ERR_OVERLOADED};
        op->parts_left--;
        return;
    }
    part->parent = op_reference(op);
    part->consistency = op->consistency;
    struct message_write write = {.topology_version = core->topology->version,
                                  .partition_kind = PARTITION_USER,
                                  .partition = row->user,
                                  .packed = packed};
    write_start(core, part, &write, request_write_level(core, op), part_written);
}

static const char *import_problem(const struct core *core,
                                  const struct message_inbox_import *request)
{
    if (request->row_count == 0 || request->row_count > WRITE_MAX_ROWS) {
        return "1 to 1,000 inbox rows in one request";
    }
    for (uint32_t i = 0; i < request->row_count; i++) {
        const struct message_inbox_import_row *row = &request->rows[i];
        if (!message_id_is_valid(&row->last) || request_id_is_ahead(core, &row->last) ||
            (!id_is_zero(&row->marker) &&
             (!message_id_is_valid(&row->marker) || request_id_is_ahead(core, &row->marker)))) {
            return "an inbox row's newest message or marker is not a message id of the past";
        }
    }
    return NULL;
}

void inbox_import(struct core *core, const struct event *event)
{
    const struct message_inbox_import *request = &event->request.message->inbox_import;
    const char *problem = import_problem(core, request);
    if (problem != NULL) {
        core_refuse(core, event->request.connection, event->request.request_id, ERR_INVALID,
                    problem);
        return;
    }
    struct op *op = request_begin(core, event, request->consistency);
    if (op == NULL) {
        return;
    }
    /* One more than the parts, so that none of them ends it before all have begun. */
    op->parts_left = request->row_count + 1;
    for (uint32_t i = 0; i < request->row_count; i++) {
        import_part(core, op, &request->rows[i]);
    }
    part_ends(core, op);
}
