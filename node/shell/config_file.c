#include "node/shell/config_file.h"

#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "node/shell/option.h"
#include "node/shell/units.h"

/* A document and the load it belongs to. */
struct file {
    struct config_load *load;
    yaml_document_t document;
};

/* One key of a map that is being read. */
struct entry {
    const char *key;
    yaml_node_t *value;
    uint32_t line;
};

#define KEY_MAX_BYTES 128u

enum columba_error config_fail(const struct config_load *load, uint32_t line, const char *format,
                               ...)
{
    char *out = load->problem->text;
    int used = line == 0 ? snprintf(out, CONFIG_PROBLEM_BYTES, "%s: ", load->name)
                         : snprintf(out, CONFIG_PROBLEM_BYTES, "%s:%u: ", load->name, line);
    if (used > 0 && (unsigned)used < CONFIG_PROBLEM_BYTES) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(out + used, CONFIG_PROBLEM_BYTES - (unsigned)used, format, arguments);
        va_end(arguments);
    }
    return ERR_CONFIGURATION;
}

static uint32_t node_line(const yaml_node_t *node)
{
    return (uint32_t)node->start_mark.line + 1;
}

/* NULL: not a scalar, or one with a NUL inside, which no option can hold. */
static const char *scalar_text(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE) {
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

static const char *kind_name(const yaml_node_t *node)
{
    switch (node->type) {
    case YAML_SEQUENCE_NODE:
        return "a list";
    case YAML_MAPPING_NODE:
        return "a map";
    case YAML_SCALAR_NODE:
        return scalar_text(node) ? "a single value" : "text with a NUL inside";
    case YAML_NO_NODE:
        break;
    }
    return "nothing";
}

static enum columba_error wrong_kind(const struct file *file, const struct entry *entry,
                                     const char *wanted)
{
    return config_fail(file->load, entry->line, "%s: must be %s, not %s", entry->key, wanted,
                       kind_name(entry->value));
}

typedef enum columba_error (*entry_read)(struct file *file, const struct entry *entry,
                                         void *context);

/* Calls `read` for every pair of a map. */
static enum columba_error map_read(struct file *file, const yaml_node_t *map, entry_read read,
                                   void *context)
{
    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top;
         pair++) {
        yaml_node_t *key = yaml_document_get_node(&file->document, pair->key);
        struct entry entry = {
            .key = scalar_text(key),
            .value = yaml_document_get_node(&file->document, pair->value),
            .line = node_line(key),
        };
        if (entry.key == NULL || strlen(entry.key) >= KEY_MAX_BYTES) {
            return config_fail(file->load, entry.line, "a key must be a word, not %s",
                               kind_name(key));
        }
        enum columba_error error = read(file, &entry, context);
        if (error != COLUMBA_OK) {
            return error;
        }
    }
    return COLUMBA_OK;
}

/* The key's own word, if the option lies in the section ("" is the top). */
static const char *key_in_section(const char *key, const char *section)
{
    size_t size = strlen(section);
    if (size > 0) {
        if (strncmp(key, section, size) != 0 || key[size] != '.') {
            return NULL;
        }
        key += size + 1;
    }
    return strchr(key, '.') == NULL ? key : NULL;
}

static enum columba_error unknown_key(const struct file *file, const struct entry *entry,
                                      const char *section)
{
    char allowed[CONFIG_PROBLEM_BYTES];
    size_t used = 0;
    allowed[0] = '\0';
    for (unsigned i = 0; i < CONFIG_OPTION_COUNT; i++) {
        const char *word = key_in_section(options[i].key, section);
        if (word != NULL) {
            used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s, ", word);
        }
    }
    const char *others = *section == '\0'                   ? "keyspace, limits, nodes"
                         : strcmp(section, "keyspace") == 0 ? "replication"
                                                            : NULL;
    if (others != NULL) {
        snprintf(allowed + used, sizeof allowed - used, "%s", others);
    } else if (used >= 2) {
        allowed[used - 2] = '\0';
    }
    return config_fail(file->load, entry->line, "%s: unknown key%s%s; allowed are: %s", entry->key,
                       *section == '\0' ? "" : " in ", section, allowed);
}

static enum columba_error option_read(struct file *file, const struct entry *entry, unsigned index)
{
    struct config *config = file->load->config;
    const struct option *option = &options[index];
    char allowed[OPTION_TEXT_BYTES];
    option_allowed(option, allowed);
    if (config->lines[index] != 0) {
        return config_fail(file->load, entry->line, "%s: given twice, first in line %u",
                           option->key, config->lines[index]);
    }
    config->lines[index] = entry->line;
    const char *value = scalar_text(entry->value);
    if (value == NULL) {
        return wrong_kind(file, entry, allowed);
    }
    enum columba_error error = option_set(option, config, value);
    if (error == ERR_CONFIGURATION) {
        return config_fail(file->load, entry->line, "%s: \"%.200s\" is not allowed; it must be %s",
                           option->key, value, allowed);
    }
    return error;
}

static enum columba_error text_keep(struct file *file, const char *text, const char **out_text)
{
    struct slice copy;
    if (arena_copy(&file->load->config->arena, slice_of(text, strlen(text) + 1), &copy) != 0) {
        return ERR_NO_MEMORY;
    }
    *out_text = (const char *)copy.data;
    return COLUMBA_OK;
}

/* A name of a node, data centre or rack. */
static enum columba_error name_read(struct file *file, const struct entry *entry,
                                    const char **out_name)
{
    if (*out_name != NULL) {
        return config_fail(file->load, entry->line, "%s: given twice", entry->key);
    }
    const char *name = scalar_text(entry->value);
    size_t size = name == NULL ? 0 : strlen(name);
    if (size == 0 || size > NODE_NAME_MAX_BYTES) {
        return config_fail(file->load, entry->line, "%s: must be text of 1 to %u bytes", entry->key,
                           NODE_NAME_MAX_BYTES);
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f) {
            return config_fail(file->load, entry->line, "%s: must not have control characters",
                               entry->key);
        }
    }
    return text_keep(file, name, out_name);
}

static enum columba_error node_address_read(struct file *file, const struct entry *entry,
                                            struct config_node *node)
{
    const char *text = scalar_text(entry->value);
    if (node->address.port != 0) {
        return config_fail(file->load, entry->line, "address: given twice");
    }
    if (text == NULL || !address_parse(text, &node->address) ||
        address_is_wildcard(&node->address)) {
        return config_fail(file->load, entry->line,
                           "address: must be an IP address that other nodes can reach, and a port, "
                           "as in 127.0.0.1:%u",
                           ADDRESS_PORT_DEFAULT);
    }
    return COLUMBA_OK;
}

static enum columba_error node_entry_read(struct file *file, const struct entry *entry,
                                          void *context)
{
    struct config_node *node = context;
    if (strcmp(entry->key, "name") == 0) {
        return name_read(file, entry, &node->name);
    }
    if (strcmp(entry->key, "address") == 0) {
        return node_address_read(file, entry, node);
    }
    if (strcmp(entry->key, "datacenter") == 0) {
        return name_read(file, entry, &node->datacenter);
    }
    if (strcmp(entry->key, "rack") == 0) {
        return name_read(file, entry, &node->rack);
    }
    return config_fail(file->load, entry->line,
                       "%s: unknown key of a node; allowed are: name, address, datacenter, rack",
                       entry->key);
}

static enum columba_error node_check(struct file *file, const struct config_node *nodes,
                                     uint32_t index, uint32_t line)
{
    const struct config_node *node = &nodes[index];
    if (node->name == NULL || node->address.port == 0) {
        return config_fail(file->load, line, "a node needs a name and an address");
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(nodes[i].name, node->name) == 0) {
            return config_fail(file->load, line, "two nodes have the name %s", node->name);
        }
        if (address_equal(&nodes[i].address, &node->address)) {
            return config_fail(file->load, line, "the nodes %s and %s have the same address",
                               nodes[i].name, node->name);
        }
    }
    return COLUMBA_OK;
}

static enum columba_error node_read(struct file *file, yaml_node_t *value,
                                    struct config_node *nodes, uint32_t index)
{
    if (value->type != YAML_MAPPING_NODE) {
        return config_fail(file->load, node_line(value),
                           "a node must be a map with name, address, datacenter and rack, not %s",
                           kind_name(value));
    }
    enum columba_error error = map_read(file, value, node_entry_read, &nodes[index]);
    if (error != COLUMBA_OK) {
        return error;
    }
    if (nodes[index].datacenter == NULL) {
        nodes[index].datacenter = "dc1";
    }
    if (nodes[index].rack == NULL) {
        nodes[index].rack = "rack1";
    }
    return node_check(file, nodes, index, node_line(value));
}

static enum columba_error nodes_read(struct file *file, const struct entry *entry)
{
    struct config *config = file->load->config;
    if (file->load->nodes_line != 0) {
        return config_fail(file->load, entry->line, "nodes: given twice, first in line %u",
                           file->load->nodes_line);
    }
    file->load->nodes_line = entry->line;
    if (entry->value->type != YAML_SEQUENCE_NODE) {
        return wrong_kind(file, entry, "a list of nodes");
    }
    yaml_node_item_t *first = entry->value->data.sequence.items.start;
    ptrdiff_t count = entry->value->data.sequence.items.top - first;
    if (count < 1 || count > (ptrdiff_t)NODES_MAX) {
        return config_fail(file->load, entry->line, "nodes: must name 1 to %u nodes", NODES_MAX);
    }
    size_t size = (size_t)count * sizeof *config->nodes;
    config->nodes = arena_allocate_zero(&config->arena, size);
    if (config->nodes == NULL) {
        return ERR_NO_MEMORY;
    }
    config->node_count = (uint32_t)count;
    config->has_nodes = true;
    for (uint32_t i = 0; i < config->node_count; i++) {
        yaml_node_t *value = yaml_document_get_node(&file->document, first[i]);
        enum columba_error error = node_read(file, value, config->nodes, i);
        if (error != COLUMBA_OK) {
            return error;
        }
    }
    return COLUMBA_OK;
}

static enum columba_error factor_read(struct file *file, const struct entry *entry, void *context)
{
    (void)context;
    struct config *config = file->load->config;
    for (uint32_t i = 0; i < config->factor_count; i++) {
        if (strcmp(config->factors[i].datacenter, entry->key) == 0) {
            return config_fail(file->load, entry->line, "%s: given twice", entry->key);
        }
    }
    const char *text = scalar_text(entry->value);
    uint64_t factor;
    if (text == NULL || !units_parse_number(text, &factor) || factor > REPLICAS_MAX) {
        return config_fail(file->load, entry->line,
                           "%s: the replicas in a data centre must be a whole number from 0 to %u",
                           entry->key, REPLICAS_MAX);
    }
    struct config_factor *place = &config->factors[config->factor_count];
    place->factor = (uint32_t)factor;
    enum columba_error error = text_keep(file, entry->key, &place->datacenter);
    config->factor_count += error == COLUMBA_OK;
    return error;
}

static enum columba_error replication_read(struct file *file, const struct entry *entry)
{
    struct config *config = file->load->config;
    if (file->load->replication_line != 0) {
        return config_fail(file->load, entry->line, "replication: given twice, first in line %u",
                           file->load->replication_line);
    }
    file->load->replication_line = entry->line;
    if (entry->value->type != YAML_MAPPING_NODE) {
        return wrong_kind(file, entry, "a map from data centre to number of replicas");
    }
    ptrdiff_t count = entry->value->data.mapping.pairs.top - entry->value->data.mapping.pairs.start;
    if (count < 1 || count > (ptrdiff_t)DATACENTERS_MAX) {
        return config_fail(file->load, entry->line, "replication: must name 1 to %u data centres",
                           DATACENTERS_MAX);
    }
    config->factors =
        arena_allocate_zero(&config->arena, DATACENTERS_MAX * sizeof *config->factors);
    if (config->factors == NULL) {
        return ERR_NO_MEMORY;
    }
    return map_read(file, entry->value, factor_read, NULL);
}

/* A section's name is the context. */
static enum columba_error section_entry_read(struct file *file, const struct entry *entry,
                                             void *context)
{
    const char *section = context;
    for (unsigned i = 0; i < CONFIG_OPTION_COUNT; i++) {
        const char *word = key_in_section(options[i].key, section);
        if (word != NULL && strcmp(word, entry->key) == 0) {
            return option_read(file, entry, i);
        }
    }
    if (strcmp(section, "keyspace") == 0 && strcmp(entry->key, "replication") == 0) {
        return replication_read(file, entry);
    }
    return unknown_key(file, entry, section);
}

static enum columba_error section_read(struct file *file, const struct entry *entry)
{
    if (entry->value->type != YAML_MAPPING_NODE) {
        return config_fail(file->load, entry->line, "%s: must be a map, not %s", entry->key,
                           kind_name(entry->value));
    }
    char section[KEY_MAX_BYTES];
    snprintf(section, sizeof section, "%s", entry->key);
    return map_read(file, entry->value, section_entry_read, section);
}

static enum columba_error top_entry_read(struct file *file, const struct entry *entry,
                                         void *context)
{
    static char top[] = "";
    (void)context;
    if (strcmp(entry->key, "nodes") == 0) {
        return nodes_read(file, entry);
    }
    if (strcmp(entry->key, "keyspace") == 0 || strcmp(entry->key, "limits") == 0) {
        return section_read(file, entry);
    }
    return section_entry_read(file, entry, top);
}

static enum columba_error document_read(struct file *file)
{
    yaml_node_t *root = yaml_document_get_root_node(&file->document);
    if (root == NULL) {
        return COLUMBA_OK;
    }
    if (root->type != YAML_MAPPING_NODE) {
        return config_fail(file->load, node_line(root),
                           "a configuration is a map of options, not %s", kind_name(root));
    }
    return map_read(file, root, top_entry_read, NULL);
}

static enum columba_error parser_fail(const struct config_load *load, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        return ERR_NO_MEMORY;
    }
    bool has_mark = parser->error == YAML_SCANNER_ERROR || parser->error == YAML_PARSER_ERROR ||
                    parser->error == YAML_COMPOSER_ERROR;
    return config_fail(load, has_mark ? (uint32_t)parser->problem_mark.line + 1 : 0,
                       "not valid YAML: %s%s%s", parser->problem ? parser->problem : "unreadable",
                       parser->context ? ", " : "", parser->context ? parser->context : "");
}

enum columba_error config_file_read(struct config_load *load, struct slice yaml)
{
    yaml_parser_t parser;
    struct file file = {.load = load};
    if (!yaml_parser_initialize(&parser)) {
        return ERR_NO_MEMORY;
    }
    yaml_parser_set_input_string(&parser, yaml.data, yaml.size);
    enum columba_error error;
    if (!yaml_parser_load(&parser, &file.document)) {
        error = parser_fail(load, &parser);
    } else {
        error = document_read(&file);
        yaml_document_delete(&file.document);
    }
    yaml_parser_delete(&parser);
    return error;
}
