/* Editing and deleting: one's own messages, with retries; others' messages, which is refused. */
#include "tests/sim/actor.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proto/change.h"

#define ATTEMPTS_MAX 4u
#define TRIES_MAX 8u /* to find a message of one's own */
#define BACKOFF_MIN_US 10000u
#define BACKOFF_MAX_US 1500000u
#define DELETIONS_PERMILLE 300u
#define WRONG_PERMILLE 100u

struct changing {
    struct actor *actor;
    uint32_t conversation;
    struct model_message *message;
    struct model_edit *edit;     /* NULL: a deletion, or what must be refused */
    struct model_change *change; /* the edit's or the message's deletion; NULL: must be refused */
    struct id id;
    uint32_t level;
    uint32_t attempts_left;
    bool was_deleted; /* known when the attempt began */
};

static void attempt(struct changing *changing);

static void attempt_again(void *context, uint64_t argument)
{
    (void)argument;
    attempt(context);
}

static enum columba_error error_of(const struct message *answer)
{
    return answer == NULL || answer->type != MESSAGE_STATUS ? COLUMBA_OK : answer->status.error;
}

static void check_refusal(const struct changing *changing, const struct message *answer)
{
    struct actor *actor = changing->actor;
    enum columba_error error = error_of(answer);
    bool is_done = actor_outcome(answer) == OUTCOME_DONE;
    if (changing->change == NULL) {
        if (is_done) {
            findings_add(&actor->world->findings, "a change of somebody else's message was done");
        }
        if (error == ERR_NOT_THE_SENDER) {
            return;
        }
    }
    if (is_done && changing->edit != NULL && changing->was_deleted) {
        findings_add(&actor->world->findings, "an edit of a deleted message was done");
    }
    bool may_be_deleted = changing->edit != NULL && changing->message->deletion.is_asked;
    bool is_ahead = error == ERR_CLOCK_AHEAD && actor_id_is_of_the_future(actor, &changing->id);
    if (!(error == ERR_MESSAGE_DELETED && may_be_deleted) && !is_ahead) {
        actor_check_refusal(actor, "a change", answer);
    }
}

static void attempt_done(void *context, const struct message *answer)
{
    struct changing *changing = context;
    struct actor *actor = changing->actor;
    enum model_outcome outcome = actor_outcome(answer);
    check_refusal(changing, answer);
    if (changing->change != NULL) {
        model_change_end(changing->change, outcome, model_level_is_quorum(changing->level),
                         world_now_us(actor->world));
    }
    bool wants_again = random_chance(&actor->changes, outcome == OUTCOME_DONE ? 100 : 800);
    if (changing->change == NULL || changing->attempts_left == 0 || !wants_again) {
        free(changing);
        actor_is_done(actor);
        return;
    }
    schedule_after(&actor->world->schedule,
                   random_between(&actor->changes, BACKOFF_MIN_US, BACKOFF_MAX_US), attempt_again,
                   changing, 0);
}

static void attempt(struct changing *changing)
{
    struct actor *actor = changing->actor;
    const struct model *model = actor->world->model;
    const struct model_edit *edit = changing->edit;
    uint64_t now_us = world_now_us(actor->world);
    struct message request = {.type = MESSAGE_CHANGE};
    request.change = (struct message_change){
        .conversation = model->conversations[changing->conversation].id,
        .message = changing->message->id,
        .change = changing->id,
        .kind = edit != NULL ? CHANGE_EDIT : CHANGE_DELETION,
        .actor = slice_of_text(model->users[actor->user].name),
        .content = edit != NULL ? slice_of(edit->content, edit->content_size) : slice_of(NULL, 0),
        .consistency = changing->level,
    };
    changing->attempts_left--;
    changing->was_deleted =
        changing->message->deletion.is_asked && changing->message->deletion.known_at_us < now_us;
    if (changing->change != NULL) {
        model_change_begin(changing->change, now_us);
    }
    actor_ask(actor, &request, attempt_done, changing);
}

/* One that is known, of one body alone, and was not imported; NULL: none was found. */
static struct model_message *message_choose(struct actor *actor, uint32_t conversation, bool is_own)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        struct model_message *message = actor_recent_message(actor, &actor->changes, conversation);
        if (message != NULL && (message->sender == actor->user) == is_own &&
            !message->is_imported && !message->has_rival && message->other == NULL) {
            return message;
        }
    }
    return NULL;
}

static void edit_begin(struct changing *changing)
{
    struct actor *actor = changing->actor;
    uint8_t buffer[ACTOR_CONTENT_MAX_BYTES];
    const struct id *place = &actor->world->model->conversations[changing->conversation].id;
    struct slice content = actor_edit_write(actor, place, &changing->message->id, buffer);
    changing->edit =
        model_edit_add(changing->message, &changing->id, content, world_now_us(actor->world));
    changing->change = &changing->edit->change;
}

void actor_change(struct actor *actor, uint32_t conversation)
{
    bool is_wrong = random_chance(&actor->changes, WRONG_PERMILLE);
    struct model_message *message = message_choose(actor, conversation, !is_wrong);
    if (message == NULL) {
        actor_is_done(actor);
        return;
    }
    struct changing *changing = malloc(sizeof *changing);
    COLUMBA_ASSERT(changing != NULL);
    *changing = (struct changing){
        .actor = actor,
        .conversation = conversation,
        .message = message,
        .id = actor_message_id(actor),
        .level = actor_level(actor),
        .attempts_left = 1 + (uint32_t)random_below(&actor->changes, ATTEMPTS_MAX),
    };
    bool is_deletion = random_chance(&actor->changes, DELETIONS_PERMILLE);
    if (!is_wrong && is_deletion) {
        changing->change = &message->deletion;
    } else if (!is_wrong) {
        edit_begin(changing);
    }
    attempt(changing);
}
