/*
 * What a leaf node must fulfil (RFC 9420 section 7.3). Each rule is one function that returns its
 * own error. Uniqueness of keys is the tree's affair, signatures are leaf_node.h's.
 */
#include "base/bytes.h"
#include "client/mls/extension.h"
#include "client/mls/group.h"

static enum mls_error check_keys(const struct mls_suite *suite, const struct mls_leaf_node *leaf)
{
    if (leaf->encryption_key.size != suite->kem_public_bytes ||
        leaf->signature_key.size != suite->signature_public_bytes) {
        return MLS_ERR_MALFORMED;
    }
    return mls_kem_key_is_usable(suite, leaf->encryption_key) ? MLS_OK : MLS_ERR_KEY_UNUSABLE;
}

static enum mls_error check_suite_listed(const struct mls_suite *suite,
                                         const struct mls_leaf_node *leaf)
{
    return mls_types_hold(leaf->capabilities.versions, MLS_VERSION_10) &&
                   mls_types_hold(leaf->capabilities.suites, suite->id)
               ? MLS_OK
               : MLS_ERR_LEAF_SUITE_UNLISTED;
}

static enum mls_error check_credential_listed(const struct mls_leaf_node *leaf)
{
    return mls_types_hold(leaf->capabilities.credentials, leaf->credential.type)
               ? MLS_OK
               : MLS_ERR_LEAF_CREDENTIAL_UNLISTED;
}

static enum mls_error check_own_extensions(const struct mls_leaf_node *leaf)
{
    struct reader reader = reader_of(leaf->extensions);
    struct mls_extension extension;
    while (mls_extension_next(&reader, &extension)) {
        if (!mls_extension_is_default(extension.type) &&
            !mls_types_hold(leaf->capabilities.extensions, extension.type)) {
            return MLS_ERR_LEAF_EXTENSION_UNLISTED;
        }
    }
    return mls_extensions_check(leaf->extensions);
}

static enum mls_error check_group_extensions(struct slice extensions,
                                             const struct mls_leaf_node *leaf)
{
    struct reader reader = reader_of(extensions);
    struct mls_extension extension;
    while (mls_extension_next(&reader, &extension)) {
        if (!mls_extension_is_default(extension.type) &&
            !mls_types_hold(leaf->capabilities.extensions, extension.type)) {
            return MLS_ERR_LEAF_GROUP_EXTENSION;
        }
    }
    return MLS_OK;
}

/* Default types count as listed everywhere. */
static bool lists_all(struct slice listed, struct slice required, bool (*is_default)(uint16_t))
{
    for (size_t i = 0; i + 1 < required.size; i += 2) {
        uint16_t type = bytes_get_u16_be(required.data + i);
        if (!mls_types_hold(listed, type) && (is_default == NULL || !is_default(type))) {
            return false;
        }
    }
    return true;
}

static enum mls_error check_required(struct slice extensions, const struct mls_leaf_node *leaf)
{
    struct slice data;
    struct mls_required_capabilities required;
    if (!mls_extension_find(extensions, MLS_EXTENSION_REQUIRED_CAPABILITIES, &data)) {
        return MLS_OK;
    }
    if (!mls_required_capabilities_decode(data, &required)) {
        return MLS_ERR_MALFORMED;
    }
    return lists_all(leaf->capabilities.extensions, required.extensions,
                     mls_extension_is_default) &&
                   lists_all(leaf->capabilities.proposals, required.proposals,
                             mls_proposal_is_default) &&
                   lists_all(leaf->capabilities.credentials, required.credentials, NULL)
               ? MLS_OK
               : MLS_ERR_LEAF_REQUIRED_CAPABILITY;
}

/* Without a clock there is nothing to compare with. */
static enum mls_error check_lifetime(const struct mls_leaf_rules *rules,
                                     const struct mls_leaf_node *leaf)
{
    if (leaf->source != MLS_LEAF_KEY_PACKAGE || rules->environment->now_s == NULL) {
        return MLS_OK;
    }
    uint64_t now = mls_environment_now_s(rules->environment);
    uint64_t max = mls_environment_lifetime_max_s(rules->environment);
    if (leaf->not_after_s < leaf->not_before_s || leaf->not_after_s - leaf->not_before_s > max) {
        return MLS_ERR_LEAF_LIFETIME;
    }
    if (rules->is_sending && (now < leaf->not_before_s || now > leaf->not_after_s)) {
        return MLS_ERR_LEAF_LIFETIME;
    }
    return MLS_OK;
}

enum mls_error mls_leaf_check_any(const struct mls_leaf_rules *rules,
                                  const struct mls_leaf_node *leaf)
{
    enum mls_error error = check_keys(rules->suite, leaf);
    if (error == MLS_OK) {
        error = check_suite_listed(rules->suite, leaf);
    }
    if (error == MLS_OK) {
        error = check_credential_listed(leaf);
    }
    if (error == MLS_OK) {
        error = check_own_extensions(leaf);
    }
    if (error == MLS_OK) {
        error = check_required(rules->extensions, leaf);
    }
    if (error == MLS_OK) {
        error = check_group_extensions(rules->extensions, leaf);
    }
    if (error == MLS_OK) {
        error = check_lifetime(rules, leaf);
    }
    return error;
}

enum mls_error mls_leaf_check(const struct mls_leaf_rules *rules, const struct mls_leaf_node *leaf,
                              enum mls_leaf_source source)
{
    return leaf->source == source ? mls_leaf_check_any(rules, leaf) : MLS_ERR_LEAF_SOURCE;
}

/* The credential types in use: few, however many the members. */
#define CREDENTIAL_TYPES_MAX 16u

static enum mls_error collect_types(const struct mls_tree *tree, uint16_t *types, size_t *out_count)
{
    size_t count = 0;
    for (uint32_t i = 0; i < tree->leaf_width; i++) {
        const struct mls_leaf_node *leaf = mls_tree_leaf(tree, i);
        size_t at = 0;
        if (leaf == NULL) {
            continue;
        }
        while (at < count && types[at] != leaf->credential.type) {
            at++;
        }
        if (at == CREDENTIAL_TYPES_MAX) {
            return MLS_ERR_LIMIT;
        }
        types[at] = leaf->credential.type;
        count = at == count ? count + 1 : count;
    }
    *out_count = count;
    return MLS_OK;
}

static enum mls_error check_member(const struct mls_leaf_node *leaf, const uint16_t *types,
                                   size_t count, struct slice extensions, bool extensions_are_new)
{
    for (size_t t = 0; t < count; t++) {
        if (!mls_types_hold(leaf->capabilities.credentials, types[t])) {
            return MLS_ERR_LEAF_CREDENTIAL_UNSUPPORTED;
        }
    }
    if (!extensions_are_new) {
        return MLS_OK;
    }
    enum mls_error error = check_required(extensions, leaf);
    if (error == MLS_ERR_LEAF_REQUIRED_CAPABILITY) {
        return MLS_ERR_REQUIRED_CAPABILITIES;
    }
    return error == MLS_OK ? check_group_extensions(extensions, leaf) : error;
}

enum mls_error mls_tree_check_members(const struct mls_tree *tree, struct slice extensions,
                                      bool extensions_are_new)
{
    uint16_t types[CREDENTIAL_TYPES_MAX];
    size_t count = 0;
    enum mls_error error = collect_types(tree, types, &count);
    for (uint32_t i = 0; error == MLS_OK && i < tree->leaf_width; i++) {
        const struct mls_leaf_node *leaf = mls_tree_leaf(tree, i);
        if (leaf != NULL) {
            error = check_member(leaf, types, count, extensions, extensions_are_new);
        }
    }
    return error;
}
