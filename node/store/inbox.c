/*
 * The inbox's merge: the one rule that looks across columns (schema.h). Versions are taken apart
 * into their columns; marker, floor and the rest merge by their own rules; the unread sets are
 * united, so are the deleted ones, and what lies at or below marker and floor is left out.
 *
 * Why it is a join: the result holds the highest `unread_max` ids of each set above the greatest
 * marker, and as floor the highest id of either that did not find room. All follow from the unions
 * of all ids, and no part loses an id that could still be among the highest of a larger union. (Ids
 * that are deleted are not taken out of the unread set: how many find room would then depend on
 * what came first.)
 */
#include "base/assert.h"
#include "node/store/cell.h"

#define INBOX_COLUMNS (COLUMN_INBOX_DELETED + 1)

/* A row's cells by column; column 0 in a cell: the row has none. */
struct inbox {
    struct cell cells[INBOX_COLUMNS];
};

/* Empty sorts below every id. */
static struct slice value_of(const struct inbox *inbox, uint8_t column)
{
    return inbox->cells[column].value;
}

static struct slice bar_of(const struct inbox *inbox)
{
    struct slice marker = value_of(inbox, COLUMN_INBOX_MARKER);
    struct slice floor = value_of(inbox, COLUMN_INBOX_FLOOR);
    return slice_compare(marker, floor) > 0 ? marker : floor;
}

static size_t set_count(struct slice set)
{
    return set.size / ID_BYTES;
}

static const uint8_t *set_at(struct slice set, size_t i)
{
    return set.data + i * ID_BYTES;
}

static struct slice set_from(struct slice set, size_t first)
{
    return slice_of(set.data + first * ID_BYTES, set.size - first * ID_BYTES);
}

/* The ids above the bar. */
static struct slice set_above(struct slice set, struct slice bar)
{
    size_t low = 0;
    size_t high = bar.size == 0 ? 0 : set_count(set);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(set_at(set, middle), bar.data, ID_BYTES) > 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return set.size == 0 ? set : set_from(set, low);
}

static bool set_is_valid(const struct inbox *inbox, uint8_t column, const struct row_limits *limits)
{
    struct slice set = value_of(inbox, column);
    return set_count(set) <= limits->unread_max && set_above(set, bar_of(inbox)).size == set.size;
}

static bool inbox_is_valid(const struct inbox *inbox, const struct row_limits *limits)
{
    struct slice floor = value_of(inbox, COLUMN_INBOX_FLOOR);
    if (floor.size > 0 && slice_compare(floor, value_of(inbox, COLUMN_INBOX_MARKER)) <= 0) {
        return false;
    }
    return set_is_valid(inbox, COLUMN_INBOX_UNREAD, limits) &&
           set_is_valid(inbox, COLUMN_INBOX_DELETED, limits);
}

static enum columba_error inbox_read(struct slice row, const struct row_limits *limits,
                                     struct inbox *out_inbox)
{
    struct inbox inbox = {0};
    struct checked_row reader;
    if (!checked_row_init(&reader, TABLE_INBOX, row)) {
        return ERR_CORRUPT;
    }
    enum checked_step step;
    while ((step = checked_row_next(&reader)) == CHECKED_CELL) {
        inbox.cells[reader.cell.column] = reader.cell;
    }
    if (step == CHECKED_CORRUPT || !inbox_is_valid(&inbox, limits)) {
        return ERR_CORRUPT;
    }
    *out_inbox = inbox;
    return COLUMBA_OK;
}

enum columba_error inbox_check(struct slice row, const struct row_limits *limits)
{
    struct inbox inbox;
    return inbox_read(row, limits, &inbox);
}

/* Every column but the sets. */
static void columns_merge(struct inbox *into, const struct inbox *from)
{
    for (uint8_t column = 1; column < INBOX_COLUMNS; column++) {
        const struct cell *cell = &from->cells[column];
        struct cell *merged = &into->cells[column];
        if (schema_rule(TABLE_INBOX, column) == RULE_SET || cell->column == 0) {
            continue;
        }
        if (merged->column == 0 || cell_wins(schema_rule(TABLE_INBOX, column), cell, merged)) {
            *merged = *cell;
        }
    }
}

/* Writes the union of two ascending sets; returns its bytes. */
static size_t sets_write(struct slice a, struct slice b, uint8_t *out)
{
    const uint8_t *begin = out;
    const uint8_t *end_a = a.data + a.size;
    const uint8_t *end_b = b.data + b.size;
    while (a.data < end_a && b.data < end_b) {
        int order = memcmp(a.data, b.data, ID_BYTES);
        memcpy(out, order <= 0 ? a.data : b.data, ID_BYTES);
        out += ID_BYTES;
        a.data += order <= 0 ? ID_BYTES : 0;
        b.data += order >= 0 ? ID_BYTES : 0;
    }
    const uint8_t *rest = a.data < end_a ? a.data : b.data;
    size_t rest_bytes = (size_t)(a.data < end_a ? end_a - a.data : end_b - b.data);
    memcpy(out, rest, rest_bytes);
    return (size_t)(out - begin) + rest_bytes;
}

/* The sets of one column of the versions merged, smallest first: the largest is then copied once.
 */
struct id_sets {
    struct slice sets[MERGE_FAN_IN];
    size_t count;
};

static void id_sets_add(struct id_sets *ids, struct slice set)
{
    if (set.size == 0) {
        return;
    }
    size_t at = ids->count++;
    for (; at > 0 && ids->sets[at - 1].size > set.size; at--) {
        ids->sets[at] = ids->sets[at - 1];
    }
    ids->sets[at] = set;
}

static void set_put(struct inbox *inbox, uint8_t column, struct slice ids)
{
    inbox->cells[column] =
        ids.size == 0 ? (struct cell){0} : (struct cell){.column = column, .value = ids};
}

/* Keeps the highest ids; the highest of the others becomes the floor, copied to `floor_bytes`
 * because the buffer of the ids is used again. */
static struct slice set_cap(struct inbox *inbox, struct slice ids, uint32_t unread_max,
                            uint8_t *floor_bytes)
{
    size_t count = set_count(ids);
    if (count <= unread_max) {
        return ids;
    }
    memcpy(floor_bytes, set_at(ids, count - unread_max - 1), ID_BYTES);
    inbox->cells[COLUMN_INBOX_FLOOR] =
        (struct cell){.column = COLUMN_INBOX_FLOOR, .value = slice_of(floor_bytes, ID_BYTES)};
    return set_from(ids, count - unread_max);
}

static size_t union_bytes_max(const struct id_sets *ids, uint32_t unread_max)
{
    size_t bytes = 0;
    for (size_t i = 0; i < ids->count; i++) {
        bytes += ids->sets[i].size;
    }
    const size_t two_full = 2 * (size_t)unread_max * ID_BYTES;
    return bytes < two_full ? bytes : two_full;
}

static enum columba_error sets_merge(struct inbox *inbox, uint8_t column,
                                     const struct id_sets *sets, const struct row_limits *limits,
                                     struct arena *arena)
{
    if (sets->count < 2) {
        set_put(inbox, column, sets->count == 0 ? slice_of(NULL, 0) : sets->sets[0]);
        return COLUMBA_OK;
    }
    const size_t bytes = union_bytes_max(sets, limits->unread_max);
    uint8_t *buffers = arena_allocate_array(arena, 2, bytes);
    uint8_t *floor_bytes = arena_allocate(arena, ID_BYTES);
    if (buffers == NULL || floor_bytes == NULL) {
        return ERR_NO_MEMORY;
    }
    struct slice ids = sets->sets[0];
    for (size_t i = 1; i < sets->count; i++) {
        /* The floor may have risen since the first sets were united. */
        struct slice set = set_above(sets->sets[i], bar_of(inbox));
        uint8_t *out = buffers + (i % 2) * bytes;
        size_t written = sets_write(ids, set, out);
        COLUMBA_ASSERT(written <= bytes);
        ids = set_cap(inbox, slice_of(out, written), limits->unread_max, floor_bytes);
    }
    set_put(inbox, column, ids);
    return COLUMBA_OK;
}

/* One column's sets, united; `sets` are those of the versions. */
static enum columba_error column_unite(struct inbox *merged, uint8_t column,
                                       const struct slice *sets, size_t count,
                                       const struct row_limits *limits, struct arena *arena)
{
    struct id_sets ids = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        id_sets_add(&ids, set_above(sets[i], bar_of(merged)));
    }
    return sets_merge(merged, column, &ids, limits, arena);
}

static enum columba_error inbox_write(const struct inbox *inbox, struct arena *arena,
                                      struct slice *out_row)
{
    size_t size = 1;
    for (uint8_t column = 1; column < INBOX_COLUMNS; column++) {
        size += inbox->cells[column].column == 0 ? 0 : cell_size(&inbox->cells[column]);
    }
    uint8_t *buffer = arena_allocate(arena, size);
    if (buffer == NULL) {
        return ERR_NO_MEMORY;
    }
    struct row_writer row;
    row_writer_init(&row, buffer, size);
    for (uint8_t column = 1; column < INBOX_COLUMNS; column++) {
        if (inbox->cells[column].column != 0) {
            row_writer_cell(&row, &inbox->cells[column]);
        }
    }
    COLUMBA_ASSERT(!row.writer.failed);
    *out_row = row_writer_done(&row);
    return COLUMBA_OK;
}

/* What rose while the sets were united holds for both of them. */
static void bar_apply(struct inbox *merged)
{
    struct slice bar = bar_of(merged);
    set_put(merged, COLUMN_INBOX_UNREAD, set_above(value_of(merged, COLUMN_INBOX_UNREAD), bar));
    set_put(merged, COLUMN_INBOX_DELETED, set_above(value_of(merged, COLUMN_INBOX_DELETED), bar));
    if (slice_compare(value_of(merged, COLUMN_INBOX_FLOOR),
                      value_of(merged, COLUMN_INBOX_MARKER)) <= 0) {
        merged->cells[COLUMN_INBOX_FLOOR] = (struct cell){0};
    }
}

enum columba_error inbox_merge(const struct slice *versions, size_t count,
                               const struct row_limits *limits, struct arena *arena,
                               struct slice *out_row)
{
    COLUMBA_ASSERT(count <= MERGE_FAN_IN);
    struct inbox merged = {0};
    struct slice unread[MERGE_FAN_IN];
    struct slice deleted[MERGE_FAN_IN];
    for (size_t i = 0; i < count; i++) {
        struct inbox version;
        enum columba_error error = inbox_read(versions[i], limits, &version);
        if (error != COLUMBA_OK) {
            return error;
        }
        columns_merge(&merged, &version);
        unread[i] = value_of(&version, COLUMN_INBOX_UNREAD);
        deleted[i] = value_of(&version, COLUMN_INBOX_DELETED);
    }
    enum columba_error error =
        column_unite(&merged, COLUMN_INBOX_UNREAD, unread, count, limits, arena);
    if (error == COLUMBA_OK) {
        error = column_unite(&merged, COLUMN_INBOX_DELETED, deleted, count, limits, arena);
    }
    if (error != COLUMBA_OK) {
        return error;
    }
    bar_apply(&merged);
    return inbox_write(&merged, arena, out_row);
}

uint32_t inbox_unread_count(struct slice unread, struct slice deleted)
{
    size_t count = set_count(unread);
    size_t at = 0;
#ifdef COLUMBA_BUG_deleted_is_unread
    return (uint32_t)count;
#endif
    for (size_t i = 0; at < set_count(unread) && i < set_count(deleted); i++) {
        while (at < set_count(unread) &&
               memcmp(set_at(unread, at), set_at(deleted, i), ID_BYTES) < 0) {
            at++;
        }
        count -=
            at < set_count(unread) && memcmp(set_at(unread, at), set_at(deleted, i), ID_BYTES) == 0
                ? 1
                : 0;
    }
    return (uint32_t)count;
}
