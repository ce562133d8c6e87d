#include "tests/sim/audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "tests/sim/caller.h"
#include "tests/sim/channels.h"
#include "tests/sim/diagnosis.h"
#include "tests/sim/model.h"

#define AUDIT_PAGE_ROWS 200u
/* Short: ends of pages are where an order goes wrong. */
#define AUDIT_INBOX_ROWS 3u
#define AUDIT_TIMEOUT_US (15u * MICROSECONDS_PER_SECOND)

enum step_kind { STEP_CONVERSATION, STEP_HISTORY, STEP_MEMBERS, STEP_INBOX };

struct step {
    enum step_kind kind;
    uint32_t subject; /* conversation or user */
    uint32_t level;
    bool keeps;    /* this pass over the history is the truth for what follows */
    bool compares; /* it must find what the kept pass found */
};

struct audit {
    struct world *world;
    enum audit_kind kind;
    struct caller caller;
    struct step *steps;
    uint32_t step_count;
    uint32_t step_next;
    uint16_t host_next;
    struct message request;
    struct model_read read;
    char who[64];
    struct id *pass; /* ids of a conversation, as one pass over its history found them */
    uint32_t pass_count;
    uint32_t pass_capacity;
    struct message_inbox_row *inbox; /* of a user, of all pages so far */
    uint32_t inbox_count;
    struct id **kept; /* by conversation: newest first */
    uint32_t *kept_count;
    bool *is_channel; /* by conversation: as it is told */
};

static void step_add(struct audit *audit, struct step step)
{
    audit->steps[audit->step_count++] = step;
}

static void steps_of_sweep(struct audit *audit)
{
    const struct model *model = audit->world->model;
    for (uint32_t i = 0; i < model->conversation_count; i++) {
        if (model->conversations[i].known_at_us == NEVER) {
            continue;
        }
        step_add(audit, (struct step){STEP_CONVERSATION, i, CONSISTENCY_QUORUM, false, false});
        step_add(audit, (struct step){STEP_HISTORY, i, CONSISTENCY_QUORUM, false, false});
        step_add(audit, (struct step){STEP_MEMBERS, i, CONSISTENCY_QUORUM, false, false});
    }
    for (uint32_t i = 0; i < model->user_count; i++) {
        step_add(audit, (struct step){STEP_INBOX, i, CONSISTENCY_QUORUM, false, false});
    }
}

static void steps_of_end(struct audit *audit)
{
    const struct model *model = audit->world->model;
    for (uint32_t i = 0; i < model->conversation_count; i++) {
        if (model->conversations[i].known_at_us == NEVER) {
            continue;
        }
        step_add(audit, (struct step){STEP_CONVERSATION, i, CONSISTENCY_ALL, false, false});
        step_add(audit, (struct step){STEP_HISTORY, i, CONSISTENCY_QUORUM, false, false});
        step_add(audit, (struct step){STEP_HISTORY, i, CONSISTENCY_ALL, true, false});
        step_add(audit, (struct step){STEP_HISTORY, i, CONSISTENCY_QUORUM, false, true});
        step_add(audit, (struct step){STEP_MEMBERS, i, CONSISTENCY_QUORUM, false, false});
        step_add(audit, (struct step){STEP_MEMBERS, i, CONSISTENCY_ALL, false, false});
    }
    for (uint32_t i = 0; i < model->user_count; i++) {
        step_add(audit, (struct step){STEP_INBOX, i, CONSISTENCY_QUORUM, false, false});
        step_add(audit, (struct step){STEP_INBOX, i, CONSISTENCY_ALL, false, false});
    }
}

static void steps_plan(struct audit *audit)
{
    const struct model *model = audit->world->model;
    audit->steps =
        calloc(6 * model->conversation_count + 2 * model->user_count, sizeof *audit->steps);
    COLUMBA_ASSERT(audit->steps != NULL);
    if (audit->kind == AUDIT_SWEEP) {
        steps_of_sweep(audit);
    } else {
        steps_of_end(audit);
    }
}

struct audit *audit_create(struct world *world, uint32_t endpoint, enum audit_kind kind)
{
    struct audit *audit = calloc(1, sizeof *audit);
    COLUMBA_ASSERT(audit != NULL);
    audit->world = world;
    audit->kind = kind;
    caller_init(&audit->caller, world, endpoint, 0);
    uint32_t conversations = world->model->conversation_count;
    audit->kept = calloc(conversations, sizeof *audit->kept);
    audit->kept_count = calloc(conversations, sizeof *audit->kept_count);
    audit->is_channel = calloc(conversations, sizeof *audit->is_channel);
    COLUMBA_ASSERT(audit->kept != NULL && audit->kept_count != NULL && audit->is_channel != NULL);
    return audit;
}

void audit_destroy(struct audit *audit)
{
    if (audit == NULL) {
        return;
    }
    for (uint32_t i = 0; i < audit->world->model->conversation_count; i++) {
        free(audit->kept[i]);
    }
    caller_clear(&audit->caller);
    free(audit->kept);
    free(audit->kept_count);
    free(audit->is_channel);
    free(audit->pass);
    free(audit->inbox);
    free(audit->steps);
    free(audit);
}

bool audit_is_done(const struct audit *audit)
{
    return audit->steps != NULL && audit->step_next >= audit->step_count;
}

static void take_conversation(struct audit *audit, const struct step *step,
                              const struct message_conversation *answer)
{
    struct world *world = audit->world;
    const struct model_conversation *conversation = &world->model->conversations[step->subject];
    if (!slice_equal(answer->name, slice_of_text(conversation->name))) {
        findings_add(&world->findings, "%s has another name", conversation->name);
    }
    bool may_be_channel = channel_asked_at_us(world, conversation) != NEVER;
    if (answer->is_channel ? !may_be_channel : channel_is_known(world, conversation)) {
        findings_add(&world->findings, "%s is %s channel", conversation->name,
                     answer->is_channel ? "a" : "no");
    }
    audit->is_channel[step->subject] = answer->is_channel;
}

/* Histories. */

static void pass_add(struct audit *audit, const struct id *id)
{
    if (audit->pass_count == audit->pass_capacity) {
        audit->pass_capacity = 1024 + 2 * audit->pass_capacity;
        audit->pass = realloc(audit->pass, audit->pass_capacity * sizeof *audit->pass);
        COLUMBA_ASSERT(audit->pass != NULL);
    }
    audit->pass[audit->pass_count++] = *id;
}

static void pass_keep(struct audit *audit, uint32_t conversation)
{
    size_t bytes = audit->pass_count * sizeof(struct id);
    audit->kept[conversation] = malloc(bytes == 0 ? 1 : bytes);
    COLUMBA_ASSERT(audit->kept[conversation] != NULL);
    if (bytes > 0) {
        memcpy(audit->kept[conversation], audit->pass, bytes);
    }
    audit->kept_count[conversation] = audit->pass_count;
}

static bool is_kept(const struct audit *audit, uint32_t conversation, const struct id *id)
{
    uint32_t low = 0; /* newest first */
    uint32_t high = audit->kept_count[conversation];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = id_compare(&audit->kept[conversation][middle], id);
        if (order == 0) {
            return true;
        }
        if (order > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* What a quorum has. Below one, a node with an empty directory may have taken it, which nobody had
 * told yet that it must not. */
static bool must_be_kept(const struct audit *audit, const struct model_message *message)
{
    return audit->world->has_stray_node ? message->known_at_us != NEVER : message->is_acknowledged;
}

static void check_acknowledged(struct audit *audit, uint32_t index)
{
    const struct model_conversation *conversation = &audit->world->model->conversations[index];
    for (uint32_t i = 0; i < conversation->message_count; i++) {
        const struct model_message *message = conversation->messages[i];
        bool is_acknowledged = must_be_kept(audit, message) ||
                               (message->other != NULL && must_be_kept(audit, message->other));
        if (is_acknowledged && !is_kept(audit, index, &message->id)) {
            char text[ID_TEXT_BYTES];
            id_to_text(&message->id, text);
            findings_add(&audit->world->findings, "%s of %s was acknowledged and is lost", text,
                         conversation->name);
        }
    }
}

static void check_same(struct audit *audit, uint32_t conversation)
{
    size_t bytes = audit->pass_count * sizeof(struct id);
    if (audit->pass_count != audit->kept_count[conversation] ||
        (bytes > 0 && memcmp(audit->pass, audit->kept[conversation], bytes) != 0)) {
        findings_add(&audit->world->findings,
                     "%s: a QUORUM read finds %u messages, a read at ALL before it found %u",
                     audit->world->model->conversations[conversation].name, audit->pass_count,
                     audit->kept_count[conversation]);
    }
}

static void history_end(struct audit *audit, const struct step *step)
{
    if (step->keeps) {
        pass_keep(audit, step->subject);
        check_acknowledged(audit, step->subject);
    }
    if (step->compares) {
        check_same(audit, step->subject);
    }
    audit->pass_count = 0;
}

static void deletion_note(struct audit *audit, const struct step *step,
                          const struct message_history_row *row)
{
    const struct model_conversation *conversation =
        &audit->world->model->conversations[step->subject];
    struct model_message *message = model_message(conversation, &row->message);
    if (step->keeps && message != NULL) {
        message->is_deleted_at_end = row->is_deleted;
    }
}

/* True: there is another page. */
static bool take_history(struct audit *audit, const struct step *step,
                         const struct message_history *answer)
{
    struct message_history_read *asked = &audit->request.history_read;
    model_history_seen(audit->world->model, &audit->read, asked, answer,
                       world_now_us(audit->world));
    for (uint32_t i = 0; i < answer->row_count; i++) {
        pass_add(audit, &answer->rows[i].message);
        deletion_note(audit, step, &answer->rows[i]);
    }
    if (answer->more && answer->row_count > 0) {
        asked->before = answer->rows[answer->row_count - 1].message;
        return true;
    }
    history_end(audit, step);
    return false;
}

/* Inboxes. */

/* Somebody who joined later may have got what was under way then, must have what was sent after. */
struct expectation {
    uint32_t unread_least;
    uint32_t unread_most;
    struct id last_least; /* zero: perhaps nothing at all */
};

static bool is_above(const struct model_message *message, const struct model_member *member,
                     const struct id *marker)
{
    return message->sender != member->user && id_compare(&message->id, marker) > 0 &&
           !message->is_deleted_at_end;
}

/* An import is fanned out to nobody; but a replica that missed it may have taken another body that
 * somebody sent under its id, and told the members of what is stored there. */
static bool may_be_unread_for(const struct model_message *message,
                              const struct model_member *member, const struct id *marker)
{
    return is_above(message, member, marker) && (!message->is_imported || message->has_rival);
}

static bool is_unread_for(const struct model_message *message, const struct model_member *member,
                          const struct id *marker)
{
    return is_above(message, member, marker) && !message->is_imported;
}

static bool must_have(const struct model_conversation *conversation,
                      const struct model_member *member, const struct model_message *message)
{
    bool is_first = member < conversation->members + conversation->first_count;
    return is_first || message->asked_at_us > member->known_at_us;
}

static struct expectation expect(const struct audit *audit, uint32_t index,
                                 const struct model_member *member, const struct id *marker)
{
    const struct model_conversation *conversation = &audit->world->model->conversations[index];
    uint64_t grown_at_us =
        audit->is_channel[index] ? channel_asked_at_us(audit->world, conversation) : NEVER;
    struct expectation expected = {0};
    for (uint32_t i = audit->kept_count[index]; i > 0; i--) {
        const struct id *id = &audit->kept[index][i - 1];
        const struct model_message *message = model_message(conversation, id);
        if (message == NULL) {
            continue;
        }
        bool must = must_have(conversation, member, message);
        bool is_unread = is_unread_for(message, member, marker);
        expected.unread_least += is_unread && must;
        expected.unread_most += may_be_unread_for(message, member, marker);
        bool was_group = message->known_at_us < grown_at_us;
        expected.last_least = must && was_group ? *id : expected.last_least;
    }
    for (uint32_t i = 0; i < conversation->message_count; i++) {
        /* Its members may have heard of it from the host that is gone. */
        const struct model_message *message = conversation->messages[i];
        bool is_lost = message->may_be_lost && !is_kept(audit, index, &message->id);
        expected.unread_most += is_lost && is_unread_for(message, member, marker);
    }
    return expected;
}

static const struct message_inbox_row *inbox_row(const struct audit *audit,
                                                 const struct id *conversation)
{
    for (uint32_t i = 0; i < audit->inbox_count; i++) {
        if (id_equal(&audit->inbox[i].conversation, conversation)) {
            return &audit->inbox[i];
        }
    }
    return NULL;
}

static void inbox_add(struct audit *audit, const struct message_inbox *answer)
{
    for (uint32_t i = 0; i < answer->row_count; i++) {
        const struct message_inbox_row *row = &answer->rows[i];
        if (inbox_row(audit, &row->conversation) != NULL) {
            findings_add(&audit->world->findings, "%s got a conversation of an inbox twice",
                         audit->who);
        }
    }
    size_t count = (size_t)audit->inbox_count + answer->row_count + 1;
    audit->inbox = realloc(audit->inbox, count * sizeof *audit->inbox);
    COLUMBA_ASSERT(audit->inbox != NULL);
    for (uint32_t i = 0; i < answer->row_count; i++) {
        audit->inbox[audit->inbox_count++] = answer->rows[i];
    }
}

static void diagnose(struct audit *audit, uint32_t index, const struct model_member *member,
                     const struct id *marker)
{
    const struct model_conversation *conversation = &audit->world->model->conversations[index];
    audit->pass_count = 0;
    for (uint32_t i = 0; i < audit->kept_count[index]; i++) {
        const struct id *id = &audit->kept[index][i];
        const struct model_message *message = model_message(conversation, id);
        if (message != NULL && is_unread_for(message, member, marker) &&
            must_have(conversation, member, message)) {
            pass_add(audit, id);
        }
    }
    diagnose_unread(audit->world, index, member->user, audit->pass, audit->pass_count);
    audit->pass_count = 0;
}

/* More unread than a row holds are told as "at least". */
static bool unread_is_right(const struct message_inbox_row *row, const struct expectation *expected)
{
    uint32_t least = expected->unread_least;
    if (row->unread_is_at_least) {
        least = least < UNREAD_IDS_MAX ? least : UNREAD_IDS_MAX;
        return row->has_unread && row->unread >= least && expected->unread_most > UNREAD_IDS_MAX;
    }
    return row->has_unread && row->unread >= least && row->unread <= expected->unread_most;
}

static void check_inbox_row(struct audit *audit, uint32_t index, const struct model_member *member,
                            const struct message_inbox_row *row)
{
    struct findings *findings = &audit->world->findings;
    const char *name = audit->world->model->conversations[index].name;
    struct expectation expected = expect(audit, index, member, &row->marker);
    if (!unread_is_right(row, &expected)) {
        findings_add(findings, "user %u has %u unread in %s, should have %u to %u", member->user,
                     row->unread, name, expected.unread_least, expected.unread_most);
        diagnose(audit, index, member, &row->marker);
    }
    if (id_compare(&row->last, &expected.last_least) < 0) {
        findings_add(findings, "user %u: the inbox does not show the newest message of %s",
                     member->user, name);
    }
}

/* Listed without a count, and at least as new as what was sent when it was a group. */
static void check_channel_row(struct audit *audit, uint32_t index,
                              const struct model_member *member,
                              const struct message_inbox_row *row)
{
    struct findings *findings = &audit->world->findings;
    const struct model_conversation *conversation = &audit->world->model->conversations[index];
    struct expectation expected = expect(audit, index, member, &row->marker);
    if (row->has_unread && channel_is_written(audit->world, &conversation->id)) {
        findings_add(findings, "user %u has %u unread in %s, a channel, where nobody counts them",
                     member->user, row->unread, conversation->name);
    }
    if (id_compare(&row->last, &expected.last_least) < 0) {
        findings_add(findings, "user %u: the inbox lacks what was sent to %s when it was a group",
                     member->user, conversation->name);
    }
}

/* The members of a channel have been told of it. */
static bool must_be_listed(const struct audit *audit, uint32_t index,
                           const struct model_member *member)
{
    const struct id none = {0};
    struct expectation expected = expect(audit, index, member, &none);
    const struct id *conversation = &audit->world->model->conversations[index].id;
    return !id_is_zero(&expected.last_least) ||
           (audit->is_channel[index] && channel_is_written(audit->world, conversation));
}

static void check_inbox(struct audit *audit, const struct step *step)
{
    struct model *model = audit->world->model;
    for (uint32_t i = 0; i < model->conversation_count; i++) {
        const struct model_member *member = model_member(model, i, step->subject);
        if (member == NULL || member->known_at_us == NEVER || audit->kept[i] == NULL) {
            continue;
        }
        const struct message_inbox_row *row = inbox_row(audit, &model->conversations[i].id);
        if (row != NULL && audit->is_channel[i]) {
            check_channel_row(audit, i, member, row);
        } else if (row != NULL) {
            check_inbox_row(audit, i, member, row);
        } else if (must_be_listed(audit, i, member)) {
            findings_add(&audit->world->findings, "user %u: %s is missing in the inbox",
                         step->subject, model->conversations[i].name);
        }
    }
}

/* True: there is another page. */
static bool take_inbox(struct audit *audit, const struct step *step,
                       const struct message_inbox *answer)
{
    struct message_inbox_read *asked = &audit->request.inbox_read;
    model_inbox_seen(audit->world->model, &audit->read, asked, answer, world_now_us(audit->world));
    inbox_add(audit, answer);
    if (answer->more && answer->row_count > 0) {
        asked->after = answer->rows[answer->row_count - 1].conversation;
        asked->after_last = answer->rows[answer->row_count - 1].last;
        return true;
    }
    check_inbox(audit, step);
    return false;
}

/* Steps. */

static void step_ask(struct audit *audit);

static void step_prepare(struct audit *audit)
{
    const struct step *step = &audit->steps[audit->step_next];
    const struct model *model = audit->world->model;
    audit->request = (struct message){0};
    switch (step->kind) {
    case STEP_CONVERSATION:
        audit->request.type = MESSAGE_CONVERSATION_GET;
        audit->request.conversation_get.conversation = model->conversations[step->subject].id;
        audit->request.conversation_get.consistency = step->level;
        break;
    case STEP_HISTORY:
        audit->request.type = MESSAGE_HISTORY_READ;
        audit->request.history_read.conversation = model->conversations[step->subject].id;
        audit->request.history_read.limit = AUDIT_PAGE_ROWS;
        audit->request.history_read.consistency = step->level;
        break;
    case STEP_MEMBERS:
        audit->request.type = MESSAGE_MEMBERS_READ;
        audit->request.members_read.conversation = model->conversations[step->subject].id;
        audit->request.members_read.consistency = step->level;
        break;
    case STEP_INBOX:
        audit->request.type = MESSAGE_INBOX_READ;
        audit->request.inbox_read.user = model->users[step->subject].id;
        audit->request.inbox_read.limit = AUDIT_INBOX_ROWS;
        audit->request.inbox_read.consistency = step->level;
        audit->inbox_count = 0;
        break;
    }
}

static void step_next(struct audit *audit)
{
    audit->step_next++;
    if (!audit_is_done(audit)) {
        step_prepare(audit);
        step_ask(audit);
    }
}

static void report_failure(struct audit *audit, const struct message *answer)
{
    if (answer == NULL) {
        findings_add(&audit->world->findings, "%s: no answer after the faults", audit->who);
        return;
    }
    if (answer->type != MESSAGE_STATUS) {
        findings_add(&audit->world->findings, "%s: answered with a %s", audit->who,
                     message_type_name(answer->type));
        return;
    }
    findings_add(&audit->world->findings, "%s: %s after the faults: %.*s", audit->who,
                 error_name(answer->status.error), (int)answer->status.text.size,
                 (const char *)answer->status.text.data);
}

static void step_answered(void *context, const struct message *answer)
{
    struct audit *audit = context;
    const struct step *step = &audit->steps[audit->step_next];
    bool again = false;
    if (answer != NULL && answer->type == MESSAGE_HISTORY && step->kind == STEP_HISTORY) {
        again = take_history(audit, step, &answer->history);
    } else if (answer != NULL && answer->type == MESSAGE_CONVERSATION &&
               step->kind == STEP_CONVERSATION) {
        take_conversation(audit, step, &answer->conversation);
    } else if (answer != NULL && answer->type == MESSAGE_MEMBERS && step->kind == STEP_MEMBERS) {
        model_members_seen(audit->world->model, &audit->read, &audit->request.members_read,
                           &answer->members, world_now_us(audit->world));
    } else if (answer != NULL && answer->type == MESSAGE_INBOX && step->kind == STEP_INBOX) {
        again = take_inbox(audit, step, &answer->inbox);
    } else {
        report_failure(audit, answer);
    }
    if (again) {
        step_ask(audit);
    } else {
        step_next(audit);
    }
}

static uint16_t host_choose(struct audit *audit)
{
    uint16_t host;
    do {
        host = audit->host_next++ % (uint16_t)audit->world->plan.node_count;
    } while (world_is_lost(audit->world, host));
    return host;
}

static void step_ask(struct audit *audit)
{
    const struct step *step = &audit->steps[audit->step_next];
    uint16_t host = host_choose(audit);
    snprintf(audit->who, sizeof audit->who, "the audit, through host %u at %s", host,
             consistency_name((enum consistency)step->level));
    audit->read = (struct model_read){
        .start_us = world_now_us(audit->world), .is_quorum = true, .who = audit->who};
    caller_call(&audit->caller, host, &audit->request, AUDIT_TIMEOUT_US, step_answered, audit);
}

void audit_start(struct audit *audit)
{
    trace_note(&audit->world->trace, "the audit begins");
    steps_plan(audit);
    if (!audit_is_done(audit)) {
        step_prepare(audit);
        step_ask(audit);
    }
}
