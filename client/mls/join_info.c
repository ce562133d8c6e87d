/*
 * A GroupInfo seen by someone who joins (RFC 9420 sections 12.4.3.1 and 12.4.3.2): the tree it
 * comes with is checked whole, since nobody vouches for it but its own signatures and hashes.
 */
#include "client/mls/extension.h"
#include "client/mls/group.h"
#include "client/mls/tree_hash.h"

static enum mls_error check_context(const struct mls_group *group,
                                    const struct mls_group_context *context,
                                    const struct mls_join_options *options)
{
    if (context->version != MLS_VERSION_10) {
        return MLS_ERR_VERSION;
    }
    if (context->suite != group->suite->id) {
        return MLS_ERR_SUITE;
    }
    if (options->knows_group != NULL &&
        options->knows_group(group->environment.context, context->group_id)) {
        return MLS_ERR_GROUP_KNOWN;
    }
    return mls_extensions_check(context->extensions);
}

static enum mls_error read_tree(struct mls_group *group, const struct mls_group_info *info,
                                const struct mls_join_options *options, struct mls_epoch *epoch)
{
    uint8_t hash_key[16];
    struct slice encoded = options->ratchet_tree;
    if (!mls_extension_find(info->extensions, MLS_EXTENSION_RATCHET_TREE, &encoded) &&
        encoded.size == 0) {
        return MLS_ERR_TREE_MISSING;
    }
    mls_environment_random(&group->environment, hash_key, sizeof(hash_key));
    enum mls_error error =
        mls_tree_decode(group->memory, group->suite, hash_key, encoded, &epoch->tree);
    if (error != MLS_OK) {
        return error;
    }
    struct slice hash = slice_of(mls_tree_root_hash(epoch->tree), group->suite->hash_bytes);
    return slice_equal(hash, info->context.tree_hash) ? MLS_OK : MLS_ERR_TREE_HASH;
}

static enum mls_error check_signature(const struct mls_group *group,
                                      const struct mls_group_info *info,
                                      const struct mls_tree *tree)
{
    const struct mls_leaf_node *signer = mls_tree_leaf(tree, info->signer);
    if (signer == NULL) {
        return MLS_ERR_SIGNER_BLANK;
    }
    return mls_group_info_verify(group->suite, group->memory, info, signer->signature_key);
}

static enum mls_error check_leaves(const struct mls_group *group,
                                   const struct mls_group_context *context,
                                   const struct mls_tree *tree)
{
    struct mls_leaf_rules rules = {
        .environment = &group->environment,
        .suite = group->suite,
        .extensions = context->extensions,
    };
    for (uint32_t i = 0; i < tree->leaf_width; i++) {
        const struct mls_leaf_node *leaf = mls_tree_leaf(tree, i);
        if (leaf == NULL) {
            continue;
        }
        enum mls_error error = mls_leaf_check_any(&rules, leaf);
        if (error == MLS_OK) {
            error = mls_leaf_node_verify(group->suite, group->memory, leaf, context->group_id, i);
        }
        if (error == MLS_OK && !mls_environment_accepts(&group->environment, leaf)) {
            error = MLS_ERR_LEAF_CREDENTIAL_REFUSED;
        }
        if (error != MLS_OK) {
            return error;
        }
    }
    return mls_tree_check_members(tree, context->extensions, false);
}

static enum mls_error check_parent_keys(const struct mls_tree *tree)
{
    for (uint32_t node = 1; node < mls_node_count(tree->leaf_width); node += 2) {
        const struct mls_tree_node *parent = mls_tree_node_at(tree, node);
        if (parent == NULL) {
            continue;
        }
        if (mls_node_key(parent).size != tree->suite->kem_public_bytes) {
            return MLS_ERR_TREE_MALFORMED;
        }
        if (!mls_kem_key_is_usable(tree->suite, mls_node_key(parent))) {
            return MLS_ERR_KEY_UNUSABLE;
        }
    }
    return MLS_OK;
}

enum mls_error mls_group_open_info(struct mls_group *group, const struct mls_group_info *info,
                                   const struct mls_join_options *options, struct mls_epoch *epoch)
{
    const struct mls_group_context *context = &info->context;
    enum mls_error error = check_context(group, context, options);
    if (error == MLS_OK) {
        error = mls_extensions_check(info->extensions);
    }
    if (error == MLS_OK) {
        error = read_tree(group, info, options, epoch);
    }
    if (error == MLS_OK) {
        error = check_signature(group, info, epoch->tree);
    }
    if (error == MLS_OK) {
        error = check_parent_keys(epoch->tree);
    }
    if (error == MLS_OK) {
        error = mls_tree_check_parents(epoch->tree);
    }
    if (error == MLS_OK) {
        error = check_leaves(group, context, epoch->tree);
    }
    if (error == MLS_OK) {
        error = mls_epoch_set_context(group, epoch, context->group_id, context->epoch,
                                      context->confirmed_transcript_hash, context->extensions);
    }
    if (error == MLS_OK) {
        mls_transcript_interim(group->suite, context->confirmed_transcript_hash,
                               info->confirmation_tag, epoch->interim);
    }
    return error;
}
