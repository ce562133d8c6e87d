#include "ring_growing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

const char *const growing_rack_names[6] = {"r0", "r1", "r2", "r3", "r4", "r5"};

struct growing *growing_create(unsigned nodes_max, unsigned racks, unsigned factor)
{
    struct growing *growing = calloc(1, sizeof(*growing));
    growing->cluster = ring_cluster_create(nodes_max);
    growing->request = (struct allocation_request){
        .nodes = growing->nodes, .tokens_per_node = GROWING_TOKENS, .seed = 1};
    growing->request.factors[0] = (uint8_t)factor;
    for (unsigned i = 0; i < nodes_max; i++) {
        growing->nodes[i].rack = (uint16_t)(i % racks);
        ring_cluster_put(growing->cluster, i, "dc1", growing_rack_names[i % racks]);
    }
    ring_cluster_factor(growing->cluster, "dc1", factor);
    return growing;
}

void growing_destroy(struct growing *growing)
{
    ring_cluster_destroy(growing->cluster);
    free(growing);
}

void growing_take(struct growing *growing, unsigned node)
{
    growing->nodes[node].tokens = growing->tokens[node];
    growing->nodes[node].token_count = GROWING_TOKENS;
    ring_cluster_tokens(growing->cluster, node, growing->tokens[node], GROWING_TOKENS);
    growing->request.node_count = node + 1;
    growing->cluster->spec.node_count = node + 1;
}

void growing_start(struct growing *growing, unsigned count)
{
    uint64_t *tokens = malloc(count * sizeof(growing->tokens[0]));
    growing->request.node_count = count;
    assert_int_equal(allocation_cluster(memory_system(), &growing->request, tokens), COLUMBA_OK);
    memcpy(growing->tokens, tokens, count * sizeof(growing->tokens[0]));
    free(tokens);
    for (unsigned i = 0; i < count; i++) {
        growing_take(growing, i);
    }
}

void growing_join(struct growing *growing)
{
    unsigned node = growing->request.node_count;
    assert_int_equal(allocation_join(memory_system(), &growing->request, &growing->nodes[node],
                                     growing->tokens[node]),
                     COLUMBA_OK);
    growing_take(growing, node);
}

static double rack_max_over_mean(const struct topology *topology, uint16_t rack)
{
    double sum = 0, max = 0;
    for (uint16_t i = 0; i < topology->node_count; i++) {
        if (topology->nodes[i].rack == rack) {
            double load = placement_ownership_effective(topology, i);
            sum += load;
            max = load > max ? load : max;
        }
    }
    return max / (sum / topology->racks[rack].node_count);
}

double growing_max_over_rack_mean(const struct growing *growing)
{
    struct topology *topology = ring_cluster_topology(growing->cluster);
    double max = 0;
    for (uint16_t rack = 0; rack < topology->rack_count; rack++) {
        double in_rack = rack_max_over_mean(topology, rack);
        max = in_rack > max ? in_rack : max;
    }
    topology_destroy(topology);
    return max;
}

double growing_load_max(const struct growing *growing)
{
    struct topology *topology = ring_cluster_topology(growing->cluster);
    double max = 0;
    for (uint16_t i = 0; i < topology->node_count; i++) {
        double load = placement_ownership_effective(topology, i);
        max = load > max ? load : max;
    }
    topology_destroy(topology);
    return max;
}
