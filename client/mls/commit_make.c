#include "client/mls/commit_make.h"

enum mls_error mls_maker_init(struct mls_maker *maker, struct mls_group *group,
                              struct mls_epoch *from)
{
    *maker = (struct mls_maker){.group = group, .from = from};
    arena_init(&maker->arena, group->memory, MLS_PARSE_ARENA_MAX_BYTES);
    maker->change.arena = &maker->arena;
    maker->change.committer = from->own_leaf;
    maker->change.usage = MLS_PSK_APPLICATION;
    maker->change.is_sending = true;
    maker->change.added = mls_index_list_of(group->memory);
    maker->change.removed = mls_index_list_of(group->memory);
    maker->list = mls_buffer_of(group->memory);
    maker->path = mls_buffer_of(group->memory);
    maker->provisional = mls_buffer_of(group->memory);
    maker->guarded =
        (struct mls_maker_secrets *)(void *)mls_secret_take(&group->pool, sizeof(*maker->guarded));
    if (maker->guarded == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    maker->staged = memory_allocate_zero(group->memory, sizeof(*maker->staged));
    if (maker->staged == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    maker->staged->reinit = mls_buffer_of(group->memory);
    maker->staged->removed = mls_index_list_of(group->memory);
    maker->staged->proposals = mls_buffer_of(group->memory);
    maker->staged->closer = mls_buffer_of(group->memory);
    maker->staged->epoch = mls_epoch_create(group);
    if (maker->staged->epoch == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    maker->staged->epoch->own_leaf = from->own_leaf;
    return mls_tree_clone(from->tree, &maker->staged->epoch->tree);
}

void mls_maker_clear(struct mls_maker *maker)
{
    struct mls_group *group = maker->group;
    mls_index_list_clear(&maker->change.added);
    mls_index_list_clear(&maker->change.removed);
    mls_buffer_clear(&maker->list);
    mls_buffer_clear(&maker->path);
    mls_buffer_clear(&maker->provisional);
    mls_secret_give(&group->pool, (uint8_t *)maker->guarded, sizeof(*maker->guarded));
    mls_staged_destroy(group, maker->staged);
    arena_clear(&maker->arena);
}

/* -- the path -- */

static void random_of(void *context, void *out, size_t size)
{
    const struct mls_group *group = context;
    mls_environment_random(&group->environment, out, size);
}

/* Places a new leaf of ours and signs it. */
static enum mls_error place_leaf(struct mls_maker *maker, struct slice parent_hash,
                                 struct slice public_key)
{
    struct mls_group *group = maker->group;
    struct mls_epoch *to = maker->staged->epoch;
    uint32_t node_index = mls_node_of_leaf(to->own_leaf);
    const struct mls_leaf_node *old = mls_tree_leaf(maker->from->tree, to->own_leaf);
    struct mls_own_leaf leaf = {
        .source = MLS_LEAF_COMMIT,
        .encryption_key = public_key,
        .parent_hash = parent_hash,
        .group_id = maker->from->context.group_id,
        .leaf = to->own_leaf,
    };
    if (!maker->change.is_external && old != NULL) {
        leaf.extensions = old->extensions;
    }
    enum mls_error error =
        mls_identity_write_leaf(mls_group_leaf_identity(group), &leaf, &maker->path);
    if (error != MLS_OK) {
        return error;
    }
    struct mls_tree_node *node = mls_leaf_create(group->memory, mls_buffer_done(&maker->path));
    if (node == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    struct mls_leaf_rules rules = {
        .environment = &group->environment,
        .suite = group->suite,
        .extensions = maker->change.extensions,
        .is_sending = true,
    };
    error = mls_leaf_check(&rules, &node->leaf, MLS_LEAF_COMMIT);
    if (error != MLS_OK) {
        mls_tree_node_drop(node);
        return error;
    }
    mls_tree_blank(to->tree, node_index);
    return mls_tree_fill(to->tree, node_index, node);
}

/* Our private keys in the next epoch: the leaf's, those of the path, and those that stay. */
static enum mls_error keep_keys(struct mls_maker *maker, const struct mls_filtered_path *path)
{
    struct mls_epoch *to = maker->staged->epoch;
    struct mls_path_secrets *secrets = &maker->guarded->path;
    enum mls_error error = mls_epoch_put_key(maker->group, to, 0, secrets->leaf_private);
    for (uint32_t i = 0; error == MLS_OK && i < path->count; i++) {
        error = mls_epoch_put_key(maker->group, to, mls_node_level(path->node[i]),
                                  secrets->node_private[i]);
    }
    return error;
}

enum mls_error mls_maker_make_path(struct mls_maker *maker)
{
    struct mls_group *group = maker->group;
    const struct mls_suite *suite = group->suite;
    struct mls_epoch *to = maker->staged->epoch;
    struct mls_path_secrets *secrets = &maker->guarded->path;
    struct mls_path_keys keys;
    struct slice publics[MLS_DEPTH_MAX];
    uint8_t leaf_public[MLS_KEM_MAX_BYTES];
    uint8_t parent_hash[MLS_HASH_MAX_BYTES];
    size_t parent_hash_size = 0;
    mls_tree_filtered_path(to->tree, to->own_leaf, &maker->filtered);
    mls_environment_random(&group->environment, secrets->path_secret[0], suite->hash_bytes);
    mls_environment_random(&group->environment, secrets->leaf_private, suite->kem_private_bytes);
    suite->kem_public(secrets->leaf_private, leaf_public);
    mls_path_derive(suite, 0, maker->filtered.count, secrets, &keys);
    for (uint32_t i = 0; i < maker->filtered.count; i++) {
        publics[i] = slice_of(keys.node_public[i], suite->kem_public_bytes);
    }
    enum mls_error error = mls_path_merge(to->tree, to->own_leaf, &maker->filtered, publics,
                                          parent_hash, &parent_hash_size);
    if (error == MLS_OK) {
        error = place_leaf(maker, slice_of(parent_hash, parent_hash_size),
                           slice_of(leaf_public, suite->kem_public_bytes));
    }
    if (error == MLS_OK) {
        error = keep_keys(maker, &maker->filtered);
    }
    if (error == MLS_OK) {
        error = mls_provisional_context(group, maker->from, to->tree, maker->change.extensions,
                                        &maker->provisional);
    }
    if (error == MLS_OK) {
        error = mls_path_seal(to->tree, &maker->filtered, &maker->change.added, secrets, &keys,
                              mls_buffer_done(&maker->provisional), random_of, group, &maker->path);
    }
    maker->has_path = true;
    return error;
}

/* -- commit and next epoch -- */

static void write_commit(const struct mls_maker *maker, struct mls_buffer *out)
{
    size_t mark = mls_write_open(out);
    mls_write_bytes(out, mls_buffer_done(&maker->list));
    mls_write_close(out, mark);
    mls_write_u8(out, maker->has_path);
    mls_write_bytes(out, mls_buffer_done(&maker->path));
}

static enum mls_error advance(struct mls_maker *maker, struct mls_outgoing *outgoing)
{
    struct mls_group *group = maker->group;
    struct mls_maker_secrets *guarded = maker->guarded;
    struct mls_next next = {
        .from = maker->from,
        .to = maker->staged->epoch,
        .extensions = maker->change.extensions,
        .wire_format = (uint16_t)outgoing->format,
        .frame = mls_buffer_done(&outgoing->frame),
        .signature = slice_of(outgoing->signature, group->suite->signature_bytes),
        .init_secret = guarded->init,
        .commit_secret = guarded->path.commit_secret,
        .psk_secret = guarded->psk,
    };
    struct mls_psk_sources sources = maker->sources;
    sources.group = sources.group == NULL ? group : sources.group;
    enum mls_error error = mls_psk_combine(group->suite, &sources, maker->change.psks,
                                           maker->change.psk_count, guarded->psk);
    if (error == MLS_OK) {
        error = mls_epoch_advance(group, &next, maker->tag, guarded->joiner, guarded->welcome);
    }
    return error;
}

enum mls_error mls_maker_finish(struct mls_maker *maker, enum mls_coat coat, struct slice aad,
                                struct mls_buffer *out_commit, struct mls_secret_step *step,
                                bool *out_has_step)
{
    struct mls_group *group = maker->group;
    struct mls_epoch *to = maker->staged->epoch;
    struct mls_outgoing outgoing;
    mls_outgoing_init(&outgoing, group, maker->from, MLS_CONTENT_COMMIT, coat, aad);
    if (maker->change.is_external) {
        mls_buffer_clear(&outgoing.frame);
        outgoing.sender = (struct mls_sender){.type = MLS_SENDER_NEW_MEMBER_COMMIT};
        mls_write_frame_head(&outgoing.frame, maker->from->context.group_id,
                             maker->from->context.epoch, outgoing.sender, aad, MLS_CONTENT_COMMIT);
    }
    write_commit(maker, &outgoing.frame);
    enum mls_error error = mls_outgoing_sign(&outgoing, group);
    if (error == MLS_OK) {
        error = advance(maker, &outgoing);
    }
    if (error == MLS_OK) {
        error = mls_epoch_inherit_keys(group, maker->from, to);
    }
    if (error == MLS_OK) {
        error = mls_epoch_grow_secrets(group, to);
    }
    if (error == MLS_OK && maker->change.reinit != NULL) {
        mls_write_bytes(&maker->staged->reinit, maker->change.reinit_encoded);
        error = maker->staged->reinit.failed ? MLS_ERR_NO_MEMORY : MLS_OK;
    }
    if (error == MLS_OK) {
        error =
            mls_outgoing_protect(&outgoing, group, slice_of(maker->tag, group->suite->hash_bytes),
                                 out_commit, step, out_has_step);
    }
    if (error == MLS_OK) {
        error = mls_staged_note(maker->staged, &maker->change, maker->has_path, outgoing.sender,
                                to->own_leaf);
    }
    if (error == MLS_OK) {
        struct mls_party_view us = {
            .kind = mls_event_sender_of(outgoing.sender.type),
            .index = to->own_leaf,
            .credential = mls_credential_of(mls_tree_leaf(to->tree, to->own_leaf)),
        };
        mls_party_write(&us, &maker->staged->closer);
        error = maker->staged->closer.failed ? MLS_ERR_NO_MEMORY : MLS_OK;
    }
    if (error == MLS_OK) {
        struct slice commit = mls_buffer_done(out_commit);
        group->suite->hash(&commit, 1, maker->staged->hash);
        maker->staged->removed = maker->change.removed;
        maker->change.removed = mls_index_list_of(group->memory);
    }
    mls_outgoing_clear(&outgoing);
    return error;
}
