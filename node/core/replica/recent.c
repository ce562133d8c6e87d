#include "node/core/replica/recent.h"

#include <xxhash.h>

#include "base/assert.h"

/* At most half full, so that a search ends soon. */
#define SLOTS_PER_MESSAGE 2u

struct recent_slot {
    uint64_t id[2];
    uint64_t body;
    uint64_t generation; /* whose message it is; free, if that is not the table's */
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
    size_t bytes = SLOTS_PER_MESSAGE * capacity * sizeof(struct recent_slot);
    for (unsigned i = 0; i < 2; i++) {
        recent->generations[i].number = i + 1;
        recent->generations[i].slots = memory_allocate_zero(memory, bytes);
    }
    recent->current = &recent->generations[0];
    recent->previous = &recent->generations[1];
    return recent->current->slots == NULL || recent->previous->slots == NULL ? -1 : 0;
}

void recent_clear(struct recent *recent, struct memory *memory)
{
    for (unsigned i = 0; i < 2; i++) {
        memory_release(memory, recent->generations[i].slots);
        recent->generations[i].slots = NULL;
    }
}

struct recent_message recent_message_of(const struct recent *recent, const struct id *conversation,
                                        const struct id *message, struct slice body)
{
    uint8_t names[2 * ID_BYTES];
    memcpy(names, conversation->bytes, ID_BYTES);
    memcpy(names + ID_BYTES, message->bytes, ID_BYTES);
    XXH128_hash_t id = XXH3_128bits_withSeed(names, sizeof(names), recent->key);
    return (struct recent_message){
        .id = {id.low64, id.high64},
        .body =
            XXH3_64bits_withSecret(body.data, body.size, recent->secret, sizeof(recent->secret)),
        .unix_ms = message_id_unix_ms(message)};
}

/* The message's slot, or the free one where it would be. */
static struct recent_slot *slot_find(const struct recent *recent,
                                     const struct recent_generation *generation,
                                     const struct recent_message *message)
{
    uint64_t mask = SLOTS_PER_MESSAGE * (uint64_t)recent->capacity - 1;
    for (uint64_t place = message->id[0];; place++) {
        struct recent_slot *slot = &generation->slots[place & mask];
        if (slot->generation != generation->number ||
            (slot->id[0] == message->id[0] && slot->id[1] == message->id[1])) {
            return slot;
        }
    }
}

static bool is_taken(const struct recent_generation *generation, const struct recent_slot *slot)
{
    return slot->generation == generation->number;
}

/* NULL: not remembered. What came last under an id is in the newer one. */
static const struct recent_slot *message_find(const struct recent *recent,
                                              const struct recent_message *message)
{
    const struct recent_slot *slot = slot_find(recent, recent->current, message);
    if (is_taken(recent->current, slot)) {
        return slot;
    }
    slot = slot_find(recent, recent->previous, message);
    return is_taken(recent->previous, slot) ? slot : NULL;
}

enum recent_verdict recent_judge(const struct recent *recent, const struct recent_message *message)
{
    const struct recent_slot *known = message_find(recent, message);
    if (known != NULL) {
        return known->body == message->body ? RECENT_SAME : RECENT_OTHER;
    }
    return message->unix_ms > recent->horizon_ms ? RECENT_NEW : RECENT_UNKNOWN;
}

static bool previous_is_durable(const struct recent *recent)
{
    return recent->previous->last <= recent->durable;
}

bool recent_has_room(const struct recent *recent, uint32_t messages)
{
    return recent->current->count + messages <= recent->capacity ||
           (messages <= recent->capacity && previous_is_durable(recent));
}

static uint64_t later_of(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

/* The older generation is forgotten, and nothing is known about its time any more. Its table is
 * the next one's: a new number makes every slot of it free. */
static void generation_turn(struct recent *recent)
{
    struct recent_generation *oldest = recent->previous;
    COLUMBA_ASSERT(previous_is_durable(recent));
    recent->horizon_ms = later_of(recent->horizon_ms, oldest->newest_ms);
    *oldest =
        (struct recent_generation){.slots = oldest->slots, .number = recent->current->number + 1};
    recent->previous = recent->current;
    recent->current = oldest;
}

void recent_put(struct recent *recent, const struct recent_message *message)
{
    const struct recent_slot *known = message_find(recent, message);
    if (known != NULL && known->body == message->body) {
        return;
    }
    struct recent_slot *slot = slot_find(recent, recent->current, message);
    if (!is_taken(recent->current, slot)) {
        if (recent->current->count == recent->capacity) {
            generation_turn(recent);
            slot = slot_find(recent, recent->current, message);
        }
        recent->current->count++;
    }
    struct recent_generation *current = recent->current;
    *slot = (struct recent_slot){.id = {message->id[0], message->id[1]},
                                 .body = message->body,
                                 .generation = current->number};
    current->last = ++recent->count;
    current->newest_ms = later_of(current->newest_ms, message->unix_ms);
    recent->newest_ms = later_of(recent->newest_ms, message->unix_ms);
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
