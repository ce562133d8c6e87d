#include "base/cursor.h"

#include "base/bytes.h"

#define VARINT_MAX_BYTES 10

static const uint8_t *reader_take(struct reader *reader, size_t size)
{
    if (reader->failed || (size_t)(reader->end - reader->at) < size) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *taken = reader->at;
    reader->at += size;
    return taken;
}

struct slice reader_bytes(struct reader *reader, size_t size)
{
    const uint8_t *taken = reader_take(reader, size);
    return slice_of(taken, taken == NULL ? 0 : size);
}

uint8_t reader_u8(struct reader *reader)
{
    const uint8_t *taken = reader_take(reader, 1);
    return taken == NULL ? 0 : *taken;
}

uint16_t reader_u16(struct reader *reader)
{
    const uint8_t *taken = reader_take(reader, 2);
    return taken == NULL ? 0 : bytes_get_u16_be(taken);
}

uint32_t reader_u32(struct reader *reader)
{
    const uint8_t *taken = reader_take(reader, 4);
    return taken == NULL ? 0 : bytes_get_u32_be(taken);
}

uint64_t reader_u64(struct reader *reader)
{
    const uint8_t *taken = reader_take(reader, 8);
    return taken == NULL ? 0 : bytes_get_u64_be(taken);
}

static uint64_t long_varint(struct reader *reader)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_MAX_BYTES; i++) {
        uint8_t byte = reader_u8(reader);
        if (i == VARINT_MAX_BYTES - 1 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            bool longer_than_needed = i > 0 && byte == 0;
            reader->failed = reader->failed || longer_than_needed;
            return reader->failed ? 0 : value;
        }
    }
    reader->failed = true;
    return 0;
}

uint64_t reader_varint(struct reader *reader)
{
    /* Most are lengths of one byte or two. */
    const uint8_t *at = reader->at;
    size_t left = reader_left(reader);
    if (left > 0 && at[0] < 0x80) {
        reader->at += 1;
        return at[0];
    }
    if (left > 1 && at[1] < 0x80 && at[1] != 0) {
        reader->at += 2;
        return (uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7;
    }
    return long_varint(reader);
}

struct id reader_id(struct reader *reader)
{
    struct id id = {{0}};
    const uint8_t *taken = reader_take(reader, ID_BYTES);
    if (taken != NULL) {
        memcpy(id.bytes, taken, ID_BYTES);
    }
    return id;
}

struct slice reader_sized(struct reader *reader)
{
    uint64_t size = reader_varint(reader);
    if (size > reader_left(reader)) {
        reader->failed = true;
        return slice_of(NULL, 0);
    }
    return reader_bytes(reader, (size_t)size);
}

static uint8_t *writer_take(struct writer *writer, size_t size)
{
    if (writer->failed || (size_t)(writer->end - writer->at) < size) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *taken = writer->at;
    writer->at += size;
    return taken;
}

void writer_bytes(struct writer *writer, struct slice bytes)
{
    uint8_t *taken = writer_take(writer, bytes.size);
    if (taken != NULL && bytes.size > 0) {
        memcpy(taken, bytes.data, bytes.size);
    }
}

void writer_u8(struct writer *writer, uint8_t value)
{
    uint8_t *taken = writer_take(writer, 1);
    if (taken != NULL) {
        *taken = value;
    }
}

void writer_u16(struct writer *writer, uint16_t value)
{
    uint8_t *taken = writer_take(writer, 2);
    if (taken != NULL) {
        bytes_put_u16_be(taken, value);
    }
}

void writer_u32(struct writer *writer, uint32_t value)
{
    uint8_t *taken = writer_take(writer, 4);
    if (taken != NULL) {
        bytes_put_u32_be(taken, value);
    }
}

void writer_u64(struct writer *writer, uint64_t value)
{
    uint8_t *taken = writer_take(writer, 8);
    if (taken != NULL) {
        bytes_put_u64_be(taken, value);
    }
}

void writer_varint(struct writer *writer, uint64_t value)
{
    while (value >= 0x80) {
        writer_u8(writer, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    writer_u8(writer, (uint8_t)value);
}

void writer_id(struct writer *writer, const struct id *id)
{
    writer_bytes(writer, slice_of(id->bytes, ID_BYTES));
}

void writer_sized(struct writer *writer, struct slice bytes)
{
    writer_varint(writer, bytes.size);
    writer_bytes(writer, bytes);
}

size_t varint_size(uint64_t value)
{
    size_t size = 1;
    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
}
