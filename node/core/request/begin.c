#include "node/core/request/begin.h"

#include "base/assert.h"
#include "node/core/machine/answer.h"
#include "node/core/state.h"

void request_reject(struct core *core, const struct event *event, enum columba_error error,
                    const char *text)
{
    core_refuse(core, event->request.connection, event->request.request_id, error, text);
}

static bool consistency_is_valid(uint32_t consistency)
{
    enum consistency level;
    return consistency == 0 ||
           (consistency_from_number(consistency, &level) && level != CONSISTENCY_SERIAL);
}

struct op *request_begin(struct core *core, const struct event *event, uint32_t consistency,
                         size_t state_size)
{
    if (!consistency_is_valid(consistency)) {
        request_reject(core, event, ERR_INVALID,
                       "the consistency level is not one of ONE, TWO, THREE, QUORUM, ALL, "
                       "LOCAL_ONE, LOCAL_QUORUM, EACH_QUORUM");
        return NULL;
    }
    COLUMBA_ASSERT(event->request.connection != 0);
    struct op *op = op_begin_coordinated(core);
    if (op == NULL) {
        core->counters.overloaded++;
        core_reply_status(core, event->request.connection, event->request.request_id,
                          &(struct message_status){.error = ERR_OVERLOADED});
        return NULL;
    }
    op->connection = event->request.connection;
    op->request_id = event->request.request_id;
    op->consistency = consistency;
    if (state_size > 0) {
        op->request = op_allocate(op, state_size);
        if (op->request == NULL) {
            op_refuse(core, op, ERR_NO_MEMORY, NULL);
            return NULL;
        }
    }
    return op;
}

bool request_id_is_ahead(const struct core *core, const struct id *message)
{
    return message_id_unix_ms(message) > core->unix_ms + CLOCK_AHEAD_MAX_MS;
}
