/* The records of a group, as they are written; state.h names them, restore.c reads them. */
#include "client/mls/state.h"

#include <sodium.h>

#include "base/assert.h"

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
    mls_write_vector(&value, mls_buffer_done(&group->reinit));
    mls_write_vector(&value, mls_buffer_done(&group->closer));
    mls_transaction_put(transaction, (struct mls_record_id){.kind = MLS_RECORD_META}, &value);
}

/* -- the tree -- */

static void store_tree_node(struct mls_transaction *transaction, uint32_t node,
                            const struct mls_tree_node *content)
{
    struct mls_record_id id = {.kind = MLS_RECORD_TREE, .index = node};
    if (content == NULL) {
        mls_transaction_erase(transaction, id);
        return;
    }
    struct mls_buffer value = mls_buffer_of(transaction->group->memory);
    mls_tree_encode_node(content, &value);
    mls_transaction_put(transaction, id, &value);
}

/* Trees share the nodes that are the same in both. `before` may be NULL. */
static bool next_change(const struct mls_tree *before, const struct mls_tree *after, uint32_t *node)
{
    uint32_t count = mls_node_count(after->leaf_width);
    if (before != NULL && mls_node_count(before->leaf_width) > count) {
        count = mls_node_count(before->leaf_width);
    }
    while (*node < count && (before == NULL ? NULL : mls_tree_node_at(before, *node)) ==
                                mls_tree_node_at(after, *node)) {
        (*node)++;
    }
    return *node < count;
}

void mls_store_tree(struct mls_transaction *transaction, const struct mls_tree *before,
                    const struct mls_tree *after)
{
    for (uint32_t node = 0; transaction->storage != NULL && next_change(before, after, &node);
         node++) {
        store_tree_node(transaction, node, mls_tree_node_at(after, node));
    }
}

static void write_tree_changes(const struct mls_tree *before, const struct mls_tree *after,
                               struct mls_buffer *out)
{
    size_t mark = mls_write_open(out);
    for (uint32_t node = 0; next_change(before, after, &node); node++) {
        const struct mls_tree_node *content = mls_tree_node_at(after, node);
        mls_write_u32(out, node);
        mls_write_u8(out, content != NULL);
        if (content != NULL) {
            mls_tree_encode_node(content, out);
        }
    }
    mls_write_close(out, mark);
}

/* -- an epoch -- */

static void write_indices(const struct mls_index_list *list, struct mls_buffer *out)
{
    size_t mark = mls_write_open(out);
    for (uint32_t i = 0; i < list->count; i++) {
        mls_write_u32(out, list->items[i]);
    }
    mls_write_close(out, mark);
}

static void write_keys(const struct mls_group *group, const struct mls_epoch *epoch,
                       struct mls_buffer *out)
{
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

static void write_epoch(const struct mls_group *group, const struct mls_epoch *epoch,
                        enum mls_store_mode mode, struct mls_buffer *out)
{
    uint32_t width = epoch->tree == NULL ? epoch->secret_tree->leaf_width : epoch->tree->leaf_width;
    mls_write_u8(out, (uint8_t)mode);
    mls_write_u32(out, epoch->own_leaf);
    mls_write_u32(out, width);
    mls_write_vector(out, epoch->context.encoded);
    if (mode == MLS_STORE_PAST) {
        mls_write_bytes(out, slice_of(mls_epoch_sender_data(epoch), MLS_HASH_MAX_BYTES));
        write_indices(&epoch->removed, out);
        mls_write_vector(out, mls_buffer_done(&epoch->signers));
        return;
    }
    mls_write_vector(out, slice_of(epoch->interim, group->suite->hash_bytes));
    if (mode == MLS_STORE_NEW) {
        write_keys(group, epoch, out);
    } else {
        mls_write_u8(out, epoch->secret_tree != NULL);
        mls_write_bytes(out, slice_of(epoch->secrets->sender_data, MLS_HASH_MAX_BYTES));
    }
}

void mls_store_epoch(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                     enum mls_store_mode mode)
{
    if (transaction->storage == NULL) {
        return;
    }
    struct mls_buffer value = mls_buffer_of(transaction->group->memory);
    write_epoch(transaction->group, epoch, mode, &value);
    mls_transaction_put(
        transaction,
        (struct mls_record_id){.kind = MLS_RECORD_EPOCH, .epoch = epoch->context.epoch}, &value);
}

/* -- pre-shared keys -- */

void mls_store_resumption(struct mls_transaction *transaction, uint64_t epoch, const uint8_t *psk)
{
    const struct mls_group *group = transaction->group;
    if (transaction->storage == NULL) {
        return;
    }
    struct mls_buffer value = mls_buffer_of(group->memory);
    mls_write_u64(&value, epoch);
    mls_write_bytes(&value, slice_of(psk, group->suite->hash_bytes));
    mls_transaction_put(transaction, mls_resumption_record(epoch), &value);
}

void mls_store_psk(struct mls_transaction *transaction, size_t index)
{
    const struct mls_group *group = transaction->group;
    if (transaction->storage == NULL) {
        return;
    }
    COLUMBA_ASSERT(index < group->psk_count);
    const struct mls_known_psk *psk = &group->psks[index];
    struct mls_buffer value = mls_buffer_of(group->memory);
    mls_write_vector(&value, mls_buffer_done(&psk->id));
    mls_write_vector(&value, slice_of(psk->secret, psk->size));
    mls_transaction_put(transaction,
                        (struct mls_record_id){.kind = MLS_RECORD_PSK, .index = (uint32_t)index},
                        &value);
}

void mls_erase_psk(struct mls_transaction *transaction, size_t index)
{
    if (transaction->storage != NULL) {
        mls_transaction_erase(
            transaction, (struct mls_record_id){.kind = MLS_RECORD_PSK, .index = (uint32_t)index});
    }
}

/* -- the secret tree -- */

static struct mls_record_id node_id(const struct mls_epoch *epoch, uint32_t node)
{
    return (struct mls_record_id){
        .kind = MLS_RECORD_NODE, .epoch = epoch->context.epoch, .index = node};
}

static struct mls_record_id ratchet_id(const struct mls_epoch *epoch, uint32_t leaf,
                                       enum mls_ratchet_kind ratchet)
{
    return (struct mls_record_id){.kind = MLS_RECORD_RATCHET,
                                  .epoch = epoch->context.epoch,
                                  .index = leaf,
                                  .ratchet = ratchet};
}

static struct mls_record_id skipped_id(const struct mls_epoch *epoch, uint32_t leaf,
                                       enum mls_ratchet_kind ratchet, uint32_t generation)
{
    struct mls_record_id id = ratchet_id(epoch, leaf, ratchet);
    id.kind = MLS_RECORD_SKIPPED;
    id.generation = generation;
    return id;
}

static void store_node(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                       uint32_t node, const uint8_t *secret)
{
    struct mls_buffer value = mls_buffer_of(transaction->group->memory);
    mls_write_bytes(&value, slice_of(secret, MLS_HASH_MAX_BYTES));
    mls_transaction_put(transaction, node_id(epoch, node), &value);
}

static void store_ratchet(struct mls_transaction *transaction, struct mls_record_id id,
                          const struct mls_ratchet *ratchet)
{
    struct mls_buffer value = mls_buffer_of(transaction->group->memory);
    mls_write_u32(&value, ratchet->generation);
    mls_write_u8(&value, ratchet->exhausted);
    mls_write_bytes(&value, slice_of(ratchet->secret, MLS_HASH_MAX_BYTES));
    mls_transaction_put(transaction, id, &value);
}

/* The kept keys of a ratchet; its head may be another's. */
static void store_skipped(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                          uint32_t leaf, enum mls_ratchet_kind kind,
                          const struct mls_ratchet *ratchet)
{
    for (uint32_t i = 0; i < ratchet->skipped_count; i++) {
        const struct mls_skipped_key *skipped = &ratchet->skipped[i];
        struct mls_buffer value = mls_buffer_of(transaction->group->memory);
        mls_write_bytes(&value, slice_of(skipped->key_nonce, MLS_MESSAGE_KEY_BYTES));
        mls_transaction_put(transaction, skipped_id(epoch, leaf, kind, skipped->generation),
                            &value);
    }
}

/* The way down to a sender that is met for the first time, and its other ratchet. */
static void store_descent(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                          const struct mls_secret_step *step)
{
    mls_transaction_erase(transaction, node_id(epoch, step->top));
    for (uint32_t level = 0; level < MLS_DEPTH_MAX; level++) {
        if (step->copath[level] != NULL) {
            store_node(transaction, epoch, mls_node_sibling(mls_node_at_level(step->leaf, level)),
                       step->copath[level]);
        }
    }
    for (int kind = 0; kind < MLS_RATCHET_KINDS; kind++) {
        if (kind != (int)step->kind) {
            store_ratchet(transaction, ratchet_id(epoch, step->leaf, (enum mls_ratchet_kind)kind),
                          &step->fresh->ratchet[kind]);
        }
    }
}

/* How many of the kept keys, the oldest, a step forward gives up. */
static uint32_t count_leaving(const struct mls_ratchet *ratchet, const struct mls_ratchet *next)
{
    uint32_t all = ratchet->skipped_count + next->skipped_count;
    return next->skipped != NULL && all > next->skipped_room ? all - next->skipped_room : 0;
}

void mls_store_step(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                    const struct mls_secret_step *step)
{
    const struct mls_sender_ratchets *sender = epoch->secret_tree->senders[step->leaf];
    if (transaction->storage == NULL) {
        return;
    }
    if (step->was_skipped) {
        mls_transaction_erase(transaction,
                              skipped_id(epoch, step->leaf, step->kind, step->generation));
        return;
    }
    if (step->fresh != NULL) {
        sender = step->fresh;
        store_descent(transaction, epoch, step);
    }
    const struct mls_ratchet *ratchet = &sender->ratchet[step->kind];
    uint32_t leaving = count_leaving(ratchet, &step->next);
    for (uint32_t i = 0; i < leaving; i++) {
        mls_transaction_erase(
            transaction, skipped_id(epoch, step->leaf, step->kind, ratchet->skipped[i].generation));
    }
    store_ratchet(transaction, ratchet_id(epoch, step->leaf, step->kind), &step->next);
    store_skipped(transaction, epoch, step->leaf, step->kind, &step->next);
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
        for (int kind = 0; kind < MLS_RATCHET_KINDS && tree->senders[i] != NULL; kind++) {
            const struct mls_ratchet *ratchet = &tree->senders[i]->ratchet[kind];
            store_ratchet(transaction, ratchet_id(epoch, i, (enum mls_ratchet_kind)kind), ratchet);
            store_skipped(transaction, epoch, i, (enum mls_ratchet_kind)kind, ratchet);
        }
    }
}

static void erase_ratchet(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                          uint32_t leaf, enum mls_ratchet_kind kind)
{
    const struct mls_ratchet *ratchet = &epoch->secret_tree->senders[leaf]->ratchet[kind];
    for (uint32_t i = 0; i < ratchet->skipped_count; i++) {
        mls_transaction_erase(transaction,
                              skipped_id(epoch, leaf, kind, ratchet->skipped[i].generation));
    }
    mls_transaction_erase(transaction, ratchet_id(epoch, leaf, kind));
}

static void erase_secret_tree(struct mls_transaction *transaction, const struct mls_epoch *epoch)
{
    const struct mls_secret_tree *tree = epoch->secret_tree;
    for (uint32_t i = 0; i < mls_node_count(tree->leaf_width); i++) {
        if (tree->node_secrets[i] != NULL) {
            mls_transaction_erase(transaction, node_id(epoch, i));
        }
    }
    for (uint32_t i = 0; i < tree->leaf_width; i++) {
        for (int kind = 0; kind < MLS_RATCHET_KINDS && tree->senders[i] != NULL; kind++) {
            erase_ratchet(transaction, epoch, i, (enum mls_ratchet_kind)kind);
        }
    }
}

void mls_erase_epoch(struct mls_transaction *transaction, const struct mls_epoch *epoch)
{
    if (transaction->storage == NULL) {
        return;
    }
    erase_secret_tree(transaction, epoch);
    mls_transaction_erase(transaction, (struct mls_record_id){.kind = MLS_RECORD_EPOCH,
                                                              .epoch = epoch->context.epoch});
}

/* -- proposals and the staged commit -- */

static struct mls_record_id pending_id(size_t index)
{
    return (struct mls_record_id){.kind = MLS_RECORD_PENDING, .index = (uint32_t)index};
}

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
    mls_write_u8(&value, pending->is_aside);
    mls_transaction_put(transaction, pending_id(index), &value);
}

void mls_erase_pending(struct mls_transaction *transaction, const struct mls_group *before)
{
    for (size_t i = 0; i < before->pending_count && transaction->storage != NULL; i++) {
        mls_transaction_erase(transaction, pending_id(i));
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
    mls_write_bytes(&value, slice_of(staged->hash, MLS_HASH_MAX_BYTES));
    mls_write_u32(&value, staged->committer);
    mls_write_u8(&value, staged->has_path);
    mls_write_u32(&value, staged->proposal_count);
    mls_write_vector(&value, mls_buffer_done(&staged->proposals));
    mls_write_vector(&value, mls_buffer_done(&staged->closer));
    write_tree_changes(group->current->tree, epoch->tree, &value);
    size_t mark = mls_write_open(&value);
    write_epoch(group, epoch, MLS_STORE_NEW, &value);
    mls_write_close(&value, mark);
    mls_write_bytes(
        &value, slice_of(epoch->secret_tree->node_secrets[mls_node_root(epoch->tree->leaf_width)],
                         MLS_HASH_MAX_BYTES));
    mls_transaction_put(transaction, (struct mls_record_id){.kind = MLS_RECORD_STAGED}, &value);
}

void mls_erase_staged(struct mls_transaction *transaction, const struct mls_group *before)
{
    if (transaction->storage != NULL && before->own != NULL) {
        mls_transaction_erase(transaction, (struct mls_record_id){.kind = MLS_RECORD_STAGED});
    }
}

/* -- the whole -- */

/* The resumption keys that are kept, oldest first, wherever `source` has them. */
static enum mls_error store_ring(struct mls_transaction *transaction,
                                 const struct mls_group *source)
{
    const struct mls_group *group = transaction->group;
    uint64_t current = group->current->context.epoch;
    uint64_t first = current < MLS_RESUMPTION_EPOCHS_MAX ? 0 : current - MLS_RESUMPTION_EPOCHS_MAX;
    enum mls_error error = MLS_OK;
    for (uint64_t epoch = first; epoch < current && error == MLS_OK; epoch++) {
        uint8_t psk[MLS_HASH_MAX_BYTES];
        bool found = false;
        error = mls_resumption_find(source, epoch, psk, &found);
        if (found) {
            mls_store_resumption(transaction, epoch, psk);
        }
        sodium_memzero(psk, sizeof(psk));
    }
    return error;
}

enum mls_error mls_store_group(struct mls_transaction *transaction, const struct mls_group *source)
{
    const struct mls_group *group = transaction->group;
    if (transaction->storage == NULL) {
        return MLS_OK;
    }
    mls_store_meta(transaction);
    if (group->inviter.size > 0) {
        struct mls_buffer inviter = mls_buffer_of(group->memory);
        mls_write_bytes(&inviter, mls_buffer_done(&group->inviter));
        mls_transaction_put(transaction, (struct mls_record_id){.kind = MLS_RECORD_INVITER},
                            &inviter);
    }
    mls_store_tree(transaction, NULL, group->current->tree);
    for (size_t i = 0; i < group->past_count; i++) {
        mls_store_epoch(transaction, group->past[i], MLS_STORE_PAST);
        mls_store_secret_tree(transaction, group->past[i]);
    }
    mls_store_epoch(transaction, group->current,
                    group->state == MLS_GROUP_REMOVED ? MLS_STORE_CLOSED : MLS_STORE_NEW);
    mls_store_secret_tree(transaction, group->current);
    for (size_t i = 0; i < group->psk_count; i++) {
        mls_store_psk(transaction, i);
    }
    for (size_t i = 0; i < group->pending_count; i++) {
        mls_store_pending(transaction, &group->pending[i], i);
    }
    if (group->own != NULL) {
        mls_store_staged(transaction, group->own);
    }
    return store_ring(transaction, source);
}
