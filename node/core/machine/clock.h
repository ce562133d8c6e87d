/*
 * This node's wall clock, as far as it may be believed. The shell compares it with the other nodes'
 * (gossip/clock.h) and tells the outcome (EVENT_CLOCK). A node whose clock is wrong coordinates
 * nothing: it would refuse the ids of healthy clients, or stamp what it writes with a wrong time.
 * It stays a replica, for that takes no clock.
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_CLOCK_H
#define COLUMBA_NODE_CORE_MACHINE_CLOCK_H

#include "node/core/core.h"

/* Follows the stamp of a frame: a client's less far than a node's, and neither further than what
 * is not yet a wrong clock. */
void clock_follow(struct core *core, const struct event *event);
/* EVENT_CLOCK. */
void clock_judged(struct core *core, const struct event *event);
/* True: the client's request was refused, because this node's clock is wrong. */
bool clock_refuses(struct core *core, const struct event *event);

#endif
