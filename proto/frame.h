/*
 * Frames: how messages lie on a TCP stream. Big-endian.
 *
 *   0  u32  payload length, at most FRAME_PAYLOAD_MAX_BYTES
 *   4  u8   frame format, 1
 *   5  u8   message type (message.h)
 *   6  u16  zero
 *   8  u64  request id: chosen by the asker, repeated in the answer
 *  16  u64  the sender's hybrid clock (base/hlc.h)
 *  24  u32  low half of XXH3-64 over the first 24 bytes and the payload's XXH3-64 (8 bytes)
 *  28  payload: the message, protobuf
 *
 * Another frame format, a nonzero reserved field, a length over the limit or a wrong checksum ends
 * the connection: after any of them the stream cannot be trusted.
 */
#ifndef COLUMBA_PROTO_FRAME_H
#define COLUMBA_PROTO_FRAME_H

#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

#define FRAME_FORMAT 1u
#define FRAME_HEADER_BYTES 28u

struct frame {
    uint32_t payload_bytes;
    uint8_t type;
    uint64_t request_id;
    uint64_t clock;
    uint32_t checksum;
};

/* Reads the header in the first FRAME_HEADER_BYTES of `bytes` (which must be there).
 * ERR_PROTOCOL_VERSION, ERR_MALFORMED, ERR_TOO_LARGE. */
enum columba_error frame_header_decode(const uint8_t *bytes, struct frame *out_frame);
/* Is the checksum that of this header and payload? */
bool frame_is_intact(const uint8_t *header, struct slice payload);
/* Writes the header in front of the payload that already stands at header + FRAME_HEADER_BYTES. */
void frame_header_encode(uint8_t *header, const struct frame *frame);

#endif
