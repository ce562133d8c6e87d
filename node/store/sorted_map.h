/*
 * A sorted map of keys to values for the engine in memory: a skip list (Pugh, "Skip Lists: A
 * Probabilistic Alternative to Balanced Trees", 1990) with links backwards on the lowest level.
 * Heights come from a fixed seed, so the same calls make the same list.
 *
 * An entry stays where it is until it is removed. Its value is the caller's; NULL is allowed.
 */
#ifndef COLUMBA_NODE_STORE_SORTED_MAP_H
#define COLUMBA_NODE_STORE_SORTED_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/slice.h"

/* 4^12 entries before searching costs more than a logarithm. */
#define SORTED_MAP_HEIGHT_MAX 12u

struct sorted_value {
    size_t size;
    uint8_t bytes[];
};

struct sorted_entry {
    struct sorted_value *value;
    uint32_t pins; /* for the caller's use; 0 at first */
    uint32_t key_size;
    uint8_t height;
    bool is_damaged; /* for the caller's use; false at first */
    struct sorted_entry *previous;
    struct sorted_entry *next[]; /* `height` of them, then the key */
};

struct sorted_map {
    struct memory *memory;
    struct sorted_entry *head[SORTED_MAP_HEIGHT_MAX]; /* the first entry of each level */
    struct sorted_entry *last;
    uint64_t random;
    size_t count;
};

void sorted_map_init(struct sorted_map *map, struct memory *memory);
/* Frees entries and their values. */
void sorted_map_clear(struct sorted_map *map);

struct slice sorted_entry_key(const struct sorted_entry *entry);
/* NULL: there is none. */
struct sorted_entry *sorted_map_find(const struct sorted_map *map, struct slice key);
struct sorted_entry *sorted_map_at_or_after(const struct sorted_map *map, struct slice key);
struct sorted_entry *sorted_map_last_before(const struct sorted_map *map, struct slice key);

/* The entry of this key, made (with a NULL value) if there was none. NULL: no memory. */
struct sorted_entry *sorted_map_insert(struct sorted_map *map, struct slice key);
/* Frees the entry; its value must be NULL by then. */
void sorted_map_remove(struct sorted_map *map, struct sorted_entry *entry);

#endif
