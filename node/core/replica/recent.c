#include "node/core/replica/recent.h"

#include <xxhash.h>

#include "base/assert.h"

#define NONE UINT32_MAX

struct recent_entry {
    struct recent_message message;
    uint32_t next;    /* in its bucket: a place; NONE: the last */
    bool is_replaced; /* in no bucket any more: another body has come under the id */
};

/* With a seed alone the hash would make this of it anew for every body. */
static void secret_make(struct recent *recent)
{
    for (size_t i = 0; i < sizeof(recent->secret) / sizeof(recent->secret[0]); i++) {
        recent->secret[i] = XXH3_64bits_withSeed(&i, sizeof(i), recent->key);
    }
}

int recent_init(struct recent *recent, struct memory *memory, uint32_t capacity, uint64_t key,
                uint64_t bound_ms)
{
    COLUMBA_ASSERT(capacity > 0 && (capacity & (capacity - 1)) == 0);
    *recent = (struct recent){
        .capacity = capacity, .horizon_ms = bound_ms, .bound_ms = bound_ms, .key = key};
    secret_make(recent);
    /* Not zeroed: what is never used is never touched. */
    recent->entries = memory_allocate(memory, capacity * sizeof(*recent->entries));
    recent->buckets = memory_allocate(memory, capacity * sizeof(*recent->buckets));
    if (recent->entries == NULL || recent->buckets == NULL) {
        return -1;
    }
    memset(recent->buckets, 0xff, capacity * sizeof(*recent->buckets));
    return 0;
}

void recent_clear(struct recent *recent, struct memory *memory)
{
    memory_release(memory, recent->entries);
    memory_release(memory, recent->buckets);
    recent->entries = NULL;
    recent->buckets = NULL;
}

struct recent_message recent_message_of(const struct recent *recent, const struct id *conversation,
                                        const struct id *message, struct slice body)
{
    uint8_t names[2 * ID_BYTES];
    memcpy(names, conversation->bytes, ID_BYTES);
    memcpy(names + ID_BYTES, message->bytes, ID_BYTES);
    XXH128_hash_t id = XXH3_128bits_withSeed(names, sizeof(names), recent->key);
    XXH128_hash_t content =
        XXH3_128bits_withSecret(body.data, body.size, recent->secret, sizeof(recent->secret));
    return (struct recent_message){.id = {id.low64, id.high64},
                                   .body = {content.low64, content.high64},
                                   .unix_ms = message_id_unix_ms(message)};
}

static uint32_t *bucket_of(const struct recent *recent, const struct recent_message *message)
{
    return &recent->buckets[message->id[0] & (recent->capacity - 1)];
}

static struct recent_entry *entry_find(const struct recent *recent,
                                       const struct recent_message *message)
{
    for (uint32_t i = *bucket_of(recent, message); i != NONE; i = recent->entries[i].next) {
        struct recent_entry *entry = &recent->entries[i];
        if (entry->message.id[0] == message->id[0] && entry->message.id[1] == message->id[1]) {
            return entry;
        }
    }
    return NULL;
}

enum recent_verdict recent_judge(const struct recent *recent, const struct recent_message *message)
{
    const struct recent_entry *entry = entry_find(recent, message);
    if (entry != NULL) {
        return memcmp(entry->message.body, message->body, sizeof(message->body)) == 0
                   ? RECENT_SAME
                   : RECENT_OTHER;
    }
    return message->unix_ms > recent->horizon_ms ? RECENT_NEW : RECENT_UNKNOWN;
}

bool recent_has_room(const struct recent *recent, uint32_t messages)
{
    return recent->count - recent->durable + messages <= recent->capacity;
}

static void entry_unlink(struct recent *recent, struct recent_entry *entry)
{
    uint32_t place = (uint32_t)(entry - recent->entries);
    uint32_t *link = bucket_of(recent, &entry->message);
    while (*link != place) {
        link = &recent->entries[*link].next;
    }
    *link = entry->next;
    entry->is_replaced = true;
}

/* The ring is full: its oldest one goes, and nothing is known about its time any more. */
static void oldest_forget(struct recent *recent)
{
    struct recent_entry *oldest = &recent->entries[recent->count & (recent->capacity - 1)];
    COLUMBA_ASSERT(recent->count - recent->capacity < recent->durable);
    if (!oldest->is_replaced) {
        entry_unlink(recent, oldest);
        recent->horizon_ms = oldest->message.unix_ms > recent->horizon_ms ? oldest->message.unix_ms
                                                                          : recent->horizon_ms;
    }
}

void recent_put(struct recent *recent, const struct recent_message *message)
{
    struct recent_entry *known = entry_find(recent, message);
    if (known != NULL && memcmp(known->message.body, message->body, sizeof(message->body)) == 0) {
        return;
    }
    if (known != NULL) {
        entry_unlink(recent, known);
    }
    if (recent->count >= recent->capacity) {
        oldest_forget(recent);
    }
    uint32_t place = (uint32_t)(recent->count++ & (recent->capacity - 1));
    uint32_t *bucket = bucket_of(recent, message);
    recent->entries[place] = (struct recent_entry){.message = *message, .next = *bucket};
    *bucket = place;
    if (message->unix_ms > recent->newest_ms) {
        recent->newest_ms = message->unix_ms;
    }
}

bool recent_batch_close(struct recent *recent, uint64_t batch)
{
    recent->closed = recent->count;
    recent->closed_batch = batch;
    if (recent->newest_ms <= recent->bound_ms) {
        return false;
    }
    recent->bound_ms = recent->newest_ms + RECENT_LEASE_MS;
    id_bound_encode(recent->bound_ms, recent->bound_row);
    return true;
}

void recent_committed(struct recent *recent, uint64_t batch)
{
    if (batch >= recent->closed_batch) {
        recent->durable = recent->closed;
    }
}
