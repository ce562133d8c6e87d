/*
 * Tree hashes and parent hashes (RFC 9420 sections 7.8 and 7.9), and the check of a whole tree
 * that a new member makes (12.4.3.1).
 */
#ifndef COLUMBA_MLS_TREE_HASH_H
#define COLUMBA_MLS_TREE_HASH_H

#include "client/mls/tree.h"

/* The hash of a subtree, from the cache where nothing below has changed. hash_bytes long; valid
 * until the tree changes. */
const uint8_t *mls_tree_hash(struct mls_tree *tree, uint32_t node);
static inline const uint8_t *mls_tree_root_hash(struct mls_tree *tree)
{
    return mls_tree_hash(tree, mls_node_root(tree->leaf_width));
}

/* The parent hash of a node with this key and parent hash, whose sibling subtree hashes so. */
void mls_parent_hash(const struct mls_suite *suite, struct slice encryption_key,
                     struct slice parent_hash, const uint8_t *sibling_hash, uint8_t *out);

/* UNMERGED_LEAVES or PARENT_HASH where a parent node breaks a rule of 7.9.2 or 12.4.3.1. */
enum mls_error mls_tree_check_parents(struct mls_tree *tree);

#endif
