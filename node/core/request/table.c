#include "node/core/request/table.h"

#include "node/core/machine/answer.h"

/* Clients' requests have numbers below this (proto/message.h). */
#define REQUEST_NUMBERS 64u

typedef void request_handler(struct core *core, const struct event *event);

static request_handler *const handlers[REQUEST_NUMBERS] = {
#define X(name, member, answer, may, class) [MESSAGE_##name] = request_##member,
    CLIENT_REQUESTS(X)
#undef X
};

void request_from_client(struct core *core, const struct event *event)
{
    unsigned type = event->request.message->type;
    if (type >= REQUEST_NUMBERS || handlers[type] == NULL) {
        core_refuse(core, event->request.connection, event->request.request_id, ERR_NOT_SUPPORTED,
                    NULL);
        return;
    }
    handlers[type](core, event);
}
