/*
 * One call's changes of a group's records, in one transaction of the storage. A failure is noted
 * and told at the end.
 */
#include "client/mls/state.h"

void mls_transaction_begin(struct mls_transaction *transaction, struct mls_group *group)
{
    *transaction = (struct mls_transaction){.group = group, .storage = group->storage};
    transaction->outcome = (struct mls_outcome){
        .group_id = group->current->context.group_id,
        .epoch = group->current->context.epoch,
    };
    if (transaction->storage == NULL) {
        return;
    }
    transaction->is_replaced = transaction->storage->writer != group->writer;
    transaction->failed =
        transaction->is_replaced || !transaction->storage->begin(transaction->storage);
}

enum mls_error mls_transaction_end(struct mls_transaction *transaction, enum mls_error error)
{
    struct mls_storage *storage = transaction->storage;
    if (storage == NULL) {
        return error;
    }
    if (transaction->is_replaced) {
        return error == MLS_OK ? MLS_ERR_REPLACED : error;
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

void mls_transaction_put(struct mls_transaction *transaction, struct mls_record_id id,
                         struct mls_buffer *value)
{
    struct mls_record_name name;
    struct mls_storage *storage = transaction->storage;
    if (value->failed) {
        transaction->no_memory = true;
    } else if (!transaction->failed && !transaction->no_memory &&
               !storage->put(storage, mls_record_key(id, &name), mls_buffer_done(value))) {
        transaction->failed = true;
    }
    mls_buffer_clear(value);
}

void mls_transaction_erase(struct mls_transaction *transaction, struct mls_record_id id)
{
    struct mls_record_name name;
    struct mls_storage *storage = transaction->storage;
    if (!transaction->failed && !transaction->no_memory &&
        !storage->erase(storage, mls_record_key(id, &name))) {
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
