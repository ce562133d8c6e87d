/*
 * The cluster as this core sees it: the topology in force, and the nodes by handle. A handle is a
 * small number that a node keeps for life in this process, whatever the topology does; positions in
 * a topology's list change with it. Effects, events and the core name nodes by handle.
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_CLUSTER_H
#define COLUMBA_NODE_CORE_MACHINE_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ring/placement.h"

struct message_outbox_entry;

/* What gossip and the connections say of a node. */
enum peer_state {
    PEER_DOWN,        /* gossip says so */
    PEER_UNREACHABLE, /* alive, but requests cannot reach it now */
    PEER_UP,
};

#define POSITION_NONE UINT16_MAX

struct peer {
    uint8_t state;     /* enum peer_state */
    uint16_t position; /* in the topology in force; POSITION_NONE: it is not part of it */
    /* Fan-outs that are done, to be told to this peer at the end of the turn. */
    struct message_outbox_entry *done;
    uint32_t done_count;
};

struct cluster {
    struct memory *memory;
    const struct topology *topology; /* in force */
    uint16_t *handles;               /* by position in the topology */
    struct peer *peers;              /* by handle */
    uint16_t peer_count;             /* greater than every handle */
    uint16_t self;                   /* handle */
    uint32_t peers_with_done;
};

/* The topology must outlive it. `handles`: by position in the topology, each once and below
 * NODES_MAX; NULL: the positions are the handles. */
int cluster_view_init(struct cluster *cluster, struct memory *memory,
                      const struct topology *topology, const uint16_t *handles, uint16_t self);
void cluster_view_clear(struct cluster *cluster);

void cluster_peer_set(struct cluster *cluster, uint16_t node, bool alive, bool connected);
static inline bool cluster_is_alive(const struct cluster *cluster, uint16_t node)
{
    COLUMBA_ASSERT(node < cluster->peer_count);
    return cluster->peers[node].state != PEER_DOWN;
}
/* The data centre of this node. */
uint8_t cluster_datacenter(const struct cluster *cluster);

#endif
