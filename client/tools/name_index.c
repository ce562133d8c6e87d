#include "client/tools/name_index.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define SLOTS_FIRST 1024u

void name_index_init(struct name_index *index, struct arena *arena)
{
    *index = (struct name_index){.arena = arena};
}

void name_index_clear(struct name_index *index)
{
    free((void *)index->names);
    free(index->slots);
    *index = (struct name_index){0};
}

/* The slot of that name, or the free one where it belongs. */
static uint32_t slot_of(const struct name_index *index, const char *name)
{
    uint32_t mask = index->slot_count - 1;
    uint32_t slot = (uint32_t)XXH3_64bits(name, strlen(name)) & mask;
    while (index->slots[slot] && strcmp(index->names[index->slots[slot] - 1], name) != 0) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static bool grow(struct name_index *index)
{
    uint32_t slot_count = index->slot_count ? index->slot_count * 2 : SLOTS_FIRST;
    uint32_t *slots = calloc(slot_count, sizeof(*slots));
    const char **names = realloc((void *)index->names, (slot_count / 2) * sizeof(*names));
    if (names) {
        index->names = names;
    }
    if (!slots || !names) {
        free(slots);
        return false;
    }
    free(index->slots);
    index->slots = slots;
    index->slot_count = slot_count;
    index->capacity = slot_count / 2;
    for (uint32_t i = 0; i < index->count; i++) {
        index->slots[slot_of(index, index->names[i])] = i + 1;
    }
    return true;
}

bool name_index_add(struct name_index *index, const char *name, uint32_t *out_number)
{
    if (index->count == index->capacity && !grow(index)) {
        return false;
    }
    uint32_t slot = slot_of(index, name);
    if (!index->slots[slot]) {
        struct slice copy;
        if (arena_copy(index->arena, slice_of(name, strlen(name) + 1), &copy) != 0) {
            return false;
        }
        index->names[index->count] = (const char *)copy.data;
        index->slots[slot] = ++index->count;
    }
    *out_number = index->slots[slot] - 1;
    return true;
}
