#include "node/shell/greeting.h"

#include <stdlib.h>

#include "node/shell/node.h"

struct message greeting_hello(const struct node *node)
{
    return (struct message){
        .type = MESSAGE_HELLO,
        .hello = {.protocol_min = PROTOCOL_VERSION_MIN,
                  .protocol_max = PROTOCOL_VERSION_MAX,
                  .role = ROLE_NODE,
                  .cluster_name = node->topology->cluster_name,
                  .host_id = node->topology->nodes[node->self].host_id,
                  .software = slice_of_text(NODE_SOFTWARE),
                  .directory_id = node->directory.identity.id,
                  .accepts_loss = node->directory.identity.accepts_loss},
    };
}

struct message greeting_welcome(const struct node *node)
{
    const struct topology *topology = node->topology;
    return (struct message){
        .type = MESSAGE_WELCOME,
        .welcome = {.protocol = PROTOCOL_VERSION_MAX,
                    .host_id = topology->nodes[node->self].host_id,
                    .cluster_name = topology->cluster_name,
                    .software = slice_of_text(NODE_SOFTWARE),
                    .unix_ms = node->turn.unix_ms,
                    .topology_version = topology->version,
                    .nodes = node->greeting.nodes,
                    .node_count = topology->node_count,
                    .keyspace = topology->keyspace,
                    .factors = node->greeting.factors,
                    .factor_count = topology->datacenter_count,
                    .read_consistency = topology->read_consistency,
                    .write_consistency = topology->write_consistency,
                    .fanout_members_max = (uint32_t)node->config->fanout_members_max,
                    .directory_id = node->directory.identity.id,
                    .accepts_loss = node->directory.identity.accepts_loss},
    };
}

enum columba_error greeting_prepare(struct node *node)
{
    const struct topology *topology = node->topology;
    node->greeting.nodes = calloc(topology->node_count, sizeof *node->greeting.nodes);
    node->greeting.factors = calloc(topology->datacenter_count, sizeof *node->greeting.factors);
    if (node->greeting.nodes == NULL || node->greeting.factors == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint16_t i = 0; i < topology->node_count; i++) {
        const struct topology_node *from = &topology->nodes[i];
        node->greeting.nodes[i] = (struct message_node){
            .host_id = from->host_id,
            .name = from->name,
            .address = from->address,
            .port = from->port,
            .datacenter = topology->datacenters[from->datacenter].name,
            .rack = topology->racks[from->rack].name,
            .tokens = from->tokens,
            .token_count = from->token_count,
        };
    }
    for (uint8_t i = 0; i < topology->datacenter_count; i++) {
        node->greeting.factors[i] = (struct message_factor){
            .datacenter = topology->datacenters[i].name,
            .factor = topology->datacenters[i].factor,
        };
    }
    return COLUMBA_OK;
}

void greeting_clear(struct node *node)
{
    free(node->greeting.nodes);
    free(node->greeting.factors);
}
