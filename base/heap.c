#include "base/heap.h"

#include "base/assert.h"

void heap_init(struct heap *heap, struct memory *memory)
{
    *heap = (struct heap){.memory = memory};
}

void heap_clear(struct heap *heap)
{
    memory_release(heap->memory, heap->nodes);
    heap_init(heap, heap->memory);
}

bool heap_reserve(struct heap *heap, uint32_t capacity)
{
    COLUMBA_ASSERT(capacity < HEAP_NONE);
    if (capacity <= heap->capacity) {
        return true;
    }
    struct heap_node **nodes = memory_allocate(heap->memory, capacity * sizeof(struct heap_node *));
    if (nodes == NULL) {
        return false;
    }
    if (heap->count > 0) {
        memcpy(nodes, heap->nodes, heap->count * sizeof(struct heap_node *));
    }
    memory_release(heap->memory, heap->nodes);
    heap->nodes = nodes;
    heap->capacity = capacity;
    return true;
}

static bool is_before(const struct heap_node *a, const struct heap_node *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct heap *heap, uint32_t place, struct heap_node *node)
{
    heap->nodes[place] = node;
    node->place = place;
}

/* Later parents move down into the hole at `place`. */
static void rise(struct heap *heap, uint32_t place, struct heap_node *node)
{
    while (place > 0 && is_before(node, heap->nodes[(place - 1) / 2])) {
        put(heap, place, heap->nodes[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(heap, place, node);
}

/* Sooner children move up into the hole at `place`. */
static void sink(struct heap *heap, uint32_t place, struct heap_node *node)
{
    for (uint32_t child = 2 * place + 1; child < heap->count; child = 2 * place + 1) {
        if (child + 1 < heap->count && is_before(heap->nodes[child + 1], heap->nodes[child])) {
            child++;
        }
        if (!is_before(heap->nodes[child], node)) {
            break;
        }
        put(heap, place, heap->nodes[child]);
        place = child;
    }
    put(heap, place, node);
}

void heap_insert(struct heap *heap, struct heap_node *node, uint64_t at)
{
    heap_remove(heap, node);
    COLUMBA_ASSERT(heap->count < heap->capacity);
    node->at = at;
    node->order = heap->inserted++;
    rise(heap, heap->count++, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    uint32_t place = node->place;
    if (place == HEAP_NONE) {
        return;
    }
    COLUMBA_ASSERT(place < heap->count && heap->nodes[place] == node);
    node->place = HEAP_NONE;
    struct heap_node *last = heap->nodes[--heap->count];
    if (last == node) {
        return;
    }
    if (place > 0 && is_before(last, heap->nodes[(place - 1) / 2])) {
        rise(heap, place, last);
    } else {
        sink(heap, place, last);
    }
}
