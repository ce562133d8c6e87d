/* Where pre-shared keys come from: those the application gave, and our epochs' resumption keys. */
#include <sodium.h>

#include "base/assert.h"
#include "client/mls/group.h"

/* Where an id is, or the end of the list. */
static size_t find_known(const struct mls_group *group, struct slice id)
{
    size_t at = 0;
    while (at < group->psk_count && !slice_equal(mls_buffer_done(&group->psks[at].id), id)) {
        at++;
    }
    return at;
}

static enum mls_error append_psk(struct mls_group *group, struct mls_known_psk *known)
{
    size_t size = (group->psk_count + 1) * sizeof(*group->psks);
    struct mls_known_psk *grown = memory_allocate(group->memory, size);
    if (grown == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    if (group->psk_count > 0) {
        memcpy(grown, group->psks, group->psk_count * sizeof(*grown));
    }
    memory_release(group->memory, group->psks);
    group->psks = grown;
    group->psks[group->psk_count++] = *known;
    return MLS_OK;
}

static void known_clear(struct mls_group *group, struct mls_known_psk *known)
{
    mls_buffer_clear(&known->id);
    mls_secret_give(&group->pool, known->secret, known->size);
}

static enum mls_error known_init(struct mls_group *group, const struct mls_psk *psk,
                                 struct mls_known_psk *out)
{
    *out = (struct mls_known_psk){.id = mls_buffer_of(group->memory), .size = psk->secret.size};
    if (psk->secret.size == 0 || psk->secret.size > MLS_SECRET_BLOCK_MAX_BYTES) {
        return MLS_ERR_ARGUMENT;
    }
    mls_write_bytes(&out->id, psk->id);
    out->secret = mls_secret_take_copy(&group->pool, psk->secret.data, psk->secret.size);
    if (out->secret == NULL || out->id.failed) {
        known_clear(group, out);
        return MLS_ERR_NO_MEMORY;
    }
    return MLS_OK;
}

/* Puts a key in; what stood in its place, if anything, is the caller's then. */
static enum mls_error exchange(struct mls_group *group, const struct mls_psk *psk, size_t *out_at,
                               struct mls_known_psk *out_old, bool *out_replaced)
{
    struct mls_known_psk known;
    size_t at = find_known(group, psk->id);
    if (at == MLS_PSKS_MAX) {
        return MLS_ERR_LIMIT;
    }
    enum mls_error error = known_init(group, psk, &known);
    *out_at = at;
    *out_replaced = at < group->psk_count;
    if (error == MLS_OK && *out_replaced) {
        *out_old = group->psks[at];
        group->psks[at] = known;
    } else if (error == MLS_OK) {
        error = append_psk(group, &known);
        if (error != MLS_OK) {
            known_clear(group, &known);
        }
    }
    return error;
}

enum mls_error mls_group_put_psk(struct mls_group *group, const struct mls_psk *psk)
{
    struct mls_known_psk old;
    size_t at = 0;
    bool replaced = false;
    enum mls_error error = exchange(group, psk, &at, &old, &replaced);
    if (error == MLS_OK && replaced) {
        known_clear(group, &old);
    }
    return error;
}

static enum mls_error add_psk(struct mls_group *group, const struct mls_psk *psk)
{
    struct mls_transaction transaction;
    struct mls_known_psk old;
    size_t at = 0;
    bool replaced = false;
    enum mls_error error = exchange(group, psk, &at, &old, &replaced);
    if (error != MLS_OK) {
        return error;
    }
    mls_transaction_begin(&transaction, group);
    mls_store_psk(&transaction, at);
    error = mls_transaction_end(&transaction, MLS_OK);
    if (error == MLS_OK && replaced) {
        known_clear(group, &old);
    } else if (error != MLS_OK) {
        known_clear(group, &group->psks[at]);
        if (replaced) {
            group->psks[at] = old;
        } else {
            group->psk_count--;
        }
    }
    return error;
}

enum mls_error mls_group_add_psk(struct mls_group *group, const struct mls_psk *psk)
{
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = add_psk(group, psk);
        mls_group_leave(group);
    }
    return error;
}

/* The last one takes its place. */
static enum mls_error remove_psk(struct mls_group *group, struct slice id)
{
    struct mls_transaction transaction;
    size_t at = find_known(group, id);
    if (at == group->psk_count) {
        return MLS_ERR_PSK_UNKNOWN;
    }
    size_t last = group->psk_count - 1;
    struct mls_known_psk gone = group->psks[at];
    group->psks[at] = group->psks[last];
    group->psk_count = last;
    mls_transaction_begin(&transaction, group);
    if (at < last) {
        mls_store_psk(&transaction, at);
    }
    mls_erase_psk(&transaction, last);
    enum mls_error error = mls_transaction_end(&transaction, MLS_OK);
    if (error == MLS_OK) {
        known_clear(group, &gone);
    } else {
        group->psks[last] = group->psks[at];
        group->psks[at] = gone;
        group->psk_count = last + 1;
    }
    return error;
}

enum mls_error mls_group_remove_psk(struct mls_group *group, struct slice id)
{
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = remove_psk(group, id);
        mls_group_leave(group);
    }
    return error;
}

/* Writes the key to `scratch`, as it may come from a storage. */
static enum mls_error find_resumption(const struct mls_group *group, const struct mls_psk_id *id,
                                      uint8_t *scratch, struct slice *out_secret)
{
    bool found = false;
    if (group == NULL || !slice_equal(id->group_id, mls_group_id(group))) {
        return MLS_ERR_PSK_UNKNOWN;
    }
    enum mls_error error = mls_resumption_find(group, id->epoch, scratch, &found);
    if (error == MLS_OK && !found) {
        error = MLS_ERR_PSK_UNKNOWN;
    }
    *out_secret = slice_of(scratch, group->suite->hash_bytes);
    return error;
}

static enum mls_error find_external(const struct mls_psk_sources *sources, struct slice id,
                                    struct slice *out_secret)
{
    for (size_t i = 0; i < sources->psk_count; i++) {
        if (slice_equal(sources->psks[i].id, id)) {
            *out_secret = sources->psks[i].secret;
            return MLS_OK;
        }
    }
    size_t at = sources->group == NULL ? 0 : find_known(sources->group, id);
    if (sources->group == NULL || at == sources->group->psk_count) {
        return MLS_ERR_PSK_UNKNOWN;
    }
    *out_secret = slice_of(sources->group->psks[at].secret, sources->group->psks[at].size);
    return MLS_OK;
}

static enum mls_error find_psk(const struct mls_psk_sources *sources, const struct mls_psk_id *id,
                               uint8_t *scratch, struct slice *out_secret)
{
    if (id->type == MLS_PSK_EXTERNAL) {
        return find_external(sources, id->external_id, out_secret);
    }
    enum mls_error error = find_resumption(sources->group, id, scratch, out_secret);
    if (error == MLS_ERR_PSK_UNKNOWN) {
        error = find_resumption(sources->predecessor, id, scratch, out_secret);
    }
    return error;
}

enum mls_error mls_psk_combine(const struct mls_suite *suite, const struct mls_psk_sources *sources,
                               const struct mls_psk_id *const *ids, uint32_t count,
                               uint8_t *out_psk_secret)
{
    COLUMBA_ASSERT(count <= MLS_PSKS_MAX);
    uint8_t scratch[MLS_HASH_MAX_BYTES];
    enum mls_error error = MLS_OK;
    mls_psk_secret_start(suite, out_psk_secret);
    for (uint32_t i = 0; i < count && error == MLS_OK; i++) {
        struct slice secret;
        error = find_psk(sources, ids[i], scratch, &secret);
        if (error == MLS_OK) {
            mls_psk_secret_step(suite, out_psk_secret, ids[i]->encoded, (uint16_t)i,
                                (uint16_t)count, secret);
        }
    }
    sodium_memzero(scratch, sizeof(scratch));
    return error;
}
