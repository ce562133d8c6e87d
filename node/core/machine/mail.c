#include "node/core/machine/mail.h"

#include "base/assert.h"
#include "node/core/state.h"

struct letter_node {
    struct letter letter;
    struct letter_node *next;
};

void mail_init(struct mail *mail)
{
    mail->first = NULL;
    mail->last_next = &mail->first;
}

bool mail_take(struct mail *mail, struct letter *out_letter)
{
    struct letter_node *node = mail->first;
    if (node == NULL) {
        return false;
    }
    *out_letter = node->letter;
    mail->first = node->next;
    if (mail->first == NULL) {
        mail->last_next = &mail->first;
    }
    return true;
}

static void mail_put(struct core *core, const struct letter *letter)
{
    struct letter_node *node = effects_allocate(&core->effects, sizeof(*node));
    if (node == NULL) {
        core->counters.effects_dropped++;
        return;
    }
    *node = (struct letter_node){.letter = *letter};
    COLUMBA_ASSERT(*core->mail.last_next == NULL);
    *core->mail.last_next = node;
    core->mail.last_next = &node->next;
}

void mail_ask(struct core *core, uint16_t node, op_ref op, const struct message *message)
{
    if (message == NULL) {
        return;
    }
    if (node == core->config.self) {
        mail_put(core, &(struct letter){.op = op, .message = message});
        return;
    }
    effects_send(&core->effects, node, op, message);
}

void mail_answer(struct core *core, const struct answer_to *to, const struct message *message)
{
    if (message == NULL) {
        return;
    }
    COLUMBA_ASSERT(to->op != 0 || to->connection != 0);
    if (to->op != 0) {
        mail_put(core, &(struct letter){.is_answer = true, .op = to->op, .message = message});
        return;
    }
    effects_reply(&core->effects, to->connection, to->request_id, message);
}
