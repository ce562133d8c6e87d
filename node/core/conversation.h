/*
 * Conversations: making them, telling about them, and finding out who is in one before a request
 * that needs to know goes on.
 */
#ifndef COLUMBA_NODE_CORE_CONVERSATION_H
#define COLUMBA_NODE_CORE_CONVERSATION_H

#include "node/core/op.h"

/*
 * Reads the conversation's row and members into the cache. `next` runs with op->status OK if it is
 * there; ERR_UNKNOWN_CONVERSATION if not; or what the read said.
 */
void conversation_load(struct core *core, struct op *op, enum consistency level,
                       void (*next)(struct core *core, struct op *op));

/*
 * `next` runs with op->status OK if op->conversation exists and, unless `any_user`, op->user is in
 * it; op->membership_version and op->is_channel are then as they were seen. A cached member list is
 * believed when it has the user; when it has not, it is read again first.
 */
void conversation_admit(struct core *core, struct op *op, bool any_user,
                        void (*next)(struct core *core, struct op *op));

/* Would conversation_admit for op->user go on at once? */
bool conversation_is_admitted(struct core *core, const struct op *op);

void conversation_create(struct core *core, const struct event *event);
void conversation_get(struct core *core, const struct event *event);
void conversation_members(struct core *core, const struct event *event);

#endif
