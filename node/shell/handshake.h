/*
 * The handshake: HELLO from whoever connected, and WELCOME or a STATUS that says what does not fit
 * (version, cluster, a node that nobody knows) and what would.
 */
#ifndef COLUMBA_NODE_SHELL_HANDSHAKE_H
#define COLUMBA_NODE_SHELL_HANDSHAKE_H

#include "node/shell/connection.h"

/* Greets back, and the connection is a client's or a node's; or refuses and ends it. */
void handshake_hello(struct connection *connection, uint64_t asked_id,
                     const struct message_hello *hello);

#endif
