/*
 * Bytes as rows, from the network or from a disk: [table][length of the first row, two bytes]
 * [first row][second row]. Whatever row_check accepts must merge, the same way in any order, into
 * what row_check accepts; whatever it refuses must not merge. The whole input is read as packed
 * rows too.
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/memory.h"
#include "node/store/key.h"
#include "node/store/row.h"

static void row_read(struct slice row)
{
    struct row_reader reader;
    struct cell cell;
    size_t size = 1;
    if (!row_reader_init(&reader, row)) {
        return;
    }
    while (row_reader_next(&reader, &cell)) {
        size += cell_size(&cell);
        COLUMBA_ASSERT(cell.value.size <= row.size && cell.subkey.size <= row.size);
    }
    COLUMBA_ASSERT(row_reader_failed(&reader) || size == row.size);
    row_find(row, 4, &cell);
}

static struct slice merged(uint8_t table, struct slice a, struct slice b, struct arena *arena)
{
    struct slice versions[] = {a, b};
    struct slice row = {0};
    bool are_rows = row_check(table, a) == COLUMBA_OK && row_check(table, b) == COLUMBA_OK;
    enum columba_error error = row_merge(table, versions, 2, arena, &row);
    COLUMBA_ASSERT((error == COLUMBA_OK) == are_rows);
    return row;
}

static void rows_merge(uint8_t table, struct slice a, struct slice b, struct arena *arena)
{
    struct slice both = merged(table, a, b, arena);
    if (both.size == 0) {
        return;
    }
    COLUMBA_ASSERT(row_check(table, both) == COLUMBA_OK);
    COLUMBA_ASSERT(slice_equal(both, merged(table, b, a, arena)));
    COLUMBA_ASSERT(slice_equal(both, merged(table, both, a, arena)));
}

static void packed_read(struct slice packed)
{
    struct packed_reader reader;
    struct packed_row row;
    size_t size = 0;
    packed_reader_init(&reader, packed);
    while (packed_reader_next(&reader, &row)) {
        size += packed_row_size(&row);
        row_check(row.table, row.row);
    }
    COLUMBA_ASSERT(packed_reader_failed(&reader) || size == packed.size);
}

static void key_read(struct slice bytes)
{
    struct row_key key;
    if (row_key_decode(bytes, &key)) {
        struct key_bytes again = row_key_encode(&key);
        COLUMBA_ASSERT(slice_equal(key_slice(&again), bytes));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    packed_read(slice_of(data, size));
    key_read(slice_of(data, size));
    if (size < 3) {
        return 0;
    }
    size_t first = bytes_get_u16_be(data + 1);
    first = first < size - 3 ? first : size - 3;
    struct slice a = slice_of(data + 3, first);
    struct slice b = slice_of(data + 3 + first, size - 3 - first);
    struct arena arena;
    arena_init(&arena, memory_system(), 64 * MIB);
    row_read(a);
    rows_merge(data[0], a, b, &arena);
    arena_clear(&arena);
    return 0;
}
