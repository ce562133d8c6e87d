#include "node/core/fanout.h"

#include "node/core/conversation.h"
#include "node/core/replica_write.h"
#include "node/core/state.h"

/* Without other factors a member is reached when a quorum has the event, whatever the level of
 * the send: an inbox is read at QUORUM. */
static unsigned quorum_of(const struct replica_set *replicas)
{
#ifdef COLUMBA_BUG_fanout_to_one
    return 1;
#endif
    return replicas->count / 2u + 1u;
}

static void done_to_peer(struct core *core, uint16_t node, const struct op *op)
{
    struct peer_state *peer = &core->peers[node];
    if (peer->done == NULL) {
        peer->done = memory_allocate(core->memory, PEER_DONE_MAX * sizeof(*peer->done));
        if (peer->done == NULL) {
            core->counters.effects_dropped++;
            return;
        }
    }
    if (peer->done_count == PEER_DONE_MAX) {
        fanout_done_flush(core);
    }
    if (peer->done_count++ == 0) {
        core->peers_with_done++;
    }
    peer->done[peer->done_count - 1] =
        (struct message_outbox_entry){.conversation = op->conversation, .message = op->message};
}

/* A `done` that is lost costs a take-over, which is idempotent; so it needs no answer. */
static void done_tell(struct core *core, const struct op *op)
{
    const struct replica_set *replicas = placement_replicas(
        core->topology, token_of_partition(PARTITION_CONVERSATION, &op->conversation));
    for (unsigned i = 0; i < replicas->count; i++) {
        if (replicas->node[i] == core->config.self) {
            outbox_done(core, &op->conversation, &op->message);
        } else if (core->peers[replicas->node[i]].alive) {
            done_to_peer(core, replicas->node[i], op);
        }
    }
}

void fanout_done_flush(struct core *core)
{
    for (uint16_t node = 0; core->peers_with_done > 0 && node < core->topology->node_count;
         node++) {
        struct peer_state *peer = &core->peers[node];
        if (peer->done_count == 0) {
            continue;
        }
        struct message *message = effects_message(&core->effects, MESSAGE_OUTBOX_DONE);
        size_t bytes = peer->done_count * sizeof(*peer->done);
        struct message_outbox_entry *entries = effects_allocate(&core->effects, bytes);
        if (message != NULL && entries != NULL) {
            memcpy(entries, peer->done, bytes);
            message->outbox_done.entries = entries;
            message->outbox_done.entry_count = peer->done_count;
            effects_send(&core->effects, node, 0, message);
        }
        peer->done_count = 0;
        core->peers_with_done--;
    }
}

static void fanout_finish(struct core *core, struct op *op, bool reached_all)
{
    op_deadline_clear(op);
    op_phase_next(op);
    if (reached_all) {
        core->counters.fanouts++;
        done_tell(core, op);
    } else {
        core->counters.fanouts_failed++;
    }
    if (op->fanout.done != NULL) {
        op->fanout.done(core, op, reached_all);
    }
    op_end(core, op);
}

static void fanout_timed_out(struct core *core, struct op *op)
{
    fanout_finish(core, op, false);
}

/* Positions of `fanout.users` that live on the node, as a message; NULL: none, or no memory. */
static struct message *fanout_message(struct core *core, const struct op *op, uint16_t node)
{
    const struct fanout *fanout = &op->fanout;
    struct id *users = effects_allocate(&core->effects, fanout->user_count * sizeof(*users));
    if (users == NULL) {
        return NULL;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < fanout->user_count; i++) {
        if (replica_set_position(fanout->replicas[i], node) >= 0) {
            users[count++] = fanout->users[i];
        }
    }
    struct message *message = count == 0 ? NULL : effects_message(&core->effects, MESSAGE_FANOUT);
    if (message == NULL) {
        return NULL;
    }
    message->fanout = (struct message_fanout){.topology_version = core->topology->version,
                                              .conversation = fanout->conversation,
                                              .message = fanout->message,
                                              .sender = fanout->sender,
                                              .users = users,
                                              .user_count = count};
    return message;
}

static void fanout_send(struct core *core, struct op *op)
{
    op_deadline_set(core, op, DEADLINE_WRITE, fanout_timed_out);
    op_ref reference = op_reference(op);
    const struct message *local = NULL;
    for (uint16_t node = 0; node < core->topology->node_count; node++) {
        bool is_self = node == core->config.self;
        if (!is_self && !core->peers[node].alive) {
            continue;
        }
        const struct message *message = fanout_message(core, op, node);
        if (is_self) {
            local = message;
        } else {
            effects_send(&core->effects, node, reference, message);
        }
    }
    if (local != NULL) {
        replica_fanout(core, &local->fanout, &(struct answer_to){.op = reference});
    }
}

/* The members as they are now, with their replicas. False: no memory. */
static bool fanout_users_set(struct core *core, struct op *op,
                             const struct conversation *conversation)
{
    struct fanout *fanout = &op->fanout;
    uint32_t count = conversation->member_count;
    struct id *users = arena_allocate_array(&op->arena, count, sizeof(*users));
    fanout->replicas = arena_allocate_array(&op->arena, count, sizeof(*fanout->replicas));
    fanout->acked = arena_allocate_array(&op->arena, count, sizeof(*fanout->acked));
    if (users == NULL || fanout->replicas == NULL || fanout->acked == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        users[i] = conversation->members[i];
        fanout->acked[i] = 0;
        fanout->replicas[i] =
            placement_replicas(core->topology, token_of_partition(PARTITION_USER, &users[i]));
    }
    fanout->conversation = op->conversation;
    fanout->message = op->message;
#ifdef COLUMBA_BUG_counter_counts_retry
    fanout->message.bytes[ID_BYTES - 1] ^= op->is_retry;
#endif
    fanout->sender = op->user;
    fanout->users = users;
    fanout->user_count = count;
    fanout->unmet = count;
    return true;
}

static void fanout_members_ready(struct core *core, struct op *op,
                                 const struct conversation *conversation)
{
    if (conversation == NULL) {
        fanout_finish(core, op, false);
        return;
    }
    if (conversation->is_channel || conversation->member_count == 0) {
        fanout_finish(core, op, true);
        return;
    }
    if (!fanout_users_set(core, op, conversation)) {
        fanout_finish(core, op, false);
        return;
    }
    fanout_send(core, op);
}

static void fanout_members_loaded(struct core *core, struct op *op)
{
    const struct conversation *conversation =
        op->status.error == COLUMBA_OK
            ? conversation_cache_get(&core->conversations, &op->conversation)
            : NULL;
    fanout_members_ready(core, op, conversation);
}

void fanout_begin(struct core *core, struct op *op,
                  void (*at_end)(struct core *core, struct op *op, bool reached_all))
{
    op->fanout.done = at_end;
    struct conversation *conversation =
        conversation_cache_get(&core->conversations, &op->conversation);
    bool is_fresh = conversation != NULL && conversation->version >= op->membership_version;
#ifdef COLUMBA_BUG_stale_members
    is_fresh = conversation != NULL;
#endif
    if (is_fresh) {
        fanout_members_ready(core, op, conversation);
        return;
    }
    conversation_load(core, op, core->topology->read_consistency, fanout_members_loaded);
}

void fanout_answer(struct core *core, struct op *op, uint16_t node, enum columba_error error)
{
    if (error != COLUMBA_OK) {
        /* Another replica may make the quorum; else the deadline ends it and the outbox keeps it.
         */
        return;
    }
    struct fanout *fanout = &op->fanout;
    for (uint32_t i = 0; i < fanout->user_count; i++) {
        const struct replica_set *replicas = fanout->replicas[i];
        int position = replica_set_position(replicas, node);
        if (position < 0) {
            continue;
        }
        unsigned before = (unsigned)__builtin_popcount(fanout->acked[i]);
        fanout->acked[i] |= (uint16_t)(1u << position);
        unsigned after = (unsigned)__builtin_popcount(fanout->acked[i]);
        if (before < quorum_of(replicas) && after >= quorum_of(replicas)) {
            fanout->unmet--;
        }
    }
    if (fanout->unmet == 0) {
        fanout_finish(core, op, true);
    }
}
