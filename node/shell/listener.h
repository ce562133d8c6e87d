/*
 * The listener: accepts connections. Whether there is a place for one shows when it has said whose
 * it is (handshake.h).
 */
#ifndef COLUMBA_NODE_SHELL_LISTENER_H
#define COLUMBA_NODE_SHELL_LISTENER_H

#include <stdbool.h>
#include <uv.h>

#include "base/error.h"

#define LISTENER_BACKLOG 1024
/* What the system takes ahead of what it can send: enough to keep a fast reader busy meanwhile. */
#define LISTENER_UNSENT_BYTES (256u * 1024u)

struct node;

struct listener {
    uv_tcp_t tcp;
    bool is_open;
};

/* ERR_IN_USE, ERR_IO: out_text (CONFIG_PROBLEM_BYTES) says why. */
enum columba_error listener_open(struct node *node, char *out_text);
/* No further connections. May be called twice. */
void listener_close(struct node *node);

#endif
