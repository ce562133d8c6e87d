/*
 * Resumption keys of ended epochs (RFC 9420 section 8.6), which later pre-shared keys may name.
 *
 * They are seldom asked for: a group with a storage leaves them there, in a ring of records by
 * epoch, and reads one when it is named. A group without one keeps them in memory. The current
 * epoch's is among its secrets.
 */
#include <sodium.h>

#include "base/assert.h"
#include "client/mls/state.h"

#define ENTRIES_FIRST 8u

enum mls_error mls_resumption_prepare(struct mls_group *group)
{
    if (group->resumption_count < group->resumption_room ||
        group->resumption_room == MLS_RESUMPTION_EPOCHS_MAX) {
        return MLS_OK;
    }
    size_t room = group->resumption_room == 0 ? ENTRIES_FIRST : 2 * group->resumption_room;
    struct mls_resumption *grown = memory_allocate(group->memory, room * sizeof(*grown));
    if (grown == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    if (group->resumption_count > 0) {
        memcpy(grown, group->resumption, group->resumption_count * sizeof(*grown));
    }
    memory_release(group->memory, group->resumption);
    group->resumption = grown;
    group->resumption_room = room;
    return MLS_OK;
}

void mls_resumption_push(struct mls_group *group, uint64_t epoch, uint8_t *psk)
{
    if (group->resumption_count == MLS_RESUMPTION_EPOCHS_MAX) {
        mls_secret_give(&group->pool, group->resumption[0].psk, MLS_HASH_MAX_BYTES);
        group->resumption_count--;
        memmove(&group->resumption[0], &group->resumption[1],
                group->resumption_count * sizeof(group->resumption[0]));
    }
    COLUMBA_ASSERT(group->resumption_count < group->resumption_room);
    group->resumption[group->resumption_count++] =
        (struct mls_resumption){.epoch = epoch, .psk = psk};
}

enum mls_error mls_resumption_insert(struct mls_group *group, uint64_t epoch, const uint8_t *psk)
{
    uint64_t current = group->current->context.epoch;
    if (epoch >= current || current - epoch > MLS_RESUMPTION_EPOCHS_MAX ||
        group->resumption_count == MLS_RESUMPTION_EPOCHS_MAX) {
        return MLS_ERR_STATE_MALFORMED;
    }
    size_t at = group->resumption_count;
    while (at > 0 && group->resumption[at - 1].epoch > epoch) {
        at--;
    }
    if (at > 0 && group->resumption[at - 1].epoch == epoch) {
        return MLS_ERR_STATE_MALFORMED;
    }
    enum mls_error error = mls_resumption_prepare(group);
    uint8_t *copy =
        error == MLS_OK ? mls_secret_take_copy(&group->pool, psk, MLS_HASH_MAX_BYTES) : NULL;
    if (copy == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    memmove(&group->resumption[at + 1], &group->resumption[at],
            (group->resumption_count - at) * sizeof(group->resumption[0]));
    group->resumption[at] = (struct mls_resumption){.epoch = epoch, .psk = copy};
    group->resumption_count++;
    return MLS_OK;
}

void mls_resumption_clear(struct mls_group *group)
{
    for (size_t i = 0; i < group->resumption_count; i++) {
        mls_secret_give(&group->pool, group->resumption[i].psk, MLS_HASH_MAX_BYTES);
    }
    memory_release(group->memory, group->resumption);
    group->resumption = NULL;
    group->resumption_count = 0;
    group->resumption_room = 0;
}

bool mls_resumption_read(const struct mls_group *group, struct slice value, uint64_t *out_epoch,
                         struct slice *out_psk)
{
    struct reader reader = reader_of(value);
    *out_epoch = reader_u64(&reader);
    *out_psk = reader_bytes(&reader, group->suite->hash_bytes);
    return reader_is_done(&reader);
}

/* From the ring. */
static enum mls_error fetch(const struct mls_group *group, uint64_t epoch, uint8_t *out,
                            bool *out_found)
{
    uint8_t value[MLS_RESUMPTION_RECORD_BYTES];
    size_t size = 0;
    uint64_t stored = 0;
    struct slice psk;
    struct mls_record_name name;
    struct mls_storage *storage = group->storage;
    struct slice key = mls_record_key(mls_resumption_record(epoch), &name);
    *out_found = false;
    if (!storage->get(storage, key, value, sizeof(value), &size) || size > sizeof(value)) {
        return MLS_ERR_STORAGE;
    }
    if (size > 0 && mls_resumption_read(group, slice_of(value, size), &stored, &psk) &&
        stored == epoch) {
        memcpy(out, psk.data, psk.size);
        *out_found = true;
    }
    sodium_memzero(value, sizeof(value));
    return MLS_OK;
}

enum mls_error mls_resumption_find(const struct mls_group *group, uint64_t epoch, uint8_t *out,
                                   bool *out_found)
{
    *out_found = false;
    if (group->state == MLS_GROUP_REMOVED) {
        return MLS_OK;
    }
    const struct mls_epoch *current = group->current;
    if (epoch == current->context.epoch) {
        memcpy(out, current->secrets->resumption, MLS_HASH_MAX_BYTES);
        *out_found = true;
        return MLS_OK;
    }
    for (size_t i = 0; i < group->resumption_count; i++) {
        if (group->resumption[i].epoch == epoch) {
            memcpy(out, group->resumption[i].psk, MLS_HASH_MAX_BYTES);
            *out_found = true;
            return MLS_OK;
        }
    }
    bool kept = epoch < current->context.epoch &&
                current->context.epoch - epoch <= MLS_RESUMPTION_EPOCHS_MAX;
    return kept && group->storage != NULL ? fetch(group, epoch, out, out_found) : MLS_OK;
}
