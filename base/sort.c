#include "base/sort.h"

#include <stdint.h>

struct heap {
    uint8_t *elements;
    size_t element_bytes;
    int (*compare)(const void *a, const void *b);
};

static uint8_t *at(const struct heap *heap, size_t index)
{
    return heap->elements + index * heap->element_bytes;
}

static void swap(const struct heap *heap, size_t a, size_t b)
{
    uint8_t *left = at(heap, a);
    uint8_t *right = at(heap, b);
    for (size_t i = 0; i < heap->element_bytes; i++) {
        uint8_t byte = left[i];
        left[i] = right[i];
        right[i] = byte;
    }
}

static void sift_down(const struct heap *heap, size_t root, size_t count)
{
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && heap->compare(at(heap, child), at(heap, child + 1)) < 0) {
            child++;
        }
        if (heap->compare(at(heap, root), at(heap, child)) >= 0) {
            return;
        }
        swap(heap, root, child);
        root = child;
    }
}

void sort_heap(void *elements, size_t count, size_t element_bytes,
               int (*compare)(const void *a, const void *b))
{
    const struct heap heap = {
        .elements = elements, .element_bytes = element_bytes, .compare = compare};
    for (size_t root = count / 2; root-- > 0;) {
        sift_down(&heap, root, count);
    }
    for (size_t end = count; end > 1; end--) {
        swap(&heap, 0, end - 1);
        sift_down(&heap, 0, end - 1);
    }
}
