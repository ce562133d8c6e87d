#include <string.h>

#include "client/library.h"

/* --- create ---------------------------------------------------------------------------------- */

/* One request writes at most WRITE_MAX_ROWS rows, the conversation's own among them, and takes this
 * many bytes of names; a conversation with more members is made in several, one after the other. */
#define CREATE_MEMBERS_MAX (WRITE_MAX_ROWS - 1u)
#define CREATE_MEMBERS_MAX_BYTES (WRITE_MAX_BYTES / 2)

struct create_state {
    struct slice name;
    struct id id;
    uint32_t kind;
    uint64_t created_at_ms;
    struct message_member *members;
    size_t member_count;
    size_t member_next;
    bool is_started;
};

static uint32_t create_chunk(const struct create_state *state)
{
    size_t bytes = 0;
    uint32_t count = 0;
    while (count < CREATE_MEMBERS_MAX && state->member_next + count < state->member_count) {
        bytes += state->members[state->member_next + count].name.size;
        if (bytes > CREATE_MEMBERS_MAX_BYTES) {
            break;
        }
        count++;
    }
    return count;
}

/* The node judges the kind by the members it sees; where they come in several requests it is
 * judged here, by all of them. */
static uint32_t create_kind(const struct columba_client *client, const struct create_state *state)
{
    uint32_t fanout_max = client_fanout_members_max(client->core);
    if (state->kind != COLUMBA_KIND_BY_MEMBERS || state->member_count <= CREATE_MEMBERS_MAX) {
        return state->kind;
    }
    bool is_broadcast =
        state->member_count > (fanout_max > 0 ? fanout_max : FANOUT_MEMBERS_DEFAULT);
    return is_broadcast ? COLUMBA_KIND_BROADCAST : COLUMBA_KIND_GROUP;
}

static void create_next(struct columba_future *future)
{
    struct create_state *state = future->state;
    struct part *part = &future->first;
    uint32_t count = create_chunk(state);
    part->request = (struct client_request){.node = CLIENT_NODE_ANY};
    part->request.message =
        (struct message){.type = MESSAGE_CONVERSATION_CREATE,
                         .conversation_create = {.name = state->name,
                                                 .kind = create_kind(future->client, state),
                                                 .created_at_ms = state->created_at_ms,
                                                 .members = state->members + state->member_next,
                                                 .member_count = count,
                                                 .consistency = future->consistency}};
    state->member_next += count;
    state->is_started = true;
    call_route(part, PARTITION_CONVERSATION, &state->id);
    call_submit(future, part);
}

static void create_done(struct part *part, const struct message *answer)
{
    (void)answer;
    struct columba_future *future = part->future;
    const struct create_state *state = future->state;
    if (!call_part_ok(part)) {
        return;
    }
    if (state->member_next < state->member_count) {
        create_next(future);
    } else {
        future_done(future);
    }
}

/* The kind depends on the fan-out limit, which is known once a node has been reached. */
static void create_connected(struct part *part, const struct message *answer)
{
    (void)answer;
    if (call_part_ok(part)) {
        part->future->step = create_done;
        create_next(part->future);
    }
}

static bool create_members(struct columba_future *future, struct create_state *state,
                           const struct columba_conversation_new *create)
{
    if (create->member_count > COLUMBA_MEMBERS_MAX) {
        future_refuse(future, ERR_TOO_LARGE,
                      "a conversation is given at most %u members at a time; repeat the call for "
                      "more",
                      COLUMBA_MEMBERS_MAX);
        return false;
    }
    if (create->members == NULL && create->member_count > 0) {
        future_refuse(future, ERR_INVALID, "%zu members at NULL", create->member_count);
        return false;
    }
    state->member_count = create->member_count;
    state->members = call_allocate(future, create->member_count, sizeof(state->members[0]));
    if (state->members == NULL) {
        return false;
    }
    for (size_t i = 0; i < create->member_count; i++) {
        struct slice name;
        if (!call_name(future, "member", create->members[i], &name)) {
            return false;
        }
        void *copy = call_copy(future, name);
        if (copy == NULL) {
            return false;
        }
        state->members[i].name = slice_of(copy, name.size);
    }
    return true;
}

static void create_submit(struct columba_future *future,
                          const struct columba_conversation_new *create)
{
    struct create_state *state = arena_allocate_zero(&future->arena, sizeof(*state));
    struct slice name;
    if (state == NULL) {
        future_refuse(future, ERR_NO_MEMORY, "%s", error_text(ERR_NO_MEMORY));
        return;
    }
    if (!call_name(future, "conversation", create->name, &name) ||
        !call_time(future, create->created_at_ms)) {
        return;
    }
    if ((int)create->kind < COLUMBA_KIND_BY_MEMBERS || create->kind > COLUMBA_KIND_BROADCAST) {
        future_refuse(future, ERR_INVALID, "there is no kind %d of conversation",
                      (int)create->kind);
        return;
    }
    const void *copy = call_copy(future, name);
    if (copy == NULL || !create_members(future, state, create)) {
        return;
    }
    state->name = slice_of(copy, name.size);
    state->id = id_of_name(ID_CONVERSATION, state->name);
    state->kind = (uint32_t)create->kind;
    state->created_at_ms = create->created_at_ms;
    future->state = state;
    if (client_is_ready(future->client->core)) {
        create_next(future);
        return;
    }
    future->step = create_connected;
    future->first.request =
        (struct client_request){.node = CLIENT_NODE_ANY, .wait_for_connection = true};
    call_submit(future, &future->first);
}

struct columba_future *columba_conversation_create(struct columba_client *client,
                                                   const struct columba_conversation_new *create,
                                                   const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, create_done);
    if (!call_is_begun(future)) {
        return future;
    }
    struct columba_conversation_new own;
    if (call_arguments(future, create, &own, sizeof(own))) {
        create_submit(future, &own);
    }
    return call_end(future);
}

/* --- get ------------------------------------------------------------------------------------- */

static void get_done(struct part *part, const struct message *answer)
{
    struct columba_future *future = part->future;
    if (!call_part_ok(part)) {
        return;
    }
    const struct message_conversation *found = &answer->conversation;
    const char *name = call_copy(future, found->name);
    if (name == NULL) {
        return;
    }
    name_cache_put(future->client, &found->conversation, found->name);
    future->result_kind = RESULT_CONVERSATION;
    future->result.conversation =
        (struct columba_conversation){.id = id_out(&found->conversation),
                                      .name = name,
                                      .kind = (enum columba_kind)found->kind,
                                      .created_at_ms = found->created_at_ms,
                                      .membership_version = found->membership_version,
                                      .is_channel = found->is_channel};
    future_done(future);
}

struct columba_future *columba_conversation_get(struct columba_client *client, const char *name,
                                                const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, get_done);
    struct slice conversation;
    if (!call_is_begun(future)) {
        return future;
    }
    if (call_name(future, "conversation", name, &conversation)) {
        struct id id = id_of_name(ID_CONVERSATION, conversation);
        future->first.request = (struct client_request){.node = CLIENT_NODE_ANY};
        future->first.request.message = (struct message){
            .type = MESSAGE_CONVERSATION_GET,
            .conversation_get = {.conversation = id, .consistency = future->consistency}};
        call_route(&future->first, PARTITION_CONVERSATION, &id);
        call_submit(future, &future->first);
    }
    return call_end(future);
}

/* --- members --------------------------------------------------------------------------------- */

static void members_done(struct part *part, const struct message *answer)
{
    struct columba_future *future = part->future;
    if (!call_part_ok(part)) {
        return;
    }
    const struct message_members *page = &answer->members;
    struct columba_member *members = call_allocate(future, page->row_count, sizeof(members[0]));
    for (uint32_t i = 0; members != NULL && i < page->row_count; i++) {
        const struct message_member_row *row = &page->rows[i];
        members[i] = (struct columba_member){.user = id_out(&row->user),
                                             .name = call_copy(future, row->name),
                                             .delivered_up_to = id_out(&row->delivered_up_to),
                                             .read_up_to = id_out(&row->read_up_to)};
        if (members[i].name == NULL) {
            return;
        }
    }
    if (members == NULL) {
        return;
    }
    future->result_kind = RESULT_MEMBERS;
    future->result.members = (struct columba_member_page){
        .members = members, .count = page->row_count, .more = page->more};
    future_done(future);
}

static void members_submit(struct columba_future *future, const struct columba_members_read *read)
{
    struct slice conversation;
    if (!call_name(future, "conversation", read->conversation, &conversation)) {
        return;
    }
    if (read->limit > PAGE_MAX_ROWS) {
        future_refuse(future, ERR_TOO_LARGE, "a page has at most %u members", PAGE_MAX_ROWS);
        return;
    }
    struct id id = id_of_name(ID_CONVERSATION, conversation);
    future->first.request = (struct client_request){.node = CLIENT_NODE_ANY};
    future->first.request.message = (struct message){
        .type = MESSAGE_MEMBERS_READ,
        .members_read = {
            .conversation = id, .limit = read->limit, .consistency = future->consistency}};
    if (read->after != NULL) {
        future->first.request.message.members_read.after = id_in(read->after);
    }
    call_route(&future->first, PARTITION_CONVERSATION, &id);
    call_submit(future, &future->first);
}

struct columba_future *columba_members(struct columba_client *client,
                                       const struct columba_members_read *read,
                                       const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, members_done);
    struct columba_members_read own;
    if (!call_is_begun(future)) {
        return future;
    }
    if (call_arguments(future, read, &own, sizeof(own))) {
        members_submit(future, &own);
    }
    return call_end(future);
}
