/*
 * The ring of one data centre as a node joins it: who would lose what if the joining node took a
 * token in a given gap, how good that would be, and doing or undoing it. allocation_join.c decides
 * which gaps to try.
 */
#ifndef COLUMBA_RING_JOIN_H
#define COLUMBA_RING_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "ring/allocation.h"

struct owned_token {
    uint64_t token;
    uint16_t node;
};

/* Nodes are numbered from 0, the joining one is the last. Loads are shares of all data. */
struct join {
    struct owned_token *ring; /* ascending; room for the joining node's tokens */
    uint32_t ring_count;
    uint16_t *rack_of;
    uint16_t node_count;
    uint16_t rack_count;
    uint16_t joining;
    uint8_t factor;
    double *load;
    double target; /* what the joining node should hold; 1 where it holds everything anyway */
    double part;   /* of the target that one token brings */
    /* Whom the walk at hand has met: the walk's number stands with them. */
    uint32_t *node_met;
    uint32_t *rack_met;
    uint32_t walk;
    /* Who loses how much by the cut at hand: the cut's number stands with them. */
    uint32_t *lost_in;
    double *loss;
    uint16_t *losers;
    uint32_t loser_count;
    uint32_t cut;
};

/* A cut of the gap that ends with ring[index]: a token of the joining node in it. */
struct cut {
    uint32_t index;
    double part; /* of the gap, from its beginning to the token */
    double cost; /* lower is better; below 0 is better than before */
};

/* Nodes of other data centres, and those without tokens, are left out. False: out of memory. */
bool join_init(struct join *join, const struct allocation_request *request,
               const struct allocation_node *joining, struct arena *arena);

/* The best cut of the gap before ring[index], if this token is to bring `wanted`. False: the gap
 * has no room. The losers stay listed until the next call. */
bool join_rate(struct join *join, uint32_t index, double wanted, struct cut *out_cut);
/* Returns the token. */
uint64_t join_insert(struct join *join, const struct cut *cut);
void join_remove(struct join *join, uint64_t token);

/* The gap that ends with this token, or with the next one after it. */
uint32_t join_find(const struct join *join, uint64_t token);
uint32_t join_before(const struct join *join, uint32_t index);

#endif
