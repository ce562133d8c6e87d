#include "client/mls/tree_node.h"

#include "base/assert.h"
#include "base/bytes.h"

struct mls_tree_node *mls_leaf_create(struct memory *memory, struct slice encoded)
{
    struct mls_tree_node *node = memory_allocate(memory, sizeof(*node) + encoded.size);
    if (node == NULL) {
        return NULL;
    }
    *node = (struct mls_tree_node){.memory = memory, .references = 1, .is_leaf = true};
    memcpy(node->bytes, encoded.data, encoded.size);
    struct reader reader = reader_of(slice_of(node->bytes, encoded.size));
    mls_read_leaf_node(&reader, &node->leaf);
    COLUMBA_ASSERT(reader_is_done(&reader));
    return node;
}

struct mls_tree_node *mls_parent_create(struct memory *memory, struct slice encryption_key,
                                        struct slice parent_hash, struct slice unmerged)
{
    struct mls_tree_node *node =
        memory_allocate(memory, sizeof(*node) + encryption_key.size + parent_hash.size);
    if (node == NULL) {
        return NULL;
    }
    *node = (struct mls_tree_node){.memory = memory, .references = 1};
    if (unmerged.size > 0) {
        node->parent.unmerged = memory_allocate(memory, unmerged.size);
        if (node->parent.unmerged == NULL) {
            memory_release(memory, node);
            return NULL;
        }
        memcpy(node->parent.unmerged, unmerged.data, unmerged.size);
        node->parent.unmerged_count = (uint32_t)(unmerged.size / 4);
        node->parent.unmerged_capacity = node->parent.unmerged_count;
    }
    memcpy(node->bytes, encryption_key.data, encryption_key.size);
    if (parent_hash.size > 0) {
        memcpy(node->bytes + encryption_key.size, parent_hash.data, parent_hash.size);
    }
    node->parent.encryption_key = slice_of(node->bytes, encryption_key.size);
    node->parent.parent_hash = slice_of(node->bytes + encryption_key.size, parent_hash.size);
    return node;
}

struct mls_tree_node *mls_tree_node_hold(struct mls_tree_node *node)
{
    if (node != NULL) {
        node->references++;
    }
    return node;
}

void mls_tree_node_drop(struct mls_tree_node *node)
{
    if (node == NULL || --node->references > 0) {
        return;
    }
    if (!node->is_leaf) {
        memory_release(node->memory, node->parent.unmerged);
    }
    memory_release(node->memory, node);
}

uint32_t mls_unmerged_below(struct slice unmerged, uint32_t leaf)
{
    uint32_t low = 0;
    uint32_t high = (uint32_t)(unmerged.size / 4);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bytes_get_u32_be(unmerged.data + 4 * (size_t)middle) < leaf) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool mls_unmerged_holds(struct slice unmerged, uint32_t leaf)
{
    uint32_t at = mls_unmerged_below(unmerged, leaf);
    return at < unmerged.size / 4 && bytes_get_u32_be(unmerged.data + 4 * (size_t)at) == leaf;
}

uint32_t mls_unmerged_within(struct slice unmerged, uint32_t first, uint32_t count)
{
    return mls_unmerged_below(unmerged, first + count) - mls_unmerged_below(unmerged, first);
}

bool mls_parent_add_unmerged(struct mls_tree_node *node, uint32_t leaf)
{
    struct mls_parent_node *parent = &node->parent;
    COLUMBA_ASSERT(!node->is_leaf && node->references == 1);
    if (parent->unmerged_count == parent->unmerged_capacity) {
        uint32_t capacity = parent->unmerged_capacity == 0 ? 4 : 2 * parent->unmerged_capacity;
        uint8_t *grown = memory_allocate(node->memory, 4 * (size_t)capacity);
        if (grown == NULL) {
            return false;
        }
        if (parent->unmerged_count > 0) {
            memcpy(grown, parent->unmerged, 4 * (size_t)parent->unmerged_count);
        }
        memory_release(node->memory, parent->unmerged);
        parent->unmerged = grown;
        parent->unmerged_capacity = capacity;
    }
    uint32_t at = mls_unmerged_below(mls_parent_unmerged(parent), leaf);
    uint8_t *place = parent->unmerged + 4 * (size_t)at;
    memmove(place + 4, place, 4 * (size_t)(parent->unmerged_count - at));
    bytes_put_u32_be(place, leaf);
    parent->unmerged_count++;
    return true;
}
