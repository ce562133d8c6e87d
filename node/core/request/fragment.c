#include "node/core/request/fragment.h"

#include "base/hlc.h"
#include "node/core/state.h"
#include "node/store/key.h"

/* Beside the content: row and cell headers, lengths, key. */
#define ROW_ENVELOPE_BYTES 64u
#define SMALL_ROW_BYTES 160u

struct slice fragment_message(struct core *core, const struct id *message, struct slice content)
{
    struct cell cell = {.column = COLUMN_MESSAGE_CONTENT,
                        .timestamp = hlc_next(&core->hlc, core->unix_ms),
                        .value = content};
    size_t row_size = 1 + cell_size(&cell);
    uint8_t *row_bytes = effects_allocate(&core->effects, row_size);
    uint8_t *packed_bytes = effects_allocate(&core->effects, row_size + ROW_ENVELOPE_BYTES);
    if (row_bytes == NULL || packed_bytes == NULL) {
        return slice_of(NULL, 0);
    }
    struct row_writer row;
    row_writer_init(&row, row_bytes, row_size);
    row_writer_cell(&row, &cell);
    uint8_t clustering[ID_BYTES];
    clustering_of_id(TABLE_MESSAGE, message, clustering);
    struct writer packed = writer_of(packed_bytes, row_size + ROW_ENVELOPE_BYTES);
    packed_row_write(&packed, &(struct packed_row){.table = TABLE_MESSAGE,
                                                   .clustering = slice_of(clustering, ID_BYTES),
                                                   .row = row_writer_done(&row)});
    return writer_done(&packed);
}

struct slice fragment_small(struct core *core, enum table table, const struct id *clustering,
                            const struct cell *cells, unsigned count)
{
    uint8_t row_bytes[SMALL_ROW_BYTES];
    uint8_t *buffer = effects_allocate(&core->effects, SMALL_ROW_BYTES + 32);
    if (buffer == NULL) {
        return slice_of(NULL, 0);
    }
    struct row_writer row;
    row_writer_init(&row, row_bytes, sizeof(row_bytes));
    for (unsigned i = 0; i < count; i++) {
        row_writer_cell(&row, &cells[i]);
    }
    struct writer packed = writer_of(buffer, SMALL_ROW_BYTES + 32);
    packed_row_write(&packed,
                     &(struct packed_row){.table = (uint8_t)table,
                                          .clustering = slice_of(clustering->bytes, ID_BYTES),
                                          .row = row_writer_done(&row)});
    return writer_done(&packed);
}
