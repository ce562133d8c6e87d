#include "node/core/request/page.h"

#include "base/assert.h"
#include "node/core/coordinator/read.h"
#include "node/core/machine/answer.h"
#include "node/core/state.h"

uint32_t page_limit(uint32_t asked, uint32_t otherwise)
{
    if (asked == 0) {
        return otherwise;
    }
    return asked < PAGE_MAX_ROWS ? asked : PAGE_MAX_ROWS;
}

void page_begin_after(struct message_read *query, const struct id *after,
                      uint8_t buffer[ID_BYTES + 1])
{
    if (!id_is_zero(after)) {
        memcpy(buffer, after->bytes, ID_BYTES);
        buffer[ID_BYTES] = 0; /* the first key behind the id */
        query->begin = slice_of(buffer, ID_BYTES + 1);
    }
}

bool page_make(struct core *core, struct op *op, enum message_type type, size_t row_bytes,
               page_row row, struct page *out_page)
{
    if (op->status.error != COLUMBA_OK) {
        op_finish(core, op);
        return false;
    }
    struct page page = {.message = effects_message(&core->effects, type), .more = op->read->more};
    uint8_t *rows = effects_allocate(&core->effects, op->read->row_count * row_bytes);
    if (page.message == NULL || rows == NULL) {
        op_refuse(core, op, ERR_NO_MEMORY, NULL);
        return false;
    }
    struct packed_reader reader;
    struct packed_row packed;
    packed_reader_init(&reader, op->read->packed);
    while (packed_reader_next(&reader, &packed)) {
        COLUMBA_ASSERT(page.row_count < op->read->row_count);
        page.row_count += row(&packed, rows + page.row_count * row_bytes) ? 1 : 0;
    }
    page.rows = rows;
    *out_page = page;
    return true;
}

void page_reply(struct core *core, struct op *op, const struct page *page)
{
    COLUMBA_ASSERT(page->message != NULL);
    op_reply(core, op, page->message);
    op_end(core, op);
}
