#include "node/core/replica/write.h"

#include "base/bytes.h"
#include "node/core/machine/answer.h"
#include "node/core/machine/partition.h"
#include "node/core/replica/growth.h"
#include "node/core/replica/look.h"
#include "node/core/state.h"
#include "node/store/key.h"
#include "node/store/row.h"

static void write_refuse(struct core *core, const struct answer_to *to, enum columba_error error)
{
    core->counters.id_conflicts += error == ERR_ID_CONFLICT ? 1 : 0;
    answer_written(core, to, &(struct message_written){.error = error});
}

/* Does the fragment make a row grow? Asked of the changes of clients alone, that others need not
 * look. */
static bool write_grows(const struct message_write *write)
{
    struct packed_row row;
    return write->outbox_kind == HAPPENED_CHANGE && !write->is_repair &&
           growth_row(write->packed, &row);
}

static enum columba_error form_check(const struct packed_row *row, bool may_grow)
{
    if (!schema_table_is_known(row->table) || row->clustering.size > KEY_CLUSTERING_MAX_BYTES ||
        row_check(row->table, row->row) != COLUMBA_OK) {
        return ERR_MALFORMED;
    }
    return !may_grow && row_growth_bytes(row->row) > 0 ? ERR_NOT_SUPPORTED : COLUMBA_OK;
}

/* Ids of the far future: they would stay the newest for ever. */
static bool row_is_ahead(const struct core *core, const struct packed_row *row)
{
    struct row_reader reader;
    struct cell cell;
    struct id id;
    uint64_t most_ms = core->unix_ms + REPLICA_CLOCK_AHEAD_MAX_MS;
    if (row->table == TABLE_MESSAGE) {
        id = clustering_to_id(TABLE_MESSAGE, row->clustering.data);
        return message_id_unix_ms(&id) > most_ms;
    }
    if ((row->table != TABLE_INBOX && row->table != TABLE_MEMBER) ||
        !row_reader_init(&reader, row->row)) {
        return false;
    }
    while (row_reader_next(&reader, &cell)) {
        if (schema_rule(row->table, cell.column) == RULE_MAX && id_from_slice(cell.value, &id) &&
            message_id_unix_ms(&id) > most_ms) {
            return true;
        }
    }
    return false;
}

/* What this node made a moment ago has the right form; what other replicas hold already is taken as
 * it is, whatever its time. */
static enum columba_error rows_check(const struct core *core, const struct message_write *write,
                                     bool is_own)
{
    /* A replica whose own clock is wrong cannot judge it. */
    bool may_grow = write->is_repair || write->outbox_kind == HAPPENED_CHANGE;
    bool judges_time = !write->is_repair && !core->clock_is_wrong;
    struct packed_reader reader;
    struct packed_row row;
    enum columba_error error = COLUMBA_OK;
    packed_reader_init(&reader, write->packed);
    for (uint32_t count = 1; error == COLUMBA_OK && packed_reader_next(&reader, &row); count++) {
        if (count > WRITE_MAX_ROWS) {
            return ERR_TOO_LARGE;
        }
        error = is_own ? COLUMBA_OK : form_check(&row, may_grow);
        if (error == COLUMBA_OK && judges_time && row_is_ahead(core, &row)) {
            error = ERR_CLOCK_AHEAD;
        }
    }
    return error == COLUMBA_OK && packed_reader_failed(&reader) ? ERR_MALFORMED : error;
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
    if (core->disk_is_full) {
        return ERR_DISK_FULL;
    }
    if (!batch_has_room(&core->batch) ||
        (write->has_outbox && !outbox_has_room(&core->outbox, core->memory))) {
        return ERR_OVERLOADED;
    }
    return rows_check(core, write, is_own);
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

/* All of them or none. */
static bool rows_gather(struct core *core, const struct message_write *write, uint64_t token)
{
    struct effect_node **before = core->effects.last_next;
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
            effects_cut(&core->effects, before);
            return false;
        }
        if (row.table == TABLE_CONVERSATION) {
            version_note(core, &write->partition, row.row);
        }
    }
    return true;
}

/* Into the open batch, with its outbox entry; the answer waits for that batch. */
static enum columba_error write_gather(struct core *core, const struct message_write *write,
                                       uint64_t token, const struct look_messages *messages,
                                       const struct answer_to *to, struct waiter *out_waiter)
{
    if (!recent_has_room(&core->recent, messages->count)) {
        return ERR_OVERLOADED;
    }
    if (!rows_gather(core, write, token)) {
        return ERR_NO_MEMORY;
    }
    core->counters.replica_writes++;
    *out_waiter = (struct waiter){.kind = WAITER_WRITE, .to = *to};
    look_took(core, write, messages);
    if (write->has_outbox) {
        outbox_add(core, &write->partition, &write->outbox_message, &write->outbox_sender,
                   (uint8_t)write->outbox_kind);
        out_waiter->wants_version = true;
        out_waiter->conversation = write->partition;
    }
    return COLUMBA_OK;
}

/* The ids are free, or not; meanwhile the room may have gone. */
static void looked(struct core *core, struct op *op)
{
    const struct look *look = op->request;
    struct waiter waiter;
    struct partition partition = partition_conversation(&core->cluster, &look->write.partition);
    enum columba_error error = op->status.error;
    if (error == COLUMBA_OK) {
        error = write_check(core, &look->write, &partition, true);
    }
    if (error == COLUMBA_OK) {
        error =
            write_gather(core, &look->write, partition.token, &look->messages, &look->to, &waiter);
    }
    if (error == COLUMBA_OK) {
        batch_wait(&core->batch, &waiter);
    } else {
        write_refuse(core, &look->to, error);
    }
    /* What was gathered is not in the store yet, but it is remembered (recent.h): others may look.
     */
    look_end(core, op);
}

/* One that makes a row grow, after its row was read; meanwhile the room may have gone. */
static enum columba_error growth_gathered(struct core *core, const struct message_write *write,
                                          const struct answer_to *to)
{
    struct partition partition = partition_conversation(&core->cluster, &write->partition);
    const struct look_messages none = {0};
    struct waiter waiter;
    enum columba_error error = write_check(core, write, &partition, true);
    if (error == COLUMBA_OK) {
        error = write_gather(core, write, partition.token, &none, to, &waiter);
    }
    if (error == COLUMBA_OK) {
        batch_wait(&core->batch, &waiter);
    }
    return error;
}

/* What came first under an id stays. */
static enum look_verdict messages_judge(const struct core *core, const struct message_write *write,
                                        struct look_messages *out_messages)
{
    *out_messages = (struct look_messages){0};
    return write->partition_kind == PARTITION_CONVERSATION ? look_judge(core, write, out_messages)
                                                           : LOOK_TAKE;
}

void replica_write(struct core *core, const struct message_write *write, const struct answer_to *to)
{
    struct partition partition =
        partition_of(&core->cluster, write->partition_kind, &write->partition);
    struct waiter waiter;
    struct look_messages messages;
    enum columba_error error = write_check(core, write, &partition, to->op != 0);
    if (error == COLUMBA_OK && write_grows(write)) {
        if (!growth_begin(core, write, to, growth_gathered)) {
            write_refuse(core, to, ERR_OVERLOADED);
        }
        return;
    }
    enum look_verdict verdict =
        error == COLUMBA_OK ? messages_judge(core, write, &messages) : LOOK_TAKE;
    if (verdict == LOOK_NEEDED) {
        error = look_begin(core, write, to, looked) ? COLUMBA_OK : ERR_OVERLOADED;
        if (error == COLUMBA_OK) {
            return;
        }
    } else if (verdict == LOOK_CONFLICT) {
        error = ERR_ID_CONFLICT;
    }
    if (error == COLUMBA_OK) {
        error = write_gather(core, write, partition.token, &messages, to, &waiter);
    }
    if (error != COLUMBA_OK) {
        write_refuse(core, to, error);
        return;
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
    return effects_read_row(&core->effects, op_reference(op), &key);
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
