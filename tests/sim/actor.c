#include "tests/sim/actor.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"

#define RECENT_MESSAGES 40u

/* What an actor does next: X(name, weight). */
#define ACTIONS(X)                                                                                 \
    X(SEND, 50)                                                                                    \
    X(HISTORY, 20)                                                                                 \
    X(INBOX, 9)                                                                                    \
    X(MARK_READ, 9)                                                                                \
    X(MEMBERS, 4)                                                                                  \
    X(ADD_MEMBER, 3)                                                                               \
    X(SEND_WRONGLY, 8)

enum action {
#define X(name, weight) ACTION_##name,
    ACTIONS(X)
#undef X
        ACTION_COUNT
};

static const uint32_t action_weights[ACTION_COUNT] = {
#define X(name, weight) weight,
    ACTIONS(X)
#undef X
};

static void think(struct actor *actor);

static enum action action_draw(struct actor *actor)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < ACTION_COUNT; i++) {
        total += action_weights[i];
    }
    uint64_t drawn = random_below(&actor->random, total);
    uint32_t action = 0;
    while (drawn >= action_weights[action]) {
        drawn -= action_weights[action++];
    }
    return (enum action)action;
}

/* The conversation this actor has to create first; UINT32_MAX: none. */
static uint32_t conversation_to_create(const struct actor *actor)
{
    const struct model *model = actor->world->model;
    for (uint32_t i = 0; i < model->conversation_count; i++) {
        const struct model_conversation *conversation = &model->conversations[i];
        if (conversation->known_at_us == NEVER &&
            i % actor->world->plan.actor_count == actor->index) {
            return i;
        }
    }
    return UINT32_MAX;
}

static void act_on(struct actor *actor, enum action action, uint32_t conversation)
{
    switch (action) {
    case ACTION_SEND:
        actor_send(actor, conversation);
        break;
    case ACTION_HISTORY:
        actor_read_history(actor, conversation);
        break;
    case ACTION_INBOX:
        actor_read_inbox(actor);
        break;
    case ACTION_MARK_READ:
        actor_mark_read(actor, conversation);
        break;
    case ACTION_MEMBERS:
        actor_read_members(actor, conversation);
        break;
    case ACTION_ADD_MEMBER:
        actor_create_conversation(actor, conversation);
        break;
    default:
        actor_send_wrongly(actor);
        break;
    }
}

static void act(void *context, uint64_t argument)
{
    (void)argument;
    struct actor *actor = context;
    if (actor->world->is_calm) {
        return;
    }
    actor->is_busy = true;
    uint32_t create = conversation_to_create(actor);
    uint32_t conversation = actor_conversation(actor);
    if (actor->greetings > 0) {
        actor->greetings--;
        actor_send_weakly(actor, actor->greeted);
    } else if (create != UINT32_MAX) {
        actor_create_conversation(actor, create);
    } else if (conversation != UINT32_MAX && actor->world->plan.changes > 0 &&
               random_chance(&actor->changes, actor->world->plan.changes)) {
        actor_change(actor, conversation);
    } else if (conversation != UINT32_MAX) {
        act_on(actor, action_draw(actor), conversation);
    } else {
        actor_is_done(actor);
    }
}

static void think(struct actor *actor)
{
    uint64_t pause_us = 1 + random_exponential(&actor->random, actor->world->plan.think_mean_us);
    schedule_after(&actor->world->schedule, pause_us, act, actor, 0);
}

void actor_start(struct actor *actor)
{
    think(actor);
}

void actor_is_done(struct actor *actor)
{
    COLUMBA_ASSERT(actor->is_busy);
    actor->is_busy = false;
    think(actor);
}

struct actor *actor_create(struct world *world, uint32_t index, uint32_t user)
{
    struct actor *actor = calloc(1, sizeof *actor);
    COLUMBA_ASSERT(actor != NULL);
    actor->world = world;
    actor->index = index;
    actor->user = user;
    random_init(&actor->random, world->options.seed, STREAM_ACTOR + index);
    random_init(&actor->changes, world->options.seed, STREAM_CHANGES + index);
    uint64_t skew_max = world->plan.skew_max_ms;
    int64_t skew = (int64_t)random_below(&actor->random, 2 * skew_max + 1) - (int64_t)skew_max;
    uint32_t endpoint = world_actor_endpoint(world, index);
    caller_init(&actor->caller, world, endpoint, skew);
    agent_init(&actor->agent, world, endpoint + world->plan.actor_count, skew,
               random_u64(&actor->random));
    actor->uses_library = random_chance(&actor->random, 500);
    return actor;
}

void actor_destroy(struct actor *actor)
{
    if (actor != NULL) {
        caller_clear(&actor->caller);
        agent_clear(&actor->agent);
        free(actor);
    }
}

void actor_ask_host(struct actor *actor, const struct message *request, caller_done done,
                    void *context)
{
    uint16_t host = (uint16_t)random_below(&actor->random, actor->world->plan.node_count);
    caller_call(&actor->caller, host, request, CALL_TIMEOUT_US, done, context);
}

void actor_ask(struct actor *actor, const struct message *request, caller_done done, void *context)
{
    if (!actor->uses_library) {
        actor_ask_host(actor, request, done, context);
        return;
    }
    enum partition_kind kind = PARTITION_CONVERSATION;
    const struct id *partition = NULL;
    switch (request->type) {
    case MESSAGE_SEND:
        partition = &request->send.conversation;
        break;
    case MESSAGE_CHANGE:
        partition = &request->change.conversation;
        break;
    case MESSAGE_HISTORY_READ:
        partition = &request->history_read.conversation;
        break;
    case MESSAGE_MEMBERS_READ:
        partition = &request->members_read.conversation;
        break;
    case MESSAGE_INBOX_READ:
        kind = PARTITION_USER;
        partition = &request->inbox_read.user;
        break;
    default:
        COLUMBA_ASSERT(request->type == MESSAGE_MARK_READ);
        kind = PARTITION_USER;
        partition = &request->mark_read.user;
        break;
    }
    agent_ask(&actor->agent, request, kind, partition, done, context);
}

struct id actor_message_id(struct actor *actor)
{
    const struct id *sender = &actor->world->model->users[actor->user].id;
    if (actor->uses_library) {
        return agent_message_id(&actor->agent, sender);
    }
    return message_id_make(caller_unix_ms(&actor->caller), random_u64(&actor->random), sender);
}

uint32_t actor_level(struct actor *actor)
{
    static const uint32_t rare[] = {CONSISTENCY_ONE, CONSISTENCY_ALL, CONSISTENCY_LOCAL_QUORUM,
                                    CONSISTENCY_TWO};
    if (!random_chance(&actor->random, actor->world->plan.weak_calls)) {
        return CONSISTENCY_QUORUM;
    }
    return rare[random_below(&actor->random, sizeof rare / sizeof rare[0])];
}

uint32_t actor_conversation(struct actor *actor)
{
    struct model *model = actor->world->model;
    uint32_t start = (uint32_t)random_below(&actor->random, model->conversation_count);
    for (uint32_t i = 0; i < model->conversation_count; i++) {
        uint32_t index = (start + i) % model->conversation_count;
        const struct model_member *member = model_member(model, index, actor->user);
        if (member != NULL && member->known_at_us != NEVER &&
            model->conversations[index].known_at_us != NEVER) {
            return index;
        }
    }
    return UINT32_MAX;
}

struct model_message *actor_recent_message(const struct actor *actor, struct random *random,
                                           uint32_t index)
{
    const struct model_conversation *conversation = &actor->world->model->conversations[index];
    uint32_t count = conversation->message_count;
    uint32_t recent = count < RECENT_MESSAGES ? count : RECENT_MESSAGES;
    if (recent == 0) {
        return NULL;
    }
    uint32_t place = count - 1 - (uint32_t)random_below(random, recent);
    struct model_message *message = conversation->messages[place];
    return message->known_at_us == NEVER ? NULL : message;
}

struct model_message *actor_known_message(struct actor *actor, uint32_t conversation)
{
    return actor_recent_message(actor, &actor->random, conversation);
}

bool actor_id_is_of_the_future(const struct actor *actor, const struct id *id)
{
    uint64_t true_ms = UNIX_EPOCH_MS + world_now_us(actor->world) / MICROSECONDS_PER_MS;
    uint64_t sure_ms = CLOCK_AHEAD_MAX_MS - CLOCK_WRONG_MS;
    return actor->uses_library && message_id_unix_ms(id) > true_ms + sure_ms;
}

enum model_outcome actor_outcome(const struct message *answer)
{
    if (answer == NULL) {
        return OUTCOME_UNKNOWN;
    }
    if (answer->type != MESSAGE_STATUS || answer->status.error == COLUMBA_OK) {
        return OUTCOME_DONE;
    }
    return answer->status.outcome_unknown ? OUTCOME_UNKNOWN : OUTCOME_REFUSED;
}

static bool is_excusable(const struct world *world, enum columba_error error)
{
    switch (error) {
    case ERR_UNAVAILABLE:
    case ERR_BAD_ANSWER:
    case ERR_TIMEOUT:
    case ERR_OVERLOADED:
    case ERR_OUTCOME_UNKNOWN:
    case ERR_SHUTTING_DOWN:
    case ERR_CLOCK_WRONG:
    case ERR_NO_NODE:
    case ERR_DISCONNECTED:
    case ERR_CORRUPT: /* a replica's read failed, and no other could be asked */
    case ERR_NO_MEMORY:
        return true;
    case ERR_DISK_FULL:
        return world->has_full_disks;
    case ERR_CLOCK_AHEAD: /* by a node that does not know yet, or cannot, that its clock is wrong */
        return world->has_wild_clocks;
    default:
        return false;
    }
}

void actor_check_refusal(struct actor *actor, const char *what, const struct message *answer)
{
    if (answer != NULL && answer->type == MESSAGE_STATUS && answer->status.error != COLUMBA_OK &&
        !is_excusable(actor->world, answer->status.error)) {
        findings_add(&actor->world->findings, "%s of user %u was refused with %s: %.*s", what,
                     actor->user, error_name(answer->status.error), (int)answer->status.text.size,
                     (const char *)answer->status.text.data);
    }
}
