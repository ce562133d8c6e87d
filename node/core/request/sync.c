/*
 * SYNC: what a device has not got yet, now or as soon as there is something. The device says what
 * it has; nothing moves its positions but that.
 */
#include "node/core/coordinator/sync.h"
#include "node/core/machine/partition.h"
#include "node/core/request/begin.h"
#include "node/core/request/table.h"
#include "node/core/state.h"

static const char *sync_problem(const struct core *core, const struct message_sync *request)
{
    struct partition user = partition_user(&core->cluster, &request->user);
    if (request->session == 0 || id_is_zero(&request->device)) {
        return "a session needs a device and a number";
    }
    if (request->limit > SYNC_EVENTS_MAX) {
        return "more events at once than there may be";
    }
    if (request->is_last && !request->has_cursor) {
        return "a session ends with the positions of its device";
    }
    return partition_is_here(&core->cluster, &user) ? NULL : "";
}

void request_sync(struct core *core, const struct event *event)
{
    struct message_sync request = event->request.message->sync;
    const char *problem = sync_problem(core, &request);
    if (problem != NULL) {
        request_reject(core, event, *problem == '\0' ? ERR_NOT_A_REPLICA : ERR_INVALID,
                       *problem == '\0' ? NULL : problem);
        return;
    }
    const struct session *now = session_find(&core->sessions, &request.user, &request.device);
    if (now != NULL && now->number > request.session) {
        request_reject(core, event, ERR_DISPLACED, NULL);
        return;
    }
    request.limit = request.limit == 0 ? SYNC_EVENTS_MAX : request.limit;
    struct op *op = request_begin(core, event, 0, sizeof(struct sync));
    if (op != NULL) {
        sync_begin(core, op, &request);
    }
}
