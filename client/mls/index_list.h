/* A growing list of node or leaf indices. */
#ifndef COLUMBA_MLS_INDEX_LIST_H
#define COLUMBA_MLS_INDEX_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

struct mls_index_list {
    struct memory *memory;
    uint32_t *items;
    uint32_t count;
    uint32_t capacity;
};

static inline struct mls_index_list mls_index_list_of(struct memory *memory)
{
    return (struct mls_index_list){.memory = memory};
}

static inline void mls_index_list_clear(struct mls_index_list *list)
{
    memory_release(list->memory, list->items);
    *list = mls_index_list_of(list->memory);
}

/* False: no memory. */
static inline bool mls_index_list_append(struct mls_index_list *list, uint32_t index)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
        uint32_t *items = memory_allocate(list->memory, capacity * sizeof(*items));
        if (items == NULL) {
            return false;
        }
        if (list->count > 0) {
            memcpy(items, list->items, list->count * sizeof(*items));
        }
        memory_release(list->memory, list->items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = index;
    return true;
}

/* Of a list in ascending order. */
static inline bool mls_index_list_holds(const struct mls_index_list *list, uint32_t index)
{
    uint32_t low = 0;
    uint32_t high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->items[middle] < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < list->count && list->items[low] == index;
}

#endif
