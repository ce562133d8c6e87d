/* What is stored of a change: a record and an edit that decode are encoded again into the same
 * bytes; marks are read to their end without a fault. */
#include <stdlib.h>

#include "base/assert.h"
#include "proto/change.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const uint8_t *again, size_t again_size, struct slice bytes)
{
    COLUMBA_ASSERT(slice_equal(slice_of(again, again_size), bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of(data, size);
    struct change_record record;
    struct edit edit;
    struct mark_reader marks;
    struct mark mark;
    uint8_t *again = malloc(size + 16);
    COLUMBA_ASSERT(again != NULL);
    if (change_record_decode(bytes, &record) == COLUMBA_OK && change_record_size(&record) == size) {
        change_record_encode(&record, again);
        expect_same(again, size, bytes);
    }
    if (edit_decode(bytes, &edit) == COLUMBA_OK && edit_size(&edit) == size) {
        edit_encode(&edit, again);
        expect_same(again, size, bytes);
    }
    mark_reader_init(&marks, bytes);
    while (mark_next(&marks, &mark)) {
        COLUMBA_ASSERT(mark.key.size > 0 && mark.value.size <= size);
    }
    free(again);
    return 0;
}
