/*
 * Messages to protobuf and back. Decoding first walks the wire bytes with the schema in hand and
 * refuses what has too many elements, unknown wire types or bad nesting, before anything is
 * allocated; then it unpacks into the caller's arena. Bytes fields of the result are views into
 * the payload or the arena.
 */
#ifndef COLUMBA_PROTO_CODEC_H
#define COLUMBA_PROTO_CODEC_H

#include "base/arena.h"
#include "proto/frame.h"
#include "proto/message.h"

/* Encoded size of the payload. ERR_TOO_LARGE if over FRAME_PAYLOAD_MAX_BYTES. `scratch` holds the
 * intermediate form and must live until codec_encode. */
struct codec_encoding {
    void *form;
    size_t payload_bytes;
    uint8_t type;
};
enum columba_error codec_prepare(const struct message *message, struct arena *scratch,
                                 struct codec_encoding *out_encoding);
/* Writes header and payload: FRAME_HEADER_BYTES + payload_bytes bytes. */
void codec_encode(const struct codec_encoding *encoding, uint64_t request_id, uint64_t clock,
                  uint8_t *out_bytes);

/* ERR_MALFORMED, ERR_TOO_LARGE (too many elements), ERR_NO_MEMORY (the arena's cap),
 * ERR_NOT_SUPPORTED (a type this version does not know). */
enum columba_error codec_decode(uint8_t type, struct slice payload, struct arena *arena,
                                struct message *out_message);

#endif
