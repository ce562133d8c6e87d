/* A stream as it comes off the network: frames, one after the other, until something is wrong. */
#include "base/limits.h"
#include "proto/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    while (size >= FRAME_HEADER_BYTES) {
        struct frame frame;
        struct message message;
        if (frame_header_decode(data, &frame) != COLUMBA_OK ||
            size - FRAME_HEADER_BYTES < frame.payload_bytes) {
            break;
        }
        struct slice payload = slice_of(data + FRAME_HEADER_BYTES, frame.payload_bytes);
        /* Looked at, but not believed: the fuzzer does not find checksums. */
        (void)frame_is_intact(data, payload);
        (void)codec_decode(frame.type, payload, &arena, &message);
        data += FRAME_HEADER_BYTES + frame.payload_bytes;
        size -= FRAME_HEADER_BYTES + frame.payload_bytes;
    }
    arena_clear(&arena);
    return 0;
}
