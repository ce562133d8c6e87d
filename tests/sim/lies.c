#include "tests/sim/lies.h"

#include <string.h>

#include "base/assert.h"
#include "node/store/key.h"
#include "node/store/row.h"

#define ROWS_MAX 4096u

/* A page taken apart. */
struct pages {
    struct packed_row rows[ROWS_MAX];
    uint32_t count;
    size_t bytes;
};

static struct pages *pages_read(struct slice packed, struct arena *arena)
{
    struct pages *pages = arena_allocate(arena, sizeof *pages);
    struct packed_reader reader;
    COLUMBA_ASSERT(pages != NULL);
    pages->count = 0;
    pages->bytes = packed.size;
    packed_reader_init(&reader, packed);
    while (pages->count + 1 < ROWS_MAX && packed_reader_next(&reader, &pages->rows[pages->count])) {
        pages->count++;
    }
    return pages;
}

static void pages_write(const struct pages *pages, struct message_rows *rows, struct arena *arena)
{
    size_t room = 2 * pages->bytes + 256;
    uint8_t *bytes = arena_allocate(arena, room);
    COLUMBA_ASSERT(bytes != NULL);
    struct writer writer = writer_of(bytes, room);
    for (uint32_t i = 0; i < pages->count; i++) {
        packed_row_write(&writer, &pages->rows[i]);
    }
    rows->packed = writer_done(&writer);
}

static bool rows_swapped(struct random *random, struct message_rows *rows, struct arena *arena)
{
    struct pages *pages = pages_read(rows->packed, arena);
    if (pages->count < 2) {
        return false;
    }
    uint32_t at = (uint32_t)random_below(random, pages->count - 1);
    struct packed_row row = pages->rows[at];
    pages->rows[at] = pages->rows[at + 1];
    pages->rows[at + 1] = row;
    pages_write(pages, rows, arena);
    return true;
}

static bool row_doubled(struct random *random, struct message_rows *rows, struct arena *arena)
{
    struct pages *pages = pages_read(rows->packed, arena);
    if (pages->count == 0) {
        return false;
    }
    uint32_t at = (uint32_t)random_below(random, pages->count);
    memmove(&pages->rows[at + 1], &pages->rows[at], (pages->count - at) * sizeof pages->rows[0]);
    pages->count++;
    rows->row_count++;
    pages_write(pages, rows, arena);
    return true;
}

/* A row of no table, one whose key is too short, or one whose bytes are no row. */
static bool row_broken(struct random *random, struct message_rows *rows, struct arena *arena)
{
    static const uint8_t garbage[] = {0xff, 0xff, 0xff};
    struct pages *pages = pages_read(rows->packed, arena);
    if (pages->count == 0) {
        return false;
    }
    struct packed_row *row = &pages->rows[random_below(random, pages->count)];
    switch (random_below(random, 3)) {
    case 0:
        row->table = 200;
        break;
    case 1:
        row->clustering.size = row->clustering.size == 0 ? 0 : row->clustering.size - 1;
        row->row = slice_of(garbage, sizeof garbage);
        break;
    default:
        row->row = slice_of(garbage, sizeof garbage);
        break;
    }
    pages_write(pages, rows, arena);
    return true;
}

static bool packed_cut(struct random *random, struct message_rows *rows)
{
    if (rows->packed.size < 2) {
        return false;
    }
    rows->packed.size = 1 + (size_t)random_below(random, rows->packed.size - 1);
    return true;
}

static bool rows_alter(struct random *random, struct message_rows *rows, struct arena *arena)
{
    static const uint8_t digest[16] = {1, 2, 3};
    switch (random_below(random, 7)) {
    case 0:
        rows->row_count += 1 + (uint32_t)random_below(random, 2000);
        return rows->digest.size == 0;
    case 1:
        rows->row_count -= rows->row_count > 0;
        return rows->packed.size > 0;
    case 2:
        return packed_cut(random, rows);
    case 3:
        return rows_swapped(random, rows, arena);
    case 4:
        return row_doubled(random, rows, arena);
    case 5:
        return row_broken(random, rows, arena);
    default:
        if (rows->packed.size == 0) {
            return false;
        }
        rows->packed = slice_of(NULL, 0);
        rows->digest = slice_of(digest, sizeof digest);
        return true;
    }
}

/* An answer of success, of a type that does not answer the question. */
static void type_alter(struct random *random, struct message *answer)
{
    enum message_type types[] = {MESSAGE_STATUS, MESSAGE_WRITTEN, MESSAGE_ROWS};
    enum message_type type = answer->type;
    while (type == answer->type) {
        type = types[random_below(random, sizeof types / sizeof types[0])];
    }
    *answer = (struct message){.type = type};
}

bool lies_alter(struct random *random, struct message *answer, struct arena *arena)
{
    if (answer->type != MESSAGE_STATUS && answer->type != MESSAGE_WRITTEN &&
        answer->type != MESSAGE_ROWS) {
        return false;
    }
    if (answer->type == MESSAGE_ROWS && answer->rows.error == COLUMBA_OK &&
        !random_chance(random, 250)) {
        return rows_alter(random, &answer->rows, arena);
    }
    type_alter(random, answer);
    return true;
}
