/* Proposals that wait for a commit (RFC 9420 section 12.1): kept by reference until the epoch ends.
 */
#include "client/mls/group.h"

/*
 * References are found by walking the list. That is linear for each, but a comparison ends with
 * the first differing byte of a hash, so even thousands of them cost less than one signature each.
 */
const struct mls_pending *mls_group_find_pending(const struct mls_group *group, struct slice ref)
{
    for (size_t i = 0; i < group->pending_count; i++) {
        if (slice_equal(slice_of(group->pending[i].ref, group->suite->hash_bytes), ref)) {
            return &group->pending[i];
        }
    }
    return NULL;
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
    if (grown == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    if (group->pending_count > 0) {
        memcpy(grown, group->pending, group->pending_count * sizeof(*grown));
    }
    memory_release(group->memory, group->pending);
    group->pending = grown;
    group->pending_capacity = capacity;
    return MLS_OK;
}

enum mls_error mls_group_prepare_pending(struct mls_group *group, struct slice authenticated,
                                         struct mls_pending *out)
{
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
}

size_t mls_group_pending_proposals(const struct mls_group *group)
{
    return group->pending_count;
}

enum mls_error mls_group_clear_proposals(struct mls_group *group)
{
    struct mls_transaction transaction;
    mls_transaction_begin(&transaction, group);
    mls_erase_pending(&transaction, group);
    enum mls_error error = mls_transaction_end(&transaction, MLS_OK);
    if (error == MLS_OK) {
        mls_group_drop_pending(group);
    }
    return error;
}
