#include "node/core/coordinator/fanout.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "node/core/coordinator/members.h"
#include "node/core/coordinator/peer_answer.h"
#include "node/core/machine/partition.h"
#include "node/core/state.h"
#include "proto/change.h"

/* Told in one message; more go in the next one. */
#define PEER_DONE_MAX 512u

/* A node, and the members that live on it. */
struct target {
    uint16_t node;
    bool is_awaited;
    const uint32_t *members; /* positions in fanout.users */
    uint32_t member_count;
};

struct fanout {
    struct fanout_order order;
    const struct id *users;
    uint8_t *acked; /* for each user, how many replicas have it */
    uint32_t user_count;
    uint32_t unmet;         /* users below the quorum */
    uint32_t awaited;       /* targets */
    struct target *targets; /* ascending by node */
    uint32_t target_count;
    fanout_done *done;
};

/* A member is reached when a quorum has the event, whatever the level of the send: an inbox is
 * read at QUORUM. */
static unsigned quorum(const struct core *core)
{
#ifdef COLUMBA_BUG_fanout_to_one
    return 1;
#endif
    return consistency_quorum(core->cluster.topology);
}

static void done_to_peer(struct core *core, uint16_t node, const struct fanout_order *order)
{
    COLUMBA_ASSERT(node < core->cluster.peer_count);
    struct peer *peer = &core->cluster.peers[node];
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
    COLUMBA_ASSERT(peer->done_count < PEER_DONE_MAX);
    if (peer->done_count++ == 0) {
        core->cluster.peers_with_done++;
    }
    peer->done[peer->done_count - 1] = (struct message_outbox_entry){
        .conversation = order->conversation,
        .message = id_is_zero(&order->outbox_message) ? order->message : order->outbox_message};
}

/* A `done` that is lost costs a take-over, which is idempotent; so it needs no answer. */
static void done_tell(struct core *core, const struct fanout_order *order)
{
    struct partition partition = partition_conversation(&core->cluster, &order->conversation);
    for (unsigned i = 0; i < partition.replicas->count; i++) {
        uint16_t node = partition_node(&core->cluster, &partition, i);
        if (cluster_is_alive(&core->cluster, node)) {
            done_to_peer(core, node, order);
        }
    }
}

void fanout_done_flush(struct core *core)
{
    struct cluster *cluster = &core->cluster;
    for (uint16_t node = 0; cluster->peers_with_done > 0 && node < cluster->peer_count; node++) {
        struct peer *peer = &cluster->peers[node];
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
            mail_ask(core, node, 0, message);
        }
        peer->done_count = 0;
        cluster->peers_with_done--;
    }
    COLUMBA_ASSERT(cluster->peers_with_done == 0);
}

static void fanout_finish(struct core *core, struct op *op, bool reached_all)
{
    struct fanout *fanout = op->fanout;
    op_deadline_clear(op);
    COLUMBA_ASSERT(!reached_all || fanout->unmet == 0);
    op_phase_next(op);
    if (reached_all) {
        core->counters.fanouts++;
        done_tell(core, &fanout->order);
    } else {
        core->counters.fanouts_failed++;
    }
    if (fanout->done != NULL) {
        fanout->done(core, op, reached_all);
    }
    op_end(core, op);
}

static void fanout_timed_out(struct core *core, struct op *op)
{
    fanout_finish(core, op, false);
}

static struct target *target_of(const struct fanout *fanout, uint16_t node)
{
    uint32_t low = 0;
    for (uint32_t high = fanout->target_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (fanout->targets[middle].node < node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < fanout->target_count && fanout->targets[low].node == node;
    return found ? &fanout->targets[low] : NULL;
}

static void target_acked(struct core *core, struct fanout *fanout, const struct target *target)
{
    for (uint32_t i = 0; i < target->member_count; i++) {
        uint8_t *acked = &fanout->acked[target->members[i]];
        if (++*acked == quorum(core)) {
            COLUMBA_ASSERT(fanout->unmet > 0);
            fanout->unmet--;
        }
    }
}

static void fanout_answered(struct core *core, struct op *op, uint16_t node,
                            const struct message *message)
{
    struct fanout *fanout = op->fanout;
    struct target *target = target_of(fanout, node);
    if (target == NULL || !target->is_awaited) {
        return;
    }
    COLUMBA_ASSERT(fanout->awaited > 0);
    target->is_awaited = false;
    fanout->awaited--;
    if (peer_written(message).error == COLUMBA_OK) {
        target_acked(core, fanout, target);
    }
    if (fanout->unmet == 0) {
        fanout_finish(core, op, true);
    } else if (fanout->awaited == 0) {
        fanout_finish(core, op, false); /* nobody is left who could make it a quorum */
    }
}

/* Calls `visit` for each replica of each user that is alive. */
static void for_each_replica(const struct core *core, const struct fanout *fanout,
                             void (*visit)(void *context, uint32_t user, uint16_t node),
                             void *context)
{
    for (uint32_t i = 0; i < fanout->user_count; i++) {
        struct partition user = partition_user(&core->cluster, &fanout->users[i]);
        for (unsigned r = 0; r < user.replicas->count; r++) {
            uint16_t node = partition_node(&core->cluster, &user, r);
            if (cluster_is_alive(&core->cluster, node)) {
                visit(context, i, node);
            }
        }
    }
}

/* For each node: how many members, then where its next one goes. */
struct grouping {
    uint32_t *by_node;
    uint32_t *members;
    uint32_t total;
};

static void replica_count(void *context, uint32_t user, uint16_t node)
{
    struct grouping *grouping = context;
    (void)user;
    grouping->by_node[node]++;
    grouping->total++;
}

static void replica_place(void *context, uint32_t user, uint16_t node)
{
    struct grouping *grouping = context;
    grouping->members[grouping->by_node[node]++] = user;
}

/* Groups the members by the nodes that hold them: a counting sort over the members' replicas. */
static bool targets_make(struct core *core, struct op *op)
{
    struct fanout *fanout = op->fanout;
    uint16_t nodes = core->cluster.peer_count;
    struct grouping grouping = {
        .by_node = effects_allocate(&core->effects, nodes * sizeof(*grouping.by_node))};
    if (grouping.by_node == NULL) {
        return false;
    }
    memset(grouping.by_node, 0, nodes * sizeof(*grouping.by_node));
    for_each_replica(core, fanout, replica_count, &grouping);
    for (uint16_t node = 0; node < nodes; node++) {
        fanout->target_count += grouping.by_node[node] > 0 ? 1 : 0;
    }
    grouping.members = arena_allocate_array(&op->arena, grouping.total + 1, sizeof(uint32_t));
    fanout->targets =
        arena_allocate_array(&op->arena, fanout->target_count + 1, sizeof(*fanout->targets));
    if (grouping.members == NULL || fanout->targets == NULL) {
        return false;
    }
    uint32_t begin = 0;
    struct target *target = fanout->targets;
    for (uint16_t node = 0; node < nodes; node++) {
        uint32_t count = grouping.by_node[node];
        if (count > 0) {
            *target++ = (struct target){
                .node = node, .members = grouping.members + begin, .member_count = count};
        }
        grouping.by_node[node] = begin;
        begin += count;
    }
    COLUMBA_ASSERT(target == fanout->targets + fanout->target_count && begin == grouping.total);
    for_each_replica(core, fanout, replica_place, &grouping);
    return true;
}

static void target_ask(struct core *core, struct op *op, struct target *target)
{
    const struct fanout *fanout = op->fanout;
    struct message *message = effects_message(&core->effects, MESSAGE_FANOUT);
    struct id *users = effects_allocate(&core->effects, target->member_count * sizeof(struct id));
    COLUMBA_ASSERT(target->member_count > 0 && !target->is_awaited);
    target->is_awaited = true;
    op->fanout->awaited++;
    if (message == NULL || users == NULL) {
        return; /* the deadline ends it, and the outbox keeps it */
    }
    for (uint32_t i = 0; i < target->member_count; i++) {
        users[i] = fanout->users[target->members[i]];
    }
    message->fanout = (struct message_fanout){.topology_version = core->cluster.topology->version,
                                              .conversation = fanout->order.conversation,
                                              .message = fanout->order.message,
                                              .sender = fanout->order.sender,
                                              .kind = fanout->order.kind,
                                              .users = users,
                                              .user_count = target->member_count};
#ifdef COLUMBA_BUG_counter_counts_retry
    message->fanout.message.bytes[ID_BYTES - 1] ^= (uint8_t)op->generation;
#endif
    mail_ask(core, target->node, op_reference(op), message);
}

static bool users_keep(struct op *op, const struct id *ids, uint32_t count)
{
    struct fanout *fanout = op->fanout;
    struct slice users;
    COLUMBA_ASSERT(count > 0 && fanout->users == NULL);
    fanout->user_count = fanout->unmet = count;
    fanout->acked = op_allocate(op, count);
    if (fanout->acked == NULL || !op_keep(op, slice_of(ids, count * sizeof(*ids)), &users)) {
        return false;
    }
    fanout->users = (const struct id *)(const void *)users.data;
    return true;
}

static void fanout_to(struct core *core, struct op *op, const struct id *users, uint32_t count)
{
    struct fanout *fanout = op->fanout;
    if (count == 0) {
        fanout_finish(core, op, true);
        return;
    }
    if (!users_keep(op, users, count) || !targets_make(core, op) || fanout->target_count == 0) {
        fanout_finish(core, op, false);
        return;
    }
    op->answered = fanout_answered;
    op_deadline_set(core, op, DEADLINE_WRITE, fanout_timed_out);
    for (uint32_t i = 0; i < fanout->target_count; i++) {
        target_ask(core, op, &fanout->targets[i]);
    }
}

static void chosen_loaded(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        fanout_finish(core, op, false);
        return;
    }
    fanout_to(core, op, op->load->users, op->load->count);
}

static void members_loaded(struct core *core, struct op *op)
{
    const struct members_load *load = op->load;
    if (op->status.error != COLUMBA_OK || !load->found) {
        fanout_finish(core, op, false);
        return;
    }
    if (!load->is_channel) {
        fanout_to(core, op, load->users, load->count);
        return;
    }
#ifdef COLUMBA_BUG_channel_gets_nothing
    fanout_finish(core, op, true);
    return;
#endif
    /* It was sent when this was a group, or it would not be here. */
    struct members_choice choice = {.before = load->channel_since};
    if (choice.before == 0) {
        fanout_to(core, op, load->users, load->count);
        return;
    }
    members_choose(core, op, &load->conversation, &choice, chosen_loaded);
}

static bool fanout_make(struct op *op, const struct fanout_order *order, fanout_done *at_end)
{
    COLUMBA_ASSERT(op->fanout == NULL);
    op->fanout = op_allocate(op, sizeof(*op->fanout));
    if (op->fanout == NULL) {
        return false;
    }
    op->fanout->order = *order;
    op->fanout->done = at_end;
    return true;
}

/* To the members of an act; the version stands in the place of a message. */
static void channel_begin(struct core *core, struct op *op)
{
    const struct fanout_order *order = &op->fanout->order;
    struct members_choice choice = {.only = bytes_get_u64_be(order->message.bytes)};
    members_choose(core, op, &order->conversation, &choice, chosen_loaded);
}

void fanout_order_of_change(struct fanout_order *order, const struct change_record *record,
                            const struct id *change)
{
    struct id id = *change; /* may be the order's own */
    bool is_deletion = record->kind == CHANGE_DELETION;
    order->kind = is_deletion ? HAPPENED_DELETION : HAPPENED_CHANGE;
    order->message = is_deletion ? record->message : id;
    order->outbox_message = id;
}

void fanout_begin(struct core *core, struct op *op, const struct fanout_order *order,
                  fanout_done *at_end)
{
    if (!fanout_make(op, order, at_end)) {
        core->counters.fanouts_failed++;
        if (at_end != NULL) {
            at_end(core, op, false);
        }
        op_end(core, op);
        return;
    }
    if (order->kind == HAPPENED_CHANNEL) {
        channel_begin(core, op);
        return;
    }
    const struct members *members = members_cache_get(&core->members, &order->conversation);
    bool is_fresh =
        members != NULL && !members->is_channel && members->version >= order->membership_version;
#ifdef COLUMBA_BUG_stale_members
    is_fresh = members != NULL;
#endif
    if (is_fresh) {
        fanout_to(core, op, members->users, members->count);
        return;
    }
    members_load(core, op, &order->conversation, core->cluster.topology->read_consistency,
                 members_loaded);
}
