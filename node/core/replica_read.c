#include "node/core/replica_read.h"

#include <xxhash.h>

#include "node/core/fold.h"
#include "node/core/read.h"
#include "node/core/state.h"
#include "node/store/key.h"
#include "node/store/row.h"

static void rows_answer(struct core *core, const struct answer_to *to,
                        const struct message_rows *rows)
{
    if (to->op != 0) {
        struct op *op = op_find(core, to->op);
        if (op == NULL) {
            core->counters.late_answers++;
            return;
        }
        read_answer_take(core, op, core->config.self, rows);
        return;
    }
    if (to->connection == 0) {
        return; /* a fold that nobody asked for */
    }
    struct message *message = effects_message(&core->effects, MESSAGE_ROWS);
    if (message != NULL) {
        message->rows = *rows;
    }
    effects_reply(&core->effects, to->connection, to->request_id, message);
}

void replica_read_refuse(struct core *core, struct op *op, enum columba_error error)
{
    struct answer_to to = op->replica.to;
    op_end(core, op);
    rows_answer(core, &to, &(struct message_rows){.error = error});
}

static void scan_done(struct core *core, struct op *op, const struct event *event)
{
    if (event->read_done.error != COLUMBA_OK) {
        replica_read_refuse(core, op, event->read_done.error);
        return;
    }
    struct message_rows rows = {.packed = event->read_done.packed,
                                .row_count = event->read_done.row_count,
                                .more = event->read_done.more};
    XXH128_canonical_t canonical;
    if ((op->replica.query.flags & READ_DIGEST) != 0) {
        XXH128_canonicalFromHash(&canonical, XXH3_128bits(rows.packed.data, rows.packed.size));
        uint8_t *digest = effects_allocate(&core->effects, sizeof(canonical.digest));
        if (digest == NULL) {
            replica_read_refuse(core, op, ERR_NO_MEMORY);
            return;
        }
        memcpy(digest, canonical.digest, sizeof(canonical.digest));
        rows.digest = slice_of(digest, sizeof(canonical.digest));
        rows.packed = slice_of(NULL, 0);
    }
    struct answer_to to = op->replica.to;
    op_end(core, op);
    rows_answer(core, &to, &rows);
}

static void clustering_set(struct row_key *key, struct slice clustering)
{
    key->clustering_size = (uint8_t)clustering.size;
    if (clustering.size > 0) {
        memcpy(key->clustering, clustering.data, clustering.size);
    }
}

/* The last table's end: its clustering bound, or the first key of the table after it. */
static struct key_bytes scan_end(const struct op *op, uint8_t last)
{
    const struct message_read *query = &op->replica.query;
    struct row_key key = {.token = op->replica.token, .partition = query->partition, .table = last};
    if (query->end.size > 0) {
        clustering_set(&key, query->end);
    } else {
        key.table = (uint8_t)(last + 1);
    }
    return row_key_encode(&key);
}

void replica_read_scan(struct core *core, struct op *op)
{
    const struct message_read *query = &op->replica.query;
    struct row_key key = {
        .token = op->replica.token, .partition = query->partition, .table = (uint8_t)query->table};
    clustering_set(&key, query->begin);
    struct key_bytes begin = row_key_encode(&key);
    uint32_t last = query->table_last == 0 ? query->table : query->table_last;
    struct key_bytes end = scan_end(op, (uint8_t)last);
    struct read_query scan = {.space = SPACE_ROWS,
                              .begin = key_slice(&begin),
                              .end = key_slice(&end),
                              .backwards = (query->flags & READ_BACKWARDS) != 0,
                              .limit_rows = query->limit_rows,
                              .limit_bytes = query->limit_bytes};
    op->read_done = scan_done;
    if (!effects_read(&core->effects, op_reference(op), &scan)) {
        replica_read_refuse(core, op, ERR_NO_MEMORY);
    }
}

static enum columba_error read_check(const struct core *core, const struct message_read *query,
                                     uint64_t token)
{
    if (query->topology_version != core->topology->version) {
        return ERR_STALE_TOPOLOGY;
    }
    if (replica_set_position(placement_replicas(core->topology, token), core->config.self) < 0) {
        return ERR_NOT_A_REPLICA;
    }
    uint32_t last = query->table_last == 0 ? query->table : query->table_last;
    if (query->table == 0 || last < query->table || last > UINT8_MAX - 1 ||
        query->begin.size > KEY_CLUSTERING_MAX_BYTES ||
        query->end.size > KEY_CLUSTERING_MAX_BYTES || query->limit_rows == 0 ||
        query->limit_rows > FANOUT_MEMBERS_MAX + PAGE_MAX_ROWS || query->limit_bytes == 0 ||
        query->limit_bytes > PAGE_MAX_BYTES) {
        return ERR_INVALID;
    }
    return COLUMBA_OK;
}

void replica_read(struct core *core, const struct message_read *query, const struct answer_to *to)
{
    core->counters.replica_reads++;
    uint64_t token =
        token_of_partition((enum partition_kind)query->partition_kind, &query->partition);
    enum columba_error error = read_check(core, query, token);
    struct op *op = error == COLUMBA_OK ? op_begin(core) : NULL;
    if (op == NULL) {
        error = error == COLUMBA_OK ? ERR_OVERLOADED : error;
        rows_answer(core, to, &(struct message_rows){.error = error});
        return;
    }
    op->replica = (struct replica_read){.query = *query, .token = token, .to = *to};
    if ((query->flags & READ_FOLD) != 0) {
        /* Folding takes several steps: the bounds must outlive this one. */
        if (!op_keep(op, query->begin, &op->replica.query.begin) ||
            !op_keep(op, query->end, &op->replica.query.end)) {
            replica_read_refuse(core, op, ERR_NO_MEMORY);
            return;
        }
        fold_begin(core, op, replica_read_scan);
        return;
    }
    replica_read_scan(core, op);
}
