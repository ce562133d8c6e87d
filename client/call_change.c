/* columba_edit, columba_delete: changes of messages that were sent. */
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
        (change->kind == CHANGE_EDIT && !edit_content(future, change, &request))) {
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

struct columba_id columba_future_change(const struct columba_future *future)
{
    return columba_future_message(future);
}
