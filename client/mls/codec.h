/*
 * The TLS presentation language as MLS uses it (RFC 9420 section 2.1): big-endian integers and
 * vectors whose length is a variable-size integer of 1, 2 or 4 bytes in its shortest form.
 *
 * Reading is base/cursor.h plus vectors: views into the input, failing once and staying failed.
 * Writing goes into a growing buffer that also fails once and stays failed (no memory, or past
 * MLS_MESSAGE_MAX_BYTES). Buffers are wiped when they grow or go, since many hold secrets.
 */
#ifndef COLUMBA_MLS_CODEC_H
#define COLUMBA_MLS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/memory.h"
#include "base/slice.h"
#include "client/mls/buffer.h"

/* A vector's length; fails on forms longer than needed and on the reserved prefix. */
uint32_t mls_read_length(struct reader *reader);
/* A vector's content. */
struct slice mls_read_vector(struct reader *reader);
/* optional<T>: fails on anything but 0 and 1. */
bool mls_read_optional(struct reader *reader);
/* Everything from `start` up to where the reader stands. */
struct slice mls_read_since(const struct reader *reader, const uint8_t *start);

/* Bytes of the length field for a vector of this size. */
size_t mls_length_size(size_t size);
/* Writes a length field, 1 to 4 bytes; returns their number. */
size_t mls_length_put(uint8_t out[4], size_t size);

void mls_write_bytes(struct mls_buffer *buffer, struct slice bytes);
void mls_write_u8(struct mls_buffer *buffer, uint8_t value);
void mls_write_u16(struct mls_buffer *buffer, uint16_t value);
void mls_write_u32(struct mls_buffer *buffer, uint32_t value);
void mls_write_u64(struct mls_buffer *buffer, uint64_t value);
void mls_write_vector(struct mls_buffer *buffer, struct slice content);
/* A vector of what is written between the two calls; `open` returns what `close` needs. */
size_t mls_write_open(struct mls_buffer *buffer);
void mls_write_close(struct mls_buffer *buffer, size_t mark);

#endif
