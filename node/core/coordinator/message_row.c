#include "node/core/coordinator/message_row.h"

#include "node/store/key.h"
#include "proto/change.h"

static void cell_show(const struct cell *cell, struct message_history_row *row)
{
    struct edit edit;
    switch (cell->column) {
    case COLUMN_MESSAGE_CONTENT:
        row->content = cell->value;
        row->is_undecided = cell->value.size == 0;
        break;
    case COLUMN_MESSAGE_EDITED:
        if (edit_decode(cell->value, &edit) == COLUMBA_OK) {
            row->edited = edit.content;
            row->edit_number = edit.number;
        }
        break;
    case COLUMN_MESSAGE_DELETED:
        row->is_deleted = true;
        row->deleted_sender = cell->value;
        break;
    default:
        break;
    }
}

bool message_row_show(const struct packed_row *packed, struct message_history_row *out_row)
{
    struct message_history_row row = {.edit_number = 0};
    struct row_reader reader;
    struct cell cell;
    if (packed->clustering.size != ID_BYTES || !row_reader_init(&reader, packed->row)) {
        return false;
    }
    row.message = clustering_to_id(TABLE_MESSAGE, packed->clustering.data);
    const uint8_t *at = reader.reader.at;
    while (row_reader_next(&reader, &cell) && cell.subkey.size == 0) {
        cell_show(&cell, &row);
        at = reader.reader.at;
    }
    /* Reactions and columns are a row's last cells. */
    row.marks = slice_of(at, (size_t)(reader.reader.end - at));
    *out_row = row;
    /* A change of a message that has not come yet is no message. */
    return row.content.size > 0 || row.is_undecided || row.is_deleted;
}
