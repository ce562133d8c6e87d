#include "node/core/log_recovery.h"

#include "base/cursor.h"
#include "node/core/fold.h"
#include "node/core/replica_read.h"
#include "node/core/state.h"
#include "node/store/key.h"

static void messages_recover(struct core *core, struct reader *reader)
{
    while (reader_left(reader) > 0) {
        struct id conversation = reader_id(reader);
        struct id message = reader_id(reader);
        for (uint16_t left = reader_u16(reader); left > 0; left--) {
            uint8_t flags = reader_u8(reader);
            struct id user = reader_id(reader);
            if (reader->failed) {
                return;
            }
            log_tail_append(&core->user_log.tail, &user, &conversation, &message,
                            (flags & USER_LOG_FLAG_OWN) != 0);
        }
    }
}

/* False: no room; the row is left for a later try. */
static bool row_recover(struct core *core, uint64_t sequence, struct slice value)
{
    struct reader reader = reader_of(value);
    if (reader_u8(&reader) != USER_LOG_FORMAT) {
        return true;
    }
    uint32_t events_max = (uint32_t)(reader_left(&reader) / ARRIVAL_USER_BYTES);
    if (!fold_make_room(core, events_max)) {
        return false;
    }
    log_tail_row_open(&core->user_log.tail, sequence);
    messages_recover(core, &reader);
    log_tail_row_close(&core->user_log.tail);
    return true;
}

static bool rows_recover(struct core *core, struct slice packed)
{
    struct user_log *log = &core->user_log;
    /* This start's open row makes way for the rows that were read. */
    bool room = user_log_row_end(core);
    struct reader reader = reader_of(packed);
    while (room && reader_left(&reader) > 0) {
        uint64_t sequence;
        struct slice key = reader_sized(&reader);
        struct slice value = reader_sized(&reader);
        if (!reader.failed && local_arrival_key_decode(key, &sequence)) {
            room = row_recover(core, sequence, value);
            log->recover_from = room ? sequence + 1 : sequence;
        }
    }
    return room;
}

static bool rows_query(struct core *core, struct op *op)
{
    struct key_bytes begin = local_arrival_key(core->user_log.recover_from);
    /* This start's rows are in memory already. */
    struct key_bytes end = local_arrival_key(core->config.start_count << SEQUENCE_COUNT_BITS);
    struct read_query query = {.space = SPACE_LOCAL,
                               .begin = key_slice(&begin),
                               .end = key_slice(&end),
                               .limit_rows = PAGE_MAX_ROWS,
                               .limit_bytes = PAGE_MAX_BYTES};
    return effects_read(&core->effects, op_reference(op), &query);
}

static void waiting_go_on(struct core *core)
{
    struct list *waiting = &core->user_log.waiting;
    while (!list_is_empty(waiting)) {
        struct op *op = container_of(waiting->next, struct op, link);
        list_remove(&op->link);
        if (log_is_whole(core)) {
            fold_begin(core, op, op->admitted);
        } else {
            replica_read_refuse(core, op, ERR_OVERLOADED);
        }
    }
}

static void rows_read(struct core *core, struct op *op, const struct event *event)
{
    struct user_log *log = &core->user_log;
    bool recovered = event->read_done.error == COLUMBA_OK && !core->failed &&
                     rows_recover(core, event->read_done.packed);
    if (recovered && event->read_done.more && rows_query(core, op)) {
        return;
    }
    if (recovered && !event->read_done.more) {
        log->recover_from = UINT64_MAX;
    }
    log->is_recovering = false;
    op_end(core, op);
    waiting_go_on(core);
}

void log_recover(struct core *core)
{
    struct user_log *log = &core->user_log;
    if (log->is_recovering || log_is_whole(core)) {
        return;
    }
#ifdef COLUMBA_BUG_tail_forgotten
    log->recover_from = UINT64_MAX;
    return;
#endif
    struct op *op = op_begin(core);
    if (op == NULL) {
        return;
    }
    op->read_done = rows_read;
    log->is_recovering = rows_query(core, op);
    if (!log->is_recovering) {
        op_end(core, op);
    }
}

bool log_is_whole(const struct core *core)
{
    return core->user_log.recover_from == UINT64_MAX;
}

void log_wait(struct core *core, struct op *op)
{
    list_append(&core->user_log.waiting, &op->link);
    log_recover(core);
}
