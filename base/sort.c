#include "base/sort.h"

#include <stdint.h>
#include <string.h>

#include "base/assert.h"

struct heap {
    uint8_t *elements;
    size_t element_bytes;
    int (*compare)(const void *a, const void *b);
};

static uint8_t *at(const struct heap *heap, size_t index)
{
    return heap->elements + index * heap->element_bytes;
}

/* The element at the root finds its place: larger children move up into the hole it leaves. */
static void sift_down(const struct heap *heap, const uint8_t *element, size_t root, size_t count)
{
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && heap->compare(at(heap, child), at(heap, child + 1)) < 0) {
            child++;
        }
        if (heap->compare(element, at(heap, child)) >= 0) {
            break;
        }
        memcpy(at(heap, root), at(heap, child), heap->element_bytes);
        root = child;
    }
    memcpy(at(heap, root), element, heap->element_bytes);
}

void sort_heap(void *elements, size_t count, size_t element_bytes,
               int (*compare)(const void *a, const void *b))
{
    const struct heap heap = {
        .elements = elements, .element_bytes = element_bytes, .compare = compare};
    uint8_t element[SORT_ELEMENT_MAX_BYTES];
    COLUMBA_ASSERT(element_bytes <= sizeof(element));
    for (size_t root = count / 2; root-- > 0;) {
        memcpy(element, at(&heap, root), element_bytes);
        sift_down(&heap, element, root, count);
    }
    for (size_t end = count; end > 1; end--) {
        memcpy(element, at(&heap, end - 1), element_bytes);
        memcpy(at(&heap, end - 1), at(&heap, 0), element_bytes);
        sift_down(&heap, element, 0, end - 1);
    }
}
