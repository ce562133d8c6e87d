/*
 * INBOX_IMPORT: inbox rows of imported conversations, of any users: one write for each partition,
 * each an operation of its own on behalf of the import's.
 */
#include "base/assert.h"
#include "base/hlc.h"
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/write.h"
#include "node/core/machine/answer.h"
#include "node/core/request/begin.h"
#include "node/core/request/fragment.h"
#include "node/core/request/table.h"
#include "node/core/state.h"

struct import {
    uint32_t parts_left;
    bool may_be_applied; /* a part of it */
};

struct import_part {
    op_ref import;
};

/* A failure of one part is not one of the whole. */
static void part_ends(struct core *core, struct op *op)
{
    struct import *import = op->request;
    COLUMBA_ASSERT(import->parts_left > 0);
    if (--import->parts_left == 0) {
        op->status.outcome_unknown = op->status.error != COLUMBA_OK && import->may_be_applied;
        op_finish(core, op);
    }
}

static void part_written(struct core *core, struct op *part)
{
    struct op *op = op_find(core, ((struct import_part *)part->request)->import);
    struct message_status status = part->status;
    op_end(core, part);
    if (op == NULL) {
        return;
    }
    if (status.error != COLUMBA_OK) {
        op->status = status;
    }
    if (status.error == COLUMBA_OK || status.outcome_unknown) {
        ((struct import *)op->request)->may_be_applied = true;
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
    return fragment_small(core, TABLE_INBOX, &row->conversation, cells, count);
}

static struct op *part_begin(struct core *core, struct op *op)
{
    struct op *part = op_begin(core);
    struct import_part *state = part == NULL ? NULL : op_allocate(part, sizeof(*state));
    if (state == NULL) {
        if (part != NULL) {
            op_end(core, part);
        }
        return NULL;
    }
    state->import = op_reference(op);
    part->request = state;
    return part;
}

static void part_start(struct core *core, struct op *op, const struct message_inbox_import_row *row)
{
    struct import *import = op->request;
    struct slice packed = import_row_packed(core, row);
    struct op *part = packed.size == 0 ? NULL : part_begin(core, op);
    if (part == NULL) {
        op->status = (struct message_status){.error = ERR_OVERLOADED};
        import->parts_left--;
        return;
    }
    struct message_write write = {.packed = packed};
    struct partition partition = partition_user(&core->cluster, &row->user);
    write_start(core, part, &partition, &write, level_for_writing(core, op), part_written);
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

void request_inbox_import(struct core *core, const struct event *event)
{
    const struct message_inbox_import *request = &event->request.message->inbox_import;
    const char *problem = import_problem(core, request);
    if (problem != NULL) {
        request_reject(core, event, ERR_INVALID, problem);
        return;
    }
    struct op *op = request_begin(core, event, request->consistency, sizeof(struct import));
    if (op == NULL) {
        return;
    }
    /* One more than the parts, so that none of them ends it before all have begun. */
    ((struct import *)op->request)->parts_left = request->row_count + 1;
    for (uint32_t i = 0; i < request->row_count; i++) {
        part_start(core, op, &request->rows[i]);
    }
    part_ends(core, op);
}
