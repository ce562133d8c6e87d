#include "client/library.h"

static struct id message_id_of(struct columba_future *future,
                               const struct columba_message_send *send, struct slice from)
{
    if (send->message != NULL) {
        return id_in(send->message);
    }
    struct id sender = id_of_name(ID_USER, from);
    return client_message_id(future->client->core, &sender);
}

static void send_submit(struct columba_future *future, const struct columba_message_send *send)
{
    struct call_content content = {.from = send->from,
                                   .body = send->body,
                                   .body_bytes = send->body_bytes,
                                   .media_url = send->media_url,
                                   .created_at_ms = send->created_at_ms,
                                   .type = send->type};
    struct slice from, bytes;
    if (!call_name(future, "conversation", send->to, &content.conversation) ||
        !call_content_check(future, &content, &from)) {
        return;
    }
    content.conversation_id = id_of_name(ID_CONVERSATION, content.conversation);
    content.message = message_id_of(future, send, from);
    if (!message_id_is_valid(&content.message)) {
        future_refuse(future, ERR_INVALID, "the message id is no UUID of version 7");
        return;
    }
    future->message = id_out(&content.message);
    if (!call_content_encode(future, &content, &bytes)) {
        return;
    }
    struct part *part = &future->first;
    part->request = (struct client_request){.node = CLIENT_NODE_ANY};
    part->request.message = (struct message){.type = MESSAGE_SEND,
                                             .send = {.conversation = content.conversation_id,
                                                      .message = content.message,
                                                      .content = bytes,
                                                      .consistency = future->consistency}};
    call_route(part, PARTITION_CONVERSATION, &content.conversation_id);
    call_submit(future, part);
}

struct columba_future *columba_send(struct columba_client *client,
                                    const struct columba_message_send *send,
                                    const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, call_done_plain);
    if (!call_is_begun(future)) {
        return future;
    }
    struct columba_message_send own;
    if (call_arguments(future, send, &own, sizeof(own))) {
        send_submit(future, &own);
    }
    return call_end(future);
}
