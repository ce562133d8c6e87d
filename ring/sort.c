#include "ring/sort.h"

#include <stdint.h>
#include <string.h>

#include "base/assert.h"

struct heap {
    uint8_t *elements;
    size_t element_bytes;
    sort_compare *compare;
};

static uint8_t *heap_at(const struct heap *heap, size_t index)
{
    return heap->elements + index * heap->element_bytes;
}

static void heap_swap(const struct heap *heap, size_t a, size_t b)
{
    uint8_t held[SORT_ELEMENT_MAX_BYTES];
    memcpy(held, heap_at(heap, a), heap->element_bytes);
    memcpy(heap_at(heap, a), heap_at(heap, b), heap->element_bytes);
    memcpy(heap_at(heap, b), held, heap->element_bytes);
}

static void heap_sink(const struct heap *heap, size_t index, size_t count)
{
    for (size_t child = 2 * index + 1; child < count; child = 2 * index + 1) {
        if (child + 1 < count &&
            heap->compare(heap_at(heap, child), heap_at(heap, child + 1)) < 0) {
            child++;
        }
        if (heap->compare(heap_at(heap, index), heap_at(heap, child)) >= 0) {
            return;
        }
        heap_swap(heap, index, child);
        index = child;
    }
}

void sort_array(void *elements, size_t count, size_t element_bytes, sort_compare *compare)
{
    COLUMBA_ASSERT(element_bytes <= SORT_ELEMENT_MAX_BYTES);
    struct heap heap = {elements, element_bytes, compare};
    for (size_t i = count / 2; i > 0; i--) {
        heap_sink(&heap, i - 1, count);
    }
    for (size_t end = count; end > 1; end--) {
        heap_swap(&heap, 0, end - 1);
        heap_sink(&heap, 0, end - 1);
    }
}
