/*
 * The handshake: HELLO from whoever connected, and WELCOME or a STATUS that says what does not fit
 * (version, cluster, a node that nobody knows, no place left) and what would. A node has to come
 * from its own address: that is all there is to know it by, until connections are authenticated.
 */
#ifndef COLUMBA_NODE_SHELL_HANDSHAKE_H
#define COLUMBA_NODE_SHELL_HANDSHAKE_H

#include "node/shell/connection.h"
#include "node/store/data_identity.h"

/* Why one that greets as a node is not taken for it. */
enum handshake_stranger {
    STRANGER_UNLISTED,
    STRANGER_NAMESAKE,
    STRANGER_ELSEWHERE,
    STRANGER_KINDS,
};

/* Greets back, and the connection is a client's or a node's; or refuses and ends it. */
void handshake_hello(struct connection *connection, uint64_t asked_id,
                     const struct message_hello *hello);

#endif
