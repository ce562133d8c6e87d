/*
 * MEMBERS_READ: a page of a conversation's members, with what they have read.
 */
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/members.h"
#include "node/core/coordinator/read.h"
#include "node/core/request/begin.h"
#include "node/core/request/page.h"
#include "node/core/request/table.h"
#include "node/core/state.h"

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

void request_members_read(struct core *core, const struct event *event)
{
    const struct message_members_read *request = &event->request.message->members_read;
    struct op *op = request_begin(core, event, request->consistency, 0);
    if (op == NULL) {
        return;
    }
    uint8_t begin[ID_BYTES + 1];
    struct message_read query = {.table = TABLE_MEMBER,
                                 .limit_rows = page_limit(request->limit, PAGE_MAX_ROWS),
                                 .limit_bytes = PAGE_MAX_BYTES};
    page_begin_after(&query, &request->after, begin);
    struct partition partition = partition_conversation(&core->cluster, &request->conversation);
    read_start(core, op, &partition, &query, level_for_reading(core, op), members_read);
}
