#include "node/core/replica_write.h"

#include "base/bytes.h"
#include "node/core/fanout.h"
#include "node/core/fold.h"
#include "node/core/read.h"
#include "node/core/state.h"
#include "node/core/write.h"
#include "node/store/key.h"
#include "node/store/row.h"

static void written_answer(struct core *core, const struct answer_to *to,
                           const struct message_written *written)
{
    if (to->op != 0) {
        struct op *op = op_find(core, to->op);
        if (op == NULL) {
            core->counters.late_answers++;
            return;
        }
        if (op->read.done != NULL && op->read.repairing) {
            read_repair_answer(core, op, core->config.self, written->error);
        } else {
            write_answer(core, op, core->config.self, written);
        }
        return;
    }
    struct message *message = effects_message(&core->effects, MESSAGE_WRITTEN);
    if (message != NULL) {
        message->written = *written;
    }
    effects_reply(&core->effects, to->connection, to->request_id, message);
}

static void written_refuse(struct core *core, const struct answer_to *to, enum columba_error error)
{
    if (error == ERR_OVERLOADED) {
        core->counters.overloaded++;
    }
    written_answer(core, to, &(struct message_written){.error = error});
}

static bool is_replica(const struct core *core, uint64_t token)
{
    return replica_set_position(placement_replicas(core->topology, token), core->config.self) >= 0;
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
                                      uint64_t token, bool trusted)
{
    if (core->failed) {
        return ERR_SHUTTING_DOWN;
    }
    if (write->topology_version != core->topology->version) {
        return ERR_STALE_TOPOLOGY;
    }
    if (!is_replica(core, token)) {
        return ERR_NOT_A_REPLICA;
    }
    if (!waiters_have_room(&core->waiters, core->memory)) {
        return ERR_OVERLOADED;
    }
    if (write->has_outbox && !outbox_has_room(&core->outbox, core->memory)) {
        return ERR_OVERLOADED;
    }
    return trusted ? COLUMBA_OK : rows_check(write->packed);
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
        if (!core_write(core, EFFECT_MERGE, key_slice(&bytes), row.row)) {
            return false;
        }
        if (row.table == TABLE_CONVERSATION) {
            version_note(core, &write->partition, row.row);
        }
    }
    return true;
}

void replica_write(struct core *core, const struct message_write *write, const struct answer_to *to,
                   bool trusted)
{
    uint64_t token =
        token_of_partition((enum partition_kind)write->partition_kind, &write->partition);
    enum columba_error error = write_check(core, write, token, trusted);
    if (error != COLUMBA_OK) {
        written_refuse(core, to, error);
        return;
    }
    if (!rows_gather(core, write, token)) {
        written_refuse(core, to, ERR_NO_MEMORY);
        return;
    }
    core->counters.replica_writes++;
    struct waiter waiter = {.batch = core->open_batch, .kind = WAITER_WRITE, .to = *to};
    if (write->has_outbox) {
        outbox_add(core, &write->partition, &write->outbox_message, &write->outbox_sender);
        waiter.wants_version = true;
        waiter.conversation = write->partition;
    }
#ifdef COLUMBA_BUG_ack_before_commit
    replica_committed(core, &waiter, COLUMBA_OK);
    waiter.to = (struct answer_to){0};
    waiter.kind = WAITER_OP;
#endif
    waiters_push(&core->waiters, &waiter);
}

static void fanout_answer_with(struct core *core, const struct answer_to *to,
                               enum columba_error error)
{
    if (to->op != 0) {
        struct op *op = op_find(core, to->op);
        if (op == NULL) {
            core->counters.late_answers++;
            return;
        }
        fanout_answer(core, op, core->config.self, error);
        return;
    }
    core_reply_status(core, to->connection, to->request_id,
                      &(struct message_status){.error = error});
}

static enum columba_error fanout_check(struct core *core, const struct message_fanout *fanout)
{
    if (core->failed) {
        return ERR_SHUTTING_DOWN;
    }
    if (fanout->topology_version != core->topology->version) {
        return ERR_STALE_TOPOLOGY;
    }
    if (!waiters_have_room(&core->waiters, core->memory)) {
        return ERR_OVERLOADED;
    }
    for (uint32_t i = 0; i < fanout->user_count; i++) {
        if (!is_replica(core, token_of_partition(PARTITION_USER, &fanout->users[i]))) {
            return ERR_NOT_A_REPLICA;
        }
    }
    return fold_make_room(core, fanout->user_count) ? COLUMBA_OK : ERR_OVERLOADED;
}

void replica_fanout(struct core *core, const struct message_fanout *fanout,
                    const struct answer_to *to)
{
    enum columba_error error = fanout_check(core, fanout);
    for (uint32_t i = 0; error == COLUMBA_OK && i < fanout->user_count; i++) {
        bool is_own = id_equal(&fanout->sender, &fanout->users[i]);
        struct log_user *user = user_log_append(core, &fanout->users[i], &fanout->conversation,
                                                &fanout->message, is_own);
        if (user != NULL) {
            fold_long_tail(core, user);
        } else {
            error = ERR_NO_MEMORY;
        }
    }
    if (error != COLUMBA_OK) {
        fanout_answer_with(core, to, error);
        return;
    }
    struct waiter waiter = {.batch = core->open_batch, .kind = WAITER_FANOUT, .to = *to};
    waiters_push(&core->waiters, &waiter);
}

/* The write is durable, whatever became of the look at the conversation: who is told that the
 * version was not read loads the members anew. */
static void version_unread(struct core *core, const struct answer_to *to)
{
    struct message_written written = {.membership_version = MEMBERSHIP_VERSION_UNREAD};
#ifdef COLUMBA_BUG_durable_is_refused
    written = (struct message_written){.error = ERR_OVERLOADED};
#endif
    written_answer(core, to, &written);
}

/* The conversation's version is not in memory: read its row, then answer. */
static void version_read_done(struct core *core, struct op *op, const struct event *event)
{
    struct packed_reader reader;
    struct packed_row row;
    struct cell cell;
    uint64_t version = 0;
    struct answer_to to = op->replica.to;
    if (event->read_done.error != COLUMBA_OK) {
        op_end(core, op);
        version_unread(core, &to);
        return;
    }
    packed_reader_init(&reader, event->read_done.packed);
    if (packed_reader_next(&reader, &row) &&
        row_find(row.row, COLUMN_CONVERSATION_MEMBERSHIP_VERSION, &cell) && cell.value.size == 8) {
        version = bytes_get_u64_be(cell.value.data);
        /* A change that was gathered since may not have been seen by this read; then the result
         * is good for this answer (its write came before the read) but not for later ones. */
        if (op->replica.membership_writes == (uint32_t)core->membership_writes) {
            version_cache_put(&core->versions, &op->conversation, version);
        }
    }
    op_end(core, op);
    written_answer(core, &to, &(struct message_written){.membership_version = version});
}

static void version_read(struct core *core, const struct waiter *waiter)
{
    struct op *op = op_begin(core);
    if (op == NULL) {
        version_unread(core, &waiter->to);
        return;
    }
    op->conversation = waiter->conversation;
    op->replica.to = waiter->to;
    op->replica.membership_writes = (uint32_t)core->membership_writes;
    op->read_done = version_read_done;
    struct row_key key = {.token = token_of_partition(PARTITION_CONVERSATION, &op->conversation),
                          .partition = op->conversation,
                          .table = TABLE_CONVERSATION};
    struct key_bytes begin = row_key_encode(&key);
    struct key_bytes end = begin; /* this one row */
    end.bytes[end.size++] = 0;
    struct read_query query = {.space = SPACE_ROWS,
                               .begin = key_slice(&begin),
                               .end = key_slice(&end),
                               .limit_rows = 1,
                               .limit_bytes = ROW_MAX_BYTES};
    if (!effects_read(&core->effects, op_reference(op), &query)) {
        op_end(core, op);
        version_unread(core, &waiter->to);
    }
}

static void write_committed(struct core *core, const struct waiter *waiter,
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
    written_answer(core, &waiter->to, &written);
}

void replica_committed(struct core *core, const struct waiter *waiter, enum columba_error error)
{
    switch (waiter->kind) {
    case WAITER_WRITE:
        write_committed(core, waiter, error);
        break;
    case WAITER_FANOUT:
        fanout_answer_with(core, &waiter->to, error);
        break;
    case WAITER_OP: {
        struct op *op = op_find(core, waiter->to.op);
        if (op != NULL) {
            /* This replica stops; others can serve the read. */
            enum columba_error told = error == COLUMBA_OK ? COLUMBA_OK : ERR_SHUTTING_DOWN;
            op->status = (struct message_status){.error = told};
            op->committed(core, op);
        }
        break;
    }
    }
}
