#include "client/core/answer.h"

#include "base/limits.h"
#include "base/name.h"
#include "base/utf8.h"
#include "proto/request.h"

static const char *const too_many = "more rows than it was asked for";
static const char *const no_way = "an empty page that claims to have a next one";
static const char *const out_of_order = "rows that are out of order or were not asked for";
static const char *const wrong_name = "a name that does not belong to its id";

static enum message_type answer_type(enum message_type question)
{
    const struct request_kind *kind = request_kind_of(question);
    if (kind != NULL) {
        return kind->answer;
    }
    return question == MESSAGE_ADMIN  ? MESSAGE_ADMIN_REPLY
           : question == MESSAGE_PING ? MESSAGE_PING
                                      : MESSAGE_STATUS;
}

static uint32_t limit_or(uint32_t limit, uint32_t otherwise)
{
    uint32_t rows = limit == 0 ? otherwise : limit;
    return rows < PAGE_MAX_ROWS ? rows : PAGE_MAX_ROWS;
}

static const char *page_problem(uint32_t row_count, uint32_t limit, bool more)
{
    if (row_count > limit) {
        return too_many;
    }
    return more && row_count == 0 ? no_way : NULL;
}

/* An id of rows that may be without a name: the conversation's row has not come yet, say. */
static bool name_fits(enum id_kind kind, struct slice name, const struct id *id)
{
    if (name.size == 0) {
        return true;
    }
    struct id named = id_of_name(kind, name);
    return name_problem(name) == NULL && id_equal(&named, id);
}

static const char *conversation_problem(const struct message_conversation_get *question,
                                        const struct message_conversation *answer)
{
    if (!id_equal(&answer->conversation, &question->conversation)) {
        return "another conversation";
    }
    return name_fits(ID_CONVERSATION, answer->name, &answer->conversation) ? NULL : wrong_name;
}

static const char *members_problem(const struct message_members_read *question,
                                   const struct message_members *answer)
{
    const struct id *before = &question->after;
    for (uint32_t i = 0; i < answer->row_count; i++) {
        const struct message_member_row *row = &answer->rows[i];
        if (id_compare(&row->user, before) <= 0) {
            return out_of_order;
        }
        if (!name_fits(ID_USER, row->name, &row->user)) {
            return wrong_name;
        }
        before = &row->user;
    }
    return page_problem(answer->row_count, limit_or(question->limit, PAGE_MAX_ROWS), answer->more);
}

static bool is_in_bounds(const struct message_history_read *question, const struct id *message)
{
    return (id_is_zero(&question->after) || id_compare(message, &question->after) > 0) &&
           (id_is_zero(&question->before) || id_compare(message, &question->before) < 0);
}

static const char *history_problem(const struct message_history_read *question,
                                   const struct message_history *answer)
{
    for (uint32_t i = 0; i < answer->row_count; i++) {
        const struct id *message = &answer->rows[i].message;
        if (!is_in_bounds(question, message)) {
            return out_of_order;
        }
        int order = i == 0 ? 0 : id_compare(&answer->rows[i - 1].message, message);
        if (i > 0 && (question->oldest_first ? order >= 0 : order <= 0)) {
            return out_of_order;
        }
    }
    return page_problem(answer->row_count, limit_or(question->limit, ANSWER_HISTORY_ROWS_DEFAULT),
                        answer->more);
}

/* Newest first; of one newest message, the highest conversation first. */
static bool inbox_row_follows(const struct id *last, const struct id *conversation,
                              const struct message_inbox_row *row)
{
    int order = id_compare(&row->last, last);
    return order < 0 || (order == 0 && id_compare(&row->conversation, conversation) < 0);
}

static const char *inbox_problem(const struct message_inbox_read *question,
                                 const struct message_inbox *answer)
{
    const struct id *last = &question->after_last;
    const struct id *conversation = &question->after;
    for (uint32_t i = 0; i < answer->row_count; i++) {
        const struct message_inbox_row *row = &answer->rows[i];
        bool has_before = i > 0 || !id_is_zero(&question->after);
        if (has_before && !inbox_row_follows(last, conversation, row)) {
            return out_of_order;
        }
        last = &row->last;
        conversation = &row->conversation;
    }
    return page_problem(answer->row_count, limit_or(question->limit, PAGE_MAX_ROWS), answer->more);
}

static const char *sync_problem(const struct message_sync *question,
                                const struct message_sync_events *answer)
{
    uint32_t limit = question->limit == 0 ? SYNC_EVENTS_MAX : question->limit;
    if (answer->event_count > limit) {
        return too_many;
    }
    return answer->position_count == 0 && !question->is_last ? "no positions" : NULL;
}

const char *answer_problem(const struct message *question, const struct message *answer)
{
    if (answer->type != answer_type(question->type)) {
        return "a message that does not belong to the question";
    }
    switch (answer->type) {
    case MESSAGE_CONVERSATION:
        return conversation_problem(&question->conversation_get, &answer->conversation);
    case MESSAGE_MEMBERS:
        return members_problem(&question->members_read, &answer->members);
    case MESSAGE_HISTORY:
        return history_problem(&question->history_read, &answer->history);
    case MESSAGE_INBOX:
        return inbox_problem(&question->inbox_read, &answer->inbox);
    case MESSAGE_SYNC_EVENTS:
        return sync_problem(&question->sync, &answer->sync_events);
    case MESSAGE_ADMIN_REPLY:
        return utf8_is_valid(answer->admin_reply.json) ? NULL : "text that is not UTF-8";
    default:
        return NULL;
    }
}
