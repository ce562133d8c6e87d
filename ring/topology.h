/*
 * The topology: which nodes there are, where they stand, which tokens they own, and how many
 * replicas each data centre keeps. One versioned value, checked as a whole when it is made and
 * never changed afterwards; a newer version is another topology.
 *
 * Happy path: fill a struct topology_spec (from the configuration, or on a client from the node's
 * WELCOME), topology_create, ask (here, placement.h, consistency.h), topology_destroy. Creation
 * copies everything it keeps. What is wrong with a spec is told in a sentence that names the node.
 *
 * A factor above the number of nodes of its data centre is allowed, as in Cassandra: every node
 * there is a replica, but quorums are still counted from the factor, so that adding the missing
 * nodes later breaks no promise. topology_datacenter shows both numbers to whoever wants to warn.
 *
 * Threads: immutable, so any number may read it at once.
 */
#ifndef COLUMBA_RING_TOPOLOGY_H
#define COLUMBA_RING_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/slice.h"
#include "ring/consistency.h"

#define TOPOLOGY_NODE_NONE UINT16_MAX
#define TOPOLOGY_DATACENTER_NONE UINT8_MAX
#define TOPOLOGY_PROBLEM_BYTES 256u

/* Plain data with views into the caller's memory. Names are 1 to NODE_NAME_MAX_BYTES bytes without
 * control characters. */
struct topology_node_spec {
    struct id host_id;
    struct slice name;
    struct slice address; /* IPv4 or IPv6 literal */
    uint32_t port;        /* 1 to 65,535 */
    struct slice datacenter;
    struct slice rack;
    const uint64_t *tokens; /* in any order */
    uint32_t token_count;   /* 1 to TOKENS_PER_NODE_MAX */
};

struct topology_factor_spec {
    struct slice datacenter;
    uint32_t factor; /* 0: no replicas there, as if it were not listed */
};

struct topology_keyspace_spec {
    struct slice name;
    const struct topology_factor_spec *factors;
    uint32_t factor_count;
    enum consistency read_consistency;
    enum consistency write_consistency;
};

struct topology_spec {
    struct slice cluster_name;
    uint64_t version;
    const struct topology_node_spec *nodes; /* in any order */
    uint32_t node_count;
    struct topology_keyspace_spec keyspace;
};

/* Why a spec was refused: one sentence, always terminated. */
struct topology_problem {
    char text[TOPOLOGY_PROBLEM_BYTES];
};

/* Slices of a topology are followed by a NUL that is not counted. */
struct topology_node {
    struct id host_id;
    struct slice name;
    struct slice address;
    const uint64_t *tokens; /* ascending */
    uint32_t token_count;
    uint16_t port;
    uint16_t rack; /* index into racks */
    uint8_t datacenter;
};

struct topology_rack {
    struct slice name;
    uint16_t node_count;
    uint8_t datacenter;
};

struct topology_datacenter {
    struct slice name;
    uint16_t node_count;
    uint16_t rack_count;
    uint8_t factor; /* as configured; may be above node_count */
};

/* What placement.h reads: one entry for each token of the cluster, ascending. */
struct topology_ring;

struct topology {
    struct slice cluster_name;
    struct slice keyspace;
    uint64_t version;
    enum consistency read_consistency;
    enum consistency write_consistency;
    const struct topology_node *nodes; /* by host id: a node's index is its place here */
    const struct topology_rack *racks; /* by data centre, then name */
    const struct topology_datacenter *datacenters; /* by name */
    const struct topology_ring *ring;
    uint16_t node_count;
    uint16_t rack_count;
    uint8_t datacenter_count;
    uint8_t factor_total; /* over all data centres, at most REPLICAS_MAX */
};

/* ERR_INVALID: out_problem (may be NULL) says why. ERR_NO_MEMORY. `memory` must outlive it. */
enum columba_error topology_create(struct memory *memory, const struct topology_spec *spec,
                                   struct topology **out_topology,
                                   struct topology_problem *out_problem);
void topology_destroy(struct topology *topology);

/* TOPOLOGY_NODE_NONE where there is none. */
uint16_t topology_node_by_host(const struct topology *topology, const struct id *host_id);
uint16_t topology_node_by_name(const struct topology *topology, struct slice name);
/* TOPOLOGY_DATACENTER_NONE where there is none. */
uint8_t topology_datacenter_by_name(const struct topology *topology, struct slice name);

#endif
