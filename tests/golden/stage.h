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

#include "proto/message.h"

#define STAGE_NODES 3u

struct stage;

struct stage *stage_create(FILE *out);
void stage_destroy(struct stage *stage);
/* A heading. */
void stage_scene(struct stage *stage, const char *text);
/* A client asks a node; then rounds follow until nothing is left to do. */
void stage_ask(struct stage *stage, uint16_t node, const struct message *request);
/* The others are told by gossip; what is sent to the node from now on is lost. */
void stage_node_dies(struct stage *stage, uint16_t node);
void stage_node_returns(struct stage *stage, uint16_t node);
/* Lets so much time pass, with the ticks the cores want. */
void stage_wait(struct stage *stage, uint64_t ms);
/* A message id that the stage's clock and a counter make. */
struct id stage_message_id(struct stage *stage, const struct id *sender);
uint64_t stage_unix_ms(const struct stage *stage);

#endif
