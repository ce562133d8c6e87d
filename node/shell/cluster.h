/*
 * The cluster as the configuration states it: a topology made from the static list of nodes. Every
 * node computes it from the same list and gets the same, tokens included: the list is put in the
 * order of host ids (which follow from the names) before tokens are allocated.
 */
#ifndef COLUMBA_NODE_SHELL_CLUSTER_H
#define COLUMBA_NODE_SHELL_CLUSTER_H

#include "node/shell/config.h"
#include "ring/topology.h"

#define CLUSTER_TOPOLOGY_VERSION 1u

struct cluster {
    struct topology *topology;
    struct address *addresses; /* by the topology's index */
    struct id tokens_id;       /* a hash of all tokens: equal where ownership is computed alike */
    uint16_t self;
};

/* ERR_CONFIGURATION: out_text (CONFIG_PROBLEM_BYTES) says why. ERR_NO_MEMORY. */
enum columba_error cluster_init(struct cluster *cluster, const struct config *config,
                                char *out_text);
void cluster_clear(struct cluster *cluster);

/* True: a data centre has fewer nodes than it keeps replicas, which whoever wrote it should know;
 * out_text (CONFIG_PROBLEM_BYTES) says so. */
bool cluster_lacks_nodes(const struct cluster *cluster, uint8_t datacenter, char *out_text);

#endif
