/* Reports about the cluster as this node sees it. What a node tells of itself is report_info.c's.
 */
#include "node/shell/report.h"

#include <inttypes.h>
#include <stdlib.h>

#include "node/shell/node.h"
#include "ring/placement.h"

json_t *report_text(struct slice text)
{
    return json_stringn((const char *)text.data, text.size);
}

static json_t *token_text(uint64_t token)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, token);
    return json_string(text);
}

/* null where gossip has not brought it yet. */
static json_t *load_of(const struct node *node, uint16_t index)
{
    uint64_t bytes;
    return gossiper_load(node, index, &bytes) ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *version_of(const struct node *node, uint16_t index)
{
    struct slice version = gossiper_version(node, index);
    return version.size == 0 ? json_null() : report_text(version);
}

/* Signed: ahead of the others. null where gossip has not brought it yet. */
static json_t *clock_of(const struct node *node, uint16_t index)
{
    int64_t offset_ms;
    return gossiper_clock(node, index, &offset_ms) ? json_integer((json_int_t)offset_ms)
                                                   : json_null();
}

json_t *report_node(const struct node *node, uint16_t index)
{
    const struct topology *topology = node->topology;
    const struct topology_node *what = &topology->nodes[index];
    char address[ADDRESS_TEXT_BYTES];
    char host_id[ID_TEXT_BYTES];
    address_format(node_address(node, index), address);
    id_to_text(&what->host_id, host_id);
    return json_pack(
        "{s:o, s:s, s:s, s:o, s:o, s:s, s:b, s:b, s:i, s:o, s:f, s:o, s:o, s:b, s:b}", "name",
        report_text(what->name), "address", address, "host_id", host_id, "datacenter",
        report_text(topology->datacenters[what->datacenter].name), "rack",
        report_text(topology->racks[what->rack].name), "state",
        gossiper_view_name(gossiper_view_of(node, index)), "is_self", index == node->self,
        "connected", index == node->self || peer_is_ready(node, index), "tokens",
        (int)what->token_count, "load_bytes", load_of(node, index), "owns",
        placement_ownership_effective(topology, index), "version", version_of(node, index),
        "clock_offset_ms", clock_of(node, index), "clock_wrong", gossiper_stands_aside(node, index),
        "disk_full", gossiper_disk_is_full(node, index));
}

/* Operators look for names, not for the order of host ids. */
static int place_compare(const void *a, const void *b, void *context)
{
    const struct topology *topology = context;
    const struct topology_node *left = &topology->nodes[*(const uint16_t *)a];
    const struct topology_node *right = &topology->nodes[*(const uint16_t *)b];
    if (left->datacenter != right->datacenter) {
        return left->datacenter < right->datacenter ? -1 : 1;
    }
    return slice_compare(left->name, right->name);
}

static json_t *nodes_report(const struct node *node)
{
    uint16_t order[NODES_MAX];
    uint16_t count = node->topology->node_count;
    json_t *nodes = json_array();
    for (uint16_t i = 0; i < count; i++) {
        order[i] = i;
    }
    qsort_r(order, count, sizeof *order, place_compare, node->topology);
    for (uint16_t i = 0; i < count; i++) {
        json_array_append_new(nodes, report_node(node, order[i]));
    }
    return nodes;
}

json_t *report_status(const struct node *node)
{
    const struct topology *topology = node->topology;
    return json_pack("{s:o, s:o, s:o, s:I, s:o}", "cluster", report_text(topology->cluster_name),
                     "keyspace", report_text(topology->keyspace), "node",
                     report_text(topology->nodes[node->self].name), "topology_version",
                     (json_int_t)topology->version, "nodes", nodes_report(node));
}

static json_t *replica_names(const struct topology *topology, const struct replica_set *replicas)
{
    json_t *names = json_array();
    for (unsigned i = 0; i < replicas->count; i++) {
        json_array_append_new(names, report_text(topology->nodes[replicas->node[i]].name));
    }
    return names;
}

json_t *report_ring(const struct node *node)
{
    const struct topology *topology = node->topology;
    json_t *ranges = json_array();
    for (uint32_t i = 0; i < placement_range_count(topology); i++) {
        struct ring_range range = placement_range(topology, i);
        json_array_append_new(ranges,
                              json_pack("{s:o, s:o, s:o}", "token", token_text(range.up_to), "node",
                                        report_text(topology->nodes[range.owner].name), "replicas",
                                        replica_names(topology, range.replicas)));
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "cluster", report_text(topology->cluster_name),
                     "keyspace", report_text(topology->keyspace), "nodes", nodes_report(node),
                     "ranges", ranges);
}

static json_t *rack_names(const struct topology *topology, uint8_t datacenter)
{
    json_t *names = json_array();
    for (uint16_t i = 0; i < topology->rack_count; i++) {
        if (topology->racks[i].datacenter == datacenter) {
            json_array_append_new(names, report_text(topology->racks[i].name));
        }
    }
    return names;
}

static json_t *datacenters_report(const struct topology *topology)
{
    json_t *datacenters = json_array();
    for (uint8_t i = 0; i < topology->datacenter_count; i++) {
        const struct topology_datacenter *datacenter = &topology->datacenters[i];
        json_array_append_new(
            datacenters, json_pack("{s:o, s:i, s:i, s:o}", "name", report_text(datacenter->name),
                                   "factor", (int)datacenter->factor, "nodes",
                                   (int)datacenter->node_count, "racks", rack_names(topology, i)));
    }
    return datacenters;
}

static json_t *keyspace_report(const struct topology *topology)
{
    json_t *replication = json_object();
    for (uint8_t i = 0; i < topology->datacenter_count; i++) {
        json_object_set_new(replication, (const char *)topology->datacenters[i].name.data,
                            json_integer(topology->datacenters[i].factor));
    }
    return json_pack("{s:o, s:o, s:s, s:s}", "name", report_text(topology->keyspace), "replication",
                     replication, "read_consistency", consistency_name(topology->read_consistency),
                     "write_consistency", consistency_name(topology->write_consistency));
}

static json_t *versions_report(const struct node *node)
{
    json_t *versions = json_object();
    for (uint16_t i = 0; i < node->topology->node_count; i++) {
        char version[64];
        struct slice heard = gossiper_version(node, i);
        snprintf(version, sizeof version, "%.*s", (int)(heard.size < 60 ? heard.size : 60),
                 (const char *)heard.data);
        if (heard.size == 0) {
            continue;
        }
        json_t *names = json_object_get(versions, version);
        if (names == NULL) {
            names = json_array();
            json_object_set_new(versions, version, names);
        }
        json_array_append_new(names, report_text(node->topology->nodes[i].name));
    }
    return versions;
}

json_t *report_describecluster(const struct node *node)
{
    const struct topology *topology = node->topology;
    int live = 0;
    for (uint16_t i = 0; i < topology->node_count; i++) {
        enum gossiper_view view = gossiper_view_of(node, i);
        live += view == VIEW_UP || view == VIEW_SUSPECT;
    }
    return json_pack("{s:o, s:I, s:o, s:o, s:i, s:i, s:o}", "cluster",
                     report_text(topology->cluster_name), "topology_version",
                     (json_int_t)topology->version, "keyspace", keyspace_report(topology),
                     "datacenters", datacenters_report(topology), "live", live, "down",
                     topology->node_count - live, "versions", versions_report(node));
}

json_t *report_endpoints(const struct node *node, enum partition_kind kind, const char *name,
                         const struct id *id)
{
    const struct topology *topology = node->topology;
    uint64_t token = token_of_partition(kind, id);
    const struct replica_set *replicas = placement_replicas(topology, token);
    char id_text[ID_TEXT_BYTES];
    json_t *nodes = json_array();
    id_to_text(id, id_text);
    for (unsigned i = 0; i < replicas->count; i++) {
        json_array_append_new(nodes, report_node(node, replicas->node[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "kind",
                     kind == PARTITION_USER ? "user" : "conversation", "name", name, "id", id_text,
                     "token", token_text(token), "replicas", nodes);
}
