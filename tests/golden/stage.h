/*
 * Three cores and nothing else: no network, no chance, no waiting. What one core sends, the next
 * round hands to the other; a batch is committed as soon as it is closed; everything that goes in
 * or comes out is a line of the transcript. Frames pass through the codec.
 */
#ifndef COLUMBA_GOLDEN_STAGE_H
#define COLUMBA_GOLDEN_STAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "node/core/core.h"
#include "proto/message.h"

#define STAGE_NODES 3u

struct stage;

/* The largest group is `group_max`. */
struct stage *stage_create(FILE *out, uint32_t group_max);
void stage_destroy(struct stage *stage);
/* The nodes' indices by name: n1, n2, n3. NODE_NONE: there is none of this name. */
uint16_t stage_node(const char *name);
/* A client asks a node; then rounds follow until nothing is left to do. */
void stage_ask(struct stage *stage, uint16_t node, const struct message *request);
/* The others are told by gossip; what is sent to the node from now on is lost. */
void stage_node_dies(struct stage *stage, uint16_t node);
void stage_node_returns(struct stage *stage, uint16_t node);
/* Silently: nobody is told. What travels this way is lost, or goes through again. */
void stage_link_set(struct stage *stage, uint16_t from, uint16_t to, bool is_cut);
/* What comes to the node waits, and is delivered when it is no longer held. */
void stage_node_hold(struct stage *stage, uint16_t node);
void stage_node_release(struct stage *stage, uint16_t node);
/* A node whose shell is full: it answers its peers' requests with OVERLOADED. */
void stage_node_full(struct stage *stage, uint16_t node, bool is_full);
/* The process ends at once and starts again; what was committed is there. */
void stage_node_restarts(struct stage *stage, uint16_t node);
/* The node is told that its clock is wrong, or that it is right again. */
void stage_clock_judged(struct stage *stage, uint16_t node, bool is_trusted);
/* The next commits of the node fail, and its shell stops it. */
void stage_commits_fail(struct stage *stage, uint16_t node);
/* Lets so much time pass, with the ticks the cores want. */
void stage_wait(struct stage *stage, uint64_t ms);
/* A message id that the stage's clock and a counter make. */
struct id stage_message_id(struct stage *stage, const struct id *sender);
uint64_t stage_unix_ms(const struct stage *stage);

#endif
