#include "node/core/conversation.h"

#include "base/bytes.h"
#include "base/name.h"
#include "node/core/page.h"
#include "node/core/read.h"
#include "node/core/request.h"
#include "node/core/state.h"
#include "node/core/write.h"
#include "node/store/key.h"
#include "node/store/row.h"

#define KIND_BROADCAST 3u

struct loaded {
    bool found;
    bool is_channel;
    uint64_t version;
    uint64_t created_at_ms;
    uint32_t kind;
    struct slice name;
    struct id *members;
    uint32_t member_count;
};

static uint64_t cell_u64(const struct cell *cell)
{
    return cell->value.size == 8 ? bytes_get_u64_be(cell->value.data) : 0;
}

static void loaded_conversation(struct loaded *loaded, struct slice row)
{
    struct row_reader reader;
    struct cell cell;
    loaded->found = row_reader_init(&reader, row);
    while (row_reader_next(&reader, &cell)) {
        switch (cell.column) {
        case COLUMN_CONVERSATION_KIND:
            loaded->kind = cell.value.size == 1 ? cell.value.data[0] : 0;
            break;
        case COLUMN_CONVERSATION_NAME:
            loaded->name = cell.value;
            break;
        case COLUMN_CONVERSATION_CREATED_AT:
            loaded->created_at_ms = cell_u64(&cell);
            break;
        case COLUMN_CONVERSATION_MEMBERSHIP_VERSION:
            loaded->version = cell_u64(&cell);
            break;
        default:
            break;
        }
    }
}

static bool member_is_in(struct slice row)
{
    struct cell cell;
    return !row_find(row, COLUMN_MEMBER_LEFT_AT, &cell) || cell_u64(&cell) == 0;
}

/* The page read by conversation_query, taken apart. False: no memory. */
static bool loaded_from_page(const struct core *core, struct op *op, struct loaded *out_loaded)
{
    struct loaded loaded = {.is_channel = op->read.more};
    loaded.members =
        arena_allocate_array(&op->arena, core->config.fanout_members_max + 2, sizeof(struct id));
    if (loaded.members == NULL) {
        return false;
    }
    struct packed_reader reader;
    struct packed_row row;
    packed_reader_init(&reader, op->read.packed);
    while (packed_reader_next(&reader, &row)) {
        if (row.table == TABLE_CONVERSATION) {
            loaded_conversation(&loaded, row.row);
        } else if (row.clustering.size == ID_BYTES && member_is_in(row.row)) {
            memcpy(loaded.members[loaded.member_count++].bytes, row.clustering.data, ID_BYTES);
        }
    }
    loaded.is_channel = loaded.is_channel || loaded.kind == KIND_BROADCAST ||
                        loaded.member_count > core->config.fanout_members_max;
    *out_loaded = loaded;
    return true;
}

/* The conversation's row and one member more than is fanned out to. */
static struct message_read conversation_query(const struct core *core, const struct id *id)
{
    return (struct message_read){.partition_kind = PARTITION_CONVERSATION,
                                 .partition = *id,
                                 .table = TABLE_CONVERSATION,
                                 .table_last = TABLE_MEMBER,
                                 .limit_rows = core->config.fanout_members_max + 2,
                                 .limit_bytes = PAGE_MAX_BYTES};
}

static void load_done(struct core *core, struct op *op)
{
    struct loaded loaded;
    if (op->status.error == COLUMBA_OK && !loaded_from_page(core, op, &loaded)) {
        op->status.error = ERR_NO_MEMORY;
    }
    if (op->status.error == COLUMBA_OK && !loaded.found) {
        conversation_cache_drop(&core->conversations, &op->conversation);
        op->status = (struct message_status){.error = ERR_UNKNOWN_CONVERSATION};
    }
    if (op->status.error == COLUMBA_OK) {
        op->membership_version = loaded.version;
        if (conversation_cache_put(&core->conversations, &op->conversation, loaded.version,
                                   loaded.is_channel, loaded.members,
                                   loaded.is_channel ? 0 : loaded.member_count) == NULL) {
            op->status.error = ERR_NO_MEMORY;
        }
    }
    op->admitted(core, op);
}

void conversation_load(struct core *core, struct op *op, enum consistency level,
                       void (*next)(struct core *core, struct op *op))
{
    op->admitted = next;
    struct message_read query = conversation_query(core, &op->conversation);
    read_start(core, op, &query, level, load_done);
}

static void channel_member_check(struct core *core, struct op *op, enum consistency level);

static void channel_member_read(struct core *core, struct op *op)
{
    if (op->status.error == COLUMBA_OK && op->read.row_count == 0) {
        if (!op->member_confirms) {
            /* At ONE a replica that is behind may deny what a quorum knows. */
            channel_member_check(core, op, core->topology->read_consistency);
            return;
        }
        op->status = (struct message_status){.error = ERR_NOT_A_MEMBER};
    }
    op->admitted(core, op);
}

/* A channel's members are not cached: look for this one. */
static void channel_member_check(struct core *core, struct op *op, enum consistency level)
{
    op->member_confirms = level == core->topology->read_consistency;
    uint8_t end[ID_BYTES + 1] = {0};
    memcpy(end, op->user.bytes, ID_BYTES);
    struct message_read query = {.partition_kind = PARTITION_CONVERSATION,
                                 .partition = op->conversation,
                                 .table = TABLE_MEMBER,
                                 .begin = slice_of(op->user.bytes, ID_BYTES),
                                 .end = slice_of(end, sizeof(end)),
                                 .limit_rows = 1,
                                 .limit_bytes = ROW_MAX_BYTES};
    read_start(core, op, &query, level, channel_member_read);
}

static void admit_decide(struct core *core, struct op *op, const struct conversation *conversation)
{
    op->membership_version = conversation->version;
    op->is_channel = conversation->is_channel;
    op->status = (struct message_status){.error = COLUMBA_OK};
    if (op->any_user || conversation_has_member(conversation, &op->user)) {
        op->admitted(core, op);
        return;
    }
    if (conversation->is_channel) {
        channel_member_check(core, op, request_load_level(core, op));
        return;
    }
    op->status.error = ERR_NOT_A_MEMBER;
    op->admitted(core, op);
}

static bool load_denies(const struct op *op, const struct conversation *conversation)
{
    if (conversation == NULL) {
        return op->status.error == ERR_UNKNOWN_CONVERSATION;
    }
    return !op->any_user && !conversation->is_channel &&
           !conversation_has_member(conversation, &op->user);
}

static void admit_loaded(struct core *core, struct op *op)
{
    const struct conversation *conversation =
        op->status.error == COLUMBA_OK
            ? conversation_cache_get(&core->conversations, &op->conversation)
            : NULL;
    if (!op->load_confirms && load_denies(op, conversation)) {
        /* At ONE a replica that is behind may deny what a quorum knows. */
        op->load_confirms = true;
        conversation_load(core, op, core->topology->read_consistency, admit_loaded);
        return;
    }
    op->admitted = op->after_admission;
    if (conversation == NULL) {
        op->admitted(core, op);
        return;
    }
    admit_decide(core, op, conversation);
}

bool conversation_is_admitted(struct core *core, const struct op *op)
{
    const struct conversation *conversation =
        conversation_cache_get(&core->conversations, &op->conversation);
    return conversation != NULL && !conversation->is_channel &&
           conversation_has_member(conversation, &op->user);
}

void conversation_admit(struct core *core, struct op *op, bool any_user,
                        void (*next)(struct core *core, struct op *op))
{
    op->any_user = any_user;
    op->admitted = next;
    op->after_admission = next;
    const struct conversation *conversation =
        conversation_cache_get(&core->conversations, &op->conversation);
    bool is_known = conversation != NULL && (any_user || conversation->is_channel ||
                                             conversation_has_member(conversation, &op->user));
    if (is_known) {
        admit_decide(core, op, conversation);
        return;
    }
    enum consistency level = request_load_level(core, op);
    op->load_confirms = level == core->topology->read_consistency;
#ifdef COLUMBA_BUG_denial_at_one
    op->load_confirms = true;
#endif
    conversation_load(core, op, level, admit_loaded);
}

/* Making one: read what is there, write what is missing. */

/* The page's members are ascending, as they lie in the store. */
static bool member_is_new(const struct loaded *loaded, const struct id *user)
{
    uint32_t low = 0;
    uint32_t high = loaded->member_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (id_compare(&loaded->members[middle], user) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == loaded->member_count || !id_equal(&loaded->members[low], user);
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
    return request->member_count <= 2 ? 1 : 2;
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
    conversation_cache_drop(&core->conversations, &op->conversation);
    op_finish(core, op);
}

/* A change of membership is a later version than the one it was made on, whatever the clock says.
 */
static uint64_t creation_stamp(struct core *core, const struct loaded *loaded)
{
    uint64_t stamp = hlc_next(&core->hlc, core->unix_ms);
    return stamp > loaded->version ? stamp : loaded->version + 1;
}

static void create_existing_read(struct core *core, struct op *op)
{
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    const struct message_conversation_create *request = op->request;
    struct loaded loaded;
    size_t size = creation_bytes(request);
    uint8_t *buffer = effects_allocate(&core->effects, size);
    if (buffer == NULL || !loaded_from_page(core, op, &loaded)) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    struct creation creation = {
        .request = request,
        .stamp = creation_stamp(core, &loaded),
        .created_at_ms = request->created_at_ms == 0 ? core->unix_ms : request->created_at_ms,
        .packed = writer_of(buffer, size),
        .is_new = !loaded.found};
    creation_conversation_row(core, &creation);
    for (uint32_t i = 0; i < request->member_count; i++) {
        struct id user = id_of_name(ID_USER, request->members[i].name);
        if (member_is_new(&loaded, &user)) {
            creation_member_row(&creation, &user, request->members[i].name);
        }
    }
    if (!creation.is_new && creation.new_members == 0) {
        op_finish(core, op); /* all of it is there: nothing changes */
        return;
    }
    struct message_write write = {.topology_version = core->topology->version,
                                  .partition_kind = PARTITION_CONVERSATION,
                                  .partition = op->conversation,
                                  .packed = writer_done(&creation.packed)};
    write_start(core, op, &write, request_write_level(core, op), create_written);
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
    struct message_conversation_create *kept = arena_allocate(&op->arena, sizeof(*kept));
    struct message_member *members =
        arena_allocate_array(&op->arena, request->member_count, sizeof(*members));
    if (kept == NULL || members == NULL) {
        return false;
    }
    *kept = *request;
    kept->members = members;
    bool ok = op_keep(op, request->name, &kept->name);
    for (uint32_t i = 0; ok && i < request->member_count; i++) {
        ok = op_keep(op, request->members[i].name, &members[i].name);
    }
    op->request = kept;
    return ok;
}

void conversation_create(struct core *core, const struct event *event)
{
    const struct message_conversation_create *request =
        &event->request.message->conversation_create;
    const char *problem = create_problem(request);
    if (problem != NULL) {
        core_refuse(core, event->request.connection, event->request.request_id, ERR_INVALID,
                    problem);
        return;
    }
    struct op *op = request_begin(core, event, request->consistency);
    if (op == NULL) {
        return;
    }
    op->conversation = id_of_name(ID_CONVERSATION, request->name);
    if (!create_keep(op, request)) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    struct message_read query = conversation_query(core, &op->conversation);
    read_start(core, op, &query, request_load_level(core, op), create_existing_read);
}

static void get_read(struct core *core, struct op *op)
{
    struct loaded loaded;
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return;
    }
    if (!loaded_from_page(core, op, &loaded)) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return;
    }
    if (!loaded.found) {
        op_refuse(core, op, ERR_UNKNOWN_CONVERSATION, NULL);
        return;
    }
    struct message *message = effects_message(&core->effects, MESSAGE_CONVERSATION);
    if (message != NULL) {
        message->conversation = (struct message_conversation){.conversation = op->conversation,
                                                              .name = loaded.name,
                                                              .kind = loaded.kind,
                                                              .created_at_ms = loaded.created_at_ms,
                                                              .membership_version = loaded.version,
                                                              .is_channel = loaded.is_channel};
    }
    op_reply(core, op, message);
    op_end(core, op);
}

void conversation_get(struct core *core, const struct event *event)
{
    const struct message_conversation_get *request = &event->request.message->conversation_get;
    struct op *op = request_begin(core, event, request->consistency);
    if (op == NULL) {
        return;
    }
    op->conversation = request->conversation;
    struct message_read query = conversation_query(core, &op->conversation);
    read_start(core, op, &query, request_read_level(core, op), get_read);
}

static bool member_row(const struct packed_row *packed, void *out_row)
{
    struct message_member_row row = {.name = slice_of(NULL, 0)};
    struct row_reader reader;
    struct cell cell;
    if (packed->clustering.size != ID_BYTES || !member_is_in(packed->row) ||
        !row_reader_init(&reader, packed->row)) {
        return false;
    }
    id_from_slice(packed->clustering, &row.user);
    while (row_reader_next(&reader, &cell)) {
        if (cell.column == COLUMN_MEMBER_NAME) {
            row.name = cell.value;
        } else if (cell.column == COLUMN_MEMBER_DELIVERED_UP_TO) {
            id_from_slice(cell.value, &row.delivered_up_to);
        } else if (cell.column == COLUMN_MEMBER_READ_UP_TO) {
            id_from_slice(cell.value, &row.read_up_to);
        }
    }
    *(struct message_member_row *)out_row = row;
    return true;
}

static void members_read(struct core *core, struct op *op)
{
    struct page page;
    if (page_make(core, op, MESSAGE_MEMBERS, sizeof(struct message_member_row), member_row,
                  &page)) {
        page.message->members = (struct message_members){
            .rows = page.rows, .row_count = page.row_count, .more = page.more};
        page_reply(core, op, &page);
    }
}

void conversation_members(struct core *core, const struct event *event)
{
    const struct message_members_read *request = &event->request.message->members_read;
    struct op *op = request_begin(core, event, request->consistency);
    if (op == NULL) {
        return;
    }
    op->conversation = request->conversation;
    uint8_t begin[ID_BYTES + 1];
    struct message_read query = {.partition_kind = PARTITION_CONVERSATION,
                                 .partition = request->conversation,
                                 .table = TABLE_MEMBER,
                                 .limit_rows = page_limit(request->limit, PAGE_MAX_ROWS),
                                 .limit_bytes = PAGE_MAX_BYTES};
    page_begin_after(&query, &request->after, begin);
    read_start(core, op, &query, request_read_level(core, op), members_read);
}
