/*
 * Fan-out: one event into the logs of all members, one request for each node that holds replicas
 * of some of them. Done when every member has it on a quorum of their replicas; then the
 * conversation's replicas are told, at the end of the turn, many messages in one.
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_FANOUT_H
#define COLUMBA_NODE_CORE_COORDINATOR_FANOUT_H

#include "node/core/machine/op.h"

/*
 * What is fanned out. A message goes to the members as they are now; if the conversation has become
 * a channel since it was sent, to those who were in it before. HAPPENED_CHANNEL goes to the members
 * of the act whose version it is, and to all if that act made it a channel.
 */
struct fanout_order {
    uint8_t kind; /* enum happening */
    struct id conversation;
    struct id message;
    struct id outbox_message; /* under which the replicas' outboxes know it; zero: `message` */
    struct id sender;
    /* Members that were loaded at an older version are read anew; MEMBERSHIP_VERSION_UNREAD: in any
     * case. */
    uint64_t membership_version;
};

struct change_record;
/* Of a change: its members are told of the change, or of the message that is deleted. Sets kind,
 * message and outbox_message. */
void fanout_order_of_change(struct fanout_order *order, const struct change_record *record,
                            const struct id *change);

typedef void fanout_done(struct core *core, struct op *op, bool reached_all);

/*
 * Delivers it; then says `done` to the conversation's replicas and ends the
 * operation. `at_end` (may be NULL) hears first whether it reached everybody; if it did not, the
 * outbox entries stay.
 */
void fanout_begin(struct core *core, struct op *op, const struct fanout_order *order,
                  fanout_done *at_end);
/* Sends what was gathered for each peer. */
void fanout_done_flush(struct core *core);

#endif
