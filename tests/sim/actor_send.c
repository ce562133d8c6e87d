/* Sending: with retries of the same id through other nodes, and what must be refused. */
#include "tests/sim/actor.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "tests/sim/forgery.h"

#define ATTEMPTS_MAX 6u
#define BACKOFF_MIN_US 20000u
#define BACKOFF_MAX_US 2000000u
#define RIVAL_PERMILLE 80u

/* A send and its attempts; bytes of the content live in the model's message. */
struct sending {
    struct actor *actor;
    uint32_t conversation;
    struct model_message *message;
    uint32_t level;
    uint32_t attempts;
    uint32_t attempts_max;
};

static void attempt(struct sending *sending);

static void attempt_again(void *context, uint64_t argument)
{
    (void)argument;
    attempt(context);
}

static void sending_end(struct sending *sending)
{
    struct actor *actor = sending->actor;
    free(sending);
    actor_is_done(actor);
}

/* A person who got no clear word mostly tries again; one who did sometimes too. */
static bool wants_again(struct sending *sending, enum model_outcome outcome)
{
    struct actor *actor = sending->actor;
    if (sending->attempts >= sending->attempts_max) {
        return false;
    }
    return random_chance(&actor->random, outcome == OUTCOME_DONE ? 60 : 850);
}

/* Where another body has the id, one of the two is told so; at ALL also the one that a quorum has,
 * if a replica that missed it has taken the other. */
static void check_send_refusal(struct actor *actor, const struct model_message *message,
                               uint32_t level, const struct message *answer)
{
    bool is_conflict =
        answer != NULL && answer->type == MESSAGE_STATUS && answer->status.error == ERR_ID_CONFLICT;
    bool may_conflict =
        message->other != NULL || (is_conflict && message->has_rival && level == CONSISTENCY_ALL &&
                                   answer->status.outcome_unknown);
    bool is_ahead = answer != NULL && answer->type == MESSAGE_STATUS &&
                    answer->status.error == ERR_CLOCK_AHEAD &&
                    actor_id_is_of_the_future(actor, &message->id);
    if (!(is_conflict && may_conflict) && !is_ahead) {
        actor_check_refusal(actor, "a send", answer);
    }
}

static void attempt_done(void *context, const struct message *answer)
{
    struct sending *sending = context;
    struct actor *actor = sending->actor;
    struct world *world = actor->world;
    enum model_outcome outcome = actor_outcome(answer);
    model_send_end(world->model, sending->message, outcome, model_level_is_quorum(sending->level),
                   world_now_us(world));
    check_send_refusal(actor, sending->message, sending->level, answer);
    actor->sends_acknowledged += outcome == OUTCOME_DONE;
    if (!wants_again(sending, outcome)) {
        sending_end(sending);
        return;
    }
    schedule_after(&world->schedule, random_between(&actor->random, BACKOFF_MIN_US, BACKOFF_MAX_US),
                   attempt_again, sending, 0);
}

static void attempt(struct sending *sending)
{
    struct actor *actor = sending->actor;
    const struct model_message *message = sending->message;
    struct message request = {.type = MESSAGE_SEND};
    request.send = (struct message_send){
        .conversation = actor->world->model->conversations[sending->conversation].id,
        .message = message->id,
        .content = slice_of(message->content, message->content_size),
        .consistency = sending->level,
    };
    sending->attempts++;
    model_send_begin(sending->message);
    actor_ask(actor, &request, attempt_done, sending);
}

/* A client that sends another body under the same id at the same time. */

struct rivalry {
    struct actor *actor;
    struct model_message *rival;
};

static void rival_done(void *context, const struct message *answer)
{
    struct rivalry *rivalry = context;
    struct world *world = rivalry->actor->world;
    model_send_end(world->model, rivalry->rival, actor_outcome(answer), true, world_now_us(world));
    check_send_refusal(rivalry->actor, rivalry->rival, CONSISTENCY_QUORUM, answer);
    free(rivalry);
}

static void rival_send(struct actor *actor, uint32_t conversation, struct model_message *message)
{
    uint8_t buffer[ACTOR_CONTENT_MAX_BYTES];
    const struct id *place = &actor->world->model->conversations[conversation].id;
    struct slice content = actor_content_write(actor, place, &message->id, buffer);
    struct rivalry *rivalry = malloc(sizeof *rivalry);
    COLUMBA_ASSERT(rivalry != NULL);
    rivalry->actor = actor;
    rivalry->rival = model_rival_add(message, content, world_now_us(actor->world));
    struct message request = {.type = MESSAGE_SEND};
    request.send = (struct message_send){
        .conversation = *place,
        .message = message->id,
        .content = slice_of(rivalry->rival->content, rivalry->rival->content_size),
        .consistency = CONSISTENCY_QUORUM,
    };
    model_send_begin(rivalry->rival);
    actor_ask_host(actor, &request, rival_done, rivalry);
}

static void send_at(struct actor *actor, uint32_t conversation, uint32_t level)
{
    uint8_t buffer[ACTOR_CONTENT_MAX_BYTES];
    struct id id = actor_message_id(actor);
    const struct id *place = &actor->world->model->conversations[conversation].id;
    struct slice content = actor_content_write(actor, place, &id, buffer);
    struct sending *sending = malloc(sizeof *sending);
    COLUMBA_ASSERT(sending != NULL);
    *sending = (struct sending){
        .actor = actor,
        .conversation = conversation,
        .message = model_message_add(actor->world->model, conversation, actor->user, &id, content,
                                     world_now_us(actor->world)),
        .level = level,
        .attempts_max = 1 + (uint32_t)random_below(&actor->random, ATTEMPTS_MAX),
    };
    if (world_has_rivals(actor->world) && random_chance(&actor->random, RIVAL_PERMILLE)) {
        rival_send(actor, conversation, sending->message);
    }
    attempt(sending);
}

void actor_send(struct actor *actor, uint32_t conversation)
{
    send_at(actor, conversation, actor_level(actor));
}

void actor_send_weakly(struct actor *actor, uint32_t conversation)
{
    send_at(actor, conversation, CONSISTENCY_ONE);
}

/* What must be refused: it is not in the model, so whoever reads it has found a fault. */

struct wrong_send {
    struct actor *actor;
    const char *what;
};

static void wrong_send_done(void *context, const struct message *answer)
{
    struct wrong_send *wrong = context;
    struct actor *actor = wrong->actor;
    bool is_refused =
        answer == NULL || (answer->type == MESSAGE_STATUS && answer->status.error != COLUMBA_OK);
    if (!is_refused) {
        findings_add(&actor->world->findings, "%s was acknowledged", wrong->what);
    }
    free(wrong);
    actor_is_done(actor);
}

static void wrong_send(struct actor *actor, const struct message *request, const char *what)
{
    struct wrong_send *wrong = malloc(sizeof *wrong);
    COLUMBA_ASSERT(wrong != NULL);
    *wrong = (struct wrong_send){.actor = actor, .what = what};
    actor_ask_host(actor, request, wrong_send_done, wrong);
}

/* Some conversation the user does not belong to and was never meant to; UINT32_MAX: none. */
static uint32_t foreign_conversation(struct actor *actor)
{
    struct model *model = actor->world->model;
    for (uint32_t i = 0; i < model->conversation_count; i++) {
        if (model->conversations[i].known_at_us != NEVER &&
            model_member(model, i, actor->user) == NULL) {
            return i;
        }
    }
    return UINT32_MAX;
}

static void send_to_foreign(struct actor *actor, struct message *request)
{
    uint32_t foreign = foreign_conversation(actor);
    if (foreign == UINT32_MAX) {
        actor_is_done(actor);
        return;
    }
    request->send.conversation = actor->world->model->conversations[foreign].id;
    wrong_send(actor, request, "a send by somebody who is not a member");
}

static void send_to_nowhere(struct actor *actor, struct message *request)
{
    request->send.conversation = id_of_name(ID_CONVERSATION, slice_of_text("nowhere"));
    wrong_send(actor, request, "a send to a conversation that does not exist");
}

static void send_as_other(struct actor *actor, struct message *request)
{
    const struct model *model = actor->world->model;
    request->send.message =
        message_id_make(caller_unix_ms(&actor->caller), random_u64(&actor->random),
                        &model->users[model->user_count - 1].id);
    wrong_send(actor, request, "a send under an id made for another sender");
}

static void send_from_future(struct actor *actor, struct message *request)
{
    if (actor->world->has_wild_clocks) {
        actor_is_done(
            actor); /* for a node that does not know yet how wrong it is, it is no future */
        return;
    }
    request->send.message =
        message_id_make(caller_unix_ms(&actor->caller) + 10 * CLOCK_AHEAD_MAX_MS,
                        random_u64(&actor->random), &actor->world->model->users[actor->user].id);
    wrong_send(actor, request, "a send from the far future");
}

static void send_rubbish(struct actor *actor, struct message *request)
{
    request->send.content.size = (size_t)random_below(&actor->random, 12);
    wrong_send(actor, request, "a send whose content is cut off");
}

/* Another body under an id that was acknowledged. */
static void send_conflict(struct actor *actor, struct message *request, uint32_t conversation)
{
    struct model_message *known = actor_known_message(actor, conversation);
    bool is_possible = known != NULL && known->sender == actor->user && !known->deletion.is_asked &&
                       world_may_differ(actor->world);
    if (!is_possible) {
        actor_is_done(actor);
        return;
    }
    known->has_rival = true;
    uint8_t buffer[ACTOR_CONTENT_MAX_BYTES];
    request->send.message = known->id;
    request->send.content =
        actor_content_write(actor, &request->send.conversation, &known->id, buffer);
    wrong_send(actor, request, "another body under an acknowledged id");
}

/* What only nodes ask of each other. */
static void send_as_node(struct actor *actor, uint32_t conversation)
{
    uint8_t buffer[FORGERY_BYTES];
    struct message request;
    forgery_write(actor->world, &actor->random, conversation, false, buffer, &request);
    wrong_send(actor, &request, "a node's write by a client");
}

void actor_send_wrongly(struct actor *actor)
{
    uint32_t conversation = actor_conversation(actor);
    uint8_t buffer[ACTOR_CONTENT_MAX_BYTES];
    struct message request = {.type = MESSAGE_SEND};
    request.send.conversation = actor->world->model->conversations[conversation].id;
    request.send.message = actor_message_id(actor);
    request.send.content =
        actor_content_write(actor, &request.send.conversation, &request.send.message, buffer);
    request.send.consistency = CONSISTENCY_QUORUM;
    switch (random_below(&actor->random, 7)) {
    case 0:
        send_to_foreign(actor, &request);
        break;
    case 1:
        send_to_nowhere(actor, &request);
        break;
    case 2:
        send_as_other(actor, &request);
        break;
    case 3:
        send_from_future(actor, &request);
        break;
    case 4:
        send_rubbish(actor, &request);
        break;
    case 5:
        send_as_node(actor, conversation);
        break;
    default:
        send_conflict(actor, &request, conversation);
        break;
    }
}
