/*
 * HISTORY_IMPORT: messages of the past into a conversation that exists, without a fan-out.
 */
#include "node/core/coordinator/admission.h"
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/write.h"
#include "node/core/machine/answer.h"
#include "node/core/request/begin.h"
#include "node/core/request/fragment.h"
#include "node/core/request/table.h"
#include "node/core/state.h"
#include "node/store/row.h"
#include "proto/content.h"

struct import {
    struct id conversation;
    struct slice packed; /* the rows as they will be stored */
};

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
    const struct import *import = op->request;
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    struct message_write write = {.packed = import->packed};
    struct partition partition = partition_conversation(&core->cluster, &import->conversation);
    write_start(core, op, &partition, &write, level_for_writing(core, op), op_finish);
}

/* The rows as they will be stored, in the operation's arena: they may wait for a read. */
static bool import_pack(struct core *core, struct op *op,
                        const struct message_history_import *request)
{
    struct import *import = op->request;
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
            fragment_message(core, &request->rows[i].message, request->rows[i].content);
        if (packed.size == 0) {
            return false;
        }
        writer_bytes(&writer, packed);
    }
    import->packed = writer_done(&writer);
    return import->packed.size > 0;
}

void request_history_import(struct core *core, const struct event *event)
{
    const struct message_history_import *request = &event->request.message->history_import;
    enum columba_error error = import_check(core, request);
    if (error != COLUMBA_OK) {
        request_reject(core, event, error, NULL);
        return;
    }
    struct op *op = request_begin(core, event, request->consistency, sizeof(struct import));
    if (op == NULL) {
        return;
    }
    struct import *import = op->request;
    import->conversation = request->conversation;
    if (!import_pack(core, op, request)) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    admission_begin(core, op, &import->conversation, NULL, import_admitted);
}
