/*
 * A coordinator's memory of who is in a conversation. An entry may be stale: every write's answers
 * carry the membership version the replicas know, and a coordinator whose entry is older reads the
 * members again before it fans out. So the cache only saves reads; nothing rests on its freshness.
 *
 * Bounded by entries and, through the fan-out limit, by members of each; the least recently used
 * go first.
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_MEMBERS_CACHE_H
#define COLUMBA_NODE_CORE_COORDINATOR_MEMBERS_CACHE_H

#include <stdbool.h>

#include "base/id.h"
#include "base/list.h"
#include "base/memory.h"

struct members {
    struct id id;
    uint64_t version;
    bool is_channel; /* more members than are fanned out to; `users` is then empty */
    uint32_t count;
    struct list by_use;
    struct list in_bucket;
    struct id users[]; /* ascending */
};

struct members_cache {
    struct memory *memory;
    struct list *buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t capacity;
    uint32_t count;
    uint64_t members_held; /* over all entries */
    struct list by_use;    /* most recent first */
};

int members_cache_init(struct members_cache *cache, struct memory *memory, uint32_t capacity);
void members_cache_clear(struct members_cache *cache);
/* NULL: not there. Valid until the next put or drop. */
struct members *members_cache_get(struct members_cache *cache, const struct id *id);
/* Replaces what is there. Members must be ascending. NULL: no memory (nothing is cached). */
struct members *members_cache_put(struct members_cache *cache, const struct id *id,
                                  uint64_t version, bool is_channel, const struct id *users,
                                  uint32_t count);
void members_cache_drop(struct members_cache *cache, const struct id *id);
bool members_include(const struct members *members, const struct id *user);

#endif
