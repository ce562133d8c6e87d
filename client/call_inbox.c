#include <string.h>

#include "client/library.h"

#define INBOX_ROWS_DEFAULT 100u

/* --- inbox ----------------------------------------------------------------------------------- */

/* An inbox page comes without names; those that are not known yet are looked up, several at a
 * time. A name that cannot be had is left empty: the page is worth more than its names. */

struct inbox_state {
    struct columba_inbox_entry *entries;
    uint32_t count;
    uint32_t next; /* the first entry that was not looked at */
    uint32_t under_way;
    bool more;
};

/* --- the cursor: opaque to callers; the row behind which a node goes on ---------------------- */

static struct columba_inbox_cursor cursor_out(const struct columba_inbox_entry *last)
{
    struct columba_inbox_cursor cursor = {{0}};
    _Static_assert(sizeof(cursor.bytes) >= 2 * ID_BYTES, "both ids");
    memcpy(cursor.bytes, last->last.bytes, ID_BYTES);
    memcpy(cursor.bytes + ID_BYTES, last->conversation.bytes, ID_BYTES);
    return cursor;
}

static void cursor_in(const struct columba_inbox_cursor *cursor, struct message_inbox_read *read)
{
    memcpy(read->after_last.bytes, cursor->bytes, ID_BYTES);
    memcpy(read->after.bytes, cursor->bytes + ID_BYTES, ID_BYTES);
}

static void inbox_finish(struct columba_future *future)
{
    const struct inbox_state *state = future->state;
    future->result_kind = RESULT_INBOX;
    future->result.inbox = (struct columba_inbox_page){
        .entries = state->entries, .count = state->count, .more = state->more};
    if (state->count > 0) {
        future->result.inbox.next = cursor_out(&state->entries[state->count - 1]);
    }
    future_done(future);
}

static void lookup_submit(struct columba_future *future, struct part *part, uint32_t entry)
{
    const struct inbox_state *state = future->state;
    struct id id = id_in(&state->entries[entry].conversation);
    part->index = entry;
    part->request = (struct client_request){.node = CLIENT_NODE_ANY};
    part->request.message = (struct message){
        .type = MESSAGE_CONVERSATION_GET,
        .conversation_get = {.conversation = id, .consistency = future->consistency}};
    call_route(part, PARTITION_CONVERSATION, &id);
    call_submit(future, part);
}

/* Uses the part, which is free, for the next entry that lacks a name. */
static void lookup_next(struct columba_future *future, struct part *part)
{
    struct inbox_state *state = future->state;
    while (state->next < state->count && !future->is_done) {
        uint32_t entry = state->next++;
        struct id id = id_in(&state->entries[entry].conversation);
        const char *known = name_cache_find(future->client, &id);
        if (known == NULL) {
            state->under_way++;
            lookup_submit(future, part, entry);
            return;
        }
        state->entries[entry].name = call_copy(future, slice_of_text(known));
    }
}

static void lookup_done(struct part *part, const struct message *answer)
{
    struct columba_future *future = part->future;
    struct inbox_state *state = future->state;
    state->under_way--;
    if (answer != NULL) {
        const struct message_conversation *found = &answer->conversation;
        name_cache_put(future->client, &found->conversation, found->name);
        const char *name = call_copy(future, found->name);
        if (name == NULL) {
            return;
        }
        state->entries[part->index].name = name;
    }
    lookup_next(future, part);
    if (!future->is_done && state->under_way == 0) {
        inbox_finish(future);
    }
}

static bool inbox_entries(struct columba_future *future, const struct message_inbox *page)
{
    struct inbox_state *state = call_allocate(future, 1, sizeof(*state));
    struct columba_inbox_entry *entries =
        state == NULL ? NULL : call_allocate(future, page->row_count, sizeof(entries[0]));
    if (entries == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < page->row_count; i++) {
        const struct message_inbox_row *row = &page->rows[i];
        entries[i] = (struct columba_inbox_entry){.conversation = id_out(&row->conversation),
                                                  .name = "",
                                                  .last = id_out(&row->last),
                                                  .marker = id_out(&row->marker),
                                                  .unread = row->unread,
                                                  .unread_is_at_least = row->unread_is_at_least,
                                                  .has_unread = row->has_unread};
    }
    *state = (struct inbox_state){.entries = entries, .count = page->row_count, .more = page->more};
    future->state = state;
    return true;
}

static void inbox_done(struct part *part, const struct message *answer)
{
    struct columba_future *future = part->future;
    if (!call_part_ok(part) || !inbox_entries(future, &answer->inbox)) {
        return;
    }
    struct inbox_state *state = future->state;
    uint32_t lookups = state->count < NAME_LOOKUPS_MAX ? state->count : NAME_LOOKUPS_MAX;
    call_parts_begin(future, lookups, lookup_done, lookup_next);
    if (!future->is_done && state->under_way == 0) {
        inbox_finish(future);
    }
}

static void inbox_submit(struct columba_future *future, const struct columba_inbox_read *read)
{
    struct slice user;
    if (!call_name(future, "user", read->user, &user)) {
        return;
    }
    if (read->limit > COLUMBA_INBOX_MAX_ROWS) {
        future_refuse(future, ERR_TOO_LARGE, "a page of an inbox has at most %u conversations",
                      COLUMBA_INBOX_MAX_ROWS);
        return;
    }
    struct part *part = &future->first;
    struct id id = id_of_name(ID_USER, user);
    uint32_t limit = read->limit > 0 ? read->limit : INBOX_ROWS_DEFAULT;
    part->request = (struct client_request){.node = CLIENT_NODE_ANY};
    part->request.message = (struct message){
        .type = MESSAGE_INBOX_READ,
        .inbox_read = {.user = id, .limit = limit, .consistency = future->consistency}};
    if (read->cursor != NULL) {
        cursor_in(read->cursor, &part->request.message.inbox_read);
    }
    call_route(part, PARTITION_USER, &id);
    call_submit(future, part);
}

struct columba_future *columba_inbox(struct columba_client *client,
                                     const struct columba_inbox_read *read,
                                     const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, inbox_done);
    struct columba_inbox_read own;
    if (!call_is_begun(future)) {
        return future;
    }
    if (call_arguments(future, read, &own, sizeof(own))) {
        inbox_submit(future, &own);
    }
    return call_end(future);
}

/* --- mark read ------------------------------------------------------------------------------- */

struct mark_state {
    struct id user;
    struct id conversation;
};

static void mark_submit(struct columba_future *future, const struct id *up_to)
{
    const struct mark_state *state = future->state;
    struct part *part = &future->first;
    future->step = call_done_plain;
    part->request = (struct client_request){.node = CLIENT_NODE_ANY};
    part->request.message = (struct message){.type = MESSAGE_MARK_READ,
                                             .mark_read = {.user = state->user,
                                                           .conversation = state->conversation,
                                                           .up_to = *up_to,
                                                           .consistency = future->consistency}};
    call_route(part, PARTITION_USER, &state->user);
    call_submit(future, part);
}

static void newest_done(struct part *part, const struct message *answer)
{
    if (!call_part_ok(part)) {
        return;
    }
    if (answer->history.row_count == 0) {
        future_done(part->future); /* nothing there to be read */
        return;
    }
    struct id newest = answer->history.rows[0].message;
    mark_submit(part->future, &newest);
}

static void newest_submit(struct columba_future *future)
{
    const struct mark_state *state = future->state;
    struct part *part = &future->first;
    future->step = newest_done;
    part->request = (struct client_request){.node = CLIENT_NODE_ANY};
    part->request.message = (struct message){.type = MESSAGE_HISTORY_READ,
                                             .history_read = {.conversation = state->conversation,
                                                              .limit = 1,
                                                              .consistency = future->consistency}};
    call_route(part, PARTITION_CONVERSATION, &state->conversation);
    call_submit(future, part);
}

struct columba_future *columba_mark_read(struct columba_client *client, const char *user,
                                         const char *conversation, const struct columba_id *up_to,
                                         const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, call_done_plain);
    struct slice user_name, conversation_name;
    if (!call_is_begun(future)) {
        return future;
    }
    if (!call_name(future, "user", user, &user_name) ||
        !call_name(future, "conversation", conversation, &conversation_name)) {
        return call_end(future);
    }
    struct mark_state *state = call_allocate(future, 1, sizeof(*state));
    if (state != NULL) {
        *state =
            (struct mark_state){.user = id_of_name(ID_USER, user_name),
                                .conversation = id_of_name(ID_CONVERSATION, conversation_name)};
        future->state = state;
        if (up_to == NULL) {
            newest_submit(future);
        } else {
            struct id id = id_in(up_to);
            mark_submit(future, &id);
        }
    }
    return call_end(future);
}
