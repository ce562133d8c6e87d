/*
 * A list of proposals becomes a change of the tree (RFC 9420 sections 12.2 and 12.3). First each
 * rule that needs only the list and the epoch before, then the change itself in the order of the
 * RFC, then the rules about the tree that comes of it.
 */
#include <stdlib.h>

#include "client/mls/extension.h"
#include "client/mls/group.h"

static struct mls_leaf_rules rules_of(const struct mls_group *group, struct slice extensions,
                                      bool is_sending)
{
    return (struct mls_leaf_rules){
        .environment = &group->environment,
        .suite = group->suite,
        .extensions = extensions,
        .is_sending = is_sending,
    };
}

static enum mls_error check_add(const struct mls_group *group,
                                const struct mls_key_package_view *package, struct slice extensions,
                                bool is_sending, bool checked)
{
    struct mls_leaf_rules rules = rules_of(group, extensions, is_sending);
    enum mls_error error = MLS_OK;
    if (!checked) {
        error = mls_key_package_check(group->suite, group->memory, package);
    }
    if (error == MLS_OK) {
        error = mls_leaf_check(&rules, &package->leaf, MLS_LEAF_KEY_PACKAGE);
    }
    if (error == MLS_OK && !mls_environment_accepts(&group->environment, &package->leaf)) {
        error = MLS_ERR_LEAF_CREDENTIAL_REFUSED;
    }
    return error;
}

static enum mls_error check_update(const struct mls_group *group, const struct mls_epoch *epoch,
                                   const struct mls_leaf_node *leaf, uint32_t index,
                                   struct slice extensions, bool is_sending, bool checked)
{
    const struct mls_leaf_node *old = mls_tree_leaf(epoch->tree, index);
    struct mls_leaf_rules rules = rules_of(group, extensions, is_sending);
    if (old == NULL) {
        return MLS_ERR_NOT_A_MEMBER;
    }
    enum mls_error error = mls_leaf_check(&rules, leaf, MLS_LEAF_UPDATE);
    if (error == MLS_OK && slice_equal(old->encryption_key, leaf->encryption_key)) {
        error = MLS_ERR_LEAF_KEY_UNCHANGED;
    }
    if (error == MLS_OK && !checked) {
        error =
            mls_leaf_node_verify(group->suite, group->memory, leaf, epoch->context.group_id, index);
    }
    if (error == MLS_OK && !mls_environment_accepts_change(&group->environment, leaf, old, false)) {
        error = MLS_ERR_LEAF_CREDENTIAL_REFUSED;
    }
    return error;
}

static enum mls_error check_psk(const struct mls_group *group, const struct mls_psk_id *psk,
                                enum mls_psk_usage usage)
{
    if (psk->type == MLS_PSK_RESUMPTION && psk->usage != usage &&
        psk->usage != MLS_PSK_APPLICATION) {
        return MLS_ERR_PSK_USAGE;
    }
    return psk->nonce.size == group->suite->hash_bytes ? MLS_OK : MLS_ERR_PSK_NONCE;
}

/* Whoever may send from outside must be known to the application. */
static enum mls_error check_senders(const struct mls_group *group, struct slice senders)
{
    struct slice key;
    struct slice encoded;
    for (uint32_t i = 0; mls_external_sender_find(senders, i, &key, &encoded); i++) {
        struct mls_credential credential;
        struct reader reader = reader_of(encoded);
        mls_read_credential(&reader, &credential);
        if (!mls_environment_accepts_sender(&group->environment, key, &credential)) {
            return MLS_ERR_LEAF_CREDENTIAL_REFUSED;
        }
    }
    return MLS_OK;
}

static enum mls_error check_extensions(const struct mls_group *group, struct slice extensions)
{
    struct slice data;
    struct mls_required_capabilities required;
    enum mls_error error = mls_extensions_check(extensions);
    if (error == MLS_OK &&
        mls_extension_find(extensions, MLS_EXTENSION_REQUIRED_CAPABILITIES, &data) &&
        !mls_required_capabilities_decode(data, &required)) {
        error = MLS_ERR_MALFORMED;
    }
    if (error == MLS_OK && mls_extension_find(extensions, MLS_EXTENSION_EXTERNAL_SENDERS, &data)) {
        error =
            mls_external_senders_are_valid(data) ? check_senders(group, data) : MLS_ERR_MALFORMED;
    }
    return error;
}

static enum mls_error check_reinit(const struct mls_reinit *reinit)
{
    if (reinit->version < MLS_VERSION_10) {
        return MLS_ERR_REINIT_VERSION;
    }
    return mls_extensions_check(reinit->extensions);
}

/* The rules for one proposal by itself. */
static enum mls_error check_one(const struct mls_group *group, const struct mls_epoch *epoch,
                                const struct mls_item *item, struct slice extensions,
                                enum mls_psk_usage usage, bool is_sending)
{
    const struct mls_proposal *proposal = &item->proposal;
    switch (proposal->type) {
    case MLS_PROPOSAL_ADD:
        return check_add(group, proposal->add, extensions, is_sending, item->checked);
    case MLS_PROPOSAL_UPDATE:
        return check_update(group, epoch, proposal->update, item->sender.index, extensions,
                            is_sending, item->checked);
    case MLS_PROPOSAL_REMOVE:
        return mls_tree_leaf(epoch->tree, proposal->removed) == NULL ? MLS_ERR_REMOVED_BLANK
                                                                     : MLS_OK;
    case MLS_PROPOSAL_PSK:
        return check_psk(group, proposal->psk, usage);
    case MLS_PROPOSAL_REINIT:
        return check_reinit(proposal->reinit);
    case MLS_PROPOSAL_EXTERNAL_INIT:
        if (proposal->kem_output.size != group->suite->kem_public_bytes) {
            return MLS_ERR_MALFORMED;
        }
        return mls_kem_key_is_usable(group->suite, proposal->kem_output) ? MLS_OK
                                                                         : MLS_ERR_KEY_UNUSABLE;
    case MLS_PROPOSAL_CONTEXT_EXTENSIONS:
        return check_extensions(group, proposal->extensions);
    }
    return MLS_ERR_PROPOSAL_TYPE;
}

enum mls_error mls_proposal_check(const struct mls_group *group, const struct mls_epoch *epoch,
                                  const struct mls_proposal *proposal, struct mls_sender sender,
                                  bool is_sending)
{
    struct mls_item item = {.proposal = *proposal, .sender = sender};
    if (proposal->type == MLS_PROPOSAL_EXTERNAL_INIT) {
        return MLS_ERR_EXTERNAL_INIT_MISPLACED;
    }
    return check_one(group, epoch, &item, epoch->context.extensions, MLS_PSK_APPLICATION,
                     is_sending);
}

/* -- rules about the list -- */

static uint32_t count_type(const struct mls_change *change, enum mls_proposal_type type)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < change->count; i++) {
        count += change->items[i].proposal.type == type;
    }
    return count;
}

static enum mls_error check_committer(const struct mls_change *change)
{
    for (uint32_t i = 0; i < change->count; i++) {
        const struct mls_item *item = &change->items[i];
        bool by_member = item->sender.type == MLS_SENDER_MEMBER;
        if (item->proposal.type == MLS_PROPOSAL_UPDATE && by_member &&
            item->sender.index == change->committer) {
            return MLS_ERR_UPDATE_BY_COMMITTER;
        }
        if (item->proposal.type == MLS_PROPOSAL_REMOVE &&
            item->proposal.removed == change->committer) {
            return MLS_ERR_COMMITTER_REMOVED;
        }
    }
    return MLS_OK;
}

static int by_index(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* Sorted, so that thousands of removals are not compared pair by pair. */
static enum mls_error check_leaves_once(const struct mls_change *change)
{
    uint32_t count = 0;
    uint32_t *leaves = arena_allocate_array(change->arena, change->count + 1u, sizeof(*leaves));
    if (leaves == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < change->count; i++) {
        const struct mls_item *item = &change->items[i];
        if (item->proposal.type == MLS_PROPOSAL_UPDATE) {
            leaves[count++] = item->sender.index;
        } else if (item->proposal.type == MLS_PROPOSAL_REMOVE) {
            leaves[count++] = item->proposal.removed;
        }
    }
    qsort(leaves, count, sizeof(*leaves), by_index);
    for (uint32_t i = 1; i < count; i++) {
        if (leaves[i] == leaves[i - 1]) {
            return MLS_ERR_LEAF_CHANGED_TWICE;
        }
    }
    return MLS_OK;
}

/* Collects the pre-shared keys on the way. */
static enum mls_error check_psks_once(struct mls_change *change)
{
    uint32_t total = count_type(change, MLS_PROPOSAL_PSK);
    if (total > MLS_PSKS_MAX) {
        return MLS_ERR_LIMIT;
    }
    change->psks = arena_allocate_array(change->arena, total + 1u, sizeof(*change->psks));
    if (change->psks == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < change->count; i++) {
        if (change->items[i].proposal.type != MLS_PROPOSAL_PSK) {
            continue;
        }
        const struct mls_psk_id *psk = change->items[i].proposal.psk;
        for (uint32_t k = 0; k < change->psk_count; k++) {
            if (slice_equal(change->psks[k]->encoded, psk->encoded)) {
                return MLS_ERR_PSK_REPEATED;
            }
        }
        change->psks[change->psk_count++] = psk;
    }
    return MLS_OK;
}

static enum mls_error check_member_list(struct mls_change *change)
{
    if (count_type(change, MLS_PROPOSAL_EXTERNAL_INIT) > 0) {
        return MLS_ERR_EXTERNAL_INIT_MISPLACED;
    }
    if (count_type(change, MLS_PROPOSAL_REINIT) > 0 && change->count > 1) {
        return MLS_ERR_REINIT_NOT_ALONE;
    }
    if (count_type(change, MLS_PROPOSAL_CONTEXT_EXTENSIONS) > 1) {
        return MLS_ERR_CONTEXT_EXTENSIONS_REPEATED;
    }
    enum mls_error error = check_committer(change);
    return error == MLS_OK ? check_leaves_once(change) : error;
}

static enum mls_error check_external_list(const struct mls_change *change)
{
    for (uint32_t i = 0; i < change->count; i++) {
        enum mls_proposal_type type = change->items[i].proposal.type;
        if (type != MLS_PROPOSAL_EXTERNAL_INIT && type != MLS_PROPOSAL_REMOVE &&
            type != MLS_PROPOSAL_PSK) {
            return MLS_ERR_EXTERNAL_PROPOSAL_TYPE;
        }
    }
    if (count_type(change, MLS_PROPOSAL_EXTERNAL_INIT) != 1) {
        return MLS_ERR_EXTERNAL_INIT_COUNT;
    }
    return count_type(change, MLS_PROPOSAL_REMOVE) > 1 ? MLS_ERR_EXTERNAL_REMOVE_COUNT : MLS_OK;
}

/* -- applying -- */

static const struct mls_item *find_type(const struct mls_change *change,
                                        enum mls_proposal_type type)
{
    for (uint32_t i = 0; i < change->count; i++) {
        if (change->items[i].proposal.type == type) {
            return &change->items[i];
        }
    }
    return NULL;
}

static void note_singles(const struct mls_epoch *epoch, struct mls_change *change)
{
    const struct mls_item *item = find_type(change, MLS_PROPOSAL_CONTEXT_EXTENSIONS);
    change->extensions_are_new = item != NULL;
    change->extensions = item == NULL ? epoch->context.extensions : item->proposal.extensions;
    item = find_type(change, MLS_PROPOSAL_REINIT);
    if (item != NULL) {
        change->reinit = item->proposal.reinit;
        change->reinit_encoded = item->proposal.encoded;
    }
    item = find_type(change, MLS_PROPOSAL_EXTERNAL_INIT);
    if (item != NULL) {
        change->kem_output = item->proposal.kem_output;
    }
    change->needs_path = change->count == 0;
    for (uint32_t i = 0; i < change->count; i++) {
        change->needs_path =
            change->needs_path || mls_proposal_needs_path(change->items[i].proposal.type);
    }
}

/* Removed and updated leaves go first, all of them, so that keys may pass from one to another. */
static enum mls_error empty_leaves(const struct mls_epoch *epoch, struct mls_change *change,
                                   struct mls_tree *tree)
{
    for (uint32_t i = 0; i < change->count; i++) {
        const struct mls_item *item = &change->items[i];
        uint32_t leaf = item->sender.index;
        if (item->proposal.type == MLS_PROPOSAL_REMOVE) {
            leaf = item->proposal.removed;
            change->has_removed_leaf = true;
            change->removed_leaf = mls_tree_leaf(epoch->tree, leaf);
            change->removes_us = change->removes_us || leaf == epoch->own_leaf;
            if (!mls_index_list_append(&change->removed, leaf)) {
                return MLS_ERR_NO_MEMORY;
            }
        } else if (item->proposal.type != MLS_PROPOSAL_UPDATE) {
            continue;
        }
        mls_tree_blank(tree, mls_node_of_leaf(leaf));
        mls_tree_blank_path(tree, leaf);
    }
    if (change->removed.count > 1) {
        qsort(change->removed.items, change->removed.count, sizeof(uint32_t), by_index);
    }
    return MLS_OK;
}

static enum mls_error fill_updates(const struct mls_epoch *epoch, struct mls_change *change,
                                   struct mls_tree *tree)
{
    for (uint32_t i = 0; i < change->count; i++) {
        const struct mls_item *item = &change->items[i];
        if (item->proposal.type != MLS_PROPOSAL_UPDATE) {
            continue;
        }
        struct mls_tree_node *node = mls_leaf_create(tree->memory, item->proposal.update->encoded);
        if (node == NULL) {
            return MLS_ERR_NO_MEMORY;
        }
        enum mls_error error = mls_tree_fill(tree, mls_node_of_leaf(item->sender.index), node);
        if (error != MLS_OK) {
            return error;
        }
        if (item->sender.index == epoch->own_leaf && item->pending != NULL) {
            change->own_update = item->pending->update_private;
        }
    }
    return MLS_OK;
}

static enum mls_error fill_adds(struct mls_change *change, struct mls_tree *tree)
{
    uint32_t count = count_type(change, MLS_PROPOSAL_ADD);
    change->added_packages =
        arena_allocate_array(change->arena, count + 1u, sizeof(*change->added_packages));
    if (change->added_packages == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < change->count; i++) {
        uint32_t leaf = 0;
        if (change->items[i].proposal.type != MLS_PROPOSAL_ADD) {
            continue;
        }
        const struct mls_key_package_view *package = change->items[i].proposal.add;
        struct mls_tree_node *node = mls_leaf_create(tree->memory, package->leaf.encoded);
        if (node == NULL) {
            return MLS_ERR_NO_MEMORY;
        }
        enum mls_error error = mls_tree_add(tree, node, &leaf);
        if (error != MLS_OK) {
            return error;
        }
        change->added_packages[change->added.count] = package;
        if (!mls_index_list_append(&change->added, leaf)) {
            return MLS_ERR_NO_MEMORY;
        }
    }
    return MLS_OK;
}

enum mls_error mls_change_apply(const struct mls_group *group, const struct mls_epoch *epoch,
                                struct mls_change *change, struct mls_tree *tree)
{
    enum mls_error error =
        change->is_external ? check_external_list(change) : check_member_list(change);
    if (error == MLS_OK) {
        error = check_psks_once(change);
    }
    if (error != MLS_OK) {
        return error;
    }
    note_singles(epoch, change);
    for (uint32_t i = 0; i < change->count; i++) {
        error = check_one(group, epoch, &change->items[i], change->extensions, change->usage,
                          change->is_sending);
        if (error != MLS_OK) {
            return error;
        }
    }
    error = empty_leaves(epoch, change, tree);
    if (error == MLS_OK) {
        error = fill_updates(epoch, change, tree);
    }
    if (error == MLS_OK) {
        mls_tree_truncate(tree);
        error = fill_adds(change, tree);
    }
    return error;
}
