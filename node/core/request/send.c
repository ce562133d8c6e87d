/*
 * SEND: the message row and the outbox entry in one batch on each replica of the conversation,
 * acknowledged at the level asked for; then the fan-out to the members' logs.
 *
 *   checked -> sender admitted -> written -> answered -> fanned out (a channel is not) -> done told
 *
 * A retry is a send like any other: replicas that have the message take it again without a change,
 * and refuse another body under its id (replica/look.h).
 */
#include "node/core/coordinator/admission.h"
#include "node/core/coordinator/fanout.h"
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/write.h"
#include "node/core/machine/answer.h"
#include "node/core/request/begin.h"
#include "node/core/request/fragment.h"
#include "node/core/request/table.h"
#include "node/core/state.h"
#include "proto/content.h"

struct send {
    struct id conversation;
    struct id message;
    struct id sender;
    struct slice content;
};

static void send_written(struct core *core, struct op *op)
{
    const struct send *send = op->request;
    enum columba_error error = op->status.error;
    op_reply_status(core, op);
    if (error != COLUMBA_OK) {
        /* What some replicas may have stored is in their outboxes: they see to it. */
        op_end(core, op);
        return;
    }
    core->counters.sends_acknowledged++;
    if (op->admission->is_channel) {
        op_end(core, op);
        return;
    }
    struct fanout_order order = {.kind = HAPPENED_MESSAGE,
                                 .conversation = send->conversation,
                                 .message = send->message,
                                 .sender = send->sender,
                                 .membership_version = write_membership_version(core, op)};
    fanout_begin(core, op, &order, NULL);
}

static void send_write(struct core *core, struct op *op)
{
    const struct send *send = op->request;
    struct message_write write = {.packed = fragment_message(core, &send->message, send->content),
                                  .has_outbox = !op->admission->is_channel,
                                  .outbox_kind = HAPPENED_MESSAGE,
                                  .outbox_message = send->message,
                                  .outbox_sender = send->sender};
    if (write.packed.size == 0) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    struct partition partition = partition_conversation(&core->cluster, &send->conversation);
    write_start(core, op, &partition, &write, level_for_writing(core, op), send_written);
}

static void send_admitted(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
    } else {
        send_write(core, op);
    }
}

static enum columba_error send_check(const struct core *core, const struct message_send *request,
                                     struct id *out_sender)
{
    struct content content;
    enum columba_error error = content_decode(request->content, &content);
    if (error != COLUMBA_OK) {
        return error;
    }
    *out_sender = id_of_name(ID_USER, content.sender);
    if (!message_id_is_valid(&request->message)) {
        return ERR_INVALID;
    }
    if (!message_id_is_of_sender(&request->message, out_sender)) {
        return ERR_WRONG_SENDER;
    }
    return request_id_is_ahead(core, &request->message) ? ERR_CLOCK_AHEAD : COLUMBA_OK;
}

void request_send(struct core *core, const struct event *event)
{
    const struct message_send *request = &event->request.message->send;
    struct id sender;
    enum columba_error error = send_check(core, request, &sender);
    if (error != COLUMBA_OK) {
        request_reject(core, event, error, NULL);
        return;
    }
    struct op *op = request_begin(core, event, request->consistency, sizeof(struct send));
    if (op == NULL) {
        return;
    }
    core->counters.sends++;
    struct send *send = op->request;
    *send = (struct send){.conversation = request->conversation,
                          .message = request->message,
                          .sender = sender,
                          .content = request->content};
    bool waits = !admission_is_cached(core, &send->conversation, &sender);
    /* What has to wait moves out of the event. */
    if (waits && !op_keep(op, request->content, &send->content)) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    admission_begin(core, op, &send->conversation, &send->sender, send_admitted);
}
