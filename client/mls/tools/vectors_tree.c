/* Vectors of the ratchet tree and TreeKEM. */
#include <sodium.h>

#include "client/mls/frame.h"
#include "client/mls/group_context.h"
#include "client/mls/hpke.h"
#include "client/mls/label.h"
#include "client/mls/tools/vectors.h"
#include "client/mls/treekem.h"

static const uint8_t hash_key[16];

/* An entry of a list of node numbers, where null stands for "none". */
static bool node_is(const json_t *object, const char *key, uint32_t node, bool exists,
                    uint32_t expected)
{
    const json_t *value = json_array_get(json_object_get(object, key), node);
    return exists ? json_is_integer(value) && (uint64_t)json_integer_value(value) == expected
                  : json_is_null(value);
}

bool vector_tree_math(struct vector_case *v)
{
    uint32_t width = (uint32_t)vector_number(v->json, "n_leaves");
    uint32_t root = mls_node_root(width);
    VECTOR_EXPECT(v, mls_node_count(width) == vector_number(v->json, "n_nodes"));
    VECTOR_EXPECT(v, root == vector_number(v->json, "root"));
    for (uint32_t node = 0; node < mls_node_count(width); node++) {
        bool is_parent = node % 2 == 1;
        bool is_root = node == root;
        VECTOR_EXPECT(
            v, node_is(v->json, "left", node, is_parent, is_parent ? mls_node_left(node) : 0));
        VECTOR_EXPECT(
            v, node_is(v->json, "right", node, is_parent, is_parent ? mls_node_right(node) : 0));
        VECTOR_EXPECT(
            v, node_is(v->json, "parent", node, !is_root, is_root ? 0 : mls_node_parent(node)));
        VECTOR_EXPECT(
            v, node_is(v->json, "sibling", node, !is_root, is_root ? 0 : mls_node_sibling(node)));
    }
    return true;
}

static enum mls_error apply_proposal(struct mls_tree *tree, const struct mls_proposal *proposal,
                                     uint32_t sender)
{
    uint32_t leaf = 0;
    struct mls_tree_node *node = NULL;
    switch (proposal->type) {
    case MLS_PROPOSAL_ADD:
        node = mls_leaf_create(tree->memory, proposal->add->leaf.encoded);
        return mls_tree_add(tree, node, &leaf);
    case MLS_PROPOSAL_UPDATE:
        if (mls_tree_leaf(tree, sender) == NULL) {
            return MLS_ERR_NOT_A_MEMBER;
        }
        node = mls_leaf_create(tree->memory, proposal->update->encoded);
        mls_tree_blank(tree, mls_node_of_leaf(sender));
        mls_tree_blank_path(tree, sender);
        return mls_tree_fill(tree, mls_node_of_leaf(sender), node);
    case MLS_PROPOSAL_REMOVE:
        if (mls_tree_leaf(tree, proposal->removed) == NULL) {
            return MLS_ERR_REMOVED_BLANK;
        }
        mls_tree_blank(tree, mls_node_of_leaf(proposal->removed));
        mls_tree_blank_path(tree, proposal->removed);
        mls_tree_truncate(tree);
        return MLS_OK;
    default:
        return MLS_ERR_PROPOSAL_TYPE;
    }
}

static bool tree_encodes_to(struct vector_case *v, const struct mls_tree *tree, const char *key)
{
    struct mls_buffer buffer = mls_buffer_of(v->memory);
    mls_tree_encode(tree, &buffer);
    bool same = vector_equals(v, v->json, key, buffer.data, buffer.size);
    mls_buffer_clear(&buffer);
    return same;
}

static bool check_tree_operation(struct vector_case *v, struct mls_tree *tree)
{
    struct mls_proposal proposal;
    size_t n = v->suite->hash_bytes;
    struct reader reader = reader_of(vector_hex(v, v->json, "proposal"));
    VECTOR_EXPECT(v, tree_encodes_to(v, tree, "tree_before"));
    VECTOR_EXPECT(v, vector_equals(v, v->json, "tree_hash_before", mls_tree_root_hash(tree), n));
    VECTOR_EXPECT(v, mls_read_proposal(&reader, &v->arena, &proposal) == MLS_OK);
    VECTOR_EXPECT(v, apply_proposal(tree, &proposal,
                                    (uint32_t)vector_number(v->json, "proposal_sender")) == MLS_OK);
    VECTOR_EXPECT(v, tree_encodes_to(v, tree, "tree_after"));
    VECTOR_EXPECT(v, vector_equals(v, v->json, "tree_hash_after", mls_tree_root_hash(tree), n));
    return true;
}

bool vector_tree_operations(struct vector_case *v)
{
    struct mls_tree *tree = NULL;
    VECTOR_EXPECT(v, mls_tree_decode(v->memory, v->suite, hash_key,
                                     vector_hex(v, v->json, "tree_before"), &tree) == MLS_OK);
    bool passed = check_tree_operation(v, tree);
    mls_tree_destroy(tree);
    return passed;
}

static bool resolution_is(struct vector_case *v, const struct mls_tree *tree, uint32_t node,
                          const json_t *expected)
{
    struct mls_index_list list = mls_index_list_of(v->memory);
    bool same = mls_tree_resolution(tree, node, &list) && list.count == json_array_size(expected);
    for (uint32_t i = 0; same && i < list.count; i++) {
        same = (uint64_t)json_integer_value(json_array_get(expected, i)) == list.items[i];
    }
    mls_index_list_clear(&list);
    return same;
}

static bool check_tree(struct vector_case *v, struct mls_tree *tree)
{
    const json_t *hashes = json_object_get(v->json, "tree_hashes");
    const json_t *resolutions = json_object_get(v->json, "resolutions");
    struct slice group_id = vector_hex(v, v->json, "group_id");
    VECTOR_EXPECT(v, tree_encodes_to(v, tree, "tree"));
    for (uint32_t node = 0; node < mls_node_count(tree->leaf_width); node++) {
        struct slice hash = vector_hex_value(v, json_array_get(hashes, node));
        VECTOR_EXPECT(v,
                      slice_equal(hash, slice_of(mls_tree_hash(tree, node), v->suite->hash_bytes)));
        VECTOR_EXPECT(v, resolution_is(v, tree, node, json_array_get(resolutions, node)));
    }
    VECTOR_EXPECT(v, mls_tree_check_parents(tree) == MLS_OK);
    for (uint32_t leaf = 0; leaf < tree->leaf_width; leaf++) {
        const struct mls_leaf_node *content = mls_tree_leaf(tree, leaf);
        VECTOR_EXPECT(v, content == NULL || mls_leaf_node_verify(v->suite, v->memory, content,
                                                                 group_id, leaf) == MLS_OK);
    }
    return true;
}

bool vector_tree_validation(struct vector_case *v)
{
    struct mls_tree *tree = NULL;
    VECTOR_EXPECT(v, mls_tree_decode(v->memory, v->suite, hash_key, vector_hex(v, v->json, "tree"),
                                     &tree) == MLS_OK);
    bool passed = check_tree(v, tree);
    mls_tree_destroy(tree);
    return passed;
}

/* One member's private keys, by level. */
struct member {
    uint32_t leaf;
    uint8_t keys[MLS_DEPTH_MAX + 1][MLS_KEM_MAX_BYTES];
    uint8_t *by_level[MLS_DEPTH_MAX + 1];
    uint8_t signature_private[MLS_SIGNATURE_KEY_MAX_BYTES];
};

static bool member_load(struct vector_case *v, const struct mls_tree *tree, const json_t *json,
                        struct member *out)
{
    uint8_t public_key[MLS_SIGNATURE_KEY_MAX_BYTES];
    const json_t *secrets = json_object_get(json, "path_secrets");
    *out = (struct member){.leaf = (uint32_t)vector_number(json, "index")};
    struct slice priv = vector_hex(v, json, "encryption_priv");
    struct slice seed = vector_hex(v, json, "signature_priv");
    VECTOR_EXPECT(v, priv.size == v->suite->kem_private_bytes);
    VECTOR_EXPECT(v, seed.size == v->suite->signature_seed_bytes);
    VECTOR_EXPECT(v, mls_tree_leaf(tree, out->leaf) != NULL);
    memcpy(out->keys[0], priv.data, priv.size);
    out->by_level[0] = out->keys[0];
    v->suite->signature_keys(seed.data, public_key, out->signature_private);
    for (size_t i = 0; i < json_array_size(secrets); i++) {
        const json_t *entry = json_array_get(secrets, i);
        uint32_t node = (uint32_t)vector_number(entry, "node");
        uint32_t level = mls_node_level(node);
        uint8_t secret[MLS_HASH_MAX_BYTES];
        struct slice path_secret = vector_hex(v, entry, "path_secret");
        VECTOR_EXPECT(v, path_secret.size == v->suite->hash_bytes && level <= MLS_DEPTH_MAX);
        VECTOR_EXPECT(v, mls_tree_node_at(tree, node) != NULL);
        mls_derive_secret(v->suite, path_secret.data, "node", secret);
        mls_hpke_derive_keys(v->suite, slice_of(secret, v->suite->hash_bytes), out->keys[level],
                             public_key);
        out->by_level[level] = out->keys[level];
        VECTOR_EXPECT(v, slice_equal(mls_node_key(mls_tree_node_at(tree, node)),
                                     slice_of(public_key, v->suite->kem_public_bytes)));
    }
    return true;
}

static struct slice provisional_context(struct vector_case *v, struct mls_tree *tree,
                                        struct mls_buffer *buffer)
{
    struct mls_group_context context = {
        .version = MLS_VERSION_10,
        .suite = v->suite->id,
        .group_id = vector_hex(v, v->json, "group_id"),
        .epoch = vector_number(v->json, "epoch"),
        .tree_hash = slice_of(mls_tree_root_hash(tree), v->suite->hash_bytes),
        .confirmed_transcript_hash = vector_hex(v, v->json, "confirmed_transcript_hash"),
    };
    mls_write_group_context(buffer, &context);
    return mls_buffer_done(buffer);
}

static bool open_as_member(struct vector_case *v, const struct mls_tree *merged,
                           const struct mls_filtered_path *path,
                           const struct mls_update_path *update, const struct member *member,
                           struct slice context, const json_t *expected)
{
    struct mls_path_secrets secrets;
    struct mls_index_list none = mls_index_list_of(v->memory);
    uint32_t first = 0;
    const json_t *list = json_object_get(expected, "path_secrets");
    VECTOR_EXPECT(v, mls_path_open(merged, path, &none, update, member->leaf, member->by_level,
                                   context, &secrets, &first) == MLS_OK);
    struct slice wanted = vector_hex_value(v, json_array_get(list, member->leaf));
    VECTOR_EXPECT(v,
                  slice_equal(wanted, slice_of(secrets.path_secret[first], v->suite->hash_bytes)));
    VECTOR_EXPECT(v, vector_equals(v, expected, "commit_secret", secrets.commit_secret,
                                   v->suite->hash_bytes));
    return true;
}

/* Merges a path, ours or the vector's, into a tree and checks that its parent hashes are right. */
static bool merge(struct vector_case *v, struct mls_tree *tree, uint32_t sender,
                  const struct mls_filtered_path *path, const struct slice *keys,
                  uint8_t *parent_hash, size_t *parent_hash_size)
{
    VECTOR_EXPECT(v, mls_path_merge(tree, sender, path, keys, parent_hash, parent_hash_size) ==
                         MLS_OK);
    return true;
}

static bool place_leaf(struct vector_case *v, struct mls_tree *tree, uint32_t leaf,
                       struct slice encoded)
{
    struct mls_tree_node *node = mls_leaf_create(v->memory, encoded);
    mls_tree_blank(tree, mls_node_of_leaf(leaf));
    VECTOR_EXPECT(v, mls_tree_fill(tree, mls_node_of_leaf(leaf), node) == MLS_OK);
    return true;
}

static bool take_path(struct vector_case *v, struct mls_tree *tree, const json_t *json,
                      const struct member *members, size_t member_count)
{
    struct mls_update_path update;
    struct mls_filtered_path path;
    struct slice keys[MLS_DEPTH_MAX];
    uint8_t parent_hash[MLS_HASH_MAX_BYTES];
    size_t parent_hash_size = 0;
    uint32_t sender = (uint32_t)vector_number(json, "sender");
    struct reader reader = reader_of(vector_hex(v, json, "update_path"));
    VECTOR_EXPECT(v, mls_read_update_path(&reader, &v->arena, &update) == MLS_OK);
    VECTOR_EXPECT(v, reader_is_done(&reader));
    VECTOR_EXPECT(v, mls_tree_leaf(tree, sender) != NULL);
    mls_tree_filtered_path(tree, sender, &path);
    VECTOR_EXPECT(v, path.count == update.node_count);
    for (uint32_t i = 0; i < path.count; i++) {
        keys[i] = update.nodes[i].encryption_key;
    }
    VECTOR_EXPECT(v, merge(v, tree, sender, &path, keys, parent_hash, &parent_hash_size));
    VECTOR_EXPECT(v, slice_equal(update.leaf.parent_hash, slice_of(parent_hash, parent_hash_size)));
    VECTOR_EXPECT(v, place_leaf(v, tree, sender, update.leaf.encoded));
    VECTOR_EXPECT(v, vector_equals(v, json, "tree_hash_after", mls_tree_root_hash(tree),
                                   v->suite->hash_bytes));
    VECTOR_EXPECT(v, mls_tree_check_parents(tree) == MLS_OK);
    struct mls_buffer buffer = mls_buffer_of(v->memory);
    struct slice context = provisional_context(v, tree, &buffer);
    bool passed = true;
    for (size_t i = 0; i < member_count && passed; i++) {
        passed = members[i].leaf == sender ||
                 open_as_member(v, tree, &path, &update, &members[i], context, json);
    }
    mls_buffer_clear(&buffer);
    return passed;
}

static void fill_random(void *context, void *out, size_t size)
{
    (void)context;
    randombytes_buf(out, size);
}

/* A path of our own from this sender, which every other member must open. */
static bool make_path(struct vector_case *v, struct mls_tree *tree, const struct member *sender,
                      const struct member *members, size_t member_count)
{
    struct mls_path_secrets secrets;
    struct mls_path_keys keys;
    struct mls_filtered_path path;
    struct slice publics[MLS_DEPTH_MAX];
    uint8_t parent_hash[MLS_HASH_MAX_BYTES];
    uint8_t leaf_public[MLS_KEM_MAX_BYTES];
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    size_t parent_hash_size = 0;
    size_t n = v->suite->kem_public_bytes;
    struct mls_index_list none = mls_index_list_of(v->memory);
    mls_tree_filtered_path(tree, sender->leaf, &path);
    randombytes_buf(secrets.path_secret[0], v->suite->hash_bytes);
    randombytes_buf(secrets.leaf_private, v->suite->kem_private_bytes);
    v->suite->kem_public(secrets.leaf_private, leaf_public);
    mls_path_derive(v->suite, 0, path.count, &secrets, &keys);
    for (uint32_t i = 0; i < path.count; i++) {
        publics[i] = slice_of(keys.node_public[i], n);
    }
    struct mls_leaf_node leaf = *mls_tree_leaf(tree, sender->leaf);
    VECTOR_EXPECT(v, merge(v, tree, sender->leaf, &path, publics, parent_hash, &parent_hash_size));
    leaf.encryption_key = slice_of(leaf_public, n);
    leaf.source = MLS_LEAF_COMMIT;
    leaf.parent_hash = slice_of(parent_hash, parent_hash_size);
    struct mls_buffer fields = mls_buffer_of(v->memory);
    struct mls_buffer nodes = mls_buffer_of(v->memory);
    struct mls_buffer context_buffer = mls_buffer_of(v->memory);
    mls_write_leaf_fields(&fields, &leaf);
    bool passed = mls_leaf_node_sign(v->suite, v->memory, sender->signature_private, leaf.source,
                                     mls_buffer_done(&fields), vector_hex(v, v->json, "group_id"),
                                     sender->leaf, signature) == MLS_OK;
    mls_write_vector(&fields, slice_of(signature, v->suite->signature_bytes));
    passed = passed && place_leaf(v, tree, sender->leaf, mls_buffer_done(&fields));
    struct slice context = provisional_context(v, tree, &context_buffer);
    mls_write_bytes(&nodes, mls_buffer_done(&fields));
    passed = passed && mls_path_seal(tree, &path, &none, &secrets, &keys, context, fill_random,
                                     NULL, &nodes) == MLS_OK;
    struct mls_update_path update;
    struct reader reader = reader_of(mls_buffer_done(&nodes));
    passed = passed && mls_read_update_path(&reader, &v->arena, &update) == MLS_OK;
    for (size_t i = 0; i < member_count && passed; i++) {
        struct mls_path_secrets opened;
        uint32_t first = 0;
        passed = members[i].leaf == sender->leaf ||
                 (mls_path_open(tree, &path, &none, &update, members[i].leaf, members[i].by_level,
                                context, &opened, &first) == MLS_OK &&
                  memcmp(opened.commit_secret, secrets.commit_secret, v->suite->hash_bytes) == 0);
    }
    passed = passed && mls_tree_check_parents(tree) == MLS_OK;
    mls_buffer_clear(&fields);
    mls_buffer_clear(&nodes);
    mls_buffer_clear(&context_buffer);
    return passed ? true : vector_fail(v, "a path of our own", __func__, __LINE__);
}

static bool check_path(struct vector_case *v, const struct mls_tree *tree, const json_t *json,
                       const struct member *members, size_t count)
{
    struct mls_tree *clone = NULL;
    VECTOR_EXPECT(v, mls_tree_clone(tree, &clone) == MLS_OK);
    bool passed = take_path(v, clone, json, members, count);
    mls_tree_destroy(clone);
    for (size_t i = 0; i < count && passed; i++) {
        if (members[i].leaf == vector_number(json, "sender")) {
            VECTOR_EXPECT(v, mls_tree_clone(tree, &clone) == MLS_OK);
            passed = make_path(v, clone, &members[i], members, count);
            mls_tree_destroy(clone);
        }
    }
    return passed;
}

bool vector_treekem(struct vector_case *v)
{
    struct mls_tree *tree = NULL;
    const json_t *privates = json_object_get(v->json, "leaves_private");
    const json_t *paths = json_object_get(v->json, "update_paths");
    size_t count = json_array_size(privates);
    struct member *members = arena_allocate_array(&v->arena, count + 1, sizeof(*members));
    VECTOR_EXPECT(v, members != NULL);
    VECTOR_EXPECT(v, mls_tree_decode(v->memory, v->suite, hash_key,
                                     vector_hex(v, v->json, "ratchet_tree"), &tree) == MLS_OK);
    bool passed = true;
    for (size_t i = 0; i < count && passed; i++) {
        passed = member_load(v, tree, json_array_get(privates, i), &members[i]);
    }
    for (size_t i = 0; i < json_array_size(paths) && passed; i++) {
        passed = check_path(v, tree, json_array_get(paths, i), members, count);
    }
    mls_tree_destroy(tree);
    return passed;
}
