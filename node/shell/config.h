/*
 * The configuration of a node: one YAML file, every option in config_table.h, and two that are not
 * plain values: `nodes` (the static list of the cluster) and `keyspace.replication`.
 *
 *     cluster_name: columba
 *     node_name: node1
 *     data_directory: /var/lib/columba/node1
 *     nodes:
 *       - {name: node1, address: 127.0.0.1:7411, datacenter: dc1, rack: rack1}
 *       - {name: node2, address: 127.0.0.2:7411, datacenter: dc1, rack: rack2}
 *     keyspace:
 *       name: chat
 *       replication: {dc1: 2}
 *
 * Happy path: config_load, read members, config_clear. Everything is checked when it is loaded;
 * what is wrong (an unknown or doubled key, a wrong type, a value out of range, options that
 * contradict each other) is one sentence with file and line that says what is allowed.
 */
#ifndef COLUMBA_NODE_SHELL_CONFIG_H
#define COLUMBA_NODE_SHELL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "node/shell/address.h"
#include "node/shell/config_table.h"

#define CONFIG_PROBLEM_BYTES 2048u
/* A thousand nodes with long names; more is not a configuration. */
#define CONFIG_FILE_MAX_BYTES (1u * MIB)

enum { ENGINE_ROCKSDB = 0, ENGINE_MEMORY = 1 };
enum { COMMIT_SYNC_BATCH = 0, COMMIT_SYNC_PERIODIC = 1 };

/* The place of every option in the table. */
enum config_option {
#define X(kind, member, ...) CONFIG_##member,
    CONFIG_TABLE(X)
#undef X
        CONFIG_OPTION_COUNT
};

struct config_node {
    const char *name;
    struct address address;
    const char *datacenter;
    const char *rack;
};

struct config_factor {
    const char *datacenter;
    uint32_t factor;
};

struct config {
#define CONFIG_TYPE_TEXT const char *
#define CONFIG_TYPE_BOOL bool
#define CONFIG_TYPE_NUMBER uint64_t
#define CONFIG_TYPE_BYTES uint64_t
#define CONFIG_TYPE_DURATION uint64_t
#define CONFIG_TYPE_CHOICE uint32_t
#define X(kind, member, ...) CONFIG_TYPE_##kind member;
    CONFIG_TABLE(X)
#undef X
    struct config_node *nodes; /* never empty: without a list, this node alone */
    uint32_t node_count;
    uint32_t self;                 /* this node's place among them */
    struct config_factor *factors; /* one for each data centre of the nodes */
    uint32_t factor_count;
    struct address listen_address;
    uint32_t lines[CONFIG_OPTION_COUNT]; /* where each was given; 0: it was not */
    bool has_nodes;
    struct arena arena; /* owns every text and list above */
};

struct config_problem {
    char text[CONFIG_PROBLEM_BYTES];
};

/* ERR_CONFIGURATION; ERR_IO: the file cannot be read. */
enum columba_error config_load(struct config *out_config, const char *path,
                               struct config_problem *out_problem);
/* The same from memory; `name` stands for the file's in messages. */
enum columba_error config_parse(struct config *out_config, const char *name, struct slice yaml,
                                struct config_problem *out_problem);
void config_clear(struct config *config);

/* Every option with its text, its range and its value in effect: YAML that loads as the same. */
void config_print(const struct config *config, FILE *out);
/* The chosen word of a CHOICE option. out_text: UNITS_TEXT_BYTES. */
void config_choice_name(const struct config *config, enum config_option option, char *out_text);

#endif
