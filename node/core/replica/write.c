#include "node/core/replica/write.h"

#include "base/bytes.h"
#include "node/core/machine/answer.h"
#include "node/core/machine/partition.h"
#include "node/core/state.h"
#include "node/store/key.h"
#include "node/store/row.h"

static void write_refuse(struct core *core, const struct answer_to *to, enum columba_error error)
{
    answer_written(core, to, &(struct message_written){.error = error});
}

static enum columba_error rows_check(struct slice packed)
{
    struct packed_reader reader;
    struct packed_row row;
    packed_reader_init(&reader, packed);
    uint32_t count = 0;
    while (packed_reader_next(&reader, &row)) {
        if (++count > WRITE_MAX_ROWS) {
            return ERR_TOO_LARGE;
        }
        if (!schema_table_is_known(row.table) || row.clustering.size > KEY_CLUSTERING_MAX_BYTES ||
            row_check(row.table, row.row) != COLUMBA_OK) {
            return ERR_MALFORMED;
        }
    }
    return packed_reader_failed(&reader) ? ERR_MALFORMED : COLUMBA_OK;
}

static enum columba_error write_check(struct core *core, const struct message_write *write,
                                      const struct partition *partition, bool is_own)
{
    if (core->mode == NODE_FAILED) {
        return ERR_SHUTTING_DOWN;
    }
    if (write->topology_version != core->cluster.topology->version) {
        return ERR_STALE_TOPOLOGY;
    }
    bool is_here = partition_is_here(&core->cluster, partition);
#ifdef COLUMBA_BUG_foreign_rows_are_taken
    is_here = true;
#endif
    if (!is_here) {
        return ERR_NOT_A_REPLICA;
    }
    if (!batch_has_room(&core->batch) ||
        (write->has_outbox && !outbox_has_room(&core->outbox, core->memory))) {
        return ERR_OVERLOADED;
    }
    /* What this node made a moment ago needs no check. */
    return is_own ? COLUMBA_OK : rows_check(write->packed);
}

/* A conversation's row that passes by tells the membership version it will have. */
static void version_note(struct core *core, const struct id *conversation, struct slice row)
{
    struct cell cell;
    if (row_find(row, COLUMN_CONVERSATION_MEMBERSHIP_VERSION, &cell) && cell.value.size == 8) {
        version_cache_raise(&core->versions, conversation, bytes_get_u64_be(cell.value.data));
        core->membership_writes++;
    }
}

static bool rows_gather(struct core *core, const struct message_write *write, uint64_t token)
{
    struct packed_reader reader;
    struct packed_row row;
    packed_reader_init(&reader, write->packed);
    struct row_key key = {.token = token, .partition = write->partition};
    while (packed_reader_next(&reader, &row)) {
        key.table = row.table;
        key.clustering_size = (uint8_t)row.clustering.size;
        if (row.clustering.size > 0) {
            memcpy(key.clustering, row.clustering.data, row.clustering.size);
        }
        struct key_bytes bytes = row_key_encode(&key);
        if (!batch_write(core, EFFECT_MERGE, key_slice(&bytes), row.row)) {
            return false;
        }
        if (row.table == TABLE_CONVERSATION) {
            version_note(core, &write->partition, row.row);
        }
    }
    return true;
}

void replica_write(struct core *core, const struct message_write *write, const struct answer_to *to)
{
    struct partition partition =
        partition_of(&core->cluster, write->partition_kind, &write->partition);
    enum columba_error error = write_check(core, write, &partition, to->op != 0);
    if (error == COLUMBA_OK && !rows_gather(core, write, partition.token)) {
        error = ERR_NO_MEMORY;
    }
    if (error != COLUMBA_OK) {
        write_refuse(core, to, error);
        return;
    }
    core->counters.replica_writes++;
    struct waiter waiter = {.kind = WAITER_WRITE, .to = *to};
    if (write->has_outbox) {
        outbox_add(core, &write->partition, &write->outbox_message, &write->outbox_sender);
        waiter.wants_version = true;
        waiter.conversation = write->partition;
    }
#ifdef COLUMBA_BUG_ack_before_commit
    replica_write_committed(core, &waiter, COLUMBA_OK);
    waiter = (struct waiter){.kind = WAITER_OP};
#endif
    batch_wait(&core->batch, &waiter);
}

/* The conversation's version is not in memory: its row is read, then the write is answered. */
struct version_read {
    struct id conversation;
    struct answer_to to;
    uint64_t membership_writes; /* when it was asked for */
};

/* The write is durable, whatever became of the version: where it is not known, the coordinator has
 * to read the members anew. */
static void version_answer(struct core *core, const struct answer_to *to, uint64_t version)
{
    struct message_written written = {.membership_version = version};
#ifdef COLUMBA_BUG_durable_is_refused
    written.error = version == MEMBERSHIP_VERSION_UNREAD ? ERR_OVERLOADED : COLUMBA_OK;
#endif
    answer_written(core, to, &written);
}

static void version_read_done(struct core *core, struct op *op, const struct event *event)
{
    const struct version_read *read = op->request;
    struct packed_reader reader;
    struct packed_row row;
    struct cell cell;
    uint64_t version = event->read_done.error == COLUMBA_OK ? 0 : MEMBERSHIP_VERSION_UNREAD;
    packed_reader_init(&reader, event->read_done.packed);
    if (event->read_done.error == COLUMBA_OK && packed_reader_next(&reader, &row) &&
        row_find(row.row, COLUMN_CONVERSATION_MEMBERSHIP_VERSION, &cell) && cell.value.size == 8) {
        version = bytes_get_u64_be(cell.value.data);
        /* A change that was gathered since may not have been seen by this read; then the result
         * is good for this answer (its write came before the read) but not for later ones. */
        if (read->membership_writes == core->membership_writes) {
            version_cache_put(&core->versions, &read->conversation, version);
        }
    }
    struct answer_to to = read->to;
    op_end(core, op);
    version_answer(core, &to, version);
}

static bool version_query(struct core *core, struct op *op, const struct id *conversation)
{
    struct partition partition = partition_conversation(&core->cluster, conversation);
    struct row_key key = {
        .token = partition.token, .partition = *conversation, .table = TABLE_CONVERSATION};
    struct key_bytes begin = row_key_encode(&key);
    struct key_bytes end = begin; /* this one row */
    end.bytes[end.size++] = 0;
    struct read_query query = {.space = SPACE_ROWS,
                               .begin = key_slice(&begin),
                               .end = key_slice(&end),
                               .limit_rows = 1,
                               .limit_bytes = ROW_MAX_BYTES};
    return effects_read(&core->effects, op_reference(op), &query);
}

static void version_read(struct core *core, const struct waiter *waiter)
{
    struct op *op = op_begin(core);
    struct version_read *read = op == NULL ? NULL : op_allocate(op, sizeof(*read));
    if (read != NULL) {
        *read = (struct version_read){.conversation = waiter->conversation,
                                      .to = waiter->to,
                                      .membership_writes = core->membership_writes};
        op->request = read;
        op->read_done = version_read_done;
        if (version_query(core, op, &waiter->conversation)) {
            return;
        }
    }
    if (op != NULL) {
        op_end(core, op);
    }
    version_answer(core, &waiter->to, MEMBERSHIP_VERSION_UNREAD);
}

void replica_write_committed(struct core *core, const struct waiter *waiter,
                             enum columba_error error)
{
    /* What a failed commit wrote may be found on the disk at the next start. */
    struct message_written written = {.error = error == COLUMBA_OK ? error : ERR_OUTCOME_UNKNOWN};
#ifdef COLUMBA_BUG_failed_commit_is_refused
    written.error = error;
#endif
    if (error == COLUMBA_OK && waiter->wants_version) {
        written.membership_version = version_cache_get(&core->versions, &waiter->conversation);
        if (written.membership_version == 0) {
            version_read(core, waiter);
            return;
        }
    }
    answer_written(core, &waiter->to, &written);
}
