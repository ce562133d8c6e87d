#include "node/core/coordinator/admission.h"

#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/members.h"
#include "node/core/coordinator/read.h"
#include "node/core/state.h"

static bool is_anybody(const struct admission *admission)
{
    return id_is_zero(&admission->user);
}

static void admission_end(struct core *core, struct op *op, enum columba_error error)
{
    if (op->status.error == COLUMBA_OK) {
        op->status = (struct message_status){.error = error};
    }
    op->admission->next(core, op);
}

static void channel_member_check(struct core *core, struct op *op, enum consistency level);

static void channel_member_read(struct core *core, struct op *op)
{
    bool is_denied = op->status.error == COLUMBA_OK && op->read->row_count == 0;
    if (is_denied && !op->admission->member_confirms) {
        channel_member_check(core, op, core->cluster.topology->read_consistency);
        return;
    }
    admission_end(core, op, is_denied ? ERR_NOT_A_MEMBER : COLUMBA_OK);
}

/* A channel's members are not cached: look for this one. */
static void channel_member_check(struct core *core, struct op *op, enum consistency level)
{
    struct admission *admission = op->admission;
    admission->member_confirms = level == core->cluster.topology->read_consistency;
    uint8_t end[ID_BYTES + 1] = {0};
    memcpy(end, admission->user.bytes, ID_BYTES);
    struct message_read query = {.table = TABLE_MEMBER,
                                 .begin = slice_of(admission->user.bytes, ID_BYTES),
                                 .end = slice_of(end, sizeof(end)),
                                 .limit_rows = 1,
                                 .limit_bytes = ROW_MAX_BYTES};
    struct partition partition = partition_conversation(&core->cluster, &admission->conversation);
    read_start(core, op, &partition, &query, level, channel_member_read);
}

static void admission_decide(struct core *core, struct op *op, bool is_channel, uint64_t version,
                             bool is_in)
{
    struct admission *admission = op->admission;
    admission->membership_version = version;
    admission->is_channel = is_channel;
    op->status = (struct message_status){.error = COLUMBA_OK};
    if (is_anybody(admission) || is_in) {
        admission_end(core, op, COLUMBA_OK);
    } else if (is_channel) {
        channel_member_check(core, op, level_for_loading(core, op));
    } else {
        admission_end(core, op, ERR_NOT_A_MEMBER);
    }
}

static bool load_includes(const struct members_load *load, const struct id *user)
{
    for (uint32_t i = 0; i < load->count; i++) {
        if (id_equal(&load->users[i], user)) {
            return true;
        }
    }
    return false;
}

static void admission_loaded(struct core *core, struct op *op)
{
    struct admission *admission = op->admission;
    if (op->status.error != COLUMBA_OK) {
        admission_end(core, op, op->status.error);
        return;
    }
    const struct members_load *load = op->load;
    bool is_in = load->found && load_includes(load, &admission->user);
    bool denies = !load->found || (!is_anybody(admission) && !load->is_channel && !is_in);
    if (denies && !admission->load_confirms) {
        admission->load_confirms = true;
        members_load(core, op, &admission->conversation, core->cluster.topology->read_consistency,
                     admission_loaded);
    } else if (!load->found) {
        admission_end(core, op, ERR_UNKNOWN_CONVERSATION);
    } else {
        admission_decide(core, op, load->is_channel, load->version, is_in);
    }
}

bool admission_is_cached(struct core *core, const struct id *conversation, const struct id *user)
{
    const struct members *members = members_cache_get(&core->members, conversation);
    return members != NULL && !members->is_channel && members_include(members, user);
}

void admission_begin(struct core *core, struct op *op, const struct id *conversation,
                     const struct id *user, op_next *next)
{
    struct admission *admission = op_allocate(op, sizeof(*admission));
    if (admission == NULL) {
        op->status = (struct message_status){.error = ERR_NO_MEMORY};
        next(core, op);
        return;
    }
    op->admission = admission;
    admission->conversation = *conversation;
    admission->user = user == NULL ? (struct id){{0}} : *user;
    admission->next = next;
    const struct members *members = members_cache_get(&core->members, conversation);
    bool is_in = members != NULL && members_include(members, &admission->user);
    if (members != NULL && (is_anybody(admission) || members->is_channel || is_in)) {
        admission_decide(core, op, members->is_channel, members->version, is_in);
        return;
    }
    enum consistency level = level_for_loading(core, op);
    admission->load_confirms = level == core->cluster.topology->read_consistency;
#ifdef COLUMBA_BUG_denial_at_one
    admission->load_confirms = true;
#endif
    members_load(core, op, conversation, level, admission_loaded);
}
