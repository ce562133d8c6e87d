/*
 * A group from its records (state.c names them). Records come in any order, so they are looked up:
 * first G, which says what epochs there are, then T and K of each, then all N and R, P and S.
 *
 * What is read was written by us and kept safe by the caller; damage is still found, not trusted.
 */
#include <sodium.h>
#include <stdlib.h>

#include "base/assert.h"
#include "client/mls/state.h"
#include "client/mls/tree_hash.h"

struct restorer {
    struct mls_group *group;
    const struct mls_record *records;
    size_t count;
};

static bool find_record(const struct restorer *from, enum mls_record_kind kind, uint64_t epoch,
                        uint32_t index, struct slice *out)
{
    struct mls_record_name name;
    struct slice key = mls_record_key(kind, epoch, index, &name);
    for (size_t i = 0; i < from->count; i++) {
        if (slice_equal(from->records[i].key, key)) {
            *out = from->records[i].value;
            return true;
        }
    }
    return false;
}

/* -- an epoch: T and K -- */

static enum mls_error read_tree(struct mls_group *group, struct slice value,
                                struct mls_epoch *epoch)
{
    uint8_t hash_key[16];
    struct reader reader = reader_of(value);
    struct slice context = mls_read_vector(&reader);
    struct slice interim = mls_read_vector(&reader);
    struct slice tree = slice_of(reader.at, reader_left(&reader));
    if (reader.failed || interim.size != group->suite->hash_bytes) {
        return MLS_ERR_STATE_MALFORMED;
    }
    memcpy(epoch->interim, interim.data, interim.size);
    mls_write_bytes(&epoch->context_bytes, context);
    if (epoch->context_bytes.failed) {
        return MLS_ERR_NO_MEMORY;
    }
    struct reader inner = reader_of(mls_buffer_done(&epoch->context_bytes));
    mls_read_group_context(&inner, &epoch->context);
    if (!reader_is_done(&inner) || epoch->context.suite != group->suite->id) {
        return MLS_ERR_STATE_MALFORMED;
    }
    mls_environment_random(&group->environment, hash_key, sizeof(hash_key));
    enum mls_error error =
        mls_tree_decode(group->memory, group->suite, hash_key, tree, &epoch->tree);
    if (error == MLS_ERR_NO_MEMORY) {
        return error;
    }
    if (error != MLS_OK ||
        !slice_equal(epoch->context.tree_hash,
                     slice_of(mls_tree_root_hash(epoch->tree), group->suite->hash_bytes))) {
        return MLS_ERR_STATE_MALFORMED;
    }
    return MLS_OK;
}

/* In ascending order, as they are searched. */
static enum mls_error read_indices(struct slice list, struct mls_index_list *out)
{
    struct reader reader = reader_of(list);
    while (reader_left(&reader) > 0) {
        uint32_t index = reader_u32(&reader);
        if (reader.failed || (out->count > 0 && out->items[out->count - 1] >= index)) {
            return MLS_ERR_STATE_MALFORMED;
        }
        if (!mls_index_list_append(out, index)) {
            return MLS_ERR_NO_MEMORY;
        }
    }
    return MLS_OK;
}

static enum mls_error read_keys(struct mls_group *group, struct slice list, struct mls_epoch *epoch)
{
    struct reader reader = reader_of(list);
    while (reader_left(&reader) > 0) {
        uint8_t level = reader_u8(&reader);
        struct slice key = mls_read_vector(&reader);
        if (reader.failed || level > MLS_DEPTH_MAX || key.size != group->suite->kem_private_bytes) {
            return MLS_ERR_STATE_MALFORMED;
        }
        enum mls_error error = mls_epoch_put_key(group, epoch, level, key.data);
        if (error != MLS_OK) {
            return error;
        }
    }
    return MLS_OK;
}

static enum mls_error read_secrets(struct mls_group *group, struct slice value,
                                   struct mls_epoch *epoch)
{
    struct reader reader = reader_of(value);
    uint8_t mode = reader_u8(&reader);
    epoch->own_leaf = reader_u32(&reader);
    enum mls_error error = MLS_OK;
    if (mode == MLS_STORE_NEW) {
        struct slice secrets = reader_bytes(&reader, sizeof(*epoch->secrets));
        struct slice keys = mls_read_vector(&reader);
        if (reader.failed) {
            return MLS_ERR_STATE_MALFORMED;
        }
        memcpy(epoch->secrets, secrets.data, secrets.size);
        error = read_keys(group, keys, epoch);
    } else if (mode == MLS_STORE_PAST) {
        struct slice secret = reader_bytes(&reader, MLS_HASH_MAX_BYTES);
        struct slice removed = mls_read_vector(&reader);
        if (reader.failed) {
            return MLS_ERR_STATE_MALFORMED;
        }
        memcpy(epoch->secrets->sender_data, secret.data, secret.size);
        error = read_indices(removed, &epoch->removed);
    } else if (mode != MLS_STORE_PUBLIC) {
        return MLS_ERR_STATE_MALFORMED;
    }
    return error == MLS_OK && !reader_is_done(&reader) ? MLS_ERR_STATE_MALFORMED : error;
}

static enum mls_error read_epoch(struct mls_group *group, struct slice tree, struct slice secrets,
                                 struct mls_epoch **out)
{
    struct mls_epoch *epoch = mls_epoch_create(group);
    if (epoch == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = read_tree(group, tree, epoch);
    if (error == MLS_OK) {
        error = read_secrets(group, secrets, epoch);
    }
    if (error == MLS_OK && group->state != MLS_GROUP_REMOVED) {
        error = mls_secret_tree_create_empty(group->memory, &group->pool, group->suite,
                                             epoch->tree->leaf_width, &epoch->secret_tree);
    }
    if (error == MLS_OK && mls_tree_leaf(epoch->tree, epoch->own_leaf) == NULL) {
        error = MLS_ERR_STATE_MALFORMED;
    }
    if (error != MLS_OK) {
        mls_epoch_destroy(group, epoch);
        return error;
    }
    *out = epoch;
    return MLS_OK;
}

static enum mls_error find_epoch(struct restorer *from, uint64_t number, struct mls_epoch **out)
{
    struct slice tree;
    struct slice secrets;
    if (!find_record(from, MLS_RECORD_TREE, number, 0, &tree) ||
        !find_record(from, MLS_RECORD_SECRETS, number, 0, &secrets)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    enum mls_error error = read_epoch(from->group, tree, secrets, out);
    if (error == MLS_OK && (*out)->context.epoch != number) {
        mls_epoch_destroy(from->group, *out);
        *out = NULL;
        error = MLS_ERR_STATE_MALFORMED;
    }
    return error;
}

/* -- G -- */

static enum mls_error read_resumptions(struct mls_group *group, struct slice list)
{
    struct reader reader = reader_of(list);
    while (reader_left(&reader) > 0) {
        uint64_t epoch = reader_u64(&reader);
        struct slice psk = mls_read_vector(&reader);
        if (reader.failed || psk.size != group->suite->hash_bytes ||
            group->resumption_count == MLS_RESUMPTION_EPOCHS_MAX) {
            return MLS_ERR_STATE_MALFORMED;
        }
        uint8_t *copy = mls_secret_take_copy(&group->pool, psk.data, psk.size);
        if (copy == NULL) {
            return MLS_ERR_NO_MEMORY;
        }
        (void)mls_group_push_resumption(group, epoch, copy);
    }
    return MLS_OK;
}

static enum mls_error read_psks(struct mls_group *group, struct slice list)
{
    struct reader reader = reader_of(list);
    while (reader_left(&reader) > 0) {
        struct mls_psk psk = {.id = mls_read_vector(&reader)};
        psk.secret = mls_read_vector(&reader);
        if (reader.failed) {
            return MLS_ERR_STATE_MALFORMED;
        }
        enum mls_error error = mls_group_put_psk(group, &psk);
        if (error != MLS_OK) {
            return error == MLS_ERR_NO_MEMORY ? error : MLS_ERR_STATE_MALFORMED;
        }
    }
    return MLS_OK;
}

static enum mls_error read_settings(struct mls_group *group, struct reader *reader)
{
    uint16_t version = reader_u16(reader);
    if (!reader->failed && version != MLS_STATE_VERSION) {
        return MLS_ERR_STATE_VERSION;
    }
    uint16_t suite = reader_u16(reader);
    uint8_t state = reader_u8(reader);
    group->padding_bytes = reader_u32(reader);
    group->past_max = reader_u8(reader);
    if (reader->failed || suite != group->suite->id || state > MLS_GROUP_REINITIALISED ||
        group->padding_bytes > MLS_PADDING_MAX_BYTES || group->past_max > MLS_PAST_EPOCHS_MAX) {
        return MLS_ERR_STATE_MALFORMED;
    }
    group->state = (enum mls_group_state)state;
    return MLS_OK;
}

static enum mls_error read_epochs(struct restorer *from, struct reader *reader)
{
    struct mls_group *group = from->group;
    uint64_t current = reader_u64(reader);
    uint8_t past = reader_u8(reader);
    if (reader->failed || past > MLS_PAST_EPOCHS_MAX) {
        return MLS_ERR_STATE_MALFORMED;
    }
    enum mls_error error = find_epoch(from, current, &group->current);
    for (uint8_t i = 0; i < past && error == MLS_OK; i++) {
        error = find_epoch(from, reader_u64(reader), &group->past[i]);
        group->past_count += error == MLS_OK;
    }
    return error;
}

static enum mls_error read_meta(struct restorer *from, struct slice value)
{
    struct reader reader = reader_of(value);
    enum mls_error error = read_settings(from->group, &reader);
    if (error == MLS_OK) {
        error = read_epochs(from, &reader);
    }
    struct slice resumptions = mls_read_vector(&reader);
    struct slice psks = mls_read_vector(&reader);
    mls_write_bytes(&from->group->reinit, mls_read_vector(&reader));
    if (error == MLS_OK && !reader_is_done(&reader)) {
        error = MLS_ERR_STATE_MALFORMED;
    }
    if (error == MLS_OK && from->group->reinit.failed) {
        error = MLS_ERR_NO_MEMORY;
    }
    if (error == MLS_OK) {
        error = read_resumptions(from->group, resumptions);
    }
    return error == MLS_OK ? read_psks(from->group, psks) : error;
}

/* -- N and R -- */

static enum mls_error read_node(struct mls_epoch *epoch, uint32_t node, struct slice value)
{
    struct mls_secret_tree *tree = epoch->secret_tree;
    if (value.size != MLS_HASH_MAX_BYTES || node >= mls_node_count(tree->leaf_width) ||
        tree->node_secrets[node] != NULL) {
        return MLS_ERR_STATE_MALFORMED;
    }
    return mls_secret_tree_put_node(tree, node, value.data);
}

static enum mls_error read_skipped(struct mls_group *group, struct slice list,
                                   struct mls_ratchet *out)
{
    size_t entry = 4 + MLS_MESSAGE_KEY_BYTES;
    size_t count = list.size / entry;
    if (list.size % entry != 0 || count > MLS_OUT_OF_ORDER_MAX) {
        return MLS_ERR_STATE_MALFORMED;
    }
    if (count == 0) {
        return MLS_OK;
    }
    out->skipped = memory_allocate(group->memory, count * sizeof(*out->skipped));
    if (out->skipped == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    out->skipped_room = (uint32_t)count;
    struct reader reader = reader_of(list);
    while (reader_left(&reader) > 0) {
        uint32_t generation = reader_u32(&reader);
        struct slice key = reader_bytes(&reader, MLS_MESSAGE_KEY_BYTES);
        uint8_t *copy = mls_secret_take_copy(&group->pool, key.data, key.size);
        if (copy == NULL) {
            return MLS_ERR_NO_MEMORY;
        }
        out->skipped[out->skipped_count++] =
            (struct mls_skipped_key){.generation = generation, .key_nonce = copy};
    }
    return MLS_OK;
}

static enum mls_error read_ratchet(struct mls_group *group, struct reader *reader,
                                   struct mls_ratchet *out)
{
    out->generation = reader_u32(reader);
    out->exhausted = mls_read_optional(reader);
    struct slice secret = reader_bytes(reader, MLS_HASH_MAX_BYTES);
    struct slice skipped = mls_read_vector(reader);
    if (reader->failed) {
        return MLS_ERR_STATE_MALFORMED;
    }
    out->secret = mls_secret_take_copy(&group->pool, secret.data, secret.size);
    return out->secret == NULL ? MLS_ERR_NO_MEMORY : read_skipped(group, skipped, out);
}

static enum mls_error read_ratchets(struct mls_group *group, struct mls_epoch *epoch, uint32_t leaf,
                                    struct slice value)
{
    struct mls_secret_tree *tree = epoch->secret_tree;
    struct reader reader = reader_of(value);
    if (leaf >= tree->leaf_width || tree->senders[leaf] != NULL) {
        return MLS_ERR_STATE_MALFORMED;
    }
    struct mls_sender_ratchets *sender = memory_allocate_zero(group->memory, sizeof(*sender));
    if (sender == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = MLS_OK;
    for (size_t kind = 0; kind < MLS_RATCHET_KINDS && error == MLS_OK; kind++) {
        error = read_ratchet(group, &reader, &sender->ratchet[kind]);
    }
    if (error == MLS_OK && !reader_is_done(&reader)) {
        error = MLS_ERR_STATE_MALFORMED;
    }
    if (error != MLS_OK) {
        mls_sender_ratchets_destroy(group->memory, &group->pool, sender);
        return error;
    }
    mls_secret_tree_put_sender(tree, leaf, sender);
    return MLS_OK;
}

static enum mls_error read_secret_trees(struct restorer *from)
{
    struct mls_group *group = from->group;
    enum mls_error error = MLS_OK;
    for (size_t i = 0; i < from->count && error == MLS_OK; i++) {
        struct reader key = reader_of(from->records[i].key);
        uint8_t kind = reader_u8(&key);
        if (kind != MLS_RECORD_NODE && kind != MLS_RECORD_RATCHETS) {
            continue;
        }
        uint64_t number = reader_u64(&key);
        uint32_t index = reader_u32(&key);
        struct mls_epoch *epoch = mls_group_find_epoch(group, number);
        if (!reader_is_done(&key) || epoch == NULL || epoch->secret_tree == NULL) {
            return MLS_ERR_STATE_MALFORMED;
        }
        error = kind == MLS_RECORD_NODE
                    ? read_node(epoch, index, from->records[i].value)
                    : read_ratchets(group, epoch, index, from->records[i].value);
    }
    return error;
}

/* -- P and S -- */

static enum mls_error read_proposal(struct mls_group *group, struct slice value)
{
    struct mls_pending pending;
    struct reader reader = reader_of(value);
    struct slice authenticated = mls_read_vector(&reader);
    struct slice key = mls_read_vector(&reader);
    if (!reader_is_done(&reader) ||
        (key.size != 0 && key.size != group->suite->kem_private_bytes)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    enum mls_error error = mls_group_prepare_pending(group, authenticated, &pending);
    if (error != MLS_OK) {
        return error;
    }
    if (key.size > 0) {
        pending.update_private = mls_secret_take_copy(&group->pool, key.data, key.size);
        if (pending.update_private == NULL) {
            mls_buffer_clear(&pending.authenticated);
            return MLS_ERR_NO_MEMORY;
        }
    }
    mls_group_append_pending(group, &pending);
    return MLS_OK;
}

/* Their order counts, and is the records' index: a list of values by index. */
static enum mls_error read_proposals(struct restorer *from)
{
    struct slice *values =
        memory_allocate_zero(from->group->memory, MLS_PROPOSALS_MAX * sizeof(*values));
    uint32_t count = 0;
    enum mls_error error = MLS_OK;
    if (values == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < from->count && error == MLS_OK; i++) {
        struct reader key = reader_of(from->records[i].key);
        if (reader_u8(&key) != MLS_RECORD_PENDING) {
            continue;
        }
        uint32_t index = reader_u32(&key);
        if (!reader_is_done(&key) || index >= MLS_PROPOSALS_MAX || values[index].data != NULL) {
            error = MLS_ERR_STATE_MALFORMED;
        } else {
            values[index] = from->records[i].value;
            count++;
        }
    }
    for (uint32_t i = 0; i < count && error == MLS_OK; i++) {
        error = values[i].data == NULL ? MLS_ERR_STATE_MALFORMED
                                       : read_proposal(from->group, values[i]);
    }
    memory_release(from->group->memory, values);
    return error;
}

static enum mls_error read_staged(struct mls_group *group, struct slice value)
{
    struct reader reader = reader_of(value);
    struct slice reinit = mls_read_vector(&reader);
    struct slice removed = mls_read_vector(&reader);
    struct slice tree = mls_read_vector(&reader);
    struct slice secrets = mls_read_vector(&reader);
    struct slice root = reader_bytes(&reader, MLS_HASH_MAX_BYTES);
    if (!reader_is_done(&reader)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    group->own = memory_allocate_zero(group->memory, sizeof(*group->own));
    if (group->own == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    group->own->reinit = mls_buffer_of(group->memory);
    group->own->removed = mls_index_list_of(group->memory);
    mls_write_bytes(&group->own->reinit, reinit);
    enum mls_error error = read_indices(removed, &group->own->removed);
    if (error == MLS_OK) {
        error = read_epoch(group, tree, secrets, &group->own->epoch);
    }
    if (error == MLS_OK && group->own->reinit.failed) {
        error = MLS_ERR_NO_MEMORY;
    }
    if (error == MLS_OK && group->own->epoch->secret_tree == NULL) {
        error = MLS_ERR_STATE_MALFORMED;
    }
    if (error != MLS_OK) {
        return error;
    }
    return mls_secret_tree_put_node(group->own->epoch->secret_tree,
                                    mls_node_root(group->own->epoch->tree->leaf_width), root.data);
}

static enum mls_error restore(struct restorer *from)
{
    struct slice value;
    if (!find_record(from, MLS_RECORD_META, 0, 0, &value)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    enum mls_error error = read_meta(from, value);
    if (error == MLS_OK) {
        error = read_secret_trees(from);
    }
    if (error == MLS_OK) {
        error = read_proposals(from);
    }
    if (error == MLS_OK && find_record(from, MLS_RECORD_STAGED, 0, 0, &value)) {
        error = read_staged(from->group, value);
    }
    return error;
}

enum mls_error mls_group_restore(struct mls_identity *identity, const struct mls_record *records,
                                 size_t record_count, struct mls_storage *storage,
                                 struct mls_group **out)
{
    struct mls_group *group = mls_group_allocate(identity, storage);
    if (group == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    struct restorer from = {.group = group, .records = records, .count = record_count};
    enum mls_error error = restore(&from);
    if (error != MLS_OK) {
        mls_group_destroy(group);
        return error;
    }
    *out = group;
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
