/*
 * An inbox in order of activity: the conversation with the newest message first, and of those with
 * one newest message the one with the highest id. A row's place in this order is 32 bytes, its
 * newest message's id and its conversation's; higher places come first. Rows without a message have
 * the lowest places, and are only listed if they are a channel's: another one is a marker that came
 * before anything it could mark.
 *
 * A page gathers, from all of a user's rows in any order, those that come first behind a place.
 */
#ifndef COLUMBA_NODE_STORE_ACTIVITY_H
#define COLUMBA_NODE_STORE_ACTIVITY_H

#include "base/arena.h"
#include "base/id.h"
#include "node/store/row.h"

#define ACTIVITY_PLACE_BYTES (2u * ID_BYTES)

struct activity_place {
    uint8_t bytes[ACTIVITY_PLACE_BYTES];
};

struct activity_place activity_place_of(const struct id *last, const struct id *conversation);
/* The place of an inbox row; false: the row is not listed (or is none). */
bool activity_place_of_row(const struct packed_row *row, struct activity_place *out_place);
/* Does `place` come after `other`? */
bool activity_is_behind(const struct activity_place *place, const struct activity_place *other);

/* One of two places that a page's rows are in turn, when more are added. */
struct activity_buffer {
    uint8_t *bytes;
    size_t size;
};

struct activity_page {
    struct arena *arena;
    struct activity_place after;
    bool has_after;
    uint32_t limit_rows;
    uint32_t limit_bytes; /* passed by one row at most, so that any row can be listed */
    struct slice packed;  /* the rows in order, by now */
    uint32_t row_count;
    bool more;                  /* others were left out, that come behind these */
    struct activity_place last; /* of the last row, if there is one */
    struct activity_buffer in_use;
    struct activity_buffer spare;
    struct activity_entry *entries;
    uint32_t entries_max;
};

/* `after`: the page begins behind this place; NULL: at the first. */
void activity_page_init(struct activity_page *page, struct arena *arena,
                        const struct activity_place *after, uint32_t limit_rows,
                        uint32_t limit_bytes);
/* Rows that were not added before, packed, which are copied. ERR_CORRUPT, ERR_NO_MEMORY. */
enum columba_error activity_page_add(struct activity_page *page, struct slice packed);
/* Leaves out what is behind a place, of which not all is known: there may be more. */
void activity_page_cut(struct activity_page *page, const struct activity_place *horizon);

#endif
