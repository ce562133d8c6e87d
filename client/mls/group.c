/*
 * A group and its epochs: creation, queries, and the entry into a staged epoch.
 *
 * Invariant: `current` is always whole. A staged epoch becomes current in one step that cannot
 * fail, after its records are durable.
 */
#include "client/mls/group.h"

#include <sodium.h>

#include "base/assert.h"
#include "client/mls/extension.h"
#include "client/mls/label.h"

struct mls_group *mls_group_allocate(struct mls_identity *identity, struct mls_storage *storage)
{
    struct memory *memory = identity->environment.memory;
    struct mls_group *group = memory_allocate_zero(memory, sizeof(*group));
    if (group == NULL) {
        return NULL;
    }
    group->environment = identity->environment;
    group->identity = identity;
    group->memory = memory;
    group->suite = identity->suite;
    group->storage = storage;
    group->padding_bytes = MLS_PADDING_DEFAULT_BYTES;
    group->past_max = MLS_PAST_EPOCHS_DEFAULT;
    group->reinit = mls_buffer_of(memory);
    group->closer = mls_buffer_of(memory);
    group->inviter = mls_buffer_of(memory);
    mls_environment_random(&group->environment, group->hash_key, sizeof(group->hash_key));
    mls_environment_random(&group->environment, &group->writer, sizeof(group->writer));
    group->writer |= 1; /* 0 is nobody */
    mls_secret_pool_init(&group->pool, identity->environment.guarded);
    return group;
}

struct mls_epoch *mls_epoch_create_past(struct mls_group *group)
{
    struct mls_epoch *epoch = memory_allocate_zero(group->memory, sizeof(*epoch));
    if (epoch == NULL) {
        return NULL;
    }
    epoch->context_bytes = mls_buffer_of(group->memory);
    epoch->signers = mls_buffer_of(group->memory);
    epoch->removed = mls_index_list_of(group->memory);
    return epoch;
}

static enum mls_error set_next_identity(struct mls_group *group, struct mls_identity *identity)
{
    if (identity != NULL && identity->suite != group->suite) {
        return MLS_ERR_SUITE;
    }
    group->next_identity = identity == group->identity ? NULL : identity;
    return MLS_OK;
}

enum mls_error mls_group_set_next_identity(struct mls_group *group, struct mls_identity *identity)
{
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = set_next_identity(group, identity);
        mls_group_leave(group);
    }
    return error;
}

struct mls_identity *mls_group_leaf_identity(const struct mls_group *group)
{
    return group->next_identity == NULL ? group->identity : group->next_identity;
}

struct mls_identity *mls_group_identity_in(const struct mls_group *group,
                                           const struct mls_epoch *epoch)
{
    const struct mls_leaf_node *own = mls_tree_leaf(epoch->tree, epoch->own_leaf);
    struct mls_identity *known[] = {group->identity, mls_group_leaf_identity(group)};
    for (size_t i = 0; i < 2; i++) {
        if (own == NULL || slice_equal(own->signature_key, mls_identity_signature_key(known[i]))) {
            return known[i];
        }
    }
    return NULL;
}

struct mls_epoch *mls_epoch_create(struct mls_group *group)
{
    struct mls_epoch *epoch = mls_epoch_create_past(group);
    if (epoch == NULL) {
        return NULL;
    }
    epoch->secrets =
        (struct mls_epoch_secrets *)(void *)mls_secret_take(&group->pool, sizeof(*epoch->secrets));
    if (epoch->secrets == NULL) {
        memory_release(group->memory, epoch);
        return NULL;
    }
    return epoch;
}

void mls_epoch_drop_keys(struct mls_group *group, struct mls_epoch *epoch)
{
    for (size_t level = 0; level <= MLS_DEPTH_MAX; level++) {
        mls_secret_give(&group->pool, epoch->keys[level], MLS_KEM_MAX_BYTES);
        epoch->keys[level] = NULL;
    }
}

void mls_epoch_destroy(struct mls_group *group, struct mls_epoch *epoch)
{
    if (epoch == NULL) {
        return;
    }
    mls_epoch_drop_keys(group, epoch);
    mls_secret_tree_destroy(epoch->secret_tree);
    mls_secret_give(&group->pool, (uint8_t *)epoch->secrets, sizeof(*epoch->secrets));
    mls_secret_give(&group->pool, epoch->sender_data, MLS_HASH_MAX_BYTES);
    mls_tree_destroy(epoch->tree);
    mls_buffer_clear(&epoch->context_bytes);
    mls_buffer_clear(&epoch->signers);
    mls_index_list_clear(&epoch->removed);
    memory_release(group->memory, epoch);
}

enum mls_error mls_epoch_set_context(struct mls_group *group, struct mls_epoch *epoch,
                                     struct slice group_id, uint64_t number,
                                     struct slice confirmed_hash, struct slice extensions)
{
    struct mls_group_context context = {
        .version = MLS_VERSION_10,
        .suite = group->suite->id,
        .group_id = group_id,
        .epoch = number,
        .tree_hash = slice_of(mls_tree_root_hash(epoch->tree), group->suite->hash_bytes),
        .confirmed_transcript_hash = confirmed_hash,
        .extensions = extensions,
    };
    mls_write_group_context(&epoch->context_bytes, &context);
    if (epoch->context_bytes.failed) {
        return MLS_ERR_NO_MEMORY;
    }
    struct reader reader = reader_of(mls_buffer_done(&epoch->context_bytes));
    mls_read_group_context(&reader, &epoch->context);
    COLUMBA_ASSERT(reader_is_done(&reader));
    return MLS_OK;
}

enum mls_error mls_epoch_grow_secrets(struct mls_group *group, struct mls_epoch *epoch)
{
    enum mls_error error =
        mls_secret_tree_create(group->memory, &group->pool, group->suite, epoch->tree->leaf_width,
                               epoch->secrets->encryption, &epoch->secret_tree);
    if (error == MLS_OK) {
        sodium_memzero(epoch->secrets->encryption, sizeof(epoch->secrets->encryption));
    }
    return error;
}

enum mls_error mls_epoch_put_key(struct mls_group *group, struct mls_epoch *epoch, uint32_t level,
                                 const uint8_t *private_key)
{
    COLUMBA_ASSERT(level <= MLS_DEPTH_MAX);
    if (epoch->keys[level] == NULL) {
        epoch->keys[level] = mls_secret_take(&group->pool, MLS_KEM_MAX_BYTES);
    }
    if (epoch->keys[level] == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    memcpy(epoch->keys[level], private_key, group->suite->kem_private_bytes);
    return MLS_OK;
}

enum mls_error mls_epoch_inherit_keys(struct mls_group *group, const struct mls_epoch *from,
                                      struct mls_epoch *to)
{
    uint32_t depth = mls_node_level(mls_node_root(to->tree->leaf_width));
    for (uint32_t level = 0; level <= depth; level++) {
        uint32_t node = mls_node_at_level(to->own_leaf, level);
        const struct mls_tree_node *before = mls_tree_node_at(from->tree, node);
        const struct mls_tree_node *after = mls_tree_node_at(to->tree, node);
        if (from->keys[level] == NULL || to->keys[level] != NULL || before == NULL ||
            after == NULL || !slice_equal(mls_node_key(before), mls_node_key(after))) {
            continue;
        }
        enum mls_error error = mls_epoch_put_key(group, to, level, from->keys[level]);
        if (error != MLS_OK) {
            return error;
        }
    }
    return MLS_OK;
}

void mls_epoch_retire(struct mls_group *group, struct mls_epoch *epoch)
{
    COLUMBA_ASSERT(epoch->sender_data != NULL);
    mls_epoch_drop_keys(group, epoch);
    mls_secret_give(&group->pool, (uint8_t *)epoch->secrets, sizeof(*epoch->secrets));
    epoch->secrets = NULL;
    mls_tree_destroy(epoch->tree);
    epoch->tree = NULL;
}

void mls_staged_destroy(struct mls_group *group, struct mls_staged *staged)
{
    if (staged == NULL) {
        return;
    }
    mls_epoch_destroy(group, staged->epoch);
    mls_buffer_clear(&staged->reinit);
    mls_index_list_clear(&staged->removed);
    mls_buffer_clear(&staged->proposals);
    mls_buffer_clear(&staged->closer);
    memory_release(group->memory, staged);
}

enum mls_error mls_group_enter(struct mls_group *group)
{
    if (group->is_entered) {
        return MLS_ERR_REENTERED;
    }
    group->is_entered = true;
    return MLS_OK;
}

void mls_group_leave(struct mls_group *group)
{
    COLUMBA_ASSERT(group->is_entered);
    group->is_entered = false;
}

void mls_group_destroy(struct mls_group *group)
{
    if (group == NULL) {
        return;
    }
    COLUMBA_ASSERT(!group->is_entered);
    mls_staged_destroy(group, group->own);
    mls_staged_destroy(group, group->received);
    mls_group_release_pending(group);
    for (size_t i = 0; i < group->past_count; i++) {
        mls_epoch_destroy(group, group->past[i]);
    }
    mls_epoch_destroy(group, group->current);
    for (size_t i = 0; i < group->psk_count; i++) {
        mls_buffer_clear(&group->psks[i].id);
        mls_secret_give(&group->pool, group->psks[i].secret, group->psks[i].size);
    }
    mls_resumption_clear(group);
    memory_release(group->memory, group->psks);
    mls_buffer_clear(&group->reinit);
    mls_buffer_clear(&group->closer);
    mls_buffer_clear(&group->inviter);
    memory_release(group->memory, group);
}

enum mls_error mls_group_erase(struct mls_group *group)
{
    struct mls_transaction transaction;
    enum mls_error error = mls_group_enter(group);
    if (error != MLS_OK) {
        return error;
    }
    mls_transaction_begin(&transaction, group);
    transaction.outcome.call = MLS_CALL_ERASE;
    mls_erase_all(&transaction);
    error = mls_transaction_end(&transaction, MLS_OK);
    mls_group_leave(group);
    if (error == MLS_OK) {
        mls_group_destroy(group);
    }
    return error;
}

/* The one leaf of a new group. */
static enum mls_error found_tree(struct mls_group *group, struct mls_epoch *epoch,
                                 struct slice group_id)
{
    uint8_t private_key[MLS_KEM_MAX_BYTES];
    uint8_t public_key[MLS_KEM_MAX_BYTES];
    uint8_t hash_key[16];
    uint32_t leaf = 0;
    struct mls_buffer encoded = mls_buffer_of(group->memory);
    mls_environment_random(&group->environment, private_key, group->suite->kem_private_bytes);
    mls_environment_random(&group->environment, hash_key, sizeof(hash_key));
    group->suite->kem_public(private_key, public_key);
    struct mls_own_leaf own = {
        .source = MLS_LEAF_KEY_PACKAGE,
        .encryption_key = slice_of(public_key, group->suite->kem_public_bytes),
        .group_id = group_id,
    };
    enum mls_error error = mls_identity_write_leaf(group->identity, &own, &encoded);
    if (error == MLS_OK) {
        error = mls_tree_create(group->memory, group->suite, hash_key, &epoch->tree);
    }
    if (error == MLS_OK) {
        struct mls_tree_node *node = mls_leaf_create(group->memory, mls_buffer_done(&encoded));
        error = node == NULL ? MLS_ERR_NO_MEMORY : mls_tree_add(epoch->tree, node, &leaf);
    }
    if (error == MLS_OK) {
        error = mls_epoch_put_key(group, epoch, 0, private_key);
    }
    sodium_memzero(private_key, sizeof(private_key));
    mls_buffer_clear(&encoded);
    return error;
}

/* The secrets of epoch 0, from a random epoch secret (section 11). */
static enum mls_error found_secrets(struct mls_group *group, struct mls_epoch *epoch)
{
    uint8_t secret[MLS_HASH_MAX_BYTES];
    uint8_t tag[MLS_HASH_MAX_BYTES];
    struct slice none = slice_of(NULL, 0);
    mls_environment_random(&group->environment, secret, group->suite->hash_bytes);
    mls_schedule_from_epoch_secret(group->suite, secret, epoch->secrets);
    sodium_memzero(secret, sizeof(secret));
    mls_confirmation_tag(group->suite, epoch->secrets->confirmation, none, tag);
    mls_transcript_interim(group->suite, none, slice_of(tag, group->suite->hash_bytes),
                           epoch->interim);
    return mls_epoch_grow_secrets(group, epoch);
}

static enum mls_error found(struct mls_group *group, const struct mls_group_options *options)
{
    uint8_t random_id[MLS_HASH_MAX_BYTES];
    struct slice id = options->group_id;
    struct slice none = slice_of(NULL, 0);
    struct mls_leaf_rules rules = {
        .environment = &group->environment,
        .suite = group->suite,
        .extensions = options->extensions,
    };
    if (id.size == 0) {
        mls_environment_random(&group->environment, random_id, group->suite->hash_bytes);
        id = slice_of(random_id, group->suite->hash_bytes);
    }
    group->current = mls_epoch_create(group);
    if (group->current == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = found_tree(group, group->current, id);
    if (error == MLS_OK) {
        error = mls_extensions_check(options->extensions);
    }
    if (error == MLS_OK) {
        error = mls_leaf_check_any(&rules, mls_tree_leaf(group->current->tree, 0));
    }
    if (error == MLS_OK) {
        error = mls_epoch_set_context(group, group->current, id, 0, none, options->extensions);
    }
    if (error == MLS_OK) {
        error = found_secrets(group, group->current);
    }
    return error;
}

enum mls_error mls_group_create(struct mls_identity *identity,
                                const struct mls_group_options *options, struct mls_group **out)
{
    static const struct mls_group_options defaults;
    const struct mls_group_options *chosen = options == NULL ? &defaults : options;
    struct mls_group *group = mls_group_allocate(identity, chosen->storage);
    *out = NULL;
    if (group == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    struct mls_buffer list = mls_buffer_of(group->memory);
    mls_write_vector(&list, chosen->extensions);
    struct reader reader = reader_of(mls_buffer_done(&list));
    (void)mls_read_extensions(&reader);
    enum mls_error error = list.failed     ? MLS_ERR_NO_MEMORY
                           : reader.failed ? MLS_ERR_ARGUMENT
                                           : found(group, chosen);
    mls_buffer_clear(&list);
    if (error == MLS_OK) {
        struct mls_outcome outcome = {.call = MLS_CALL_CREATE};
        error = mls_group_store_all(group, &outcome);
    }
    if (error != MLS_OK) {
        mls_group_destroy(group);
        return error;
    }
    *out = group;
    return MLS_OK;
}

struct slice mls_group_id(const struct mls_group *group)
{
    return group->current->context.group_id;
}

uint64_t mls_group_epoch(const struct mls_group *group)
{
    return group->current->context.epoch;
}

bool mls_group_is_active(const struct mls_group *group)
{
    return group->state == MLS_GROUP_ACTIVE;
}

uint32_t mls_group_own_leaf(const struct mls_group *group)
{
    return group->current->own_leaf;
}

uint32_t mls_group_member_count(const struct mls_group *group)
{
    return group->current->tree->member_count;
}

static bool next_member(const struct mls_tree *tree, uint32_t *leaf,
                        struct mls_credential_view *out)
{
    for (; *leaf < tree->leaf_width; (*leaf)++) {
        const struct mls_leaf_node *node = mls_tree_leaf(tree, *leaf);
        if (node != NULL) {
            *out = mls_credential_of(node);
            return true;
        }
    }
    return false;
}

bool mls_group_next_member(const struct mls_group *group, uint32_t *leaf,
                           struct mls_credential_view *out)
{
    return next_member(group->current->tree, leaf, out);
}

bool mls_group_next_staged_member(const struct mls_group *group, enum mls_staged_kind kind,
                                  uint32_t *leaf, struct mls_credential_view *out)
{
    const struct mls_staged *staged = kind == MLS_STAGED_OWN ? group->own : group->received;
    return staged != NULL && staged->epoch != NULL && next_member(staged->epoch->tree, leaf, out);
}

struct slice mls_group_extensions(const struct mls_group *group)
{
    return group->current->context.extensions;
}

struct slice mls_group_authenticator(const struct mls_group *group)
{
    return group->state == MLS_GROUP_REMOVED
               ? slice_of(NULL, 0)
               : slice_of(group->current->secrets->authenticator, group->suite->hash_bytes);
}

enum mls_error mls_group_export(const struct mls_group *group, const char *label,
                                struct slice context, uint8_t *out, size_t size)
{
    if (group->state == MLS_GROUP_REMOVED) {
        return MLS_ERR_GROUP_CLOSED;
    }
    if (strlen(label) > MLS_LABEL_MAX_BYTES || size > 255 * group->suite->hash_bytes) {
        return MLS_ERR_ARGUMENT;
    }
    mls_schedule_export(group->suite, group->current->secrets->exporter, label, context, out, size);
    return MLS_OK;
}

enum mls_error mls_group_store_settings(struct mls_group *group)
{
    struct mls_transaction transaction;
    mls_transaction_begin(&transaction, group);
    mls_store_meta(&transaction);
    return mls_transaction_end(&transaction, MLS_OK);
}

static enum mls_error set_padding(struct mls_group *group, size_t bytes)
{
    size_t before = group->padding_bytes;
    if (bytes > MLS_PADDING_MAX_BYTES) {
        return MLS_ERR_LIMIT;
    }
    group->padding_bytes = bytes;
    enum mls_error error = mls_group_store_settings(group);
    group->padding_bytes = error == MLS_OK ? bytes : before;
    return error;
}

enum mls_error mls_group_set_padding(struct mls_group *group, size_t bytes)
{
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = set_padding(group, bytes);
        mls_group_leave(group);
    }
    return error;
}

static enum mls_error set_past_epochs(struct mls_group *group, size_t count)
{
    size_t before = group->past_max;
    if (count > MLS_PAST_EPOCHS_MAX) {
        return MLS_ERR_LIMIT;
    }
    group->past_max = count;
    enum mls_error error = mls_group_store_settings(group);
    group->past_max = error == MLS_OK ? count : before;
    return error;
}

enum mls_error mls_group_set_past_epochs(struct mls_group *group, size_t count)
{
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = set_past_epochs(group, count);
        mls_group_leave(group);
    }
    return error;
}

/* Messages from outside have no other coat (6). */
enum mls_error mls_group_check_open(const struct mls_group *group, enum mls_sender_type sender)
{
    const struct mls_policy *policy = &group->environment.policy;
    bool taken = policy->takes_outside_proposals;
    if (sender == MLS_SENDER_MEMBER) {
        taken = policy->takes_open_members;
    } else if (sender == MLS_SENDER_NEW_MEMBER_COMMIT) {
        taken = !policy->refuses_outside_joins;
    }
    return taken ? MLS_OK : MLS_ERR_OPEN_MESSAGE;
}

/* By the commits since, not by the credential at the leaf today: another device of the same name
 * may have been given the place, and a member may have changed its keys. */
bool mls_group_sender_is_gone(const struct mls_group *group, const struct mls_epoch *epoch,
                              uint32_t leaf)
{
    struct mls_credential_view sender;
    uint32_t today = 0;
    bool gone = false;
    bool known = mls_group_find_signer(group, epoch, leaf, &sender);
    COLUMBA_ASSERT(known);
    for (size_t i = 0; i < group->past_count; i++) {
        const struct mls_epoch *past = group->past[i];
        gone = gone || (past->context.epoch >= epoch->context.epoch &&
                        mls_index_list_holds(&past->removed, leaf));
    }
    return gone && !mls_tree_find_signer(group->current->tree, sender.signature_key, &today);
}

enum mls_error mls_group_tree(const struct mls_group *group, struct mls_buffer *out)
{
    *out = mls_buffer_of(group->memory);
    mls_tree_encode(group->current->tree, out);
    if (out->failed) {
        mls_buffer_clear(out);
        return MLS_ERR_NO_MEMORY;
    }
    return MLS_OK;
}

struct mls_epoch *mls_group_find_epoch(const struct mls_group *group, uint64_t number)
{
    if (group->current->context.epoch == number) {
        return group->current;
    }
    for (size_t i = 0; i < group->past_count; i++) {
        if (group->past[i]->context.epoch == number) {
            return group->past[i];
        }
    }
    return NULL;
}

/* The storage is this group's from now on; whose it was before. */
static uint64_t claim(struct mls_group *group)
{
    uint64_t before = 0;
    if (group->storage != NULL) {
        before = group->storage->writer;
        group->storage->writer = group->writer;
    }
    return before;
}

enum mls_error mls_group_store_all(struct mls_group *group, const struct mls_outcome *outcome)
{
    struct mls_transaction transaction;
    uint64_t writer = claim(group);
    mls_transaction_begin(&transaction, group);
    transaction.outcome.call = outcome->call;
    transaction.outcome.message = outcome->message;
    transaction.outcome.welcome = outcome->welcome;
    mls_erase_all(&transaction);
    struct mls_group source = *group; /* what the storage has of another group is none of ours */
    source.storage = NULL;
    enum mls_error error = mls_store_group(&transaction, &source);
    error = mls_transaction_end(&transaction, error);
    if (error == MLS_OK && group->storage != NULL) {
        mls_resumption_clear(group);
    } else if (group->storage != NULL) {
        group->storage->writer = transaction.is_unsure ? 0 : writer;
    }
    return error;
}
