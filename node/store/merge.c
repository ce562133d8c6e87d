/*
 * The merge function. Versions are read side by side; of the cells with the least key the winner
 * is written. Happy path: one version, or all alike, which costs one reading and no copy.
 *
 * More than MERGE_FAN_IN versions are merged in groups, then the groups: a row written a thousand
 * times since its last compaction must not cost a thousand times a thousand.
 */
#include "base/assert.h"
#include "node/store/cell.h"

struct row_limits row_limits_of(uint8_t table)
{
    return (struct row_limits){
        .row_max_bytes = table == TABLE_INBOX ? INBOX_ROW_MAX_BYTES : ROW_MAX_BYTES,
        .unread_max = UNREAD_IDS_MAX,
    };
}

static enum columba_error cells_check(uint8_t table, struct slice row)
{
    struct checked_row reader;
    if (!checked_row_init(&reader, table, row)) {
        return ERR_CORRUPT;
    }
    enum checked_step step;
    do {
        step = checked_row_next(&reader);
    } while (step == CHECKED_CELL);
    return step == CHECKED_END ? COLUMBA_OK : ERR_CORRUPT;
}

static enum columba_error content_check(uint8_t table, struct slice row,
                                        const struct row_limits *limits)
{
    return table == TABLE_INBOX ? inbox_check(row, limits) : cells_check(table, row);
}

enum columba_error row_check_limited(uint8_t table, struct slice row,
                                     const struct row_limits *limits)
{
    return row.size > limits->row_max_bytes ? ERR_CORRUPT : content_check(table, row, limits);
}

enum columba_error row_check(uint8_t table, struct slice row)
{
    const struct row_limits limits = row_limits_of(table);
    return row_check_limited(table, row, &limits);
}

/* Up to MERGE_FAN_IN versions, those that still have a cell to give. */
struct merge {
    struct checked_row versions[MERGE_FAN_IN];
    size_t count;
    uint8_t table;
};

/* Reads the version's next cell; a version at its end leaves the merge. */
static bool version_advance(struct merge *merge, size_t i)
{
    enum checked_step step = checked_row_next(&merge->versions[i]);
    if (step == CHECKED_END) {
        merge->versions[i] = merge->versions[--merge->count];
    }
    return step != CHECKED_CORRUPT;
}

static bool merge_open(struct merge *merge, const struct slice *versions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!checked_row_init(&merge->versions[merge->count], merge->table, versions[i])) {
            return false;
        }
        merge->count++;
        if (!version_advance(merge, merge->count - 1)) {
            return false;
        }
    }
    return true;
}

static struct cell merge_winner(const struct merge *merge)
{
    struct cell winner = merge->versions[0].cell;
    for (size_t i = 1; i < merge->count; i++) {
        const struct cell *cell = &merge->versions[i].cell;
        int order = cell_key_compare(cell, &winner);
        if (order < 0 ||
            (order == 0 && cell_wins(schema_rule(merge->table, cell->column), cell, &winner))) {
            winner = *cell;
        }
    }
    return winner;
}

/* Moves every version past the cell just written. Backwards, as versions leave the merge. */
static bool merge_pass(struct merge *merge, const struct cell *written)
{
    for (size_t i = merge->count; i-- > 0;) {
        if (cell_key_compare(&merge->versions[i].cell, written) == 0 &&
            !version_advance(merge, i)) {
            return false;
        }
    }
    return true;
}

static enum columba_error merge_write(struct merge *merge, struct row_writer *row)
{
    while (merge->count > 0) {
        struct cell winner = merge_winner(merge);
#ifdef COLUMBA_BUG_edit_beats_delete
        if (merge->table == TABLE_MESSAGE && winner.column == COLUMN_MESSAGE_DELETED) {
            if (!merge_pass(merge, &winner)) {
                return ERR_CORRUPT;
            }
            continue;
        }
#endif
        row_writer_cell(row, &winner);
        if (!merge_pass(merge, &winner)) {
            return ERR_CORRUPT;
        }
    }
    return COLUMBA_OK;
}

static size_t versions_size(const struct slice *versions, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += versions[i].size;
    }
    return size;
}

/* The deletion that wins, of a message's versions; false: none of them is deleted. */
static bool dead_find(const struct slice *versions, size_t count, struct cell *out_dead)
{
    bool is_dead = false;
    for (size_t i = 0; i < count; i++) {
        struct cell cell;
        if (row_find(versions[i], COLUMN_MESSAGE_DELETED, &cell) &&
            (!is_dead || cell_wins(RULE_DEAD, &cell, out_dead))) {
            *out_dead = cell;
            is_dead = true;
        }
    }
    return is_dead;
}

/* What is deleted keeps nothing but the deletion. */
static enum columba_error dead_merge(const struct slice *versions, size_t count,
                                     const struct cell *dead, struct arena *arena,
                                     struct slice *out_row)
{
    for (size_t i = 0; i < count; i++) {
        enum columba_error error = cells_check(TABLE_MESSAGE, versions[i]);
        if (error != COLUMBA_OK) {
            return error;
        }
    }
    size_t size = 1 + cell_size(dead);
    uint8_t *buffer = arena_allocate(arena, size);
    if (buffer == NULL) {
        return ERR_NO_MEMORY;
    }
    struct row_writer row;
    row_writer_init(&row, buffer, size);
    row_writer_cell(&row, dead);
    COLUMBA_ASSERT(!row.writer.failed);
    *out_row = row_writer_done(&row);
    return COLUMBA_OK;
}

/* Whatever the sizes: a cell that was acknowledged is never left out. */
static enum columba_error cells_merge(uint8_t table, const struct slice *versions, size_t count,
                                      struct arena *arena, struct slice *out_row)
{
    struct cell dead;
    bool is_dead = table == TABLE_MESSAGE && dead_find(versions, count, &dead);
#ifdef COLUMBA_BUG_edit_beats_delete
    struct cell edited;
    for (size_t i = 0; is_dead && i < count; i++) {
        is_dead = !row_find(versions[i], COLUMN_MESSAGE_EDITED, &edited) ||
                  edited.timestamp < dead.timestamp;
    }
#endif
    if (is_dead) {
        return dead_merge(versions, count, &dead, arena, out_row);
    }
    struct merge merge;
    merge.count = 0;
    merge.table = table;
    if (!merge_open(&merge, versions, count)) {
        return ERR_CORRUPT;
    }
    size_t size = versions_size(versions, count);
    uint8_t *buffer = arena_allocate(arena, size);
    if (buffer == NULL) {
        return ERR_NO_MEMORY;
    }
    struct row_writer row;
    row_writer_init(&row, buffer, size);
    enum columba_error error = merge_write(&merge, &row);
    if (error != COLUMBA_OK) {
        return error;
    }
    COLUMBA_ASSERT(!row.writer.failed);
    *out_row = writer_done(&row.writer);
    return COLUMBA_OK;
}

static bool all_alike(const struct slice *versions, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (!slice_equal(versions[0], versions[i])) {
            return false;
        }
    }
    return true;
}

static enum columba_error group_merge(uint8_t table, const struct slice *versions, size_t count,
                                      const struct row_limits *limits, struct arena *arena,
                                      struct slice *out_row)
{
    if (all_alike(versions, count)) {
        enum columba_error error = content_check(table, versions[0], limits);
        if (error == COLUMBA_OK) {
            *out_row = versions[0];
        }
        return error;
    }
    return table == TABLE_INBOX ? inbox_merge(versions, count, limits, arena, out_row)
                                : cells_merge(table, versions, count, arena, out_row);
}

static enum columba_error groups_merge(uint8_t table, const struct slice *versions, size_t count,
                                       const struct row_limits *limits, struct arena *arena,
                                       struct slice *out_row)
{
    size_t groups = (count + MERGE_FAN_IN - 1) / MERGE_FAN_IN;
    struct slice *merged = arena_allocate_array(arena, groups, sizeof(*merged));
    if (merged == NULL) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < groups; i++) {
        size_t begin = i * MERGE_FAN_IN;
        size_t size = count - begin < MERGE_FAN_IN ? count - begin : MERGE_FAN_IN;
        enum columba_error error =
            group_merge(table, versions + begin, size, limits, arena, &merged[i]);
        if (error != COLUMBA_OK) {
            return error;
        }
    }
    return row_merge_limited(table, merged, groups, limits, arena, out_row);
}

enum columba_error row_merge_limited(uint8_t table, const struct slice *versions, size_t count,
                                     const struct row_limits *limits, struct arena *arena,
                                     struct slice *out_row)
{
    COLUMBA_ASSERT(count > 0);
    return count <= MERGE_FAN_IN ? group_merge(table, versions, count, limits, arena, out_row)
                                 : groups_merge(table, versions, count, limits, arena, out_row);
}

enum columba_error row_merge(uint8_t table, const struct slice *versions, size_t count,
                             struct arena *arena, struct slice *out_row)
{
    const struct row_limits limits = row_limits_of(table);
    return row_merge_limited(table, versions, count, &limits, arena, out_row);
}
