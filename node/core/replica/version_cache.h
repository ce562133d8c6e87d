/*
 * A replica's memory of the membership versions of the conversations it stores, so that it can
 * tell a coordinator with every write, without a read. In small sets, where the newest pushes out
 * the one that was not asked for the longest; the next write of a forgotten conversation reads its
 * row again. A version only grows.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_VERSION_CACHE_H
#define COLUMBA_NODE_CORE_REPLICA_VERSION_CACHE_H

#include "base/id.h"
#include "base/memory.h"

#define VERSION_CACHE_SLOTS (1u << 17)
#define VERSION_CACHE_WAYS 4u

struct version_slot {
    struct id conversation;
    uint64_t version; /* 0: free */
};

struct version_cache {
    struct version_slot *slots; /* each set: the one that was asked for last comes first */
};

int version_cache_init(struct version_cache *cache, struct memory *memory);
void version_cache_clear(struct version_cache *cache, struct memory *memory);
/* 0: not known. */
uint64_t version_cache_get(struct version_cache *cache, const struct id *conversation);
/* Remembers a version that was read from the store, or is being written over one in the cache. */
void version_cache_put(struct version_cache *cache, const struct id *conversation,
                       uint64_t version);
/* A version is being written: raise what is known, but do not claim to know what is stored. */
void version_cache_raise(struct version_cache *cache, const struct id *conversation,
                         uint64_t version);

#endif
