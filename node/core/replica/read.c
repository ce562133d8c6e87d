#include "node/core/replica/read.h"

#include <xxhash.h>

#include "base/cursor.h"
#include "node/core/machine/answer.h"
#include "node/core/machine/partition.h"
#include "node/core/replica/fold.h"
#include "node/core/state.h"
#include "node/store/activity.h"
#include "node/store/key.h"
#include "node/store/row.h"

/* A read that this node serves. */
struct replica_read {
    struct message_read query;
    uint64_t token;
    struct answer_to to;
    struct activity_page *activity; /* NULL: rows are answered as they are scanned */
    uint8_t scanned[ID_BYTES + 1];  /* where the next scan for it begins … */
    bool has_scanned;               /* … if there was one */
};

static void read_refuse(struct core *core, struct op *op, enum columba_error error)
{
    const struct replica_read *read = op->request;
    struct answer_to to = read->to;
    op_end(core, op);
    answer_rows(core, &to, &(struct message_rows){.error = error});
}

static void read_reply(struct core *core, struct op *op, struct message_rows rows)
{
    const struct replica_read *read = op->request;
    XXH128_canonical_t canonical;
    if ((read->query.flags & READ_DIGEST) != 0) {
        XXH128_canonicalFromHash(
            &canonical,
            XXH3_128bits_withSeed(rows.packed.data, rows.packed.size, read->query.digest_key));
        uint8_t *digest = effects_allocate(&core->effects, sizeof(canonical.digest));
        if (digest == NULL) {
            read_refuse(core, op, ERR_NO_MEMORY);
            return;
        }
        memcpy(digest, canonical.digest, sizeof(canonical.digest));
        rows.digest = slice_of(digest, sizeof(canonical.digest));
        rows.packed = slice_of(NULL, 0);
    }
    struct answer_to to = read->to;
    op_end(core, op);
    answer_rows(core, &to, &rows);
}

static void scan_done(struct core *core, struct op *op, const struct event *event)
{
    if (event->read_done.error != COLUMBA_OK) {
        read_refuse(core, op, event->read_done.error);
        return;
    }
    read_reply(core, op,
               (struct message_rows){.packed = event->read_done.packed,
                                     .row_count = event->read_done.row_count,
                                     .more = event->read_done.more});
}

static void clustering_set(struct row_key *key, struct slice clustering)
{
    key->clustering_size = (uint8_t)clustering.size;
    if (clustering.size > 0) {
        memcpy(key->clustering, clustering.data, clustering.size);
    }
}

/* The last table's end: its clustering bound, or the first key of the table after it. */
static struct key_bytes scan_end(const struct replica_read *read, uint8_t last)
{
    const struct message_read *query = &read->query;
    struct row_key key = {.token = read->token, .partition = query->partition, .table = last};
    if (query->end.size > 0) {
        clustering_set(&key, query->end);
    } else {
        key.table = (uint8_t)(last + 1);
    }
    return row_key_encode(&key);
}

/* The query's clusterings as keys; empty: no memory, or they are none. */
static struct slice read_keys(struct core *core, const struct replica_read *read)
{
    const struct message_read *query = &read->query;
    struct row_key key = {
        .token = read->token, .partition = query->partition, .table = (uint8_t)query->table};
    /* Each grows by the prefix, and was at least its length byte. */
    size_t room = query->keys.size * (1 + KEY_PREFIX_BYTES);
    uint8_t *buffer = effects_allocate(&core->effects, room);
    struct reader clusterings = reader_of(query->keys);
    struct writer writer = writer_of(buffer, buffer == NULL ? 0 : room);
    while (reader_left(&clusterings) > 0) {
        struct slice clustering = reader_sized(&clusterings);
        if (clusterings.failed || clustering.size != (size_t)table_clustering_bytes(key.table)) {
            return slice_of(NULL, 0);
        }
        clustering_set(&key, clustering);
        struct key_bytes bytes = row_key_encode(&key);
        writer_sized(&writer, key_slice(&bytes));
    }
    return writer_done(&writer);
}

static void activity_scan(struct core *core, struct op *op);

/* The next scan begins behind the last row of this one; false: there is none, or no inbox's. */
static bool activity_go_on(struct replica_read *read, struct slice packed)
{
    struct packed_reader reader;
    struct packed_row row = {.table = 0};
    packed_reader_init(&reader, packed);
    while (packed_reader_next(&reader, &row)) {
    }
    if (row.clustering.size != ID_BYTES) {
        return false;
    }
    memcpy(read->scanned, row.clustering.data, ID_BYTES);
    read->has_scanned = true;
    return true;
}

static void activity_scanned(struct core *core, struct op *op, const struct event *event)
{
    struct replica_read *read = op->request;
    enum columba_error error = event->read_done.error;
    if (error == COLUMBA_OK) {
        error = activity_page_add(read->activity, event->read_done.packed);
    }
    if (error == COLUMBA_OK && event->read_done.more) {
        if (activity_go_on(read, event->read_done.packed)) {
            activity_scan(core, op);
            return;
        }
        error = ERR_CORRUPT;
    }
    if (error != COLUMBA_OK) {
        read_refuse(core, op, error);
        return;
    }
    const struct activity_page *page = read->activity;
    read_reply(core, op,
               (struct message_rows){
                   .packed = page->packed, .row_count = page->row_count, .more = page->more});
}

/* The whole inbox, in as many scans as it takes: any of its rows may be the newest. */
static void activity_scan(struct core *core, struct op *op)
{
    const struct replica_read *read = op->request;
    struct row_key key = {
        .token = read->token, .partition = read->query.partition, .table = TABLE_INBOX};
    struct row_key behind = key;
    behind.table++;
    clustering_set(&key, slice_of(read->scanned, read->has_scanned ? sizeof(read->scanned) : 0));
    struct key_bytes begin = row_key_encode(&key);
    struct key_bytes end = row_key_encode(&behind);
    struct read_query scan = {.space = SPACE_ROWS,
                              .begin = key_slice(&begin),
                              .end = key_slice(&end),
                              .limit_rows = PAGE_MAX_ROWS,
                              .limit_bytes = PAGE_MAX_BYTES};
    op->read_done = activity_scanned;
    if (!effects_read(&core->effects, op_reference(op), &scan)) {
        read_refuse(core, op, ERR_NO_MEMORY);
    }
}

static bool activity_begin(struct op *op)
{
    struct replica_read *read = op->request;
    const struct message_read *query = &read->query;
    struct activity_place after;
    bool has_after = query->begin.size == sizeof(after.bytes);
    read->activity = op_allocate(op, sizeof(*read->activity));
    if (read->activity == NULL) {
        return false;
    }
    if (has_after) {
        memcpy(after.bytes, query->begin.data, sizeof(after.bytes));
    }
    activity_page_init(read->activity, &op->arena, has_after ? &after : NULL, query->limit_rows,
                       query->limit_bytes);
    return true;
}

static void read_scan(struct core *core, struct op *op)
{
    const struct replica_read *read = op->request;
    const struct message_read *query = &read->query;
    if (read->activity != NULL) {
        activity_scan(core, op);
        return;
    }
    struct row_key key = {
        .token = read->token, .partition = query->partition, .table = (uint8_t)query->table};
    clustering_set(&key, query->begin);
    struct key_bytes begin = row_key_encode(&key);
    uint32_t last = query->table_last == 0 ? query->table : query->table_last;
    struct key_bytes end = scan_end(read, (uint8_t)last);
    struct read_query scan = {.space = SPACE_ROWS,
                              .begin = key_slice(&begin),
                              .end = key_slice(&end),
                              .keys = read_keys(core, read),
                              .backwards = (query->flags & READ_BACKWARDS) != 0,
                              .limit_rows = query->limit_rows,
                              .limit_bytes = query->limit_bytes};
    op->read_done = scan_done;
    bool has_keys = scan.keys.size > 0 || query->keys.size == 0;
    if (!has_keys || !effects_read(&core->effects, op_reference(op), &scan)) {
        read_refuse(core, op, ERR_NO_MEMORY);
    }
}

/* What was folded is durable, or will never be. */
static void read_folded(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        /* This replica stops; others can serve the read. */
        read_refuse(core, op, ERR_SHUTTING_DOWN);
        return;
    }
    read_scan(core, op);
}

/* An inbox is shown only when all that came is in it, durably. */
static void read_fold(struct core *core, struct op *op)
{
    const struct replica_read *read = op->request;
    if (op->status.error != COLUMBA_OK) {
        read_refuse(core, op, op->status.error);
        return;
    }
    if (!user_log_is_whole(&core->user_log)) {
        user_log_wait(&core->user_log, op, read_fold);
        return;
    }
    switch (fold_user(core, &read->query.partition)) {
    case FOLD_DURABLE:
        read_scan(core, op);
        break;
    case FOLD_GATHERED:
        batch_wait_op(&core->batch, op, read_folded);
        break;
    case FOLD_FAILED:
        read_refuse(core, op, ERR_OVERLOADED);
        break;
    }
}

/* Of an inbox as a whole, from its first row or from behind a place. */
static bool activity_is_askable(const struct message_read *query)
{
    return query->partition_kind == PARTITION_USER && query->table == TABLE_INBOX &&
           query->table_last == 0 && query->end.size == 0 && query->keys.size == 0 &&
           (query->begin.size == 0 || query->begin.size == ACTIVITY_PLACE_BYTES) &&
           (query->flags & READ_BACKWARDS) == 0;
}

/* As many keys as rows, each of the table's size. */
static bool keys_are_valid(const struct message_read *query)
{
    int size = query->table <= UINT8_MAX ? table_clustering_bytes((uint8_t)query->table) : -1;
    return query->keys.size == 0 || (size > 0 && query->keys.size <= READ_KEYS_MAX_BYTES &&
                                     query->keys.size % ((size_t)size + 1) == 0);
}

static enum columba_error read_check(const struct core *core, const struct message_read *query,
                                     const struct partition *partition)
{
    if (query->topology_version != core->cluster.topology->version) {
        return ERR_STALE_TOPOLOGY;
    }
    if (!partition_is_here(&core->cluster, partition)) {
        return ERR_NOT_A_REPLICA;
    }
    uint32_t last = query->table_last == 0 ? query->table : query->table_last;
    if (query->table == 0 || last < query->table || last > UINT8_MAX - 1 ||
        query->begin.size > KEY_CLUSTERING_MAX_BYTES ||
        query->end.size > KEY_CLUSTERING_MAX_BYTES || !keys_are_valid(query) ||
        query->limit_rows == 0 || query->limit_rows > PAGE_MAX_ROWS || query->limit_bytes == 0 ||
        query->limit_bytes > PAGE_MAX_BYTES) {
        return ERR_INVALID;
    }
    bool is_by_activity = (query->flags & READ_BY_ACTIVITY) != 0;
    return !is_by_activity || activity_is_askable(query) ? COLUMBA_OK : ERR_INVALID;
}

void replica_read(struct core *core, const struct message_read *query, const struct answer_to *to)
{
    core->counters.replica_reads++;
    struct partition partition =
        partition_of(&core->cluster, query->partition_kind, &query->partition);
    enum columba_error error = read_check(core, query, &partition);
    struct op *op = error == COLUMBA_OK ? op_begin(core) : NULL;
    struct replica_read *read = op == NULL ? NULL : op_allocate(op, sizeof(*read));
    if (read == NULL) {
        if (op != NULL) {
            op_end(core, op);
        }
        error = error == COLUMBA_OK ? ERR_OVERLOADED : error;
        answer_rows(core, to, &(struct message_rows){.error = error});
        return;
    }
    *read = (struct replica_read){.query = *query, .token = partition.token, .to = *to};
    op->request = read;
    if ((query->flags & READ_BY_ACTIVITY) != 0 && !activity_begin(op)) {
        read_refuse(core, op, ERR_NO_MEMORY);
        return;
    }
    if ((query->flags & READ_FOLD) == 0) {
        read_scan(core, op);
        return;
    }
    /* Folding takes several steps: the bounds must outlive this one. */
    if (!op_keep(op, query->begin, &read->query.begin) ||
        !op_keep(op, query->end, &read->query.end) ||
        !op_keep(op, query->keys, &read->query.keys)) {
        read_refuse(core, op, ERR_NO_MEMORY);
        return;
    }
    read_fold(core, op);
}
