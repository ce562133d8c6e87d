/*
 * Token allocation: which tokens the nodes get, so that each holds the same share of the data after
 * replication.
 *
 * allocation_cluster spreads the tokens of a whole new cluster; allocation_join picks those of one
 * node that joins a ring which is in use. Both depend on their input alone (order of the nodes
 * included: sort them, by host id, where several processes have to agree). Another node in the list
 * gives a whole cluster other tokens; a cluster that holds data grows by joins.
 *
 * A node's tokens only matter within its data centre: the others' replicas are placed on their own.
 * So a data centre is allocated by itself. Racks are a boundary that allocation cannot level: where
 * there are as many racks as replicas each rack holds one copy of everything, and the nodes of a
 * smaller rack hold more.
 */
#ifndef COLUMBA_RING_ALLOCATION_H
#define COLUMBA_RING_ALLOCATION_H

#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/memory.h"

#define ALLOCATION_TOKENS_DEFAULT 16u

struct allocation_node {
    uint8_t datacenter;     /* any number below DATACENTERS_MAX */
    uint16_t rack;          /* any number; racks of different data centres are different racks */
    const uint64_t *tokens; /* allocation_join: those it has. Not looked at by allocation_cluster */
    uint32_t token_count;
};

struct allocation_request {
    const struct allocation_node *nodes;
    uint32_t node_count; /* 1 to NODES_MAX */
    /* Replicas in each data centre. 0 is treated as 1. */
    uint8_t factors[DATACENTERS_MAX];
    uint32_t tokens_per_node; /* 1 to TOKENS_PER_NODE_MAX */
    uint64_t seed;
};

/* Tokens for all nodes: out_tokens[i * tokens_per_node …] are node i's, ascending, all distinct.
 * Integer arithmetic only, so every machine computes the same. ERR_INVALID: a number out of its
 * limits. ERR_NO_MEMORY. */
enum columba_error allocation_cluster(struct memory *memory,
                                      const struct allocation_request *request,
                                      uint64_t *out_tokens);

/* Tokens for `joining`, beside the nodes that have theirs (who has none is left out):
 * tokens_per_node of them, ascending, none of them in use. No range moves between the others. One
 * node computes this and publishes it. Errors as above. */
enum columba_error allocation_join(struct memory *memory, const struct allocation_request *request,
                                   const struct allocation_node *joining, uint64_t *out_tokens);

#endif
