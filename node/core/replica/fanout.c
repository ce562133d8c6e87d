#include "node/core/replica/fanout.h"

#include "node/core/machine/answer.h"
#include "node/core/machine/partition.h"
#include "node/core/replica/fold.h"
#include "node/core/state.h"

static enum columba_error fanout_check(struct core *core, const struct message_fanout *fanout)
{
    if (core->mode == NODE_FAILED) {
        return ERR_SHUTTING_DOWN;
    }
    if (fanout->topology_version != core->cluster.topology->version) {
        return ERR_STALE_TOPOLOGY;
    }
#ifndef COLUMBA_BUG_full_disks_take_events
    if (core->disk_is_full) {
        return ERR_DISK_FULL;
    }
#endif
    if (!batch_has_room(&core->batch)) {
        return ERR_OVERLOADED;
    }
    for (uint32_t i = 0; i < fanout->user_count; i++) {
        struct partition user = partition_user(&core->cluster, &fanout->users[i]);
        if (!partition_is_here(&core->cluster, &user)) {
            return ERR_NOT_A_REPLICA;
        }
    }
    return fold_make_room(core, fanout->user_count) ? COLUMBA_OK : ERR_OVERLOADED;
}

static enum columba_error events_append(struct core *core, const struct message_fanout *fanout)
{
    for (uint32_t i = 0; i < fanout->user_count; i++) {
        bool is_own = id_equal(&fanout->sender, &fanout->users[i]);
        struct log_user *user = user_log_append(core, &fanout->users[i], &fanout->conversation,
                                                &fanout->message, (uint8_t)fanout->kind, is_own);
        if (user == NULL) {
            return ERR_NO_MEMORY;
        }
        fold_long_tail(core, user);
    }
    return COLUMBA_OK;
}

void replica_fanout(struct core *core, const struct message_fanout *fanout,
                    const struct answer_to *to)
{
    enum columba_error error = fanout_check(core, fanout);
    if (error == COLUMBA_OK) {
        error = events_append(core, fanout);
    }
    if (error != COLUMBA_OK) {
        answer_written(core, to, &(struct message_written){.error = error});
        return;
    }
    batch_wait(&core->batch, &(struct waiter){.kind = WAITER_WRITE, .to = *to});
}
