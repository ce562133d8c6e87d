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
    mls_transaction_begin(&transaction, group);
    transaction.outcome.call = is_own ? MLS_CALL_MERGE_OWN : MLS_CALL_MERGE_RECEIVED;
    for (size_t i = 0; i < gone_count; i++) {
        mls_erase_epoch(&transaction, gone[i]);
    }
    if (group->past_count > 0) {
        mls_store_epoch(&transaction, before->current, MLS_STORE_PAST);
        if (step != NULL) {
            mls_store_step(&transaction, before->current, step);
        }
    }
    mls_erase_staged(&transaction, before);
    mls_erase_pending(&transaction, before);
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

static enum mls_error enter_epoch(struct mls_group *group, struct mls_staged *staged,
                                  struct mls_staged *other)
{
    struct mls_secret_step step;
    bool has_step = false;
    enum mls_error error = find_step(group, staged, &step, &has_step);
    if (error != MLS_OK) {
        return error;
    }
    struct mls_epoch *all[MLS_PAST_EPOCHS_MAX + 1];
    size_t gone = 0;
    struct mls_group before = *group;
    uint8_t *psk =
        mls_secret_take_copy(&group->pool, staged->epoch->secrets->resumption, MLS_HASH_MAX_BYTES);
    if (psk == NULL) {
        if (has_step) {
            mls_secret_tree_drop(group->current->secret_tree, &step);
        }
        return MLS_ERR_NO_MEMORY;
    }
    uint8_t *old_psk = mls_group_push_resumption(group, staged->epoch->context.epoch, psk);
    group->current->removed = staged->removed;
    shift_epochs(group, staged->epoch, all, &gone);
    leave_behind(group);
    if (staged->reinit.size > 0) {
        group->state = MLS_GROUP_REINITIALISED;
        group->reinit = staged->reinit;
    }
    error = store_entry(group, &before, staged == before.own, has_step ? &step : NULL, all, gone);
    if (error != MLS_OK) {
        if (has_step) {
            mls_secret_tree_drop(before.current->secret_tree, &step);
        }
        *group = before;
        group->current->removed = mls_index_list_of(group->memory);
        mls_secret_give(&group->pool, psk, MLS_HASH_MAX_BYTES);
        return error;
    }
    if (has_step) {
        mls_secret_tree_consume(before.current->secret_tree, &step);
    }
    mls_staged_destroy(group, other);
    for (size_t i = 0; i < gone; i++) {
        mls_epoch_destroy(group, all[i]);
    }
    if (group->past_count > 0) {
        mls_epoch_retire(group, group->past[group->past_count - 1]);
    }
    mls_secret_give(&group->pool, old_psk, MLS_HASH_MAX_BYTES);
    destroy_pending(&before);
    staged->epoch = NULL;
    staged->removed = mls_index_list_of(group->memory);
    staged->reinit = mls_buffer_of(group->memory);
    mls_staged_destroy(group, staged);
    return MLS_OK;
}

static enum mls_error store_closing(struct mls_group *group, const struct mls_group *before)
{
    struct mls_transaction transaction;
    mls_transaction_begin(&transaction, group);
    transaction.outcome.call = MLS_CALL_MERGE_RECEIVED;
    for (size_t i = 0; i < before->past_count; i++) {
        mls_erase_epoch(&transaction, before->past[i]);
    }
    mls_erase_staged(&transaction, before);
    mls_erase_pending(&transaction, before);
    mls_erase_secret_tree(&transaction, group->current);
    mls_store_epoch(&transaction, group->current, MLS_STORE_PUBLIC);
    mls_store_meta(&transaction);
    return mls_transaction_end(&transaction, MLS_OK);
}

/* A group that removed us keeps its public face; every secret goes (12.4.2). */
static enum mls_error close_group(struct mls_group *group)
{
    struct mls_group before = *group;
    group->state = MLS_GROUP_REMOVED;
    group->past_count = 0;
    group->resumption_count = 0;
    leave_behind(group);
    enum mls_error error = store_closing(group, &before);
    if (error != MLS_OK) {
        *group = before;
        return error;
    }
    mls_staged_destroy(group, before.own);
    mls_staged_destroy(group, before.received);
    destroy_pending(&before);
    for (size_t i = 0; i < before.past_count; i++) {
        mls_epoch_destroy(group, before.past[i]);
    }
    for (size_t i = 0; i < before.resumption_count; i++) {
        mls_secret_give(&group->pool, before.resumption[i].psk, MLS_HASH_MAX_BYTES);
    }
    mls_epoch_retire(group, group->current);
    sodium_memzero(group->current->secrets, sizeof(*group->current->secrets));
    mls_secret_tree_destroy(group->current->secret_tree);
    group->current->secret_tree = NULL;
    return MLS_OK;
}

enum mls_error mls_group_merge(struct mls_group *group, enum mls_staged_kind kind)
{
    struct mls_staged *staged = *place_of(group, kind);
    if (staged == NULL) {
        return MLS_ERR_NOTHING_STAGED;
    }
    if (staged->epoch == NULL) {
        return close_group(group);
    }
    return enter_epoch(group, staged, kind == MLS_STAGED_OWN ? group->received : group->own);
}

enum mls_error mls_group_discard(struct mls_group *group, enum mls_staged_kind kind)
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
