/*
 * A node of a ratchet tree (RFC 9420 sections 7.1 and 7.2): leaf or parent, counted references.
 *
 * Trees of neighbouring epochs share their nodes, so a node does not change once it is in two
 * trees; only the list of unmerged leaves of a parent grows in place while one tree holds it.
 */
#ifndef COLUMBA_MLS_TREE_NODE_H
#define COLUMBA_MLS_TREE_NODE_H

#include "client/mls/leaf_node.h"

struct mls_parent_node {
    struct slice encryption_key;
    struct slice parent_hash;
    uint8_t *unmerged; /* ascending leaf indices, 4 bytes each, big-endian as on the wire */
    uint32_t unmerged_count;
    uint32_t unmerged_capacity;
};

struct mls_tree_node {
    struct memory *memory;
    uint32_t references;
    bool is_leaf;
    union {
        struct mls_leaf_node leaf;
        struct mls_parent_node parent;
    };
    uint8_t bytes[];
};

/* One reference, the caller's. The bytes are copied. NULL: no memory. `encoded` is a leaf node
 * that was read without failure before. */
struct mls_tree_node *mls_leaf_create(struct memory *memory, struct slice encoded);
/* `unmerged` as on the wire. */
struct mls_tree_node *mls_parent_create(struct memory *memory, struct slice encryption_key,
                                        struct slice parent_hash, struct slice unmerged);
struct mls_tree_node *mls_tree_node_hold(struct mls_tree_node *node);
/* NULL is fine. */
void mls_tree_node_drop(struct mls_tree_node *node);

static inline struct slice mls_node_key(const struct mls_tree_node *node)
{
    return node->is_leaf ? node->leaf.encryption_key : node->parent.encryption_key;
}

static inline struct slice mls_parent_unmerged(const struct mls_parent_node *parent)
{
    return slice_of(parent->unmerged, 4 * (size_t)parent->unmerged_count);
}

/* Lists as on the wire: how many entries are below `leaf`. */
uint32_t mls_unmerged_below(struct slice unmerged, uint32_t leaf);
bool mls_unmerged_holds(struct slice unmerged, uint32_t leaf);
/* How many of the `count` leaves from `first` on are in the list. */
uint32_t mls_unmerged_within(struct slice unmerged, uint32_t first, uint32_t count);
/* Inserts in order; the node has one reference. False: no memory. */
bool mls_parent_add_unmerged(struct mls_tree_node *node, uint32_t leaf);

#endif
