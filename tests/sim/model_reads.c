/* Every answer to a read, held against the model. */
#include <string.h>

#include "tests/sim/model.h"

static const char *id_short(const struct id *id)
{
    static char text[4][ID_TEXT_BYTES];
    static unsigned next;
    char *out = text[next++ % 4];
    id_to_text(id, out);
    return out;
}

/* History. */

static bool is_between(const struct id *id, const struct message_history_read *asked)
{
    return (id_is_zero(&asked->before) || id_compare(id, &asked->before) < 0) &&
           (id_is_zero(&asked->after) || id_compare(id, &asked->after) > 0);
}

/* Did the answer cover the place of this id? */
static bool is_covered(const struct id *id, const struct message_history_read *asked,
                       const struct message_history *answer)
{
    if (!is_between(id, asked)) {
        return false;
    }
    if (!answer->more) {
        return true;
    }
    if (answer->row_count == 0) {
        return false;
    }
    const struct id *last = &answer->rows[answer->row_count - 1].message;
    int order = id_compare(id, last);
    return asked->oldest_first ? order <= 0 : order >= 0;
}

static bool is_returned(const struct id *id, bool oldest_first,
                        const struct message_history *answer)
{
    uint32_t low = 0;
    uint32_t high = answer->row_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = id_compare(&answer->rows[middle].message, id);
        if (order == 0) {
            return true;
        }
        if (oldest_first ? order < 0 : order > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* What stays cannot be known: only of two bodies, and nothing of either is shown. */
static void check_undecided(struct model *model, const struct model_read *read,
                            const struct model_conversation *conversation,
                            const struct model_message *message,
                            const struct message_history_row *row)
{
    if (message->other == NULL && !message->has_rival) {
        findings_add(model->findings, "%s read %s in %s as undecided, of which there is one body",
                     read->who, id_short(&row->message), conversation->name);
    }
    if (row->content.size > 0 || row->edited.size > 0 || row->is_deleted) {
        findings_add(model->findings, "%s read %s in %s as undecided, and with a content",
                     read->who, id_short(&row->message), conversation->name);
    }
}

static void check_row(struct model *model, const struct model_read *read,
                      const struct model_conversation *conversation,
                      const struct message_history_row *row)
{
    struct model_message *message = model_message(conversation, &row->message);
    if (message == NULL) {
        findings_add(model->findings, "%s read %s in %s, which nobody sent there", read->who,
                     id_short(&row->message), conversation->name);
        return;
    }
    if (row->is_undecided) {
        check_undecided(model, read, conversation, message, row);
        return;
    }
    model_row_changes(model, read, message, row);
    if (row->is_deleted) {
        return;
    }
    const struct model_message *body = model_body(message, row->content);
    bool may_be_rival = message->has_rival && !read->is_quorum;
    if (body == NULL && may_be_rival) {
        return;
    }
    if (body == NULL) {
        findings_add(model->findings, "%s read %s in %s with other content than was sent",
                     read->who, id_short(&row->message), conversation->name);
    } else if (model_body_is_refused(body)) {
        findings_add(model->findings, "%s read %s in %s, whose send was refused", read->who,
                     id_short(&row->message), conversation->name);
    }
}

static void check_order(struct model *model, const struct model_read *read,
                        const struct message_history_read *asked,
                        const struct message_history *answer)
{
    for (uint32_t i = 0; i < answer->row_count; i++) {
        if (!is_between(&answer->rows[i].message, asked)) {
            findings_add(model->findings, "%s read a row outside of its bounds", read->who);
            return;
        }
        if (i > 0) {
            int order = id_compare(&answer->rows[i - 1].message, &answer->rows[i].message);
            if (asked->oldest_first ? order >= 0 : order <= 0) {
                findings_add(model->findings, "%s read rows out of order, or one twice", read->who);
                return;
            }
        }
    }
    if (asked->limit != 0 && answer->row_count > asked->limit) {
        findings_add(model->findings, "%s got %u rows, asked for %u", read->who, answer->row_count,
                     asked->limit);
    }
    if (answer->row_count == 0 && answer->more) {
        findings_add(model->findings, "%s got an empty page with more to come", read->who);
    }
}

static bool is_known_before(const struct model_message *message, uint64_t at_us)
{
    return message->known_at_us < at_us ||
           (message->other != NULL && message->other->known_at_us < at_us);
}

static void check_missing(struct model *model, const struct model_read *read,
                          const struct model_conversation *conversation,
                          const struct message_history_read *asked,
                          const struct message_history *answer)
{
    uint32_t end = id_is_zero(&asked->before) ? conversation->message_count
                                              : model_message_place(conversation, &asked->before);
    uint32_t first = model_message_place(conversation, &asked->after);
    if (answer->more && answer->row_count > 0) {
        const struct id *last = &answer->rows[answer->row_count - 1].message;
        uint32_t place = model_message_place(conversation, last);
        first = !asked->oldest_first && place > first ? place : first;
        end = asked->oldest_first && place < end ? place : end;
    }
    for (uint32_t i = first; i < end; i++) {
        const struct model_message *message = conversation->messages[i];
        if (is_known_before(message, read->start_us) && is_covered(&message->id, asked, answer) &&
            !is_returned(&message->id, asked->oldest_first, answer)) {
            findings_add(model->findings,
                         "%s did not read %s in %s, known since %.6f s, reading since %.6f s",
                         read->who, id_short(&message->id), conversation->name,
                         (double)message->known_at_us / 1e6, (double)read->start_us / 1e6);
        }
    }
}

static void note_known(struct model *model, struct model_conversation *conversation,
                       const struct message_history *answer, uint64_t now_us)
{
    for (uint32_t i = 0; i < answer->row_count; i++) {
        struct model_message *message = model_message(conversation, &answer->rows[i].message);
        struct model_message *body =
            message == NULL ? NULL : model_body(message, answer->rows[i].content);
        if (body != NULL) {
            model_message_known(model, body, now_us);
        }
        if (message != NULL) {
            model_changes_known(message, &answer->rows[i], now_us);
        }
    }
}

void model_history_seen(struct model *model, const struct model_read *read,
                        const struct message_history_read *asked,
                        const struct message_history *answer, uint64_t now_us)
{
    uint32_t index = model_conversation_by_id(model, &asked->conversation);
    struct model_conversation *conversation = &model->conversations[index];
    for (uint32_t i = 0; i < answer->row_count; i++) {
        check_row(model, read, conversation, &answer->rows[i]);
    }
    check_order(model, read, asked, answer);
    if (read->is_quorum) {
        check_missing(model, read, conversation, asked, answer);
        note_known(model, conversation, answer, now_us);
    }
}

/* Marks. */

static bool was_asked(const struct model_mark *mark, const struct id *value)
{
    if (id_is_zero(value)) {
        return true;
    }
    for (uint32_t i = 0; i < mark->asked_count; i++) {
        if (!mark->asked[i].is_refused && id_equal(&mark->asked[i].value, value)) {
            return true;
        }
    }
    return false;
}

static void check_mark(struct model *model, const struct model_read *read, const char *what,
                       struct model_mark *mark, const struct id *value, uint64_t now_us)
{
    if (!read->is_quorum) {
        return;
    }
    struct id floor = model_mark_floor(mark, read->start_us);
    if (id_compare(value, &floor) < 0) {
        findings_add(model->findings, "%s: %s went back from %s to %s", read->who, what,
                     id_short(&floor), id_short(value));
    }
    model_mark_known(mark, value, now_us);
}

static void check_asked(struct model *model, const struct model_read *read, const char *what,
                        const struct model_mark *mark, const struct id *value)
{
    if (!was_asked(mark, value)) {
        findings_add(model->findings, "%s: %s is %s, which nobody asked for, or was refused",
                     read->who, what, id_short(value));
    }
}

/* Inboxes. */

static void check_last(struct model *model, const struct model_read *read,
                       const struct model_conversation *conversation, const struct id *last)
{
    if (id_is_zero(last)) {
        return;
    }
    const struct model_message *message = model_message(conversation, last);
    if (message == NULL || model_message_is_refused(message)) {
        findings_add(model->findings, "%s: the newest message of %s is %s, which was not sent",
                     read->who, conversation->name, id_short(last));
    }
}

static void check_inbox_row(struct model *model, const struct model_read *read, uint32_t user,
                            const struct message_inbox_row *row, uint64_t now_us)
{
    uint32_t index = model_conversation_by_id(model, &row->conversation);
    struct model_member *member = index == UINT32_MAX ? NULL : model_member(model, index, user);
    if (member == NULL || member->asked_at_us == NEVER) {
        findings_add(model->findings, "%s has a conversation in the inbox that is not theirs",
                     read->who);
        return;
    }
    check_last(model, read, &model->conversations[index], &row->last);
    check_asked(model, read, "the read marker", &member->marker, &row->marker);
    check_mark(model, read, "the read marker", &member->marker, &row->marker, now_us);
    check_mark(model, read, "the newest message", &member->last, &row->last, now_us);
}

/* Newest first; of one newest message, the highest conversation first. */
static bool inbox_is_ahead(const struct id *last, const struct id *conversation,
                           const struct id *other_last, const struct id *other_conversation)
{
    int order = id_compare(last, other_last);
    return order > 0 || (order == 0 && id_compare(conversation, other_conversation) > 0);
}

static void check_inbox_order(struct model *model, const struct model_read *read,
                              const struct message_inbox_read *asked,
                              const struct message_inbox *answer)
{
    const struct id *last = &asked->after_last;
    const struct id *conversation = &asked->after;
    for (uint32_t i = 0; i < answer->row_count; i++) {
        const struct message_inbox_row *row = &answer->rows[i];
        bool has_before = i > 0 || !id_is_zero(&asked->after);
        if (has_before && !inbox_is_ahead(last, conversation, &row->last, &row->conversation)) {
            findings_add(model->findings, "%s got an inbox out of order, or a row twice",
                         read->who);
        }
        last = &row->last;
        conversation = &row->conversation;
    }
    if (asked->limit != 0 && answer->row_count > asked->limit) {
        findings_add(model->findings, "%s got %u rows of an inbox, asked for %u", read->who,
                     answer->row_count, asked->limit);
    }
    if (answer->row_count == 0 && answer->more) {
        findings_add(model->findings, "%s got an empty page of an inbox with more to come",
                     read->who);
    }
}

static bool inbox_has(const struct message_inbox *answer, const struct id *conversation)
{
    for (uint32_t i = 0; i < answer->row_count; i++) {
        if (id_equal(&answer->rows[i].conversation, conversation)) {
            return true;
        }
    }
    return false;
}

/* A first page holds all that was known to come before its last row. */
static void check_inbox_missing(struct model *model, const struct model_read *read, uint32_t user,
                                const struct message_inbox *answer)
{
    for (uint32_t i = 0; i < model->conversation_count; i++) {
        const struct id *conversation = &model->conversations[i].id;
        struct model_member *member = model_member(model, i, user);
        if (member == NULL || inbox_has(answer, conversation)) {
            continue;
        }
        struct id floor = model_mark_floor(&member->last, read->start_us);
        const struct message_inbox_row *end =
            answer->more && answer->row_count > 0 ? &answer->rows[answer->row_count - 1] : NULL;
        if (!id_is_zero(&floor) &&
            (end == NULL || inbox_is_ahead(&floor, conversation, &end->last, &end->conversation))) {
            findings_add(model->findings, "%s: %s is missing in the inbox of user %u", read->who,
                         model->conversations[i].name, user);
        }
    }
}

void model_inbox_seen(struct model *model, const struct model_read *read,
                      const struct message_inbox_read *asked, const struct message_inbox *answer,
                      uint64_t now_us)
{
    uint32_t user = model_user_by_id(model, &asked->user);
    check_inbox_order(model, read, asked, answer);
    if (read->is_quorum && id_is_zero(&asked->after)) {
        check_inbox_missing(model, read, user, answer);
    }
    for (uint32_t i = 0; i < answer->row_count; i++) {
        check_inbox_row(model, read, user, &answer->rows[i], now_us);
    }
}

/* Members. */

static const struct message_member_row *row_of_user(const struct message_members *answer,
                                                    const struct id *user)
{
    for (uint32_t i = 0; i < answer->row_count; i++) {
        if (id_equal(&answer->rows[i].user, user)) {
            return &answer->rows[i];
        }
    }
    return NULL;
}

static void check_member_row(struct model *model, const struct model_read *read, uint32_t index,
                             const struct message_member_row *row, uint64_t now_us)
{
    uint32_t user = model_user_by_id(model, &row->user);
    struct model_member *member = user == UINT32_MAX ? NULL : model_member(model, index, user);
    if (member == NULL || member->asked_at_us == NEVER) {
        findings_add(model->findings, "%s: %s has a member nobody added", read->who,
                     model->conversations[index].name);
        return;
    }
    if (!slice_equal(row->name, slice_of_text(model->users[user].name))) {
        findings_add(model->findings, "%s: user %u has another name", read->who, user);
    }
    check_asked(model, read, "a member's read mark", &member->marker, &row->read_up_to);
    check_mark(model, read, "a member's read mark", &member->read_up_to, &row->read_up_to, now_us);
}

void model_members_seen(struct model *model, const struct model_read *read,
                        const struct message_members_read *asked,
                        const struct message_members *answer, uint64_t now_us)
{
    uint32_t index = model_conversation_by_id(model, &asked->conversation);
    struct model_conversation *conversation = &model->conversations[index];
    for (uint32_t i = 0; i < answer->row_count; i++) {
        check_member_row(model, read, index, &answer->rows[i], now_us);
    }
    for (uint32_t i = 0; i < conversation->member_count && !answer->more; i++) {
        const struct model_member *member = &conversation->members[i];
        const struct id *user = &model->users[member->user].id;
        if (read->is_quorum && member->known_at_us < read->start_us &&
            id_compare(user, &asked->after) > 0 && row_of_user(answer, user) == NULL) {
            findings_add(model->findings, "%s: user %u is missing among the members of %s",
                         read->who, member->user, conversation->name);
        }
    }
}
