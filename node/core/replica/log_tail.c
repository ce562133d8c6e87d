#include "node/core/replica/log_tail.h"

#include "base/assert.h"
#include "base/bytes.h"

static uint32_t power_of_two_from(uint32_t least)
{
    uint32_t power = 1;
    while (power < least) {
        power *= 2;
    }
    return power;
}

int log_tail_init(struct log_tail *tail, struct memory *memory, uint32_t events_max)
{
    *tail =
        (struct log_tail){.events_max = power_of_two_from(events_max), .users_free = LOG_TAIL_NONE};
    tail->rows_max = power_of_two_from(tail->events_max / LOG_TAIL_EVENTS_PER_ROW);
    tail->bucket_count = tail->rows_max;
    /* Not zeroed: what is never used is never touched. */
    tail->events = memory_allocate(memory, tail->events_max * sizeof(*tail->events));
    tail->rows = memory_allocate(memory, tail->rows_max * sizeof(*tail->rows));
    tail->users = memory_allocate(memory, tail->events_max * sizeof(*tail->users));
    tail->buckets = memory_allocate(memory, tail->bucket_count * sizeof(*tail->buckets));
    if (tail->events == NULL || tail->rows == NULL || tail->users == NULL ||
        tail->buckets == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < tail->bucket_count; i++) {
        tail->buckets[i] = LOG_TAIL_NONE;
    }
    return 0;
}

void log_tail_clear(struct log_tail *tail, struct memory *memory)
{
    memory_release(memory, tail->events);
    memory_release(memory, tail->rows);
    memory_release(memory, tail->users);
    memory_release(memory, tail->buckets);
    *tail = (struct log_tail){0};
}

static struct log_event *event_at(const struct log_tail *tail, uint32_t position)
{
    return &tail->events[position & (tail->events_max - 1)];
}

static struct log_row *row_at(const struct log_tail *tail, uint32_t position)
{
    return &tail->rows[position & (tail->rows_max - 1)];
}

static uint32_t *bucket_of(const struct log_tail *tail, const struct id *user)
{
    /* Ids are hashes already. */
    return &tail->buckets[bytes_get_u32_be(user->bytes) & (tail->bucket_count - 1)];
}

bool log_tail_has_room(const struct log_tail *tail, uint32_t events)
{
    uint32_t rows = tail->rows_end - tail->rows_begin;
    uint32_t used = tail->events_end - tail->events_begin;
    return rows < tail->rows_max && events <= tail->events_max - used;
}

bool log_tail_is_crowded(const struct log_tail *tail, uint32_t events)
{
    uint32_t rows = tail->rows_end - tail->rows_begin;
    uint64_t used = (uint64_t)(tail->events_end - tail->events_begin) + events;
    return rows >= tail->rows_max / 4 * LOG_TAIL_CROWDED_QUARTERS ||
           used > tail->events_max / 4 * LOG_TAIL_CROWDED_QUARTERS;
}

void log_tail_row_open(struct log_tail *tail, uint64_t sequence)
{
    COLUMBA_ASSERT(!tail->is_open && log_tail_has_room(tail, 0));
    *row_at(tail, tail->rows_end++) =
        (struct log_row){.sequence = sequence, .first = tail->events_end};
    tail->is_open = true;
}

const struct log_row *log_tail_open_row(const struct log_tail *tail)
{
    return tail->is_open ? row_at(tail, tail->rows_end - 1) : NULL;
}

static void rows_leave(struct log_tail *tail)
{
    uint32_t closed_end = tail->rows_end - (tail->is_open ? 1 : 0);
    while (tail->rows_begin != closed_end && row_at(tail, tail->rows_begin)->unfolded == 0) {
        tail->events_begin += row_at(tail, tail->rows_begin)->count;
        tail->rows_begin++;
    }
}

void log_tail_row_close(struct log_tail *tail)
{
    COLUMBA_ASSERT(tail->is_open);
    tail->is_open = false;
    rows_leave(tail);
}

struct log_user *log_tail_find(const struct log_tail *tail, const struct id *user)
{
    for (uint32_t i = *bucket_of(tail, user); i != LOG_TAIL_NONE; i = tail->users[i].next) {
        if (id_equal(&tail->users[i].id, user)) {
            return &tail->users[i];
        }
    }
    return NULL;
}

/* There is a place for a user wherever there is one for an event. */
static struct log_user *user_add(struct log_tail *tail, const struct id *id)
{
    uint32_t index = tail->users_free;
    if (index != LOG_TAIL_NONE) {
        tail->users_free = tail->users[index].next;
    } else {
        COLUMBA_ASSERT(tail->users_touched < tail->events_max);
        index = tail->users_touched++;
    }
    uint32_t *bucket = bucket_of(tail, id);
    tail->users[index] = (struct log_user){.id = *id, .next = *bucket};
    *bucket = index;
    return &tail->users[index];
}

static void user_remove(struct log_tail *tail, struct log_user *user)
{
    uint32_t index = (uint32_t)(user - tail->users);
    uint32_t *link = bucket_of(tail, &user->id);
    while (*link != index) {
        COLUMBA_ASSERT(*link != LOG_TAIL_NONE);
        link = &tail->users[*link].next;
    }
    *link = user->next;
    user->next = tail->users_free;
    tail->users_free = index;
}

struct log_user *log_tail_append(struct log_tail *tail, const struct id *user,
                                 const struct id *conversation, const struct id *message,
                                 uint8_t kind, bool is_own)
{
    COLUMBA_ASSERT(tail->is_open && tail->events_end - tail->events_begin < tail->events_max);
    uint32_t position = tail->events_end++;
    struct log_user *owner = log_tail_find(tail, user);
    if (owner == NULL) {
        owner = user_add(tail, user);
        owner->first = position;
    } else {
        event_at(tail, owner->last)->next = position;
    }
    owner->last = position;
    owner->count++;
    *event_at(tail, position) = (struct log_event){.conversation = *conversation,
                                                   .message = *message,
                                                   .user = (uint32_t)(owner - tail->users),
                                                   .row = tail->rows_end - 1,
                                                   .kind = kind,
                                                   .is_own = is_own};
    struct log_row *row = row_at(tail, tail->rows_end - 1);
    row->count++;
    row->unfolded++;
    tail->unfolded++;
    return owner;
}

const struct log_event *log_tail_event(const struct log_tail *tail, uint32_t position)
{
    COLUMBA_ASSERT(position - tail->events_begin < tail->events_end - tail->events_begin);
    return event_at(tail, position);
}

const struct id *log_tail_user_of(const struct log_tail *tail, const struct log_event *event)
{
    COLUMBA_ASSERT(!event->is_folded);
    return &tail->users[event->user].id;
}

struct log_user *log_tail_oldest(struct log_tail *tail)
{
    if ((int32_t)(tail->events_begin - tail->oldest) > 0) {
        tail->oldest = tail->events_begin;
    }
    while (tail->oldest != tail->events_end && event_at(tail, tail->oldest)->is_folded) {
        tail->oldest++;
    }
    return tail->oldest == tail->events_end ? NULL
                                            : &tail->users[event_at(tail, tail->oldest)->user];
}

void log_tail_fold(struct log_tail *tail, struct log_user *user,
                   void (*row_done)(void *context, uint64_t sequence), void *context)
{
    uint32_t position = user->first;
    for (uint32_t left = user->count; left > 0; left--) {
        struct log_event *event = event_at(tail, position);
        struct log_row *row = row_at(tail, event->row);
        COLUMBA_ASSERT(!event->is_folded && row->unfolded > 0);
        event->is_folded = true;
        bool is_open = tail->is_open && event->row == tail->rows_end - 1;
        if (--row->unfolded == 0 && !is_open) {
            row_done(context, row->sequence);
        }
        position = event->next;
    }
    COLUMBA_ASSERT(tail->unfolded >= user->count);
    tail->unfolded -= user->count;
    user_remove(tail, user);
    rows_leave(tail);
}
