#include "node/core/request/fragment.h"

#include "base/hlc.h"
#include "node/core/state.h"
#include "node/store/key.h"

/* Beside the content: row and cell headers, lengths, key. */
#define ROW_ENVELOPE_BYTES 64u
#define SMALL_ROW_BYTES 160u

static void row_pack(struct writer *packed, enum table table, const struct id *clustering,
                     struct slice row)
{
    uint8_t bytes[ID_BYTES];
    clustering_of_id(table, clustering, bytes);
    packed_row_write(packed, &(struct packed_row){.table = (uint8_t)table,
                                                  .clustering = slice_of(bytes, ID_BYTES),
                                                  .row = row});
}

/* A row of one cell; empty: no memory. */
static struct slice cell_row(struct core *core, const struct cell *cell)
{
    size_t size = 1 + cell_size(cell);
    uint8_t *bytes = effects_allocate(&core->effects, size);
    if (bytes == NULL) {
        return slice_of(NULL, 0);
    }
    struct row_writer row;
    row_writer_init(&row, bytes, size);
    row_writer_cell(&row, cell);
    return row_writer_done(&row);
}

struct slice fragment_message(struct core *core, const struct id *message, struct slice content)
{
    struct cell cell = {.column = COLUMN_MESSAGE_CONTENT,
                        .timestamp = hlc_next(&core->hlc, core->unix_ms),
                        .value = content};
    struct slice row = cell_row(core, &cell);
    uint8_t *bytes = effects_allocate(&core->effects, row.size + ROW_ENVELOPE_BYTES);
    if (row.size == 0 || bytes == NULL) {
        return slice_of(NULL, 0);
    }
    struct writer packed = writer_of(bytes, row.size + ROW_ENVELOPE_BYTES);
    row_pack(&packed, TABLE_MESSAGE, message, row);
    return writer_done(&packed);
}

struct slice fragment_change(struct core *core, const struct id *message, const struct cell *cell,
                             const struct id *change, const struct cell *record)
{
    struct slice row = cell_row(core, cell);
    struct slice record_row = cell_row(core, record);
    size_t size = row.size + record_row.size + 2 * (size_t)ROW_ENVELOPE_BYTES;
    uint8_t *bytes = effects_allocate(&core->effects, size);
    if (row.size == 0 || record_row.size == 0 || bytes == NULL) {
        return slice_of(NULL, 0);
    }
    struct writer packed = writer_of(bytes, size);
    row_pack(&packed, TABLE_MESSAGE, message, row);
    row_pack(&packed, TABLE_CHANGE, change, record_row);
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
