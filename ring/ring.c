/*
 * Working out every range's replicas in time proportional to ranges times replicas, whatever the
 * racks look like (walking forward from each range would take the whole ring where one rack has a
 * single token).
 *
 * The ring is swept backwards, twice. For each data centre two lists keep its nodes and its racks
 * in the order in which a walk forward from here would first meet them: whoever owns the token just
 * passed moves to the front. The first turn fills the lists, the second reads a replica set off
 * them at every range.
 */
#include "ring/ring.h"

#include "ring/token.h"

/* Lists, one for each data centre, over members numbered from 0; data centre d's list begins and
 * ends at number `heads` + d. */
struct order {
    uint16_t *next;
    uint16_t *previous;
    uint16_t heads;
};

struct sweep {
    const struct topology *topology;
    const struct topology_ring *ring;
    struct order nodes;
    struct order racks;
    uint32_t *node_seen_at;  /* position of its next token, in a ring unrolled twice */
    uint16_t *rack_nearest;  /* the rack's node that comes first */
    uint32_t *rack_taken_at; /* the position whose set took a node of it, plus one */
};

static bool order_init(struct order *order, struct arena *arena, uint16_t member_count)
{
    const size_t size = (size_t)member_count + DATACENTERS_MAX;
    order->heads = member_count;
    order->next = arena_allocate_array(arena, size, sizeof(*order->next));
    order->previous = arena_allocate_array(arena, size, sizeof(*order->previous));
    if (order->next == NULL || order->previous == NULL) {
        return false;
    }
    /* Who links to himself is in no list, and an empty list's head links to itself. */
    for (size_t i = 0; i < size; i++) {
        order->next[i] = (uint16_t)i;
        order->previous[i] = (uint16_t)i;
    }
    return true;
}

static uint16_t order_first(const struct order *order, uint8_t datacenter)
{
    return order->next[order->heads + datacenter];
}

static void order_to_front(struct order *order, uint8_t datacenter, uint16_t member)
{
    order->next[order->previous[member]] = order->next[member];
    order->previous[order->next[member]] = order->previous[member];
    uint16_t head = (uint16_t)(order->heads + datacenter);
    uint16_t first = order->next[head];
    order->next[member] = first;
    order->previous[member] = head;
    order->previous[first] = member;
    order->next[head] = member;
}

static bool sweep_init(struct sweep *sweep, const struct topology *topology,
                       const struct topology_ring *ring, struct arena *scratch)
{
    const uint16_t nodes = topology->node_count, racks = topology->rack_count;
    *sweep = (struct sweep){.topology = topology, .ring = ring};
    sweep->node_seen_at = arena_allocate_zero(scratch, nodes * sizeof(*sweep->node_seen_at));
    sweep->rack_nearest = arena_allocate_zero(scratch, racks * sizeof(*sweep->rack_nearest));
    sweep->rack_taken_at = arena_allocate_zero(scratch, racks * sizeof(*sweep->rack_taken_at));
    return sweep->node_seen_at != NULL && sweep->rack_nearest != NULL &&
           sweep->rack_taken_at != NULL && order_init(&sweep->nodes, scratch, nodes) &&
           order_init(&sweep->racks, scratch, racks);
}

static void sweep_pass(struct sweep *sweep, uint32_t position)
{
    uint16_t owner = sweep->ring->owners[position % sweep->ring->count];
    const struct topology_node *node = &sweep->topology->nodes[owner];
    order_to_front(&sweep->nodes, node->datacenter, owner);
    order_to_front(&sweep->racks, node->datacenter, node->rack);
    sweep->node_seen_at[owner] = position;
    sweep->rack_nearest[node->rack] = owner;
}

/* Keeps the set in ring order over all data centres. */
static void sweep_add(const struct sweep *sweep, struct replica_set *set, uint16_t node)
{
    unsigned at = set->count;
    while (at > 0 && sweep->node_seen_at[set->node[at - 1]] > sweep->node_seen_at[node]) {
        set->node[at] = set->node[at - 1];
        at--;
    }
    set->node[at] = node;
    set->count++;
}

static void sweep_take(struct sweep *sweep, uint8_t index, uint32_t position,
                       struct replica_set *set)
{
    const struct topology_datacenter *datacenter = &sweep->topology->datacenters[index];
    unsigned wanted = datacenter->factor;
    if (wanted > datacenter->node_count) {
        wanted = datacenter->node_count;
    }
    unsigned repeats = wanted > datacenter->rack_count ? wanted - datacenter->rack_count : 0;
    /* While repeats are left every node counts; then only the first node of each rack not met. */
    for (uint16_t node = order_first(&sweep->nodes, index); wanted > 0 && repeats > 0;
         node = sweep->nodes.next[node]) {
        uint16_t rack = sweep->topology->nodes[node].rack;
        if (sweep->rack_taken_at[rack] == position + 1) {
            repeats--;
        }
        sweep->rack_taken_at[rack] = position + 1;
        sweep_add(sweep, set, node);
        wanted--;
    }
    for (uint16_t rack = order_first(&sweep->racks, index); wanted > 0;
         rack = sweep->racks.next[rack]) {
        if (sweep->rack_taken_at[rack] != position + 1) {
            sweep->rack_taken_at[rack] = position + 1;
            sweep_add(sweep, set, sweep->rack_nearest[rack]);
            wanted--;
        }
    }
}

static void sweep_run(struct sweep *sweep, struct replica_set *replicas)
{
    const uint32_t count = sweep->ring->count;
    for (uint32_t position = 2 * count; position-- > count;) {
        sweep_pass(sweep, position);
    }
    for (uint32_t position = count; position-- > 0;) {
        sweep_pass(sweep, position);
        for (uint8_t i = 0; i < sweep->topology->datacenter_count; i++) {
            sweep_take(sweep, i, position, &replicas[position]);
        }
    }
}

static void ring_measure(struct topology_ring *ring)
{
    uint64_t after = ring->tokens[ring->count - 1];
    for (uint32_t i = 0; i < ring->count; i++) {
        double share = token_range_fraction(after, ring->tokens[i]);
        after = ring->tokens[i];
        ring->ownership[ring->owners[i]] += share;
        for (unsigned r = 0; r < ring->replicas[i].count; r++) {
            ring->ownership_effective[ring->replicas[i].node[r]] += share;
        }
    }
}

bool ring_place(const struct topology *topology, struct topology_ring *ring, struct arena *kept,
                struct arena *scratch)
{
    struct sweep sweep;
    const size_t share_bytes = topology->node_count * sizeof(double);
    ring->replicas = arena_allocate_zero(kept, ring->count * sizeof(*ring->replicas));
    ring->ownership = arena_allocate_zero(kept, share_bytes);
    ring->ownership_effective = arena_allocate_zero(kept, share_bytes);
    if (ring->replicas == NULL || ring->ownership == NULL || ring->ownership_effective == NULL ||
        !sweep_init(&sweep, topology, ring, scratch)) {
        return false;
    }
    sweep_run(&sweep, ring->replicas);
    ring_measure(ring);
    return true;
}
