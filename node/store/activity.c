#include "node/store/activity.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/sort.h"
#include "node/store/key.h"

struct activity_entry {
    struct activity_place place;
    struct packed_row row;
};

struct activity_place activity_place_of(const struct id *last, const struct id *conversation)
{
    struct activity_place place;
    memcpy(place.bytes, last->bytes, ID_BYTES);
    memcpy(place.bytes + ID_BYTES, conversation->bytes, ID_BYTES);
    return place;
}

bool activity_place_of_row(const struct packed_row *row, struct activity_place *out_place)
{
    struct id conversation, last = {{0}};
    struct cell cell;
    if (row->table != TABLE_INBOX || !id_from_slice(row->clustering, &conversation)) {
        return false;
    }
    bool has_message =
        row_find(row->row, COLUMN_INBOX_LAST, &cell) && id_from_slice(cell.value, &last);
    bool is_channel = row_find(row->row, COLUMN_INBOX_FLAGS, &cell) && cell.value.size == 1 &&
                      (cell.value.data[0] & INBOX_FLAG_CHANNEL) != 0;
    *out_place = activity_place_of(&last, &conversation);
    return (has_message && !id_is_zero(&last)) || is_channel;
}

static int place_compare(const struct activity_place *a, const struct activity_place *b)
{
    return memcmp(b->bytes, a->bytes, sizeof(a->bytes));
}

bool activity_is_behind(const struct activity_place *place, const struct activity_place *other)
{
    return place_compare(place, other) > 0;
}

static int entry_compare(const void *a, const void *b)
{
    const struct activity_entry *left = a;
    const struct activity_entry *right = b;
    return place_compare(&left->place, &right->place);
}

void activity_page_init(struct activity_page *page, struct arena *arena,
                        const struct activity_place *after, uint32_t limit_rows,
                        uint32_t limit_bytes)
{
    COLUMBA_ASSERT(limit_rows > 0 && limit_bytes > 0);
    *page = (struct activity_page){
        .arena = arena, .limit_rows = limit_rows, .limit_bytes = limit_bytes};
    if (after != NULL) {
        page->after = *after;
        page->has_after = true;
    }
}

static uint32_t rows_count(struct slice packed)
{
    struct packed_reader reader;
    struct packed_row row;
    uint32_t count = 0;
    packed_reader_init(&reader, packed);
    while (packed_reader_next(&reader, &row)) {
        count++;
    }
    return count;
}

static bool entries_reserve(struct activity_page *page, uint32_t count)
{
    if (count <= page->entries_max) {
        return true;
    }
    uint32_t most = page->limit_rows + PAGE_MAX_ROWS;
    if (page->entries != NULL && count < most) {
        count = most; /* for all that will be added, not once more for each */
    }
    page->entries = arena_allocate_array(page->arena, count, sizeof(*page->entries));
    page->entries_max = page->entries == NULL ? 0 : count;
    return page->entries != NULL;
}

/* What is behind the end of a page that was cut stays out: it may come behind one that was too
 * long for the page, and is not known any more. */
static bool page_may_list(const struct activity_page *page, const struct activity_place *place)
{
    return (!page->has_after || activity_is_behind(place, &page->after)) &&
           (!page->more || !activity_is_behind(place, &page->last));
}

/* Those that the page may list; false: damaged. */
static bool entries_collect(struct activity_page *page, struct slice packed, uint32_t *count)
{
    struct packed_reader reader;
    struct activity_entry entry;
    packed_reader_init(&reader, packed);
    while (packed_reader_next(&reader, &entry.row)) {
        if (activity_place_of_row(&entry.row, &entry.place) && page_may_list(page, &entry.place)) {
            COLUMBA_ASSERT(*count < page->entries_max);
            page->entries[(*count)++] = entry;
        }
    }
    return !packed_reader_failed(&reader);
}

/* An inbox of one scan's rows, the ordinary one, takes no more than these; a longer one, which
 * comes in several, as much as a page can ever be. */
static bool spare_reserve(struct activity_page *page, size_t size)
{
    size_t most = (size_t)page->limit_bytes + INBOX_ROW_MAX_BYTES + KEY_MAX_BYTES;
    bool is_first = page->in_use.bytes == NULL;
    size_t wanted = is_first && size < most ? size : most;
    if (page->spare.bytes == NULL || page->spare.size < wanted) {
        page->spare.bytes = arena_allocate(page->arena, wanted);
        page->spare.size = page->spare.bytes == NULL ? 0 : wanted;
    }
    return page->spare.bytes != NULL;
}

static void entries_write(struct activity_page *page, uint32_t count)
{
    struct writer writer = writer_of(page->spare.bytes, page->spare.size);
    page->row_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t used = (size_t)(writer.at - writer.begin);
        size_t with_row = used + packed_row_size(&page->entries[i].row);
        if (i == page->limit_rows || (i > 0 && with_row > page->limit_bytes)) {
            page->more = true;
            break;
        }
        packed_row_write(&writer, &page->entries[i].row);
        page->last = page->entries[i].place;
        page->row_count++;
    }
    COLUMBA_ASSERT(!writer.failed);
    page->packed = writer_done(&writer);
    struct activity_buffer written = page->spare;
    page->spare = page->in_use;
    page->in_use = written;
}

enum columba_error activity_page_add(struct activity_page *page, struct slice packed)
{
    uint32_t count = 0;
    if (!entries_reserve(page, page->row_count + rows_count(packed)) ||
        !spare_reserve(page, page->packed.size + packed.size)) {
        return ERR_NO_MEMORY;
    }
    if (!entries_collect(page, page->packed, &count) || !entries_collect(page, packed, &count)) {
        return ERR_CORRUPT;
    }
    sort_heap(page->entries, count, sizeof(*page->entries), entry_compare);
    entries_write(page, count);
    return COLUMBA_OK;
}

void activity_page_cut(struct activity_page *page, const struct activity_place *horizon)
{
    struct packed_reader reader;
    struct packed_row row;
    struct activity_place place;
    uint32_t kept = 0;
    packed_reader_init(&reader, page->packed);
    const uint8_t *end = page->packed.data;
    while (packed_reader_next(&reader, &row) && activity_place_of_row(&row, &place) &&
           !activity_is_behind(&place, horizon)) {
        end = row.row.data + row.row.size;
        page->last = place;
        kept++;
    }
    page->more = true;
    page->packed = slice_of(page->packed.data, (size_t)(end - page->packed.data));
    page->row_count = kept;
}
