/*
 * Byte cursors: a reader over a slice and a writer into a caller's buffer. Both fail once and stay
 * failed: after the first step out of bounds every further one does nothing, and `failed` is asked
 * once at the end. Integers are big-endian; varints are LEB128 in their shortest form.
 */
#ifndef COLUMBA_BASE_CURSOR_H
#define COLUMBA_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/slice.h"

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct reader reader_of(struct slice bytes)
{
    /* An empty slice may have no pointer, to which not even 0 may be added. */
    static const uint8_t nothing[1];
    const uint8_t *at = bytes.data == NULL ? nothing : bytes.data;
    return (struct reader){.at = at, .end = at + bytes.size};
}

static inline size_t reader_left(const struct reader *reader)
{
    return reader->failed ? 0 : (size_t)(reader->end - reader->at);
}

/* All read, nothing failed. */
static inline bool reader_is_done(const struct reader *reader)
{
    return !reader->failed && reader->at == reader->end;
}

/* A view of the next bytes; empty once failed. */
struct slice reader_bytes(struct reader *reader, size_t size);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
/* Fails on more than 64 bits and on forms longer than needed. */
uint64_t reader_varint(struct reader *reader);
struct id reader_id(struct reader *reader);
/* A varint length, then that many bytes. */
struct slice reader_sized(struct reader *reader);

struct writer {
    uint8_t *begin;
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

static inline struct writer writer_of(uint8_t *buffer, size_t size)
{
    return (struct writer){.begin = buffer, .at = buffer, .end = buffer + size};
}

/* What was written so far; empty once failed. */
static inline struct slice writer_done(const struct writer *writer)
{
    return slice_of(writer->begin, writer->failed ? 0 : (size_t)(writer->at - writer->begin));
}

void writer_bytes(struct writer *writer, struct slice bytes);
void writer_u8(struct writer *writer, uint8_t value);
void writer_u16(struct writer *writer, uint16_t value);
void writer_u32(struct writer *writer, uint32_t value);
void writer_u64(struct writer *writer, uint64_t value);
void writer_varint(struct writer *writer, uint64_t value);
void writer_id(struct writer *writer, const struct id *id);
void writer_sized(struct writer *writer, struct slice bytes);

size_t varint_size(uint64_t value);

#endif
