/*
 * A whole group as one blob: a version, then its records one after another, then a mark. A group
 * that is loaded from one moves into its storage.
 */
#include "client/mls/state.h"

/* A storage that writes all it is given into the blob. */
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
                    .erase_all = blob_ok,
                    .writer = group->writer},
        .out = out,
    };
    *out = mls_buffer_of(group->memory);
    struct mls_group view = *group;
    view.storage = &blob.storage;
    struct mls_transaction transaction;
    mls_transaction_begin(&transaction, &view);
    enum mls_error error = mls_store_group(&transaction, group);
    bool told = error != MLS_OK;
    error = mls_transaction_end(&transaction, error);
    if (error != MLS_OK) {
        mls_buffer_clear(out);
        return told ? error : MLS_ERR_NO_MEMORY;
    }
    return MLS_OK;
}

/* Up to the empty key behind the last. */
static size_t count_records(struct reader reader)
{
    size_t count = 0;
    while (mls_read_vector(&reader).size > 0) {
        (void)mls_read_vector(&reader);
        count++;
    }
    return count;
}

/* A group that came from elsewhere moves into its storage. */
static enum mls_error move_in(struct mls_group *group, struct mls_storage *storage)
{
    struct mls_outcome outcome = {.call = MLS_CALL_LOAD};
    group->storage = storage;
    return mls_group_store_all(group, &outcome);
}

enum mls_error mls_group_load(struct mls_identity *identity, struct slice blob,
                              struct mls_storage *storage, struct mls_group **out)
{
    struct mls_group *group = NULL;
    struct memory *memory = identity->environment.memory;
    *out = NULL;
    struct reader reader = reader_of(blob);
    uint16_t version = reader_u16(&reader);
    if (reader.failed) {
        return MLS_ERR_STATE_MALFORMED;
    }
    if (version != MLS_STATE_VERSION) {
        return MLS_ERR_STATE_VERSION;
    }
    size_t count = count_records(reader);
    struct mls_record *records = memory_allocate(memory, (count + 1) * sizeof(*records));
    if (records == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        records[i].key = mls_read_vector(&reader);
        records[i].value = mls_read_vector(&reader);
    }
    bool ended = mls_read_vector(&reader).size == 0 && reader_is_done(&reader);
    enum mls_error error =
        ended ? mls_group_restore(identity, records, count, NULL, &group) : MLS_ERR_STATE_MALFORMED;
    memory_release(memory, records);
    if (error == MLS_OK) {
        error = move_in(group, storage);
    }
    if (error != MLS_OK) {
        mls_group_destroy(group);
        return error;
    }
    *out = group;
    return MLS_OK;
}
