/*
 * CONVERSATION_CREATE: makes a conversation, or adds members to one: reads what is there, and
 * writes what is missing, as one act with one version.
 *
 * An act that makes it larger than what is fanned out to makes it a channel, for good: the row says
 * since which version, and an outbox entry sees to it that every member's inbox says so too, even
 * if the coordinator dies. Members who come later are told in the same way. Messages that were sent
 * to the group still reach those who were in it (coordinator/fanout.h).
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/name.h"
#include "base/sort.h"
#include "node/core/coordinator/fanout.h"
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/members.h"
#include "node/core/coordinator/write.h"
#include "node/core/machine/answer.h"
#include "node/core/request/begin.h"
#include "node/core/request/table.h"
#include "node/core/state.h"

/* Somebody who is to be in it. */
struct new_member {
    struct id user;
    struct slice name;
};

struct create {
    struct id conversation;
    struct slice name;
    uint32_t kind;
    uint64_t created_at_ms;
    struct new_member *members; /* ascending by user, each once */
    uint32_t member_count;
    uint64_t version; /* of the act */
};

/* The members that are in it are ascending, as they lie in the store. */
static bool member_is_new(const struct members_load *load, const struct id *user)
{
    uint32_t low = 0;
    uint32_t high = load->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (id_compare(&load->users[middle], user) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == load->count || !id_equal(&load->users[low], user);
}

static uint32_t new_members(const struct create *create, const struct members_load *load)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < create->member_count; i++) {
        count += member_is_new(load, &create->members[i].user) ? 1 : 0;
    }
    return count;
}

/* What the act makes of the conversation. */
struct creation {
    uint64_t stamp;
    uint64_t created_at_ms;
    struct writer packed;
    uint8_t kind; /* 0: it keeps the one it has */
    bool is_new;
    bool becomes_channel;
    bool is_channel; /* afterwards */
};

static uint8_t kind_by_members(const struct core *core, uint32_t count)
{
    if (count > core->config.fanout_members_max) {
        return KIND_BROADCAST;
    }
    return count <= 2 ? KIND_DIRECT : KIND_GROUP;
}

static uint8_t creation_kind(const struct core *core, const struct create *create,
                             const struct members_load *load, uint32_t count)
{
    if (!load->found) {
        return create->kind != 0 ? (uint8_t)create->kind : kind_by_members(core, count);
    }
    return load->kind == KIND_DIRECT && count > 2 ? KIND_GROUP : 0;
}

/* The row of the conversation, as far as the act changes it. */
static void creation_conversation_row(const struct create *create, struct creation *creation)
{
    uint8_t buffer[256 + NAME_MAX_BYTES];
    uint8_t created_at[8];
    uint8_t version[8];
    struct row_writer row;
    bytes_put_u64_be(created_at, creation->created_at_ms);
    bytes_put_u64_be(version, creation->stamp);
    row_writer_init(&row, buffer, sizeof(buffer));
    if (creation->kind != 0) {
        row_writer_cell(&row, &(struct cell){.column = COLUMN_CONVERSATION_KIND,
                                             .timestamp = creation->stamp,
                                             .value = slice_of(&creation->kind, 1)});
    }
    if (creation->is_new) {
        row_writer_cell(&row, &(struct cell){.column = COLUMN_CONVERSATION_NAME,
                                             .timestamp = creation->stamp,
                                             .value = create->name});
        row_writer_cell(&row, &(struct cell){.column = COLUMN_CONVERSATION_CREATED_AT,
                                             .timestamp = creation->stamp,
                                             .value = slice_of(created_at, 8)});
    }
    row_writer_cell(&row, &(struct cell){.column = COLUMN_CONVERSATION_MEMBERSHIP_VERSION,
                                         .value = slice_of(version, 8)});
    if (creation->becomes_channel) {
        row_writer_cell(&row, &(struct cell){.column = COLUMN_CONVERSATION_CHANNEL_SINCE,
                                             .timestamp = creation->stamp,
                                             .value = slice_of(version, 8)});
    }
    packed_row_write(&creation->packed, &(struct packed_row){.table = TABLE_CONVERSATION,
                                                             .row = row_writer_done(&row)});
}

static void creation_member_row(struct creation *creation, const struct new_member *member)
{
    uint8_t buffer[256 + NAME_MAX_BYTES];
    uint8_t joined_at[8];
    uint8_t role = 1;
    bytes_put_u64_be(joined_at, creation->created_at_ms);
    struct row_writer row;
    row_writer_init(&row, buffer, sizeof(buffer));
    row_writer_cell(&row, &(struct cell){.column = COLUMN_MEMBER_NAME,
                                         .timestamp = creation->stamp,
                                         .value = member->name});
    row_writer_cell(&row, &(struct cell){.column = COLUMN_MEMBER_ROLE,
                                         .timestamp = creation->stamp,
                                         .value = slice_of(&role, 1)});
    row_writer_cell(&row, &(struct cell){.column = COLUMN_MEMBER_JOINED_AT,
                                         .timestamp = creation->stamp,
                                         .value = slice_of(joined_at, 8)});
    packed_row_write(&creation->packed,
                     &(struct packed_row){.table = TABLE_MEMBER,
                                          .clustering = slice_of(member->user.bytes, ID_BYTES),
                                          .row = row_writer_done(&row)});
}

static size_t creation_bytes(const struct create *create)
{
    size_t size = 512 + create->name.size;
    for (uint32_t i = 0; i < create->member_count; i++) {
        size += 128 + create->members[i].name.size;
    }
    return size;
}

/* In the place of a message: the version of the act, twice. */
static struct id act_id(uint64_t version)
{
    struct id id = {{0}};
    bytes_put_u64_be(id.bytes, version);
    bytes_put_u64_be(id.bytes + 8, version); /* what tables are hashed by */
    return id;
}

/* Members of a channel are told so: messages will come without an event. */
static void members_tell(struct core *core, struct op *op)
{
    const struct create *create = op->request;
    COLUMBA_ASSERT(create->version > 0);
    struct fanout_order order = {.kind = HAPPENED_CHANNEL,
                                 .conversation = create->conversation,
                                 .message = act_id(create->version)};
    fanout_begin(core, op, &order, NULL);
}

static void act_write(struct core *core, struct op *op, const struct creation *creation,
                      enum consistency level, op_next *done)
{
    struct create *create = op->request;
    create->version = creation->stamp;
    COLUMBA_ASSERT(creation->stamp > op->load->version);
    COLUMBA_ASSERT(creation->is_channel || !creation->becomes_channel);
    COLUMBA_ASSERT(!creation->packed.failed);
    struct message_write write = {.packed = writer_done(&creation->packed),
                                  .has_outbox = creation->is_channel,
                                  .outbox_kind = HAPPENED_CHANNEL,
                                  .outbox_message = act_id(creation->stamp)};
#ifdef COLUMBA_BUG_act_without_outbox
    write.has_outbox = false;
#endif
    struct partition partition = partition_conversation(&core->cluster, &create->conversation);
    write_start(core, op, &partition, &write, level, done);
}

static void act_written(struct core *core, struct op *op)
{
    const struct create *create = op->request;
    enum columba_error error = op->status.error;
    members_cache_drop(&core->members, &create->conversation);
    op_reply_status(core, op);
    if (error == COLUMBA_OK) {
        members_tell(core, op);
    } else {
        /* What some replicas may have stored is in their outboxes. */
        op_end(core, op);
    }
}

/* A change of membership is a later version than the one it was made on, whatever the clock says.
 */
static uint64_t creation_stamp(struct core *core, const struct members_load *load)
{
    uint64_t stamp = hlc_next(&core->hlc, core->unix_ms);
    return stamp > load->version ? stamp : load->version + 1;
}

/* Others added members at the same time, and together they made it too large for a group. */
static void size_read(struct core *core, struct op *op)
{
    const struct create *create = op->request;
    const struct members_load *load = op->load;
    uint8_t *buffer = effects_allocate(&core->effects, creation_bytes(create));
    if (op->status.error != COLUMBA_OK || buffer == NULL || !load->is_channel ||
        load->channel_since != 0) {
        op_end(core, op);
        return;
    }
    struct creation creation = {.stamp = creation_stamp(core, load),
                                .packed = writer_of(buffer, creation_bytes(create)),
                                .becomes_channel = true,
                                .is_channel = true};
    creation_conversation_row(create, &creation);
    act_write(core, op, &creation, core->cluster.topology->write_consistency, act_written);
}

static void group_written(struct core *core, struct op *op)
{
    const struct create *create = op->request;
    enum columba_error error = op->status.error;
    members_cache_drop(&core->members, &create->conversation);
    op_reply_status(core, op);
    uint32_t known = op->load->count + create->member_count;
    if (error == COLUMBA_OK && known > core->config.fanout_members_max / 2) {
        members_load(core, op, &create->conversation, core->cluster.topology->read_consistency,
                     size_read);
        return;
    }
    op_end(core, op);
}

/* False: no memory. */
static bool creation_make(struct core *core, struct op *op, struct creation *out_creation)
{
    const struct create *create = op->request;
    const struct members_load *load = op->load;
    uint8_t *buffer = effects_allocate(&core->effects, creation_bytes(create));
    if (buffer == NULL) {
        return false;
    }
    uint32_t count = load->count + new_members(create, load);
    struct creation creation = {.stamp = creation_stamp(core, load),
                                .created_at_ms = create->created_at_ms == 0 ? core->unix_ms
                                                                            : create->created_at_ms,
                                .packed = writer_of(buffer, creation_bytes(create)),
                                .kind = creation_kind(core, create, load, count),
                                .is_new = !load->found};
    creation.is_channel = load->is_channel || creation.kind == KIND_BROADCAST ||
                          count > core->config.fanout_members_max;
    creation.becomes_channel = creation.is_channel && load->channel_since == 0;
    creation_conversation_row(create, &creation);
    for (uint32_t i = 0; i < create->member_count; i++) {
        if (member_is_new(load, &create->members[i].user)) {
            creation_member_row(&creation, &create->members[i]);
        }
    }
    COLUMBA_ASSERT(!creation.packed.failed);
    *out_creation = creation;
    return true;
}

static void existing_read(struct core *core, struct op *op)
{
    struct creation creation;
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    if (op->load->found && new_members(op->request, op->load) == 0) {
        op_finish(core, op); /* all of it is there: nothing changes */
        return;
    }
    if (!creation_make(core, op, &creation)) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    act_write(core, op, &creation, level_for_writing(core, op),
              creation.is_channel ? act_written : group_written);
}

static const char *create_problem(const struct message_conversation_create *request)
{
    if (name_problem(request->name) != NULL) {
        return "the conversation's name " NAME_RULE;
    }
    if (request->member_count > WRITE_MAX_ROWS - 1) {
        return "more than 999 members in one request: create with the first, then add the others";
    }
    if (request->kind > KIND_BROADCAST) {
        return "the kind is 1 direct, 2 group or 3 broadcast";
    }
    for (uint32_t i = 0; i < request->member_count; i++) {
        if (name_problem(request->members[i].name) != NULL) {
            return "a member's name " NAME_RULE;
        }
    }
    return NULL;
}

static int member_compare(const void *a, const void *b)
{
    return id_compare(&((const struct new_member *)a)->user, &((const struct new_member *)b)->user);
}

/* Whoever is named twice is one member. */
static void members_sort(struct create *create)
{
    sort_heap(create->members, create->member_count, sizeof(*create->members), member_compare);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < create->member_count; i++) {
        bool is_known =
            kept > 0 && id_equal(&create->members[kept - 1].user, &create->members[i].user);
        if (!is_known) {
            create->members[kept++] = create->members[i];
        }
    }
    create->member_count = kept;
}

/* Waits for a read, so its names move into the operation's arena. */
static bool create_keep(struct op *op, const struct message_conversation_create *request)
{
    COLUMBA_ASSERT(request->member_count < WRITE_MAX_ROWS);
    struct create *create = op->request;
    create->conversation = id_of_name(ID_CONVERSATION, request->name);
    create->kind = request->kind;
    create->created_at_ms = request->created_at_ms;
    create->member_count = request->member_count;
    create->members =
        arena_allocate_array(&op->arena, request->member_count + 1, sizeof(*create->members));
    bool ok = create->members != NULL && op_keep(op, request->name, &create->name);
    for (uint32_t i = 0; ok && i < request->member_count; i++) {
        struct new_member *member = &create->members[i];
        member->user = id_of_name(ID_USER, request->members[i].name);
        ok = op_keep(op, request->members[i].name, &member->name);
    }
    if (ok) {
        members_sort(create);
    }
    return ok;
}

void request_conversation_create(struct core *core, const struct event *event)
{
    const struct message_conversation_create *request =
        &event->request.message->conversation_create;
    const char *problem = create_problem(request);
    if (problem != NULL) {
        request_reject(core, event, ERR_INVALID, problem);
        return;
    }
    struct op *op = request_begin(core, event, request->consistency, sizeof(struct create));
    if (op == NULL) {
        return;
    }
    if (!create_keep(op, request)) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    const struct create *create = op->request;
    members_load(core, op, &create->conversation, level_for_loading(core, op), existing_read);
}
