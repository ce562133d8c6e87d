/*
 * Application state in one packed block. Merging walks two blocks that are ascending by key and
 * writes a third, which then replaces the first: nothing is half changed when memory runs out.
 */
#include "gossip/state.h"

#include "base/assert.h"
#include "base/cursor.h"

/* Blocks grow in such steps, so that a value of changing length seldom moves its block. */
#define BLOCK_STEP_BYTES 16u

static const struct {
    const char *text;
    size_t max_bytes;
} keys[GOSSIP_KEY_COUNT] = {
#define X(name, number, text, max_bytes) [number] = {text, max_bytes},
    GOSSIP_KEY_TABLE(X)
#undef X
};

/* A key, a version of at most 10 bytes and a length of at most 2 for each. */
#define X(name, number, text, max_bytes) +(max_bytes) + 13
_Static_assert(0 GOSSIP_KEY_TABLE(X) <= GOSSIP_STATE_MAX_BYTES, "every key at its longest fits");
#undef X

const char *gossip_key_text(enum gossip_key key)
{
    return (unsigned)key < GOSSIP_KEY_COUNT ? keys[key].text : NULL;
}

size_t gossip_key_max_bytes(enum gossip_key key)
{
    return (unsigned)key < GOSSIP_KEY_COUNT ? keys[key].max_bytes : 0;
}

void gossip_state_clear(struct gossip_state *state, struct memory *memory)
{
    memory_release(memory, state->block);
    *state = (struct gossip_state){0};
}

static struct slice block_view(const struct gossip_state *state)
{
    return slice_of(state->block == NULL ? (const uint8_t *)"" : state->block, state->size);
}

struct value {
    unsigned key;
    uint64_t version;
    struct slice bytes;
    struct slice packed; /* all of it */
};

#define KEY_END 256u

/* The next value, or one with key KEY_END. */
static struct value value_read(struct reader *reader)
{
    if (reader_left(reader) == 0) {
        return (struct value){.key = KEY_END};
    }
    const uint8_t *begin = reader->at;
    struct value value = {.key = reader_u8(reader)};
    value.version = reader_varint(reader);
    value.bytes = reader_sized(reader);
    value.packed = slice_of(begin, (size_t)(reader->at - begin));
    return value;
}

bool gossip_state_is_valid(struct slice packed, uint64_t version)
{
    if (packed.size > GOSSIP_STATE_MAX_BYTES) {
        return false;
    }
    struct reader reader = reader_of(packed);
    unsigned key_min = 0;
    while (reader_left(&reader) > 0) {
        struct value value = value_read(&reader);
        bool is_known = value.key < GOSSIP_KEY_COUNT;
        if (value.key < key_min || value.version == 0 || value.version > version ||
            (is_known && value.bytes.size > keys[value.key].max_bytes)) {
            return false;
        }
        key_min = value.key + 1;
    }
    return !reader.failed;
}

static enum columba_error block_store(struct gossip_state *state, struct memory *memory,
                                      struct slice packed)
{
    if (packed.size > state->capacity) {
        size_t capacity = (packed.size + BLOCK_STEP_BYTES - 1) / BLOCK_STEP_BYTES;
        capacity *= BLOCK_STEP_BYTES;
        uint8_t *block = memory_allocate(memory, capacity);
        if (block == NULL) {
            return ERR_NO_MEMORY;
        }
        memory_release(memory, state->block);
        state->block = block;
        state->capacity = (uint16_t)capacity;
    }
    if (packed.size > 0) {
        memcpy(state->block, packed.data, packed.size);
    }
    state->size = (uint16_t)packed.size;
    return COLUMBA_OK;
}

enum columba_error gossip_state_merge(struct gossip_state *state, struct memory *memory,
                                      struct slice packed, uint64_t version, bool replace)
{
    uint8_t merged[GOSSIP_STATE_MAX_BYTES];
    struct writer writer = writer_of(merged, sizeof merged);
    struct reader old_reader = reader_of(block_view(state));
    struct reader new_reader = reader_of(packed);
    if (replace) {
        old_reader.end = old_reader.at;
    }
    struct value old = value_read(&old_reader);
    struct value new = value_read(&new_reader);
    while (old.key != KEY_END || new.key != KEY_END) {
        unsigned key = old.key < new.key ? old.key : new.key;
        bool take_new = new.key == key && (old.key != key || new.version > old.version);
        writer_bytes(&writer, take_new ? new.packed : old.packed);
        if (old.key == key) {
            old = value_read(&old_reader);
        }
        if (new.key == key) {
            new = value_read(&new_reader);
        }
    }
    if (writer.failed) {
        return ERR_TOO_LARGE;
    }
    enum columba_error error = block_store(state, memory, writer_done(&writer));
    if (error == COLUMBA_OK) {
        state->version = version;
    }
    return error;
}

struct slice gossip_state_get(const struct gossip_state *state, enum gossip_key key)
{
    struct reader reader = reader_of(block_view(state));
    while (reader_left(&reader) > 0) {
        struct value value = value_read(&reader);
        if (value.key == (unsigned)key) {
            return value.bytes;
        }
    }
    return slice_of(NULL, 0);
}

size_t gossip_state_after(const struct gossip_state *state, uint64_t after, uint8_t *out)
{
    struct writer writer = writer_of(out, GOSSIP_STATE_MAX_BYTES);
    struct reader reader = reader_of(block_view(state));
    while (reader_left(&reader) > 0) {
        struct value value = value_read(&reader);
        if (value.version > after) {
            writer_bytes(&writer, value.packed);
        }
    }
    COLUMBA_ASSERT(!writer.failed);
    return writer_done(&writer).size;
}
