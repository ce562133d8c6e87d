#include "ring/topology_check.h"

#include "ring/problem.h"

/* The longest literal: an IPv6 address whose last 32 bits are written as IPv4. */
#define ADDRESS_MAX_BYTES 45u

static bool name_is_valid(struct slice name)
{
    if (name.size == 0 || name.size > NODE_NAME_MAX_BYTES) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < 0x20 || name.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool byte_is_of_literal(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
           (byte >= 'A' && byte <= 'F') || byte == '.' || byte == ':';
}

/* Whether it is a literal that can be connected to is up to whoever connects; this keeps out host
 * names and what would garble a table. */
static bool address_is_valid(struct slice address)
{
    if (address.size == 0 || address.size > ADDRESS_MAX_BYTES) {
        return false;
    }
    for (size_t i = 0; i < address.size; i++) {
        if (!byte_is_of_literal(address.data[i])) {
            return false;
        }
    }
    return true;
}

static enum columba_error check_node(const struct topology_node_spec *node,
                                     struct topology_problem *problem)
{
    if (!name_is_valid(node->name)) {
        return problem_about(problem, "node", node->name,
                             "needs a name of 1 to 64 bytes without control characters");
    }
    if (id_is_zero(&node->host_id)) {
        return problem_about(problem, "node", node->name, "has no host id");
    }
    if (!address_is_valid(node->address)) {
        return problem_about(problem, "node", node->name,
                             "needs an IPv4 or IPv6 address, not a host name");
    }
    if (node->port == 0 || node->port > UINT16_MAX) {
        return problem_about(problem, "node", node->name, "needs a port from 1 to 65535");
    }
    if (!name_is_valid(node->datacenter) || !name_is_valid(node->rack)) {
        return problem_about(problem, "node", node->name,
                             "needs a data centre and a rack, names of 1 to 64 bytes without "
                             "control characters");
    }
    if (node->token_count == 0 || node->token_count > TOKENS_PER_NODE_MAX) {
        return problem_about(problem, "node", node->name, "needs 1 to 256 tokens");
    }
    return COLUMBA_OK;
}

static bool level_is_default(enum consistency level)
{
    enum consistency known;
    return consistency_from_number((uint32_t)level, &known) && known != CONSISTENCY_SERIAL;
}

static enum columba_error check_factors(const struct topology_keyspace_spec *keyspace,
                                        struct topology_problem *problem)
{
    uint32_t total = 0;
    if (keyspace->factor_count > DATACENTERS_MAX) {
        return problem_about(problem, "keyspace", keyspace->name,
                             "has replication factors for more than 8 data centres");
    }
    for (uint32_t i = 0; i < keyspace->factor_count; i++) {
        const struct topology_factor_spec *factor = &keyspace->factors[i];
        for (uint32_t other = 0; other < i; other++) {
            if (slice_equal(keyspace->factors[other].datacenter, factor->datacenter)) {
                return problem_about(problem, "data centre", factor->datacenter,
                                     "has two replication factors");
            }
        }
        if (factor->factor > REPLICAS_MAX) {
            return problem_about(problem, "data centre", factor->datacenter,
                                 "has a replication factor above 16");
        }
        total += factor->factor;
    }
    if (total == 0) {
        return problem_about(problem, "keyspace", keyspace->name,
                             "needs a replication factor of at least 1 in one data centre");
    }
    if (total > REPLICAS_MAX) {
        return problem_about(problem, "keyspace", keyspace->name,
                             "has more than 16 replicas over all data centres");
    }
    return COLUMBA_OK;
}

static enum columba_error check_keyspace(const struct topology_keyspace_spec *keyspace,
                                         struct topology_problem *problem)
{
    if (!name_is_valid(keyspace->name)) {
        return problem_about(problem, "keyspace", keyspace->name,
                             "needs a name of 1 to 64 bytes without control characters");
    }
    if (!level_is_default(keyspace->read_consistency) ||
        !level_is_default(keyspace->write_consistency)) {
        return problem_about(problem, "keyspace", keyspace->name,
                             "has a default consistency that is no level of reads and writes");
    }
    return check_factors(keyspace, problem);
}

enum columba_error topology_check(const struct topology_spec *spec,
                                  struct topology_problem *problem)
{
    if (!name_is_valid(spec->cluster_name)) {
        return problem_about(problem, "cluster", spec->cluster_name,
                             "needs a name of 1 to 64 bytes without control characters");
    }
    if (spec->node_count == 0) {
        return problem_about(problem, "cluster", spec->cluster_name, "has no nodes");
    }
    if (spec->node_count > NODES_MAX) {
        return problem_about(problem, "cluster", spec->cluster_name, "has more than 1024 nodes");
    }
    for (uint32_t i = 0; i < spec->node_count; i++) {
        enum columba_error error = check_node(&spec->nodes[i], problem);
        if (error != COLUMBA_OK) {
            return error;
        }
    }
    return check_keyspace(&spec->keyspace, problem);
}

_Static_assert(NODE_NAME_MAX_BYTES == 64 && TOKENS_PER_NODE_MAX == 256 && NODES_MAX == 1024 &&
                   REPLICAS_MAX == 16 && DATACENTERS_MAX == 8,
               "the sentences above name these limits");
