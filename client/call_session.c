#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/name.h"
#include "client/library.h"

/* A device's session: where it is, and what it was given lately. Each page is a question that the
 * node answers when there is something. */

/* A node answers within 15 s, even with nothing. */
#define ATTEMPT_TIMEOUT_MS 20000u
/* A page waits for ever; that is as long as a request can. */
#define WAIT_FOREVER_MS (30u * 24u * 3600u * 1000u)
/* Lookups of names and bodies that one page has under way at once. */
#define LOOKUPS_MAX 64u
/* Events that are known again when they come twice; in two generations. */
#define SEEN_MAX 8192u
#define SEEN_SLOTS (2u * SEEN_MAX)
#define CURSOR_FORMAT 1u
#define CURSOR_POSITION_BYTES (ID_BYTES + 8u + 8u + 4u)
#define CURSOR_MAX_BYTES (1u + POSITIONS_MAX * CURSOR_POSITION_BYTES)

struct seen {
    uint64_t slots[SEEN_SLOTS]; /* hashes; 0: free */
    uint32_t count;
};

struct columba_session {
    struct columba_client *client;
    struct id user;
    struct id device;
    uint64_t number;
    struct message_position positions[POSITIONS_MAX];
    uint32_t position_count;
    bool has_cursor;
    struct columba_future *asking; /* NULL: nothing is under way */
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    struct seen *seen[2]; /* the newer generation first */
};

/* A page that is being put together. */
struct session_page {
    struct columba_session *session;
    struct message_position *positions;
    uint32_t position_count;
    bool is_complete;
    struct message_sync_event *events;
    uint32_t count;
    uint32_t next; /* lookups: names of [0, count), bodies of [count, 2 * count) */
    uint32_t under_way;
};

/* ---- what came before ---- */

static uint64_t event_hash(const struct columba_session *session,
                           const struct message_sync_event *event)
{
    uint8_t bytes[2 * ID_BYTES + 1];
    uint8_t hash[crypto_shorthash_BYTES];
    memcpy(bytes, event->conversation.bytes, ID_BYTES);
    memcpy(bytes + ID_BYTES, event->message.bytes, ID_BYTES);
    bytes[2 * ID_BYTES] = (uint8_t)event->kind;
    crypto_shorthash(hash, bytes, sizeof(bytes), session->hash_key);
    uint64_t number = bytes_get_u64_be(hash);
    return number != 0 ? number : 1;
}

static bool seen_find(const struct seen *seen, uint64_t hash, uint32_t *out_slot)
{
    uint32_t slot = (uint32_t)hash & (SEEN_SLOTS - 1);
    while (seen->slots[slot] != 0 && seen->slots[slot] != hash) {
        slot = (slot + 1) & (SEEN_SLOTS - 1);
    }
    *out_slot = slot;
    return seen->slots[slot] == hash;
}

static bool is_seen(const struct columba_session *session, uint64_t hash)
{
    uint32_t slot;
    return seen_find(session->seen[0], hash, &slot) || seen_find(session->seen[1], hash, &slot);
}

static void seen_add(struct columba_session *session, uint64_t hash)
{
    uint32_t slot;
    if (session->seen[0]->count == SEEN_MAX) {
        struct seen *older = session->seen[1];
        session->seen[1] = session->seen[0];
        session->seen[0] = older;
        memset(older, 0, sizeof(*older));
    }
    if (!seen_find(session->seen[0], hash, &slot)) {
        session->seen[0]->slots[slot] = hash;
        session->seen[0]->count++;
    }
}

/* ---- the cursor: opaque to callers ---- */

static bool cursor_in(struct columba_session *session, struct slice bytes)
{
    struct reader reader = reader_of(bytes);
    if (reader_u8(&reader) != CURSOR_FORMAT || bytes.size > CURSOR_MAX_BYTES) {
        return false;
    }
    while (reader_left(&reader) > 0) {
        struct message_position *position = &session->positions[session->position_count++];
        position->host = reader_id(&reader);
        position->incarnation = reader_u64(&reader);
        position->sequence = reader_u64(&reader);
        position->skip = reader_u32(&reader);
    }
    session->has_cursor = true;
    return !reader.failed;
}

static void *cursor_out(struct columba_future *future, const struct session_page *page,
                        size_t *out_size)
{
    size_t size = 1 + page->position_count * CURSOR_POSITION_BYTES;
    uint8_t *bytes = call_allocate(future, size, 1);
    struct writer writer = writer_of(bytes, bytes == NULL ? 0 : size);
    writer_u8(&writer, CURSOR_FORMAT);
    for (uint32_t i = 0; i < page->position_count; i++) {
        writer_id(&writer, &page->positions[i].host);
        writer_u64(&writer, page->positions[i].incarnation);
        writer_u64(&writer, page->positions[i].sequence);
        writer_u32(&writer, page->positions[i].skip);
    }
    *out_size = size;
    return bytes;
}

/* ---- a page, put together ---- */

/* Asked for twice, by the node and from here, and nobody can say now what it is. */
static bool is_without_body(const struct message_sync_event *event)
{
    return event->content.size == 0 && !event->is_deleted;
}

static bool event_fill(struct columba_future *future, const struct message_sync_event *event,
                       struct columba_session_event *out)
{
    const char *name = name_cache_find(future->client, &event->conversation);
    const struct message_history_row row = {.message = event->message,
                                            .content = event->content,
                                            .edited = event->edited,
                                            .edit_number = event->edit_number,
                                            .is_deleted = event->is_deleted,
                                            .is_undecided = is_without_body(event),
                                            .deleted_sender = event->deleted_sender};
    *out = (struct columba_session_event){
        .type = event->kind == HAPPENED_MESSAGE ? COLUMBA_SESSION_MESSAGE : COLUMBA_SESSION_DELETED,
        .conversation = id_out(&event->conversation),
        .is_own = event->is_own,
        .name = call_copy(future, slice_of_text(name == NULL ? "" : name))};
    return out->name != NULL &&
           call_message_fill(future, &event->conversation, &row, &out->message);
}

static void page_finish(struct columba_future *future)
{
    struct session_page *page = future->state;
    struct columba_session *session = page->session;
    struct columba_session_event *events =
        call_allocate(future, page->count + 1, sizeof(events[0]));
    for (uint32_t i = 0; events != NULL && i < page->count; i++) {
        if (!event_fill(future, &page->events[i], &events[i])) {
            return;
        }
    }
    size_t cursor_bytes = 0;
    void *cursor = events == NULL ? NULL : cursor_out(future, page, &cursor_bytes);
    if (cursor == NULL) {
        return;
    }
    for (uint32_t i = 0; i < page->count; i++) {
        seen_add(session, event_hash(session, &page->events[i]));
    }
    memcpy(session->positions, page->positions,
           page->position_count * sizeof(session->positions[0]));
    session->position_count = page->position_count;
    session->has_cursor = true;
    future->result_kind = RESULT_SESSION;
    future->result.session = (struct columba_session_page){.events = events,
                                                           .count = page->count,
                                                           .is_complete = page->is_complete,
                                                           .cursor = cursor,
                                                           .cursor_bytes = cursor_bytes};
    future_done(future);
}

/* ---- names, and bodies that did not come along ---- */

static bool needs_lookup(struct columba_future *future, uint32_t lookup)
{
    const struct session_page *page = future->state;
    const struct message_sync_event *event = &page->events[lookup % page->count];
    if (lookup < page->count) {
        return name_cache_find(future->client, &event->conversation) == NULL;
    }
    return is_without_body(event);
}

/* The ids just before and behind: bounds are exclusive. */
static struct id id_beside(struct id id, int step)
{
    for (unsigned i = ID_BYTES; i-- > 0;) {
        int sum = id.bytes[i] + step;
        id.bytes[i] = (uint8_t)sum;
        if (sum >= 0 && sum <= UINT8_MAX) {
            break;
        }
    }
    return id;
}

static void lookup_submit(struct columba_future *future, struct part *part, uint32_t lookup)
{
    const struct session_page *page = future->state;
    const struct message_sync_event *event = &page->events[lookup % page->count];
    part->index = lookup;
    part->request = (struct client_request){.node = CLIENT_NODE_ANY};
    if (lookup < page->count) {
        part->request.message =
            (struct message){.type = MESSAGE_CONVERSATION_GET,
                             .conversation_get = {.conversation = event->conversation}};
    } else {
        part->request.message =
            (struct message){.type = MESSAGE_HISTORY_READ,
                             .history_read = {.conversation = event->conversation,
                                              .after = id_beside(event->message, -1),
                                              .before = id_beside(event->message, 1),
                                              .limit = 1,
                                              .consistency = COLUMBA_CONSISTENCY_QUORUM}};
    }
    call_route(part, PARTITION_CONVERSATION, &event->conversation);
    call_submit(future, part);
}

static void lookup_next(struct columba_future *future, struct part *part)
{
    struct session_page *page = future->state;
    while (page->next < 2 * page->count && !future->is_done) {
        uint32_t lookup = page->next++;
        if (needs_lookup(future, lookup)) {
            page->under_way++;
            lookup_submit(future, part, lookup);
            return;
        }
    }
}

/* False: no memory, and the future has failed. */
static bool row_keep(struct columba_future *future, const struct message_history_row *row,
                     struct message_sync_event *event)
{
    event->content = slice_of(call_copy(future, row->content), row->content.size);
    event->edited =
        slice_of(future->is_done ? NULL : call_copy(future, row->edited), row->edited.size);
    event->deleted_sender = slice_of(
        future->is_done ? NULL : call_copy(future, row->deleted_sender), row->deleted_sender.size);
    event->edit_number = row->edit_number;
    event->is_deleted = row->is_deleted;
    return !future->is_done;
}

static void lookup_done(struct part *part, const struct message *answer)
{
    struct columba_future *future = part->future;
    struct session_page *page = future->state;
    page->under_way--;
    bool is_body = part->index >= page->count;
    if (is_body && !call_part_ok(part)) {
        return; /* a page without a body would be one with a hole */
    }
    if (is_body && answer->history.row_count > 0 &&
        !row_keep(future, &answer->history.rows[0], &page->events[part->index % page->count])) {
        return;
    }
    if (!is_body && answer != NULL) {
        name_cache_put(future->client, &answer->conversation.conversation,
                       answer->conversation.name);
    }
    lookup_next(future, part);
    if (!future->is_done && page->under_way == 0) {
        page_finish(future);
    }
}

static void lookups_begin(struct columba_future *future)
{
    struct session_page *page = future->state;
    uint32_t lookups = 2 * page->count < LOOKUPS_MAX ? 2 * page->count : LOOKUPS_MAX;
    call_parts_begin(future, lookups, lookup_done, lookup_next);
    if (!future->is_done && page->under_way == 0) {
        page_finish(future);
    }
}

/* ---- questions ---- */

/* A node that started anew may have an event in two rows of its log. */
static bool is_kept(const struct session_page *page, const struct message_sync_event *event)
{
    for (uint32_t i = 0; i < page->count; i++) {
        const struct message_sync_event *kept = &page->events[i];
        if (id_equal(&kept->message, &event->message) && kept->kind == event->kind &&
            id_equal(&kept->conversation, &event->conversation)) {
            return true;
        }
    }
    return false;
}

/* What is to be shown of an answer: events of known kinds that did not come before. */
static bool events_keep(struct columba_future *future, const struct message_sync_events *answer)
{
    struct session_page *page = future->state;
    page->events = call_allocate(future, answer->event_count + 1, sizeof(page->events[0]));
    for (uint32_t i = 0; page->events != NULL && i < answer->event_count; i++) {
        const struct message_sync_event *event = &answer->events[i];
        bool is_shown = event->kind == HAPPENED_MESSAGE || event->kind == HAPPENED_DELETION;
        if (!is_shown || is_kept(page, event) ||
            is_seen(page->session, event_hash(page->session, event))) {
            continue;
        }
        struct message_sync_event *kept = &page->events[page->count++];
        const struct message_history_row row = {.content = event->content,
                                                .edited = event->edited,
                                                .edit_number = event->edit_number,
                                                .is_deleted = event->is_deleted,
                                                .deleted_sender = event->deleted_sender};
        *kept = *event;
        if (!row_keep(future, &row, kept)) {
            return false;
        }
    }
    return page->events != NULL;
}

static void page_answered(struct part *part, const struct message *answer)
{
    struct columba_future *future = part->future;
    struct session_page *page = future->state;
    if (!call_part_ok(part)) {
        return;
    }
    const struct message_sync_events *events = &answer->sync_events;
    struct slice positions = slice_of((const uint8_t *)events->positions,
                                      events->position_count * sizeof(events->positions[0]));
    page->positions = call_copy(future, positions);
    page->position_count = events->position_count;
    page->is_complete = events->is_complete;
    if (page->positions == NULL || !events_keep(future, events)) {
        return;
    }
    lookups_begin(future);
}

static void last_answered(struct part *part, const struct message *answer)
{
    (void)answer;
    if (call_part_ok(part)) {
        future_done(part->future);
    }
}

static void page_ask(struct columba_future *future, bool is_last)
{
    const struct session_page *page = future->state;
    const struct columba_session *session = page->session;
    struct part *part = &future->first;
    struct slice positions = slice_of((const uint8_t *)session->positions,
                                      session->position_count * sizeof(session->positions[0]));
    const void *kept = call_copy(future, positions);
    if (kept == NULL) {
        return;
    }
    part->request = (struct client_request){.node = CLIENT_NODE_ANY,
                                            .attempt_timeout_ms = is_last ? 0 : ATTEMPT_TIMEOUT_MS};
    part->request.message = (struct message){.type = MESSAGE_SYNC,
                                             .sync = {.user = session->user,
                                                      .device = session->device,
                                                      .session = session->number,
                                                      .has_cursor = session->has_cursor,
                                                      .positions = kept,
                                                      .position_count = session->position_count,
                                                      .is_last = is_last}};
    call_route(part, PARTITION_USER, &session->user);
    call_submit(future, part);
}

static struct columba_future *session_ask(struct columba_session *session,
                                          const struct columba_call *call, bool is_last)
{
    struct columba_future *future = call_begin(session == NULL ? NULL : session->client, call,
                                               is_last ? last_answered : page_answered);
    if (!call_is_begun(future)) {
        return future;
    }
    if (session->asking != NULL) {
        future_refuse(future, ERR_INVALID, "the session is being asked already");
        return call_end(future);
    }
    if (is_last && !session->has_cursor) {
        future_done(future); /* nothing was given out */
        return call_end(future);
    }
    if (!is_last && (call == NULL || call->timeout_ms == 0)) {
        future->deadline_ms = library_now(session->client) + WAIT_FOREVER_MS;
    }
    struct session_page *page = call_allocate(future, 1, sizeof(*page));
    if (page != NULL) {
        *page = (struct session_page){.session = session};
        future->state = page;
        future->session = session;
        session->asking = future;
        page_ask(future, is_last);
    }
    return call_end(future);
}

void session_forget(struct columba_session *session)
{
    session->asking = NULL;
}

/* ---- the interface ---- */

static bool session_fill(struct columba_session *session, const struct columba_session_new *open,
                         struct columba_error_info *out_error)
{
    const char *const names[] = {open->user, open->device};
    for (unsigned i = 0; i < 2; i++) {
        size_t size = names[i] == NULL ? 0 : strnlen(names[i], COLUMBA_NAME_MAX_BYTES + 1);
        const char *problem =
            size > COLUMBA_NAME_MAX_BYTES ? "is too long" : name_problem(slice_of(names[i], size));
        if (problem != NULL) {
            error_fill(out_error, ERR_INVALID, "the name of the %s %s", i == 0 ? "user" : "device",
                       problem);
            return false;
        }
    }
    session->user = id_of_name(ID_USER, slice_of_text(open->user));
    session->device = id_of_name(ID_DEVICE, slice_of_text(open->device));
    if (open->cursor_bytes > 0 && !cursor_in(session, slice_of(open->cursor, open->cursor_bytes))) {
        error_fill(out_error, ERR_INVALID, "the cursor is none that a session gave");
        return false;
    }
    return true;
}

struct columba_session *columba_session_open(struct columba_client *client,
                                             const struct columba_session_new *open,
                                             struct columba_error_info *out_error)
{
    struct columba_error_info ignored;
    struct columba_error_info *error = out_error != NULL ? out_error : &ignored;
    if (!library_is_own(client) || open == NULL ||
        (open->size != 0 && open->size != sizeof(*open))) {
        error_fill(error, ERR_INVALID, "there is no client, or nothing that is known to be opened");
        return NULL;
    }
    struct columba_session *session = calloc(1, sizeof(*session));
    bool is_made = session != NULL;
    for (unsigned i = 0; is_made && i < 2; i++) {
        session->seen[i] = calloc(1, sizeof(*session->seen[i]));
        is_made = session->seen[i] != NULL;
    }
    if (!is_made) {
        error_fill(error, ERR_NO_MEMORY, "%s", error_text(ERR_NO_MEMORY));
        columba_session_destroy(session);
        return NULL;
    }
    session->client = client;
    crypto_shorthash_keygen(session->hash_key);
    library_now(client);
    /* By the nodes' time where one was heard; of two in one millisecond chance decides. */
    session->number = client_unix_ms(client->core) << 16 | randombytes_uniform(1u << 16);
    if (!session_fill(session, open, error)) {
        columba_session_destroy(session);
        return NULL;
    }
    error_fill(error, COLUMBA_OK, "%s", "");
    return session;
}

struct columba_future *columba_session_next(struct columba_session *session,
                                            const struct columba_call *call)
{
    return session_ask(session, call, false);
}

struct columba_future *columba_session_close(struct columba_session *session,
                                             const struct columba_call *call)
{
    return session_ask(session, call, true);
}

void columba_session_destroy(struct columba_session *session)
{
    if (session == NULL) {
        return;
    }
    if (session->asking != NULL) {
        future_refuse(session->asking, ERR_CANCELLED, "the session was destroyed");
    }
    free(session->seen[0]);
    free(session->seen[1]);
    free(session);
}
