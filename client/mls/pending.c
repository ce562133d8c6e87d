/* Proposals that wait for a commit (RFC 9420 section 12.1): kept by reference until the epoch ends.
 */
#include <sodium.h>

#include "base/assert.h"
#include "client/mls/group.h"

/* References are hashes, but of bytes that members choose: they are hashed again under a key. */
static size_t first_slot(const struct mls_group *group, struct slice ref)
{
    uint8_t digest[crypto_shorthash_BYTES];
    uint32_t number;
    (void)crypto_shorthash(digest, ref.data, ref.size, group->hash_key);
    memcpy(&number, digest, sizeof(number));
    return number & (2 * group->pending_capacity - 1);
}

const struct mls_pending *mls_group_find_pending(const struct mls_group *group, struct slice ref)
{
    if (group->pending_count == 0) {
        return NULL;
    }
    size_t mask = 2 * group->pending_capacity - 1;
    for (size_t slot = first_slot(group, ref); group->pending_slots[slot] != 0;
         slot = (slot + 1) & mask) {
        const struct mls_pending *pending = &group->pending[group->pending_slots[slot] - 1];
        if (slice_equal(slice_of(pending->ref, group->suite->hash_bytes), ref)) {
            return pending;
        }
    }
    return NULL;
}

static void note_slot(struct mls_group *group, size_t index)
{
    size_t mask = 2 * group->pending_capacity - 1;
    size_t slot = first_slot(group, slice_of(group->pending[index].ref, group->suite->hash_bytes));
    while (group->pending_slots[slot] != 0) {
        slot = (slot + 1) & mask;
    }
    group->pending_slots[slot] = (uint32_t)index + 1;
}

static enum mls_error make_room(struct mls_group *group)
{
    if (group->pending_count == MLS_PROPOSALS_MAX) {
        return MLS_ERR_LIMIT;
    }
    if (group->pending_count < group->pending_capacity) {
        return MLS_OK;
    }
    size_t capacity = group->pending_capacity == 0 ? 8 : 2 * group->pending_capacity;
    struct mls_pending *grown = memory_allocate(group->memory, capacity * sizeof(*grown));
    uint32_t *slots = memory_allocate_zero(group->memory, 2 * capacity * sizeof(*slots));
    if (grown == NULL || slots == NULL) {
        memory_release(group->memory, grown);
        memory_release(group->memory, slots);
        return MLS_ERR_NO_MEMORY;
    }
    if (group->pending_count > 0) {
        memcpy(grown, group->pending, group->pending_count * sizeof(*grown));
    }
    memory_release(group->memory, group->pending);
    memory_release(group->memory, group->pending_slots);
    group->pending = grown;
    group->pending_slots = slots;
    group->pending_capacity = capacity;
    for (size_t i = 0; i < group->pending_count; i++) {
        note_slot(group, i);
    }
    return MLS_OK;
}

void mls_group_append_pending(struct mls_group *group, const struct mls_pending *pending)
{
    COLUMBA_ASSERT(group->pending_count < group->pending_capacity);
    group->pending[group->pending_count] = *pending;
    note_slot(group, group->pending_count);
    group->pending_count++;
    group->pending_aside += pending->is_aside;
    group->pending_bytes += pending->authenticated.size;
}

enum mls_error mls_group_prepare_pending(struct mls_group *group, struct slice authenticated,
                                         struct mls_pending *out)
{
    if (authenticated.size > MLS_PENDING_MAX_BYTES - group->pending_bytes) {
        return MLS_ERR_LIMIT;
    }
    enum mls_error error = make_room(group);
    if (error != MLS_OK) {
        return error;
    }
    *out = (struct mls_pending){.authenticated = mls_buffer_of(group->memory)};
    mls_write_bytes(&out->authenticated, authenticated);
    if (out->authenticated.failed) {
        mls_buffer_clear(&out->authenticated);
        return MLS_ERR_NO_MEMORY;
    }
    mls_proposal_ref(group->suite, authenticated, out->ref);
    return MLS_OK;
}

void mls_group_drop_pending(struct mls_group *group)
{
    for (size_t i = 0; i < group->pending_count; i++) {
        mls_buffer_clear(&group->pending[i].authenticated);
        mls_secret_give(&group->pool, group->pending[i].update_private, MLS_KEM_MAX_BYTES);
    }
    group->pending_count = 0;
    group->pending_aside = 0;
    group->pending_bytes = 0;
    if (group->pending_slots != NULL) {
        memset(group->pending_slots, 0, 2 * group->pending_capacity * sizeof(uint32_t));
    }
}

void mls_group_release_pending(struct mls_group *group)
{
    mls_group_drop_pending(group);
    memory_release(group->memory, group->pending);
    memory_release(group->memory, group->pending_slots);
    group->pending = NULL;
    group->pending_slots = NULL;
    group->pending_capacity = 0;
}

size_t mls_group_pending_proposals(const struct mls_group *group)
{
    return group->pending_count - group->pending_aside;
}

static void set_aside(struct mls_group *group, struct mls_pending *pending, bool aside)
{
    group->pending_aside = group->pending_aside - pending->is_aside + aside;
    pending->is_aside = aside;
}

/* Sets those from `first` on, up to `end`, and takes it back where it cannot be stored: what they
 * were is in `before`. */
static enum mls_error set_range(struct mls_group *group, size_t first, size_t end, bool aside,
                                bool *before)
{
    struct mls_transaction transaction;
    mls_transaction_begin(&transaction, group);
    for (size_t i = first; i < end; i++) {
        before[i - first] = group->pending[i].is_aside;
        if (before[i - first] != aside) {
            set_aside(group, &group->pending[i], aside);
            mls_store_pending(&transaction, &group->pending[i], i);
        }
    }
    enum mls_error error = mls_transaction_end(&transaction, MLS_OK);
    for (size_t i = first; i < end && error != MLS_OK; i++) {
        set_aside(group, &group->pending[i], before[i - first]);
    }
    return error;
}

static enum mls_error set_one(struct mls_group *group, struct slice reference, bool aside)
{
    bool before = false;
    const struct mls_pending *pending = mls_group_find_pending(group, reference);
    if (pending == NULL) {
        return MLS_ERR_UNKNOWN_PROPOSAL;
    }
    size_t at = (size_t)(pending - group->pending);
    return set_range(group, at, at + 1, aside, &before);
}

enum mls_error mls_group_set_aside(struct mls_group *group, struct slice reference, bool aside)
{
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = set_one(group, reference, aside);
        mls_group_leave(group);
    }
    return error;
}

static enum mls_error set_all(struct mls_group *group)
{
    bool *before = memory_allocate_zero(group->memory, group->pending_count + 1);
    if (before == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = set_range(group, 0, group->pending_count, true, before);
    memory_release(group->memory, before);
    return error;
}

enum mls_error mls_group_clear_proposals(struct mls_group *group)
{
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = set_all(group);
        mls_group_leave(group);
    }
    return error;
}
