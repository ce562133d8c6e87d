/*
 * A scene: a file of commands with their reasons, and under each command what three cores make of
 * it. Playing a scene gives the whole file anew; a change of behaviour is a difference of lines.
 *
 *     # what the scene is about
 *     > kill n3                                  # why
 *     > send n1 alice lunch "soup?" QUORUM as m1 # why
 *       n1 -> n2: WRITE …                        what follows, as it is played
 *
 * Commands (N a node: n1, n2, n3; M a name for a message id):
 *
 *     group-max COUNT                first, if at all: more members make a channel
 *     create N CONVERSATION MEMBER…
 *     send N SENDER CONVERSATION "TEXT" [LEVEL] [as M | again M]
 *     edit N ACTOR CONVERSATION M "TEXT" [LEVEL] [as M | again M]    the last M: the change's own
 *     delete N ACTOR CONVERSATION M [LEVEL] [as M | again M]
 *     react N ACTOR CONVERSATION M "TEXT" [LEVEL] [as M | again M]
 *     import N CONVERSATION SENDER "TEXT" [as M | again M]
 *     history N CONVERSATION [LEVEL]     get N CONVERSATION
 *     inbox N USER [LEVEL] [limit COUNT] [after M CONVERSATION]
 *     mark N USER CONVERSATION M
 *     kill N    back N    restart N      gossip tells the others; a restart keeps what is durable
 *     cut N N   join N N                 one way, and nobody is told
 *     hold N    release N                what comes to the node waits
 *     full N    freed N                  its shell refuses its peers' requests
 *     fail-commits N
 *     clock-wrong N    clock-right N     what a comparison with the others' clocks says
 *     wait MS
 */
#ifndef COLUMBA_GOLDEN_SCENE_H
#define COLUMBA_GOLDEN_SCENE_H

#include <stdio.h>

/* Plays the script (its old results are passed over) and writes the scene with its results. 0, or
 * -1 for a command that is none, which is told on stderr. */
int scene_play(const char *name, const char *script, FILE *out);

#endif
