/*
 * Taking a commit (RFC 9420 section 12.4.2). It arrives with signature and membership verified;
 * here its proposals and path are checked and applied to a clone of the tree, the next epoch's
 * secrets are derived, and the confirmation tag decides. The group itself does not change.
 */
#include <sodium.h>

#include "client/mls/group.h"
#include "client/mls/hpke.h"

struct taker_secrets {
    struct mls_path_secrets path;
    uint8_t init[MLS_HASH_MAX_BYTES];
    uint8_t psk[MLS_HASH_MAX_BYTES];
    uint8_t external[MLS_KEM_MAX_BYTES];
};

struct taker {
    struct mls_group *group;
    const struct mls_epoch *from;
    const struct mls_authenticated *message;
    const struct mls_commit *commit;
    struct mls_change change;
    uint32_t committer;
    struct mls_filtered_path filtered;
    struct taker_secrets *guarded; /* in the pool */
    struct mls_staged *staged;
};

static enum mls_error find_reference(struct taker *taker, struct slice reference,
                                     struct mls_item *out)
{
    struct mls_authenticated message;
    const struct mls_pending *pending = mls_group_find_pending(taker->group, reference);
    if (taker->change.is_external) {
        return MLS_ERR_EXTERNAL_REFERENCE;
    }
    if (pending == NULL) {
        return MLS_ERR_UNKNOWN_PROPOSAL;
    }
    struct reader reader = reader_of(mls_buffer_done(&pending->authenticated));
    enum mls_error error = mls_read_authenticated(&reader, taker->change.arena, &message);
    if (error == MLS_OK) {
        *out = (struct mls_item){
            .proposal = message.frame.proposal,
            .sender = message.frame.sender,
            .pending = pending,
            .checked = true,
        };
    }
    return error;
}

static enum mls_error collect_items(struct taker *taker)
{
    const struct mls_commit *commit = taker->commit;
    struct mls_change *change = &taker->change;
    change->items =
        arena_allocate_array(change->arena, commit->proposal_count + 1u, sizeof(*change->items));
    if (change->items == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < commit->proposal_count; i++) {
        struct mls_item *item = &change->items[i];
        if (commit->proposals[i].is_reference) {
            enum mls_error error = find_reference(taker, commit->proposals[i].reference, item);
            if (error != MLS_OK) {
                return error;
            }
        } else {
            *item = (struct mls_item){
                .proposal = commit->proposals[i].proposal,
                .sender = taker->message->frame.sender,
            };
        }
        change->count++;
    }
    return MLS_OK;
}

/* -- the path -- */

static enum mls_error check_path_keys(const struct taker *taker, const struct mls_tree *tree)
{
    const struct mls_update_path *path = &taker->commit->path;
    for (uint32_t i = 0; i < path->node_count; i++) {
        if (path->nodes[i].encryption_key.size != taker->group->suite->kem_public_bytes) {
            return MLS_ERR_MALFORMED;
        }
        if (!mls_kem_key_is_usable(taker->group->suite, path->nodes[i].encryption_key)) {
            return MLS_ERR_KEY_UNUSABLE;
        }
        if (mls_tree_has_encryption_key(tree, path->nodes[i].encryption_key)) {
            return MLS_ERR_PATH_KEY_TAKEN;
        }
    }
    return MLS_OK;
}

/* The leaf that the committer had before, if any: of a resync, the one that it removes. */
static const struct mls_leaf_node *old_leaf(const struct taker *taker)
{
    if (taker->change.is_external) {
        return taker->change.removed_leaf;
    }
    return mls_tree_leaf(taker->from->tree, taker->committer);
}

static enum mls_error check_path_leaf(const struct taker *taker)
{
    const struct mls_leaf_node *leaf = &taker->commit->path.leaf;
    const struct mls_leaf_node *old = old_leaf(taker);
    struct mls_group *group = taker->group;
    struct mls_leaf_rules rules = {
        .environment = &group->environment,
        .suite = group->suite,
        .extensions = taker->change.extensions,
    };
    enum mls_error error = mls_leaf_check(&rules, leaf, MLS_LEAF_COMMIT);
    if (error == MLS_OK && old != NULL && slice_equal(old->encryption_key, leaf->encryption_key)) {
        error = MLS_ERR_LEAF_KEY_UNCHANGED;
    }
    if (error == MLS_OK) {
        error = mls_leaf_node_verify(group->suite, group->memory, leaf,
                                     taker->from->context.group_id, taker->committer);
    }
    if (error != MLS_OK) {
        return error;
    }
    bool accepted = old == NULL ? mls_environment_accepts(&group->environment, leaf)
                                : mls_environment_accepts_change(&group->environment, leaf, old,
                                                                 taker->change.is_external);
    return accepted ? MLS_OK : MLS_ERR_LEAF_CREDENTIAL_REFUSED;
}

static enum mls_error merge_path(struct taker *taker, struct mls_tree *tree)
{
    const struct mls_update_path *path = &taker->commit->path;
    struct slice keys[MLS_DEPTH_MAX];
    uint8_t parent_hash[MLS_HASH_MAX_BYTES];
    size_t parent_hash_size = 0;
    mls_tree_filtered_path(tree, taker->committer, &taker->filtered);
    if (path->node_count != taker->filtered.count) {
        return MLS_ERR_PATH_LENGTH;
    }
    for (uint32_t i = 0; i < path->node_count; i++) {
        keys[i] = path->nodes[i].encryption_key;
    }
    enum mls_error error = mls_path_merge(tree, taker->committer, &taker->filtered, keys,
                                          parent_hash, &parent_hash_size);
    if (error != MLS_OK) {
        return error;
    }
    if (!slice_equal(path->leaf.parent_hash, slice_of(parent_hash, parent_hash_size))) {
        return MLS_ERR_PARENT_HASH;
    }
    struct mls_tree_node *node = mls_leaf_create(tree->memory, path->leaf.encoded);
    if (node == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    mls_tree_blank(tree, mls_node_of_leaf(taker->committer));
    return mls_tree_fill(tree, mls_node_of_leaf(taker->committer), node);
}

static enum mls_error apply_path(struct taker *taker)
{
    struct mls_tree *tree = taker->staged->epoch->tree;
    enum mls_error error = check_path_leaf(taker);
    if (error == MLS_OK) {
        error = check_path_keys(taker, tree);
    }
    if (error == MLS_OK) {
        error = merge_path(taker, tree);
    }
    return error;
}

/* Our private keys in the next epoch; from the path where it reaches us. */
static enum mls_error open_path(struct taker *taker)
{
    struct mls_group *group = taker->group;
    struct mls_epoch *to = taker->staged->epoch;
    struct mls_path_secrets *secrets = &taker->guarded->path;
    struct mls_buffer provisional = mls_buffer_of(group->memory);
    uint32_t first = 0;
    enum mls_error error = mls_provisional_context(group, taker->from, to->tree,
                                                   taker->change.extensions, &provisional);
    if (error == MLS_OK) {
        error =
            mls_path_open(to->tree, &taker->filtered, &taker->change.added, &taker->commit->path,
                          to->own_leaf, to->keys, mls_buffer_done(&provisional), secrets, &first);
    }
    for (uint32_t i = first; error == MLS_OK && i < taker->filtered.count; i++) {
        error = mls_epoch_put_key(group, to, mls_node_level(taker->filtered.node[i]),
                                  secrets->node_private[i]);
    }
    mls_buffer_clear(&provisional);
    return error;
}

static enum mls_error find_keys(struct taker *taker)
{
    struct mls_epoch *to = taker->staged->epoch;
    enum mls_error error = MLS_OK;
    if (taker->change.own_update != NULL) {
        error = mls_epoch_put_key(taker->group, to, 0, taker->change.own_update);
    }
    if (error == MLS_OK) {
        error = mls_epoch_inherit_keys(taker->group, taker->from, to);
    }
    if (error == MLS_OK && to->keys[0] == NULL) {
        error = MLS_ERR_NO_PATH_KEY;
    }
    return error == MLS_OK && taker->commit->has_path ? open_path(taker) : error;
}

/* -- the next epoch -- */

/* A joiner from outside brings its own init secret, sealed to the group (8.3). */
static enum mls_error find_init_secret(struct taker *taker)
{
    struct taker_secrets *guarded = taker->guarded;
    const struct mls_suite *suite = taker->group->suite;
    uint8_t public_key[MLS_KEM_MAX_BYTES];
    uint8_t info_hash[MLS_HASH_MAX_BYTES];
    struct mls_hpke hpke;
    if (!taker->change.is_external) {
        memcpy(guarded->init, taker->from->secrets->init, sizeof(guarded->init));
        return MLS_OK;
    }
    mls_schedule_external_keys(suite, taker->from->secrets->external, guarded->external,
                               public_key);
    mls_hpke_info_hash(suite, NULL, 0, info_hash);
    if (!mls_hpke_receive(&hpke, suite, taker->change.kem_output, guarded->external, info_hash)) {
        return MLS_ERR_BAD_CIPHERTEXT;
    }
    mls_hpke_export(&hpke, slice_of_text("MLS 1.0 external init secret"), guarded->init,
                    suite->hash_bytes);
    mls_hpke_clear(&hpke);
    return MLS_OK;
}

static enum mls_error advance(struct taker *taker)
{
    struct mls_group *group = taker->group;
    struct taker_secrets *guarded = taker->guarded;
    uint8_t tag[MLS_HASH_MAX_BYTES];
    struct mls_psk_sources sources = {.group = group};
    enum mls_error error = find_init_secret(taker);
    if (error == MLS_OK) {
        error = mls_psk_combine(group->suite, &sources, taker->change.psks, taker->change.psk_count,
                                guarded->psk);
    }
    if (error == MLS_OK) {
        struct mls_next next = {
            .from = taker->from,
            .to = taker->staged->epoch,
            .extensions = taker->change.extensions,
            .wire_format = (uint16_t)taker->message->wire_format,
            .frame = taker->message->frame.encoded,
            .signature = taker->message->signature,
            .init_secret = guarded->init,
            .commit_secret = guarded->path.commit_secret,
            .psk_secret = guarded->psk,
        };
        error = mls_epoch_advance(group, &next, tag, NULL, NULL);
    }
    if (error == MLS_OK && !mls_secret_equal(slice_of(tag, group->suite->hash_bytes),
                                             taker->message->confirmation_tag)) {
        error = MLS_ERR_BAD_CONFIRMATION_TAG;
    }
    return error == MLS_OK ? mls_epoch_grow_secrets(group, taker->staged->epoch) : error;
}

static enum mls_error take(struct taker *taker)
{
    struct mls_epoch *to = taker->staged->epoch;
    enum mls_error error = collect_items(taker);
    if (error == MLS_OK) {
        error = mls_change_apply(taker->group, taker->from, &taker->change, to->tree);
    }
    if (error == MLS_OK && taker->change.needs_path && !taker->commit->has_path) {
        error = MLS_ERR_PATH_REQUIRED;
    }
    if (error == MLS_OK && taker->change.is_external) {
        error = mls_tree_find_room(to->tree, &taker->committer);
    }
    if (error == MLS_OK && taker->commit->has_path) {
        error = apply_path(taker);
    }
    if (error == MLS_OK) {
        error = mls_tree_check_members(to->tree, taker->change.extensions,
                                       taker->change.extensions_are_new);
    }
    if (error == MLS_OK) {
        struct mls_sender sender = taker->message->frame.sender;
        error = mls_staged_note(taker->staged, &taker->change, taker->commit->has_path, sender,
                                taker->committer);
    }
    if (error != MLS_OK || taker->change.removes_us) {
        return error;
    }
    error = find_keys(taker);
    if (error == MLS_OK) {
        error = advance(taker);
    }
    if (error == MLS_OK && taker->change.reinit != NULL) {
        mls_write_bytes(&taker->staged->reinit, taker->change.reinit_encoded);
        error = taker->staged->reinit.failed ? MLS_ERR_NO_MEMORY : MLS_OK;
    }
    return error;
}

static enum mls_error taker_init(struct taker *taker)
{
    struct mls_group *group = taker->group;
    taker->guarded =
        (struct taker_secrets *)(void *)mls_secret_take(&group->pool, sizeof(*taker->guarded));
    taker->staged = memory_allocate_zero(group->memory, sizeof(*taker->staged));
    if (taker->staged == NULL || taker->guarded == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    taker->staged->reinit = mls_buffer_of(group->memory);
    taker->staged->removed = mls_index_list_of(group->memory);
    taker->staged->proposals = mls_buffer_of(group->memory);
    taker->staged->closer = mls_buffer_of(group->memory);
    taker->staged->epoch = mls_epoch_create(group);
    if (taker->staged->epoch == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    taker->staged->epoch->own_leaf = taker->from->own_leaf;
    return mls_tree_clone(taker->from->tree, &taker->staged->epoch->tree);
}

enum mls_error mls_group_take_commit(struct mls_group *group,
                                     const struct mls_authenticated *message, struct arena *arena,
                                     struct mls_staged **out)
{
    struct taker taker = {
        .group = group,
        .from = group->current,
        .message = message,
        .commit = &message->frame.commit,
        .committer = message->frame.sender.index,
    };
    taker.change.arena = arena;
    taker.change.usage = MLS_PSK_APPLICATION;
    taker.change.added = mls_index_list_of(group->memory);
    taker.change.removed = mls_index_list_of(group->memory);
    taker.change.is_external = message->frame.sender.type == MLS_SENDER_NEW_MEMBER_COMMIT;
    taker.change.committer = taker.change.is_external ? UINT32_MAX : taker.committer;
    enum mls_error error = taker_init(&taker);
    if (error == MLS_OK) {
        error = take(&taker);
    }
    if (error == MLS_OK && taker.change.removes_us) {
        mls_epoch_destroy(group, taker.staged->epoch);
        taker.staged->epoch = NULL;
    }
    if (error == MLS_OK) {
        taker.staged->removed = taker.change.removed;
        taker.change.removed = mls_index_list_of(group->memory);
    }
    mls_index_list_clear(&taker.change.removed);
    mls_index_list_clear(&taker.change.added);
    mls_secret_give(&group->pool, (uint8_t *)taker.guarded, sizeof(*taker.guarded));
    if (error != MLS_OK) {
        mls_staged_destroy(group, taker.staged);
        return error;
    }
    *out = taker.staged;
    return MLS_OK;
}
