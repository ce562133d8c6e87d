#include "node/core/replica/log_read.h"

#include "base/assert.h"
#include "base/cursor.h"
#include "node/core/machine/mail.h"
#include "node/core/machine/partition.h"
#include "node/core/replica/fold.h"
#include "node/core/replica/session.h"
#include "node/core/state.h"
#include "node/store/key.h"

/* A page of rows; each has some dozens of events. */
#define LOG_PAGE_ROWS 256u
#define LOG_PAGE_BYTES (32u * KIB)
/* Beside a row's value: its sequence and its length. */
#define LOG_ROW_ENVELOPE_BYTES 16u

struct log_read {
    struct message_log_read query;
    uint64_t token;
    struct answer_to to;
    uint64_t end; /* what came before lies up to here */
};

static void log_answer(struct core *core, const struct answer_to *to, const struct message_log *log)
{
    struct message *message = effects_message(&core->effects, MESSAGE_LOG);
    if (message != NULL) {
        message->log = *log;
        message->log.incarnation = core->config.log_incarnation;
    }
    mail_answer(core, to, message);
}

static void log_refuse(struct core *core, struct op *op, enum columba_error error)
{
    const struct log_read *read = op->request;
    struct answer_to to = read->to;
    op_end(core, op);
    log_answer(core, &to, &(struct message_log){.error = error});
}

/* The scanned pairs as rows that travel. */
static enum columba_error rows_pack(struct core *core, struct slice scanned,
                                    struct message_log *log)
{
    size_t room = scanned.size + LOG_ROW_ENVELOPE_BYTES;
    uint8_t *buffer = effects_allocate(&core->effects, room);
    if (buffer == NULL) {
        return ERR_NO_MEMORY;
    }
    struct reader reader = reader_of(scanned);
    struct writer writer = writer_of(buffer, room);
    while (reader_left(&reader) > 0) {
        struct id user;
        uint64_t sequence;
        struct slice key = reader_sized(&reader);
        struct slice value = reader_sized(&reader);
        if (reader.failed || !local_log_key_decode(key, &user, &sequence)) {
            return ERR_CORRUPT;
        }
        writer_u64(&writer, sequence);
        writer_sized(&writer, value);
        if (log->more) {
            log->up_to = sequence;
        }
    }
    log->packed = writer_done(&writer);
    return writer.failed ? ERR_CORRUPT : COLUMBA_OK;
}

static void log_scanned(struct core *core, struct op *op, const struct event *event)
{
    const struct log_read *read = op->request;
    struct message_log log = {.error = event->read_done.error,
                              .up_to = read->end,
                              .more = event->read_done.more && event->read_done.row_count > 0};
    if (log.error == COLUMBA_OK) {
        log.error = rows_pack(core, event->read_done.packed, &log);
    }
    struct answer_to to = read->to;
    op_end(core, op);
    log_answer(core, &to,
               log.error == COLUMBA_OK ? &log : &(struct message_log){.error = log.error});
}

static void log_scan(struct core *core, struct op *op)
{
    const struct log_read *read = op->request;
    const struct message_log_read *query = &read->query;
    bool is_known = query->incarnation == core->config.log_incarnation;
    uint64_t after = is_known ? query->after : 0;
    if (query->only_end || after >= read->end) {
        struct answer_to to = read->to;
        /* Whoever is ahead of the end stays there: this start has not gone that far yet. */
        uint64_t up_to = !query->only_end && after > read->end ? after : read->end;
        op_end(core, op);
        log_answer(core, &to, &(struct message_log){.up_to = up_to});
        return;
    }
    struct key_bytes begin = local_log_key(read->token, &query->user, after + 1);
    struct key_bytes end = local_log_key(read->token, &query->user, read->end + 1);
    struct read_query scan = {.space = SPACE_LOCAL,
                              .begin = key_slice(&begin),
                              .end = key_slice(&end),
                              .limit_rows = LOG_PAGE_ROWS,
                              .limit_bytes = LOG_PAGE_BYTES};
    op->read_done = log_scanned;
    if (!effects_read(&core->effects, op_reference(op), &scan)) {
        log_refuse(core, op, ERR_NO_MEMORY);
    }
}

static void log_folded(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        log_refuse(core, op, ERR_SHUTTING_DOWN);
        return;
    }
    log_scan(core, op);
}

static void log_fold(struct core *core, struct op *op)
{
    struct log_read *read = op->request;
    if (op->status.error != COLUMBA_OK) {
        log_refuse(core, op, op->status.error);
        return;
    }
    if (!user_log_is_whole(&core->user_log)) {
        user_log_wait(&core->user_log, op, log_fold);
        return;
    }
    enum fold_outcome outcome = fold_user(core, &read->query.user);
    read->end = core->user_log.sequence;
    switch (outcome) {
    case FOLD_DURABLE:
        log_scan(core, op);
        break;
    case FOLD_GATHERED:
#ifdef COLUMBA_BUG_log_read_before_durable
        log_scan(core, op);
        break;
#endif
        batch_wait_op(&core->batch, op, log_folded);
        break;
    case FOLD_FAILED:
        log_refuse(core, op, ERR_OVERLOADED);
        break;
    }
}

static enum columba_error log_read_check(struct core *core, const struct message_log_read *query,
                                         const struct partition *partition)
{
    if (query->topology_version != core->cluster.topology->version) {
        return ERR_STALE_TOPOLOGY;
    }
    if (!partition_is_here(&core->cluster, partition)) {
        return ERR_NOT_A_REPLICA;
    }
    return session_meets(core, &query->user, &query->device, query->session) ? COLUMBA_OK
                                                                             : ERR_DISPLACED;
}

void replica_log_read(struct core *core, const struct message_log_read *query,
                      const struct answer_to *to)
{
    struct partition partition = partition_user(&core->cluster, &query->user);
    enum columba_error error = log_read_check(core, query, &partition);
    struct op *op = error == COLUMBA_OK ? op_begin(core) : NULL;
    struct log_read *read = op == NULL ? NULL : op_allocate(op, sizeof(*read));
    if (read == NULL) {
        if (op != NULL) {
            op_end(core, op);
        }
        error = error == COLUMBA_OK ? ERR_OVERLOADED : error;
        log_answer(core, to, &(struct message_log){.error = error});
        return;
    }
    *read = (struct log_read){.query = *query, .token = partition.token, .to = *to};
    op->request = read;
    log_fold(core, op);
}
