/* The content of a message: what decodes is encoded again into the same bytes, as it has but one
 * form. */
#include <stdlib.h>

#include "base/assert.h"
#include "proto/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct content content;
    if (content_decode(slice_of(data, size), &content) != COLUMBA_OK) {
        return 0;
    }
    COLUMBA_ASSERT(content_size(&content) == size);
    uint8_t *again = malloc(size);
    COLUMBA_ASSERT(again != NULL);
    content_encode(&content, again);
    COLUMBA_ASSERT(slice_equal(slice_of(again, size), slice_of(data, size)));
    free(again);
    return 0;
}
