#include "node/store/row.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "node/store/cell.h"

/* Most lengths take one byte; the general form is read by the cursor. */
static inline struct slice sized_read(struct reader *reader)
{
    if (reader->at != reader->end && *reader->at < 0x80) {
        size_t size = *reader->at;
        if ((size_t)(reader->end - reader->at) - 1 < size) {
            reader->failed = true;
            return slice_of(NULL, 0);
        }
        struct slice bytes = slice_of(reader->at + 1, size);
        reader->at += 1 + size;
        return bytes;
    }
    return reader_sized(reader);
}

static inline bool cell_read(struct reader *reader, struct cell *out_cell)
{
    if (reader_left(reader) <= CELL_HEAD_BYTES) {
        reader->failed = true;
        return false;
    }
    const uint8_t *head = reader->at;
    reader->at += CELL_HEAD_BYTES;
    const uint8_t flags = head[1];
    struct cell cell = {.column = head[0], .timestamp = bytes_get_u64_be(head + 2)};
    bool is_valid = (flags & ~(CELL_HAS_SUBKEY | CELL_HAS_EXPIRY)) == 0;
    if (flags & CELL_HAS_SUBKEY) {
        cell.subkey = sized_read(reader);
        is_valid = is_valid && cell.subkey.size > 0;
    }
    if (flags & CELL_HAS_EXPIRY) {
        cell.expires_at_ms = reader_u64(reader);
        is_valid = is_valid && cell.expires_at_ms != 0;
    }
    cell.value = sized_read(reader);
    if (!is_valid || reader->failed) {
        reader->failed = true;
        return false;
    }
    *out_cell = cell;
    return true;
}

static bool format_read(struct reader *reader)
{
    bool is_ours = reader_u8(reader) == ROW_FORMAT;
    reader->failed = reader->failed || !is_ours;
    return is_ours;
}

bool row_reader_init(struct row_reader *reader, struct slice row)
{
    reader->reader = reader_of(row);
    return format_read(&reader->reader);
}

bool row_reader_next(struct row_reader *reader, struct cell *out_cell)
{
    if (reader->reader.failed || reader->reader.at == reader->reader.end) {
        return false;
    }
    return cell_read(&reader->reader, out_cell);
}

bool row_reader_failed(const struct row_reader *reader)
{
    return reader->reader.failed;
}

bool row_find(struct slice row, uint8_t column, struct cell *out_cell)
{
    struct row_reader reader;
    struct cell cell;
    if (!row_reader_init(&reader, row)) {
        return false;
    }
    while (row_reader_next(&reader, &cell) && cell.column <= column) {
        if (cell.column == column) {
            *out_cell = cell;
            return true;
        }
    }
    return false;
}

bool checked_row_init(struct checked_row *row, uint8_t table, struct slice bytes)
{
    *row = (struct checked_row){.reader = reader_of(bytes), .table = table};
    return schema_table_is_known(table) && format_read(&row->reader);
}

static bool subkey_is_valid(enum subkey_kind kind, struct slice subkey)
{
    switch (kind) {
    case SUBKEY_NONE:
        return subkey.size == 0;
    case SUBKEY_ID:
        return subkey.size == ID_BYTES;
    case SUBKEY_NAME:
        return subkey.size > 0 && subkey.size <= SUBKEY_NAME_MAX_BYTES;
    }
    return false;
}

static bool set_is_ascending(struct slice value)
{
    if (value.size % ID_BYTES != 0) {
        return false;
    }
    for (size_t at = ID_BYTES; at < value.size; at += ID_BYTES) {
        if (memcmp(value.data + at - ID_BYTES, value.data + at, ID_BYTES) >= 0) {
            return false;
        }
    }
    return true;
}

static bool cell_is_valid(uint8_t table, const struct cell *cell)
{
    const struct column_spec *spec = schema_column(table, cell->column);
    if (spec == NULL || cell->value.size < spec->value_min_bytes ||
        cell->value.size > spec->value_max_bytes ||
        !subkey_is_valid((enum subkey_kind)spec->subkey, cell->subkey)) {
        return false;
    }
    switch ((enum merge_rule)spec->rule) {
    case RULE_LWW:
    case RULE_FIRST:
        return true;
    case RULE_DEAD:
        return cell->expires_at_ms == 0;
    case RULE_MAX:
        return cell->expires_at_ms == 0 && cell->timestamp == 0;
    case RULE_SET:
        return cell->expires_at_ms == 0 && cell->timestamp == 0 && set_is_ascending(cell->value);
    case RULE_NONE:
        break;
    }
    return false;
}

/* It is its row's only cell. */
static bool cell_is_dead(uint8_t table, const struct cell *cell)
{
    return schema_rule(table, cell->column) == RULE_DEAD;
}

enum checked_step checked_row_next(struct checked_row *row)
{
    if (row->reader.at == row->reader.end) {
        return CHECKED_END;
    }
    struct cell cell;
    if (!cell_read(&row->reader, &cell) || !cell_is_valid(row->table, &cell) ||
        (row->cells > 0 &&
         (cell_key_compare(&row->cell, &cell) >= 0 || cell_is_dead(row->table, &row->cell) ||
          cell_is_dead(row->table, &cell)))) {
        return CHECKED_CORRUPT;
    }
    row->cell = cell;
    row->cells++;
    return CHECKED_CELL;
}

void row_writer_init(struct row_writer *row, uint8_t *buffer, size_t size)
{
    *row = (struct row_writer){.writer = writer_of(buffer, size)};
    writer_u8(&row->writer, ROW_FORMAT);
}

static void cell_head_write(struct writer *writer, const struct cell *cell)
{
    uint8_t head[CELL_HEAD_BYTES];
    head[0] = cell->column;
    head[1] = (uint8_t)((cell->subkey.size > 0 ? CELL_HAS_SUBKEY : 0) |
                        (cell->expires_at_ms != 0 ? CELL_HAS_EXPIRY : 0));
    bytes_put_u64_be(head + 2, cell->timestamp);
    writer_bytes(writer, slice_of(head, sizeof(head)));
}

void row_writer_cell(struct row_writer *row, const struct cell *cell)
{
    const struct cell last = {.column = row->last_column, .subkey = row->last_subkey};
    COLUMBA_ASSERT(row->cells == 0 || cell_key_compare(&last, cell) < 0);
    struct writer *writer = &row->writer;
    cell_head_write(writer, cell);
    row->last_column = cell->column;
    row->last_subkey = slice_of(NULL, 0);
    if (cell->subkey.size > 0) {
        writer_sized(writer, cell->subkey);
        row->last_subkey = writer->failed
                               ? row->last_subkey
                               : slice_of(writer->at - cell->subkey.size, cell->subkey.size);
    }
    if (cell->expires_at_ms != 0) {
        writer_u64(writer, cell->expires_at_ms);
    }
    writer_sized(writer, cell->value);
    row->cells++;
}

struct slice row_writer_done(const struct row_writer *row)
{
    return writer_done(&row->writer);
}

static size_t sized_size(size_t size)
{
    return varint_size(size) + size;
}

size_t cell_size(const struct cell *cell)
{
    return CELL_HEAD_BYTES + (cell->subkey.size > 0 ? sized_size(cell->subkey.size) : 0) +
           (cell->expires_at_ms != 0 ? 8 : 0) + sized_size(cell->value.size);
}
