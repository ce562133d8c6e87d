/*
 * Arithmetic on the nodes of a full binary tree kept as an array (RFC 9420 appendix C): leaf L is
 * node 2L, a node's level is the number of ones at its end. Widths are powers of two.
 */
#ifndef COLUMBA_MLS_TREE_MATH_H
#define COLUMBA_MLS_TREE_MATH_H

#include <stdbool.h>
#include <stdint.h>

static inline uint32_t mls_node_level(uint32_t node)
{
    return (uint32_t)__builtin_ctz(~node);
}

static inline uint32_t mls_node_count(uint32_t leaf_width)
{
    return 2 * leaf_width - 1;
}

static inline uint32_t mls_node_root(uint32_t leaf_width)
{
    return leaf_width - 1;
}

static inline uint32_t mls_node_of_leaf(uint32_t leaf)
{
    return 2 * leaf;
}

/* Of parents only, as mls_node_right. */
static inline uint32_t mls_node_left(uint32_t node)
{
    return node ^ (1u << (mls_node_level(node) - 1));
}

static inline uint32_t mls_node_right(uint32_t node)
{
    return node ^ (3u << (mls_node_level(node) - 1));
}

/* Of nodes other than the root, as mls_node_sibling. */
static inline uint32_t mls_node_parent(uint32_t node)
{
    uint32_t level = mls_node_level(node);
    uint32_t is_right = node >> (level + 1) & 1;
    return (node | 1u << level) ^ is_right << (level + 1);
}

static inline uint32_t mls_node_sibling(uint32_t node)
{
    return node ^ 2u << mls_node_level(node);
}

/* The leaves below a node: the first, and how many. */
static inline uint32_t mls_node_first_leaf(uint32_t node)
{
    return (node - ((1u << mls_node_level(node)) - 1)) / 2;
}

static inline uint32_t mls_node_leaves(uint32_t node)
{
    return 1u << mls_node_level(node);
}

static inline bool mls_node_covers(uint32_t node, uint32_t leaf)
{
    return leaf - mls_node_first_leaf(node) < mls_node_leaves(node);
}

/* The ancestor of a leaf at a level; the leaf's node at level 0. */
static inline uint32_t mls_node_at_level(uint32_t leaf, uint32_t level)
{
    return (leaf >> level << (level + 1)) + ((1u << level) - 1);
}

/* The level of the lowest common ancestor of two leaves. */
static inline uint32_t mls_common_level(uint32_t a, uint32_t b)
{
    return a == b ? 0 : 32u - (uint32_t)__builtin_clz(a ^ b);
}

/* The smallest width that holds a leaf of this index. */
static inline uint32_t mls_leaf_width_for(uint32_t last_leaf)
{
    return last_leaf == 0 ? 1 : 1u << (32 - __builtin_clz(last_leaf));
}

#endif
