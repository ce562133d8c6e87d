/*
 * This node's wall clock under watch: gossip compares it with the other nodes' (gossip/clocks.h),
 * and here is what follows. Away from them by CLOCK_WARN_MS: a line in the log, and the other nodes
 * are told, so that it shows in everyone's `columbactl status`. Wrong, by CLOCK_WRONG_MS and a
 * majority: the core takes no requests from clients until it is right again.
 */
#ifndef COLUMBA_NODE_SHELL_CLOCK_WATCH_H
#define COLUMBA_NODE_SHELL_CLOCK_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct node;

struct clock_watch {
    int64_t base_ms; /* wall less monotonic, as gossip was last told */
    bool is_told;
    bool is_away;
    uint64_t differs_since_ms; /* not as is_away says; 0: it is */
    bool is_wrong;
    int64_t published_ms; /* what the other nodes were told */
};

/* A turn begins: gossip is told when the wall clock was set. */
void clock_watch_turn(struct node *node);
/* Before gossip is called: tells it the time. */
void clock_watch_tell(struct node *node);
/* After gossip was called: what follows from the comparison. */
void clock_watch_judge(struct node *node);
/* {"offset_ms": n, "compared": n, "wrong": bool}, as in admin.h. */
json_t *clock_watch_report(const struct node *node);

#endif
