/*
 * Defaults, the checks that need more than one option, and printing. Reading the YAML is
 * config_file.c's, single values are option.c's.
 */
#include "node/shell/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/shell/config_file.h"
#include "node/shell/option.h"
#include "node/shell/units.h"

/* Nodes, names and texts of the largest file that is read, several times over. */
#define CONFIG_ARENA_BYTES (16u * MIB)

static enum columba_error defaults_set(struct config_load *load)
{
    for (unsigned i = 0; i < CONFIG_OPTION_COUNT; i++) {
        if (load->config->lines[i] != 0) {
            continue;
        }
        if (options[i].initial == NULL) {
            return config_fail(load, 0, "%s: must be given: %s", options[i].key, options[i].text);
        }
        enum columba_error error = option_set(&options[i], load->config, options[i].initial);
        if (error != COLUMBA_OK) {
            return error == ERR_CONFIGURATION ? ERR_INTERNAL : error;
        }
    }
    return COLUMBA_OK;
}

static enum columba_error listen_parse(struct config_load *load)
{
    struct config *config = load->config;
    if (*config->listen == '\0') {
        return COLUMBA_OK;
    }
    if (!address_parse(config->listen, &config->listen_address)) {
        return config_fail(load, config->lines[CONFIG_listen],
                           "listen: \"%s\" is not an IP address and port, as in 127.0.0.1:%u",
                           config->listen, ADDRESS_PORT_DEFAULT);
    }
    return COLUMBA_OK;
}

/* Without a list the cluster is this node alone. */
static enum columba_error nodes_default(struct config_load *load)
{
    struct config *config = load->config;
    struct config_node *node = arena_allocate_zero(&config->arena, sizeof *node);
    if (node == NULL) {
        return ERR_NO_MEMORY;
    }
    node->name = config->node_name;
    node->datacenter = *config->datacenter == '\0' ? "dc1" : config->datacenter;
    node->rack = *config->rack == '\0' ? "rack1" : config->rack;
    if (*config->listen == '\0') {
        address_parse("127.0.0.1", &node->address);
    } else {
        node->address = config->listen_address;
    }
    config->nodes = node;
    config->node_count = 1;
    return COLUMBA_OK;
}

static enum columba_error self_find(struct config_load *load)
{
    struct config *config = load->config;
    for (uint32_t i = 0; i < config->node_count; i++) {
        if (strcmp(config->nodes[i].name, config->node_name) == 0) {
            config->self = i;
            return COLUMBA_OK;
        }
    }
    return config_fail(load, config->lines[CONFIG_node_name],
                       "node_name: %s is not among the nodes in line %u; add it there",
                       config->node_name, load->nodes_line);
}

/* What is said both here and in the list must agree; what is not said comes from the list. */
static enum columba_error place_resolve(struct config_load *load, enum config_option option,
                                        const char **value, const char *listed)
{
    if (**value == '\0') {
        *value = listed;
        return COLUMBA_OK;
    }
    if (strcmp(*value, listed) != 0) {
        return config_fail(load, load->config->lines[option],
                           "%s: \"%s\", but the list of nodes says %s for this node",
                           options[option].key, *value, listed);
    }
    return COLUMBA_OK;
}

static enum columba_error nodes_resolve(struct config_load *load)
{
    struct config *config = load->config;
    enum columba_error error = config->has_nodes ? COLUMBA_OK : nodes_default(load);
    if (error == COLUMBA_OK) {
        error = self_find(load);
    }
    if (error != COLUMBA_OK) {
        return error;
    }
    const struct config_node *self = &config->nodes[config->self];
    if (*config->listen == '\0') {
        config->listen_address = self->address;
    }
    error = place_resolve(load, CONFIG_datacenter, &config->datacenter, self->datacenter);
    return error != COLUMBA_OK ? error
                               : place_resolve(load, CONFIG_rack, &config->rack, self->rack);
}

static bool factor_exists(const struct config *config, const char *datacenter)
{
    for (uint32_t i = 0; i < config->factor_count; i++) {
        if (strcmp(config->factors[i].datacenter, datacenter) == 0) {
            return true;
        }
    }
    return false;
}

static bool datacenter_exists(const struct config *config, const char *datacenter)
{
    for (uint32_t i = 0; i < config->node_count; i++) {
        if (strcmp(config->nodes[i].datacenter, datacenter) == 0) {
            return true;
        }
    }
    return false;
}

static enum columba_error factors_default(struct config_load *load)
{
    struct config *config = load->config;
    if (!config->has_nodes && config->lines[CONFIG_replication_factor] == 0) {
        config->replication_factor = 1; /* there is nobody else to keep a replica */
    }
    config->factors =
        arena_allocate_zero(&config->arena, DATACENTERS_MAX * sizeof *config->factors);
    if (config->factors == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < config->node_count; i++) {
        if (factor_exists(config, config->nodes[i].datacenter)) {
            continue;
        }
        if (config->factor_count == DATACENTERS_MAX) {
            return config_fail(load, load->nodes_line, "nodes: more than %u data centres",
                               DATACENTERS_MAX);
        }
        config->factors[config->factor_count++] = (struct config_factor){
            .datacenter = config->nodes[i].datacenter,
            .factor = (uint32_t)config->replication_factor,
        };
    }
    return COLUMBA_OK;
}

static uint32_t nodes_in(const struct config *config, const char *datacenter)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->node_count; i++) {
        count += strcmp(config->nodes[i].datacenter, datacenter) == 0;
    }
    return count;
}

/* More replicas than nodes may be meant for nodes to come; but a quorum that can never be met makes
 * every call fail. */
static enum columba_error quorum_check(struct config_load *load, uint32_t line, uint32_t total)
{
    const struct config *config = load->config;
    uint32_t possible = 0;
    for (uint32_t i = 0; i < config->factor_count; i++) {
        uint32_t nodes = nodes_in(config, config->factors[i].datacenter);
        possible += nodes < config->factors[i].factor ? nodes : config->factors[i].factor;
    }
    uint32_t quorum = total / 2 + 1;
    if (possible >= quorum) {
        return COLUMBA_OK;
    }
    return config_fail(load, line,
                       "replication: a quorum of %u replicas is %u, and the nodes can keep %u: "
                       "every call would be UNAVAILABLE. Lower keyspace.replication_factor to %u, "
                       "or list more nodes",
                       total, quorum, possible, possible);
}

static enum columba_error factors_check(struct config_load *load)
{
    const struct config *config = load->config;
    uint32_t total = 0;
    for (uint32_t i = 0; i < config->factor_count; i++) {
        if (!datacenter_exists(config, config->factors[i].datacenter)) {
            return config_fail(load, load->replication_line,
                               "replication: no node is in the data centre %s",
                               config->factors[i].datacenter);
        }
        total += config->factors[i].factor;
    }
    uint32_t line = load->replication_line != 0 ? load->replication_line
                                                : config->lines[CONFIG_replication_factor];
    if (total < 1 || total > REPLICAS_MAX) {
        return config_fail(load, line,
                           "replication: %u replicas over all data centres; 1 to %u are allowed",
                           total, REPLICAS_MAX);
    }
    return quorum_check(load, line, total);
}

static enum columba_error factors_resolve(struct config_load *load)
{
    const struct config *config = load->config;
    uint32_t factor_line = config->lines[CONFIG_replication_factor];
    if (load->replication_line != 0 && factor_line != 0) {
        return config_fail(load, factor_line,
                           "keyspace.replication_factor: replication in line %u says it already; "
                           "give one of the two",
                           load->replication_line);
    }
    enum columba_error error = load->replication_line != 0 ? COLUMBA_OK : factors_default(load);
    return error != COLUMBA_OK ? error : factors_check(load);
}

static enum columba_error listen_check(struct config_load *load)
{
    const struct config *config = load->config;
    if (config->insecure_listen || address_is_loopback(&config->listen_address)) {
        return COLUMBA_OK;
    }
    uint32_t line = config->lines[CONFIG_listen];
    return config_fail(load, line != 0 ? line : load->nodes_line,
                       "listen: %s is not a loopback address, and connections are neither "
                       "authenticated nor encrypted yet: whoever reaches the port can read and "
                       "write everything. Use 127.0.0.1, or say insecure_listen: true if the "
                       "network keeps everybody else out",
                       config->listen_address.host);
}

static enum columba_error limits_check(struct config_load *load)
{
    const struct config *config = load->config;
    if (config->connection_output_bytes > config->connection_output_max_bytes) {
        return config_fail(load, config->lines[CONFIG_connection_output_bytes],
                           "limits.connection_output: must not be above "
                           "limits.connection_output_max");
    }
    return COLUMBA_OK;
}

static enum columba_error config_resolve(struct config_load *load)
{
    static enum columba_error (*const steps[])(struct config_load *) = {
        defaults_set, listen_parse, nodes_resolve, factors_resolve, listen_check, limits_check,
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        enum columba_error error = steps[i](load);
        if (error != COLUMBA_OK) {
            return error;
        }
    }
    return COLUMBA_OK;
}

enum columba_error config_parse(struct config *out_config, const char *name, struct slice yaml,
                                struct config_problem *out_problem)
{
    struct config config = {0};
    struct config_load load = {.name = name, .config = &config, .problem = out_problem};
    arena_init(&config.arena, memory_system(), CONFIG_ARENA_BYTES);
    enum columba_error error = config_file_read(&load, yaml);
    if (error == COLUMBA_OK) {
        error = config_resolve(&load);
    }
    if (error != COLUMBA_OK) {
        if (error != ERR_CONFIGURATION) {
            config_fail(&load, 0, "%s", error_text(error));
        }
        arena_clear(&config.arena);
        return error;
    }
    *out_config = config;
    return COLUMBA_OK;
}

static enum columba_error file_read(const char *path, uint8_t *buffer, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return ERR_IO;
    }
    *out_size = fread(buffer, 1, CONFIG_FILE_MAX_BYTES + 1, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    return failed ? ERR_IO : COLUMBA_OK;
}

enum columba_error config_load(struct config *out_config, const char *path,
                               struct config_problem *out_problem)
{
    struct config_load load = {.name = path, .problem = out_problem};
    uint8_t *buffer = malloc(CONFIG_FILE_MAX_BYTES + 1);
    size_t size = 0;
    enum columba_error error = ERR_NO_MEMORY;
    if (buffer == NULL) {
        goto out;
    }
    error = file_read(path, buffer, &size);
    if (error != COLUMBA_OK) {
        config_fail(&load, 0, "cannot be read: %s", strerror(errno));
    } else if (size > CONFIG_FILE_MAX_BYTES) {
        error = config_fail(&load, 0, "larger than %u bytes", CONFIG_FILE_MAX_BYTES);
    } else {
        error = config_parse(out_config, path, slice_of(buffer, size), out_problem);
    }
out:
    free(buffer);
    return error;
}

void config_clear(struct config *config)
{
    if (config != NULL) {
        arena_clear(&config->arena);
    }
}

static void member_print(const char *key, const char *value, FILE *out)
{
    char text[OPTION_TEXT_BYTES];
    option_text_format(value, text);
    fprintf(out, ", %s: %s", key, text);
}

static void nodes_print(const struct config *config, FILE *out)
{
    if (!config->has_nodes) {
        return;
    }
    fprintf(out, "\n# The nodes of the cluster; the same list on each.\nnodes:\n");
    for (uint32_t i = 0; i < config->node_count; i++) {
        char address[ADDRESS_TEXT_BYTES];
        address_format(&config->nodes[i].address, address);
        fprintf(out, "  - {address: \"%s\"", address);
        member_print("name", config->nodes[i].name, out);
        member_print("datacenter", config->nodes[i].datacenter, out);
        member_print("rack", config->nodes[i].rack, out);
        fprintf(out, "}\n");
    }
}

static void replication_print(const struct config *config, FILE *out)
{
    fprintf(out, "  # Replicas in each data centre.\n  replication:\n");
    for (uint32_t i = 0; i < config->factor_count; i++) {
        char text[OPTION_TEXT_BYTES];
        option_text_format(config->factors[i].datacenter, text);
        fprintf(out, "    %s: %u\n", text, config->factors[i].factor);
    }
    fprintf(out, "\n");
}

/* Opens a section where the option is its first. Its own word is returned. */
static const char *section_print(const struct option *option, const struct option *before,
                                 FILE *out)
{
    const char *dot = strchr(option->key, '.');
    if (dot == NULL) {
        return option->key;
    }
    size_t size = (size_t)(dot - option->key) + 1;
    if (before == NULL || strncmp(before->key, option->key, size) != 0) {
        fprintf(out, "%.*s:\n", (int)size - 1, option->key);
    }
    return dot + 1;
}

void config_print(const struct config *config, FILE *out)
{
    char text[OPTION_TEXT_BYTES];
    for (unsigned i = 0; i < CONFIG_OPTION_COUNT; i++) {
        const char *key = section_print(&options[i], i == 0 ? NULL : &options[i - 1], out);
        const char *indent = key == options[i].key ? "" : "  ";
        if (i == CONFIG_replication_factor) {
            replication_print(config, out);
            continue;
        }
        option_allowed(&options[i], text);
        fprintf(out, "%s# %s\n%s# %s", indent, options[i].text, indent, text);
        if (options[i].initial != NULL && *options[i].initial != '\0') {
            fprintf(out, "; default %s", options[i].initial);
        }
        option_format(&options[i], config, text);
        fprintf(out, "\n%s%s: %s\n\n", indent, key, text);
    }
    nodes_print(config, out);
}

void config_choice_name(const struct config *config, enum config_option option, char *out_text)
{
    char text[OPTION_TEXT_BYTES];
    option_format(&options[option], config, text);
    snprintf(out_text, UNITS_TEXT_BYTES, "%.*s", (int)UNITS_TEXT_BYTES - 1, text);
}
