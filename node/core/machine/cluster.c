#include "node/core/machine/cluster.h"

#include "base/assert.h"
#include "base/limits.h"
#include "node/core/machine/sm.h"
#include "proto/message.h"

/* Gossip and connections come and go independently. */
static const uint16_t moves[] = {
    [PEER_DOWN] = SM_TO(PEER_DOWN) | SM_TO(PEER_UNREACHABLE) | SM_TO(PEER_UP),
    [PEER_UNREACHABLE] = SM_TO(PEER_DOWN) | SM_TO(PEER_UNREACHABLE) | SM_TO(PEER_UP),
    [PEER_UP] = SM_TO(PEER_DOWN) | SM_TO(PEER_UNREACHABLE) | SM_TO(PEER_UP)};

static uint16_t handle_at(const uint16_t *handles, uint16_t position)
{
    return handles == NULL ? position : handles[position];
}

static uint16_t peers_needed(const struct topology *topology, const uint16_t *handles)
{
    uint16_t last = 0;
    for (uint16_t i = 0; i < topology->node_count; i++) {
        uint16_t handle = handle_at(handles, i);
        COLUMBA_ASSERT(handle < NODES_MAX);
        last = handle > last ? handle : last;
    }
    return (uint16_t)(last + 1);
}

static void handles_set(struct cluster *cluster, const uint16_t *handles)
{
    for (uint16_t i = 0; i < cluster->peer_count; i++) {
        cluster->peers[i].position = POSITION_NONE;
    }
    for (uint16_t i = 0; i < cluster->topology->node_count; i++) {
        uint16_t handle = handle_at(handles, i);
        COLUMBA_ASSERT(cluster->peers[handle].position == POSITION_NONE);
        cluster->handles[i] = handle;
        cluster->peers[handle].position = i;
    }
}

int cluster_view_init(struct cluster *cluster, struct memory *memory,
                      const struct topology *topology, const uint16_t *handles, uint16_t self)
{
    *cluster = (struct cluster){.memory = memory,
                                .topology = topology,
                                .self = self,
                                .peer_count = peers_needed(topology, handles)};
    cluster->handles = memory_allocate(memory, topology->node_count * sizeof(*cluster->handles));
    cluster->peers = memory_allocate_zero(memory, cluster->peer_count * sizeof(*cluster->peers));
    if (cluster->handles == NULL || cluster->peers == NULL) {
        return -1;
    }
    handles_set(cluster, handles);
    COLUMBA_ASSERT(self < cluster->peer_count && cluster->peers[self].position != POSITION_NONE);
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
    uint16_t position = cluster->peers[cluster->self].position;
    return cluster->topology->nodes[position].datacenter;
}
