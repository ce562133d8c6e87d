#include <string.h>

#include "client/library.h"

/* As documented: what a message counts beside its texts. */
#define IMPORT_MESSAGE_BYTES 160u

/* --- history --------------------------------------------------------------------------------- */

static void history_import_done(struct part *part, const struct message *answer)
{
    struct columba_future *future = part->future;
    if (call_part_ok(part)) {
        future->result_kind = RESULT_DIFFERING;
        future->result.differing = answer->status.differing;
        future_done(future);
    }
}

static bool import_fits(struct columba_future *future,
                        const struct columba_import_message *messages, size_t count)
{
    size_t bytes = 0;
    if (count == 0 || count > COLUMBA_IMPORT_MAX_ROWS) {
        future_refuse(future, count == 0 ? ERR_INVALID : ERR_TOO_LARGE,
                      "an import takes 1 to %u messages at a time", COLUMBA_IMPORT_MAX_ROWS);
        return false;
    }
    if (messages == NULL) {
        future_refuse(future, ERR_INVALID, "%zu messages at NULL", count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bytes += IMPORT_MESSAGE_BYTES + messages[i].body_bytes;
        bytes += messages[i].from != NULL ? strlen(messages[i].from) : 0;
        bytes += messages[i].media_url != NULL ? strlen(messages[i].media_url) : 0;
    }
    /* One message alone always fits, whatever its size. */
    if (bytes > COLUMBA_IMPORT_MAX_BYTES && count > 1) {
        future_refuse(future, ERR_TOO_LARGE,
                      "%zu messages of %zu bytes together; an import takes at most %u bytes at a "
                      "time",
                      count, bytes, COLUMBA_IMPORT_MAX_BYTES);
        return false;
    }
    return true;
}

static bool import_row(struct columba_future *future, struct slice conversation,
                       const struct id *conversation_id,
                       const struct columba_import_message *message,
                       struct message_history_row *out_row)
{
    const struct call_content content = {.conversation = conversation,
                                         .conversation_id = *conversation_id,
                                         .message = id_in(&message->id),
                                         .from = message->from,
                                         .body = message->body,
                                         .body_bytes = message->body_bytes,
                                         .media_url = message->media_url,
                                         .created_at_ms = message->created_at_ms,
                                         .type = message->type};
    if (message->reserved[0] != 0 || message->reserved[1] != 0) {
        future_refuse(future, ERR_INVALID, "a message's reserved fields are not zero");
        return false;
    }
    if (!message_id_is_valid(&content.message)) {
        future_refuse(future, ERR_INVALID, "a message id is no UUID of version 7");
        return false;
    }
    *out_row = (struct message_history_row){.message = content.message};
    return call_content_encode(future, &content, &out_row->content);
}

static void history_import_submit(struct columba_future *future, const char *conversation,
                                  const struct columba_import_message *messages, size_t count)
{
    struct slice name;
    if (!call_name(future, "conversation", conversation, &name) ||
        !import_fits(future, messages, count)) {
        return;
    }
    struct id id = id_of_name(ID_CONVERSATION, name);
    struct message_history_row *rows = call_allocate(future, count, sizeof(rows[0]));
    if (rows == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!import_row(future, name, &id, &messages[i], &rows[i])) {
            return;
        }
    }
    struct part *part = &future->first;
    part->request = (struct client_request){.node = CLIENT_NODE_ANY};
    part->request.message =
        (struct message){.type = MESSAGE_HISTORY_IMPORT,
                         .history_import = {.conversation = id,
                                            .rows = rows,
                                            .row_count = (uint32_t)count,
                                            .consistency = future->consistency}};
    call_route(part, PARTITION_CONVERSATION, &id);
    call_submit(future, part);
}

struct columba_future *columba_history_import(struct columba_client *client,
                                              const char *conversation,
                                              const struct columba_import_message *messages,
                                              size_t count, const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, history_import_done);
    if (!call_is_begun(future)) {
        return future;
    }
    history_import_submit(future, conversation, messages, count);
    return call_end(future);
}

/* --- inbox rows ------------------------------------------------------------------------------ */

static bool inbox_row(struct columba_future *future, const struct columba_import_inbox *row,
                      struct message_inbox_import_row *out_row)
{
    struct slice user, conversation;
    if (row->reserved[0] != 0 || row->reserved[1] != 0) {
        future_refuse(future, ERR_INVALID, "an inbox row's reserved fields are not zero");
        return false;
    }
    if (!call_name(future, "user", row->user, &user) ||
        !call_name(future, "conversation", row->conversation, &conversation)) {
        return false;
    }
    *out_row =
        (struct message_inbox_import_row){.user = id_of_name(ID_USER, user),
                                          .conversation = id_of_name(ID_CONVERSATION, conversation),
                                          .last = id_in(&row->last),
                                          .marker = id_in(&row->marker),
                                          .is_channel = row->is_channel};
    return true;
}

static void inbox_import_submit(struct columba_future *future,
                                const struct columba_import_inbox *rows, size_t count)
{
    if (count == 0 || count > COLUMBA_IMPORT_MAX_ROWS) {
        future_refuse(future, count == 0 ? ERR_INVALID : ERR_TOO_LARGE,
                      "an import takes 1 to %u inbox rows at a time", COLUMBA_IMPORT_MAX_ROWS);
        return;
    }
    if (rows == NULL) {
        future_refuse(future, ERR_INVALID, "%zu inbox rows at NULL", count);
        return;
    }
    struct message_inbox_import_row *out = call_allocate(future, count, sizeof(out[0]));
    if (out == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!inbox_row(future, &rows[i], &out[i])) {
            return;
        }
    }
    struct part *part = &future->first;
    part->request = (struct client_request){.node = CLIENT_NODE_ANY};
    part->request.message = (struct message){.type = MESSAGE_INBOX_IMPORT,
                                             .inbox_import = {.rows = out,
                                                              .row_count = (uint32_t)count,
                                                              .consistency = future->consistency}};
    call_route(part, PARTITION_USER, &out[0].user);
    call_submit(future, part);
}

struct columba_future *columba_inbox_import(struct columba_client *client,
                                            const struct columba_import_inbox *rows, size_t count,
                                            const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, call_done_plain);
    if (!call_is_begun(future)) {
        return future;
    }
    inbox_import_submit(future, rows, count);
    return call_end(future);
}
