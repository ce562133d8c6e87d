/* How far a row may grow by cells with sub-keys (row.h). */
#include "base/limits.h"
#include "node/store/row.h"

size_t row_growth_bytes(struct slice row)
{
    struct row_reader reader;
    struct cell cell;
    size_t bytes = 0;
    if (!row_reader_init(&reader, row)) {
        return 0;
    }
    while (row_reader_next(&reader, &cell)) {
        bytes += cell.subkey.size > 0 ? cell_size(&cell) : 0;
    }
    return bytes;
}

enum columba_error row_growth_judge(uint8_t table, struct slice row, struct slice fragment,
                                    struct arena *arena)
{
    struct slice merged = fragment;
    if (row_growth_bytes(fragment) == 0) {
        return COLUMBA_OK;
    }
    if (row.size > 0) {
        const struct slice versions[] = {row, fragment};
        enum columba_error error = row_merge(table, versions, 2, arena, &merged);
        if (error != COLUMBA_OK) {
            return error;
        }
    }
    return row_growth_bytes(merged) <= ROW_GROWTH_MAX_BYTES ? COLUMBA_OK : ERR_TOO_LARGE;
}
