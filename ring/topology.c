/*
 * Building a topology: check, order, compare neighbours for doubles, copy, place. Everything kept
 * lies in one arena that dies with the topology; what is only needed meanwhile in another.
 */
#include "ring/topology.h"

#include "base/arena.h"
#include "base/list.h"
#include "ring/problem.h"
#include "ring/ring.h"
#include "ring/sort.h"
#include "ring/topology_check.h"

/* The largest topology: 262,144 tokens, each in its node's list, the ring and the list that is
 * sorted, with its replicas; and 1,024 nodes with names of 64 bytes. */
#define TOPOLOGY_MEMORY_MAX_BYTES (32u * MIB)

_Static_assert((uint64_t)NODES_MAX *TOKENS_PER_NODE_MAX *(16 + sizeof(uint16_t) +
                                                          sizeof(struct replica_set)) +
                       (uint64_t)NODES_MAX * (sizeof(struct topology_node) + 512) + MIB <
                   TOPOLOGY_MEMORY_MAX_BYTES,
               "the largest topology fits");

struct topology_block {
    struct memory *memory;
    struct arena arena;
    struct topology topology;
};

/* A node on its way from the spec into the topology. */
struct entry {
    const struct topology_node_spec *spec;
    uint16_t node; /* its index, once they are in order */
    uint16_t rack;
    uint8_t datacenter;
};

struct owned_token {
    uint64_t token;
    uint16_t node;
};

struct build {
    const struct topology_spec *spec;
    struct topology_problem *problem;
    struct arena *kept;
    struct arena scratch;
    struct topology *topology;
    struct entry *entries;
    struct topology_node *nodes;
    struct topology_rack *racks;
    struct topology_datacenter *datacenters;
};

static int by_host(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return id_compare(&left->spec->host_id, &right->spec->host_id);
}

static int by_name(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return slice_compare(left->spec->name, right->spec->name);
}

static int by_address(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    int order = slice_compare(left->spec->address, right->spec->address);
    return order != 0
               ? order
               : (left->spec->port > right->spec->port) - (left->spec->port < right->spec->port);
}

static int by_place(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    int order = slice_compare(left->spec->datacenter, right->spec->datacenter);
    return order != 0 ? order : slice_compare(left->spec->rack, right->spec->rack);
}

static int by_token(const void *a, const void *b)
{
    const struct owned_token *left = a, *right = b;
    if (left->token != right->token) {
        return left->token < right->token ? -1 : 1;
    }
    return (left->node > right->node) - (left->node < right->node);
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static enum columba_error keep_text(struct build *build, struct slice text, struct slice *out_copy)
{
    uint8_t *copy = arena_allocate(build->kept, text.size + 1);
    if (copy == NULL) {
        return ERR_NO_MEMORY;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *out_copy = slice_of(copy, text.size);
    return COLUMBA_OK;
}

static enum columba_error find_doubles(struct build *build, sort_compare *compare, const char *what)
{
    const uint32_t count = build->spec->node_count;
    sort_array(build->entries, count, sizeof(*build->entries), compare);
    for (uint32_t i = 1; i < count; i++) {
        if (compare(&build->entries[i - 1], &build->entries[i]) == 0) {
            const struct topology_node_spec *one = build->entries[i - 1].spec;
            const struct topology_node_spec *other = build->entries[i].spec;
            bool in_order = one < other;
            return problem_about_both(build->problem, "nodes", in_order ? one->name : other->name,
                                      in_order ? other->name : one->name, what);
        }
    }
    return COLUMBA_OK;
}

static enum columba_error entries_make(struct build *build)
{
    const uint32_t count = build->spec->node_count;
    build->entries = arena_allocate_zero(&build->scratch, count * sizeof(*build->entries));
    if (build->entries == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        build->entries[i].spec = &build->spec->nodes[i];
    }
    enum columba_error error = find_doubles(build, by_name, "have the same name");
    if (error == COLUMBA_OK) {
        error = find_doubles(build, by_address, "have the same address and port");
    }
    if (error == COLUMBA_OK) {
        error = find_doubles(build, by_host, "have the same host id");
    }
    for (uint32_t i = 0; i < count; i++) {
        build->entries[i].node = (uint16_t)i;
    }
    return error;
}

static enum columba_error datacenter_add(struct build *build, struct slice name)
{
    struct topology *topology = build->topology;
    if (topology->datacenter_count == DATACENTERS_MAX) {
        return problem_about(build->problem, "cluster", build->spec->cluster_name,
                             "has more than 8 data centres");
    }
    struct topology_datacenter *datacenter = &build->datacenters[topology->datacenter_count++];
    const struct topology_keyspace_spec *keyspace = &build->spec->keyspace;
    for (uint32_t i = 0; i < keyspace->factor_count; i++) {
        if (slice_equal(keyspace->factors[i].datacenter, name)) {
            datacenter->factor = (uint8_t)keyspace->factors[i].factor;
            topology->factor_total = (uint8_t)(topology->factor_total + datacenter->factor);
        }
    }
    return keep_text(build, name, &datacenter->name);
}

static enum columba_error rack_add(struct build *build, struct slice name)
{
    struct topology *topology = build->topology;
    if (topology->rack_count == RACKS_MAX) {
        return problem_about(build->problem, "cluster", build->spec->cluster_name,
                             "has more than 256 racks");
    }
    uint8_t datacenter = (uint8_t)(topology->datacenter_count - 1);
    struct topology_rack *rack = &build->racks[topology->rack_count++];
    rack->datacenter = datacenter;
    build->datacenters[datacenter].rack_count++;
    return keep_text(build, name, &rack->name);
}

/* Data centres and racks, with every entry's place among them. */
static enum columba_error places_make(struct build *build)
{
    struct topology *topology = build->topology;
    build->racks = arena_allocate_zero(build->kept, RACKS_MAX * sizeof(*build->racks));
    build->datacenters =
        arena_allocate_zero(build->kept, DATACENTERS_MAX * sizeof(*build->datacenters));
    if (build->racks == NULL || build->datacenters == NULL) {
        return ERR_NO_MEMORY;
    }
    sort_array(build->entries, build->spec->node_count, sizeof(*build->entries), by_place);
    for (uint32_t i = 0; i < build->spec->node_count; i++) {
        struct entry *entry = &build->entries[i];
        enum columba_error error = COLUMBA_OK;
        bool is_new_datacenter =
            i == 0 || !slice_equal(entry->spec->datacenter, entry[-1].spec->datacenter);
        if (is_new_datacenter) {
            error = datacenter_add(build, entry->spec->datacenter);
        }
        if (error == COLUMBA_OK && (is_new_datacenter || by_place(entry - 1, entry) != 0)) {
            error = rack_add(build, entry->spec->rack);
        }
        if (error != COLUMBA_OK) {
            return error;
        }
        entry->datacenter = (uint8_t)(topology->datacenter_count - 1);
        entry->rack = (uint16_t)(topology->rack_count - 1);
        build->datacenters[entry->datacenter].node_count++;
        build->racks[entry->rack].node_count++;
    }
    topology->racks = build->racks;
    topology->datacenters = build->datacenters;
    return COLUMBA_OK;
}

static enum columba_error factors_check(struct build *build)
{
    const struct topology_keyspace_spec *keyspace = &build->spec->keyspace;
    for (uint32_t i = 0; i < keyspace->factor_count; i++) {
        const struct topology_factor_spec *factor = &keyspace->factors[i];
        if (factor->factor > 0 &&
            topology_datacenter_by_name(build->topology, factor->datacenter) ==
                TOPOLOGY_DATACENTER_NONE) {
            return problem_about(build->problem, "data centre", factor->datacenter,
                                 "has a replication factor, but no node is in it");
        }
    }
    return COLUMBA_OK;
}

static enum columba_error node_fill(struct build *build, const struct entry *entry)
{
    const struct topology_node_spec *spec = entry->spec;
    struct topology_node *node = &build->nodes[entry->node];
    uint64_t *tokens = arena_allocate_array(build->kept, spec->token_count, sizeof(*tokens));
    if (tokens == NULL || keep_text(build, spec->name, &node->name) != COLUMBA_OK ||
        keep_text(build, spec->address, &node->address) != COLUMBA_OK) {
        return ERR_NO_MEMORY;
    }
    memcpy(tokens, spec->tokens, spec->token_count * sizeof(*tokens));
    sort_array(tokens, spec->token_count, sizeof(*tokens), by_number);
    node->host_id = spec->host_id;
    node->tokens = tokens;
    node->token_count = spec->token_count;
    node->port = (uint16_t)spec->port;
    node->rack = entry->rack;
    node->datacenter = entry->datacenter;
    return COLUMBA_OK;
}

static enum columba_error nodes_make(struct build *build)
{
    const uint32_t count = build->spec->node_count;
    build->nodes = arena_allocate_zero(build->kept, count * sizeof(*build->nodes));
    if (build->nodes == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        enum columba_error error = node_fill(build, &build->entries[i]);
        if (error != COLUMBA_OK) {
            return error;
        }
    }
    build->topology->nodes = build->nodes;
    build->topology->node_count = (uint16_t)count;
    return COLUMBA_OK;
}

static uint32_t tokens_collect(const struct topology *topology, struct owned_token *out_tokens)
{
    uint32_t count = 0;
    for (uint16_t i = 0; i < topology->node_count; i++) {
        for (uint32_t t = 0; t < topology->nodes[i].token_count; t++) {
            out_tokens[count++] = (struct owned_token){topology->nodes[i].tokens[t], i};
        }
    }
    return count;
}

static enum columba_error ring_fill(struct build *build, const struct owned_token *tokens,
                                    struct topology_ring *ring)
{
    for (uint32_t i = 0; i < ring->count; i++) {
        if (i > 0 && tokens[i].token == tokens[i - 1].token) {
            problem_about_both(build->problem, "nodes", build->nodes[tokens[i - 1].node].name,
                               build->nodes[tokens[i].node].name, "have the same token ");
            problem_add_number(build->problem, tokens[i].token);
            return ERR_INVALID;
        }
        ring->tokens[i] = tokens[i].token;
        ring->owners[i] = tokens[i].node;
    }
    return COLUMBA_OK;
}

static enum columba_error ring_make(struct build *build)
{
    uint32_t count = 0;
    for (uint16_t i = 0; i < build->topology->node_count; i++) {
        count += build->topology->nodes[i].token_count;
    }
    struct owned_token *tokens = arena_allocate_array(&build->scratch, count, sizeof(*tokens));
    struct topology_ring *ring = arena_allocate_zero(build->kept, sizeof(*ring));
    if (tokens == NULL || ring == NULL) {
        return ERR_NO_MEMORY;
    }
    ring->count = tokens_collect(build->topology, tokens);
    sort_array(tokens, count, sizeof(*tokens), by_token);
    ring->tokens = arena_allocate_array(build->kept, count, sizeof(*ring->tokens));
    ring->owners = arena_allocate_array(build->kept, count, sizeof(*ring->owners));
    if (ring->tokens == NULL || ring->owners == NULL) {
        return ERR_NO_MEMORY;
    }
    enum columba_error error = ring_fill(build, tokens, ring);
    if (error != COLUMBA_OK) {
        return error;
    }
    if (!ring_place(build->topology, ring, build->kept, &build->scratch)) {
        return ERR_NO_MEMORY;
    }
    build->topology->ring = ring;
    return COLUMBA_OK;
}

static enum columba_error names_keep(struct build *build)
{
    struct topology *topology = build->topology;
    const struct topology_spec *spec = build->spec;
    topology->version = spec->version;
    topology->read_consistency = spec->keyspace.read_consistency;
    topology->write_consistency = spec->keyspace.write_consistency;
    enum columba_error error = keep_text(build, spec->cluster_name, &topology->cluster_name);
    return error != COLUMBA_OK ? error : keep_text(build, spec->keyspace.name, &topology->keyspace);
}

static enum columba_error build_run(struct build *build)
{
    static enum columba_error (*const steps[])(struct build *) = {
        names_keep, entries_make, places_make, factors_check, nodes_make, ring_make,
    };
    enum columba_error error = topology_check(build->spec, build->problem);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && error == COLUMBA_OK; i++) {
        error = steps[i](build);
    }
    return error;
}

enum columba_error topology_create(struct memory *memory, const struct topology_spec *spec,
                                   struct topology **out_topology,
                                   struct topology_problem *out_problem)
{
    struct topology_problem unread;
    struct topology_block *block = memory_allocate_zero(memory, sizeof(*block));
    if (block == NULL) {
        return ERR_NO_MEMORY;
    }
    block->memory = memory;
    arena_init(&block->arena, memory, TOPOLOGY_MEMORY_MAX_BYTES);
    struct build build = {
        .spec = spec,
        .problem = out_problem != NULL ? out_problem : &unread,
        .kept = &block->arena,
        .topology = &block->topology,
    };
    arena_init(&build.scratch, memory, TOPOLOGY_MEMORY_MAX_BYTES);
    enum columba_error error = build_run(&build);
    arena_clear(&build.scratch);
    if (error != COLUMBA_OK) {
        topology_destroy(&block->topology);
        return error;
    }
    *out_topology = &block->topology;
    return COLUMBA_OK;
}

void topology_destroy(struct topology *topology)
{
    if (topology == NULL) {
        return;
    }
    struct topology_block *block = container_of(topology, struct topology_block, topology);
    arena_clear(&block->arena);
    memory_release(block->memory, block);
}

uint16_t topology_node_by_host(const struct topology *topology, const struct id *host_id)
{
    uint16_t low = 0, high = topology->node_count;
    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (id_compare(&topology->nodes[middle].host_id, host_id) < 0) {
            low = (uint16_t)(middle + 1);
        } else {
            high = middle;
        }
    }
    bool found = low < topology->node_count && id_equal(&topology->nodes[low].host_id, host_id);
    return found ? low : TOPOLOGY_NODE_NONE;
}

uint16_t topology_node_by_name(const struct topology *topology, struct slice name)
{
    for (uint16_t i = 0; i < topology->node_count; i++) {
        if (slice_equal(topology->nodes[i].name, name)) {
            return i;
        }
    }
    return TOPOLOGY_NODE_NONE;
}

uint8_t topology_datacenter_by_name(const struct topology *topology, struct slice name)
{
    for (uint8_t i = 0; i < topology->datacenter_count; i++) {
        if (slice_equal(topology->datacenters[i].name, name)) {
            return i;
        }
    }
    return TOPOLOGY_DATACENTER_NONE;
}
