/*
 * An actor: a person with one device, who thinks for a while, does one thing, waits for its end,
 * and thinks again. What they do is drawn from their own stream of chance; every answer goes to
 * the model.
 */
#ifndef COLUMBA_SIM_ACTOR_H
#define COLUMBA_SIM_ACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/agent.h"
#include "tests/sim/caller.h"
#include "tests/sim/model.h"
#include "tests/sim/random.h"
#include "tests/sim/world.h"

struct actor {
    struct world *world;
    uint32_t index;
    uint32_t user;
    struct random random;
    struct random changes; /* what edits and deletions draw */
    struct caller caller;
    struct agent agent;
    bool uses_library; /* what the agent can do goes through it */
    uint64_t bodies;   /* written so far */
    bool is_busy;
    uint64_t sends_acknowledged;
    uint32_t greeted;   /* a conversation whose members have just changed */
    uint32_t greetings; /* still to be sent there */
    uint64_t reads;
};

struct actor *actor_create(struct world *world, uint32_t index, uint32_t user);
void actor_destroy(struct actor *actor);
/* Begins to act; stops of itself when the world is calm. */
void actor_start(struct actor *actor);

/* For the actor's files. */
void actor_is_done(struct actor *actor);
/* Through the library or straight to any host. Never NULL answers from the library. What the
 * request points to must live until then. */
void actor_ask(struct actor *actor, const struct message *request, caller_done done, void *context);
/* Straight to any host. */
void actor_ask_host(struct actor *actor, const struct message *request, caller_done done,
                    void *context);
struct id actor_message_id(struct actor *actor);
uint32_t actor_level(struct actor *actor);
/* A conversation known to exist, of whom the user is a known member; UINT32_MAX: none. */
uint32_t actor_conversation(struct actor *actor);
/* One that was acknowledged or read, not older than the newest few; NULL: none. */
struct model_message *actor_known_message(struct actor *actor, uint32_t conversation);
struct model_message *actor_recent_message(const struct actor *actor, struct random *random,
                                           uint32_t conversation);
/* An id that a device made by its own clock, before it had heard a node's. */
bool actor_id_is_of_the_future(const struct actor *actor, const struct id *id);
enum model_outcome actor_outcome(const struct message *answer);
/* A refusal that cannot be right for what was asked is a finding. */
void actor_check_refusal(struct actor *actor, const char *what, const struct message *answer);

/* actor_content.c */
#define ACTOR_CONTENT_MAX_BYTES 1024u
struct slice actor_content_write(struct actor *actor, const struct id *conversation,
                                 const struct id *message, uint8_t *buffer);
/* The same in the place of a message's text. */
struct slice actor_edit_write(struct actor *actor, const struct id *conversation,
                              const struct id *message, uint8_t *buffer);
/* A sealed body must open and be what was sealed. */
void actor_content_open(struct actor *actor, const struct id *conversation,
                        const struct message_history_row *row);
/* actor_send.c */
void actor_send(struct actor *actor, uint32_t conversation);
/* … at ONE. */
void actor_send_weakly(struct actor *actor, uint32_t conversation);
void actor_send_wrongly(struct actor *actor);
/* actor_change.c: an edit, a deletion, or one that must be refused. */
void actor_change(struct actor *actor, uint32_t conversation);
/* actor_read.c */
void actor_read_history(struct actor *actor, uint32_t conversation);
void actor_read_inbox(struct actor *actor);
void actor_read_members(struct actor *actor, uint32_t conversation);
void actor_mark_read(struct actor *actor, uint32_t conversation);
/* actor_create.c: creates it, or adds the next planned member. */
void actor_create_conversation(struct actor *actor, uint32_t conversation);

#define CALL_TIMEOUT_US (8u * MICROSECONDS_PER_SECOND)

#endif
