/*
 * Three cores in a world where everything that is under way waits until it is chosen: a message, a
 * read of the store, a commit, an answer to a commit. Who chooses decides the order, what is lost,
 * and who starts anew; so every interleaving is a list of numbers that can be played again.
 * Answers to clients come at once.
 */
#ifndef COLUMBA_TESTS_UNIT_RACE_WORLD_H
#define COLUMBA_TESTS_UNIT_RACE_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "node/core/core.h"
#include "proto/message.h"
#include "ring/topology.h"

#define RACE_NODES 3u
#define RACE_START_UNIX_MS 1767225600000u

struct race_world;

struct race_options {
    uint32_t fanout_members_max;
    uint32_t recent_messages;
    uint16_t handles[RACE_NODES]; /* the world's nodes, by position in the topology */
    /* By how much each node's wall clock is ahead. */
    int32_t ahead_ms[RACE_NODES];
    /* The answer to a client's call; `message` is valid until this returns. */
    void (*answered)(void *context, uint64_t call, const struct message *message);
    void *context;
    FILE *trace; /* NULL: none */
};

struct race_world *race_world_create(const struct race_options *options);
void race_world_destroy(struct race_world *world);

/* What is under way, from the oldest on. */
uint32_t race_parcels(const struct race_world *world);
/* The order of the others stays. */
void race_deliver(struct race_world *world, uint32_t parcel);
/* A message is lost; false: this is not one that can be. */
bool race_lose(struct race_world *world, uint32_t parcel);
/* The node's open batch becomes durable, and will be told so. False: it has none, or its commit
 * before is not told yet. */
bool race_commit(struct race_world *world, uint16_t node);
/* The process dies and starts: what was not durable is gone, with all that was under way to it.
 * `tells`: those whose requests are gone hear of it. Its clock is set. */
void race_restart(struct race_world *world, uint16_t node, bool tells, int32_t ahead_ms);
/* `node` hears of `peer`. */
void race_gossip(struct race_world *world, uint16_t node, uint16_t peer, bool is_alive);
void race_wait(struct race_world *world, uint32_t ms);
/* Everything in the order of its coming, until nothing is under way. */
void race_settle(struct race_world *world);

/* A client asks. `call` names the answer. */
void race_ask(struct race_world *world, uint16_t node, uint64_t call,
              const struct message *message);
uint64_t race_unix_ms(const struct race_world *world);
void race_note(struct race_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
