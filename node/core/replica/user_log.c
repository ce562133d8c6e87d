#include "node/core/replica/user_log.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/cursor.h"
#include "node/core/state.h"
#include "ring/token.h"
#include "node/store/key.h"

#define LOG_EVENT_BYTES (2u + 2u * ID_BYTES)
/* An event that is alone with its message. */
#define ARRIVAL_EVENT_MAX_BYTES (1 + 2 * ID_BYTES + 2 + (size_t)ARRIVAL_USER_BYTES)

int user_log_init(struct user_log *log, struct memory *memory, uint64_t start_count,
                  uint32_t events_max)
{
    *log = (struct user_log){.sequence = start_count << SEQUENCE_COUNT_BITS};
    list_init(&log->waiting);
    log->fold_batches = memory_allocate_zero(memory, USER_LOG_FOLDS * sizeof(*log->fold_batches));
    log->row_bytes = memory_allocate(memory, 1 + ARRIVAL_ROW_EVENTS_MAX * ARRIVAL_EVENT_MAX_BYTES);
    if (log->fold_batches == NULL || log->row_bytes == NULL ||
        log_tail_init(&log->tail, memory, events_max) != 0) {
        return -1;
    }
    /* An eighth of the tail at most: a row is memory that is freed in one piece. */
    uint32_t eighth = log->tail.events_max / 8;
    log->row_events_max = eighth < ARRIVAL_ROW_EVENTS_MAX ? eighth : ARRIVAL_ROW_EVENTS_MAX;
    return 0;
}

void user_log_clear(struct user_log *log, struct memory *memory)
{
    log_tail_clear(&log->tail, memory);
    memory_release(memory, log->fold_batches);
    memory_release(memory, log->row_bytes);
    log->fold_batches = NULL;
    log->row_bytes = NULL;
}

void user_log_wait(struct user_log *log, struct op *op,
                   void (*next)(struct core *core, struct op *op))
{
    op->committed = next;
    list_append(&log->waiting, &op->link);
}

/* ---- as events come ---- */

static bool is_of_message(const struct log_event *event, const struct log_event *other)
{
    return event->kind == other->kind && id_equal(&event->message, &other->message) &&
           id_equal(&event->conversation, &other->conversation);
}

/* The first unfolded event from `position` on; `end` if there is none. */
static uint32_t unfolded_from(const struct log_tail *tail, uint32_t position, uint32_t end)
{
    while (position != end && log_tail_event(tail, position)->is_folded) {
        position++;
    }
    return position;
}

/* Writes one message and its users, and returns the position behind them. */
static uint32_t message_write(struct writer *writer, const struct log_tail *tail, uint32_t begin,
                              uint32_t end)
{
    const struct log_event *first = log_tail_event(tail, begin);
    writer_u8(writer, first->kind);
    writer_id(writer, &first->conversation);
    writer_id(writer, &first->message);
    uint8_t *count_at = writer->at;
    writer_u16(writer, 0);
    uint16_t count = 0;
    uint32_t position = begin;
    while (position != end && is_of_message(log_tail_event(tail, position), first)) {
        const struct log_event *event = log_tail_event(tail, position);
        writer_u8(writer, event->is_own ? USER_LOG_FLAG_OWN : 0);
        writer_id(writer, log_tail_user_of(tail, event));
        count++;
        position = unfolded_from(tail, position + 1, end);
    }
    if (!writer->failed) {
        bytes_put_u16_be(count_at, count);
    }
    return position;
}

static size_t row_room(const struct log_row *row)
{
    return 1 + row->unfolded * ARRIVAL_EVENT_MAX_BYTES;
}

/* What is unfolded of the open row: folded events are in the users' logs already. */
static struct slice row_write(const struct log_tail *tail, const struct log_row *row,
                              uint8_t *buffer)
{
    struct writer writer = writer_of(buffer, row_room(row));
    writer_u8(&writer, USER_LOG_FORMAT);
    uint32_t end = row->first + row->count;
    uint32_t position = unfolded_from(tail, row->first, end);
    while (position != end) {
        position = message_write(&writer, tail, position, end);
    }
    COLUMBA_ASSERT(!writer.failed);
    return writer_done(&writer);
}

static bool row_put(struct core *core, const struct log_row *row, uint8_t *buffer)
{
    struct slice value = row_write(&core->user_log.tail, row, buffer);
    struct key_bytes key = local_sequence_key(LOCAL_ARRIVAL, row->sequence);
    return batch_write(core, EFFECT_PUT, key_slice(&key), value);
}

/* Into the buffer, which has row_room. False: no memory. */
static bool row_end(struct core *core, const struct log_row *row, uint8_t *buffer)
{
    if (row->unfolded > 0 && (buffer == NULL || !row_put(core, row, buffer))) {
        return false;
    }
    log_tail_row_close(&core->user_log.tail);
    return true;
}

bool user_log_row_end(struct core *core)
{
    const struct log_row *row = log_tail_open_row(&core->user_log.tail);
    return row == NULL || row_end(core, row, effects_allocate(&core->effects, row_room(row)));
}

void user_log_batch_close(struct core *core)
{
    const struct log_row *row = log_tail_open_row(&core->user_log.tail);
    bool ended = row == NULL || row_end(core, row, core->user_log.row_bytes);
    COLUMBA_ASSERT(ended);
}

struct log_user *user_log_append(struct core *core, const struct id *user,
                                 const struct id *conversation, const struct id *message,
                                 uint8_t kind, bool is_own)
{
    struct user_log *log = &core->user_log;
    const struct log_row *row = log_tail_open_row(&log->tail);
    if (row != NULL && row->count >= log->row_events_max && !user_log_row_end(core)) {
        return NULL;
    }
    if (log_tail_open_row(&log->tail) == NULL) {
        log_tail_row_open(&log->tail, ++log->sequence);
    }
    core->batch.has_writes = true; /* the row, when the batch is closed */
    core->counters.log_events++;
    if (core->sessions.count > 0) {
        sessions_note_event(core, user,
                            &(struct session_event){.conversation = *conversation,
                                                    .message = *message,
                                                    .kind = kind,
                                                    .is_own = is_own});
    }
    return log_tail_append(&log->tail, user, conversation, message, kind, is_own);
}

/* ---- folded ---- */

static bool log_row_put(struct core *core, const struct log_user *user)
{
    const struct log_tail *tail = &core->user_log.tail;
    size_t room = 1 + user->count * (size_t)LOG_EVENT_BYTES;
    uint8_t *value = effects_allocate(&core->effects, room);
    if (value == NULL) {
        return false;
    }
    COLUMBA_ASSERT(user->count > 0);
    struct writer writer = writer_of(value, room);
    writer_u8(&writer, USER_LOG_FORMAT);
    uint32_t at = user->first;
    for (uint32_t left = user->count; left > 0; left--) {
        const struct log_event *event = log_tail_event(tail, at);
        writer_u8(&writer, event->kind);
        writer_u8(&writer, event->is_own ? USER_LOG_FLAG_OWN : 0);
        writer_id(&writer, &event->conversation);
        writer_id(&writer, &event->message);
        at = event->next;
    }
    uint64_t token = token_of_partition(PARTITION_USER, &user->id);
    struct key_bytes key = local_log_key(token, &user->id, ++core->user_log.sequence);
    return batch_write(core, EFFECT_PUT, key_slice(&key), writer_done(&writer));
}

static void arrival_row_remove(void *context, uint64_t sequence)
{
    struct core *core = context;
    struct key_bytes key = local_sequence_key(LOCAL_ARRIVAL, sequence);
    /* Without memory the row stays and is folded again after the next start. */
    batch_write(core, EFFECT_REMOVE, key_slice(&key), slice_of(NULL, 0));
}

static uint64_t *fold_batch_of(const struct user_log *log, const struct id *user)
{
    return &log->fold_batches[bytes_get_u32_be(user->bytes) & (USER_LOG_FOLDS - 1)];
}

bool user_log_folded(struct core *core, struct log_user *user)
{
    if (!log_row_put(core, user)) {
        return false;
    }
    *fold_batch_of(&core->user_log, &user->id) = core->batch.open;
    log_tail_fold(&core->user_log.tail, user, arrival_row_remove, core);
    return true;
}

uint64_t user_log_fold_batch(const struct user_log *log, const struct id *user)
{
    return *fold_batch_of(log, user);
}
