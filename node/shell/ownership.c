#include "node/shell/ownership.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *json_text(struct slice text)
{
    return json_stringn((const char *)text.data, text.size);
}

static json_t *nodes_describe(const struct topology *topology)
{
    json_t *nodes = json_array();
    for (uint16_t i = 0; i < topology->node_count; i++) {
        const struct topology_node *node = &topology->nodes[i];
        json_array_append_new(
            nodes, json_pack("{s:o, s:o, s:o}", "name", json_text(node->name), "datacenter",
                             json_text(topology->datacenters[node->datacenter].name), "rack",
                             json_text(topology->racks[node->rack].name)));
    }
    return nodes;
}

/* Another version of the allocation must not pass unnoticed. */
static json_t *tokens_describe(const struct cluster *cluster)
{
    char text[ID_TEXT_BYTES];
    id_to_text(&cluster->tokens_id, text);
    return json_string(text);
}

static json_t *replication_describe(const struct topology *topology)
{
    json_t *replication = json_object();
    for (uint8_t i = 0; i < topology->datacenter_count; i++) {
        json_object_set_new(replication, (const char *)topology->datacenters[i].name.data,
                            json_integer(topology->datacenters[i].factor));
    }
    return replication;
}

json_t *ownership_describe(const struct config *config, const struct cluster *cluster)
{
    const struct topology *topology = cluster->topology;
    const struct topology_node *self = &topology->nodes[cluster->self];
    char host_id[ID_TEXT_BYTES];
    id_to_text(&self->host_id, host_id);
    return json_pack("{s:o, s:o, s:s, s:o, s:o, s:i, s:o, s:o}", "cluster",
                     json_text(topology->cluster_name), "node", json_text(self->name), "host_id",
                     host_id, "keyspace", json_text(topology->keyspace), "replication",
                     replication_describe(topology), "num_tokens", (int)config->num_tokens, "nodes",
                     nodes_describe(topology), "tokens", tokens_describe(cluster));
}

/* With the words for the case that it differs. */
static const struct {
    const char *key;
    const char *text;
} parts[] = {
    {"cluster", "belongs to another cluster (cluster_name)"},
    {"node", "belongs to another node (node_name)"},
    {"host_id", "belongs to another node (host id)"},
    {"keyspace", "was made with another keyspace name"},
    {"replication", "was filled under another replication"},
    {"num_tokens", "was filled under another num_tokens"},
    {"nodes", "was filled under another list of nodes (names, data centres or racks)"},
    {"tokens", "was filled under other tokens than this version computes from the same list"},
};

static void difference_tell(const char *what, const json_t *was, const json_t *is, char *out_text)
{
    char *was_text = json_dumps(was, JSON_ENCODE_ANY | JSON_COMPACT);
    char *is_text = json_dumps(is, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(out_text, OWNERSHIP_TEXT_BYTES,
             "%s: there it is %.400s, the configuration says %.400s. Use the configuration it was "
             "made with, or another data_directory",
             what, was_text == NULL ? "missing" : was_text, is_text == NULL ? "?" : is_text);
    free(was_text);
    free(is_text);
}

bool ownership_agrees(const json_t *was, const json_t *is, char out_text[OWNERSHIP_TEXT_BYTES])
{
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        const json_t *before = json_object_get(was, parts[i].key);
        const json_t *now = json_object_get(is, parts[i].key);
        if (!json_equal(before, now)) {
            difference_tell(parts[i].text, before, now, out_text);
            return false;
        }
    }
    return true;
}
