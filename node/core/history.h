/*
 * Reading a conversation's messages page by page, and bringing in messages of the past.
 */
#ifndef COLUMBA_NODE_CORE_HISTORY_H
#define COLUMBA_NODE_CORE_HISTORY_H

#include "node/core/op.h"

#define HISTORY_ROWS_DEFAULT 50u

void history_read(struct core *core, const struct event *event);
/* Messages only: no outbox, no fan-out. */
void history_import(struct core *core, const struct event *event);

#endif
