/* columba_edit, _delete, _react, _set_column: changes of messages that were sent. */
#include <string.h>

#include "client/library.h"
#include "proto/change.h"

/* What both have in common. */
struct change_call {
    enum change_kind kind;
    const char *from;
    const char *conversation;
    struct columba_id message;
    const struct columba_id *change;
    struct call_content content; /* of an edit */
    const char *name;            /* of a column */
    struct slice value;          /* of a reaction or a column */
};

static bool change_ids(struct columba_future *future, const struct change_call *change,
                       struct slice from, struct message_change *out_request)
{
    out_request->message = id_in(&change->message);
    if (!message_id_is_valid(&out_request->message)) {
        future_refuse(future, ERR_INVALID,
                      "which message? its id is no UUID of version 7, as messages have");
        return false;
    }
    struct id actor = id_of_name(ID_USER, from);
    out_request->change = change->change != NULL ? id_in(change->change)
                                                 : client_message_id(future->client->core, &actor);
    if (!message_id_is_valid(&out_request->change)) {
        future_refuse(future, ERR_INVALID, "the change's id is no UUID of version 7");
        return false;
    }
    future->message = id_out(&out_request->change);
    return true;
}

static bool edit_content(struct columba_future *future, const struct change_call *change,
                         struct message_change *request)
{
    struct call_content content = change->content;
    content.from = change->from;
    content.conversation_id = request->conversation;
    content.message = request->message;
    content.use = SEAL_USE_EDIT;
    if (content.created_at_ms == 0) {
        content.created_at_ms = message_id_unix_ms(&request->change);
    }
    return call_content_encode(future, &content, &request->content);
}

/* What a reaction or a column is bound to, when it is sealed. */
static struct content mark_place(const struct change_call *change, const struct id *user)
{
    struct content place = {.type = 0};
    if (change->kind == CHANGE_REACTION) {
        place.sender = slice_of(user->bytes, sizeof(user->bytes));
    } else {
        place.media_url = slice_of_text(change->name);
    }
    return place;
}

static bool mark_check(struct columba_future *future, const struct change_call *change)
{
    bool is_column = change->kind == CHANGE_COLUMN;
    size_t most = is_column ? COLUMBA_COLUMN_MAX_BYTES : COLUMBA_REACTION_MAX_BYTES;
    if (change->value.size > most) {
        future_refuse(future, ERR_TOO_LARGE, "%s has %zu bytes, and may have %zu",
                      is_column ? "the column's value" : "the reaction", change->value.size, most);
        return false;
    }
    if (change->value.size > 0 && change->value.data == NULL) {
        future_refuse(future, ERR_INVALID, "a value of %zu bytes at NULL", change->value.size);
        return false;
    }
    struct slice name;
    if (is_column && !call_name(future, "column", change->name, &name)) {
        return false;
    }
    if (is_column && name.size > COLUMBA_COLUMN_NAME_MAX_BYTES) {
        future_refuse(future, ERR_TOO_LARGE, "a column's name has at most %u bytes",
                      COLUMBA_COLUMN_NAME_MAX_BYTES);
        return false;
    }
    return true;
}

/* An empty value stays empty: it takes back what there was. */
static bool mark_make(struct columba_future *future, const struct change_call *change,
                      const struct id *user, struct message_change *request)
{
    if (!mark_check(future, change)) {
        return false;
    }
    bool is_column = change->kind == CHANGE_COLUMN;
    if (is_column) {
        request->key.data = call_copy(future, slice_of_text(change->name));
        request->key.size = strlen(change->name);
    }
    uint8_t *bytes = call_allocate(future, 1 + change->value.size + SEAL_OVERHEAD_BYTES, 1);
    if (bytes == NULL || (is_column && request->key.data == NULL)) {
        return false;
    }
    if (change->value.size == 0) {
        return true;
    }
    struct content place = mark_place(change, user);
    size_t size = 1 + change->value.size;
    if (future->client->key == NULL) {
        bytes[0] = 0;
        memcpy(bytes + 1, change->value.data, change->value.size);
    } else {
        bytes[0] = MARK_SEALED;
        seal_body(future->client->key,
                  &(struct seal_place){&request->conversation, &request->message, &place,
                                       is_column ? SEAL_USE_COLUMN : SEAL_USE_REACTION},
                  change->value, bytes + 1);
        size += SEAL_OVERHEAD_BYTES;
    }
    request->content = slice_of(bytes, size);
    return true;
}

static bool change_content(struct columba_future *future, const struct change_call *change,
                           struct slice from, struct message_change *request)
{
    struct id user = id_of_name(ID_USER, from);
    switch (change->kind) {
    case CHANGE_EDIT:
        return edit_content(future, change, request);
    case CHANGE_REACTION:
    case CHANGE_COLUMN:
        return mark_make(future, change, &user, request);
    case CHANGE_DELETION:
        break;
    }
    return true;
}

static void change_submit(struct columba_future *future, const struct change_call *change)
{
    struct slice from, conversation;
    if (!call_name(future, "conversation", change->conversation, &conversation) ||
        !call_name(future, "sender", change->from, &from)) {
        return;
    }
    struct message_change request = {.conversation = id_of_name(ID_CONVERSATION, conversation),
                                     .kind = (uint32_t)change->kind,
                                     .consistency = future->consistency};
    request.actor.data = call_copy(future, from);
    request.actor.size = from.size;
    if (request.actor.data == NULL || !change_ids(future, change, from, &request) ||
        !change_content(future, change, from, &request)) {
        return;
    }
    struct part *part = &future->first;
    part->request = (struct client_request){.node = CLIENT_NODE_ANY};
    part->request.message = (struct message){.type = MESSAGE_CHANGE, .change = request};
    call_route(part, PARTITION_CONVERSATION, &request.conversation);
    call_submit(future, part);
}

struct columba_future *columba_edit(struct columba_client *client,
                                    const struct columba_message_edit *edit,
                                    const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, call_done_plain);
    if (!call_is_begun(future)) {
        return future;
    }
    struct columba_message_edit own;
    if (call_arguments(future, edit, &own, sizeof(own))) {
        change_submit(future, &(struct change_call){.kind = CHANGE_EDIT,
                                                    .from = own.from,
                                                    .conversation = own.conversation,
                                                    .message = own.message,
                                                    .change = own.change,
                                                    .content = {.body = own.body,
                                                                .body_bytes = own.body_bytes,
                                                                .media_url = own.media_url,
                                                                .created_at_ms = own.edited_at_ms,
                                                                .type = own.type}});
    }
    return call_end(future);
}

struct columba_future *columba_delete(struct columba_client *client,
                                      const struct columba_message_delete *delete_,
                                      const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, call_done_plain);
    if (!call_is_begun(future)) {
        return future;
    }
    struct columba_message_delete own;
    if (call_arguments(future, delete_, &own, sizeof(own))) {
        change_submit(future, &(struct change_call){.kind = CHANGE_DELETION,
                                                    .from = own.from,
                                                    .conversation = own.conversation,
                                                    .message = own.message,
                                                    .change = own.change});
    }
    return call_end(future);
}

struct columba_future *columba_react(struct columba_client *client,
                                     const struct columba_message_react *react,
                                     const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, call_done_plain);
    if (!call_is_begun(future)) {
        return future;
    }
    struct columba_message_react own;
    if (call_arguments(future, react, &own, sizeof(own))) {
        change_submit(future, &(struct change_call){.kind = CHANGE_REACTION,
                                                    .from = own.from,
                                                    .conversation = own.conversation,
                                                    .message = own.message,
                                                    .change = own.change,
                                                    .value = slice_of_text(
                                                        own.reaction != NULL ? own.reaction : "")});
    }
    return call_end(future);
}

struct columba_future *columba_set_column(struct columba_client *client,
                                          const struct columba_message_column *column,
                                          const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, call_done_plain);
    if (!call_is_begun(future)) {
        return future;
    }
    struct columba_message_column own;
    if (call_arguments(future, column, &own, sizeof(own))) {
        change_submit(future, &(struct change_call){.kind = CHANGE_COLUMN,
                                                    .from = own.from,
                                                    .conversation = own.conversation,
                                                    .message = own.message,
                                                    .change = own.change,
                                                    .name = own.name,
                                                    .value = slice_of(own.value, own.value_bytes)});
    }
    return call_end(future);
}

struct columba_id columba_future_change(const struct columba_future *future)
{
    return columba_future_message(future);
}
