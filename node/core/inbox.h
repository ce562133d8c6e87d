/*
 * A user's inbox: reading it, marking it read, and bringing in rows of imported conversations.
 */
#ifndef COLUMBA_NODE_CORE_INBOX_H
#define COLUMBA_NODE_CORE_INBOX_H

#include "node/core/op.h"

#define INBOX_ROWS_DEFAULT 100u

void inbox_read(struct core *core, const struct event *event);
/* The user's marker, then the member's watermark in the conversation. */
void inbox_mark_read(struct core *core, const struct event *event);
/* Rows of many users: one write for each partition. */
void inbox_import(struct core *core, const struct event *event);

#endif
