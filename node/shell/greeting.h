/* What a node says of itself and its cluster: HELLO to a node, WELCOME to whoever greets it. */
#ifndef COLUMBA_NODE_SHELL_GREETING_H
#define COLUMBA_NODE_SHELL_GREETING_H

#include "base/error.h"
#include "proto/message.h"

struct node;

/* Parts of WELCOME that stay. */
struct greeting {
    struct message_node *nodes;
    struct message_factor *factors;
};

/* ERR_NO_MEMORY. */
enum columba_error greeting_prepare(struct node *node);
void greeting_clear(struct node *node);

struct message greeting_hello(const struct node *node);
struct message greeting_welcome(const struct node *node);

#endif
