/*
 * The ratchet tree of one epoch (RFC 9420 sections 4.1, 7.7 and 7.8): nodes, their cached hashes
 * and the index of their keys.
 *
 * A tree always has a power of two of leaves. A commit works on a clone and either becomes the
 * next epoch's tree or is destroyed, so a function that fails may leave a tree half changed. A
 * clone costs time and memory linear in the width (a pointer and a hash a node); the nodes
 * themselves are shared.
 */
#ifndef COLUMBA_MLS_TREE_H
#define COLUMBA_MLS_TREE_H

#include "client/mls/index_list.h"
#include "client/mls/key_index.h"
#include "client/mls/limits.h"
#include "client/mls/tree_math.h"
#include "client/mls/tree_node.h"

struct mls_tree {
    struct memory *memory;
    const struct mls_suite *suite;
    uint32_t leaf_width;
    uint32_t member_count;
    uint32_t blank_hint; /* no leaf below it is blank */
    struct mls_tree_node **nodes;
    uint8_t *hashes;  /* hash_bytes a node */
    bool *hash_known; /* where a node's is not, those of its ancestors are not */
    struct mls_key_index keys;
};

/* A tree of one blank leaf. `hash_key`: random, for the index of keys. */
enum mls_error mls_tree_create(struct memory *memory, const struct mls_suite *suite,
                               const uint8_t hash_key[16], struct mls_tree **out);
/* NULL is fine. */
void mls_tree_destroy(struct mls_tree *tree);
enum mls_error mls_tree_clone(const struct mls_tree *tree, struct mls_tree **out);

/* The ratchet_tree extension's content (12.4.3.3). TREE_MALFORMED, *_KEY_TAKEN, LIMIT. */
enum mls_error mls_tree_decode(struct memory *memory, const struct mls_suite *suite,
                               const uint8_t hash_key[16], struct slice encoded,
                               struct mls_tree **out);
void mls_tree_encode(const struct mls_tree *tree, struct mls_buffer *buffer);

/* For a stored tree, node by node: blank leaves at first. */
enum mls_error mls_tree_create_wide(struct memory *memory, const struct mls_suite *suite,
                                    const uint8_t hash_key[16], uint32_t leaf_width,
                                    struct mls_tree **out);
/* A power of two; what lies beyond it goes. */
enum mls_error mls_tree_set_width(struct mls_tree *tree, uint32_t leaf_width);
void mls_tree_encode_node(const struct mls_tree_node *node, struct mls_buffer *buffer);
/* The bytes of one node; nothing of it is checked. Failure is in the reader. */
struct slice mls_tree_skip_node(struct reader *reader);
/* Puts the node that is read into a blank place. TREE_MALFORMED, *_KEY_TAKEN. */
enum mls_error mls_tree_decode_node(struct mls_tree *tree, struct reader *reader, uint32_t node);

/* NULL: blank or outside the tree. */
const struct mls_leaf_node *mls_tree_leaf(const struct mls_tree *tree, uint32_t leaf);
const struct mls_tree_node *mls_tree_node_at(const struct mls_tree *tree, uint32_t node);
/* The leaf that has this signature key. */
bool mls_tree_find_signer(const struct mls_tree *tree, struct slice signature_key,
                          uint32_t *out_leaf);
bool mls_tree_has_encryption_key(const struct mls_tree *tree, struct slice key);

/*
 * Puts a node into a blank place; takes the caller's reference, also on failure.
 * ENCRYPTION_KEY_TAKEN, SIGNATURE_KEY_TAKEN: the key is in the tree already.
 */
enum mls_error mls_tree_fill(struct mls_tree *tree, uint32_t node, struct mls_tree_node *content);
void mls_tree_blank(struct mls_tree *tree, uint32_t node);
/* Blanks the ancestors of a leaf. */
void mls_tree_blank_path(struct mls_tree *tree, uint32_t leaf);
/* The leftmost blank leaf, widening the tree where there is none. */
enum mls_error mls_tree_find_room(struct mls_tree *tree, uint32_t *out_leaf);
/* Puts a new member's leaf there and lists it as unmerged above (12.1.1). */
enum mls_error mls_tree_add(struct mls_tree *tree, struct mls_tree_node *leaf_node,
                            uint32_t *out_leaf);
/* Drops the right half as long as it has no members. */
void mls_tree_truncate(struct mls_tree *tree);

/* Appends the resolution of a node (4.1.1) in its order. False: no memory. */
bool mls_tree_resolution(const struct mls_tree *tree, uint32_t node, struct mls_index_list *out);
/* Whether a subtree has no member, and so an empty resolution. */
bool mls_tree_is_empty(const struct mls_tree *tree, uint32_t node);

/* A leaf's filtered direct path (4.1.2): its nodes from the leaf up, with the child on the copath
 * of each. */
struct mls_filtered_path {
    uint32_t node[MLS_DEPTH_MAX];
    uint32_t copath[MLS_DEPTH_MAX];
    uint32_t count;
};
void mls_tree_filtered_path(const struct mls_tree *tree, uint32_t leaf,
                            struct mls_filtered_path *out);

#endif
