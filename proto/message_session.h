/*
 * What is said on every connection, whoever is at its other end: who is there, how the cluster
 * is made, how a request went.
 * message.h says how to read the table, fields.h how to read the fields.
 */
#ifndef COLUMBA_PROTO_MESSAGE_SESSION_H
#define COLUMBA_PROTO_MESSAGE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/slice.h"

#define SESSION_MESSAGES(X)                                                                        \
    X(HELLO, 1, hello, Hello)                                                                      \
    X(WELCOME, 2, welcome, Welcome)                                                                \
    X(STATUS, 3, status, Status)                                                                   \
    X(PING, 4, ping, Ping)

/* An administrator has a place where clients have none left; it may ask ADMIN and PING only. */
enum peer_role { ROLE_CLIENT = 1, ROLE_NODE = 2, ROLE_ADMINISTRATOR = 3 };

/* The first frame on a connection, both ways a version is agreed before anything else. */
struct message_hello {
    uint32_t protocol_min;
    uint32_t protocol_max;
    uint32_t role;             /* enum peer_role */
    struct slice cluster_name; /* empty from a client that takes any */
    struct id host_id;         /* nodes only */
    struct slice software;     /* "columba 0.1.0" */
    uint64_t features;         /* bits; none defined yet */
    struct id directory_id;    /* nodes only: whose data it has (node/store/data_identity.h) */
    bool accepts_loss; /* nodes only: that directory was put in another's place on purpose */
};
#define HELLO_FIELDS(F)                                                                            \
    F(U32, protocol_min)                                                                           \
    F(U32, protocol_max)                                                                           \
    F(U32, role)                                                                                   \
    F(BYTES, cluster_name)                                                                         \
    F(ID, host_id)                                                                                 \
    F(BYTES, software)                                                                             \
    F(U64, features)                                                                               \
    F(ID, directory_id)                                                                            \
    F(BOOL, accepts_loss)

struct message_node {
    struct id host_id;
    struct slice name;
    struct slice address; /* literal */
    uint32_t port;
    struct slice datacenter;
    struct slice rack;
    const uint64_t *tokens;
    uint32_t token_count;
};
#define NODE_FIELDS(F)                                                                             \
    F(ID, host_id)                                                                                 \
    F(BYTES, name)                                                                                 \
    F(BYTES, address)                                                                              \
    F(U32, port)                                                                                   \
    F(BYTES, datacenter)                                                                           \
    F(BYTES, rack)                                                                                 \
    F(FIXED64S, tokens, token_count, TOKENS_PER_NODE_MAX)

struct message_factor {
    struct slice datacenter;
    uint32_t factor;
};
#define FACTOR_FIELDS(F) F(BYTES, datacenter) F(U32, factor)

struct message_welcome {
    uint32_t protocol;
    struct id host_id;
    struct slice cluster_name;
    struct slice software;
    uint64_t features;
    uint64_t unix_ms;
    uint64_t topology_version;
    const struct message_node *nodes;
    uint32_t node_count;
    struct slice keyspace;
    const struct message_factor *factors;
    uint32_t factor_count;
    uint32_t read_consistency;
    uint32_t write_consistency;
    uint32_t fanout_members_max;
    struct id directory_id; /* as in HELLO */
    bool accepts_loss;
};
#define WELCOME_FIELDS(F)                                                                          \
    F(U32, protocol)                                                                               \
    F(ID, host_id)                                                                                 \
    F(BYTES, cluster_name)                                                                         \
    F(BYTES, software)                                                                             \
    F(U64, features)                                                                               \
    F(U64, unix_ms)                                                                                \
    F(U64, topology_version)                                                                       \
    F(ROWS, nodes, node_count, NODES_MAX, node, Node)                                              \
    F(BYTES, keyspace)                                                                             \
    F(ROWS, factors, factor_count, DATACENTERS_MAX, factor, Factor)                                \
    F(U32, read_consistency)                                                                       \
    F(U32, write_consistency)                                                                      \
    F(U32, fanout_members_max)                                                                     \
    F(ID, directory_id)                                                                            \
    F(BOOL, accepts_loss)

struct message_status {
    enum columba_error error;
    struct slice text;  /* what happened, to which thing, what to do now; may be empty */
    uint32_t needed;    /* replicas the level needs; 0: does not apply */
    uint32_t received;  /* replicas that answered, or are alive for ERR_UNAVAILABLE */
    uint32_t differing; /* of an import: messages that differ from what is stored, and were kept */
    bool outcome_unknown; /* with TIMEOUT and the like: some replicas may have applied it */
};
#define STATUS_FIELDS(F)                                                                           \
    F(ERROR, error)                                                                                \
    F(BYTES, text) F(U32, needed) F(U32, received) F(BOOL, outcome_unknown) F(U32, differing)

struct message_ping {
    uint64_t token; /* comes back in the answer, which is a PING too */
    bool answer;
};
#define PING_FIELDS(F) F(U64, token) F(BOOL, answer)

/* What stands inside messages. */
#define SESSION_ROWS(X)                                                                            \
    X(Node, NODE, node)                                                                            \
    X(Factor, FACTOR, factor)

#endif
