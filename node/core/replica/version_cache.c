#include "node/core/replica/version_cache.h"

#include "base/bytes.h"

int version_cache_init(struct version_cache *cache, struct memory *memory)
{
    cache->slots = memory_allocate_zero(memory, VERSION_CACHE_SLOTS * sizeof(*cache->slots));
    return cache->slots == NULL ? -1 : 0;
}

void version_cache_clear(struct version_cache *cache, struct memory *memory)
{
    memory_release(memory, cache->slots);
    cache->slots = NULL;
}

static struct version_slot *set_of(const struct version_cache *cache, const struct id *id)
{
    /* Ids are hashes already. */
    uint32_t sets = VERSION_CACHE_SLOTS / VERSION_CACHE_WAYS;
    return &cache->slots[(bytes_get_u32_be(id->bytes) & (sets - 1)) * VERSION_CACHE_WAYS];
}

/* NULL: not in the set. What is found moves to the front. */
static struct version_slot *slot_find(const struct version_cache *cache, const struct id *id)
{
    struct version_slot *set = set_of(cache, id);
    for (unsigned i = 0; i < VERSION_CACHE_WAYS && set[i].version != 0; i++) {
        if (id_equal(&set[i].conversation, id)) {
            struct version_slot found = set[i];
            memmove(set + 1, set, i * sizeof(*set));
            set[0] = found;
            return set;
        }
    }
    return NULL;
}

uint64_t version_cache_get(struct version_cache *cache, const struct id *conversation)
{
    const struct version_slot *slot = slot_find(cache, conversation);
    return slot == NULL ? 0 : slot->version;
}

void version_cache_put(struct version_cache *cache, const struct id *conversation, uint64_t version)
{
    struct version_slot *slot = slot_find(cache, conversation);
    if (version == 0) {
        return; /* a replica without the conversation's row knows nothing to remember */
    }
    if (slot == NULL) {
        slot = set_of(cache, conversation);
        memmove(slot + 1, slot, (VERSION_CACHE_WAYS - 1) * sizeof(*slot));
        *slot = (struct version_slot){.conversation = *conversation};
    }
    slot->version = slot->version > version ? slot->version : version;
}

void version_cache_raise(struct version_cache *cache, const struct id *conversation,
                         uint64_t version)
{
    struct version_slot *slot = slot_find(cache, conversation);
    if (slot != NULL && slot->version < version) {
        slot->version = version;
    }
}
