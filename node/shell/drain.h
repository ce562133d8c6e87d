/*
 * Draining: the node leaves the cluster's view, answers what it has taken and refuses what is new;
 * when nothing is under way, or after drain_timeout, the engine is flushed. Then the node stops (a
 * signal or node_stop) or waits to be stopped (the admin command).
 *
 * A second signal ends the waiting.
 */
#ifndef COLUMBA_NODE_SHELL_DRAIN_H
#define COLUMBA_NODE_SHELL_DRAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

/* How often it looks whether all is done. */
#define DRAIN_POLL_MS 10u
/* How long the last answers have to leave, and the other sides to close: closing with unread input
 * would reset the connection and take the answers with it. */
#define DRAIN_OUTPUT_MS 500u

struct node;
struct request;

/* Those above. */
struct drain_table {
    /* The request for it is to be answered: it is over. */
    void (*answer)(struct node *node, struct request *request);
    /* The node ends. */
    void (*end)(struct node *node);
};

struct drain {
    const struct drain_table *table;
    uv_timer_t poll;
    uint64_t begun_ms;
    uint64_t output_until_ms;
    uint64_t requests_left;    /* when the waiting ended */
    struct request *requester; /* the admin request that waits for it; NULL: none */
    bool is_stop;              /* the node ends afterwards */
    bool is_flushing;          /* the engine, on another thread */
    bool is_finishing;         /* connections have been told that this is the end */
};

void drain_init(struct node *node, const struct drain_table *table);
void drain_close(struct node *node);

/* From a signal or node_stop. */
void drain_stop(struct node *node);
/* From the admin command, which is answered when it is done. */
void drain_request(struct node *node, struct request *request);

#endif
