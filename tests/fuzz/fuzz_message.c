/* Each message: the first byte is its type, the rest its payload. What decodes is encoded and
 * decoded again, and has to come out the same. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proto/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice encode(const struct message *message, struct arena *arena)
{
    struct codec_encoding encoding;
    enum columba_error error = codec_prepare(message, arena, &encoding);
    /* A longer form than the one read may not fit any more; a full arena may say so. */
    if (error != COLUMBA_OK) {
        COLUMBA_ASSERT(error == ERR_TOO_LARGE || error == ERR_NO_MEMORY);
        return slice_of(NULL, 0);
    }
    uint8_t *bytes = malloc(FRAME_HEADER_BYTES + encoding.payload_bytes);
    COLUMBA_ASSERT(bytes != NULL);
    codec_encode(&encoding, 1, 1, bytes);
    return slice_of(bytes, FRAME_HEADER_BYTES + encoding.payload_bytes);
}

static void check(uint8_t type, struct slice payload, struct arena *arena)
{
    struct message message, again;
    if (codec_decode(type, payload, arena, &message) != COLUMBA_OK) {
        return;
    }
    struct slice once = encode(&message, arena);
    if (once.size == 0) {
        return;
    }
    struct slice body = slice_of(once.data + FRAME_HEADER_BYTES, once.size - FRAME_HEADER_BYTES);
    enum columba_error error = codec_decode(type, body, arena, &again);
    COLUMBA_ASSERT(error == COLUMBA_OK || error == ERR_NO_MEMORY);
    if (error == COLUMBA_OK) {
        struct slice twice = encode(&again, arena);
        COLUMBA_ASSERT(twice.size == 0 || slice_equal(once, twice));
        free((void *)(uintptr_t)twice.data);
    }
    free((void *)(uintptr_t)once.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size == 0) {
        return 0;
    }
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    check(data[0], slice_of(data + 1, size - 1), &arena);
    arena_clear(&arena);
    return 0;
}
