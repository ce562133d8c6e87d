/*
 * The records of a group, as they are written. What reads them is in restore.c.
 *
 *   G                       version, suite, state, settings, resumption and external keys
 *   T epoch                 context, interim hash, tree: all public
 *   K epoch                 our leaf, and the epoch's secrets or what is left of them
 *   N epoch node            one secret of the secret tree
 *   R epoch leaf            one sender's ratchets
 *   P index                 one pending proposal
 *   S                       our staged commit: what T and K of its epoch would be
 *
 * A change writes the few records it touches: a message one R, and the N around a sender's first.
 * So no record that is left behind leads to a key that was used.
 */
#include "client/mls/state.h"

#include <sodium.h>

void mls_transaction_begin(struct mls_transaction *transaction, struct mls_group *group)
{
    *transaction = (struct mls_transaction){.group = group, .storage = group->storage};
    transaction->outcome = (struct mls_outcome){
        .group_id = group->current->context.group_id,
        .epoch = group->current->context.epoch,
    };
    if (transaction->storage != NULL && !transaction->storage->begin(transaction->storage)) {
        transaction->failed = true;
    }
}

enum mls_error mls_transaction_end(struct mls_transaction *transaction, enum mls_error error)
{
    struct mls_storage *storage = transaction->storage;
    if (storage == NULL) {
        return error;
    }
    if (error == MLS_OK && transaction->no_memory) {
        error = MLS_ERR_NO_MEMORY;
    }
    if (error == MLS_OK && !transaction->failed && storage->attend != NULL) {
        transaction->failed = !storage->attend(storage, &transaction->outcome);
    }
    if (error == MLS_OK && transaction->failed) {
        error = MLS_ERR_STORAGE;
    }
    if (error != MLS_OK) {
        storage->abandon(storage);
        return error;
    }
    transaction->is_unsure = !storage->commit(storage);
    return transaction->is_unsure ? MLS_ERR_STORAGE : MLS_OK;
}

enum mls_error mls_transaction_end_sending(struct mls_transaction *transaction,
                                           struct mls_epoch *epoch, struct mls_secret_step *step,
                                           bool has_step)
{
    enum mls_error error = mls_transaction_end(transaction, MLS_OK);
    if (has_step && (error == MLS_OK || transaction->is_unsure)) {
        mls_secret_tree_consume(epoch->secret_tree, step);
    } else if (has_step) {
        mls_secret_tree_drop(epoch->secret_tree, step);
    }
    return error;
}

/* -- keys of records -- */

struct slice mls_record_key(enum mls_record_kind kind, uint64_t epoch, uint32_t index,
                            struct mls_record_name *out)
{
    struct writer writer = writer_of(out->bytes, sizeof(out->bytes));
    writer_u8(&writer, (uint8_t)kind);
    if (kind == MLS_RECORD_PENDING) {
        writer_u32(&writer, index);
    } else if (kind != MLS_RECORD_META && kind != MLS_RECORD_STAGED) {
        writer_u64(&writer, epoch);
        if (kind == MLS_RECORD_NODE || kind == MLS_RECORD_RATCHETS) {
            writer_u32(&writer, index);
        }
    }
    return writer_done(&writer);
}

static void put(struct mls_transaction *transaction, enum mls_record_kind kind, uint64_t epoch,
                uint32_t index, struct mls_buffer *value)
{
    struct mls_record_name name;
    struct mls_storage *storage = transaction->storage;
    if (value->failed) {
        transaction->no_memory = true;
    } else if (!transaction->failed && !transaction->no_memory &&
               !storage->put(storage, mls_record_key(kind, epoch, index, &name),
                             mls_buffer_done(value))) {
        transaction->failed = true;
    }
    mls_buffer_clear(value);
}

static void erase(struct mls_transaction *transaction, enum mls_record_kind kind, uint64_t epoch,
                  uint32_t index)
{
    struct mls_record_name name;
    struct mls_storage *storage = transaction->storage;
    if (!transaction->failed && !transaction->no_memory &&
        !storage->erase(storage, mls_record_key(kind, epoch, index, &name))) {
        transaction->failed = true;
    }
}

void mls_erase_all(struct mls_transaction *transaction)
{
    struct mls_storage *storage = transaction->storage;
    if (storage != NULL && !transaction->failed && !storage->erase_all(storage)) {
        transaction->failed = true;
    }
}

/* -- values of records -- */

static void write_psks(const struct mls_group *group, struct mls_buffer *out)
{
    size_t mark = mls_write_open(out);
    for (size_t i = 0; i < group->resumption_count; i++) {
        mls_write_u64(out, group->resumption[i].epoch);
        mls_write_vector(out, slice_of(group->resumption[i].psk, group->suite->hash_bytes));
    }
    mls_write_close(out, mark);
    mark = mls_write_open(out);
    for (size_t i = 0; i < group->psk_count; i++) {
        mls_write_vector(out, mls_buffer_done(&group->psks[i].id));
        mls_write_vector(out, slice_of(group->psks[i].secret, group->psks[i].size));
    }
    mls_write_close(out, mark);
}

void mls_store_meta(struct mls_transaction *transaction)
{
    const struct mls_group *group = transaction->group;
    if (transaction->storage == NULL) {
        return;
    }
    struct mls_buffer value = mls_buffer_of(group->memory);
    mls_write_u16(&value, MLS_STATE_VERSION);
    mls_write_u16(&value, group->suite->id);
    mls_write_u8(&value, (uint8_t)group->state);
    mls_write_u32(&value, (uint32_t)group->padding_bytes);
    mls_write_u8(&value, (uint8_t)group->past_max);
    mls_write_u64(&value, group->current->context.epoch);
    mls_write_u8(&value, (uint8_t)group->past_count);
    for (size_t i = 0; i < group->past_count; i++) {
        mls_write_u64(&value, group->past[i]->context.epoch);
    }
    write_psks(group, &value);
    mls_write_vector(&value, mls_buffer_done(&group->reinit));
    put(transaction, MLS_RECORD_META, 0, 0, &value);
}

static void write_indices(const struct mls_index_list *list, struct mls_buffer *out)
{
    size_t mark = mls_write_open(out);
    for (uint32_t i = 0; i < list->count; i++) {
        mls_write_u32(out, list->items[i]);
    }
    mls_write_close(out, mark);
}

static void write_tree(const struct mls_epoch *epoch, size_t hash_bytes, struct mls_buffer *out)
{
    mls_write_vector(out, epoch->context.encoded);
    mls_write_vector(out, slice_of(epoch->interim, hash_bytes));
    mls_tree_encode(epoch->tree, out);
}

static void write_secrets(const struct mls_group *group, const struct mls_epoch *epoch,
                          enum mls_store_mode mode, struct mls_buffer *out)
{
    mls_write_u8(out, (uint8_t)mode);
    mls_write_u32(out, epoch->own_leaf);
    if (mode == MLS_STORE_PAST) {
        mls_write_bytes(out, slice_of(epoch->secrets->sender_data, MLS_HASH_MAX_BYTES));
        write_indices(&epoch->removed, out);
    }
    if (mode != MLS_STORE_NEW) {
        return;
    }
    mls_write_bytes(out, slice_of(epoch->secrets, sizeof(*epoch->secrets)));
    size_t mark = mls_write_open(out);
    for (uint32_t level = 0; level <= MLS_DEPTH_MAX; level++) {
        if (epoch->keys[level] != NULL) {
            mls_write_u8(out, (uint8_t)level);
            mls_write_vector(out, slice_of(epoch->keys[level], group->suite->kem_private_bytes));
        }
    }
    mls_write_close(out, mark);
}

static void store_tree(struct mls_transaction *transaction, const struct mls_epoch *epoch)
{
    struct mls_buffer value = mls_buffer_of(transaction->group->memory);
    write_tree(epoch, transaction->group->suite->hash_bytes, &value);
    put(transaction, MLS_RECORD_TREE, epoch->context.epoch, 0, &value);
}

static void store_secrets(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                          enum mls_store_mode mode)
{
    struct mls_buffer value = mls_buffer_of(transaction->group->memory);
    write_secrets(transaction->group, epoch, mode, &value);
    put(transaction, MLS_RECORD_SECRETS, epoch->context.epoch, 0, &value);
}

void mls_store_epoch(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                     enum mls_store_mode mode)
{
    if (transaction->storage == NULL) {
        return;
    }
    if (mode == MLS_STORE_NEW) {
        store_tree(transaction, epoch);
    }
    store_secrets(transaction, epoch, mode);
}

/* -- the secret tree -- */

static void write_skipped(const struct mls_ratchet *ratchet, uint32_t from, uint32_t except,
                          bool has_except, struct mls_buffer *out)
{
    for (uint32_t i = from; i < ratchet->skipped_count; i++) {
        if (!has_except || ratchet->skipped[i].generation != except) {
            mls_write_u32(out, ratchet->skipped[i].generation);
            mls_write_bytes(out, slice_of(ratchet->skipped[i].key_nonce, MLS_MESSAGE_KEY_BYTES));
        }
    }
}

/* A ratchet as it is after the step, which may be NULL. */
static void write_ratchet(const struct mls_ratchet *ratchet, const struct mls_secret_step *step,
                          struct mls_buffer *out)
{
    bool forward = step != NULL && !step->was_skipped;
    const struct mls_ratchet *head = forward ? &step->next : ratchet;
    uint32_t kept = 0;
    if (forward && step->next.skipped_count + ratchet->skipped_count > step->next.skipped_room &&
        step->next.skipped != NULL) {
        kept = step->next.skipped_count + ratchet->skipped_count - step->next.skipped_room;
    }
    mls_write_u32(out, head->generation);
    mls_write_u8(out, head->exhausted);
    mls_write_bytes(out, slice_of(head->secret, MLS_HASH_MAX_BYTES));
    size_t mark = mls_write_open(out);
    write_skipped(ratchet, kept, step == NULL ? 0 : step->generation,
                  step != NULL && step->was_skipped, out);
    if (forward) {
        write_skipped(&step->next, 0, 0, false, out);
    }
    mls_write_close(out, mark);
}

static void store_ratchets(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                           uint32_t leaf, const struct mls_sender_ratchets *sender,
                           const struct mls_secret_step *step)
{
    struct mls_buffer value = mls_buffer_of(transaction->group->memory);
    for (size_t kind = 0; kind < MLS_RATCHET_KINDS; kind++) {
        bool steps = step != NULL && step->kind == (enum mls_ratchet_kind)kind;
        write_ratchet(&sender->ratchet[kind], steps ? step : NULL, &value);
    }
    put(transaction, MLS_RECORD_RATCHETS, epoch->context.epoch, leaf, &value);
}

static void store_node(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                       uint32_t node, const uint8_t *secret)
{
    struct mls_buffer value = mls_buffer_of(transaction->group->memory);
    mls_write_bytes(&value, slice_of(secret, MLS_HASH_MAX_BYTES));
    put(transaction, MLS_RECORD_NODE, epoch->context.epoch, node, &value);
}

void mls_store_step(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                    const struct mls_secret_step *step)
{
    const struct mls_sender_ratchets *sender = epoch->secret_tree->senders[step->leaf];
    if (transaction->storage == NULL) {
        return;
    }
    if (step->fresh != NULL) {
        sender = step->fresh;
        erase(transaction, MLS_RECORD_NODE, epoch->context.epoch, step->top);
        for (uint32_t level = 0; level < MLS_DEPTH_MAX; level++) {
            if (step->copath[level] != NULL) {
                store_node(transaction, epoch,
                           mls_node_sibling(mls_node_at_level(step->leaf, level)),
                           step->copath[level]);
            }
        }
    }
    store_ratchets(transaction, epoch, step->leaf, sender, step);
}

void mls_store_secret_tree(struct mls_transaction *transaction, const struct mls_epoch *epoch)
{
    const struct mls_secret_tree *tree = epoch->secret_tree;
    if (transaction->storage == NULL || tree == NULL) {
        return;
    }
    for (uint32_t i = 0; i < mls_node_count(tree->leaf_width); i++) {
        if (tree->node_secrets[i] != NULL) {
            store_node(transaction, epoch, i, tree->node_secrets[i]);
        }
    }
    for (uint32_t i = 0; i < tree->leaf_width; i++) {
        if (tree->senders[i] != NULL) {
            store_ratchets(transaction, epoch, i, tree->senders[i], NULL);
        }
    }
}

void mls_erase_secret_tree(struct mls_transaction *transaction, const struct mls_epoch *epoch)
{
    const struct mls_secret_tree *tree = epoch->secret_tree;
    if (transaction->storage == NULL || tree == NULL) {
        return;
    }
    for (uint32_t i = 0; i < mls_node_count(tree->leaf_width); i++) {
        if (tree->node_secrets[i] != NULL) {
            erase(transaction, MLS_RECORD_NODE, epoch->context.epoch, i);
        }
    }
    for (uint32_t i = 0; i < tree->leaf_width; i++) {
        if (tree->senders[i] != NULL) {
            erase(transaction, MLS_RECORD_RATCHETS, epoch->context.epoch, i);
        }
    }
}

void mls_erase_epoch(struct mls_transaction *transaction, const struct mls_epoch *epoch)
{
    if (transaction->storage == NULL) {
        return;
    }
    mls_erase_secret_tree(transaction, epoch);
    erase(transaction, MLS_RECORD_TREE, epoch->context.epoch, 0);
    erase(transaction, MLS_RECORD_SECRETS, epoch->context.epoch, 0);
}

/* -- proposals and the staged commit -- */

void mls_store_pending(struct mls_transaction *transaction, const struct mls_pending *pending,
                       size_t index)
{
    const struct mls_group *group = transaction->group;
    if (transaction->storage == NULL) {
        return;
    }
    struct mls_buffer value = mls_buffer_of(group->memory);
    size_t size = pending->update_private == NULL ? 0 : group->suite->kem_private_bytes;
    mls_write_vector(&value, mls_buffer_done(&pending->authenticated));
    mls_write_vector(&value, slice_of(pending->update_private, size));
    put(transaction, MLS_RECORD_PENDING, 0, (uint32_t)index, &value);
}

void mls_erase_pending(struct mls_transaction *transaction, const struct mls_group *before)
{
    for (size_t i = 0; i < before->pending_count && transaction->storage != NULL; i++) {
        erase(transaction, MLS_RECORD_PENDING, 0, (uint32_t)i);
    }
}

/* Only our own is ever stored, and its secret tree has been used for nothing: one root. */
void mls_store_staged(struct mls_transaction *transaction, const struct mls_staged *staged)
{
    const struct mls_group *group = transaction->group;
    if (transaction->storage == NULL) {
        return;
    }
    const struct mls_epoch *epoch = staged->epoch;
    struct mls_buffer value = mls_buffer_of(group->memory);
    mls_write_vector(&value, mls_buffer_done(&staged->reinit));
    write_indices(&staged->removed, &value);
    size_t mark = mls_write_open(&value);
    write_tree(epoch, group->suite->hash_bytes, &value);
    mls_write_close(&value, mark);
    mark = mls_write_open(&value);
    write_secrets(group, epoch, MLS_STORE_NEW, &value);
    mls_write_close(&value, mark);
    mls_write_bytes(
        &value, slice_of(epoch->secret_tree->node_secrets[mls_node_root(epoch->tree->leaf_width)],
                         MLS_HASH_MAX_BYTES));
    put(transaction, MLS_RECORD_STAGED, 0, 0, &value);
}

void mls_erase_staged(struct mls_transaction *transaction, const struct mls_group *before)
{
    if (transaction->storage != NULL && before->own != NULL) {
        erase(transaction, MLS_RECORD_STAGED, 0, 0);
    }
}

/* -- the whole -- */

void mls_store_group(struct mls_transaction *transaction)
{
    const struct mls_group *group = transaction->group;
    if (transaction->storage == NULL) {
        return;
    }
    mls_store_meta(transaction);
    for (size_t i = 0; i < group->past_count; i++) {
        store_tree(transaction, group->past[i]);
        store_secrets(transaction, group->past[i], MLS_STORE_PAST);
        mls_store_secret_tree(transaction, group->past[i]);
    }
    store_tree(transaction, group->current);
    store_secrets(transaction, group->current,
                  group->state == MLS_GROUP_REMOVED ? MLS_STORE_PUBLIC : MLS_STORE_NEW);
    mls_store_secret_tree(transaction, group->current);
    for (size_t i = 0; i < group->pending_count; i++) {
        mls_store_pending(transaction, &group->pending[i], i);
    }
    if (group->own != NULL) {
        mls_store_staged(transaction, group->own);
    }
}

/* A blob is the records one after another, behind a version. */
struct blob_storage {
    struct mls_storage storage;
    struct mls_buffer *out;
};

static bool blob_begin(struct mls_storage *storage)
{
    struct blob_storage *blob = (struct blob_storage *)storage;
    mls_write_u16(blob->out, MLS_STATE_VERSION);
    return true;
}

static bool blob_put(struct mls_storage *storage, struct slice key, struct slice value)
{
    struct blob_storage *blob = (struct blob_storage *)storage;
    mls_write_vector(blob->out, key);
    mls_write_vector(blob->out, value);
    return !blob->out->failed;
}

static bool blob_erase(struct mls_storage *storage, struct slice key)
{
    (void)storage;
    (void)key;
    return false;
}

/* An empty key ends it: a blob that was cut between two records must not pass for a whole one. */
static bool blob_commit(struct mls_storage *storage)
{
    struct blob_storage *blob = (struct blob_storage *)storage;
    mls_write_vector(blob->out, slice_of(NULL, 0));
    return !blob->out->failed;
}

static bool blob_ok(struct mls_storage *storage)
{
    (void)storage;
    return true;
}

static void blob_abandon(struct mls_storage *storage)
{
    (void)storage;
}

enum mls_error mls_group_save(const struct mls_group *group, struct mls_buffer *out)
{
    struct blob_storage blob = {
        .storage = {.begin = blob_begin,
                    .put = blob_put,
                    .erase = blob_erase,
                    .commit = blob_commit,
                    .abandon = blob_abandon,
                    .erase_all = blob_ok},
        .out = out,
    };
    *out = mls_buffer_of(group->memory);
    struct mls_group view = *group;
    view.storage = &blob.storage;
    struct mls_transaction transaction;
    mls_transaction_begin(&transaction, &view);
    mls_store_group(&transaction);
    enum mls_error error = mls_transaction_end(&transaction, MLS_OK);
    if (error != MLS_OK) {
        mls_buffer_clear(out);
        return MLS_ERR_NO_MEMORY;
    }
    return MLS_OK;
}
