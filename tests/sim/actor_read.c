/* Reading, and marking as read. */
#include "tests/sim/actor.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

#define HISTORY_LIMIT_MAX 60u
#define HISTORY_SHORT_MAX 6u
#define INBOX_SHORT_MAX 3u

struct reading {
    struct actor *actor;
    struct model_read read;
    char who[40];
    struct message request;
};

static struct reading *reading_create(struct actor *actor, enum message_type type, uint32_t level)
{
    struct reading *reading = calloc(1, sizeof *reading);
    COLUMBA_ASSERT(reading != NULL);
    snprintf(reading->who, sizeof reading->who, "actor %u (user %u)", actor->index, actor->user);
    reading->actor = actor;
    reading->request.type = type;
    reading->read = (struct model_read){
        .start_us = world_now_us(actor->world),
        .is_quorum = model_level_is_quorum(level),
        .who = reading->who,
    };
    return reading;
}

static void open_contents(struct reading *reading, const struct message_history *answer)
{
    for (uint32_t i = 0; i < answer->row_count; i++) {
        actor_content_open(reading->actor, &reading->request.history_read.conversation,
                           &answer->rows[i]);
    }
}

static void check_answer(struct reading *reading, const struct message *answer)
{
    struct world *world = reading->actor->world;
    uint64_t now_us = world_now_us(world);
    switch (answer->type) {
    case MESSAGE_HISTORY:
        model_history_seen(world->model, &reading->read, &reading->request.history_read,
                           &answer->history, now_us);
        open_contents(reading, &answer->history);
        break;
    case MESSAGE_INBOX:
        model_inbox_seen(world->model, &reading->read, &reading->request.inbox_read, &answer->inbox,
                         now_us);
        break;
    case MESSAGE_MEMBERS:
        model_members_seen(world->model, &reading->read, &reading->request.members_read,
                           &answer->members, now_us);
        break;
    default:
        break;
    }
}

static void reading_start(struct reading *reading);

/* Page by page to the end, as a client does. */
static bool inbox_goes_on(struct reading *reading, const struct message *answer)
{
    if (answer == NULL || answer->type != MESSAGE_INBOX || !answer->inbox.more ||
        answer->inbox.row_count == 0) {
        return false;
    }
    const struct message_inbox_row *last = &answer->inbox.rows[answer->inbox.row_count - 1];
    reading->request.inbox_read.after = last->conversation;
    reading->request.inbox_read.after_last = last->last;
    reading->read.start_us = world_now_us(reading->actor->world);
    reading_start(reading);
    return true;
}

static void reading_done(void *context, const struct message *answer)
{
    struct reading *reading = context;
    struct actor *actor = reading->actor;
    if (answer != NULL) {
        actor->reads += answer->type != MESSAGE_STATUS;
        check_answer(reading, answer);
        if (reading->read.is_quorum) {
            actor_check_refusal(actor, "a read", answer);
        }
    }
    if (!inbox_goes_on(reading, answer)) {
        free(reading);
        actor_is_done(actor);
    }
}

static void reading_start(struct reading *reading)
{
    struct actor *actor = reading->actor;
    actor_ask(actor, &reading->request, reading_done, reading);
}

void actor_read_history(struct actor *actor, uint32_t conversation)
{
    uint32_t level = actor_level(actor);
    struct reading *reading = reading_create(actor, MESSAGE_HISTORY_READ, level);
    struct message_history_read *asked = &reading->request.history_read;
    asked->conversation = actor->world->model->conversations[conversation].id;
    /* Short pages often: a page's end is where replicas that differ are hard to tell apart. */
    uint32_t limit_max = random_chance(&actor->random, 400) ? HISTORY_SHORT_MAX : HISTORY_LIMIT_MAX;
    asked->limit = 1 + (uint32_t)random_below(&actor->random, limit_max);
    asked->consistency = level;
    asked->oldest_first = random_chance(&actor->random, 250);
    const struct model_message *bound = actor_known_message(actor, conversation);
    if (bound != NULL && random_chance(&actor->random, 400)) {
        *(random_chance(&actor->random, 500) ? &asked->before : &asked->after) = bound->id;
    }
    reading_start(reading);
}

void actor_read_inbox(struct actor *actor)
{
    uint32_t level = actor_level(actor);
    struct reading *reading = reading_create(actor, MESSAGE_INBOX_READ, level);
    reading->request.inbox_read.user = actor->world->model->users[actor->user].id;
    reading->request.inbox_read.consistency = level;
    /* Short pages every other time; not drawn, so that what seeds draw stays as it is. */
    if (actor->reads % 2 == 1) {
        reading->request.inbox_read.limit = 1 + (uint32_t)(actor->reads / 2 % INBOX_SHORT_MAX);
    }
    reading_start(reading);
}

void actor_read_members(struct actor *actor, uint32_t conversation)
{
    uint32_t level = actor_level(actor);
    struct reading *reading = reading_create(actor, MESSAGE_MEMBERS_READ, level);
    reading->request.members_read.conversation =
        actor->world->model->conversations[conversation].id;
    reading->request.members_read.consistency = level;
    reading_start(reading);
}

/* Marking as read. */

struct marking {
    struct actor *actor;
    uint32_t conversation;
    struct id up_to;
    uint32_t ask;
    bool is_quorum;
};

static void marking_done(void *context, const struct message *answer)
{
    struct marking *marking = context;
    struct actor *actor = marking->actor;
    struct model *model = actor->world->model;
    struct model_member *member = model_member(model, marking->conversation, actor->user);
    enum model_outcome outcome = actor_outcome(answer);
    if (outcome == OUTCOME_REFUSED) {
        model_mark_refused(&member->marker, marking->ask);
    } else if (outcome == OUTCOME_DONE && marking->is_quorum) {
        uint64_t now_us = world_now_us(actor->world);
        model_mark_known(&member->marker, &marking->up_to, now_us);
        model_mark_known(&member->read_up_to, &marking->up_to, now_us);
    }
    actor_check_refusal(actor, "a mark-read", answer);
    free(marking);
    actor_is_done(actor);
}

void actor_mark_read(struct actor *actor, uint32_t conversation)
{
    const struct model_message *message = actor_known_message(actor, conversation);
    if (message == NULL) {
        actor_is_done(actor);
        return;
    }
    struct model *model = actor->world->model;
    uint32_t level = actor_level(actor);
    struct marking *marking = malloc(sizeof *marking);
    COLUMBA_ASSERT(marking != NULL);
    *marking = (struct marking){
        .actor = actor,
        .conversation = conversation,
        .up_to = message->id,
        .is_quorum = model_level_is_quorum(level),
    };
    struct model_mark *marker = &model_member(model, conversation, actor->user)->marker;
    marking->ask = model_mark_asked(marker, &message->id);
    struct message request = {.type = MESSAGE_MARK_READ};
    request.mark_read = (struct message_mark_read){
        .user = model->users[actor->user].id,
        .conversation = model->conversations[conversation].id,
        .up_to = message->id,
        .consistency = level,
    };
    actor_ask(actor, &request, marking_done, marking);
}
