#include "node/core/machine/cluster.h"

#include "base/assert.h"
#include "node/core/machine/sm.h"
#include "proto/message.h"

/* Gossip and connections come and go independently. */
static const uint16_t moves[] = {
    [PEER_DOWN] = SM_TO(PEER_DOWN) | SM_TO(PEER_UNREACHABLE) | SM_TO(PEER_UP),
    [PEER_UNREACHABLE] = SM_TO(PEER_DOWN) | SM_TO(PEER_UNREACHABLE) | SM_TO(PEER_UP),
    [PEER_UP] = SM_TO(PEER_DOWN) | SM_TO(PEER_UNREACHABLE) | SM_TO(PEER_UP)};

int cluster_view_init(struct cluster *cluster, struct memory *memory,
                      const struct topology *topology, uint16_t self)
{
    COLUMBA_ASSERT(self < topology->node_count);
    *cluster = (struct cluster){.memory = memory,
                                .topology = topology,
                                .self = self,
                                .peer_count = (uint16_t)topology->node_count};
    cluster->handles = memory_allocate(memory, topology->node_count * sizeof(*cluster->handles));
    cluster->peers = memory_allocate_zero(memory, topology->node_count * sizeof(*cluster->peers));
    if (cluster->handles == NULL || cluster->peers == NULL) {
        return -1;
    }
    for (uint16_t i = 0; i < cluster->peer_count; i++) {
        cluster->handles[i] = i;
    }
    cluster->peers[self].state = PEER_UP;
    return 0;
}

void cluster_view_clear(struct cluster *cluster)
{
    if (cluster->memory == NULL) {
        return;
    }
    for (uint16_t i = 0; cluster->peers != NULL && i < cluster->peer_count; i++) {
        memory_release(cluster->memory, cluster->peers[i].done);
    }
    memory_release(cluster->memory, cluster->peers);
    memory_release(cluster->memory, cluster->handles);
    cluster->peers = NULL;
    cluster->handles = NULL;
}

void cluster_peer_set(struct cluster *cluster, uint16_t node, bool alive, bool connected)
{
    COLUMBA_ASSERT(node < cluster->peer_count);
    enum peer_state state = !alive ? PEER_DOWN : connected ? PEER_UP : PEER_UNREACHABLE;
    if (node != cluster->self) {
        sm_move(&cluster->peers[node].state, moves, state);
    }
}

uint8_t cluster_datacenter(const struct cluster *cluster)
{
    /* A handle is a position as long as there is one topology. */
    return cluster->topology->nodes[cluster->self].datacenter;
}
