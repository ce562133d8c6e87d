/*
 * Nodes in this process, for tests of the shell: real sockets on 127.0.0.1, the engine in memory, a
 * thread for each node. And a client that blocks, simple enough to send what no real one would.
 */
#ifndef COLUMBA_TESTS_SHELL_CLUSTER_H
#define COLUMBA_TESTS_SHELL_CLUSTER_H

#include <pthread.h>
#include <stdbool.h>

#include "node/shell/node.h"

#define SHELL_NODES_MAX 3u
#define SHELL_CLIENT_BYTES (2u * MIB)

/* What the engines of all nodes do from now on, whichever thread they run on. */
struct shell_slowness {
    _Atomic uint32_t commit_ms; /* a commit takes this long */
    _Atomic uint32_t disk_ms;   /* nothing is in memory, and a read takes this long */
    _Atomic uint32_t flushes;   /* how often they were flushed */
    _Atomic uint32_t unsynced;  /* commits since the last sync */
};
extern struct shell_slowness shell_slowness;

/* All of it is nothing again. Field by field: nodes may be running. */
void shell_slowness_end(void);

struct shell_node {
    struct config config;
    struct log log;
    struct node *node;
    struct engine *memory_engine;
    pthread_t thread;
    enum columba_error result; /* of node_run */
    uint16_t port;
    bool is_running;
    uint32_t request_patience_ms; /* 0: as usual */
};

struct shell_cluster {
    struct shell_node nodes[SHELL_NODES_MAX];
    /* Where the configurations say that nodes are; NULL: 127.0.0.1. Takes effect with
     * shell_config_make. */
    const char *hosts[SHELL_NODES_MAX];
    unsigned count;
    char *directory;
};

/* Starts `count` nodes; `options` are further lines of their configuration. Waits until each sees
 * all others. */
void shell_cluster_start(struct shell_cluster *cluster, unsigned count, const char *options);
/* Only the first `started` of them, and without waiting; the others' ports are free. */
void shell_cluster_start_first(struct shell_cluster *cluster, unsigned count, unsigned started,
                               const char *options);
/* Makes the configuration of a node that does not run anew. */
void shell_config_make(struct shell_cluster *cluster, unsigned index, const char *options);
/* One node whose k-th commit fails. */
void shell_cluster_start_failing(struct shell_cluster *cluster, uint32_t k);
/* Stops those that run, in order, and removes their data. */
void shell_cluster_stop(struct shell_cluster *cluster);
/* Drops the lines; with COLUMBA_TEST_LOG in the environment it shows them. */
struct log shell_log(void);
/* Stops one and waits; its result is in shell_node.result. */
void shell_node_stop(struct shell_node *node);
/* Another process of one that was stopped. */
void shell_node_start(struct shell_node *node);
/* Whether a node sees all others up, and has connected to them. */
bool shell_node_sees_all(struct shell_cluster *cluster, unsigned index);
/* Waits for a node that ends by itself. */
void shell_node_join(struct shell_node *node);

struct shell_client {
    int socket;
    struct arena arena; /* of the last message received */
    uint8_t *bytes;     /* SHELL_CLIENT_BYTES */
};

/* A TCP socket that is bound to an address of 127.0.0.0/8, the port 0 for any. */
int shell_socket_bound(uint32_t host, uint16_t port);
/* Takes over a socket that is connected. */
void shell_client_adopt(struct shell_client *client, int connected);
/* Connects without a greeting. */
void shell_client_open(struct shell_client *client, uint16_t port);
/* Connects and greets. */
void shell_client_connect(struct shell_client *client, uint16_t port);
void shell_client_connect_as(struct shell_client *client, uint16_t port, enum peer_role role);
/* A greeting of the test's cluster; as a node, of the one called node`index`. */
struct message shell_hello(enum peer_role role, unsigned index);
void shell_client_close(struct shell_client *client);

void shell_client_write(struct shell_client *client, const void *bytes, size_t size);
void shell_client_send(struct shell_client *client, const struct message *message,
                       uint64_t request_id);
/* The next message; false: the node closed the connection. Valid until the next call. */
bool shell_client_receive(struct shell_client *client, struct message *out_message,
                          uint64_t *out_request_id);
/* Sends, and returns the answer. */
struct message shell_client_ask(struct shell_client *client, const struct message *message);
/* Carries out an administration command and returns its JSON (the caller's). */
json_t *shell_client_admin(struct shell_client *client, const char *command);
/* One of the shell's counters, asked for on a connection of its own. */
uint64_t shell_counter(uint16_t port, const char *name);

/* Writes a frame header for any payload. */
void shell_frame_header(uint8_t *out_header, uint8_t type, struct slice payload);

/* A conversation and its two members. */
void shell_conversation_create(struct shell_client *client, const char *name, const char *first,
                               const char *second);
/* "room 0", "room 1", …: writes to different ones do not wait for each other. */
void shell_rooms_create(struct shell_client *client, unsigned count);
#define SHELL_ROOM_BYTES 16u
const char *shell_room(unsigned number, char out_name[SHELL_ROOM_BYTES]);
/* A message of `sender` with a new id; *out_id may be NULL. */
struct message shell_send_make(const char *conversation, const char *sender, const char *text,
                               uint8_t *content_buffer);

#endif
