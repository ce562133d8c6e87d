/*
 * Mail: what the core asks of a replica, and what a replica answers. A peer's goes out as an
 * effect; this node's own goes through the same door, as a letter that is delivered at the end of
 * the step. So a replica is never called from the middle of an operation, and an operation never
 * from the middle of a replica: no recursion, and nothing has to ask whether it is still alive.
 * Messages are not encoded, and live as long as the step's effects.
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_MAIL_H
#define COLUMBA_NODE_CORE_MACHINE_MAIL_H

#include "node/core/machine/op.h"

struct letter {
    bool is_answer;
    op_ref op; /* who asks, or who is answered */
    const struct message *message;
};

struct letter_node;

struct mail {
    struct letter_node *first;
    struct letter_node **last_next;
};

void mail_init(struct mail *mail);
/* The next letter; false: none is left. */
bool mail_take(struct mail *mail, struct letter *out_letter);

/* Asks a node's replica, this one's too; the answer comes to op->answered. A NULL message (there
 * was no memory for it) is passed over: deadlines see to it. */
void mail_ask(struct core *core, uint16_t node, op_ref op, const struct message *message);
/* A replica's answer. */
void mail_answer(struct core *core, const struct answer_to *to, const struct message *message);

#endif
