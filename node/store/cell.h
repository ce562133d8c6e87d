/*
 * Inside the row codec: reading cells one after the other with every check a table's rows must
 * pass. row.c reads with it, cell.c tells who wins, merge.c and inbox.c merge with it; nobody else
 * includes it.
 */
#ifndef COLUMBA_NODE_STORE_CELL_H
#define COLUMBA_NODE_STORE_CELL_H

#include "node/store/row.h"

/* Column, flags, timestamp: what every cell begins with. */
#define CELL_HEAD_BYTES 10u

enum cell_flag { CELL_HAS_SUBKEY = 1, CELL_HAS_EXPIRY = 2 };

/* What a row may hold. Tests lower them. */
struct row_limits {
    uint32_t row_max_bytes;
    uint32_t unread_max;
};

struct row_limits row_limits_of(uint8_t table);

/* A row of a known table, read with every check of a single cell and of the cells' order. */
struct checked_row {
    struct reader reader;
    struct cell cell; /* the newest one read */
    uint32_t cells;
    uint8_t table;
};

enum checked_step { CHECKED_CELL, CHECKED_END, CHECKED_CORRUPT };

/* False: unknown table, or wrong format byte. */
bool checked_row_init(struct checked_row *row, uint8_t table, struct slice bytes);
enum checked_step checked_row_next(struct checked_row *row);

/* Byte order of (column, sub-key). */
static inline int cell_key_compare(const struct cell *a, const struct cell *b)
{
    if (a->column != b->column) {
        return a->column < b->column ? -1 : 1;
    }
    return slice_compare(a->subkey, b->subkey);
}

/* Whether `a` wins over `b`, both of one column of this rule (not RULE_SET). A strict total order
 * of everything in a cell but its key, so the winner of many does not depend on their order. */
bool cell_wins(enum merge_rule rule, const struct cell *a, const struct cell *b);

/* inbox.c: what row_check and row_merge do for TABLE_INBOX. */
enum columba_error inbox_check(struct slice row, const struct row_limits *limits);
enum columba_error inbox_merge(const struct slice *versions, size_t count,
                               const struct row_limits *limits, struct arena *arena,
                               struct slice *out_row);

/* merge.c: row_merge and row_check under limits of the caller's choice. */
enum columba_error row_check_limited(uint8_t table, struct slice row,
                                     const struct row_limits *limits);
enum columba_error row_merge_limited(uint8_t table, const struct slice *versions, size_t count,
                                     const struct row_limits *limits, struct arena *arena,
                                     struct slice *out_row);

/* Versions merged in one pass; more are merged in groups. */
#define MERGE_FAN_IN 16u

#endif
