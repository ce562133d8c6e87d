#include "node/core/log_recovery.h"

#include "base/cursor.h"
#include "node/core/fold.h"
#include "node/core/replica_read.h"
#include "node/core/state.h"

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
    /* This start's open row makes way. */
    if (core->failed || !user_log_row_end(core) || !fold_make_room(core, events_max)) {
        return false;
    }
    log_tail_row_open(&core->user_log.tail, sequence);
    messages_recover(core, &reader);
    log_tail_row_close(&core->user_log.tail);
    return true;
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

void log_recover(struct core *core)
{
    static const struct recovery_kind kind = {
        .table = LOCAL_ARRIVAL, .row = row_recover, .ended = waiting_go_on};
#ifdef COLUMBA_BUG_tail_forgotten
    core->user_log.recovery.from = UINT64_MAX;
#endif
    recovery_try(core, &core->user_log.recovery, &kind);
}

bool log_is_whole(const struct core *core)
{
    return recovery_is_whole(&core->user_log.recovery);
}

void log_wait(struct core *core, struct op *op)
{
    list_append(&core->user_log.waiting, &op->link);
    log_recover(core);
}
