/* Clusters that grow node by node, for the tests of token allocation. */
#ifndef COLUMBA_TESTS_UNIT_RING_GROWING_H
#define COLUMBA_TESTS_UNIT_RING_GROWING_H

#include "ring_cluster.h"

enum { GROWING_TOKENS = ALLOCATION_TOKENS_DEFAULT };

/* Nodes in one data centre, dealt to racks in turn, with room for their tokens. */
struct growing {
    struct ring_cluster *cluster;
    struct allocation_node nodes[NODES_MAX];
    uint64_t tokens[NODES_MAX][GROWING_TOKENS];
    struct allocation_request request;
};

extern const char *const growing_rack_names[6];

/* Without nodes yet; at most 6 racks. */
struct growing *growing_create(unsigned nodes_max, unsigned racks, unsigned factor);
void growing_destroy(struct growing *growing);

/* Gives the next node the tokens that stand in growing->tokens. */
void growing_take(struct growing *growing, unsigned node);
/* Begins (again) with so many nodes of a new cluster. */
void growing_start(struct growing *growing, unsigned count);
void growing_join(struct growing *growing);

/* The most loaded node against the mean of its rack, in the worst rack: where there are as many
 * racks as replicas each rack holds everything once, so no allocation can level racks of different
 * size. */
double growing_max_over_rack_mean(const struct growing *growing);
/* The share of all data that the most loaded node holds. */
double growing_load_max(const struct growing *growing);

#endif
