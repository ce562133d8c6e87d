/*
 * Entering a staged epoch, or not (RFC 9420 section 14).
 *
 * The group is changed without destroying anything, its records are written, and only once they
 * are durable does what it left behind go. Where that fails the group is put back as it was.
 */
#include <sodium.h>

#include "client/mls/group.h"

static struct mls_staged **place_of(struct mls_group *group, enum mls_staged_kind kind)
{
    return kind == MLS_STAGED_OWN ? &group->own : &group->received;
}

bool mls_group_has_staged(const struct mls_group *group, enum mls_staged_kind kind)
{
    return (kind == MLS_STAGED_OWN ? group->own : group->received) != NULL;
}

/* What every merge leaves behind: both staged commits and the pending proposals. */
static void leave_behind(struct mls_group *group)
{
    group->own = NULL;
    group->received = NULL;
    group->pending = NULL;
    group->pending_slots = NULL;
    group->pending_count = 0;
    group->pending_aside = 0;
    group->pending_bytes = 0;
    group->pending_capacity = 0;
}

static void destroy_pending(const struct mls_group *before)
{
    struct mls_group old = *before;
    mls_group_release_pending(&old);
}

/* The current epoch becomes the newest past one; out_gone epochs leave at the front of `all`. */
static void shift_epochs(struct mls_group *group, struct mls_epoch *next,
                         struct mls_epoch *all[MLS_PAST_EPOCHS_MAX + 1], size_t *out_gone)
{
    size_t count = group->past_count + 1;
    size_t gone = count > group->past_max ? count - group->past_max : 0;
    memcpy(all, group->past, group->past_count * sizeof(all[0]));
    all[count - 1] = group->current;
    memcpy(group->past, all + gone, (count - gone) * sizeof(all[0]));
    group->past_count = count - gone;
    group->current = next;
    *out_gone = gone;
}

static enum mls_error store_entry(struct mls_group *group, const struct mls_group *before,
                                  bool is_own, const struct mls_secret_step *step,
                                  struct mls_epoch *const *gone, size_t gone_count)
{
    struct mls_transaction transaction;
    const struct mls_epoch *ended = before->current;
    mls_transaction_begin(&transaction, group);
    transaction.outcome.call = is_own ? MLS_CALL_MERGE_OWN : MLS_CALL_MERGE_RECEIVED;
    for (size_t i = 0; i < gone_count; i++) {
        mls_erase_epoch(&transaction, gone[i]);
    }
    if (group->past_count > 0) {
        mls_store_epoch(&transaction, ended, MLS_STORE_PAST);
        if (step != NULL) {
            mls_store_step(&transaction, ended, step);
        }
    }
    mls_store_resumption(&transaction, ended->context.epoch, ended->secrets->resumption);
    mls_erase_staged(&transaction, before);
    mls_erase_pending(&transaction, before);
    mls_store_tree(&transaction, ended->tree, group->current->tree);
    mls_store_epoch(&transaction, group->current, MLS_STORE_NEW);
    mls_store_secret_tree(&transaction, group->current);
    mls_store_meta(&transaction);
    return mls_transaction_end(&transaction, MLS_OK);
}

/* The key that a received commit was sealed under is used up with the merge. */
static enum mls_error find_step(struct mls_group *group, const struct mls_staged *staged,
                                struct mls_secret_step *out, bool *out_found)
{
    *out_found = false;
    if (!staged->was_sealed || group->past_max == 0) {
        return MLS_OK;
    }
    enum mls_error error = mls_secret_tree_find(group->current->secret_tree, staged->sender_leaf,
                                                MLS_RATCHET_HANDSHAKE, staged->generation, out);
    *out_found = error == MLS_OK;
    return error == MLS_ERR_NO_MEMORY ? error : MLS_OK;
}

/* What the current epoch will be once it has ended: a part of it, taken before anything changes. */
static enum mls_error prepare_end(struct mls_group *group, struct mls_staged *staged,
                                  uint8_t **out_resumption)
{
    struct mls_epoch *ended = group->current;
    *out_resumption = NULL;
    mls_signers_note(ended->tree, staged->epoch->tree, &ended->signers);
    ended->sender_data =
        mls_secret_take_copy(&group->pool, ended->secrets->sender_data, MLS_HASH_MAX_BYTES);
    if (ended->signers.failed || ended->sender_data == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    ended->removed = staged->removed;
    if (group->storage != NULL) {
        return MLS_OK;
    }
    *out_resumption =
        mls_secret_take_copy(&group->pool, ended->secrets->resumption, MLS_HASH_MAX_BYTES);
    return *out_resumption == NULL ? MLS_ERR_NO_MEMORY : mls_resumption_prepare(group);
}

static void undo_end(struct mls_group *group, uint8_t *resumption)
{
    struct mls_epoch *current = group->current;
    mls_buffer_clear(&current->signers);
    mls_secret_give(&group->pool, current->sender_data, MLS_HASH_MAX_BYTES);
    current->sender_data = NULL;
    current->removed = mls_index_list_of(group->memory);
    mls_secret_give(&group->pool, resumption, MLS_HASH_MAX_BYTES);
}

/* The group as it will be. Nothing is destroyed; `all` has the epochs that leave at its front. */
static void move_on(struct mls_group *group, struct mls_staged *staged,
                    struct mls_epoch *all[MLS_PAST_EPOCHS_MAX + 1], size_t *out_gone)
{
    shift_epochs(group, staged->epoch, all, out_gone);
    leave_behind(group);
    if (staged->reinit.size > 0) {
        group->state = MLS_GROUP_REINITIALISED;
        group->reinit = staged->reinit;
        group->closer = staged->closer;
    }
}

/* What was left behind goes. */
static void settle(struct mls_group *group, const struct mls_group *before,
                   struct mls_staged *staged, struct mls_epoch *const *gone, size_t gone_count)
{
    mls_staged_destroy(group, staged == before->own ? before->received : before->own);
    for (size_t i = 0; i < gone_count; i++) {
        mls_epoch_destroy(group, gone[i]);
    }
    if (group->past_count > 0) {
        mls_epoch_retire(group, group->past[group->past_count - 1]);
    }
    destroy_pending(before);
    staged->epoch = NULL;
    staged->removed = mls_index_list_of(group->memory);
    if (staged->reinit.size > 0) {
        staged->closer = mls_buffer_of(group->memory);
    }
    staged->reinit = mls_buffer_of(group->memory);
    mls_staged_destroy(group, staged);
}

static enum mls_error enter_epoch(struct mls_group *group, struct mls_staged *staged)
{
    struct mls_secret_step step;
    bool has_step = false;
    struct mls_epoch *all[MLS_PAST_EPOCHS_MAX + 1];
    size_t gone = 0;
    uint8_t *resumption = NULL;
    struct mls_epoch *ended = group->current;
    uint64_t ended_number = ended->context.epoch;
    enum mls_error error = find_step(group, staged, &step, &has_step);
    if (error != MLS_OK) {
        return error;
    }
    error = prepare_end(group, staged, &resumption);
    struct mls_group before = *group;
    if (error == MLS_OK) {
        move_on(group, staged, all, &gone);
        error =
            store_entry(group, &before, staged == before.own, has_step ? &step : NULL, all, gone);
    }
    if (error != MLS_OK) {
        *group = before;
        undo_end(group, resumption);
        if (has_step) {
            mls_secret_tree_drop(ended->secret_tree, &step);
        }
        return error;
    }
    if (has_step) {
        mls_secret_tree_consume(ended->secret_tree, &step);
    }
    if (resumption != NULL) {
        mls_resumption_push(group, ended_number, resumption);
    }
    settle(group, &before, staged, all, gone);
    return MLS_OK;
}

/* All secrets go, and what is left is stored anew. */
static enum mls_error store_closing(struct mls_group *group)
{
    struct mls_transaction transaction;
    mls_transaction_begin(&transaction, group);
    transaction.outcome.call = MLS_CALL_MERGE_RECEIVED;
    mls_erase_all(&transaction);
    enum mls_error error = mls_store_group(&transaction, group);
    return mls_transaction_end(&transaction, error);
}

/* What reads messages of the last epoch that come late; all else goes. */
static void drop_secrets(struct mls_group *group, struct mls_epoch *epoch)
{
    uint8_t sender_data[MLS_HASH_MAX_BYTES];
    memcpy(sender_data, epoch->secrets->sender_data, sizeof(sender_data));
    mls_epoch_drop_keys(group, epoch);
    sodium_memzero(epoch->secrets, sizeof(*epoch->secrets));
    if (epoch->secret_tree != NULL) {
        memcpy(epoch->secrets->sender_data, sender_data, sizeof(sender_data));
    }
    sodium_memzero(sender_data, sizeof(sender_data));
}

/* A group that removed us keeps its public face and, unless no past epochs are wanted, what reads
 * the messages that were sent before (12.4.2). */
static enum mls_error close_group(struct mls_group *group)
{
    struct mls_group before = *group;
    struct mls_secret_tree *secret_tree = group->current->secret_tree;
    bool reads = group->past_max > 0;
    group->state = MLS_GROUP_REMOVED;
    group->past_count = reads ? group->past_count : 0;
    group->current->secret_tree = reads ? secret_tree : NULL;
    group->closer = before.received->closer;
    leave_behind(group);
    enum mls_error error = store_closing(group);
    if (error != MLS_OK) {
        *group = before;
        group->current->secret_tree = secret_tree;
        return error;
    }
    before.received->closer = mls_buffer_of(group->memory);
    mls_staged_destroy(group, before.own);
    mls_staged_destroy(group, before.received);
    destroy_pending(&before);
    for (size_t i = group->past_count; i < before.past_count; i++) {
        mls_epoch_destroy(group, before.past[i]);
    }
    mls_resumption_clear(group);
    drop_secrets(group, group->current);
    if (!reads) {
        mls_secret_tree_destroy(secret_tree);
    }
    return MLS_OK;
}

static enum mls_error merge(struct mls_group *group, enum mls_staged_kind kind)
{
    struct mls_staged *staged = *place_of(group, kind);
    if (staged == NULL) {
        return MLS_ERR_NOTHING_STAGED;
    }
    if (staged->epoch == NULL) {
        return close_group(group);
    }
    struct mls_identity *identity = mls_group_identity_in(group, staged->epoch);
    if (identity == NULL) {
        return MLS_ERR_IDENTITY;
    }
    enum mls_error error = enter_epoch(group, staged);
    if (error == MLS_OK && identity != group->identity) {
        group->identity = identity;
        group->next_identity = NULL;
    }
    return error;
}

enum mls_error mls_group_merge(struct mls_group *group, enum mls_staged_kind kind)
{
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = merge(group, kind);
        mls_group_leave(group);
    }
    return error;
}

static enum mls_error discard(struct mls_group *group, enum mls_staged_kind kind)
{
    struct mls_staged *staged = *place_of(group, kind);
    if (staged == NULL) {
        return MLS_ERR_NOTHING_STAGED;
    }
    if (kind == MLS_STAGED_OWN) {
        struct mls_transaction transaction;
        mls_transaction_begin(&transaction, group);
        transaction.outcome.call = MLS_CALL_DISCARD;
        mls_erase_staged(&transaction, group);
        enum mls_error error = mls_transaction_end(&transaction, MLS_OK);
        if (error != MLS_OK) {
            return error;
        }
    }
    *place_of(group, kind) = NULL;
    mls_staged_destroy(group, staged);
    return MLS_OK;
}

enum mls_error mls_group_discard(struct mls_group *group, enum mls_staged_kind kind)
{
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = discard(group, kind);
        mls_group_leave(group);
    }
    return error;
}
