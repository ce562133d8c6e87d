#include "node/core/request.h"

#include "node/core/state.h"

struct op *request_begin(struct core *core, const struct event *event, uint32_t consistency)
{
    uint64_t connection = event->request.connection;
    uint64_t request_id = event->request.request_id;
    enum consistency level;
    if (consistency != 0 &&
        (!consistency_from_number(consistency, &level) || level == CONSISTENCY_SERIAL)) {
        core_refuse(core, connection, request_id, ERR_INVALID,
                    "the consistency level is not one of ONE, TWO, THREE, QUORUM, ALL, "
                    "LOCAL_ONE, LOCAL_QUORUM, EACH_QUORUM");
        return NULL;
    }
    struct op *op = op_begin(core);
    if (op == NULL) {
        core->counters.overloaded++;
        core_reply_status(core, connection, request_id,
                          &(struct message_status){.error = ERR_OVERLOADED});
        return NULL;
    }
    op->connection = connection;
    op->request_id = request_id;
    op->consistency = consistency;
    return op;
}

enum consistency request_read_level(const struct core *core, const struct op *op)
{
    return op->consistency == 0 ? core->topology->read_consistency
                                : (enum consistency)op->consistency;
}

enum consistency request_write_level(const struct core *core, const struct op *op)
{
    return op->consistency == 0 ? core->topology->write_consistency
                                : (enum consistency)op->consistency;
}

enum consistency request_load_level(const struct core *core, const struct op *op)
{
    enum consistency level = (enum consistency)op->consistency;
    bool is_less = level == CONSISTENCY_ONE || level == CONSISTENCY_LOCAL_ONE ||
                   level == CONSISTENCY_LOCAL_QUORUM;
    return is_less ? level : core->topology->read_consistency;
}

bool request_id_is_ahead(const struct core *core, const struct id *message)
{
    return message_id_unix_ms(message) > core->unix_ms + CLOCK_AHEAD_MAX_MS;
}
