#include "node/core/coordinator/members_cache.h"

#include "base/assert.h"
#include "base/bytes.h"

/* 16 MiB of member ids: a million members of warm groups. */
#define MEMBERS_HELD_MAX (1u << 20)

static struct list *bucket_of(const struct members_cache *cache, const struct id *id)
{
    return &cache->buckets[bytes_get_u32_be(id->bytes) & (cache->bucket_count - 1)];
}

int members_cache_init(struct members_cache *cache, struct memory *memory, uint32_t capacity)
{
    *cache = (struct members_cache){.memory = memory, .capacity = capacity, .bucket_count = 1};
    while (cache->bucket_count < capacity) {
        cache->bucket_count *= 2;
    }
    list_init(&cache->by_use);
    cache->buckets = memory_allocate(memory, cache->bucket_count * sizeof(struct list));
    if (cache->buckets == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < cache->bucket_count; i++) {
        list_init(&cache->buckets[i]);
    }
    return 0;
}

static void entry_drop(struct members_cache *cache, struct members *entry)
{
    list_remove(&entry->by_use);
    list_remove(&entry->in_bucket);
    COLUMBA_ASSERT(cache->count > 0 && cache->members_held >= entry->count);
    cache->count--;
    cache->members_held -= entry->count;
    memory_release(cache->memory, entry);
}

void members_cache_clear(struct members_cache *cache)
{
    if (cache->buckets == NULL) {
        return;
    }
    while (!list_is_empty(&cache->by_use)) {
        entry_drop(cache, container_of(cache->by_use.next, struct members, by_use));
    }
    memory_release(cache->memory, cache->buckets);
    cache->buckets = NULL;
}

static struct members *entry_find(const struct members_cache *cache, const struct id *id)
{
    struct list *bucket = bucket_of(cache, id);
    list_for_each(node, bucket)
    {
        struct members *entry = container_of(node, struct members, in_bucket);
        if (id_equal(&entry->id, id)) {
            return entry;
        }
    }
    return NULL;
}

struct members *members_cache_get(struct members_cache *cache, const struct id *id)
{
    struct members *entry = entry_find(cache, id);
    if (entry != NULL) {
        list_remove(&entry->by_use);
        list_prepend(&cache->by_use, &entry->by_use);
    }
    return entry;
}

static void make_room(struct members_cache *cache, uint32_t count)
{
    while (!list_is_empty(&cache->by_use) &&
           (cache->count >= cache->capacity || cache->members_held + count > MEMBERS_HELD_MAX)) {
        entry_drop(cache, container_of(cache->by_use.previous, struct members, by_use));
    }
}

struct members *members_cache_put(struct members_cache *cache, const struct id *id,
                                  uint64_t version, bool is_channel, const struct id *users,
                                  uint32_t count)
{
    members_cache_drop(cache, id);
    make_room(cache, count);
    size_t members_bytes = count * sizeof(struct id);
    struct members *entry = memory_allocate(cache->memory, sizeof(*entry) + members_bytes);
    if (entry == NULL) {
        return NULL;
    }
    entry->id = *id;
    entry->version = version;
    entry->is_channel = is_channel;
    entry->count = count;
    if (count > 0) {
        memcpy(entry->users, users, members_bytes);
    }
    list_prepend(&cache->by_use, &entry->by_use);
    list_append(bucket_of(cache, id), &entry->in_bucket);
    cache->count++;
    cache->members_held += count;
    return entry;
}

void members_cache_drop(struct members_cache *cache, const struct id *id)
{
    struct members *entry = entry_find(cache, id);
    if (entry != NULL) {
        entry_drop(cache, entry);
    }
}

bool members_include(const struct members *members, const struct id *user)
{
    uint32_t low = 0;
    uint32_t high = members->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = id_compare(&members->users[middle], user);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}
