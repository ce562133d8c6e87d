#include "node/core/coordinator/members.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "node/core/coordinator/read.h"
#include "node/core/state.h"

static uint64_t cell_u64(const struct cell *cell)
{
    return cell->value.size == 8 ? bytes_get_u64_be(cell->value.data) : 0;
}

bool member_is_in(struct slice row)
{
    struct cell cell;
    return !row_find(row, COLUMN_MEMBER_LEFT_AT, &cell) || cell_u64(&cell) == 0;
}

static void conversation_row_take(struct op *op, struct slice row)
{
    struct members_load *load = op->load;
    struct row_reader reader;
    struct cell cell;
    load->found = row_reader_init(&reader, row);
    while (row_reader_next(&reader, &cell)) {
        switch (cell.column) {
        case COLUMN_CONVERSATION_KIND:
            load->kind = cell.value.size == 1 ? cell.value.data[0] : 0;
            break;
        case COLUMN_CONVERSATION_NAME:
            load->found = load->found && op_keep(op, cell.value, &load->name);
            break;
        case COLUMN_CONVERSATION_CREATED_AT:
            load->created_at_ms = cell_u64(&cell);
            break;
        case COLUMN_CONVERSATION_MEMBERSHIP_VERSION:
            load->version = cell_u64(&cell);
            break;
        case COLUMN_CONVERSATION_CHANNEL_SINCE:
            load->channel_since = cell_u64(&cell);
            break;
        default:
            break;
        }
    }
}

/* Room for the page: most conversations are small, and have one. False: no memory. */
static bool users_make_room(struct op *op)
{
    struct members_load *load = op->load;
    if (load->users != NULL) {
        return true;
    }
    uint32_t most = op->read->more ? load->users_max : op->read->row_count;
    COLUMBA_ASSERT(load->count == 0);
    load->users = arena_allocate_array(&op->arena, most + 1, sizeof(struct id));
    return load->users != NULL;
}

/* An act stamps what it writes with its version. */
static bool member_is_chosen(const struct members_load *load, struct slice row)
{
    const struct members_choice *choice = &load->choice;
    struct cell cell;
    uint64_t act = row_find(row, COLUMN_MEMBER_JOINED_AT, &cell) ? cell.timestamp : 0;
    bool is_of_act =
        choice->only == 0 || choice->only == load->channel_since || choice->only == act;
    return is_of_act && (choice->before == 0 || act < choice->before);
}

/* False: no memory. */
static bool page_take(struct op *op)
{
    struct members_load *load = op->load;
    struct packed_reader reader;
    struct packed_row row;
    if (!users_make_room(op)) {
        return false;
    }
    packed_reader_init(&reader, op->read->packed);
    while (packed_reader_next(&reader, &row) && load->count < load->users_max) {
        if (row.table == TABLE_CONVERSATION) {
            conversation_row_take(op, row.row);
        } else if (row.clustering.size == ID_BYTES && member_is_in(row.row) &&
                   member_is_chosen(load, row.row)) {
            memcpy(load->users[load->count++].bytes, row.clustering.data, ID_BYTES);
        }
    }
    return true;
}

static void load_finish(struct core *core, struct op *op)
{
    struct members_load *load = op->load;
    COLUMBA_ASSERT(load->count <= load->users_max);
    bool is_choice = load->choice.only != 0 || load->choice.before != 0;
    load->is_channel = load->kind == KIND_BROADCAST || load->channel_since != 0 ||
                       load->count > core->config.fanout_members_max;
    if (is_choice) {
        /* Not what the conversation has. */
    } else if (!load->found) {
        members_cache_drop(&core->members, &load->conversation);
    } else {
        /* Without memory it is only not cached. */
        members_cache_put(&core->members, &load->conversation, load->version, load->is_channel,
                          load->users, load->is_channel ? 0 : load->count);
    }
    load->next(core, op);
}

static void page_read(struct core *core, struct op *op);

static void page_ask(struct core *core, struct op *op, const struct packed_row *last)
{
    struct members_load *load = op->load;
    uint8_t begin[ID_BYTES + 1] = {0};
    struct message_read query = {.table = TABLE_CONVERSATION,
                                 .table_last = TABLE_MEMBER,
                                 .limit_rows = PAGE_MAX_ROWS,
                                 .limit_bytes = PAGE_MAX_BYTES};
    if (last != NULL && last->table == TABLE_MEMBER && last->clustering.size == ID_BYTES) {
        memcpy(begin, last->clustering.data, ID_BYTES); /* and a zero: the first key behind it */
        query.table = TABLE_MEMBER;
        query.table_last = 0;
        query.begin = slice_of(begin, sizeof(begin));
    }
    struct partition partition = partition_conversation(&core->cluster, &load->conversation);
    read_start(core, op, &partition, &query, load->level, page_read);
}

/* The page's last row; false: it has none. */
static bool page_last(const struct op *op, struct packed_row *out_last)
{
    struct packed_reader reader;
    bool any = false;
    packed_reader_init(&reader, op->read->packed);
    while (packed_reader_next(&reader, out_last)) {
        any = true;
    }
    return any;
}

static void page_read(struct core *core, struct op *op)
{
    struct members_load *load = op->load;
    struct packed_row last;
    if (op->status.error == COLUMBA_OK && !page_take(op)) {
        op->status.error = ERR_NO_MEMORY;
    }
    if (op->status.error != COLUMBA_OK) {
        load->next(core, op);
        return;
    }
    bool goes_on = op->read->more && load->count < load->users_max && page_last(op, &last) &&
                   last.table == TABLE_MEMBER;
    if (goes_on) {
        page_ask(core, op, &last);
    } else {
        load_finish(core, op);
    }
}

static void load_begin(struct core *core, struct op *op, const struct members_load *how)
{
    op->load = op_allocate(op, sizeof(*op->load));
    if (op->load == NULL) {
        op->status = (struct message_status){.error = ERR_NO_MEMORY};
        how->next(core, op);
        return;
    }
    *op->load = *how;
    page_ask(core, op, NULL);
}

void members_load(struct core *core, struct op *op, const struct id *conversation,
                  enum consistency level, op_next *next)
{
    /* One more than a group may have is enough to know that it is a channel. */
    struct members_load how = {.conversation = *conversation,
                               .level = level,
                               .next = next,
                               .users_max = core->config.fanout_members_max + 1};
    load_begin(core, op, &how);
}

void members_choose(struct core *core, struct op *op, const struct id *conversation,
                    const struct members_choice *choice, op_next *next)
{
    struct members_load how = {.conversation = *conversation,
                               .level = core->cluster.topology->read_consistency,
                               .next = next,
                               .choice = *choice,
                               .users_max = FANOUT_MEMBERS_MAX};
    load_begin(core, op, &how);
}
