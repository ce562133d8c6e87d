/*
 * A group from its records (state.h names them). They come in any order, so they are gone through
 * in passes: G, which says what epochs there are; the K of each; then T, N, R, E, P and, where no
 * storage keeps them, Z; then X, which belong to an R; and S, which changes the tree, last.
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
    struct slice *proposals; /* by index; those of `proposal_count` */
    struct slice *psks;
    size_t proposal_count;
    size_t psk_count;
};

static bool find_record(const struct restorer *from, struct mls_record_id id, struct slice *out)
{
    struct mls_record_name name;
    struct slice key = mls_record_key(id, &name);
    for (size_t i = 0; i < from->count; i++) {
        if (slice_equal(from->records[i].key, key)) {
            *out = from->records[i].value;
            return true;
        }
    }
    return false;
}

/* -- an epoch: K -- */

/* What all modes have at their start. */
struct epoch_head {
    uint8_t mode;
    uint32_t own_leaf;
    uint32_t leaf_width;
    struct slice context;
};

static enum mls_error read_head(struct reader *reader, struct epoch_head *out)
{
    out->mode = reader_u8(reader);
    out->own_leaf = reader_u32(reader);
    out->leaf_width = reader_u32(reader);
    out->context = mls_read_vector(reader);
    bool is_power = out->leaf_width > 0 && (out->leaf_width & (out->leaf_width - 1)) == 0;
    return reader->failed || !is_power || out->leaf_width > MLS_LEAVES_MAX ||
                   out->own_leaf >= out->leaf_width
               ? MLS_ERR_STATE_MALFORMED
               : MLS_OK;
}

static enum mls_error read_context(struct mls_group *group, struct slice context,
                                   struct mls_epoch *epoch)
{
    mls_write_bytes(&epoch->context_bytes, context);
    if (epoch->context_bytes.failed) {
        return MLS_ERR_NO_MEMORY;
    }
    struct reader inner = reader_of(mls_buffer_done(&epoch->context_bytes));
    mls_read_group_context(&inner, &epoch->context);
    return reader_is_done(&inner) && epoch->context.suite == group->suite->id
               ? MLS_OK
               : MLS_ERR_STATE_MALFORMED;
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

static enum mls_error read_secrets(struct mls_group *group, struct reader *reader,
                                   struct mls_epoch *epoch)
{
    struct slice secrets = reader_bytes(reader, sizeof(*epoch->secrets));
    struct slice keys = mls_read_vector(reader);
    if (reader->failed) {
        return MLS_ERR_STATE_MALFORMED;
    }
    memcpy(epoch->secrets, secrets.data, secrets.size);
    return read_keys(group, keys, epoch);
}

static enum mls_error create_secret_tree(struct mls_group *group, struct mls_epoch *epoch,
                                         uint32_t leaf_width)
{
    return mls_secret_tree_create_empty(group->memory, &group->pool, group->suite, leaf_width,
                                        &epoch->secret_tree);
}

/* A current or staged epoch, without its tree. */
/* The last epoch of a group that removed us: what reads its late messages. */
static enum mls_error read_closed(struct reader *reader, struct mls_epoch *epoch, bool *out_reads)
{
    *out_reads = mls_read_optional(reader);
    struct slice sender_data = reader_bytes(reader, MLS_HASH_MAX_BYTES);
    if (reader->failed) {
        return MLS_ERR_STATE_MALFORMED;
    }
    memcpy(epoch->secrets->sender_data, sender_data.data, sender_data.size);
    return MLS_OK;
}

static enum mls_error read_live(struct mls_group *group, struct slice value,
                                struct mls_epoch *epoch, uint32_t *out_leaf_width)
{
    struct epoch_head head;
    struct reader reader = reader_of(value);
    enum mls_error error = read_head(&reader, &head);
    struct slice interim = mls_read_vector(&reader);
    enum mls_store_mode mode = group->state == MLS_GROUP_REMOVED ? MLS_STORE_CLOSED : MLS_STORE_NEW;
    if (error != MLS_OK || head.mode != mode || interim.size != group->suite->hash_bytes) {
        return MLS_ERR_STATE_MALFORMED;
    }
    memcpy(epoch->interim, interim.data, interim.size);
    epoch->own_leaf = head.own_leaf;
    *out_leaf_width = head.leaf_width;
    error = read_context(group, head.context, epoch);
    bool reads = true;
    if (error == MLS_OK && mode == MLS_STORE_NEW) {
        error = read_secrets(group, &reader, epoch);
    } else if (error == MLS_OK) {
        error = read_closed(&reader, epoch, &reads);
    }
    if (error == MLS_OK && reads) {
        error = create_secret_tree(group, epoch, head.leaf_width);
    }
    return error == MLS_OK && !reader_is_done(&reader) ? MLS_ERR_STATE_MALFORMED : error;
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

static enum mls_error read_past(struct mls_group *group, struct slice value,
                                struct mls_epoch *epoch)
{
    struct epoch_head head;
    struct reader reader = reader_of(value);
    enum mls_error error = read_head(&reader, &head);
    struct slice sender_data = reader_bytes(&reader, MLS_HASH_MAX_BYTES);
    struct slice removed = mls_read_vector(&reader);
    struct slice signers = mls_read_vector(&reader);
    if (error != MLS_OK || !reader_is_done(&reader) || head.mode != MLS_STORE_PAST ||
        !mls_signers_are_valid(signers, head.leaf_width)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    epoch->own_leaf = head.own_leaf;
    epoch->sender_data = mls_secret_take_copy(&group->pool, sender_data.data, sender_data.size);
    mls_write_bytes(&epoch->signers, signers);
    if (epoch->sender_data == NULL || epoch->signers.failed) {
        return MLS_ERR_NO_MEMORY;
    }
    error = read_context(group, head.context, epoch);
    if (error == MLS_OK) {
        error = read_indices(removed, &epoch->removed);
    }
    return error == MLS_OK ? create_secret_tree(group, epoch, head.leaf_width) : error;
}

static enum mls_error find_past(const struct restorer *from, uint64_t number,
                                struct mls_epoch **out)
{
    struct slice value;
    struct mls_group *group = from->group;
    struct mls_record_id id = {.kind = MLS_RECORD_EPOCH, .epoch = number};
    if (!find_record(from, id, &value)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    struct mls_epoch *epoch = mls_epoch_create_past(group);
    if (epoch == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = read_past(group, value, epoch);
    if (error == MLS_OK && epoch->context.epoch != number) {
        error = MLS_ERR_STATE_MALFORMED;
    }
    if (error != MLS_OK) {
        mls_epoch_destroy(group, epoch);
        return error;
    }
    *out = epoch;
    return MLS_OK;
}

static enum mls_error find_current(const struct restorer *from, uint64_t number)
{
    struct slice value;
    uint8_t hash_key[16];
    uint32_t leaf_width = 0;
    struct mls_group *group = from->group;
    struct mls_record_id id = {.kind = MLS_RECORD_EPOCH, .epoch = number};
    if (!find_record(from, id, &value)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    group->current = mls_epoch_create(group);
    if (group->current == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = read_live(group, value, group->current, &leaf_width);
    if (error == MLS_OK && group->current->context.epoch != number) {
        error = MLS_ERR_STATE_MALFORMED;
    }
    if (error == MLS_OK) {
        mls_environment_random(&group->environment, hash_key, sizeof(hash_key));
        error = mls_tree_create_wide(group->memory, group->suite, hash_key, leaf_width,
                                     &group->current->tree);
    }
    return error;
}

/* -- G -- */

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

/* Past epochs are those right before the current one. */
static enum mls_error read_epochs(struct restorer *from, struct reader *reader)
{
    struct mls_group *group = from->group;
    uint64_t current = reader_u64(reader);
    uint8_t past = reader_u8(reader);
    if (reader->failed || past > MLS_PAST_EPOCHS_MAX || past > current) {
        return MLS_ERR_STATE_MALFORMED;
    }
    enum mls_error error = find_current(from, current);
    for (uint8_t i = 0; i < past && error == MLS_OK; i++) {
        uint64_t number = reader_u64(reader);
        if (reader->failed || number != current - past + i) {
            return MLS_ERR_STATE_MALFORMED;
        }
        error = find_past(from, number, &group->past[i]);
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
    mls_write_bytes(&from->group->reinit, mls_read_vector(&reader));
    mls_write_bytes(&from->group->closer, mls_read_vector(&reader));
    if (error == MLS_OK && !reader_is_done(&reader)) {
        error = MLS_ERR_STATE_MALFORMED;
    }
    return error == MLS_OK && (from->group->reinit.failed || from->group->closer.failed)
               ? MLS_ERR_NO_MEMORY
               : error;
}

/* -- T, N and R -- */

static enum mls_error tree_error(enum mls_error error)
{
    return error == MLS_OK || error == MLS_ERR_NO_MEMORY ? error : MLS_ERR_STATE_MALFORMED;
}

static enum mls_error read_tree_node(struct mls_tree *tree, uint32_t node, struct slice value)
{
    struct reader reader = reader_of(value);
    if (node >= mls_node_count(tree->leaf_width) || tree->nodes[node] != NULL) {
        return MLS_ERR_STATE_MALFORMED;
    }
    enum mls_error error = tree_error(mls_tree_decode_node(tree, &reader, node));
    return error == MLS_OK && !reader_is_done(&reader) ? MLS_ERR_STATE_MALFORMED : error;
}

static enum mls_error read_node_secret(struct mls_epoch *epoch, uint32_t node, struct slice value)
{
    struct mls_secret_tree *tree = epoch->secret_tree;
    if (value.size != MLS_HASH_MAX_BYTES || node >= mls_node_count(tree->leaf_width) ||
        tree->node_secrets[node] != NULL) {
        return MLS_ERR_STATE_MALFORMED;
    }
    return mls_secret_tree_put_node(tree, node, value.data);
}

static enum mls_error read_ratchet(struct mls_group *group, struct mls_epoch *epoch,
                                   const struct mls_record_id *id, struct slice value)
{
    struct mls_secret_tree *tree = epoch->secret_tree;
    struct reader reader = reader_of(value);
    uint32_t generation = reader_u32(&reader);
    bool exhausted = mls_read_optional(&reader);
    struct slice secret = reader_bytes(&reader, MLS_HASH_MAX_BYTES);
    if (!reader_is_done(&reader) || id->index >= tree->leaf_width) {
        return MLS_ERR_STATE_MALFORMED;
    }
    if (tree->senders[id->index] == NULL) {
        struct mls_sender_ratchets *sender = memory_allocate_zero(group->memory, sizeof(*sender));
        if (sender == NULL) {
            return MLS_ERR_NO_MEMORY;
        }
        mls_secret_tree_put_sender(tree, id->index, sender);
    }
    struct mls_ratchet *ratchet = &tree->senders[id->index]->ratchet[id->ratchet];
    if (ratchet->secret != NULL) {
        return MLS_ERR_STATE_MALFORMED;
    }
    ratchet->generation = generation;
    ratchet->exhausted = exhausted;
    ratchet->secret = mls_secret_take_copy(&group->pool, secret.data, secret.size);
    return ratchet->secret == NULL ? MLS_ERR_NO_MEMORY : MLS_OK;
}

static enum mls_error read_secret_record(struct mls_group *group, const struct mls_record_id *id,
                                         struct slice value)
{
    struct mls_epoch *epoch = mls_group_find_epoch(group, id->epoch);
    if (epoch == NULL || epoch->secret_tree == NULL) {
        return MLS_ERR_STATE_MALFORMED;
    }
    return id->kind == MLS_RECORD_NODE ? read_node_secret(epoch, id->index, value)
                                       : read_ratchet(group, epoch, id, value);
}

/* -- Z, E and P: lists by index -- */

static enum mls_error read_resumption(struct mls_group *group, struct slice value)
{
    uint64_t epoch = 0;
    struct slice psk;
    if (!mls_resumption_read(group, value, &epoch, &psk)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    return mls_resumption_insert(group, epoch, psk.data);
}

static enum mls_error note_index(struct slice *list, size_t count, uint32_t index,
                                 struct slice value)
{
    if (index >= count || list[index].data != NULL) {
        return MLS_ERR_STATE_MALFORMED;
    }
    list[index] = value;
    return MLS_OK;
}

static enum mls_error read_psk(struct mls_group *group, struct slice value)
{
    struct reader reader = reader_of(value);
    struct mls_psk psk = {.id = mls_read_vector(&reader)};
    psk.secret = mls_read_vector(&reader);
    if (!reader_is_done(&reader)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    size_t before = group->psk_count;
    enum mls_error error = tree_error(mls_group_put_psk(group, &psk));
    return error == MLS_OK && group->psk_count == before ? MLS_ERR_STATE_MALFORMED : error;
}

static enum mls_error read_proposal(struct mls_group *group, struct slice value)
{
    struct mls_pending pending;
    struct reader reader = reader_of(value);
    struct slice authenticated = mls_read_vector(&reader);
    struct slice key = mls_read_vector(&reader);
    bool is_aside = mls_read_optional(&reader);
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
    pending.is_aside = is_aside;
    if (!mls_pending_is_valid(group, &pending)) {
        mls_secret_give(&group->pool, pending.update_private, MLS_KEM_MAX_BYTES);
        mls_buffer_clear(&pending.authenticated);
        return MLS_ERR_STATE_MALFORMED;
    }
    mls_group_append_pending(group, &pending);
    return MLS_OK;
}

/* -- the passes -- */

static enum mls_error read_record(struct restorer *from, const struct mls_record_id *id,
                                  struct slice value)
{
    struct mls_group *group = from->group;
    switch (id->kind) {
    case MLS_RECORD_TREE:
        return read_tree_node(group->current->tree, id->index, value);
    case MLS_RECORD_NODE:
    case MLS_RECORD_RATCHET:
        return read_secret_record(group, id, value);
    case MLS_RECORD_RESUMPTION:
        return group->storage == NULL ? read_resumption(group, value) : MLS_OK;
    case MLS_RECORD_PSK:
        return note_index(from->psks, from->psk_count, id->index, value);
    case MLS_RECORD_PENDING:
        return note_index(from->proposals, from->proposal_count, id->index, value);
    case MLS_RECORD_EPOCH:
        return mls_group_find_epoch(group, id->epoch) == NULL ? MLS_ERR_STATE_MALFORMED : MLS_OK;
    case MLS_RECORD_INVITER:
        mls_write_bytes(&group->inviter, value);
        return group->inviter.failed ? MLS_ERR_NO_MEMORY : MLS_OK;
    case MLS_RECORD_META:
    case MLS_RECORD_STAGED:
    case MLS_RECORD_SKIPPED:
        return MLS_OK;
    }
    return MLS_ERR_STATE_MALFORMED;
}

/* Which records there are, and how many of those that are listed by index. */
static enum mls_error count_records(struct restorer *from)
{
    for (size_t i = 0; i < from->count; i++) {
        struct mls_record_id id;
        if (!mls_record_read_key(from->records[i].key, &id)) {
            return MLS_ERR_STATE_MALFORMED;
        }
        from->psk_count += id.kind == MLS_RECORD_PSK;
        from->proposal_count += id.kind == MLS_RECORD_PENDING;
    }
    size_t listed = from->psk_count + from->proposal_count;
    from->psks = memory_allocate_zero(from->group->memory, (listed + 1) * sizeof(*from->psks));
    if (from->psks == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    from->proposals = from->psks + from->psk_count;
    return MLS_OK;
}

static enum mls_error read_records(struct restorer *from)
{
    enum mls_error error = MLS_OK;
    for (size_t i = 0; i < from->count && error == MLS_OK; i++) {
        struct mls_record_id id;
        (void)mls_record_read_key(from->records[i].key, &id);
        error = read_record(from, &id, from->records[i].value);
    }
    for (size_t i = 0; i < from->psk_count && error == MLS_OK; i++) {
        error = read_psk(from->group, from->psks[i]);
    }
    for (size_t i = 0; i < from->proposal_count && error == MLS_OK; i++) {
        error = read_proposal(from->group, from->proposals[i]);
    }
    return error;
}

static enum mls_error read_skipped(struct restorer *from)
{
    enum mls_error error = MLS_OK;
    for (size_t i = 0; i < from->count && error == MLS_OK; i++) {
        struct mls_record_id id;
        struct slice value = from->records[i].value;
        (void)mls_record_read_key(from->records[i].key, &id);
        if (id.kind != MLS_RECORD_SKIPPED) {
            continue;
        }
        struct mls_epoch *epoch = mls_group_find_epoch(from->group, id.epoch);
        if (epoch == NULL || epoch->secret_tree == NULL || value.size != MLS_MESSAGE_KEY_BYTES) {
            return MLS_ERR_STATE_MALFORMED;
        }
        error = mls_secret_tree_put_skipped(epoch->secret_tree, id.index, id.ratchet, id.generation,
                                            value.data);
    }
    return error;
}

/* -- what was read, as a whole -- */

static enum mls_error check_tree(const struct mls_group *group, const struct mls_epoch *epoch)
{
    struct slice hash = slice_of(mls_tree_root_hash(epoch->tree), group->suite->hash_bytes);
    return slice_equal(epoch->context.tree_hash, hash) &&
                   mls_tree_leaf(epoch->tree, epoch->own_leaf) != NULL
               ? MLS_OK
               : MLS_ERR_STATE_MALFORMED;
}

static enum mls_error check_ratchets(const struct mls_epoch *epoch)
{
    const struct mls_secret_tree *tree = epoch->secret_tree;
    for (uint32_t i = 0; tree != NULL && i < tree->leaf_width; i++) {
        for (size_t kind = 0; tree->senders[i] != NULL && kind < MLS_RATCHET_KINDS; kind++) {
            if (tree->senders[i]->ratchet[kind].secret == NULL) {
                return MLS_ERR_STATE_MALFORMED;
            }
        }
    }
    return MLS_OK;
}

/* Signing with another key than our leaf's, all that it made would be refused by the others. */
static enum mls_error check_identity(const struct mls_group *group)
{
    const struct mls_leaf_node *own = mls_tree_leaf(group->current->tree, group->current->own_leaf);
    return slice_equal(own->signature_key, mls_identity_signature_key(group->identity))
               ? MLS_OK
               : MLS_ERR_IDENTITY;
}

static enum mls_error check_group(const struct mls_group *group)
{
    enum mls_error error = check_tree(group, group->current);
    if (error == MLS_OK) {
        error = check_identity(group);
    }
    if (error == MLS_OK) {
        error = check_ratchets(group->current);
    }
    for (size_t i = 0; i < group->past_count && error == MLS_OK; i++) {
        error = check_ratchets(group->past[i]);
    }
    return error;
}

/* -- S -- */

struct tree_change {
    uint32_t node;
    struct slice content; /* empty: it is blank */
};

static void next_change(struct reader *reader, struct tree_change *out)
{
    *out = (struct tree_change){.node = reader_u32(reader)};
    if (mls_read_optional(reader)) {
        out->content = mls_tree_skip_node(reader);
    }
}

/* All that goes first, so that keys may move from one node to another. */
static enum mls_error change_tree(struct mls_tree *tree, struct slice changes, uint32_t leaf_width)
{
    struct tree_change change;
    struct reader reader = reader_of(changes);
    while (reader_left(&reader) > 0) {
        next_change(&reader, &change);
        if (reader.failed) {
            return MLS_ERR_STATE_MALFORMED;
        }
        if (change.node < mls_node_count(tree->leaf_width)) {
            mls_tree_blank(tree, change.node);
        }
    }
    enum mls_error error = mls_tree_set_width(tree, leaf_width);
    reader = reader_of(changes);
    while (reader_left(&reader) > 0 && error == MLS_OK) {
        next_change(&reader, &change);
        if (change.content.size > 0) {
            error = read_tree_node(tree, change.node, change.content);
        }
    }
    return error;
}

static enum mls_error read_staged_epoch(struct mls_group *group, struct mls_staged *staged,
                                        struct slice changes, struct slice value, struct slice root)
{
    uint32_t leaf_width = 0;
    staged->epoch = mls_epoch_create(group);
    if (staged->epoch == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = read_live(group, value, staged->epoch, &leaf_width);
    if (error == MLS_OK) {
        error = mls_tree_clone(group->current->tree, &staged->epoch->tree);
    }
    if (error == MLS_OK) {
        error = change_tree(staged->epoch->tree, changes, leaf_width);
    }
    if (error == MLS_OK) {
        error = check_tree(group, staged->epoch);
    }
    if (error != MLS_OK) {
        return error;
    }
    return mls_secret_tree_put_node(staged->epoch->secret_tree, mls_node_root(leaf_width),
                                    root.data);
}

/* What there is of a staged commit beside its epoch. */
static enum mls_error read_staged_head(struct mls_group *group, struct reader *reader,
                                       struct mls_staged *out)
{
    struct slice reinit = mls_read_vector(reader);
    struct slice removed = mls_read_vector(reader);
    struct slice hash = reader_bytes(reader, MLS_HASH_MAX_BYTES);
    out->sender = MLS_SENDER_MEMBER;
    out->committer = reader_u32(reader);
    out->has_path = mls_read_optional(reader);
    out->proposal_count = reader_u32(reader);
    struct slice proposals = mls_read_vector(reader);
    struct slice closer = mls_read_vector(reader);
    out->reinit = mls_buffer_of(group->memory);
    out->removed = mls_index_list_of(group->memory);
    out->proposals = mls_buffer_of(group->memory);
    out->closer = mls_buffer_of(group->memory);
    if (reader->failed) {
        return MLS_ERR_STATE_MALFORMED;
    }
    memcpy(out->hash, hash.data, hash.size);
    mls_write_bytes(&out->reinit, reinit);
    mls_write_bytes(&out->proposals, proposals);
    mls_write_bytes(&out->closer, closer);
    enum mls_error error = read_indices(removed, &out->removed);
    return error == MLS_OK && (out->reinit.failed || out->proposals.failed || out->closer.failed)
               ? MLS_ERR_NO_MEMORY
               : error;
}

static enum mls_error read_staged(struct mls_group *group, struct slice value)
{
    struct reader reader = reader_of(value);
    struct mls_staged *staged = memory_allocate_zero(group->memory, sizeof(*staged));
    if (staged == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    group->own = staged;
    enum mls_error error = read_staged_head(group, &reader, staged);
    struct slice changes = mls_read_vector(&reader);
    struct slice epoch = mls_read_vector(&reader);
    struct slice root = reader_bytes(&reader, MLS_HASH_MAX_BYTES);
    if (error == MLS_OK && (!reader_is_done(&reader) || group->state == MLS_GROUP_REMOVED)) {
        error = MLS_ERR_STATE_MALFORMED;
    }
    if (error == MLS_OK) {
        error = read_staged_epoch(group, staged, changes, epoch, root);
    }
    return error == MLS_OK && !mls_staged_is_valid(group, staged) ? MLS_ERR_STATE_MALFORMED : error;
}

static enum mls_error restore(struct restorer *from)
{
    struct slice value;
    if (!find_record(from, (struct mls_record_id){.kind = MLS_RECORD_META}, &value)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    enum mls_error error = read_meta(from, value);
    if (error == MLS_OK) {
        error = count_records(from);
    }
    if (error == MLS_OK) {
        error = read_records(from);
    }
    if (error == MLS_OK) {
        error = check_group(from->group);
    }
    if (error == MLS_OK) {
        error = read_skipped(from);
    }
    if (error == MLS_OK &&
        find_record(from, (struct mls_record_id){.kind = MLS_RECORD_STAGED}, &value)) {
        error = read_staged(from->group, value);
    }
    return error;
}

enum mls_error mls_group_restore(struct mls_identity *identity, const struct mls_record *records,
                                 size_t record_count, struct mls_storage *storage,
                                 struct mls_group **out)
{
    struct mls_group *group = mls_group_allocate(identity, storage);
    *out = NULL;
    if (group == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    struct restorer from = {.group = group, .records = records, .count = record_count};
    enum mls_error error = restore(&from);
    memory_release(group->memory, from.psks);
    if (error != MLS_OK) {
        mls_group_destroy(group);
        return error;
    }
    if (storage != NULL) {
        storage->writer = group->writer;
    }
    *out = group;
    return MLS_OK;
}
