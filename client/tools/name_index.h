/*
 * Names in the order in which they first came, each once: a name to a number and back. Open
 * addressing over XXH3, at most half full.
 */
#ifndef COLUMBA_CLIENT_TOOLS_NAME_INDEX_H
#define COLUMBA_CLIENT_TOOLS_NAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct name_index {
    struct arena *arena; /* owns the names */
    const char **names;
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* number + 1; 0 is free */
    uint32_t slot_count;
};

void name_index_init(struct name_index *index, struct arena *arena);
void name_index_clear(struct name_index *index);
/* The number of a name, added if it is new. False: no memory. */
bool name_index_add(struct name_index *index, const char *name, uint32_t *out_number);

#endif
