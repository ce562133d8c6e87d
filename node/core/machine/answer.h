/*
 * Answers: to a client, and from a replica to whoever asked it.
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_ANSWER_H
#define COLUMBA_NODE_CORE_MACHINE_ANSWER_H

#include "node/core/machine/op.h"

/* Answers a client's or peer's request with a status; connection 0: nobody waits. */
void core_reply_status(struct core *core, uint64_t connection, uint64_t request_id,
                       const struct message_status *status);
/* The same with an error, counted. `text` may be NULL. */
void core_refuse(struct core *core, uint64_t connection, uint64_t request_id,
                 enum columba_error error, const char *text);

/* To the asker of the operation, once; then nobody waits for it any more. */
void op_reply(struct core *core, struct op *op, const struct message *message);
void op_reply_status(struct core *core, struct op *op);
/* The same, and the operation is over. */
void op_finish(struct core *core, struct op *op);
void op_refuse(struct core *core, struct op *op, enum columba_error error, const char *text);

/* A replica's answers. */
void answer_written(struct core *core, const struct answer_to *to,
                    const struct message_written *written);
void answer_rows(struct core *core, const struct answer_to *to, const struct message_rows *rows);

#endif
