/*
 * Heap sort: in place, without allocation (the C library's qsort may allocate), never worse than
 * n log n.
 */
#ifndef COLUMBA_BASE_SORT_H
#define COLUMBA_BASE_SORT_H

#include <stddef.h>

#define SORT_ELEMENT_MAX_BYTES 128u

/* Elements of at most so many bytes. `compare` as qsort's. Elements that compare equal come in any
 * order. */
void sort_heap(void *elements, size_t count, size_t element_bytes,
               int (*compare)(const void *a, const void *b));

#endif
