/*
 * CONVERSATION_CREATE: makes a conversation, or adds members to one: reads what is there, and
 * writes what is missing.
 */
#include "base/bytes.h"
#include "base/name.h"
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/members.h"
#include "node/core/coordinator/write.h"
#include "node/core/machine/answer.h"
#include "node/core/request/begin.h"
#include "node/core/request/table.h"
#include "node/core/state.h"

struct create {
    struct id conversation;
    struct message_conversation_create request; /* its own copy */
};

/* The page's members are ascending, as they lie in the store. */
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

struct creation {
    const struct message_conversation_create *request;
    uint64_t stamp;
    uint64_t created_at_ms;
    struct writer packed;
    uint32_t new_members;
    bool is_new;
};

static uint8_t creation_kind(const struct core *core,
                             const struct message_conversation_create *request)
{
    if (request->kind != 0) {
        return (uint8_t)request->kind;
    }
    if (request->member_count > core->config.fanout_members_max) {
        return KIND_BROADCAST;
    }
    return request->member_count <= 2 ? KIND_DIRECT : KIND_GROUP;
}

static void creation_conversation_row(const struct core *core, struct creation *creation)
{
    uint8_t buffer[256 + NAME_MAX_BYTES];
    uint8_t created_at[8];
    uint8_t version[8];
    uint8_t kind = creation_kind(core, creation->request);
    bytes_put_u64_be(created_at, creation->created_at_ms);
    bytes_put_u64_be(version, creation->stamp);
    struct row_writer row;
    row_writer_init(&row, buffer, sizeof(buffer));
    if (creation->is_new) {
        row_writer_cell(&row, &(struct cell){.column = COLUMN_CONVERSATION_KIND,
                                             .timestamp = creation->stamp,
                                             .value = slice_of(&kind, 1)});
        row_writer_cell(&row, &(struct cell){.column = COLUMN_CONVERSATION_NAME,
                                             .timestamp = creation->stamp,
                                             .value = creation->request->name});
        row_writer_cell(&row, &(struct cell){.column = COLUMN_CONVERSATION_CREATED_AT,
                                             .timestamp = creation->stamp,
                                             .value = slice_of(created_at, 8)});
    }
    row_writer_cell(&row, &(struct cell){.column = COLUMN_CONVERSATION_MEMBERSHIP_VERSION,
                                         .value = slice_of(version, 8)});
    packed_row_write(&creation->packed, &(struct packed_row){.table = TABLE_CONVERSATION,
                                                             .row = row_writer_done(&row)});
}

static void creation_member_row(struct creation *creation, const struct id *user, struct slice name)
{
    uint8_t buffer[256 + NAME_MAX_BYTES];
    uint8_t joined_at[8];
    uint8_t role = 1;
    bytes_put_u64_be(joined_at, creation->created_at_ms);
    struct row_writer row;
    row_writer_init(&row, buffer, sizeof(buffer));
    row_writer_cell(
        &row,
        &(struct cell){.column = COLUMN_MEMBER_NAME, .timestamp = creation->stamp, .value = name});
    row_writer_cell(&row, &(struct cell){.column = COLUMN_MEMBER_ROLE,
                                         .timestamp = creation->stamp,
                                         .value = slice_of(&role, 1)});
    row_writer_cell(&row, &(struct cell){.column = COLUMN_MEMBER_JOINED_AT,
                                         .timestamp = creation->stamp,
                                         .value = slice_of(joined_at, 8)});
    packed_row_write(&creation->packed,
                     &(struct packed_row){.table = TABLE_MEMBER,
                                          .clustering = slice_of(user->bytes, ID_BYTES),
                                          .row = row_writer_done(&row)});
    creation->new_members++;
}

static size_t creation_bytes(const struct message_conversation_create *request)
{
    size_t size = 512 + request->name.size;
    for (uint32_t i = 0; i < request->member_count; i++) {
        size += 128 + request->members[i].name.size;
    }
    return size;
}

static void create_written(struct core *core, struct op *op)
{
    const struct create *create = op->request;
    members_cache_drop(&core->members, &create->conversation);
    op_finish(core, op);
}

static void creation_member_rows(struct creation *creation, const struct members_load *load)
{
    for (uint32_t i = 0; i < creation->request->member_count; i++) {
        struct slice name = creation->request->members[i].name;
        struct id user = id_of_name(ID_USER, name);
        if (member_is_new(load, &user)) {
            creation_member_row(creation, &user, name);
        }
    }
}

/* A change of membership is a later version than the one it was made on, whatever the clock says.
 */
static uint64_t creation_stamp(struct core *core, const struct members_load *load)
{
    uint64_t stamp = hlc_next(&core->hlc, core->unix_ms);
    return stamp > load->version ? stamp : load->version + 1;
}

static void create_existing_read(struct core *core, struct op *op)
{
    const struct create *create = op->request;
    const struct members_load *load = op->load;
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    size_t size = creation_bytes(&create->request);
    uint8_t *buffer = effects_allocate(&core->effects, size);
    if (buffer == NULL) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    struct creation creation = {.request = &create->request,
                                .stamp = creation_stamp(core, load),
                                .created_at_ms = create->request.created_at_ms == 0
                                                     ? core->unix_ms
                                                     : create->request.created_at_ms,
                                .packed = writer_of(buffer, size),
                                .is_new = !load->found};
    creation_conversation_row(core, &creation);
    creation_member_rows(&creation, load);
    if (!creation.is_new && creation.new_members == 0) {
        op_finish(core, op); /* all of it is there: nothing changes */
        return;
    }
    struct message_write write = {.packed = writer_done(&creation.packed)};
    struct partition partition = partition_conversation(&core->cluster, &create->conversation);
    write_start(core, op, &partition, &write, level_for_writing(core, op), create_written);
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

/* Waits for a read, so its names move into the operation's arena. */
static bool create_keep(struct op *op, const struct message_conversation_create *request)
{
    struct create *create = op->request;
    struct message_member *members =
        arena_allocate_array(&op->arena, request->member_count + 1, sizeof(*members));
    if (members == NULL) {
        return false;
    }
    create->request = *request;
    create->request.members = members;
    bool ok = op_keep(op, request->name, &create->request.name);
    for (uint32_t i = 0; ok && i < request->member_count; i++) {
        ok = op_keep(op, request->members[i].name, &members[i].name);
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
    struct create *create = op->request;
    create->conversation = id_of_name(ID_CONVERSATION, request->name);
    if (!create_keep(op, request)) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    members_load(core, op, &create->conversation, level_for_loading(core, op),
                 create_existing_read);
}
