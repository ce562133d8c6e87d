#include "client/library.h"
#include "proto/change.h"
#include "proto/content.h"

/* --- a page, opened -------------------------------------------------------------------------- */

static void message_problem(struct columba_message *out, enum columba_error problem,
                            const char *text)
{
    out->body = "";
    out->body_bytes = 0;
    out->problem = (enum columba_error_code)problem;
    out->problem_text = text;
}

/* False: no memory; the future has failed. */
static bool body_open(struct columba_future *future, const struct id *conversation,
                      const struct message_history_row *row, const struct content *content,
                      enum seal_use use, struct columba_message *out)
{
    const struct seal_key *key = future->client->key;
    if (key == NULL) {
        message_problem(out, ERR_WRONG_KEY, "the message is sealed and no key was given");
        return true;
    }
    if (content->body.size < SEAL_OVERHEAD_BYTES) {
        message_problem(out, ERR_WRONG_KEY, seal_result_text(SEAL_UNKNOWN_FORM));
        return true;
    }
    size_t size = content->body.size - SEAL_OVERHEAD_BYTES;
    uint8_t *body = call_allocate(future, size + 1, 1);
    if (body == NULL) {
        return false;
    }
    const struct seal_place place = {conversation, &row->message, content, use};
    enum seal_result result = seal_open(key, &place, content->body, body);
    if (result != SEAL_OPENED) {
        message_problem(out, ERR_WRONG_KEY, seal_result_text(result));
        return true;
    }
    body[size] = '\0';
    out->body = body;
    out->body_bytes = size;
    return true;
}

/* Type, media URL and body of a content: the message's, or its newest edit's. False: no memory. */
static bool text_fill(struct columba_future *future, const struct id *conversation,
                      const struct message_history_row *row, const struct content *content,
                      enum seal_use use, struct columba_message *out)
{
    out->media_url = call_copy(future, content->media_url);
    if (out->media_url == NULL) {
        return false;
    }
    out->type = content->type;
    out->epoch = content->epoch;
    out->is_encrypted = content->is_encrypted;
    if (content->is_encrypted) {
        return body_open(future, conversation, row, content, use, out);
    }
    out->body = call_copy(future, content->body);
    out->body_bytes = content->body.size;
    return out->body != NULL;
}

static bool edit_fill(struct columba_future *future, const struct id *conversation,
                      const struct message_history_row *row, struct slice sender,
                      struct columba_message *out)
{
    struct content content;
    out->edit_number = row->edit_number < UINT32_MAX ? (uint32_t)row->edit_number : UINT32_MAX;
    if (content_decode(row->edited, &content) != COLUMBA_OK ||
        !slice_equal(content.sender, sender)) {
        message_problem(out, ERR_MALFORMED, "what is stored is no edit by the message's sender");
        return true;
    }
    out->edited_at_ms = content.created_at_ms;
    return text_fill(future, conversation, row, &content, SEAL_USE_EDIT, out);
}

static bool is_of_sender(const struct message_history_row *row, struct slice name,
                         struct columba_message *out)
{
    struct id sender = id_of_name(ID_USER, name);
    if (message_id_is_of_sender(&row->message, &sender)) {
        return true;
    }
    message_problem(out, ERR_MALFORMED, "the message's id was not made for its sender");
    return false;
}

/* A mark's value, opened. NULL: no memory. */
static const uint8_t *mark_open(struct columba_future *future, const struct id *conversation,
                                const struct id *message, const struct mark *mark,
                                size_t *out_bytes, enum columba_error_code *out_problem)
{
    const struct seal_key *key = future->client->key;
    *out_bytes = 0;
    *out_problem = COLUMBA_ERROR_OK;
    if (!mark->is_sealed) {
        *out_bytes = mark->value.size;
        return call_copy(future, mark->value);
    }
    uint8_t *opened = call_allocate(future, mark->value.size + 1, 1);
    if (opened == NULL) {
        return NULL;
    }
    opened[0] = '\0';
    bool is_column = mark->kind == MARK_COLUMN;
    struct content place = {.type = 0};
    *(is_column ? &place.media_url : &place.sender) = mark->key;
    const struct seal_place bound = {conversation, message, &place,
                                     is_column ? SEAL_USE_COLUMN : SEAL_USE_REACTION};
    if (key == NULL || mark->key.size > NAME_MAX_BYTES || mark->value.size < SEAL_OVERHEAD_BYTES ||
        seal_open(key, &bound, mark->value, opened) != SEAL_OPENED) {
        *out_problem = COLUMBA_ERROR_WRONG_KEY;
        opened[0] = '\0';
        return opened;
    }
    *out_bytes = mark->value.size - SEAL_OVERHEAD_BYTES;
    opened[*out_bytes] = '\0';
    return opened;
}

static bool reaction_fill(struct columba_future *future, const struct id *conversation,
                          const struct message_history_row *row, const struct mark *mark,
                          struct columba_reaction *out)
{
    size_t bytes;
    struct id user;
    *out = (struct columba_reaction){.is_encrypted = mark->is_sealed};
    if (id_from_slice(mark->key, &user)) {
        out->user = id_out(&user);
    }
    out->text =
        (const char *)mark_open(future, conversation, &row->message, mark, &bytes, &out->problem);
    return out->text != NULL;
}

static bool column_fill(struct columba_future *future, const struct id *conversation,
                        const struct message_history_row *row, const struct mark *mark,
                        struct columba_column *out)
{
    *out = (struct columba_column){.is_encrypted = mark->is_sealed};
    out->name = call_copy(future, mark->key);
    out->value =
        mark_open(future, conversation, &row->message, mark, &out->value_bytes, &out->problem);
    return out->name != NULL && out->value != NULL;
}

static size_t marks_count(struct slice bytes, enum mark_kind kind)
{
    struct mark_reader reader;
    struct mark mark;
    size_t count = 0;
    mark_reader_init(&reader, bytes);
    while (mark_next(&reader, &mark)) {
        count += mark.kind == kind && mark.value.size > 0 ? 1 : 0;
    }
    return count;
}

/* What was taken back is not shown. False: no memory. */
static bool marks_fill(struct columba_future *future, const struct id *conversation,
                       const struct message_history_row *row, struct columba_message *out)
{
    size_t reaction_count = marks_count(row->marks, MARK_REACTION);
    size_t column_count = marks_count(row->marks, MARK_COLUMN);
    if (reaction_count + column_count == 0) {
        return true;
    }
    struct columba_reaction *reactions =
        call_allocate(future, reaction_count + 1, sizeof(reactions[0]));
    struct columba_column *columns = call_allocate(future, column_count + 1, sizeof(columns[0]));
    if (reactions == NULL || columns == NULL) {
        return false;
    }
    struct mark_reader reader;
    struct mark mark;
    bool is_filled = true;
    mark_reader_init(&reader, row->marks);
    while (is_filled && mark_next(&reader, &mark)) {
        if (mark.value.size == 0) {
            continue;
        }
        is_filled =
            mark.kind == MARK_REACTION
                ? reaction_fill(future, conversation, row, &mark, &reactions[out->reaction_count++])
                : column_fill(future, conversation, row, &mark, &columns[out->column_count++]);
    }
    out->reactions = reactions;
    out->columns = columns;
    return is_filled;
}

/* Nothing is left of it but who sent it, and its time. */
static bool deleted_fill(struct columba_future *future, const struct message_history_row *row,
                         struct columba_message *out)
{
    out->is_deleted = true;
    out->body = "";
    out->created_at_ms = message_id_unix_ms(&row->message);
    out->from = call_copy(future, row->deleted_sender);
    if (out->from == NULL) {
        return false;
    }
    (void)is_of_sender(row, row->deleted_sender, out);
    return true;
}

bool call_message_fill(struct columba_future *future, const struct id *conversation,
                       const struct message_history_row *row, struct columba_message *out)
{
    struct content content;
    *out = (struct columba_message){
        .id = id_out(&row->message), .from = "", .media_url = "", .problem_text = ""};
    if (row->is_deleted) {
        return deleted_fill(future, row, out);
    }
    if (row->is_undecided) {
        out->created_at_ms = message_id_unix_ms(&row->message);
        message_problem(out, ERR_UNDECIDED, error_text(ERR_UNDECIDED));
        return true;
    }
    if (content_decode(row->content, &content) != COLUMBA_OK) {
        message_problem(out, ERR_MALFORMED, "what is stored does not parse as a message");
        return true;
    }
    out->from = call_copy(future, content.sender);
    if (out->from == NULL) {
        return false;
    }
    out->type = content.type;
    out->epoch = content.epoch;
    out->created_at_ms = content.created_at_ms;
    out->is_encrypted = content.is_encrypted;
    if (!is_of_sender(row, content.sender, out)) {
        return true;
    }
    if (!marks_fill(future, conversation, row, out)) {
        return false;
    }
    if (row->edited.size > 0) {
        return edit_fill(future, conversation, row, content.sender, out);
    }
    return text_fill(future, conversation, row, &content, SEAL_USE_BODY, out);
}

static void history_done(struct part *part, const struct message *answer)
{
    struct columba_future *future = part->future;
    if (!call_part_ok(part)) {
        return;
    }
    const struct message_history *page = &answer->history;
    const struct id *conversation = &part->request.message.history_read.conversation;
    struct columba_message *messages = call_allocate(future, page->row_count, sizeof(messages[0]));
    if (messages == NULL) {
        return;
    }
    for (uint32_t i = 0; i < page->row_count; i++) {
        if (!call_message_fill(future, conversation, &page->rows[i], &messages[i])) {
            return;
        }
    }
    future->result_kind = RESULT_HISTORY;
    future->result.history = (struct columba_history_page){
        .messages = messages, .count = page->row_count, .more = page->more};
    future_done(future);
}

static void history_submit(struct columba_future *future, const struct columba_history_read *read)
{
    struct slice conversation;
    if (!call_name(future, "conversation", read->conversation, &conversation)) {
        return;
    }
    if (read->limit > PAGE_MAX_ROWS) {
        future_refuse(future, ERR_TOO_LARGE, "a page has at most %u messages", PAGE_MAX_ROWS);
        return;
    }
    struct part *part = &future->first;
    struct id id = id_of_name(ID_CONVERSATION, conversation);
    part->request = (struct client_request){.node = CLIENT_NODE_ANY};
    part->request.message = (struct message){.type = MESSAGE_HISTORY_READ,
                                             .history_read = {.conversation = id,
                                                              .oldest_first = read->oldest_first,
                                                              .limit = read->limit,
                                                              .consistency = future->consistency}};
    if (read->before != NULL) {
        part->request.message.history_read.before = id_in(read->before);
    }
    if (read->after != NULL) {
        part->request.message.history_read.after = id_in(read->after);
    }
    call_route(part, PARTITION_CONVERSATION, &id);
    call_submit(future, part);
}

struct columba_future *columba_history(struct columba_client *client,
                                       const struct columba_history_read *read,
                                       const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, history_done);
    if (!call_is_begun(future)) {
        return future;
    }
    struct columba_history_read own;
    if (call_arguments(future, read, &own, sizeof(own))) {
        history_submit(future, &own);
    }
    return call_end(future);
}
