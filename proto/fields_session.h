/* The fields of message_session.h; fields.h says how to read them. */
#ifndef COLUMBA_PROTO_FIELDS_SESSION_H
#define COLUMBA_PROTO_FIELDS_SESSION_H

#include "base/limits.h"

#define NODE_FIELDS(F)                                                                             \
    F(ID, host_id)                                                                                 \
    F(BYTES, name)                                                                                 \
    F(BYTES, address)                                                                              \
    F(U32, port)                                                                                   \
    F(BYTES, datacenter)                                                                           \
    F(BYTES, rack)                                                                                 \
    F(FIXED64S, tokens, token_count, TOKENS_PER_NODE_MAX)

#define FACTOR_FIELDS(F) F(BYTES, datacenter) F(U32, factor)

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

#define STATUS_FIELDS(F)                                                                           \
    F(ERROR, error)                                                                                \
    F(BYTES, text) F(U32, needed) F(U32, received) F(BOOL, outcome_unknown) F(U32, differing)

#define PING_FIELDS(F) F(U64, token) F(BOOL, answer)

#define SESSION_ROWS(X)                                                                            \
    X(Node, NODE, node)                                                                            \
    X(Factor, FACTOR, factor)

#endif
