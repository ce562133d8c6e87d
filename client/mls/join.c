/* Joining by a welcome (RFC 9420 section 12.4.3.1). */
#include <sodium.h>

#include "base/assert.h"
#include "client/mls/group.h"
#include "client/mls/hpke.h"
#include "client/mls/label.h"

struct joiner {
    struct mls_group *group;
    const struct mls_join_options *options;
    const struct mls_key_package *package;
    struct arena arena;
    struct mls_welcome welcome;
    struct mls_welcome_entry entry;
    struct mls_buffer secrets_bytes;
    struct mls_group_secrets secrets;
    struct mls_buffer info_bytes;
    struct mls_group_info info;
    struct mls_path_secrets *path; /* in the pool */
    uint8_t psk_secret[MLS_HASH_MAX_BYTES];
};

static enum mls_error read_welcome(struct joiner *joiner, struct slice message)
{
    enum mls_wire_format format;
    struct reader reader = reader_of(message);
    enum mls_error error = mls_read_message_head(&reader, &format);
    if (error != MLS_OK) {
        return error;
    }
    if (format != MLS_WIRE_WELCOME) {
        return MLS_ERR_WIRE_FORMAT;
    }
    mls_read_welcome(&reader, &joiner->welcome);
    if (!reader_is_done(&reader)) {
        return MLS_ERR_MALFORMED;
    }
    return joiner->welcome.suite == joiner->group->suite->id ? MLS_OK : MLS_ERR_SUITE;
}

static enum mls_error find_entry(struct joiner *joiner, struct mls_key_package *const *packages,
                                 size_t package_count)
{
    struct reader reader = reader_of(joiner->welcome.secrets);
    while (mls_welcome_entry_next(&reader, &joiner->entry)) {
        for (size_t i = 0; i < package_count; i++) {
            if (slice_equal(joiner->entry.new_member, mls_key_package_reference(packages[i])) &&
                packages[i]->view.suite == joiner->welcome.suite) {
                joiner->package = packages[i];
                return slice_equal(packages[i]->view.leaf.signature_key,
                                   mls_identity_signature_key(joiner->group->identity))
                           ? MLS_OK
                           : MLS_ERR_IDENTITY;
            }
        }
    }
    return MLS_ERR_NOT_FOR_US;
}

static enum mls_error open_secrets(struct joiner *joiner)
{
    const struct mls_suite *suite = joiner->group->suite;
    struct slice sealed = joiner->entry.ciphertext;
    if (sealed.size <= suite->aead_tag_bytes) {
        return MLS_ERR_BAD_CIPHERTEXT;
    }
    uint8_t *plain = mls_buffer_extend(&joiner->secrets_bytes, sealed.size - suite->aead_tag_bytes);
    if (plain == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    if (!mls_decrypt_with_label(suite, joiner->package->init_private, "Welcome",
                                joiner->welcome.encrypted_group_info, joiner->entry.kem_output,
                                sealed, plain)) {
        return MLS_ERR_BAD_CIPHERTEXT;
    }
    struct reader reader = reader_of(mls_buffer_done(&joiner->secrets_bytes));
    enum mls_error error = mls_read_group_secrets(&reader, &joiner->arena, &joiner->secrets);
    if (error != MLS_OK) {
        return error;
    }
    bool sized =
        joiner->secrets.joiner_secret.size == suite->hash_bytes &&
        (!joiner->secrets.has_path_secret || joiner->secrets.path_secret.size == suite->hash_bytes);
    return sized && reader_is_done(&reader) ? MLS_OK : MLS_ERR_MALFORMED;
}

static enum mls_error combine_psks(struct joiner *joiner)
{
    const struct mls_group_secrets *secrets = &joiner->secrets;
    const struct mls_psk_id **ids =
        arena_allocate_array(&joiner->arena, secrets->psk_count + 1u, sizeof(*ids));
    uint32_t successors = 0;
    if (ids == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < secrets->psk_count; i++) {
        const struct mls_psk_id *psk = &secrets->psks[i];
        ids[i] = psk;
        successors += psk->type == MLS_PSK_RESUMPTION && psk->usage != MLS_PSK_APPLICATION;
        if (psk->nonce.size != joiner->group->suite->hash_bytes) {
            return MLS_ERR_PSK_NONCE;
        }
    }
    if (successors > 1) {
        return MLS_ERR_PSK_COMBINATION;
    }
    struct mls_psk_sources sources = {
        .predecessor = joiner->options->predecessor,
        .psks = joiner->options->psks,
        .psk_count = joiner->options->psk_count,
    };
    return mls_psk_combine(joiner->group->suite, &sources, ids, secrets->psk_count,
                           joiner->psk_secret);
}

static enum mls_error open_info(struct joiner *joiner)
{
    const struct mls_suite *suite = joiner->group->suite;
    uint8_t welcome_secret[MLS_HASH_MAX_BYTES];
    uint8_t key[MLS_AEAD_KEY_MAX_BYTES];
    uint8_t nonce[MLS_AEAD_NONCE_MAX_BYTES];
    struct slice sealed = joiner->welcome.encrypted_group_info;
    if (sealed.size <= suite->aead_tag_bytes) {
        return MLS_ERR_BAD_CIPHERTEXT;
    }
    uint8_t *plain = mls_buffer_extend(&joiner->info_bytes, sealed.size - suite->aead_tag_bytes);
    if (plain == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    mls_schedule_welcome(suite, joiner->secrets.joiner_secret.data, joiner->psk_secret,
                         welcome_secret);
    mls_schedule_welcome_key(suite, welcome_secret, key, nonce);
    bool opened = suite->aead_open(key, nonce, slice_of(NULL, 0), sealed, plain);
    sodium_memzero(welcome_secret, sizeof(welcome_secret));
    sodium_memzero(key, sizeof(key));
    if (!opened) {
        return MLS_ERR_BAD_CIPHERTEXT;
    }
    struct reader reader = reader_of(mls_buffer_done(&joiner->info_bytes));
    mls_read_group_info(&reader, &joiner->info);
    return reader_is_done(&reader) ? MLS_OK : MLS_ERR_MALFORMED;
}

/* The leaf that is the one in our key package, byte for byte. */
static enum mls_error find_own_leaf(struct joiner *joiner, struct mls_epoch *epoch)
{
    const struct mls_leaf_node *own = &joiner->package->view.leaf;
    uint32_t leaf = 0;
    if (!mls_tree_find_signer(epoch->tree, own->signature_key, &leaf) ||
        !slice_equal(mls_tree_leaf(epoch->tree, leaf)->encoded, own->encoded)) {
        return MLS_ERR_LEAF_MISSING;
    }
    epoch->own_leaf = leaf;
    return mls_epoch_put_key(joiner->group, epoch, 0, joiner->package->encryption_private);
}

/* The keys that the path secret gives, from the node we share with the committer upwards. */
static enum mls_error derive_path(struct joiner *joiner, struct mls_epoch *epoch)
{
    struct mls_group *group = joiner->group;
    struct mls_filtered_path path;
    struct mls_path_keys keys;
    uint32_t first = 0;
    if (!joiner->secrets.has_path_secret) {
        return MLS_OK;
    }
    mls_tree_filtered_path(epoch->tree, joiner->info.signer, &path);
    while (first < path.count && !mls_node_covers(path.node[first], epoch->own_leaf)) {
        first++;
    }
    if (first == path.count || joiner->info.signer == epoch->own_leaf) {
        return MLS_ERR_NO_PATH_KEY;
    }
    memcpy(joiner->path->path_secret[first], joiner->secrets.path_secret.data,
           group->suite->hash_bytes);
    mls_path_derive(group->suite, first, path.count, joiner->path, &keys);
    for (uint32_t i = first; i < path.count; i++) {
        const struct mls_tree_node *node = mls_tree_node_at(epoch->tree, path.node[i]);
        struct slice key = slice_of(keys.node_public[i], group->suite->kem_public_bytes);
        if (node == NULL || !slice_equal(mls_node_key(node), key)) {
            return MLS_ERR_PATH_KEY_MISMATCH;
        }
        enum mls_error error = mls_epoch_put_key(group, epoch, mls_node_level(path.node[i]),
                                                 joiner->path->node_private[i]);
        if (error != MLS_OK) {
            return error;
        }
    }
    return MLS_OK;
}

static enum mls_error derive_secrets(struct joiner *joiner, struct mls_epoch *epoch)
{
    struct mls_group *group = joiner->group;
    uint8_t tag[MLS_HASH_MAX_BYTES];
    mls_schedule_epoch(group->suite, joiner->secrets.joiner_secret.data, joiner->psk_secret,
                       epoch->context.encoded, epoch->secrets);
    mls_confirmation_tag(group->suite, epoch->secrets->confirmation,
                         epoch->context.confirmed_transcript_hash, tag);
    if (!mls_secret_equal(slice_of(tag, group->suite->hash_bytes), joiner->info.confirmation_tag)) {
        return MLS_ERR_BAD_CONFIRMATION_TAG;
    }
    return mls_epoch_grow_secrets(group, epoch);
}

static enum mls_error join(struct joiner *joiner, struct mls_key_package *const *packages,
                           size_t package_count, struct slice message)
{
    struct mls_group *group = joiner->group;
    enum mls_error error = read_welcome(joiner, message);
    if (error == MLS_OK) {
        error = find_entry(joiner, packages, package_count);
    }
    if (error == MLS_OK) {
        error = open_secrets(joiner);
    }
    if (error == MLS_OK) {
        error = combine_psks(joiner);
    }
    if (error == MLS_OK) {
        error = open_info(joiner);
    }
    if (error == MLS_OK) {
        error = mls_group_open_info(group, &joiner->info, joiner->options, group->current);
    }
    if (error == MLS_OK) {
        error = find_own_leaf(joiner, group->current);
    }
    if (error == MLS_OK) {
        error = derive_path(joiner, group->current);
    }
    if (error == MLS_OK) {
        error = derive_secrets(joiner, group->current);
    }
    if (error == MLS_OK) {
        error = mls_successor_check(joiner->options->predecessor, joiner->secrets.psks,
                                    joiner->secrets.psk_count, group->current);
    }
    return error;
}

static enum mls_error note_inviter(struct mls_group *group, uint32_t signer)
{
    struct mls_party_view inviter = {
        .kind = MLS_FROM_MEMBER,
        .index = signer,
        .credential = mls_credential_of(mls_tree_leaf(group->current->tree, signer)),
    };
    mls_party_write(&inviter, &group->inviter);
    return group->inviter.failed ? MLS_ERR_NO_MEMORY : MLS_OK;
}

/* External keys go on being known: later proposals may name them. */
static enum mls_error keep_psks(struct mls_group *group, const struct mls_join_options *options)
{
    enum mls_error error = MLS_OK;
    for (size_t i = 0; i < options->psk_count && error == MLS_OK; i++) {
        error = mls_group_put_psk(group, &options->psks[i]);
    }
    return error;
}

enum mls_error mls_group_join(struct mls_identity *identity,
                              struct mls_key_package *const *packages, size_t package_count,
                              struct slice welcome, const struct mls_join_options *options,
                              struct mls_group **out)
{
    static const struct mls_join_options defaults;
    struct mls_group *group =
        mls_group_allocate(identity, options == NULL ? NULL : options->storage);
    *out = NULL;
    if (group == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    struct joiner joiner = {
        .group = group,
        .options = options == NULL ? &defaults : options,
        .secrets_bytes = mls_buffer_of(group->memory),
        .info_bytes = mls_buffer_of(group->memory),
    };
    arena_init(&joiner.arena, group->memory, MLS_PARSE_ARENA_MAX_BYTES);
    group->current = mls_epoch_create(group);
    joiner.path =
        (struct mls_path_secrets *)(void *)mls_secret_take(&group->pool, sizeof(*joiner.path));
    enum mls_error error = group->current == NULL || joiner.path == NULL
                               ? MLS_ERR_NO_MEMORY
                               : join(&joiner, packages, package_count, welcome);
    if (error == MLS_OK) {
        error = note_inviter(group, joiner.info.signer);
    }
    if (error == MLS_OK) {
        error = keep_psks(group, joiner.options);
    }
    mls_secret_give(&group->pool, (uint8_t *)joiner.path, sizeof(*joiner.path));
    if (error == MLS_OK) {
        struct mls_outcome outcome = {.call = MLS_CALL_JOIN};
        error = mls_group_store_all(group, &outcome);
    }
    sodium_memzero(joiner.psk_secret, sizeof(joiner.psk_secret));
    mls_buffer_clear(&joiner.secrets_bytes);
    mls_buffer_clear(&joiner.info_bytes);
    arena_clear(&joiner.arena);
    if (error != MLS_OK) {
        mls_group_destroy(group);
        return error;
    }
    *out = group;
    return MLS_OK;
}
