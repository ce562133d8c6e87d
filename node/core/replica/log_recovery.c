#include "node/core/replica/log_recovery.h"

#include "base/cursor.h"
#include "node/core/replica/fold.h"
#include "node/core/state.h"

static void messages_recover(struct core *core, struct reader *reader)
{
    while (reader_left(reader) > 0) {
        uint8_t kind = reader_u8(reader);
        struct id conversation = reader_id(reader);
        struct id message = reader_id(reader);
        for (uint16_t left = reader_u16(reader); left > 0; left--) {
            uint8_t flags = reader_u8(reader);
            struct id user = reader_id(reader);
            if (reader->failed) {
                return;
            }
            log_tail_append(&core->user_log.tail, &user, &conversation, &message, kind,
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
    if (core->mode == NODE_FAILED || !user_log_row_end(core) || !fold_make_room(core, events_max)) {
        return false;
    }
    log_tail_row_open(&core->user_log.tail, sequence);
    messages_recover(core, &reader);
    log_tail_row_close(&core->user_log.tail);
    return true;
}

static void waiting_go_on(struct core *core)
{
    bool is_whole = user_log_is_whole(&core->user_log);
    struct list going;
    list_init(&going);
    while (!list_is_empty(&core->user_log.waiting)) {
        struct list *first = core->user_log.waiting.next;
        list_remove(first);
        list_append(&going, first);
    }
    while (!list_is_empty(&going)) {
        struct op *op = container_of(going.next, struct op, link);
        list_remove(&op->link);
        op->status.error = is_whole ? COLUMBA_OK : ERR_OVERLOADED;
        op->committed(core, op);
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
