#include "node/core/send.h"

#include "node/core/conversation.h"
#include "node/core/fanout.h"
#include "node/core/read.h"
#include "node/core/request.h"
#include "node/core/state.h"
#include "node/core/write.h"
#include "node/store/key.h"
#include "node/store/row.h"
#include "proto/content.h"

/* Beside the content: row and cell headers, lengths, key. */
#define ROW_ENVELOPE_BYTES 64u

struct slice send_message_packed(struct core *core, const struct id *message, struct slice content)
{
    struct cell cell = {.column = COLUMN_MESSAGE_CONTENT,
                        .timestamp = hlc_of_unix_ms(message_id_unix_ms(message)),
                        .value = content};
    size_t row_size = 1 + cell_size(&cell);
    uint8_t *row_bytes = effects_allocate(&core->effects, row_size);
    uint8_t *packed_bytes = effects_allocate(&core->effects, row_size + ROW_ENVELOPE_BYTES);
    if (row_bytes == NULL || packed_bytes == NULL) {
        return slice_of(NULL, 0);
    }
    struct row_writer row;
    row_writer_init(&row, row_bytes, row_size);
    row_writer_cell(&row, &cell);
    uint8_t clustering[ID_BYTES];
    clustering_of_id(TABLE_MESSAGE, message, clustering);
    struct writer packed = writer_of(packed_bytes, row_size + ROW_ENVELOPE_BYTES);
    packed_row_write(&packed, &(struct packed_row){.table = TABLE_MESSAGE,
                                                   .clustering = slice_of(clustering, ID_BYTES),
                                                   .row = row_writer_done(&row)});
    return writer_done(&packed);
}

/* Fewer replicas than a quorum may all be behind: then the members are read anew. */
static uint64_t send_membership_version(const struct op *op)
{
    unsigned acked = (unsigned)__builtin_popcount(op->write.acked);
    bool is_quorum = acked > op->write.replicas->count / 2u;
#ifdef COLUMBA_BUG_weak_send_trusts_version
    is_quorum = true;
#endif
    return is_quorum ? op->write.membership_version : MEMBERSHIP_VERSION_UNREAD;
}

static void send_written(struct core *core, struct op *op)
{
    enum columba_error error = op->status.error;
    op_reply_status(core, op);
    if (error != COLUMBA_OK) {
        /* What some replicas may have stored is in their outboxes: they see to it. */
        op_end(core, op);
        return;
    }
    core->counters.sends_acknowledged++;
    op->membership_version = send_membership_version(op);
    if (op->is_channel) {
        op_end(core, op);
        return;
    }
    fanout_begin(core, op, NULL);
}

static void send_write(struct core *core, struct op *op, struct slice content)
{
    struct message_write write = {.topology_version = core->topology->version,
                                  .partition_kind = PARTITION_CONVERSATION,
                                  .partition = op->conversation,
                                  .packed = send_message_packed(core, &op->message, content),
                                  .has_outbox = !op->is_channel,
                                  .outbox_message = op->message,
                                  .outbox_sender = op->user};
    if (write.packed.size == 0) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    write_start(core, op, &write, request_write_level(core, op), send_written);
}

/* Another content under this id is told to its sender; the same one is a retry and is welcome. */
static void send_stored_read(struct core *core, struct op *op)
{
    struct packed_reader reader;
    struct packed_row row;
    struct cell cell;
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    packed_reader_init(&reader, op->read.packed);
    if (packed_reader_next(&reader, &row) && row_find(row.row, COLUMN_MESSAGE_CONTENT, &cell) &&
        !slice_equal(cell.value, op->content)) {
        op_refuse(core, op, ERR_ID_CONFLICT, NULL);
        return;
    }
    send_write(core, op, op->content);
}

static void send_compare(struct core *core, struct op *op)
{
    uint8_t begin[ID_BYTES];
    uint8_t end[ID_BYTES + 1] = {0};
    clustering_of_id(TABLE_MESSAGE, &op->message, begin);
    memcpy(end, begin, ID_BYTES);
    struct message_read query = {.partition_kind = PARTITION_CONVERSATION,
                                 .partition = op->conversation,
                                 .table = TABLE_MESSAGE,
                                 .begin = slice_of(begin, ID_BYTES),
                                 .end = slice_of(end, sizeof(end)),
                                 .limit_rows = 1,
                                 .limit_bytes = ROW_MAX_BYTES};
    read_start(core, op, &query, request_load_level(core, op), send_stored_read);
}

static void send_admitted(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    if (op->is_retry) {
        send_compare(core, op);
        return;
    }
    send_write(core, op, op->content);
}

static enum columba_error send_check(const struct core *core, const struct message_send *request,
                                     struct id *out_sender)
{
    struct content content;
    enum columba_error error = content_decode(request->content, &content);
    if (error != COLUMBA_OK) {
        return error;
    }
    *out_sender = id_of_name(ID_USER, content.sender);
    if (!message_id_is_valid(&request->message)) {
        return ERR_INVALID;
    }
    if (!message_id_is_of_sender(&request->message, out_sender)) {
        return ERR_WRONG_SENDER;
    }
    return request_id_is_ahead(core, &request->message) ? ERR_CLOCK_AHEAD : COLUMBA_OK;
}

void send_request(struct core *core, const struct event *event)
{
    const struct message_send *request = &event->request.message->send;
    struct id sender;
    enum columba_error error = send_check(core, request, &sender);
    if (error != COLUMBA_OK) {
        core_refuse(core, event->request.connection, event->request.request_id, error, NULL);
        return;
    }
    struct op *op = request_begin(core, event, request->consistency);
    if (op == NULL) {
        return;
    }
    core->counters.sends++;
    op->conversation = request->conversation;
    op->message = request->message;
    op->user = sender;
    op->is_retry = request->retry;
    op->content = request->content;
    if (!conversation_is_admitted(core, op) || op->is_retry) {
        /* It has to wait, so the content moves out of the event. */
        if (!op_keep(op, request->content, &op->content)) {
            op_refuse(core, op, ERR_NO_MEMORY, NULL);
            return;
        }
    }
    conversation_admit(core, op, false, send_admitted);
}
