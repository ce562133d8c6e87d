#include "bench/mls_store.h"

#include <stdlib.h>

#include "base/assert.h"

static bool always(struct mls_storage *storage)
{
    (void)storage;
    return true;
}

static void never(struct mls_storage *storage)
{
    (void)storage;
}

/* Where a key is, or would be. */
static size_t find(const struct mls_store *store, struct slice key, bool *out_found)
{
    size_t low = 0;
    size_t high = store->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct slice other = slice_of(store->records[middle].key, store->records[middle].key_size);
        if (slice_compare(other, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out_found = low < store->count &&
                 slice_equal(slice_of(store->records[low].key, store->records[low].key_size), key);
    return low;
}

static uint8_t *copy_of(struct slice bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);
    COLUMBA_ASSERT(copy != NULL);
    memcpy(copy, bytes.data, bytes.size);
    return copy;
}

static void record_clear(struct mls_store_record *record)
{
    free(record->key);
    free(record->value);
}

static void insert(struct mls_store *store, size_t at)
{
    if (store->count == store->room) {
        store->room = store->room == 0 ? 16 : 2 * store->room;
        store->records = realloc(store->records, store->room * sizeof(*store->records));
        COLUMBA_ASSERT(store->records != NULL);
    }
    memmove(&store->records[at + 1], &store->records[at],
            (store->count - at) * sizeof(*store->records));
    store->count++;
}

static bool put(struct mls_storage *storage, struct slice key, struct slice value)
{
    struct mls_store *store = (struct mls_store *)storage;
    bool found = false;
    size_t at = find(store, key, &found);
    store->puts++;
    store->bytes += key.size + value.size;
    if (found) {
        record_clear(&store->records[at]);
    } else {
        insert(store, at);
    }
    store->records[at] =
        (struct mls_store_record){copy_of(key), copy_of(value), key.size, value.size};
    return true;
}

static bool erase(struct mls_storage *storage, struct slice key)
{
    struct mls_store *store = (struct mls_store *)storage;
    bool found = false;
    size_t at = find(store, key, &found);
    store->erases++;
    if (found) {
        record_clear(&store->records[at]);
        store->count--;
        memmove(&store->records[at], &store->records[at + 1],
                (store->count - at) * sizeof(*store->records));
    }
    return true;
}

static bool erase_all(struct mls_storage *storage)
{
    struct mls_store *store = (struct mls_store *)storage;
    for (size_t i = 0; i < store->count; i++) {
        record_clear(&store->records[i]);
    }
    store->count = 0;
    return true;
}

static bool get(struct mls_storage *storage, struct slice key, uint8_t *out, size_t room,
                size_t *out_size)
{
    struct mls_store *store = (struct mls_store *)storage;
    bool found = false;
    size_t at = find(store, key, &found);
    *out_size = found ? store->records[at].value_size : 0;
    if (*out_size > room) {
        return false;
    }
    if (found) {
        memcpy(out, store->records[at].value, *out_size);
    }
    return true;
}

void mls_store_init(struct mls_store *store)
{
    *store = (struct mls_store){
        .storage = {.begin = always,
                    .put = put,
                    .erase = erase,
                    .commit = always,
                    .abandon = never,
                    .erase_all = erase_all,
                    .get = get},
    };
}

void mls_store_clear(struct mls_store *store)
{
    (void)erase_all(&store->storage);
    free(store->records);
    store->records = NULL;
    store->room = 0;
}

void mls_store_copy(const struct mls_store *from, struct mls_store *out)
{
    mls_store_init(out);
    out->room = from->count;
    out->records = calloc(from->count, sizeof(*out->records));
    COLUMBA_ASSERT(out->records != NULL);
    for (out->count = 0; out->count < from->count; out->count++) {
        const struct mls_store_record *record = &from->records[out->count];
        out->records[out->count] = (struct mls_store_record){
            copy_of(slice_of(record->key, record->key_size)),
            copy_of(slice_of(record->value, record->value_size)),
            record->key_size,
            record->value_size,
        };
    }
}

size_t mls_store_bytes(const struct mls_store *store)
{
    size_t bytes = 0;
    for (size_t i = 0; i < store->count; i++) {
        bytes += store->records[i].key_size + store->records[i].value_size;
    }
    return bytes;
}

enum mls_error mls_store_restore(struct mls_store *store, struct mls_identity *identity,
                                 struct mls_group **out)
{
    struct mls_record *records = malloc((store->count + 1) * sizeof(*records));
    size_t count = 0;
    COLUMBA_ASSERT(records != NULL);
    for (; count < store->count && store->records[count].key[0] < MLS_RECORD_UNREAD; count++) {
        const struct mls_store_record *record = &store->records[count];
        records[count].key = slice_of(record->key, record->key_size);
        records[count].value = slice_of(record->value, record->value_size);
    }
    enum mls_error error = mls_group_restore(identity, records, count, &store->storage, out);
    free(records);
    return error;
}
