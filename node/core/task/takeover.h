/*
 * Taking over outbox entries whose coordinator did not say `done`: read the message at the
 * keyspace's level, which writes it back to replicas that lack it, then fan it out as the
 * coordinator would have.
 */
#ifndef COLUMBA_NODE_CORE_TASK_TAKEOVER_H
#define COLUMBA_NODE_CORE_TASK_TAKEOVER_H

#include "node/core/machine/op.h"

/* Begins those that are due, as many as may be under way at once. */
void takeover_tick(struct core *core);

#endif
