/*
 * What is due, soonest first: a binary heap of nodes that live in their objects and know their
 * place, so that any of them can leave. Of those due at the same time the one that came first goes
 * first, so that nothing depends on how the heap happens to lie.
 */
#ifndef COLUMBA_BASE_HEAP_H
#define COLUMBA_BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

#define HEAP_NONE UINT32_MAX

struct heap_node {
    uint64_t at; /* when it is due; only heap_insert sets it */
    uint64_t order;
    uint32_t place; /* HEAP_NONE: it is in no heap */
};

struct heap {
    struct memory *memory;
    struct heap_node **nodes;
    uint32_t count;
    uint32_t capacity;
    uint64_t inserted; /* so far */
};

void heap_init(struct heap *heap, struct memory *memory);
/* The nodes are their owners'. */
void heap_clear(struct heap *heap);
/* Room for so many in all; false: no memory, and nothing has changed. */
bool heap_reserve(struct heap *heap, uint32_t capacity);

static inline void heap_node_init(struct heap_node *node)
{
    *node = (struct heap_node){.place = HEAP_NONE};
}

/* Anew if it is there already. There must be room. */
void heap_insert(struct heap *heap, struct heap_node *node, uint64_t at);
/* Nothing happens to a node that is in no heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* NULL: the heap is empty. */
static inline struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

#endif
