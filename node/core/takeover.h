/*
 * Taking over an outbox entry whose coordinator did not say `done`: read the message at the
 * keyspace's level, which writes it back to replicas that lack it, then fan it out as the
 * coordinator would have.
 */
#ifndef COLUMBA_NODE_CORE_TAKEOVER_H
#define COLUMBA_NODE_CORE_TAKEOVER_H

#include "node/core/outbox.h"

bool takeover_begin(struct core *core, const struct outbox_entry *entry);

#endif
