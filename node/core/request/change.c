/*
 * CHANGE: a member edits a message, deletes it for everyone, reacts to it or sets a column of the
 * application's. The message is read first, for the
 * rules (does it exist, whose is it, is it deleted) and for the stamp: a change is stamped above
 * what its coordinator has seen, so that it wins over it.
 *
 *   checked -> actor admitted -> message read, judged -> (no deletion) own record read -> written,
 *   with the change's record and an outbox entry in one batch -> answered -> fanned out -> done
 * told
 *
 * A change has an id of its own. The record under it keeps the stamp: a retry finds it and writes
 * the same again, so that it never wins over what came in between. The message is read before the
 * record: where the change can be seen, its record is found.
 */
#include "base/hlc.h"
#include "base/name.h"
#include "node/core/coordinator/admission.h"
#include "node/core/coordinator/fanout.h"
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/read.h"
#include "node/core/coordinator/write.h"
#include "node/core/machine/answer.h"
#include "node/core/request/begin.h"
#include "node/core/request/fragment.h"
#include "node/core/request/table.h"
#include "node/core/state.h"
#include "node/store/key.h"
#include "proto/change.h"
#include "proto/content.h"

struct change {
    struct id conversation;
    struct id message;
    struct id id;
    struct id actor;
    struct slice actor_name;
    struct slice content; /* an edit's, or a mark */
    struct slice key;     /* the sub-key of what it changes */
    uint8_t kind;         /* enum change_kind */
    /* What is stored now of what it changes. */
    struct slice sender;
    struct slice stored; /* the cell's value; empty: none */
    uint64_t stored_stamp;
    /* Of an earlier attempt; 0: there was none, or it is not looked for. */
    uint64_t stamp;
};

static struct change_record record_of(const struct change *change)
{
    return (struct change_record){
        .kind = change->kind, .message = change->message, .actor = change->actor_name};
}

/* ---- written, and told ---- */

static void change_written(struct core *core, struct op *op)
{
    const struct change *change = op->request;
    enum columba_error error = op->status.error;
    op_reply_status(core, op);
    if (error != COLUMBA_OK || op->admission->is_channel) {
        /* What some replicas may have stored is in their outboxes: they see to it. */
        op_end(core, op);
        return;
    }
    struct fanout_order order = {.conversation = change->conversation,
                                 .sender = change->actor,
                                 .membership_version = write_membership_version(core, op)};
    struct change_record record = record_of(change);
    fanout_order_of_change(&order, &record, &change->id);
    fanout_begin(core, op, &order, NULL);
}

/* Above what was seen, even where that came from a clock which is not followed. */
static uint64_t stamp_above(struct core *core, uint64_t seen)
{
    uint64_t stamp = hlc_next(&core->hlc, core->unix_ms);
#ifdef COLUMBA_BUG_edit_stamped_by_clock
    return hlc_of_unix_ms(core->unix_ms);
#endif
    return stamp > seen ? stamp : seen + 1;
}

/* The edit that takes the stored one's place; what an earlier attempt stored stays. */
static struct slice edit_make(struct op *op, const struct change *change)
{
    struct edit stored = {.number = 0};
    if (change->stored.size > 0 && change->stored_stamp == change->stamp) {
        return change->stored;
    }
    if (change->stored.size > 0) {
        (void)edit_decode(change->stored, &stored);
    }
    struct edit edit = {.number = stored.number + 1, .content = change->content};
    size_t size = edit_size(&edit);
    uint8_t *bytes = op_allocate(op, size);
    if (bytes != NULL) {
        edit_encode(&edit, bytes);
    }
    return slice_of(bytes, bytes == NULL ? 0 : size);
}

static uint8_t column_of(const struct change *change)
{
    switch ((enum change_kind)change->kind) {
    case CHANGE_EDIT:
        return COLUMN_MESSAGE_EDITED;
    case CHANGE_DELETION:
        return COLUMN_MESSAGE_DELETED;
    case CHANGE_REACTION:
        return COLUMN_MESSAGE_REACTION;
    case CHANGE_COLUMN:
        return COLUMN_MESSAGE_APPLICATION;
    }
    return 0;
}

static bool cell_make(struct op *op, const struct change *change, struct cell *out_cell)
{
    struct cell cell = {.column = column_of(change), .subkey = change->key};
    switch ((enum change_kind)change->kind) {
    case CHANGE_EDIT:
        cell.value = edit_make(op, change);
        break;
    case CHANGE_DELETION:
        cell.value = change->sender;
        break;
    case CHANGE_REACTION:
    case CHANGE_COLUMN:
        cell.value = change->content;
        break;
    }
    *out_cell = cell;
    return change->kind != CHANGE_EDIT || cell.value.size > 0;
}

static struct slice change_pack(struct core *core, struct op *op, struct change *change)
{
    struct change_record record = record_of(change);
    size_t size = change_record_size(&record);
    uint8_t *bytes = op_allocate(op, size);
    struct cell cell;
    if (bytes == NULL || !cell_make(op, change, &cell)) {
        return slice_of(NULL, 0);
    }
    change_record_encode(&record, bytes);
    if (change->stamp == 0) {
        change->stamp = stamp_above(core, change->stored_stamp);
    }
    cell.timestamp = change->stamp;
    struct cell record_cell = {
        .column = COLUMN_CHANGE_RECORD, .timestamp = change->stamp, .value = slice_of(bytes, size)};
    return fragment_change(core, &change->message, &cell, &change->id, &record_cell);
}

static void change_write(struct core *core, struct op *op)
{
    struct change *change = op->request;
    struct message_write write = {.packed = change_pack(core, op, change),
                                  .has_outbox = !op->admission->is_channel,
                                  .outbox_kind = HAPPENED_CHANGE,
                                  .outbox_message = change->id,
                                  .outbox_sender = change->actor};
    if (write.packed.size == 0) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    struct partition partition = partition_conversation(&core->cluster, &change->conversation);
    write_start(core, op, &partition, &write, level_for_writing(core, op), change_written);
}

/* ---- what is there ---- */

static void row_read(struct core *core, struct op *op, enum table table, const struct id *id,
                     op_next *next)
{
    const struct change *change = op->request;
    uint8_t key[ID_BYTES + 1];
    uint8_t clustering[ID_BYTES];
    clustering_of_id(table, id, clustering);
    struct writer keys = writer_of(key, sizeof(key));
    writer_sized(&keys, slice_of(clustering, ID_BYTES));
    struct message_read query = {
        .table = table, .keys = writer_done(&keys), .limit_rows = 1, .limit_bytes = ROW_MAX_BYTES};
    struct partition partition = partition_conversation(&core->cluster, &change->conversation);
    read_start(core, op, &partition, &query, core->cluster.topology->read_consistency, next);
}

/* The row that was read; false: there is none. */
static bool row_of(const struct op *op, struct slice *out_row)
{
    struct packed_reader reader;
    struct packed_row row;
    packed_reader_init(&reader, op->read->packed);
    if (!packed_reader_next(&reader, &row)) {
        return false;
    }
    *out_row = row.row;
    return true;
}

static bool record_is_ours(const struct change *change, struct slice value)
{
    struct change_record record;
    return change_record_decode(value, &record) == COLUMBA_OK && record.kind == change->kind &&
           id_equal(&record.message, &change->message) &&
           slice_equal(record.actor, change->actor_name);
}

static void record_was_read(struct core *core, struct op *op)
{
    struct change *change = op->request;
    struct slice row;
    struct cell cell;
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    if (row_of(op, &row) && row_find(row, COLUMN_CHANGE_RECORD, &cell)) {
        if (!record_is_ours(change, cell.value)) {
            op_refuse(core, op, ERR_ID_CONFLICT, "this id names another change");
            return;
        }
        change->stamp = cell.timestamp;
    }
    change_write(core, op);
}

/* Who may edit and delete: its sender. Where roles are known, an administrator may delete what
 * others sent. Any member may react, and set what the application keeps there. */
static bool change_is_allowed(const struct change *change)
{
    bool is_for_all = change->kind == CHANGE_REACTION || change->kind == CHANGE_COLUMN;
    return is_for_all || slice_equal(change->sender, change->actor_name);
}

static enum columba_error change_judge(const struct change *change, bool is_there, bool is_deleted)
{
    if (!is_there) {
        return ERR_UNKNOWN_MESSAGE;
    }
    if (!change_is_allowed(change)) {
        return ERR_NOT_THE_SENDER;
    }
    return is_deleted && change->kind != CHANGE_DELETION ? ERR_MESSAGE_DELETED : COLUMBA_OK;
}

static bool cell_find(struct slice row, uint8_t column, struct slice key, struct cell *out_cell)
{
    struct row_reader reader;
    if (!row_reader_init(&reader, row)) {
        return false;
    }
    while (row_reader_next(&reader, out_cell)) {
        if (out_cell->column == column && slice_equal(out_cell->subkey, key)) {
            return true;
        }
    }
    return false;
}

/* Takes from the message's row what the change needs; what is kept outlives the step. */
static enum columba_error row_take(struct op *op, struct slice row, bool *out_is_deleted)
{
    struct change *change = op->request;
    struct content content;
    struct cell cell;
    *out_is_deleted = row_find(row, COLUMN_MESSAGE_DELETED, &cell);
    struct slice sender = cell.value;
    if (!*out_is_deleted) {
        if (!row_find(row, COLUMN_MESSAGE_CONTENT, &cell) ||
            content_decode(cell.value, &content) != COLUMBA_OK) {
            return ERR_UNKNOWN_MESSAGE;
        }
        sender = content.sender;
    }
    bool kept = op_keep(op, sender, &change->sender);
    if (cell_find(row, column_of(change), change->key, &cell)) {
        change->stored_stamp = cell.timestamp;
        kept = kept && op_keep(op, cell.value, &change->stored);
    }
    return kept ? COLUMBA_OK : ERR_NO_MEMORY;
}

static void message_was_read(struct core *core, struct op *op)
{
    const struct change *change = op->request;
    struct slice row;
    bool is_deleted = false;
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    bool is_there = row_of(op, &row);
    enum columba_error error = is_there ? row_take(op, row, &is_deleted) : COLUMBA_OK;
    if (error == COLUMBA_OK) {
        error = change_judge(change, is_there, is_deleted);
    }
    if (error != COLUMBA_OK) {
        op_refuse(core, op, error, NULL);
    } else if (is_deleted) {
        op_finish(core, op); /* by an earlier attempt, say: whoever deleted it tells everybody */
    } else if (change->kind == CHANGE_DELETION) {
        change_write(core, op);
    } else {
        row_read(core, op, TABLE_CHANGE, &change->id, record_was_read);
    }
}

static void change_admitted(struct core *core, struct op *op)
{
    const struct change *change = op->request;
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    row_read(core, op, TABLE_MESSAGE, &change->message, message_was_read);
}

/* ---- the request ---- */

static enum columba_error edit_check(const struct message_change *request)
{
    struct content content;
    enum columba_error error = content_decode(request->content, &content);
    if (error != COLUMBA_OK) {
        return error;
    }
    return slice_equal(content.sender, request->actor) ? COLUMBA_OK : ERR_WRONG_SENDER;
}

static enum columba_error mark_check(const struct message_change *request, size_t bytes_max)
{
    if (request->content.size > bytes_max || request->key.size > COLUMN_NAME_MAX_BYTES) {
        return ERR_TOO_LARGE;
    }
    bool has_key = request->key.size > 0;
    bool is_valid =
        request->content.size != 1 &&
        (request->content.size == 0 || (request->content.data[0] & ~MARK_SEALED) == 0) &&
        has_key == (request->kind == CHANGE_COLUMN) &&
        (!has_key || name_problem(request->key) == NULL);
    return is_valid ? COLUMBA_OK : ERR_INVALID;
}

static enum columba_error content_check(const struct message_change *request)
{
    switch ((enum change_kind)request->kind) {
    case CHANGE_EDIT:
        return edit_check(request);
    case CHANGE_DELETION:
        return request->content.size == 0 ? COLUMBA_OK : ERR_INVALID;
    case CHANGE_REACTION:
        return mark_check(request, REACTION_MARK_MAX_BYTES);
    case CHANGE_COLUMN:
        return mark_check(request, COLUMN_MARK_MAX_BYTES);
    }
    return ERR_NOT_SUPPORTED;
}

static enum columba_error change_check(const struct core *core,
                                       const struct message_change *request)
{
    if (request->actor.size > NAME_MAX_BYTES) {
        return ERR_TOO_LARGE;
    }
    if (name_problem(request->actor) != NULL || !message_id_is_valid(&request->message) ||
        !message_id_is_valid(&request->change)) {
        return ERR_INVALID;
    }
    struct id actor = id_of_name(ID_USER, request->actor);
    if (!message_id_is_of_sender(&request->change, &actor)) {
        return ERR_WRONG_SENDER;
    }
    if (request_id_is_ahead(core, &request->change)) {
        return ERR_CLOCK_AHEAD;
    }
    return content_check(request);
}

void request_change(struct core *core, const struct event *event)
{
    const struct message_change *request = &event->request.message->change;
    enum columba_error error = change_check(core, request);
    if (error != COLUMBA_OK) {
        request_reject(core, event, error, NULL);
        return;
    }
    struct op *op = request_begin(core, event, request->consistency, sizeof(struct change));
    if (op == NULL) {
        return;
    }
    core->counters.changes++;
    struct change *change = op->request;
    *change = (struct change){.conversation = request->conversation,
                              .message = request->message,
                              .id = request->change,
                              .actor = id_of_name(ID_USER, request->actor),
                              .kind = (uint8_t)request->kind};
    struct slice key = request->kind == CHANGE_REACTION
                           ? slice_of(change->actor.bytes, sizeof(change->actor.bytes))
                           : request->key;
    if (!op_keep(op, request->actor, &change->actor_name) || !op_keep(op, key, &change->key) ||
        !op_keep(op, request->content, &change->content)) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    admission_begin(core, op, &change->conversation, &change->actor, change_admitted);
}
