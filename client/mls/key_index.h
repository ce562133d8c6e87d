/*
 * Which public keys are in a ratchet tree: a hash table from a key to the node that has it, so
 * that "is this key new" (RFC 9420 sections 7.3 and 12.4.2) takes constant time. Keys are chosen
 * by other members; the hash is keyed with random bytes so nobody can make them collide.
 *
 * The table holds node numbers only and asks the tree for the keys.
 */
#ifndef COLUMBA_MLS_KEY_INDEX_H
#define COLUMBA_MLS_KEY_INDEX_H

#include "base/memory.h"
#include "client/mls/tree_node.h"

enum mls_key_kind {
    MLS_KEY_ENCRYPTION = 0,
    MLS_KEY_SIGNATURE = 1,
};

struct mls_key_index {
    struct memory *memory;
    uint32_t *slots; /* 0: never used; otherwise 1 + 2 * node + kind, or a grave */
    uint32_t capacity;
    uint32_t filled; /* graves included */
    uint32_t live;
    uint8_t hash_key[16];
};

void mls_key_index_init(struct mls_key_index *index, struct memory *memory,
                        const uint8_t hash_key[16]);
void mls_key_index_clear(struct mls_key_index *index);
bool mls_key_index_clone(const struct mls_key_index *index, struct mls_key_index *out);
/* False: no node has it. */
bool mls_key_index_find(const struct mls_key_index *index, struct mls_tree_node *const *nodes,
                        enum mls_key_kind kind, struct slice key, uint32_t *out_node);
/* The key is not in the table, and node's place in `nodes` is filled. False: no memory. */
bool mls_key_index_add(struct mls_key_index *index, struct mls_tree_node *const *nodes,
                       enum mls_key_kind kind, uint32_t node);
/* Before the node's place is emptied. */
void mls_key_index_remove(struct mls_key_index *index, struct mls_tree_node *const *nodes,
                          enum mls_key_kind kind, uint32_t node);

#endif
