#include "node/store/sorted_map.h"

#include "base/assert.h"

#define SEED 0x9e3779b97f4a7c15u

/* For each level the last entry before a key; NULL stands for the head. */
struct path {
    struct sorted_entry *before[SORTED_MAP_HEIGHT_MAX];
};

void sorted_map_init(struct sorted_map *map, struct memory *memory)
{
    *map = (struct sorted_map){.memory = memory, .random = SEED};
}

void sorted_map_clear(struct sorted_map *map)
{
    struct sorted_entry *entry = map->head[0];
    while (entry != NULL) {
        struct sorted_entry *next = entry->next[0];
        memory_release(map->memory, entry->value);
        memory_release(map->memory, entry);
        entry = next;
    }
    sorted_map_init(map, map->memory);
}

struct slice sorted_entry_key(const struct sorted_entry *entry)
{
    return slice_of(entry->next + entry->height, entry->key_size);
}

static struct sorted_entry *entry_next(const struct sorted_map *map,
                                       const struct sorted_entry *entry, unsigned level)
{
    return entry == NULL ? map->head[level] : entry->next[level];
}

static void entry_link(struct sorted_map *map, struct sorted_entry *before, unsigned level,
                       struct sorted_entry *next)
{
    if (before == NULL) {
        map->head[level] = next;
    } else {
        before->next[level] = next;
    }
}

static struct sorted_entry *path_find(const struct sorted_map *map, struct slice key,
                                      struct path *out_path)
{
    struct sorted_entry *before = NULL;
    for (unsigned level = SORTED_MAP_HEIGHT_MAX; level-- > 0;) {
        struct sorted_entry *next = entry_next(map, before, level);
        while (next != NULL && slice_compare(sorted_entry_key(next), key) < 0) {
            before = next;
            next = next->next[level];
        }
        if (out_path != NULL) {
            out_path->before[level] = before;
        }
    }
    return before;
}

struct sorted_entry *sorted_map_last_before(const struct sorted_map *map, struct slice key)
{
    return path_find(map, key, NULL);
}

struct sorted_entry *sorted_map_at_or_after(const struct sorted_map *map, struct slice key)
{
    return entry_next(map, path_find(map, key, NULL), 0);
}

static struct sorted_entry *entry_if_key(struct sorted_entry *entry, struct slice key)
{
    return entry != NULL && slice_equal(sorted_entry_key(entry), key) ? entry : NULL;
}

struct sorted_entry *sorted_map_find(const struct sorted_map *map, struct slice key)
{
    return entry_if_key(sorted_map_at_or_after(map, key), key);
}

/* One level more with a chance of one in four. */
static uint8_t height_draw(struct sorted_map *map)
{
    map->random ^= map->random << 13;
    map->random ^= map->random >> 7;
    map->random ^= map->random << 17;
    uint8_t height = 1;
    for (uint64_t bits = map->random; (bits & 3) == 0 && height < SORTED_MAP_HEIGHT_MAX;
         bits >>= 2) {
        height++;
    }
    return height;
}

static struct sorted_entry *entry_create(struct sorted_map *map, struct slice key)
{
    uint8_t height = height_draw(map);
    size_t links_bytes = height * sizeof(struct sorted_entry *);
    struct sorted_entry *entry =
        memory_allocate(map->memory, sizeof(*entry) + links_bytes + key.size);
    if (entry == NULL) {
        return NULL;
    }
    *entry = (struct sorted_entry){.height = height, .key_size = (uint32_t)key.size};
    if (key.size > 0) {
        memcpy(entry->next + height, key.data, key.size);
    }
    return entry;
}

struct sorted_entry *sorted_map_insert(struct sorted_map *map, struct slice key)
{
    struct path path;
    path_find(map, key, &path);
    struct sorted_entry *after = entry_next(map, path.before[0], 0);
    if (entry_if_key(after, key) != NULL) {
        return after;
    }
    struct sorted_entry *entry = entry_create(map, key);
    if (entry == NULL) {
        return NULL;
    }
    for (unsigned level = 0; level < entry->height; level++) {
        entry->next[level] = entry_next(map, path.before[level], level);
        entry_link(map, path.before[level], level, entry);
    }
    entry->previous = path.before[0];
    *(after == NULL ? &map->last : &after->previous) = entry;
    map->count++;
    return entry;
}

void sorted_map_remove(struct sorted_map *map, struct sorted_entry *entry)
{
    COLUMBA_ASSERT(entry->value == NULL);
    struct path path;
    path_find(map, sorted_entry_key(entry), &path);
    for (unsigned level = 0; level < entry->height; level++) {
        COLUMBA_ASSERT(entry_next(map, path.before[level], level) == entry);
        entry_link(map, path.before[level], level, entry->next[level]);
    }
    struct sorted_entry *after = entry->next[0];
    *(after == NULL ? &map->last : &after->previous) = entry->previous;
    map->count--;
    memory_release(map->memory, entry);
}
