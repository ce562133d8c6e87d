/*
 * The row codec and the merge function: the only code that knows what a stored row looks like.
 *
 *   row   [format u8 = 1] cell*          cells in ascending order of (column, sub-key), each once
 *   cell  [column u8][flags u8][timestamp u64] ([sub-key sized]) ([expiry u64]) [value sized]
 *         flags: 1 has a sub-key, 2 has an expiry; any other bit is refused
 *
 * "sized" is a varint length and that many bytes; integers are big-endian; the form is canonical:
 * equal rows are equal bytes. An encoded row is at most ROW_MAX_BYTES (INBOX_ROW_MAX_BYTES in the
 * inbox). Timestamps are hybrid times (base/hlc.h); cells of MAX and SET
 * columns carry timestamp 0.
 */
#ifndef COLUMBA_NODE_STORE_ROW_H
#define COLUMBA_NODE_STORE_ROW_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/cursor.h"
#include "base/error.h"
#include "node/store/schema.h"

#define ROW_FORMAT 1u

struct cell {
    uint8_t column;
    struct slice subkey; /* empty: none */
    uint64_t timestamp;
    uint64_t expires_at_ms; /* 0: never */
    struct slice value;
};

enum merge_rule schema_rule(uint8_t table, uint8_t column);
bool schema_table_is_known(uint8_t table);

/* Reading: cells come out in order; views into the row's bytes. */
struct row_reader {
    struct reader reader;
};
/* False: wrong format byte or empty. */
bool row_reader_init(struct row_reader *reader, struct slice row);
/* False at the end and on damage; row_reader_failed tells which. */
bool row_reader_next(struct row_reader *reader, struct cell *out_cell);
bool row_reader_failed(const struct row_reader *reader);
/* The first cell of the column; false if there is none (or the row is damaged). */
bool row_find(struct slice row, uint8_t column, struct cell *out_cell);

/* Writing: cells must be added in ascending order of (column, sub-key). */
struct row_writer {
    struct writer writer;
    uint32_t cells;
    uint8_t last_column;
    struct slice last_subkey; /* in the writer's buffer */
};
void row_writer_init(struct row_writer *row, uint8_t *buffer, size_t size);
void row_writer_cell(struct row_writer *row, const struct cell *cell);
/* Empty: it did not fit. */
struct slice row_writer_done(const struct row_writer *row);
/* What one cell takes, encoded. */
size_t cell_size(const struct cell *cell);

/* ERR_CORRUPT: not a row of this table in canonical form (unknown columns, order, sizes, rules'
 * value widths, the inbox's invariants). Everything off the wire passes here before it is stored.
 */
enum columba_error row_check(uint8_t table, struct slice row);

/*
 * Merges versions of one row (at least one; their order does not matter). The result is canonical
 * and lies in the arena, or is one of the versions' own bytes. ERR_CORRUPT if a version is not a
 * row of this table, ERR_NO_MEMORY if the arena is full.
 *
 * No cell is ever left out for want of room: the limits are met before a write is acknowledged
 * (row_check, row_growth_judge). A version above them is merged all the same, for a merge that
 * failed would leave a row that can neither be read nor compacted.
 */
enum columba_error row_merge(uint8_t table, const struct slice *versions, size_t count,
                             struct arena *arena, struct slice *out_row);

/* How many ids of an inbox row's unread set are not in its deleted one. */
uint32_t inbox_unread_count(struct slice unread, struct slice deleted);

/* What the row's cells with sub-keys take, encoded: the part of a row that grows. */
size_t row_growth_bytes(struct slice row);
/*
 * Whether a replica whose row is `row` (empty: it has none) may take the fragment: ERR_TOO_LARGE if
 * that left the row with more than ROW_GROWTH_MAX_BYTES of cells with sub-keys. ERR_CORRUPT,
 * ERR_NO_MEMORY as row_merge. The row must be what the replica has with all it took before.
 * What another replica took (a repair, a hint) is not judged again.
 *
 * Why a row stays under ROW_MAX_BYTES, however its replicas are merged: take the cells of the
 * merged row, each as what the replica took that took it first. When a replica took its last one,
 * all it had taken that still wins were in its row, so they are at most ROW_GROWTH_MAX_BYTES; and a
 * row has at most REPLICAS_MAX replicas.
 */
enum columba_error row_growth_judge(uint8_t table, struct slice row, struct slice fragment,
                                    struct arena *arena);

/*
 * Packed rows: how rows of one partition travel in a request, a reply and a scan's result:
 * [table u8][clustering sized][row sized] one after the other. Reading fails on an unknown table
 * and on a clustering that is not of its table's size; the row itself is row_check's.
 */
struct packed_row {
    uint8_t table;
    struct slice clustering;
    struct slice row;
};
struct packed_reader {
    struct reader reader;
};
void packed_reader_init(struct packed_reader *reader, struct slice packed);
bool packed_reader_next(struct packed_reader *reader, struct packed_row *out_row);
bool packed_reader_failed(const struct packed_reader *reader);
size_t packed_row_size(const struct packed_row *row);
void packed_row_write(struct writer *writer, const struct packed_row *row);

#endif
