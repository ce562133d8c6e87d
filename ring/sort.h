/*
 * Sorting in place. The C library's qsort may allocate, which pure code must not; heapsort never
 * does, and no input makes it slow. Not stable.
 */
#ifndef COLUMBA_RING_SORT_H
#define COLUMBA_RING_SORT_H

#include <stddef.h>

/* The size of one element. */
#define SORT_ELEMENT_MAX_BYTES 64u

/* Negative, zero or positive, as for memcmp. */
typedef int sort_compare(const void *a, const void *b);

void sort_array(void *elements, size_t count, size_t element_bytes, sort_compare *compare);

#endif
