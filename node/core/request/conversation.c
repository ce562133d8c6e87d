/*
 * CONVERSATION_GET: what a conversation is.
 */
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/members.h"
#include "node/core/machine/answer.h"
#include "node/core/request/begin.h"
#include "node/core/request/table.h"
#include "node/core/state.h"

static void conversation_loaded(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    const struct members_load *load = op->load;
    if (!load->found) {
        op_refuse(core, op, ERR_UNKNOWN_CONVERSATION, NULL);
        return;
    }
    struct message *message = effects_message(&core->effects, MESSAGE_CONVERSATION);
    if (message != NULL) {
        message->conversation = (struct message_conversation){.conversation = load->conversation,
                                                              .name = load->name,
                                                              .kind = load->kind,
                                                              .created_at_ms = load->created_at_ms,
                                                              .membership_version = load->version,
                                                              .is_channel = load->is_channel};
    }
    op_reply(core, op, message);
    op_end(core, op);
}

void request_conversation_get(struct core *core, const struct event *event)
{
    const struct message_conversation_get *request = &event->request.message->conversation_get;
    struct op *op = request_begin(core, event, request->consistency, 0);
    if (op != NULL) {
        members_load(core, op, &request->conversation, level_for_reading(core, op),
                     conversation_loaded);
    }
}
