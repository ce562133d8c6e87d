/*
 * A connection that came to us, from a client or from another node: handshake first, then requests.
 * Answers go back on it in whatever order they are ready.
 *
 *   HANDSHAKE  only HELLO is heard, and soon; it is answered with WELCOME, or with a STATUS that
 *              says why not
 *   CLIENT     requests of clients, PING, ADMIN
 *   NODE       those of nodes, PING
 *   ADMINISTRATOR  ADMIN, PING
 *
 * Back-pressure (intake.h decides): while a connection has its fill of requests under way or of
 * unsent answers, it is not read from; one that lets its answers pile up further is closed.
 *
 * A frame that makes no sense is answered with a STATUS that says so, then the connection ends,
 * because nothing after it can be trusted. A request that is whole but not known, or not allowed
 * here, is refused by itself.
 */
#ifndef COLUMBA_NODE_SHELL_CONNECTION_H
#define COLUMBA_NODE_SHELL_CONNECTION_H

#include "node/core/machine/intake.h"
#include "node/shell/requests.h"
#include "node/shell/stream.h"

struct node;

enum connection_state {
    CONNECTION_HANDSHAKE,
    CONNECTION_CLIENT,
    CONNECTION_NODE,
    CONNECTION_ADMINISTRATOR,
    CONNECTION_STATES,
};

struct connection {
    struct stream stream;
    struct node *node;
    struct list link;      /* among the node's */
    struct list requests;  /* under way */
    struct list kin;       /* among those that have not said who they are, or the nodes' */
    struct list resumable; /* among those to be read from again when the turn ends */
    struct intake_asker asker;
    uint64_t name; /* the core's name for it */
    uint16_t peer; /* the node's index, or NODE_NONE */
    enum connection_state state;
};

/* All of a node's. */
struct connections {
    struct list all;
    struct list greeting; /* that have not said who they are, the oldest first */
    struct list nodes;    /* the same */
    struct list resumable;
    uint64_t names;
    /* HELLO has come: the owner settles who it is (connection_settle) or refuses. */
    void (*greeted)(struct connection *connection, uint64_t asked_id,
                    const struct message_hello *hello);
    /* ADMIN has come, and is to be answered (request_answer). */
    void (*asked)(struct node *node, struct request *request, const struct message_admin *admin);
};

/* In the handshake, its socket not accepted yet. NULL: no memory. */
struct connection *connection_create(struct node *node);
void connection_answer(struct connection *connection, uint64_t asked_id,
                       const struct message *message);
/* It is a client's, a node's (`peer`) or an administrator's. False: there is no place left. */
bool connection_settle(struct connection *connection, enum connection_state state, uint16_t peer);
/* Its last words: the connection ends. */
void connection_refuse(struct connection *connection, uint64_t asked_id, enum columba_error error,
                       const char *text);

/* The core's answer to a request. */
void connection_reply(struct node *node, uint64_t request_id, const struct message *message);
/* The shell's own. Both free the request. */
void request_answer(struct node *node, struct request *request, const struct message *message);
void request_refuse(struct node *node, struct request *request, enum columba_error error,
                    const char *text);

/* How many there are of a node; the oldest of them ends. */
uint32_t connections_of_node(const struct node *node, uint16_t peer);
void connections_of_node_trim(struct node *node, uint16_t peer);

/* For the turn: reads again from those that may go on. */
void connections_resume(struct node *node);
/* Closes all, once their output has left or after a moment. */
void connections_finish(struct node *node);
void connections_close(struct node *node);
/* Gives up requests that the core has not answered for long. */
void connections_sweep(struct node *node);

#endif
