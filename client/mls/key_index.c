#include "client/mls/key_index.h"

#include <sodium.h>

#include "base/assert.h"

#define GRAVE UINT32_MAX
#define FIRST_CAPACITY 64u

_Static_assert(crypto_shorthash_KEYBYTES == 16, "SipHash's key");

void mls_key_index_init(struct mls_key_index *index, struct memory *memory,
                        const uint8_t hash_key[16])
{
    *index = (struct mls_key_index){.memory = memory};
    memcpy(index->hash_key, hash_key, sizeof(index->hash_key));
}

void mls_key_index_clear(struct mls_key_index *index)
{
    memory_release(index->memory, index->slots);
    index->slots = NULL;
    index->capacity = 0;
    index->filled = 0;
    index->live = 0;
}

bool mls_key_index_clone(const struct mls_key_index *index, struct mls_key_index *out)
{
    struct mls_key_index clone = *index;
    if (index->capacity > 0) {
        clone.slots = memory_allocate(index->memory, index->capacity * sizeof(*clone.slots));
        if (clone.slots == NULL) {
            return false;
        }
        memcpy(clone.slots, index->slots, index->capacity * sizeof(*clone.slots));
    }
    *out = clone;
    return true;
}

static struct slice key_of(const struct mls_tree_node *node, enum mls_key_kind kind)
{
    return kind == MLS_KEY_SIGNATURE ? node->leaf.signature_key : mls_node_key(node);
}

static uint32_t first_slot(const struct mls_key_index *index, enum mls_key_kind kind,
                           struct slice key)
{
    uint8_t digest[crypto_shorthash_BYTES];
    uint32_t number;
    (void)crypto_shorthash(digest, key.data, key.size, index->hash_key);
    memcpy(&number, digest, sizeof(number));
    return (number + (uint32_t)kind) & (index->capacity - 1);
}

static void place(struct mls_key_index *index, enum mls_key_kind kind, struct slice key,
                  uint32_t value)
{
    uint32_t slot = first_slot(index, kind, key);
    while (index->slots[slot] != 0) {
        slot = (slot + 1) & (index->capacity - 1);
    }
    index->slots[slot] = value;
    index->filled++;
    index->live++;
}

/* Twice what is live, at least: half of the slots stay empty, graves go. */
static bool rebuild(struct mls_key_index *index, struct mls_tree_node *const *nodes)
{
    struct mls_key_index grown = *index;
    grown.capacity = FIRST_CAPACITY;
    while (grown.capacity < 4 * (index->live + 1)) {
        grown.capacity *= 2;
    }
    grown.slots = memory_allocate_zero(index->memory, grown.capacity * sizeof(*grown.slots));
    if (grown.slots == NULL) {
        return false;
    }
    grown.filled = 0;
    grown.live = 0;
    for (uint32_t i = 0; i < index->capacity; i++) {
        uint32_t value = index->slots[i];
        if (value != 0 && value != GRAVE) {
            enum mls_key_kind kind = (enum mls_key_kind)((value - 1) & 1);
            place(&grown, kind, key_of(nodes[(value - 1) / 2], kind), value);
        }
    }
    memory_release(index->memory, index->slots);
    *index = grown;
    return true;
}

static bool find_slot(const struct mls_key_index *index, struct mls_tree_node *const *nodes,
                      enum mls_key_kind kind, struct slice key, uint32_t *out_slot)
{
    if (index->capacity == 0) {
        return false;
    }
    uint32_t slot = first_slot(index, kind, key);
    for (; index->slots[slot] != 0; slot = (slot + 1) & (index->capacity - 1)) {
        uint32_t value = index->slots[slot];
        if (value == GRAVE || ((value - 1) & 1) != (uint32_t)kind) {
            continue;
        }
        if (slice_equal(key_of(nodes[(value - 1) / 2], kind), key)) {
            *out_slot = slot;
            return true;
        }
    }
    return false;
}

bool mls_key_index_find(const struct mls_key_index *index, struct mls_tree_node *const *nodes,
                        enum mls_key_kind kind, struct slice key, uint32_t *out_node)
{
    uint32_t slot = 0;
    if (!find_slot(index, nodes, kind, key, &slot)) {
        return false;
    }
    *out_node = (index->slots[slot] - 1) / 2;
    return true;
}

bool mls_key_index_add(struct mls_key_index *index, struct mls_tree_node *const *nodes,
                       enum mls_key_kind kind, uint32_t node)
{
    if (2 * (index->filled + 1) > index->capacity && !rebuild(index, nodes)) {
        return false;
    }
    place(index, kind, key_of(nodes[node], kind), 1 + 2 * node + (uint32_t)kind);
    return true;
}

void mls_key_index_remove(struct mls_key_index *index, struct mls_tree_node *const *nodes,
                          enum mls_key_kind kind, uint32_t node)
{
    uint32_t slot = 0;
    bool found = find_slot(index, nodes, kind, key_of(nodes[node], kind), &slot);
    COLUMBA_ASSERT(found && (index->slots[slot] - 1) / 2 == node);
    index->slots[slot] = GRAVE;
    index->live--;
}
