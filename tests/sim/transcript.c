#include "tests/sim/transcript.h"

#include "node/store/schema.h"
#include "ring/consistency.h"
#include "ring/token.h"

#define SHORT_ID_BYTES 4u

static void print_id(FILE *out, const struct id *id)
{
    if (id_is_zero(id)) {
        fprintf(out, " -");
        return;
    }
    /* The last bytes of a message id tell apart what was made in the same millisecond. */
    fprintf(out, " ");
    for (unsigned i = ID_BYTES - SHORT_ID_BYTES; i < ID_BYTES; i++) {
        fprintf(out, "%02x", id->bytes[i]);
    }
}

static void print_level(FILE *out, uint32_t level)
{
    fprintf(out, ", %s", level == 0 ? "default level" : consistency_name((enum consistency)level));
}

static void print_error(FILE *out, enum columba_error error, struct slice text)
{
    fprintf(out, " %s", error_name(error));
    if (text.size > 0) {
        fprintf(out, " \"%.*s\"", (int)text.size, (const char *)text.data);
    }
}

static const char *partition_name(uint32_t kind)
{
    return kind == PARTITION_CONVERSATION ? "conversation" : "user";
}

static const char *table_name(uint32_t table)
{
    switch (table) {
#define X(name, number, clustering)                                                                \
    case number:                                                                                   \
        return #name;
        SCHEMA_TABLES(X)
#undef X
    default:
        return "?";
    }
}

static void print_status(FILE *out, const struct message_status *status)
{
    print_error(out, status->error, status->text);
    if (status->needed > 0) {
        fprintf(out, ", needed %u, received %u", status->needed, status->received);
    }
    if (status->outcome_unknown) {
        fprintf(out, ", outcome unknown");
    }
    if (status->differing > 0) {
        fprintf(out, ", %u differ", status->differing);
    }
}

static void print_send(FILE *out, const struct message_send *send)
{
    print_id(out, &send->message);
    fprintf(out, " in");
    print_id(out, &send->conversation);
    fprintf(out, ", %zu B", send->content.size);
    print_level(out, send->consistency);
}

static void print_change(FILE *out, const struct message_change *change)
{
    print_id(out, &change->change);
    static const char *const kinds[] = {"?", "edit", "delete", "react to", "column of"};
    fprintf(out, ": %s", kinds[change->kind < sizeof kinds / sizeof kinds[0] ? change->kind : 0]);
    print_id(out, &change->message);
    fprintf(out, " in");
    print_id(out, &change->conversation);
    fprintf(out, ", %zu B", change->content.size);
    print_level(out, change->consistency);
}

static void print_history(FILE *out, const struct message_history *history)
{
    fprintf(out, " %u rows%s:", history->row_count, history->more ? " and more" : "");
    for (uint32_t i = 0; i < history->row_count; i++) {
        const struct message_history_row *row = &history->rows[i];
        print_id(out, &row->message);
        if (row->edit_number > 0) {
            fprintf(out, " edited %llu", (unsigned long long)row->edit_number);
        }
        fprintf(out, "%s", row->is_deleted ? " deleted" : "");
        fprintf(out, "%s", row->is_undecided ? " undecided" : "");
        if (row->marks.size > 0) {
            fprintf(out, " with %zu B of marks", row->marks.size);
        }
    }
}

static void print_inbox(FILE *out, const struct message_inbox *inbox)
{
    fprintf(out, " %u rows%s", inbox->row_count, inbox->more ? " and more" : "");
    for (uint32_t i = 0; i < inbox->row_count; i++) {
        const struct message_inbox_row *row = &inbox->rows[i];
        fprintf(out, "; in");
        print_id(out, &row->conversation);
        fprintf(out, " last");
        print_id(out, &row->last);
        fprintf(out, " marker");
        print_id(out, &row->marker);
        fprintf(out, " unread %u", row->unread);
    }
}

static void print_write(FILE *out, const struct message_write *write)
{
    fprintf(out, " %s", partition_name(write->partition_kind));
    print_id(out, &write->partition);
    fprintf(out, ", %zu B", write->packed.size);
    if (write->has_outbox) {
        fprintf(out, ", outbox");
        print_id(out, &write->outbox_message);
    }
}

static void print_read(FILE *out, const struct message_read *read)
{
    fprintf(out, " %s", partition_name(read->partition_kind));
    print_id(out, &read->partition);
    fprintf(out, " %s", table_name(read->table));
    if (read->table_last != 0) {
        fprintf(out, " to %s", table_name(read->table_last));
    }
    if (read->keys.size > 0) {
        fprintf(out, ", %zu B of keys", read->keys.size);
    }
    fprintf(out, ", %u rows%s%s%s%s", read->limit_rows,
            (read->flags & READ_DIGEST) != 0 ? ", digest" : "",
            (read->flags & READ_BACKWARDS) != 0 ? ", backwards" : "",
            (read->flags & READ_FOLD) != 0 ? ", folded" : "",
            (read->flags & READ_BY_ACTIVITY) != 0 ? ", newest first" : "");
}

static void print_rows(FILE *out, const struct message_rows *rows)
{
    print_error(out, rows->error, rows->text);
    if (rows->digest.size > 0) {
        fprintf(out, " digest");
    } else {
        fprintf(out, " %u rows, %zu B%s", rows->row_count, rows->packed.size,
                rows->more ? ", more" : "");
    }
}

static void print_fanout(FILE *out, const struct message_fanout *fanout)
{
    print_id(out, &fanout->message);
    fprintf(out, " in");
    print_id(out, &fanout->conversation);
    fprintf(out, " to %u users", fanout->user_count);
}

static void print_done(FILE *out, const struct message_outbox_done *done)
{
    for (uint32_t i = 0; i < done->entry_count; i++) {
        print_id(out, &done->entries[i].message);
    }
}

static void print_create(FILE *out, const struct message_conversation_create *create)
{
    fprintf(out, " \"%.*s\", %u members", (int)create->name.size, (const char *)create->name.data,
            create->member_count);
    print_level(out, create->consistency);
}

void transcript_message(FILE *out, const struct message *message)
{
    fprintf(out, " %s", message_type_name(message->type));
    switch (message->type) {
    case MESSAGE_STATUS:
        print_status(out, &message->status);
        break;
    case MESSAGE_SEND:
        print_send(out, &message->send);
        break;
    case MESSAGE_CHANGE:
        print_change(out, &message->change);
        break;
    case MESSAGE_CONVERSATION_CREATE:
        print_create(out, &message->conversation_create);
        break;
    case MESSAGE_HISTORY_READ:
        print_id(out, &message->history_read.conversation);
        print_level(out, message->history_read.consistency);
        break;
    case MESSAGE_HISTORY:
        print_history(out, &message->history);
        break;
    case MESSAGE_INBOX_READ:
        print_id(out, &message->inbox_read.user);
        print_level(out, message->inbox_read.consistency);
        break;
    case MESSAGE_INBOX:
        print_inbox(out, &message->inbox);
        break;
    case MESSAGE_MARK_READ:
        print_id(out, &message->mark_read.up_to);
        print_level(out, message->mark_read.consistency);
        break;
    case MESSAGE_WRITE:
        print_write(out, &message->write);
        break;
    case MESSAGE_WRITTEN:
        print_error(out, message->written.error, message->written.text);
        break;
    case MESSAGE_READ:
        print_read(out, &message->read);
        break;
    case MESSAGE_ROWS:
        print_rows(out, &message->rows);
        break;
    case MESSAGE_FANOUT:
        print_fanout(out, &message->fanout);
        break;
    case MESSAGE_OUTBOX_DONE:
        print_done(out, &message->outbox_done);
        break;
    default:
        break;
    }
}
