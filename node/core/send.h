/*
 * Sending: the message row and the outbox entry in one batch on each replica of the conversation,
 * acknowledged at the level asked for; then the fan-out to the members' logs.
 *
 *   checked -> sender admitted -> (retry: the stored content compared) -> written -> answered
 *           -> fanned out (a channel is not) -> done told
 */
#ifndef COLUMBA_NODE_CORE_SEND_H
#define COLUMBA_NODE_CORE_SEND_H

#include "node/core/op.h"

void send_request(struct core *core, const struct event *event);

/* The message's row, packed, with one immutable cell. Empty: no memory. */
struct slice send_message_packed(struct core *core, const struct id *message, struct slice content);

#endif
