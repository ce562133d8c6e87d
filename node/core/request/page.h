/*
 * Pages: requests for some rows of one table in their order, and their answers. What differs
 * between a history, an inbox and a list of members is how one row is shown.
 */
#ifndef COLUMBA_NODE_CORE_REQUEST_PAGE_H
#define COLUMBA_NODE_CORE_REQUEST_PAGE_H

#include "node/core/machine/op.h"
#include "node/store/row.h"

/* Shows a stored row; false: it is not part of the page. */
typedef bool (*page_row)(const struct packed_row *packed, void *out_row);

struct page {
    struct message *message; /* of the type that was asked for, to be filled in */
    void *rows;
    uint32_t row_count;
    bool more;
};

/* How many rows are read: as many as asked for, `otherwise` if that is not said, PAGE_MAX_ROWS at
 * most. */
uint32_t page_limit(uint32_t asked, uint32_t otherwise);
/* The page begins behind this id, if it is not zero; `buffer` must live as long as the query. */
void page_begin_after(struct message_read *query, const struct id *after,
                      uint8_t buffer[ID_BYTES + 1]);
/* The rows that the operation read, as an answer of the type. False: the asker was told why not,
 * and the operation is over. */
bool page_make(struct core *core, struct op *op, enum message_type type, size_t row_bytes,
               page_row row, struct page *out_page);
/* Answers with the page's message; the operation is over. */
void page_reply(struct core *core, struct op *op, const struct page *page);

#endif
