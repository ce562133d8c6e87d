#include "node/shell/cluster.h"

#include <stdlib.h>

#include "base/assert.h"
#include "ring/allocation.h"

/* The same on every node; what it is does not matter. */
#define CLUSTER_ALLOCATION_SEED 0u

/* One node on the way from the configuration to the topology. */
struct member {
    struct id host_id;
    const struct config_node *node;
};

/* What is needed only while the topology is made. */
struct workplace {
    const struct config *config;
    struct member *members;
    struct allocation_node *places;
    struct topology_node_spec *specs;
    uint64_t *tokens;
};

static int member_compare(const void *a, const void *b)
{
    return id_compare(&((const struct member *)a)->host_id, &((const struct member *)b)->host_id);
}

static void members_sort(struct workplace *work)
{
    const struct config *config = work->config;
    for (uint32_t i = 0; i < config->node_count; i++) {
        work->members[i] = (struct member){
            .host_id = id_of_name(ID_HOST, slice_of_text(config->nodes[i].name)),
            .node = &config->nodes[i],
        };
    }
    qsort(work->members, config->node_count, sizeof *work->members, member_compare);
}

static uint8_t datacenter_number(const struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->factor_count; i++) {
        if (strcmp(config->factors[i].datacenter, name) == 0) {
            return (uint8_t)i;
        }
    }
    /* A data centre without replicas: its tokens are spread as for one. */
    return (uint8_t)config->factor_count;
}

/* Equal for nodes of one rack: the place of the first of them. */
static uint16_t rack_number(const struct workplace *work, const struct config_node *node)
{
    for (uint32_t i = 0;; i++) {
        const struct config_node *other = work->members[i].node;
        if (strcmp(other->rack, node->rack) == 0 &&
            strcmp(other->datacenter, node->datacenter) == 0) {
            return (uint16_t)i;
        }
    }
}

static enum columba_error tokens_allocate(struct workplace *work)
{
    const struct config *config = work->config;
    struct allocation_request request = {
        .nodes = work->places,
        .node_count = config->node_count,
        .tokens_per_node = (uint32_t)config->num_tokens,
        .seed = CLUSTER_ALLOCATION_SEED,
    };
    for (uint32_t i = 0; i < config->factor_count; i++) {
        request.factors[i] = (uint8_t)config->factors[i].factor;
    }
    for (uint32_t i = 0; i < config->node_count; i++) {
        work->places[i] = (struct allocation_node){
            .datacenter = datacenter_number(config, work->members[i].node->datacenter),
            .rack = rack_number(work, work->members[i].node),
        };
    }
    return allocation_cluster(memory_system(), &request, work->tokens);
}

static void specs_fill(struct workplace *work)
{
    const struct config *config = work->config;
    for (uint32_t i = 0; i < config->node_count; i++) {
        const struct member *member = &work->members[i];
        work->specs[i] = (struct topology_node_spec){
            .host_id = member->host_id,
            .name = slice_of_text(member->node->name),
            .address = slice_of_text(member->node->address.host),
            .port = member->node->address.port,
            .datacenter = slice_of_text(member->node->datacenter),
            .rack = slice_of_text(member->node->rack),
            .tokens = work->tokens + (size_t)i * config->num_tokens,
            .token_count = (uint32_t)config->num_tokens,
        };
    }
}

static enum consistency level_of(const struct config *config, enum config_option option)
{
    char name[32];
    enum consistency level;
    config_choice_name(config, option, name);
    bool is_known = consistency_from_name(slice_of_text(name), &level);
    COLUMBA_ASSERT(is_known);
    return level;
}

static enum columba_error topology_make(struct cluster *cluster, const struct workplace *work,
                                        char *out_text)
{
    const struct config *config = work->config;
    struct topology_factor_spec factors[DATACENTERS_MAX];
    struct topology_problem problem;
    struct topology_spec spec = {
        .cluster_name = slice_of_text(config->cluster_name),
        .version = CLUSTER_TOPOLOGY_VERSION,
        .nodes = work->specs,
        .node_count = config->node_count,
        .keyspace = {.name = slice_of_text(config->keyspace_name),
                     .factors = factors,
                     .factor_count = config->factor_count,
                     .read_consistency = level_of(config, CONFIG_read_consistency),
                     .write_consistency = level_of(config, CONFIG_write_consistency)},
    };
    for (uint32_t i = 0; i < config->factor_count; i++) {
        factors[i] = (struct topology_factor_spec){
            .datacenter = slice_of_text(config->factors[i].datacenter),
            .factor = config->factors[i].factor,
        };
    }
    enum columba_error error =
        topology_create(memory_system(), &spec, &cluster->topology, &problem);
    if (error == ERR_INVALID) {
        snprintf(out_text, CONFIG_PROBLEM_BYTES, "%s", problem.text);
        return ERR_CONFIGURATION;
    }
    return error;
}

static struct id tokens_hash(const struct workplace *work)
{
    const struct config *config = work->config;
    size_t size = (size_t)config->node_count * config->num_tokens * sizeof *work->tokens;
    return id_of_name(ID_HOST, slice_of(work->tokens, size));
}

static enum columba_error addresses_fill(struct cluster *cluster, const struct config *config)
{
    const struct topology *topology = cluster->topology;
    cluster->addresses = calloc(topology->node_count, sizeof *cluster->addresses);
    if (cluster->addresses == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < config->node_count; i++) {
        uint16_t index = topology_node_by_name(topology, slice_of_text(config->nodes[i].name));
        COLUMBA_ASSERT(index != TOPOLOGY_NODE_NONE);
        cluster->addresses[index] = config->nodes[i].address;
    }
    cluster->self = topology_node_by_name(topology, slice_of_text(config->node_name));
    COLUMBA_ASSERT(cluster->self != TOPOLOGY_NODE_NONE);
    return COLUMBA_OK;
}

enum columba_error cluster_init(struct cluster *cluster, const struct config *config,
                                char *out_text)
{
    uint32_t count = config->node_count;
    struct cluster made = {0};
    struct workplace work = {
        .config = config,
        .members = calloc(count, sizeof *work.members),
        .places = calloc(count, sizeof *work.places),
        .specs = calloc(count, sizeof *work.specs),
        .tokens = calloc((size_t)count * config->num_tokens, sizeof *work.tokens),
    };
    enum columba_error error = ERR_NO_MEMORY;
    snprintf(out_text, CONFIG_PROBLEM_BYTES, "%s", error_text(ERR_NO_MEMORY));
    if (work.members != NULL && work.places != NULL && work.specs != NULL && work.tokens != NULL) {
        members_sort(&work);
        error = tokens_allocate(&work);
        snprintf(out_text, CONFIG_PROBLEM_BYTES, "tokens cannot be allocated: %s",
                 error_text(error));
    }
    if (error == COLUMBA_OK) {
        specs_fill(&work);
        error = topology_make(&made, &work, out_text);
    }
    if (error == COLUMBA_OK) {
        made.tokens_id = tokens_hash(&work);
        error = addresses_fill(&made, config);
    }
    free(work.members);
    free(work.places);
    free(work.specs);
    free(work.tokens);
    if (error != COLUMBA_OK) {
        cluster_clear(&made);
        return error;
    }
    *cluster = made;
    return COLUMBA_OK;
}

bool cluster_lacks_nodes(const struct cluster *cluster, uint8_t datacenter, char *out_text)
{
    const struct topology_datacenter *lacking = &cluster->topology->datacenters[datacenter];
    if (lacking->factor <= lacking->node_count) {
        return false;
    }
    snprintf(out_text, CONFIG_PROBLEM_BYTES,
             "data centre %s keeps %u replicas but has %u nodes: quorums are counted from %u",
             (const char *)lacking->name.data, lacking->factor, lacking->node_count,
             lacking->factor);
    return true;
}

void cluster_clear(struct cluster *cluster)
{
    if (cluster->topology != NULL) {
        topology_destroy(cluster->topology);
    }
    free(cluster->addresses);
    *cluster = (struct cluster){0};
}
