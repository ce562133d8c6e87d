/*
 * The look before a message is taken: what came first under an id stays, whoever comes later with
 * another body. A replica takes the first body it meets and refuses every other one; so at most one
 * body can ever be held by a quorum, and whoever was told OK at a quorum was told the truth. (What
 * a minority took of another one is settled by the next read: coordinator/settle.h.)
 *
 * Almost every id is new, and known to be new without a look (recent.h). Else the fragment holds
 * the partition's latch while the rows are read and compared:
 *
 *   judged -> (all known) gathered
 *          -> latch -> read -> compared -> judged again -> gathered, remembered -> latch released
 *                                  |-> another body: ID_CONFLICT, nothing is gathered
 *
 * A body that a read has settled carries the stamp 0 and is taken in place of any other.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_LOOK_H
#define COLUMBA_NODE_CORE_REPLICA_LOOK_H

#include "node/core/machine/latch.h"
#include "node/core/machine/op.h"
#include "node/core/replica/recent.h"

/* Of the rows that are compared: as many bodies as a write may bring, or one that is larger. */
#define LOOK_MAX_BYTES (2u * WRITE_MAX_BYTES)

enum look_verdict { LOOK_TAKE, LOOK_CONFLICT, LOOK_NEEDED };

/* A fragment's messages as they are remembered. Nearly every fragment has one: it is hashed once,
 * for the judgement and for the memory. */
struct look_messages {
    uint32_t count;
    struct recent_message last;
};

/* Judges a fragment's messages by what is in memory. */
enum look_verdict look_judge(const struct core *core, const struct message_write *write,
                             struct look_messages *out_messages);
/* The fragment that was judged is gathered: its messages are known from now on. */
void look_took(struct core *core, const struct message_write *write,
               const struct look_messages *messages);

/* A fragment that waits for the look: the state of its operation. */
struct look {
    struct message_write write; /* its rows lie in the operation's arena */
    struct answer_to to;
    struct latch_claim claim;
    struct look_messages messages; /* when it was judged last */
    op_next *next;
};

/* LOOK_NEEDED: `next` is called with the operation (its request is a struct look) and
 * op->status.error: OK, ID_CONFLICT, or why the store could not be asked. False: no room. */
bool look_begin(struct core *core, const struct message_write *write, const struct answer_to *to,
                op_next *next);
/* The fragment is gathered, or refused: others may look. Ends the operation. */
void look_end(struct core *core, struct op *op);

#endif
