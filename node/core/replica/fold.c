#include "node/core/replica/fold.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/sort.h"
#include "node/core/replica/log_recovery.h"
#include "node/core/state.h"
#include "ring/token.h"
#include "node/store/key.h"
#include "node/store/row.h"

/* Cells of an inbox row besides the unread set. */
#define INBOX_FRAGMENT_BYTES 128u

static const uint8_t channel_flag = INBOX_FLAG_CHANNEL;

struct user_event {
    struct id conversation;
    struct id message;
    uint8_t kind; /* enum happening */
    bool is_own;
    uint32_t group; /* a place in groups.groups */
};

static int event_compare(const void *a, const void *b)
{
    const struct user_event *left = a;
    const struct user_event *right = b;
    return id_compare(&left->message, &right->message);
}

static bool makes_unread(const struct user_event *event)
{
    return event->kind == HAPPENED_MESSAGE && !event->is_own;
}

static bool makes_deleted(const struct user_event *event)
{
    return event->kind == HAPPENED_DELETION;
}

/* Ids of the messages of such events, ascending, each once; returns their bytes. */
static size_t ids_collect(const struct user_event *events, uint32_t count,
                          bool (*is_such)(const struct user_event *event), uint8_t *out_ids)
{
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *id = events[i].message.bytes;
        bool repeated = size > 0 && memcmp(out_ids + size - ID_BYTES, id, ID_BYTES) == 0;
        if (is_such(&events[i]) && !repeated) {
            memcpy(out_ids + size, id, ID_BYTES);
            size += ID_BYTES;
        }
    }
    return size;
}

/* NULL: no message among them. */
static const struct id *newest_message(const struct user_event *events, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        if (events[i].kind == HAPPENED_MESSAGE) {
            return &events[i].message;
        }
    }
    return NULL;
}

/* Since which version the conversation is a channel; 0: nothing says so. */
static uint64_t channel_version(const struct user_event *events, uint32_t count)
{
    uint64_t version = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t its = bytes_get_u64_be(events[i].message.bytes);
        if (events[i].kind == HAPPENED_CHANNEL && its > version) {
            version = its;
        }
    }
    return version;
}

/* One conversation's events become one row fragment. */
static bool conversation_fold(struct core *core, struct row_key *key,
                              const struct user_event *events, uint32_t count)
{
    COLUMBA_ASSERT(count > 0 && count <= FOLD_EVENTS_MAX);
    size_t room = INBOX_FRAGMENT_BYTES + count * (size_t)ID_BYTES;
    /* First those that are unread, then those that are deleted: each event is one or none. */
    uint8_t *ids = effects_allocate(&core->effects, count * (size_t)ID_BYTES);
    uint8_t *buffer = effects_allocate(&core->effects, room);
    if (ids == NULL || buffer == NULL) {
        return false;
    }
    /* Cells whose value alone decides a merge carry no stamp: however a replica groups the same
     * events into folds, it makes the same bytes. */
    struct row_writer row;
    row_writer_init(&row, buffer, room);
    const struct id *newest = newest_message(events, count);
    if (newest != NULL) {
        row_writer_cell(&row, &(struct cell){.column = COLUMN_INBOX_LAST,
                                             .value = slice_of(newest->bytes, ID_BYTES)});
    }
    size_t unread = ids_collect(events, count, makes_unread, ids);
    if (unread > 0) {
        row_writer_cell(
            &row, &(struct cell){.column = COLUMN_INBOX_UNREAD, .value = slice_of(ids, unread)});
    }
    uint64_t channel_since = channel_version(events, count);
    if (channel_since > 0) {
        row_writer_cell(&row, &(struct cell){.column = COLUMN_INBOX_FLAGS,
                                             .timestamp = channel_since,
                                             .value = slice_of(&channel_flag, 1)});
    }
    size_t deleted = ids_collect(events, count, makes_deleted, ids + unread);
    if (deleted > 0) {
        row_writer_cell(&row, &(struct cell){.column = COLUMN_INBOX_DELETED,
                                             .value = slice_of(ids + unread, deleted)});
    }
    memcpy(key->clustering, events[0].conversation.bytes, ID_BYTES);
    struct key_bytes bytes = row_key_encode(key);
    struct slice done = row_writer_done(&row);
    if (row.cells == 0) {
        return true; /* of kinds that are not known here */
    }
    return done.size > 0 && batch_write(core, EFFECT_MERGE, key_slice(&bytes), done);
}

/* A conversation's events: a part of struct groups.events, ascending by message. */
struct group {
    struct id conversation;
    uint32_t begin;
    uint32_t count;
};

struct groups {
    struct user_event *events;
    struct group *groups;
    uint32_t count;
    uint32_t *slots; /* a hash table: a place in `groups`, counted from 1; 0: free */
    uint32_t slot_mask;
};

static bool groups_make(struct core *core, struct groups *groups, uint32_t events)
{
    uint32_t slots = 2;
    while (slots < 2 * events) {
        slots *= 2;
    }
    *groups = (struct groups){
        .events = effects_allocate(&core->effects, events * sizeof(*groups->events)),
        .groups = effects_allocate(&core->effects, events * sizeof(*groups->groups)),
        .slots = effects_allocate(&core->effects, slots * sizeof(*groups->slots)),
        .slot_mask = slots - 1};
    if (groups->events == NULL || groups->groups == NULL || groups->slots == NULL) {
        return false;
    }
    memset(groups->slots, 0, slots * sizeof(*groups->slots));
    return true;
}

/* The place of the conversation's group; it is made where there is none. */
static uint32_t group_of(struct groups *groups, const struct id *conversation)
{
    uint32_t place = bytes_get_u32_be(conversation->bytes);
    for (;; place++) {
        uint32_t *slot = &groups->slots[place & groups->slot_mask];
        if (*slot == 0) {
            *slot = ++groups->count;
            groups->groups[*slot - 1] = (struct group){.conversation = *conversation};
        }
        if (id_equal(&groups->groups[*slot - 1].conversation, conversation)) {
            return *slot - 1;
        }
    }
}

/* Almost always they came in the order of their ids. */
static void group_sort(struct user_event *events, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (event_compare(&events[i - 1], &events[i]) > 0) {
            sort_heap(events, count, sizeof(*events), event_compare);
            return;
        }
    }
}

/* Conversations in the order in which they came first. */
static void groups_fill(struct groups *groups, struct user_event *events, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        events[i].group = group_of(groups, &events[i].conversation);
        groups->groups[events[i].group].count++;
    }
    uint32_t begin = 0;
    for (uint32_t i = 0; i < groups->count; i++) {
        groups->groups[i].begin = begin;
        begin += groups->groups[i].count;
        groups->groups[i].count = 0;
    }
    COLUMBA_ASSERT(begin == count);
    for (uint32_t i = 0; i < count; i++) {
        struct group *group = &groups->groups[events[i].group];
        groups->events[group->begin + group->count++] = events[i];
    }
    for (uint32_t i = 0; i < groups->count; i++) {
        group_sort(&groups->events[groups->groups[i].begin], groups->groups[i].count);
    }
}

static bool group_fold(struct core *core, struct row_key *key, const struct user_event *events,
                       uint32_t count)
{
    for (uint32_t begin = 0; begin < count; begin += FOLD_EVENTS_MAX) {
        uint32_t size = count - begin < FOLD_EVENTS_MAX ? count - begin : FOLD_EVENTS_MAX;
        if (!conversation_fold(core, key, &events[begin], size)) {
            return false;
        }
    }
    return true;
}

static bool events_fold(struct core *core, const struct id *user, struct user_event *events,
                        uint32_t count)
{
    struct row_key key = {.token = token_of_partition(PARTITION_USER, user),
                          .partition = *user,
                          .table = TABLE_INBOX,
                          .clustering_size = ID_BYTES};
    struct groups groups;
    if (!groups_make(core, &groups, count)) {
        return false;
    }
    groups_fill(&groups, events, count);
    for (uint32_t i = 0; i < groups.count; i++) {
        const struct group *group = &groups.groups[i];
        if (!group_fold(core, &key, &groups.events[group->begin], group->count)) {
            return false;
        }
    }
    return true;
}

/* False: no memory. What was written by then may be written again. */
static bool user_fold(struct core *core, struct log_user *user)
{
    COLUMBA_ASSERT(user->count > 0);
    const struct log_tail *tail = &core->user_log.tail;
    struct user_event *events = effects_allocate(&core->effects, user->count * sizeof(*events));
    if (events == NULL) {
        return false;
    }
    uint32_t count = 0;
    uint32_t at = user->first;
    for (uint32_t left = user->count; left > 0; left--) {
        const struct log_event *event = log_tail_event(tail, at);
        events[count++] = (struct user_event){.conversation = event->conversation,
                                              .message = event->message,
                                              .kind = event->kind,
                                              .is_own = event->is_own};
        at = event->next;
    }
    if (!events_fold(core, &user->id, events, count) || !user_log_folded(core, user)) {
        return false;
    }
    core->counters.folds++;
    return true;
}

enum fold_outcome fold_user(struct core *core, const struct id *id)
{
    struct log_user *user = log_tail_find(&core->user_log.tail, id);
    if (user == NULL && user_log_fold_batch(&core->user_log, id) <= core->batch.durable) {
        return FOLD_DURABLE;
    }
    if (core->mode == NODE_FAILED || !batch_has_room(&core->batch) ||
        (user != NULL && !user_fold(core, user))) {
        return FOLD_FAILED;
    }
    /* Batches are committed in order, so what was folded before is durable with the open one. */
    return FOLD_GATHERED;
}

bool fold_make_room(struct core *core, uint32_t events)
{
    struct log_tail *tail = &core->user_log.tail;
    /* One fold frees one event at least; the second one makes up for what others left. */
    for (uint32_t left = 2 * events; left > 0 && log_tail_is_crowded(tail, events); left--) {
        struct log_user *user = log_tail_oldest(tail);
        if (user == NULL || !user_fold(core, user)) {
            break;
        }
    }
    return log_tail_has_room(tail, events);
}

/* Users who get equally many messages must not all be folded in the same seconds. */
static uint32_t tail_max(const struct id *user)
{
    return USER_LOG_TAIL_MAX - user->bytes[0] % (USER_LOG_TAIL_MAX / 2);
}

void fold_long_tail(struct core *core, struct log_user *user)
{
    if (user->count >= tail_max(&user->id)) {
        user_fold(core, user); /* without memory, a little later */
    }
}
