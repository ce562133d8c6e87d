/*
 * HISTORY_IMPORT: messages of the past into a conversation that exists, without a fan-out. What is
 * stored stays: messages that are there are compared, and those that differ are counted in the
 * answer.
 *
 *   checked -> conversation exists -> stored ones read and compared -> the others written
 */
#include "base/sort.h"
#include "node/core/coordinator/admission.h"
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/read.h"
#include "node/core/coordinator/write.h"
#include "node/core/machine/answer.h"
#include "node/core/request/begin.h"
#include "node/core/request/fragment.h"
#include "node/core/request/table.h"
#include "node/core/state.h"
#include "node/store/key.h"
#include "node/store/row.h"
#include "proto/content.h"

/* A message of the import, in the order of the store. */
struct item {
    struct id message;
    struct slice content;
    uint8_t clustering[ID_BYTES];
    bool is_stored; /* or named twice */
};

struct import {
    struct id conversation;
    struct item *items;
    uint32_t count;
    uint32_t next; /* from here on they are not compared yet */
    uint32_t differing;
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

static void import_answer(struct core *core, struct op *op)
{
    const struct import *import = op->request;
    op->status.differing = op->status.error == COLUMBA_OK ? import->differing : 0;
    op_finish(core, op);
}

/* What is not stored yet, as one fragment; empty: no memory. */
static struct slice import_pack(struct core *core, const struct import *import)
{
    size_t size = 0;
    for (uint32_t i = 0; i < import->count; i++) {
        size += import->items[i].content.size + 128;
    }
    uint8_t *buffer = effects_allocate(&core->effects, size);
    struct writer writer = writer_of(buffer, buffer == NULL ? 0 : size);
    for (uint32_t i = 0; i < import->count; i++) {
        const struct item *item = &import->items[i];
        if (!item->is_stored) {
            struct slice packed = fragment_message(core, &item->message, item->content);
            writer.failed = writer.failed || packed.size == 0;
            writer_bytes(&writer, packed);
        }
    }
    return writer_done(&writer);
}

static bool import_is_stored(const struct import *import)
{
    for (uint32_t i = 0; i < import->count; i++) {
        if (!import->items[i].is_stored) {
            return false;
        }
    }
    return true;
}

static void import_write(struct core *core, struct op *op)
{
    const struct import *import = op->request;
    if (import_is_stored(import)) {
        import_answer(core, op);
        return;
    }
    struct message_write write = {.packed = import_pack(core, import)};
    if (write.packed.size == 0) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    struct partition partition = partition_conversation(&core->cluster, &import->conversation);
    write_start(core, op, &partition, &write, level_for_writing(core, op), import_answer);
}

/* The stored row's message, among those that are still to be compared. */
static struct item *item_at(struct import *import, struct slice clustering)
{
    for (uint32_t i = import->next; i < import->count; i++) {
        if (slice_equal(slice_of(import->items[i].clustering, ID_BYTES), clustering)) {
            import->next = i + 1;
            return &import->items[i];
        }
    }
    return NULL;
}

static void stored_compare(struct import *import, struct slice packed)
{
    struct packed_reader reader;
    struct packed_row row;
    packed_reader_init(&reader, packed);
    while (packed_reader_next(&reader, &row)) {
        struct item *item = item_at(import, row.clustering);
        struct cell cell;
        if (item != NULL && row_find(row.row, COLUMN_MESSAGE_CONTENT, &cell)) {
            item->is_stored = true;
            import->differing += slice_equal(cell.value, item->content) ? 0 : 1;
        } else if (item != NULL && row_find(row.row, COLUMN_MESSAGE_DELETED, &cell)) {
            item->is_stored = true; /* deleted: it stays so */
        }
    }
}

static void import_compare(struct core *core, struct op *op);

static void import_stored_read(struct core *core, struct op *op)
{
    struct import *import = op->request;
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    uint32_t before = import->next;
    stored_compare(import, op->read->packed);
    if (op->read->more && import->next > before) {
        import_compare(core, op);
        return;
    }
    import_write(core, op);
}

/* One read for the batch: what is there stays. */
static void import_compare(struct core *core, struct op *op)
{
    const struct import *import = op->request;
    size_t room = (import->count - import->next) * (1 + (size_t)ID_BYTES);
    uint8_t *buffer = effects_allocate(&core->effects, room);
    if (buffer == NULL) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    struct writer keys = writer_of(buffer, room);
    for (uint32_t i = import->next; i < import->count; i++) {
        writer_sized(&keys, slice_of(import->items[i].clustering, ID_BYTES));
    }
    struct message_read query = {.table = TABLE_MESSAGE,
                                 .keys = writer_done(&keys),
                                 .limit_rows = PAGE_MAX_ROWS,
                                 .limit_bytes = PAGE_MAX_BYTES};
    struct partition partition = partition_conversation(&core->cluster, &import->conversation);
    read_start(core, op, &partition, &query, level_for_loading(core, op), import_stored_read);
}

static void import_admitted(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    import_compare(core, op);
}

static int item_compare(const void *a, const void *b)
{
    const struct item *left = a;
    const struct item *right = b;
    int order = memcmp(left->clustering, right->clustering, ID_BYTES);
    return order != 0 ? order : slice_compare(left->content, right->content);
}

/* An id that is named twice is one message; with two bodies the first of them by bytes. */
static void items_sort(struct import *import)
{
    sort_heap(import->items, import->count, sizeof(*import->items), item_compare);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < import->count; i++) {
        const struct item *item = &import->items[i];
        if (kept > 0 && id_equal(&import->items[kept - 1].message, &item->message)) {
            import->differing +=
                slice_equal(import->items[kept - 1].content, item->content) ? 0 : 1;
            continue;
        }
        import->items[kept++] = *item;
    }
    import->count = kept;
}

/* They wait for reads, so the contents move into the operation's arena. */
static bool items_keep(struct op *op, const struct message_history_import *request)
{
    struct import *import = op->request;
    import->items = arena_allocate_array(&op->arena, request->row_count, sizeof(*import->items));
    if (import->items == NULL) {
        return false;
    }
    import->count = request->row_count;
    for (uint32_t i = 0; i < request->row_count; i++) {
        struct item *item = &import->items[i];
        *item = (struct item){.message = request->rows[i].message};
        clustering_of_id(TABLE_MESSAGE, &item->message, item->clustering);
        if (!op_keep(op, request->rows[i].content, &item->content)) {
            return false;
        }
    }
    items_sort(import);
    return true;
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
    if (!items_keep(op, request)) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    admission_begin(core, op, &import->conversation, NULL, import_admitted);
}
