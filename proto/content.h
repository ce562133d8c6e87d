/*
 * The immutable part of a message: one cell, made by the sender, never opened by a node beyond its
 * envelope.
 *
 *   [format u8 = 1][flags u8][type u8][created_at_ms u64][epoch varint]
 *   [sender's name sized][body sized][media url sized]
 *
 *   flags: 1 the body is sealed (client side encryption). Other bits are refused.
 *   type:  1 text, 2 image, 3 file, 4 audio, 5 video, 6 system; others pass unchanged
 */
#ifndef COLUMBA_PROTO_CONTENT_H
#define COLUMBA_PROTO_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

#define CONTENT_FORMAT 1u
#define CONTENT_TYPE_TEXT 1u
#define CONTENT_MEDIA_URL_MAX_BYTES 2048u

struct content {
    bool is_encrypted;
    uint8_t type;
    uint64_t created_at_ms;
    uint64_t epoch;
    struct slice sender; /* name (base/name.h); its hash is the sender's id */
    struct slice body;   /* at most BODY_MAX_BYTES */
    struct slice media_url;
};

size_t content_size(const struct content *content);
/* Writes content_size bytes. */
void content_encode(const struct content *content, uint8_t *out_bytes);
/* Views into `bytes`. ERR_MALFORMED; ERR_TOO_LARGE for a body or a name over its limit; ERR_INVALID
 * for a sender's name that is none (base/name.h). */
enum columba_error content_decode(struct slice bytes, struct content *out_content);

#endif
