/*
 * TreeKEM (RFC 9420 sections 7.4 to 7.6): fresh keys along a member's path, their public halves
 * merged into the tree, their secrets sealed to the rest of the group.
 *
 * Making a path: mls_path_generate, mls_path_merge, then the leaf is signed and put in place, then
 * mls_path_seal once the provisional group context is known. Taking one: mls_path_merge, the leaf,
 * mls_path_open.
 */
#ifndef COLUMBA_MLS_TREEKEM_H
#define COLUMBA_MLS_TREEKEM_H

#include "client/mls/commit.h"
#include "client/mls/tree_hash.h"

/* The private side of a path, in guarded memory. Indices are those of the filtered path. */
struct mls_path_secrets {
    uint8_t path_secret[MLS_DEPTH_MAX][MLS_HASH_MAX_BYTES];
    uint8_t node_private[MLS_DEPTH_MAX][MLS_KEM_MAX_BYTES];
    uint8_t leaf_private[MLS_KEM_MAX_BYTES];
    uint8_t commit_secret[MLS_HASH_MAX_BYTES];
};

/* Its public side. */
struct mls_path_keys {
    uint8_t node_public[MLS_DEPTH_MAX][MLS_KEM_MAX_BYTES];
};

/* From the secret at `first` upwards: secrets, private and public keys, and the commit secret.
 * Where the path is empty (count 0) path_secret[0] becomes the commit secret. */
void mls_path_derive(const struct mls_suite *suite, uint32_t first, uint32_t count,
                     struct mls_path_secrets *secrets, struct mls_path_keys *out_keys);

/*
 * Blanks the leaf's direct path, fills the filtered one with the keys and computes its parent
 * hashes; out_parent_hash is what the leaf must carry (empty for a path of no nodes).
 * PATH_KEY_TAKEN: a key is in the tree already.
 */
enum mls_error mls_path_merge(struct mls_tree *tree, uint32_t leaf,
                              const struct mls_filtered_path *path, const struct slice *keys,
                              uint8_t *out_parent_hash, size_t *out_parent_hash_size);

/* Appends the nodes of the UpdatePath (without the leaf). `added`: leaves new in this commit,
 * ascending. `random` gives each ciphertext its ephemeral key. */
enum mls_error mls_path_seal(const struct mls_tree *tree, const struct mls_filtered_path *path,
                             const struct mls_index_list *added,
                             const struct mls_path_secrets *secrets,
                             const struct mls_path_keys *keys, struct slice context,
                             void (*random)(void *random_context, void *out, size_t size),
                             void *random_context, struct mls_buffer *buffer);

/*
 * Opens the path secret that is sealed to leaf `own`, which holds `own_keys` (by level, NULL where
 * it has none), derives the rest upwards and compares the public keys. out_first is the index on
 * the filtered path from which on the secrets are known.
 */
enum mls_error mls_path_open(const struct mls_tree *tree, const struct mls_filtered_path *path,
                             const struct mls_index_list *added,
                             const struct mls_update_path *update, uint32_t own,
                             uint8_t *const own_keys[MLS_DEPTH_MAX + 1], struct slice context,
                             struct mls_path_secrets *secrets, uint32_t *out_first);

#endif
