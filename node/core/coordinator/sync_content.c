/* The bodies of messages that a device is told of: read by their keys, conversation by
 * conversation. */
#include "base/sort.h"
#include "node/core/coordinator/message_row.h"
#include "node/core/coordinator/read.h"
#include "node/core/coordinator/sync.h"
#include "node/core/state.h"
#include "node/store/key.h"
#include "node/store/row.h"

/* What one answer carries of bodies; one more may come on top. */
#define SYNC_CONTENT_BYTES (700u * KIB)
#define KEY_BYTES (1u + ID_BYTES)

_Static_assert(SESSION_QUEUE_MAX *ROW_CONTENT_MAX_BYTES <= SYNC_CONTENT_BYTES,
               "what is in a queue is handed out whole: no position lies within it");
_Static_assert(SYNC_CONTENT_BYTES + 2 * ROW_CONTENT_MAX_BYTES + 64u * KIB <=
                   FRAME_PAYLOAD_MAX_BYTES,
               "an answer fits a frame");

static void group_load(struct core *core, struct op *op);

static int clustering_compare(const void *a, const void *b)
{
    return memcmp(a, b, KEY_BYTES);
}

static bool is_of_group(const struct sync_item *item, const struct id *conversation)
{
    return !item->is_loaded && id_equal(&item->event.conversation, conversation);
}

/* False: no memory. */
static bool row_take(struct op *op, const struct packed_row *packed, const struct id *conversation)
{
    struct sync *sync = op->request;
    struct message_history_row row;
    if (!message_row_show(packed, &row)) {
        return true;
    }
    if (!op_keep(op, row.content, &row.content) || !op_keep(op, row.edited, &row.edited) ||
        !op_keep(op, row.deleted_sender, &row.deleted_sender)) {
        return false;
    }
    for (uint32_t i = sync->wanted; i < sync->item_count; i++) {
        struct sync_item *item = &sync->items[i];
        if (is_of_group(item, conversation) && id_equal(&item->event.message, &row.message)) {
            item->row = row;
            item->is_loaded = true;
        }
    }
    return true;
}

static void group_read(struct core *core, struct op *op)
{
    struct sync *sync = op->request;
    if (op->status.error != COLUMBA_OK) {
        sync->content_done(core, op);
        return;
    }
    struct id conversation = sync->items[sync->wanted].event.conversation;
    struct packed_reader reader;
    struct packed_row row;
    packed_reader_init(&reader, op->read->packed);
    while (packed_reader_next(&reader, &row)) {
        if (!row_take(op, &row, &conversation)) {
            op->status.error = ERR_NO_MEMORY;
            sync->content_done(core, op);
            return;
        }
    }
    for (uint32_t i = sync->wanted; !op->read->more && i < sync->item_count; i++) {
        if (is_of_group(&sync->items[i], &conversation)) {
            sync->items[i].is_loaded = true; /* it is not there; whoever shows it has to ask */
        }
    }
    group_load(core, op);
}

static struct slice group_keys(struct core *core, const struct sync *sync,
                               const struct id *conversation, uint32_t *out_count)
{
    uint8_t *keys = effects_allocate(&core->effects, SYNC_EVENTS_MAX * KEY_BYTES);
    uint32_t count = 0;
    for (uint32_t i = sync->wanted; keys != NULL && i < sync->item_count; i++) {
        if (is_of_group(&sync->items[i], conversation)) {
            uint8_t *key = keys + count++ * KEY_BYTES;
            key[0] = ID_BYTES;
            clustering_of_id(TABLE_MESSAGE, &sync->items[i].event.message, key + 1);
        }
    }
    if (keys == NULL) {
        return slice_of(NULL, 0);
    }
    sort_heap(keys, count, KEY_BYTES, clustering_compare);
    uint32_t unique = count > 0 ? 1 : 0;
    for (uint32_t i = 1; i < count; i++) {
        if (memcmp(keys + i * KEY_BYTES, keys + (unique - 1) * KEY_BYTES, KEY_BYTES) != 0) {
            memmove(keys + unique++ * KEY_BYTES, keys + i * KEY_BYTES, KEY_BYTES);
        }
    }
    *out_count = unique;
    return slice_of(keys, unique * KEY_BYTES);
}

static void group_load(struct core *core, struct op *op)
{
    struct sync *sync = op->request;
    while (sync->wanted < sync->item_count && sync->items[sync->wanted].is_loaded &&
           sync->content_bytes <= SYNC_CONTENT_BYTES) {
        const struct message_history_row *row = &sync->items[sync->wanted++].row;
        sync->content_bytes += row->content.size + row->edited.size;
    }
    if (sync->wanted == sync->item_count || sync->content_bytes > SYNC_CONTENT_BYTES) {
        op->status.error = COLUMBA_OK;
        sync->content_done(core, op);
        return;
    }
    uint32_t count = 0;
    const struct id *conversation = &sync->items[sync->wanted].event.conversation;
    struct message_read query = {.table = TABLE_MESSAGE,
                                 .keys = group_keys(core, sync, conversation, &count),
                                 .flags = READ_SHOWS_UNDECIDED,
                                 .limit_rows = count,
                                 .limit_bytes = PAGE_MAX_BYTES};
    if (query.keys.size == 0) {
        op->status.error = ERR_NO_MEMORY;
        sync->content_done(core, op);
        return;
    }
    struct partition partition = partition_conversation(&core->cluster, conversation);
    read_start(core, op, &partition, &query, CONSISTENCY_QUORUM, group_read);
}

void sync_content_load(struct core *core, struct op *op, op_next *done)
{
    struct sync *sync = op->request;
    sync->content_done = done;
    sync->wanted = 0;
    sync->content_bytes = 0;
    for (uint32_t i = 0; i < sync->item_count; i++) {
        uint8_t kind = sync->items[i].event.kind;
        sync->items[i].is_loaded = kind != HAPPENED_MESSAGE && kind != HAPPENED_DELETION;
    }
    group_load(core, op);
}
