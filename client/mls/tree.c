#include "client/mls/tree.h"

#include "base/assert.h"

/* Room for the nodes and hashes of a width. */
static bool arrays_create(struct mls_tree *tree, uint32_t leaf_width)
{
    size_t count = mls_node_count(leaf_width);
    tree->leaf_width = leaf_width;
    tree->nodes = memory_allocate_zero(tree->memory, count * sizeof(struct mls_tree_node *));
    tree->hashes = memory_allocate(tree->memory, count * tree->suite->hash_bytes);
    tree->hash_known = memory_allocate_zero(tree->memory, count * sizeof(*tree->hash_known));
    return tree->nodes != NULL && tree->hashes != NULL && tree->hash_known != NULL;
}

static void arrays_destroy(struct mls_tree *tree)
{
    memory_release(tree->memory, tree->nodes);
    memory_release(tree->memory, tree->hashes);
    memory_release(tree->memory, tree->hash_known);
}

static struct mls_tree *tree_of_width(struct memory *memory, const struct mls_suite *suite,
                                      uint32_t leaf_width)
{
    struct mls_tree *tree = memory_allocate_zero(memory, sizeof(*tree));
    if (tree == NULL) {
        return NULL;
    }
    tree->memory = memory;
    tree->suite = suite;
    tree->keys.memory = memory;
    if (!arrays_create(tree, leaf_width)) {
        arrays_destroy(tree);
        memory_release(memory, tree);
        return NULL;
    }
    return tree;
}

enum mls_error mls_tree_create(struct memory *memory, const struct mls_suite *suite,
                               const uint8_t hash_key[16], struct mls_tree **out)
{
    return mls_tree_create_wide(memory, suite, hash_key, 1, out);
}

enum mls_error mls_tree_create_wide(struct memory *memory, const struct mls_suite *suite,
                                    const uint8_t hash_key[16], uint32_t leaf_width,
                                    struct mls_tree **out)
{
    COLUMBA_ASSERT(leaf_width > 0 && leaf_width <= MLS_LEAVES_MAX);
    struct mls_tree *tree = tree_of_width(memory, suite, leaf_width);
    if (tree == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    mls_key_index_init(&tree->keys, memory, hash_key);
    *out = tree;
    return MLS_OK;
}

void mls_tree_destroy(struct mls_tree *tree)
{
    if (tree == NULL) {
        return;
    }
    for (uint32_t i = 0; i < mls_node_count(tree->leaf_width); i++) {
        mls_tree_node_drop(tree->nodes[i]);
    }
    mls_key_index_clear(&tree->keys);
    arrays_destroy(tree);
    memory_release(tree->memory, tree);
}

enum mls_error mls_tree_clone(const struct mls_tree *tree, struct mls_tree **out)
{
    struct mls_tree *clone = tree_of_width(tree->memory, tree->suite, tree->leaf_width);
    if (clone == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    if (!mls_key_index_clone(&tree->keys, &clone->keys)) {
        mls_tree_destroy(clone);
        return MLS_ERR_NO_MEMORY;
    }
    size_t count = mls_node_count(tree->leaf_width);
    clone->member_count = tree->member_count;
    clone->blank_hint = tree->blank_hint;
    memcpy(clone->hashes, tree->hashes, count * tree->suite->hash_bytes);
    memcpy(clone->hash_known, tree->hash_known, count * sizeof(*tree->hash_known));
    for (size_t i = 0; i < count; i++) {
        clone->nodes[i] = mls_tree_node_hold(tree->nodes[i]);
    }
    *out = clone;
    return MLS_OK;
}

const struct mls_tree_node *mls_tree_node_at(const struct mls_tree *tree, uint32_t node)
{
    return node < mls_node_count(tree->leaf_width) ? tree->nodes[node] : NULL;
}

const struct mls_leaf_node *mls_tree_leaf(const struct mls_tree *tree, uint32_t leaf)
{
    if (leaf >= tree->leaf_width || tree->nodes[mls_node_of_leaf(leaf)] == NULL) {
        return NULL;
    }
    return &tree->nodes[mls_node_of_leaf(leaf)]->leaf;
}

bool mls_tree_find_signer(const struct mls_tree *tree, struct slice signature_key,
                          uint32_t *out_leaf)
{
    uint32_t node = 0;
    if (!mls_key_index_find(&tree->keys, tree->nodes, MLS_KEY_SIGNATURE, signature_key, &node)) {
        return false;
    }
    *out_leaf = node / 2;
    return true;
}

bool mls_tree_has_encryption_key(const struct mls_tree *tree, struct slice key)
{
    uint32_t node = 0;
    return mls_key_index_find(&tree->keys, tree->nodes, MLS_KEY_ENCRYPTION, key, &node);
}

/* The hashes of a node and its ancestors no longer hold. */
static void forget_hashes(struct mls_tree *tree, uint32_t node)
{
    uint32_t root = mls_node_root(tree->leaf_width);
    while (tree->hash_known[node]) {
        tree->hash_known[node] = false;
        if (node == root) {
            break;
        }
        node = mls_node_parent(node);
    }
}

enum mls_error mls_tree_fill(struct mls_tree *tree, uint32_t node, struct mls_tree_node *content)
{
    uint32_t other = 0;
    COLUMBA_ASSERT(node < mls_node_count(tree->leaf_width) && tree->nodes[node] == NULL);
    COLUMBA_ASSERT(content->is_leaf == (node % 2 == 0));
    enum mls_error error = MLS_OK;
    if (mls_key_index_find(&tree->keys, tree->nodes, MLS_KEY_ENCRYPTION, mls_node_key(content),
                           &other)) {
        error = MLS_ERR_ENCRYPTION_KEY_TAKEN;
    } else if (content->is_leaf &&
               mls_tree_find_signer(tree, content->leaf.signature_key, &other)) {
        error = MLS_ERR_SIGNATURE_KEY_TAKEN;
    }
    if (error != MLS_OK) {
        mls_tree_node_drop(content);
        return error;
    }
    tree->nodes[node] = content;
    forget_hashes(tree, node);
    if (!mls_key_index_add(&tree->keys, tree->nodes, MLS_KEY_ENCRYPTION, node) ||
        (content->is_leaf &&
         !mls_key_index_add(&tree->keys, tree->nodes, MLS_KEY_SIGNATURE, node))) {
        return MLS_ERR_NO_MEMORY;
    }
    tree->member_count += content->is_leaf;
    return MLS_OK;
}

void mls_tree_blank(struct mls_tree *tree, uint32_t node)
{
    struct mls_tree_node *content = tree->nodes[node];
    if (content == NULL) {
        return;
    }
    mls_key_index_remove(&tree->keys, tree->nodes, MLS_KEY_ENCRYPTION, node);
    if (content->is_leaf) {
        mls_key_index_remove(&tree->keys, tree->nodes, MLS_KEY_SIGNATURE, node);
        tree->member_count--;
        if (node / 2 < tree->blank_hint) {
            tree->blank_hint = node / 2;
        }
    }
    tree->nodes[node] = NULL;
    forget_hashes(tree, node);
    mls_tree_node_drop(content);
}

void mls_tree_blank_path(struct mls_tree *tree, uint32_t leaf)
{
    uint32_t root = mls_node_root(tree->leaf_width);
    for (uint32_t node = mls_node_of_leaf(leaf); node != root;) {
        node = mls_node_parent(node);
        mls_tree_blank(tree, node);
    }
}

/* Moves the arrays to another width; nodes beyond it must be blank or were blanked. */
static bool resize(struct mls_tree *tree, uint32_t leaf_width)
{
    struct mls_tree old = *tree;
    uint32_t kept = leaf_width < old.leaf_width ? leaf_width : old.leaf_width;
    size_t count = mls_node_count(kept);
    if (!arrays_create(tree, leaf_width)) {
        arrays_destroy(tree);
        *tree = old;
        return false;
    }
    memcpy(tree->nodes, old.nodes, count * sizeof(struct mls_tree_node *));
    memcpy(tree->hashes, old.hashes, count * old.suite->hash_bytes);
    memcpy(tree->hash_known, old.hash_known, count * sizeof(*old.hash_known));
    arrays_destroy(&old);
    return true;
}

enum mls_error mls_tree_find_room(struct mls_tree *tree, uint32_t *out_leaf)
{
    while (tree->blank_hint < tree->leaf_width &&
           tree->nodes[mls_node_of_leaf(tree->blank_hint)] != NULL) {
        tree->blank_hint++;
    }
    if (tree->blank_hint == tree->leaf_width) {
        if (tree->leaf_width >= MLS_LEAVES_MAX) {
            return MLS_ERR_LIMIT;
        }
        if (!resize(tree, 2 * tree->leaf_width)) {
            return MLS_ERR_NO_MEMORY;
        }
    }
    *out_leaf = tree->blank_hint;
    return MLS_OK;
}

/* Lists a leaf as unmerged at one ancestor; a node that other trees hold is copied first. */
static enum mls_error add_unmerged(struct mls_tree *tree, uint32_t node, uint32_t leaf)
{
    struct mls_tree_node *parent = tree->nodes[node];
    if (parent->references > 1) {
        struct mls_tree_node *copy =
            mls_parent_create(tree->memory, parent->parent.encryption_key,
                              parent->parent.parent_hash, mls_parent_unmerged(&parent->parent));
        if (copy == NULL) {
            return MLS_ERR_NO_MEMORY;
        }
        mls_tree_node_drop(parent);
        tree->nodes[node] = copy;
        parent = copy;
    }
    forget_hashes(tree, node);
    return mls_parent_add_unmerged(parent, leaf) ? MLS_OK : MLS_ERR_NO_MEMORY;
}

enum mls_error mls_tree_add(struct mls_tree *tree, struct mls_tree_node *leaf_node,
                            uint32_t *out_leaf)
{
    uint32_t leaf = 0;
    enum mls_error error = mls_tree_find_room(tree, &leaf);
    if (error != MLS_OK) {
        mls_tree_node_drop(leaf_node);
        return error;
    }
    error = mls_tree_fill(tree, mls_node_of_leaf(leaf), leaf_node);
    uint32_t root = mls_node_root(tree->leaf_width);
    for (uint32_t node = mls_node_of_leaf(leaf); error == MLS_OK && node != root;) {
        node = mls_node_parent(node);
        if (tree->nodes[node] != NULL) {
            error = add_unmerged(tree, node, leaf);
        }
    }
    *out_leaf = leaf;
    return error;
}

/* The arrays keep their size: what lies beyond the width is blank and never looked at. */
static void narrow(struct mls_tree *tree, uint32_t leaf_width)
{
    for (uint32_t i = mls_node_count(leaf_width); i < mls_node_count(tree->leaf_width); i++) {
        mls_tree_blank(tree, i);
    }
    tree->leaf_width = leaf_width;
    if (tree->blank_hint > leaf_width) {
        tree->blank_hint = leaf_width;
    }
}

enum mls_error mls_tree_set_width(struct mls_tree *tree, uint32_t leaf_width)
{
    COLUMBA_ASSERT(leaf_width > 0 && leaf_width <= MLS_LEAVES_MAX);
    if (leaf_width > tree->leaf_width) {
        return resize(tree, leaf_width) ? MLS_OK : MLS_ERR_NO_MEMORY;
    }
    narrow(tree, leaf_width);
    return MLS_OK;
}

void mls_tree_truncate(struct mls_tree *tree)
{
    uint32_t last = tree->leaf_width;
    while (last > 1 && tree->nodes[mls_node_of_leaf(last - 1)] == NULL) {
        last--;
    }
    uint32_t leaf_width = mls_leaf_width_for(last - 1);
    narrow(tree, leaf_width);
}

bool mls_tree_resolution(const struct mls_tree *tree, uint32_t node, struct mls_index_list *out)
{
    const struct mls_tree_node *content = tree->nodes[node];
    if (content == NULL) {
        return node % 2 == 0 || (mls_tree_resolution(tree, mls_node_left(node), out) &&
                                 mls_tree_resolution(tree, mls_node_right(node), out));
    }
    if (!mls_index_list_append(out, node)) {
        return false;
    }
    struct reader unmerged =
        reader_of(content->is_leaf ? slice_of("", 0) : mls_parent_unmerged(&content->parent));
    while (reader_left(&unmerged) > 0) {
        if (!mls_index_list_append(out, mls_node_of_leaf(reader_u32(&unmerged)))) {
            return false;
        }
    }
    return true;
}

bool mls_tree_is_empty(const struct mls_tree *tree, uint32_t node)
{
    if (tree->nodes[node] != NULL) {
        return false;
    }
    return node % 2 == 0 || (mls_tree_is_empty(tree, mls_node_left(node)) &&
                             mls_tree_is_empty(tree, mls_node_right(node)));
}

void mls_tree_filtered_path(const struct mls_tree *tree, uint32_t leaf,
                            struct mls_filtered_path *out)
{
    uint32_t root = mls_node_root(tree->leaf_width);
    out->count = 0;
    for (uint32_t node = mls_node_of_leaf(leaf); node != root; node = mls_node_parent(node)) {
        uint32_t sibling = mls_node_sibling(node);
        if (!mls_tree_is_empty(tree, sibling)) {
            out->node[out->count] = mls_node_parent(node);
            out->copath[out->count] = sibling;
            out->count++;
        }
    }
}

enum mls_error mls_tree_decode_node(struct mls_tree *tree, struct reader *reader, uint32_t index)
{
    COLUMBA_ASSERT(index < mls_node_count(tree->leaf_width) && tree->nodes[index] == NULL);
    uint8_t type = reader_u8(reader);
    struct mls_tree_node *node = NULL;
    if (type == 1 && index % 2 == 0) {
        struct mls_leaf_node leaf;
        mls_read_leaf_node(reader, &leaf);
        if (!reader->failed) {
            node = mls_leaf_create(tree->memory, leaf.encoded);
        }
    } else if (type == 2 && index % 2 == 1) {
        struct slice key = mls_read_vector(reader);
        struct slice parent_hash = mls_read_vector(reader);
        struct slice unmerged = mls_read_vector(reader);
        reader->failed = reader->failed || unmerged.size % 4 != 0;
        if (!reader->failed) {
            node = mls_parent_create(tree->memory, key, parent_hash, unmerged);
        }
    } else {
        reader->failed = true;
    }
    if (reader->failed) {
        return MLS_ERR_TREE_MALFORMED;
    }
    return node == NULL ? MLS_ERR_NO_MEMORY : mls_tree_fill(tree, index, node);
}

struct slice mls_tree_skip_node(struct reader *reader)
{
    const uint8_t *start = reader->at;
    uint8_t type = reader_u8(reader);
    struct mls_leaf_node leaf;
    if (type == 1) {
        mls_read_leaf_node(reader, &leaf);
    } else {
        (void)mls_read_vector(reader);
        (void)mls_read_vector(reader);
        (void)mls_read_vector(reader);
    }
    return reader->failed ? slice_of(NULL, 0) : slice_of(start, (size_t)(reader->at - start));
}

/*
 * How many entries the list has. Its last must be a leaf that is not blank: a parent to the right
 * of all leaves would have an empty subtree, and then it is blank (RFC 9420, 4.1.2 and 12.1.3).
 */
static enum mls_error count_nodes(struct slice list, uint32_t *out_count)
{
    struct reader reader = reader_of(list);
    uint32_t count = 0;
    uint32_t filled = 0;
    bool present = false;
    while (reader_left(&reader) > 0) {
        present = mls_read_optional(&reader);
        if (present) {
            (void)mls_tree_skip_node(&reader);
            filled++;
        }
        count++;
    }
    if (reader.failed || count % 2 == 0 || !present) {
        return MLS_ERR_TREE_MALFORMED;
    }
    *out_count = count;
    bool sparse = count > MLS_SPARSE_NODES_MAX && filled < count / MLS_SPARSE_NODES_EACH;
    return count > mls_node_count(MLS_LEAVES_MAX) || sparse ? MLS_ERR_LIMIT : MLS_OK;
}

enum mls_error mls_tree_decode(struct memory *memory, const struct mls_suite *suite,
                               const uint8_t hash_key[16], struct slice encoded,
                               struct mls_tree **out)
{
    struct reader outer = reader_of(encoded);
    struct slice list = mls_read_vector(&outer);
    uint32_t count = 0;
    if (!reader_is_done(&outer)) {
        return MLS_ERR_TREE_MALFORMED;
    }
    enum mls_error error = count_nodes(list, &count);
    if (error != MLS_OK) {
        return error;
    }
    struct mls_tree *tree = tree_of_width(memory, suite, mls_leaf_width_for((count - 1) / 2));
    if (tree == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    mls_key_index_init(&tree->keys, memory, hash_key);
    struct reader reader = reader_of(list);
    for (uint32_t i = 0; error == MLS_OK && i < count; i++) {
        if (mls_read_optional(&reader)) {
            error = mls_tree_decode_node(tree, &reader, i);
        }
    }
    if (error != MLS_OK) {
        mls_tree_destroy(tree);
        return error;
    }
    *out = tree;
    return MLS_OK;
}

void mls_tree_encode_node(const struct mls_tree_node *node, struct mls_buffer *buffer)
{
    mls_write_u8(buffer, node->is_leaf ? 1 : 2);
    if (node->is_leaf) {
        mls_write_bytes(buffer, node->leaf.encoded);
        return;
    }
    mls_write_vector(buffer, node->parent.encryption_key);
    mls_write_vector(buffer, node->parent.parent_hash);
    mls_write_vector(buffer, mls_parent_unmerged(&node->parent));
}

void mls_tree_encode(const struct mls_tree *tree, struct mls_buffer *buffer)
{
    uint32_t count = mls_node_count(tree->leaf_width);
    while (count > 0 && tree->nodes[count - 1] == NULL) {
        count--;
    }
    size_t mark = mls_write_open(buffer);
    for (uint32_t i = 0; i < count; i++) {
        mls_write_u8(buffer, tree->nodes[i] != NULL);
        if (tree->nodes[i] != NULL) {
            mls_tree_encode_node(tree->nodes[i], buffer);
        }
    }
    mls_write_close(buffer, mark);
}
