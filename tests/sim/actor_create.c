/* Creating a conversation, and adding to it: the same request, with the members so far. */
#include "tests/sim/actor.h"

#include <stdlib.h>

#include "base/assert.h"

#define CREATE_MEMBERS_MAX 128u
#define GREETS_PERMILLE 600u
#define GREETINGS 3u

struct creation {
    struct actor *actor;
    uint32_t conversation;
    uint32_t member_count;
};

/* Most who have made a change try at once whether everybody sees it, which replicas that missed the
 * change get wrong most easily. */
static bool greets(struct actor *actor, const struct creation *creation)
{
    const struct model_member *member =
        model_member(actor->world->model, creation->conversation, actor->user);
    return member != NULL && member->known_at_us != NEVER &&
           random_chance(&actor->random, GREETS_PERMILLE);
}

static void created(void *context, const struct message *answer)
{
    struct creation *creation = context;
    struct actor *actor = creation->actor;
    if (actor_outcome(answer) == OUTCOME_DONE) {
        model_create_known(actor->world->model, creation->conversation, creation->member_count,
                           world_now_us(actor->world));
    }
    actor_check_refusal(actor, "a creation", answer);
    if (actor_outcome(answer) == OUTCOME_DONE && greets(actor, creation)) {
        actor->greeted = creation->conversation;
        actor->greetings = GREETINGS;
    }
    free(creation);
    actor_is_done(actor);
}

void actor_create_conversation(struct actor *actor, uint32_t index)
{
    struct model *model = actor->world->model;
    const struct model_conversation *conversation = &model->conversations[index];
    struct message_member members[CREATE_MEMBERS_MAX];
    uint32_t count = model_members_next(conversation);
    COLUMBA_ASSERT(count <= CREATE_MEMBERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        members[i].name = slice_of_text(model->users[conversation->members[i].user].name);
    }
    struct message request = {.type = MESSAGE_CONVERSATION_CREATE};
    request.conversation_create = (struct message_conversation_create){
        .name = slice_of_text(conversation->name),
        .members = members,
        .member_count = count,
        .consistency = CONSISTENCY_QUORUM,
    };
    struct creation *creation = malloc(sizeof *creation);
    COLUMBA_ASSERT(creation != NULL);
    *creation = (struct creation){.actor = actor, .conversation = index, .member_count = count};
    model_create_asked(model, index, count, world_now_us(actor->world));
    actor_ask_host(actor, &request, created, creation);
}
