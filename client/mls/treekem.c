#include "client/mls/treekem.h"

#include <sodium.h>

#include "base/assert.h"
#include "client/mls/hpke.h"
#include "client/mls/label.h"

void mls_path_derive(const struct mls_suite *suite, uint32_t first, uint32_t count,
                     struct mls_path_secrets *secrets, struct mls_path_keys *out_keys)
{
    uint8_t node_secret[MLS_HASH_MAX_BYTES];
    for (uint32_t i = first; i < count; i++) {
        uint8_t *above = i + 1 < count ? secrets->path_secret[i + 1] : secrets->commit_secret;
        mls_derive_secret(suite, secrets->path_secret[i], "node", node_secret);
        mls_hpke_derive_keys(suite, slice_of(node_secret, suite->hash_bytes),
                             secrets->node_private[i], out_keys->node_public[i]);
        mls_derive_secret(suite, secrets->path_secret[i], "path", above);
    }
    if (count == 0) {
        memcpy(secrets->commit_secret, secrets->path_secret[0], suite->hash_bytes);
    }
    sodium_memzero(node_secret, sizeof(node_secret));
}

enum mls_error mls_path_merge(struct mls_tree *tree, uint32_t leaf,
                              const struct mls_filtered_path *path, const struct slice *keys,
                              uint8_t *out_parent_hash, size_t *out_parent_hash_size)
{
    uint8_t hash[MLS_HASH_MAX_BYTES];
    size_t hash_size = 0;
    mls_tree_blank_path(tree, leaf);
    for (uint32_t i = path->count; i-- > 0;) {
        struct slice above = slice_of(hash, hash_size);
        struct mls_tree_node *node =
            mls_parent_create(tree->memory, keys[i], above, slice_of(NULL, 0));
        if (node == NULL) {
            return MLS_ERR_NO_MEMORY;
        }
        uint8_t next[MLS_HASH_MAX_BYTES];
        mls_parent_hash(tree->suite, keys[i], above, mls_tree_hash(tree, path->copath[i]), next);
        enum mls_error error = mls_tree_fill(tree, path->node[i], node);
        if (error != MLS_OK) {
            return error == MLS_ERR_ENCRYPTION_KEY_TAKEN ? MLS_ERR_PATH_KEY_TAKEN : error;
        }
        memcpy(hash, next, sizeof(hash));
        hash_size = tree->suite->hash_bytes;
    }
    memcpy(out_parent_hash, hash, hash_size);
    *out_parent_hash_size = hash_size;
    return MLS_OK;
}

/* One entry of encrypted_path_secret. */
static enum mls_error seal_one(const struct mls_tree *tree, uint32_t recipient,
                               const uint8_t *path_secret, const uint8_t *context_hash,
                               const uint8_t *ephemeral, struct mls_buffer *buffer)
{
    const struct mls_suite *suite = tree->suite;
    uint8_t kem_output[MLS_KEM_MAX_BYTES];
    uint8_t ciphertext[MLS_HASH_MAX_BYTES + MLS_AEAD_TAG_MAX_BYTES];
    if (!mls_encrypt_to(suite, mls_node_key(tree->nodes[recipient]), context_hash,
                        slice_of(path_secret, suite->hash_bytes), ephemeral, kem_output,
                        ciphertext)) {
        return MLS_ERR_MALFORMED;
    }
    mls_write_vector(buffer, slice_of(kem_output, suite->kem_public_bytes));
    mls_write_vector(buffer, slice_of(ciphertext, suite->hash_bytes + suite->aead_tag_bytes));
    return MLS_OK;
}

static bool is_added(const struct mls_index_list *added, uint32_t node)
{
    return node % 2 == 0 && mls_index_list_holds(added, node / 2);
}

enum mls_error mls_path_seal(const struct mls_tree *tree, const struct mls_filtered_path *path,
                             const struct mls_index_list *added,
                             const struct mls_path_secrets *secrets,
                             const struct mls_path_keys *keys, struct slice context,
                             void (*random)(void *random_context, void *out, size_t size),
                             void *random_context, struct mls_buffer *buffer)
{
    uint8_t ephemeral[MLS_KEM_MAX_BYTES];
    uint8_t context_hash[MLS_HASH_MAX_BYTES];
    struct mls_index_list resolution = mls_index_list_of(tree->memory);
    enum mls_error error = MLS_OK;
    size_t nodes = mls_write_open(buffer);
    mls_encrypt_context(tree->suite, "UpdatePathNode", context, context_hash);
    for (uint32_t i = 0; i < path->count && error == MLS_OK; i++) {
        mls_write_vector(buffer, slice_of(keys->node_public[i], tree->suite->kem_public_bytes));
        size_t ciphertexts = mls_write_open(buffer);
        resolution.count = 0;
        if (!mls_tree_resolution(tree, path->copath[i], &resolution)) {
            error = MLS_ERR_NO_MEMORY;
        }
        for (uint32_t r = 0; r < resolution.count && error == MLS_OK; r++) {
            if (!is_added(added, resolution.items[r])) {
                random(random_context, ephemeral, tree->suite->kem_private_bytes);
                error = seal_one(tree, resolution.items[r], secrets->path_secret[i], context_hash,
                                 ephemeral, buffer);
            }
        }
        mls_write_close(buffer, ciphertexts);
    }
    mls_write_close(buffer, nodes);
    sodium_memzero(ephemeral, sizeof(ephemeral));
    mls_index_list_clear(&resolution);
    return error == MLS_OK && buffer->failed ? MLS_ERR_NO_MEMORY : error;
}

/* Which ciphertext of a path node is for us, and the key that opens it. Also checks their number
 * against the resolution. */
static enum mls_error find_ciphertext(const struct mls_tree *tree, uint32_t copath,
                                      const struct mls_index_list *added,
                                      const struct mls_path_node *node, uint32_t own,
                                      uint8_t *const own_keys[MLS_DEPTH_MAX + 1],
                                      uint32_t *out_index, const uint8_t **out_key)
{
    struct mls_index_list resolution = mls_index_list_of(tree->memory);
    enum mls_error error = MLS_OK;
    uint32_t kept = 0;
    *out_key = NULL;
    if (!mls_tree_resolution(tree, copath, &resolution)) {
        error = MLS_ERR_NO_MEMORY;
    }
    for (uint32_t r = 0; r < resolution.count && error == MLS_OK; r++) {
        uint32_t candidate = resolution.items[r];
        uint32_t level = mls_node_level(candidate);
        if (is_added(added, candidate)) {
            continue;
        }
        if (*out_key == NULL && mls_node_at_level(own, level) == candidate &&
            own_keys[level] != NULL) {
            *out_key = own_keys[level];
            *out_index = kept;
        }
        kept++;
    }
    mls_index_list_clear(&resolution);
    if (error == MLS_OK && kept != node->ciphertext_count) {
        error = MLS_ERR_PATH_CIPHERTEXTS;
    }
    return error == MLS_OK && *out_key == NULL ? MLS_ERR_NO_PATH_KEY : error;
}

static bool keys_match(const struct mls_suite *suite, const struct mls_path_keys *keys,
                       const struct mls_update_path *update, uint32_t first)
{
    for (uint32_t i = first; i < update->node_count; i++) {
        if (!slice_equal(slice_of(keys->node_public[i], suite->kem_public_bytes),
                         update->nodes[i].encryption_key)) {
            return false;
        }
    }
    return true;
}

enum mls_error mls_path_open(const struct mls_tree *tree, const struct mls_filtered_path *path,
                             const struct mls_index_list *added,
                             const struct mls_update_path *update, uint32_t own,
                             uint8_t *const own_keys[MLS_DEPTH_MAX + 1], struct slice context,
                             struct mls_path_secrets *secrets, uint32_t *out_first)
{
    const struct mls_suite *suite = tree->suite;
    uint32_t first = 0;
    uint32_t index = 0;
    const uint8_t *key = NULL;
    struct slice kem_output;
    struct slice ciphertext;
    struct mls_path_keys keys;
    while (first < path->count && !mls_node_covers(path->copath[first], own)) {
        first++;
    }
    if (first == path->count) {
        return MLS_ERR_NO_PATH_KEY;
    }
    enum mls_error error = find_ciphertext(tree, path->copath[first], added, &update->nodes[first],
                                           own, own_keys, &index, &key);
    if (error != MLS_OK) {
        return error;
    }
    mls_path_node_ciphertext(&update->nodes[first], index, &kem_output, &ciphertext);
    if (ciphertext.size != suite->hash_bytes + suite->aead_tag_bytes ||
        !mls_decrypt_with_label(suite, key, "UpdatePathNode", context, kem_output, ciphertext,
                                secrets->path_secret[first])) {
        return MLS_ERR_BAD_CIPHERTEXT;
    }
    mls_path_derive(suite, first, path->count, secrets, &keys);
    if (!keys_match(suite, &keys, update, first)) {
        return MLS_ERR_PATH_KEY_MISMATCH;
    }
    *out_first = first;
    return MLS_OK;
}
