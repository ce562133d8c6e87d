#include "node/core/version_cache.h"

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

static struct version_slot *slot_of(const struct version_cache *cache, const struct id *id)
{
    /* Ids are hashes already. */
    return &cache->slots[bytes_get_u32_be(id->bytes) & (VERSION_CACHE_SLOTS - 1)];
}

uint64_t version_cache_get(const struct version_cache *cache, const struct id *conversation)
{
    const struct version_slot *slot = slot_of(cache, conversation);
    return slot->version != 0 && id_equal(&slot->conversation, conversation) ? slot->version : 0;
}

void version_cache_put(struct version_cache *cache, const struct id *conversation, uint64_t version)
{
    struct version_slot *slot = slot_of(cache, conversation);
    if (id_equal(&slot->conversation, conversation) && slot->version > version) {
        return;
    }
    slot->conversation = *conversation;
    slot->version = version;
}

void version_cache_raise(struct version_cache *cache, const struct id *conversation,
                         uint64_t version)
{
    struct version_slot *slot = slot_of(cache, conversation);
    if (slot->version != 0 && id_equal(&slot->conversation, conversation) &&
        slot->version < version) {
        slot->version = version;
    }
}
