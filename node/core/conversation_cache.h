/*
 * A coordinator's memory of who is in a conversation. An entry may be stale: every write's answers
 * carry the membership version the replicas know, and a coordinator whose entry is older reads the
 * members again before it fans out. So the cache only saves reads; nothing rests on its freshness.
 *
 * Bounded by entries and, through the fan-out limit, by members of each; the least recently used
 * go first.
 */
#ifndef COLUMBA_NODE_CORE_CONVERSATION_CACHE_H
#define COLUMBA_NODE_CORE_CONVERSATION_CACHE_H

#include <stdbool.h>

#include "base/id.h"
#include "base/list.h"
#include "base/memory.h"

struct conversation {
    struct id id;
    uint64_t version;
    bool is_channel; /* more members than are fanned out to; `members` is then empty */
    uint32_t member_count;
    struct list by_use;
    struct list in_bucket;
    struct id members[]; /* ascending */
};

struct conversation_cache {
    struct memory *memory;
    struct list *buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t capacity;
    uint32_t count;
    uint64_t members_held; /* over all entries */
    struct list by_use;    /* most recent first */
};

int conversation_cache_init(struct conversation_cache *cache, struct memory *memory,
                            uint32_t capacity);
void conversation_cache_clear(struct conversation_cache *cache);
/* NULL: not there. Valid until the next put or drop. */
struct conversation *conversation_cache_get(struct conversation_cache *cache, const struct id *id);
/* Replaces what is there. Members must be ascending. NULL: no memory (nothing is cached). */
struct conversation *conversation_cache_put(struct conversation_cache *cache, const struct id *id,
                                            uint64_t version, bool is_channel,
                                            const struct id *members, uint32_t member_count);
void conversation_cache_drop(struct conversation_cache *cache, const struct id *id);
bool conversation_has_member(const struct conversation *conversation, const struct id *user);

#endif
