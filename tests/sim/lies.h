/*
 * Answers between nodes that are not what they should be, in frames whose checksums are right: what
 * a node with a fault in its memory or its code might send. Every lie is one that an answer held
 * against its question shows: a wrong count, a torn row, rows out of order or twice, rows of no
 * table, another type of answer, a digest where rows were asked for. (An answer that is false and
 * fits its question cannot be told from a true one, by anybody.)
 */
#ifndef COLUMBA_SIM_LIES_H
#define COLUMBA_SIM_LIES_H

#include "base/arena.h"
#include "proto/message.h"
#include "tests/sim/random.h"

/* Turns the answer into a lie; what it points to is in the arena. False: there is none to make of
 * it. */
bool lies_alter(struct random *random, struct message *answer, struct arena *arena);

#endif
