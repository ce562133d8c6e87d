#include "base/assert.h"
#include "node/store/key.h"
#include "node/store/row.h"

void packed_reader_init(struct packed_reader *reader, struct slice packed)
{
    reader->reader = reader_of(packed);
}

bool packed_reader_next(struct packed_reader *reader, struct packed_row *out_row)
{
    struct reader *bytes = &reader->reader;
    if (bytes->failed || bytes->at == bytes->end) {
        return false;
    }
    struct packed_row row;
    row.table = reader_u8(bytes);
    row.clustering = reader_sized(bytes);
    row.row = reader_sized(bytes);
    if (bytes->failed || (int)row.clustering.size != table_clustering_bytes(row.table)) {
        bytes->failed = true;
        return false;
    }
    *out_row = row;
    return true;
}

bool packed_reader_failed(const struct packed_reader *reader)
{
    return reader->reader.failed;
}

size_t packed_row_size(const struct packed_row *row)
{
    return 1 + varint_size(row->clustering.size) + row->clustering.size +
           varint_size(row->row.size) + row->row.size;
}

void packed_row_write(struct writer *writer, const struct packed_row *row)
{
    COLUMBA_ASSERT(row->clustering.size <= KEY_CLUSTERING_MAX_BYTES);
    writer_u8(writer, row->table);
    writer_sized(writer, row->clustering);
    writer_sized(writer, row->row);
}
