#include "client/mls/tree_hash.h"

#include "base/assert.h"
#include "base/bytes.h"

static uint8_t *hash_place(const struct mls_tree *tree, uint32_t node)
{
    return tree->hashes + (size_t)node * tree->suite->hash_bytes;
}

static void hash_leaf(const struct mls_suite *suite, uint32_t node,
                      const struct mls_tree_node *leaf, uint8_t *out)
{
    uint8_t head[6] = {1};
    bytes_put_u32_be(head + 1, node / 2);
    head[5] = leaf != NULL;
    struct slice parts[2] = {slice_of(head, sizeof(head))};
    if (leaf != NULL) {
        parts[1] = leaf->leaf.encoded;
    }
    suite->hash(parts, leaf == NULL ? 1 : 2, out);
}

/* `unmerged` stands in for the node's own list. */
static void hash_parent(const struct mls_suite *suite, const struct mls_tree_node *parent,
                        struct slice unmerged, const uint8_t *left, const uint8_t *right,
                        uint8_t *out)
{
    uint8_t head[2] = {2, parent != NULL};
    uint8_t lengths[4][4];
    uint8_t hash_length = (uint8_t)suite->hash_bytes;
    struct slice parts[12];
    size_t n = 0;
    parts[n++] = slice_of(head, sizeof(head));
    if (parent != NULL) {
        struct slice fields[3] = {parent->parent.encryption_key, parent->parent.parent_hash,
                                  unmerged};
        for (size_t i = 0; i < 3; i++) {
            parts[n++] = slice_of(lengths[i], mls_length_put(lengths[i], fields[i].size));
            parts[n++] = fields[i];
        }
    }
    parts[n++] = slice_of(&hash_length, 1);
    parts[n++] = slice_of(left, suite->hash_bytes);
    parts[n++] = slice_of(&hash_length, 1);
    parts[n++] = slice_of(right, suite->hash_bytes);
    suite->hash(parts, n, out);
}

const uint8_t *mls_tree_hash(struct mls_tree *tree, uint32_t node)
{
    uint8_t *place = hash_place(tree, node);
    if (tree->hash_known[node]) {
        return place;
    }
    const struct mls_tree_node *content = tree->nodes[node];
    if (node % 2 == 0) {
        hash_leaf(tree->suite, node, content, place);
    } else {
        const uint8_t *left = mls_tree_hash(tree, mls_node_left(node));
        const uint8_t *right = mls_tree_hash(tree, mls_node_right(node));
        struct slice unmerged =
            content == NULL ? slice_of(NULL, 0) : mls_parent_unmerged(&content->parent);
        hash_parent(tree->suite, content, unmerged, left, right, place);
    }
    tree->hash_known[node] = true;
    return place;
}

void mls_parent_hash(const struct mls_suite *suite, struct slice encryption_key,
                     struct slice parent_hash, const uint8_t *sibling_hash, uint8_t *out)
{
    uint8_t lengths[2][4];
    uint8_t hash_length = (uint8_t)suite->hash_bytes;
    struct slice parts[] = {
        slice_of(lengths[0], mls_length_put(lengths[0], encryption_key.size)),
        encryption_key,
        slice_of(lengths[1], mls_length_put(lengths[1], parent_hash.size)),
        parent_hash,
        slice_of(&hash_length, 1),
        slice_of(sibling_hash, suite->hash_bytes),
    };
    suite->hash(parts, sizeof(parts) / sizeof(parts[0]), out);
}

/* A list without the entries that another has, in memory of its own. False: no memory. */
static bool unmerged_without(struct memory *memory, struct slice list, struct slice excluded,
                             uint8_t **out_bytes, size_t *out_size)
{
    uint8_t *bytes = memory_allocate(memory, list.size + 1);
    size_t size = 0;
    if (bytes == NULL) {
        return false;
    }
    for (size_t i = 0; i < list.size; i += 4) {
        if (!mls_unmerged_holds(excluded, bytes_get_u32_be(list.data + i))) {
            memcpy(bytes + size, list.data + i, 4);
            size += 4;
        }
    }
    *out_bytes = bytes;
    *out_size = size;
    return true;
}

/* The hash of a subtree as if the excluded leaves had never been added. False: no memory. */
static bool hash_without(struct mls_tree *tree, uint32_t node, struct slice excluded, uint8_t *out)
{
    const struct mls_tree_node *content = tree->nodes[node];
    if (mls_unmerged_within(excluded, mls_node_first_leaf(node), mls_node_leaves(node)) == 0) {
        memcpy(out, mls_tree_hash(tree, node), tree->suite->hash_bytes);
        return true;
    }
    if (node % 2 == 0) {
        hash_leaf(tree->suite, node, NULL, out);
        return true;
    }
    uint8_t left[MLS_HASH_MAX_BYTES];
    uint8_t right[MLS_HASH_MAX_BYTES];
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!hash_without(tree, mls_node_left(node), excluded, left) ||
        !hash_without(tree, mls_node_right(node), excluded, right) ||
        (content != NULL && !unmerged_without(tree->memory, mls_parent_unmerged(&content->parent),
                                              excluded, &bytes, &size))) {
        return false;
    }
    hash_parent(tree->suite, content, slice_of(bytes, size), left, right, out);
    memory_release(tree->memory, bytes);
    return true;
}

/* Entries ascend, are members below the node, and stand in the next filled node on the way. */
static bool unmerged_are_valid(const struct mls_tree *tree, uint32_t node)
{
    struct slice unmerged = mls_parent_unmerged(&tree->nodes[node]->parent);
    for (size_t i = 0; i < unmerged.size; i += 4) {
        uint32_t leaf = bytes_get_u32_be(unmerged.data + i);
        if (i > 0 && leaf <= bytes_get_u32_be(unmerged.data + i - 4)) {
            return false;
        }
        if (!mls_node_covers(node, leaf) || mls_tree_leaf(tree, leaf) == NULL) {
            return false;
        }
        uint32_t level = mls_node_level(node) - 1;
        while (level > 0 && tree->nodes[mls_node_at_level(leaf, level)] == NULL) {
            level--;
        }
        const struct mls_tree_node *below = tree->nodes[mls_node_at_level(leaf, level)];
        if (level > 0 && !mls_unmerged_holds(mls_parent_unmerged(&below->parent), leaf)) {
            return false;
        }
    }
    return true;
}

static struct slice parent_hash_of(const struct mls_tree_node *node)
{
    if (!node->is_leaf) {
        return node->parent.parent_hash;
    }
    return node->leaf.source == MLS_LEAF_COMMIT ? node->leaf.parent_hash : slice_of(NULL, 0);
}

/*
 * The one node of a child's resolution that is not an unmerged leaf of the parent, provided that
 * the rest of the resolution is exactly the unmerged leaves below that child.
 */
static enum mls_error find_descendant(const struct mls_tree *tree, const uint32_t *sizes,
                                      struct slice unmerged, uint32_t child,
                                      struct mls_index_list *scratch, uint32_t *out_node,
                                      bool *out_found)
{
    uint32_t within =
        mls_unmerged_within(unmerged, mls_node_first_leaf(child), mls_node_leaves(child));
    uint32_t others = 0;
    *out_found = false;
    if (sizes[child] != within + 1) {
        return MLS_OK;
    }
    scratch->count = 0;
    if (!mls_tree_resolution(tree, child, scratch)) {
        return MLS_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < scratch->count; i++) {
        uint32_t node = scratch->items[i];
        if (node % 2 != 0 || !mls_unmerged_holds(unmerged, node / 2)) {
            *out_node = node;
            others++;
        }
    }
    *out_found = others == 1;
    return MLS_OK;
}

/* Whether a descendant through `child` vouches for the parent node. */
static enum mls_error check_link(struct mls_tree *tree, const uint32_t *sizes, uint32_t node,
                                 uint32_t child, struct mls_index_list *scratch, bool *out_valid)
{
    const struct mls_parent_node *parent = &tree->nodes[node]->parent;
    struct slice unmerged = mls_parent_unmerged(parent);
    uint32_t descendant = 0;
    uint8_t sibling[MLS_HASH_MAX_BYTES];
    uint8_t expected[MLS_HASH_MAX_BYTES];
    enum mls_error error =
        find_descendant(tree, sizes, unmerged, child, scratch, &descendant, out_valid);
    if (error != MLS_OK || !*out_valid) {
        return error;
    }
    if (!hash_without(tree, mls_node_sibling(child), unmerged, sibling)) {
        return MLS_ERR_NO_MEMORY;
    }
    mls_parent_hash(tree->suite, parent->encryption_key, parent->parent_hash, sibling, expected);
    *out_valid = slice_equal(parent_hash_of(tree->nodes[descendant]),
                             slice_of(expected, tree->suite->hash_bytes));
    return MLS_OK;
}

/* The size of every node's resolution, from the leaves up. */
static void count_resolutions(const struct mls_tree *tree, uint32_t *sizes)
{
    uint32_t count = mls_node_count(tree->leaf_width);
    for (uint32_t step = 1; step <= tree->leaf_width; step *= 2) {
        for (uint32_t node = step - 1; node < count; node += 2 * step) {
            const struct mls_tree_node *content = tree->nodes[node];
            if (node % 2 == 0) {
                sizes[node] = content != NULL;
            } else if (content != NULL) {
                sizes[node] = 1 + content->parent.unmerged_count;
            } else {
                sizes[node] = sizes[mls_node_left(node)] + sizes[mls_node_right(node)];
            }
        }
    }
}

static enum mls_error check_parent(struct mls_tree *tree, const uint32_t *sizes, uint32_t node,
                                   struct mls_index_list *scratch)
{
    bool left = false;
    bool right = false;
    if (!unmerged_are_valid(tree, node)) {
        return MLS_ERR_UNMERGED_LEAVES;
    }
    enum mls_error error = check_link(tree, sizes, node, mls_node_left(node), scratch, &left);
    if (error == MLS_OK) {
        error = check_link(tree, sizes, node, mls_node_right(node), scratch, &right);
    }
    if (error == MLS_OK && left == right) {
        error = MLS_ERR_PARENT_HASH;
    }
    return error;
}

enum mls_error mls_tree_check_parents(struct mls_tree *tree)
{
    uint32_t count = mls_node_count(tree->leaf_width);
    struct mls_index_list scratch = mls_index_list_of(tree->memory);
    uint32_t *sizes = memory_allocate(tree->memory, count * sizeof(*sizes));
    if (sizes == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    count_resolutions(tree, sizes);
    enum mls_error error = MLS_OK;
    for (uint32_t node = 1; error == MLS_OK && node < count; node += 2) {
        if (tree->nodes[node] != NULL) {
            error = check_parent(tree, sizes, node, &scratch);
        }
    }
    mls_index_list_clear(&scratch);
    memory_release(tree->memory, sizes);
    return error;
}
