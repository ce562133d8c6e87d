#include "node/core/replica/outbox.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/cursor.h"
#include "node/core/machine/partition.h"
#include "node/core/state.h"
#include "node/store/key.h"

struct outbox_chunk {
    struct outbox_chunk *older;
    struct outbox_entry entries[OUTBOX_CHUNK_ENTRIES];
    struct outbox_row rows[OUTBOX_CHUNK_ENTRIES];
};

static struct list *bucket_of(const struct outbox *outbox, const struct id *message)
{
    /* The random part of the id. */
    return &outbox->buckets[bytes_get_u32_be(message->bytes + 12) & (outbox->bucket_count - 1)];
}

int outbox_init(struct outbox *outbox, struct memory *memory, uint32_t capacity,
                uint64_t start_count)
{
    *outbox = (struct outbox){
        .capacity = capacity, .bucket_count = 1, .sequence = start_count << SEQUENCE_COUNT_BITS};
    while (outbox->bucket_count < capacity / 4) {
        outbox->bucket_count *= 2;
    }
    list_init(&outbox->free_entries);
    list_init(&outbox->free_rows);
    for (unsigned i = 0; i < OUTBOX_QUEUES; i++) {
        list_init(&outbox->queues[i]);
    }
    outbox->buckets = memory_allocate(memory, outbox->bucket_count * sizeof(struct list));
    outbox->open_bytes =
        memory_allocate(memory, 1 + OUTBOX_ROW_ENTRIES_MAX * (size_t)OUTBOX_ENTRY_BYTES);
    if (outbox->buckets == NULL || outbox->open_bytes == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < outbox->bucket_count; i++) {
        list_init(&outbox->buckets[i]);
    }
    return 0;
}

void outbox_clear(struct outbox *outbox, struct memory *memory)
{
    while (outbox->chunks != NULL) {
        struct outbox_chunk *older = outbox->chunks->older;
        memory_release(memory, outbox->chunks);
        outbox->chunks = older;
    }
    memory_release(memory, outbox->buckets);
    memory_release(memory, outbox->open_bytes);
    outbox->buckets = NULL;
    outbox->open_bytes = NULL;
}

static bool chunk_add(struct outbox *outbox, struct memory *memory)
{
    struct outbox_chunk *chunk = memory_allocate(memory, sizeof(*chunk));
    if (chunk == NULL) {
        return false;
    }
    chunk->older = outbox->chunks;
    outbox->chunks = chunk;
    for (unsigned i = 0; i < OUTBOX_CHUNK_ENTRIES; i++) {
        list_append(&outbox->free_entries, &chunk->entries[i].in_bucket);
        list_append(&outbox->free_rows, &chunk->rows[i].link);
    }
    outbox->free_count += OUTBOX_CHUNK_ENTRIES;
    return true;
}

static bool outbox_chunks_grow(struct outbox *outbox, struct memory *memory, uint32_t entries)
{
    while (outbox->free_count < entries) {
        if (!chunk_add(outbox, memory)) {
            return false;
        }
    }
    return true;
}

/* Half of the table at most, so that a row can always be read back into a half empty one. */
static uint32_t row_entries_max(const struct outbox *outbox)
{
    uint32_t half = outbox->capacity / 2;
    return half < OUTBOX_ROW_ENTRIES_MAX ? half : OUTBOX_ROW_ENTRIES_MAX;
}

/* A row for each entry at most, so there are always rows where there are entries. */
bool outbox_has_room(struct outbox *outbox, struct memory *memory)
{
    if (outbox->open_row != NULL && outbox->open_row->entries >= row_entries_max(outbox)) {
        return false;
    }
    return outbox->count < outbox->capacity && outbox_chunks_grow(outbox, memory, 1);
}

static struct outbox_entry *entry_find(const struct outbox *outbox, const struct id *conversation,
                                       const struct id *message)
{
    struct list *bucket = bucket_of(outbox, message);
    list_for_each(node, bucket)
    {
        struct outbox_entry *entry = container_of(node, struct outbox_entry, in_bucket);
        if (id_equal(&entry->message, message) && id_equal(&entry->conversation, conversation)) {
            return entry;
        }
    }
    return NULL;
}

static struct outbox_row *row_take(struct outbox *outbox, uint64_t sequence)
{
    COLUMBA_ASSERT(!list_is_empty(&outbox->free_rows));
    struct outbox_row *row = container_of(outbox->free_rows.next, struct outbox_row, link);
    list_remove(&row->link);
    row->sequence = sequence;
    row->live = 0;
    row->entries = 0;
    return row;
}

/* The rank of this node among the conversation's replicas spreads the take-overs in time. */
static uint64_t takeover_delay_ms(const struct core *core, const struct outbox_entry *entry)
{
    struct partition partition = partition_conversation(&core->cluster, &entry->conversation);
    int rank = partition_position(&core->cluster, &partition, core->config.self);
    uint64_t base =
        (uint64_t)core->config.takeover_delay_ms * (rank < 0 ? 1u : (unsigned)rank + 1u);
    uint64_t delay = base << (entry->tries < OUTBOX_QUEUES ? entry->tries : OUTBOX_QUEUES - 1);
    return delay < OUTBOX_BACKOFF_MAX_MS ? delay : OUTBOX_BACKOFF_MAX_MS;
}

/* In order of due time: almost always at the end, since delays within a queue are alike. */
static void entry_enqueue(struct core *core, struct outbox_entry *entry)
{
    unsigned queue = entry->tries < OUTBOX_QUEUES ? entry->tries : OUTBOX_QUEUES - 1;
    entry->due_ms = core->now_ms + takeover_delay_ms(core, entry);
    /* Out first: it may be the last of the queue it goes into. */
    list_remove(&entry->in_queue);
    list_append(&core->outbox.queues[queue], &entry->in_queue);
}

static void entry_add(struct core *core, struct outbox_row *row, const struct outbox_entry *values)
{
    struct outbox *outbox = &core->outbox;
    struct outbox_entry *entry =
        container_of(outbox->free_entries.next, struct outbox_entry, in_bucket);
    COLUMBA_ASSERT(outbox->free_count > 0);
    list_remove(&entry->in_bucket);
    *entry = *values;
    entry->row = row;
    list_init(&entry->in_queue);
    list_append(bucket_of(outbox, &entry->message), &entry->in_bucket);
    row->live++;
    row->entries++;
    outbox->free_count--;
    outbox->count++;
    entry_enqueue(core, entry);
}

static struct writer row_writer_at(struct outbox *outbox)
{
    uint32_t entries = outbox->open_row->entries;
    size_t used = entries == 0 ? 0 : 1 + entries * (size_t)OUTBOX_ENTRY_BYTES;
    size_t size = 1 + OUTBOX_ROW_ENTRIES_MAX * (size_t)OUTBOX_ENTRY_BYTES;
    return writer_of(outbox->open_bytes + used, size - used);
}

void outbox_add(struct core *core, const struct id *conversation, const struct id *message,
                const struct id *sender, uint8_t kind)
{
    struct outbox *outbox = &core->outbox;
    if (entry_find(outbox, conversation, message) != NULL) {
        return;
    }
    if (outbox->open_row == NULL) {
        outbox->open_row = row_take(outbox, ++outbox->sequence);
    }
    struct writer writer = row_writer_at(outbox);
    if (outbox->open_row->entries == 0) {
        writer_u8(&writer, OUTBOX_ROW_FORMAT);
    }
    writer_u8(&writer, kind);
    writer_id(&writer, conversation);
    writer_id(&writer, message);
    writer_id(&writer, sender);
    COLUMBA_ASSERT(!writer.failed);
    struct outbox_entry entry = {
        .conversation = *conversation, .message = *message, .sender = *sender, .kind = kind};
    entry_add(core, outbox->open_row, &entry);
}

static void row_remove(struct core *core, struct outbox_row *row)
{
    COLUMBA_ASSERT(row->live == 0 && row != core->outbox.open_row);
    struct key_bytes key = local_sequence_key(LOCAL_OUTBOX, row->sequence);
    /* Without memory the row stays and is found done again at the next start. */
    batch_write(core, EFFECT_REMOVE, key_slice(&key), slice_of(NULL, 0));
    list_append(&core->outbox.free_rows, &row->link);
}

void outbox_done(struct core *core, const struct id *conversation, const struct id *message)
{
    struct outbox *outbox = &core->outbox;
    struct outbox_entry *entry = entry_find(outbox, conversation, message);
    if (entry == NULL) {
        return;
    }
    struct outbox_row *row = entry->row;
    list_remove(&entry->in_queue);
    list_remove(&entry->in_bucket);
    list_prepend(&outbox->free_entries, &entry->in_bucket);
    COLUMBA_ASSERT(outbox->count > 0 && row->live > 0);
    outbox->free_count++;
    outbox->count--;
    if (--row->live == 0 && row != outbox->open_row) {
        row_remove(core, row);
    }
}

void outbox_done_all(struct core *core, const struct message_outbox_done *done)
{
    for (uint32_t i = 0; i < done->entry_count; i++) {
        outbox_done(core, &done->entries[i].conversation, &done->entries[i].message);
    }
}

void outbox_batch_close(struct core *core)
{
    struct outbox *outbox = &core->outbox;
    struct outbox_row *row = outbox->open_row;
    if (row == NULL) {
        return;
    }
    outbox->open_row = NULL;
    if (row->live == 0) {
        /* All done before it was even written. */
        list_append(&outbox->free_rows, &row->link);
        return;
    }
    COLUMBA_ASSERT(row->live <= row->entries && row->entries <= OUTBOX_ROW_ENTRIES_MAX);
    size_t size = 1 + row->entries * (size_t)OUTBOX_ENTRY_BYTES;
    struct key_bytes key = local_sequence_key(LOCAL_OUTBOX, row->sequence);
    bool put = batch_write(core, EFFECT_PUT, key_slice(&key), slice_of(outbox->open_bytes, size));
    COLUMBA_ASSERT(put);
}

/* False: no room; the row is left for a later try. */
static bool row_recover(struct core *core, uint64_t sequence, struct slice value)
{
    struct outbox *outbox = &core->outbox;
    struct reader reader = reader_of(value);
    if (reader_u8(&reader) != OUTBOX_ROW_FORMAT || reader_left(&reader) % OUTBOX_ENTRY_BYTES != 0 ||
        reader_left(&reader) == 0) {
        return true;
    }
    uint32_t entries = (uint32_t)(reader_left(&reader) / OUTBOX_ENTRY_BYTES);
    /* A row that a larger table wrote is taken whole, above the capacity: in the end it must go. */
    bool is_half_empty = outbox->count <= outbox->capacity / 2;
    if (!is_half_empty || !outbox_chunks_grow(outbox, core->memory, entries)) {
        return false;
    }
    struct outbox_row *row = row_take(outbox, sequence);
    for (uint32_t i = 0; i < entries; i++) {
        struct outbox_entry entry = {.kind = reader_u8(&reader)};
        entry.conversation = reader_id(&reader);
        entry.message = reader_id(&reader);
        entry.sender = reader_id(&reader);
        if (entry_find(outbox, &entry.conversation, &entry.message) == NULL) {
            entry_add(core, row, &entry);
        }
    }
    if (row->live == 0) {
        row_remove(core, row);
    }
    return true;
}

void outbox_recover(struct core *core)
{
    static const struct recovery_kind kind = {.table = LOCAL_OUTBOX, .row = row_recover};
#ifdef COLUMBA_BUG_outbox_forgotten
    core->outbox.recovery.from = UINT64_MAX;
#endif
    recovery_try(core, &core->outbox.recovery, &kind);
}

static struct outbox_entry *queue_due(struct core *core, struct list *queue)
{
    if (list_is_empty(queue)) {
        return NULL;
    }
    struct outbox_entry *entry = container_of(queue->next, struct outbox_entry, in_queue);
    return entry->due_ms <= core->now_ms ? entry : NULL;
}

struct outbox_entry *outbox_try_next(struct core *core)
{
    struct outbox *outbox = &core->outbox;
    for (unsigned i = 0; i < OUTBOX_QUEUES && core->now_ms >= outbox->paused_until_ms; i++) {
        struct outbox_entry *entry = queue_due(core, &outbox->queues[i]);
        if (entry != NULL) {
            entry->tries++;
            entry_enqueue(core, entry);
            return entry;
        }
    }
    return NULL;
}

void outbox_pause(struct core *core, struct outbox_entry *entry)
{
    COLUMBA_ASSERT(entry->tries > 0);
    entry->tries--;
    core->outbox.paused_until_ms = core->now_ms + OUTBOX_PAUSE_MS;
}

void outbox_tick(struct core *core)
{
    if (core->outbox.count <= core->outbox.capacity / 2) {
        outbox_recover(core);
    }
}

uint64_t outbox_next_due_ms(const struct outbox *outbox)
{
    uint64_t due_ms = UINT64_MAX;
    for (unsigned i = 0; i < OUTBOX_QUEUES; i++) {
        if (!list_is_empty(&outbox->queues[i])) {
            const struct outbox_entry *entry =
                container_of(outbox->queues[i].next, struct outbox_entry, in_queue);
            due_ms = entry->due_ms < due_ms ? entry->due_ms : due_ms;
        }
    }
    return due_ms > outbox->paused_until_ms ? due_ms : outbox->paused_until_ms;
}
