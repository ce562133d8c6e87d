#include "node/core/machine/answer.h"

#include "base/assert.h"
#include "node/core/machine/mail.h"
#include "node/core/state.h"

void core_reply_status(struct core *core, uint64_t connection, uint64_t request_id,
                       const struct message_status *status)
{
    if (connection == 0) {
        return;
    }
    struct message *message = effects_message(&core->effects, MESSAGE_STATUS);
    if (message != NULL) {
        message->status = *status;
    }
    effects_reply(&core->effects, connection, request_id, message);
}

void core_refuse(struct core *core, uint64_t connection, uint64_t request_id,
                 enum columba_error error, const char *text)
{
    COLUMBA_ASSERT(error != COLUMBA_OK);
    core->counters.refused++;
    struct message_status status = {.error = error};
    if (text != NULL) {
        status.text = slice_of_text(text);
    }
    core_reply_status(core, connection, request_id, &status);
}

void op_reply(struct core *core, struct op *op, const struct message *message)
{
    COLUMBA_ASSERT(op->state == OP_RUNNING);
    if (op->connection != 0) {
        effects_reply(&core->effects, op->connection, op->request_id, message);
        op->connection = 0;
    }
}

void op_reply_status(struct core *core, struct op *op)
{
    core_reply_status(core, op->connection, op->request_id, &op->status);
    op->connection = 0;
}

void op_finish(struct core *core, struct op *op)
{
    op_reply_status(core, op);
    op_end(core, op);
}

void op_refuse(struct core *core, struct op *op, enum columba_error error, const char *text)
{
    core_refuse(core, op->connection, op->request_id, error, text);
    op_end(core, op);
}

void answer_written(struct core *core, const struct answer_to *to,
                    const struct message_written *written)
{
    struct message *message = effects_message(&core->effects, MESSAGE_WRITTEN);
    if (message != NULL) {
        message->written = *written;
    }
    if (written->error == ERR_OVERLOADED) {
        core->counters.overloaded++;
    }
    mail_answer(core, to, message);
}

void answer_rows(struct core *core, const struct answer_to *to, const struct message_rows *rows)
{
    if (to->op == 0 && to->connection == 0) {
        return; /* a fold that nobody asked for */
    }
    struct message *message = effects_message(&core->effects, MESSAGE_ROWS);
    if (message != NULL) {
        message->rows = *rows;
    }
    mail_answer(core, to, message);
}
