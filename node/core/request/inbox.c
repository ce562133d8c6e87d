/*
 * INBOX_READ: a page of a user's inbox, newest first. The user's log is folded first.
 */
#include "node/core/coordinator/levels.h"
#include "node/core/coordinator/read_activity.h"
#include "node/core/machine/answer.h"
#include "node/core/request/begin.h"
#include "node/core/request/page.h"
#include "node/core/request/table.h"
#include "node/core/state.h"
#include "node/store/row.h"

/* What is asked for when no limit is said. */
#define INBOX_ROWS_DEFAULT 100u

static bool inbox_row(const struct packed_row *packed, void *out_row)
{
    struct message_inbox_row row = {.has_unread = true};
    struct slice unread = {0}, deleted = {0};
    struct row_reader reader;
    struct cell cell;
    if (packed->clustering.size != ID_BYTES || !row_reader_init(&reader, packed->row)) {
        return false;
    }
    id_from_slice(packed->clustering, &row.conversation);
    while (row_reader_next(&reader, &cell)) {
        switch (cell.column) {
        case COLUMN_INBOX_LAST:
            id_from_slice(cell.value, &row.last);
            break;
        case COLUMN_INBOX_MARKER:
            id_from_slice(cell.value, &row.marker);
            break;
        case COLUMN_INBOX_FLOOR:
            row.unread_is_at_least = true;
            break;
        case COLUMN_INBOX_UNREAD:
            unread = cell.value;
            break;
        case COLUMN_INBOX_DELETED:
            deleted = cell.value;
            break;
        case COLUMN_INBOX_FLAGS:
            row.has_unread = cell.value.size != 1 || (cell.value.data[0] & INBOX_FLAG_CHANNEL) == 0;
            break;
        default:
            break;
        }
    }
    row.unread = inbox_unread_count(unread, deleted);
    *(struct message_inbox_row *)out_row = row;
    /* A marker without a message: read before anything arrived here. A channel's messages bring no
     * event. */
    return !id_is_zero(&row.last) || !row.has_unread;
}

static void inbox_page_read(struct core *core, struct op *op)
{
    struct page page;
    if (page_make(core, op, MESSAGE_INBOX, sizeof(struct message_inbox_row), inbox_row, &page)) {
        page.message->inbox = (struct message_inbox){
            .rows = page.rows, .row_count = page.row_count, .more = page.more};
        page_reply(core, op, &page);
    }
}

void request_inbox_read(struct core *core, const struct event *event)
{
    const struct message_inbox_read *request = &event->request.message->inbox_read;
    struct op *op = request_begin(core, event, request->consistency, 0);
    if (op == NULL) {
        return;
    }
    struct activity_place after = activity_place_of(&request->after_last, &request->after);
    struct activity_query query = {.partition = partition_user(&core->cluster, &request->user),
                                   .after = id_is_zero(&request->after) ? NULL : &after,
                                   .limit_rows = page_limit(request->limit, INBOX_ROWS_DEFAULT),
                                   .level = level_for_reading(core, op)};
    activity_read_start(core, op, &query, inbox_page_read);
}
