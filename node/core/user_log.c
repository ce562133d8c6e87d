#include "node/core/user_log.h"

#include "base/bytes.h"
#include "base/cursor.h"
#include "node/core/state.h"
#include "node/store/key.h"

#define EVENT_FLAG_OWN 1u

int user_log_init(struct user_log *log, struct memory *memory, uint64_t start_count)
{
    log->sequence = start_count << SEQUENCE_COUNT_BITS;
    log->tails = memory_allocate_zero(memory, USER_LOG_TAILS * sizeof(*log->tails));
    if (log->tails == NULL) {
        return -1;
    }
    /* Users who get equally many messages must not all be folded in the same seconds. */
    for (uint32_t i = 0; i < USER_LOG_TAILS; i++) {
        log->tails[i] = (uint16_t)(i % USER_LOG_TAIL_MAX);
    }
    return 0;
}

void user_log_clear(struct user_log *log, struct memory *memory)
{
    memory_release(memory, log->tails);
    log->tails = NULL;
}

static uint16_t *tail_of(const struct user_log *log, const struct id *user)
{
    return &log->tails[bytes_get_u32_be(user->bytes) & (USER_LOG_TAILS - 1)];
}

enum columba_error user_log_append(struct core *core, const struct id *user,
                                   const struct user_event *event)
{
    uint8_t *bytes = effects_allocate(&core->effects, USER_EVENT_BYTES);
    if (bytes == NULL) {
        return ERR_NO_MEMORY;
    }
    struct writer writer = writer_of(bytes, USER_EVENT_BYTES);
    writer_u8(&writer, USER_EVENT_FORMAT);
    writer_u8(&writer, event->is_own ? EVENT_FLAG_OWN : 0);
    writer_id(&writer, &event->conversation);
    writer_id(&writer, &event->message);
    uint64_t token = token_of_partition(PARTITION_USER, user);
    struct key_bytes key = local_log_key(token, user, ++core->user_log.sequence);
    if (!core_write(core, EFFECT_PUT, key_slice(&key), writer_done(&writer))) {
        return ERR_NO_MEMORY;
    }
    (*tail_of(&core->user_log, user))++;
    core->counters.log_events++;
    return COLUMBA_OK;
}

bool user_event_decode(struct slice bytes, struct user_event *out_event)
{
    struct reader reader = reader_of(bytes);
    uint8_t format = reader_u8(&reader);
    uint8_t flags = reader_u8(&reader);
    struct user_event event = {.is_own = (flags & EVENT_FLAG_OWN) != 0};
    event.conversation = reader_id(&reader);
    event.message = reader_id(&reader);
    if (!reader_is_done(&reader) || format != USER_EVENT_FORMAT || (flags & ~EVENT_FLAG_OWN) != 0) {
        return false;
    }
    *out_event = event;
    return true;
}

bool user_log_tail_is_long(struct user_log *log, const struct id *user)
{
    uint16_t *tail = tail_of(log, user);
    if (*tail < USER_LOG_TAIL_MAX) {
        return false;
    }
    *tail = 0;
    return true;
}
