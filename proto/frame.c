#include "proto/frame.h"

#include <stddef.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/limits.h"

#define OFFSET_FORMAT 4
#define OFFSET_TYPE 5
#define OFFSET_RESERVED 6
#define OFFSET_REQUEST_ID 8
#define OFFSET_CLOCK 16
#define OFFSET_CHECKSUM 24

/* The payload's hash takes its place in a copy of the header, so one checksum covers both pieces
 * although they lie on two sides of it. */
static uint32_t checksum_of(const uint8_t *header, struct slice payload)
{
    uint8_t covered[OFFSET_CHECKSUM + sizeof(uint64_t)];
    memcpy(covered, header, OFFSET_CHECKSUM);
    bytes_put_u64_be(covered + OFFSET_CHECKSUM, XXH3_64bits(payload.data, payload.size));
    return (uint32_t)XXH3_64bits(covered, sizeof(covered));
}

enum columba_error frame_header_decode(const uint8_t *bytes, struct frame *out_frame)
{
    if (bytes[OFFSET_FORMAT] != FRAME_FORMAT) {
        return ERR_PROTOCOL_VERSION;
    }
    if (bytes_get_u16_be(bytes + OFFSET_RESERVED) != 0) {
        return ERR_MALFORMED;
    }
    uint32_t payload_bytes = bytes_get_u32_be(bytes);
    if (payload_bytes > FRAME_PAYLOAD_MAX_BYTES) {
        return ERR_TOO_LARGE;
    }
    *out_frame = (struct frame){
        .payload_bytes = payload_bytes,
        .type = bytes[OFFSET_TYPE],
        .request_id = bytes_get_u64_be(bytes + OFFSET_REQUEST_ID),
        .clock = bytes_get_u64_be(bytes + OFFSET_CLOCK),
        .checksum = bytes_get_u32_be(bytes + OFFSET_CHECKSUM),
    };
    return COLUMBA_OK;
}

bool frame_is_intact(const uint8_t *header, struct slice payload)
{
    return bytes_get_u32_be(header + OFFSET_CHECKSUM) == checksum_of(header, payload);
}

void frame_header_encode(uint8_t *header, const struct frame *frame)
{
    COLUMBA_ASSERT(frame->payload_bytes <= FRAME_PAYLOAD_MAX_BYTES);
    bytes_put_u32_be(header, frame->payload_bytes);
    header[OFFSET_FORMAT] = FRAME_FORMAT;
    header[OFFSET_TYPE] = frame->type;
    bytes_put_u16_be(header + OFFSET_RESERVED, 0);
    bytes_put_u64_be(header + OFFSET_REQUEST_ID, frame->request_id);
    bytes_put_u64_be(header + OFFSET_CLOCK, frame->clock);
    struct slice payload = slice_of(header + FRAME_HEADER_BYTES, frame->payload_bytes);
    bytes_put_u32_be(header + OFFSET_CHECKSUM, checksum_of(header, payload));
}
