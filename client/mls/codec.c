#include "client/mls/codec.h"

#include <sodium.h>

#include "base/bytes.h"
#include "client/mls/limits.h"

/* Every vector's content starts as if its length took four bytes, and is moved down at close. */
#define OPEN_BYTES 4u
#define BUFFER_FIRST_BYTES 256u

uint32_t mls_read_length(struct reader *reader)
{
    uint8_t first = reader_u8(reader);
    uint32_t size = first & 0x3f;
    switch (first >> 6) {
    case 0:
        return size;
    case 1:
        size = size << 8 | reader_u8(reader);
        reader->failed = reader->failed || size < 64;
        return size;
    case 2:
        size = size << 8 | reader_u8(reader);
        size = size << 16 | reader_u16(reader);
        reader->failed = reader->failed || size < 16384;
        return size;
    default:
        reader->failed = true;
        return 0;
    }
}

struct slice mls_read_vector(struct reader *reader)
{
    uint32_t size = mls_read_length(reader);
    return reader_bytes(reader, size);
}

bool mls_read_optional(struct reader *reader)
{
    uint8_t present = reader_u8(reader);
    reader->failed = reader->failed || present > 1;
    return !reader->failed && present == 1;
}

struct slice mls_read_since(const struct reader *reader, const uint8_t *start)
{
    return reader->failed ? slice_of(NULL, 0) : slice_of(start, (size_t)(reader->at - start));
}

size_t mls_length_size(size_t size)
{
    return size < 64 ? 1 : size < 16384 ? 2 : 4;
}

size_t mls_length_put(uint8_t out[4], size_t size)
{
    size_t width = mls_length_size(size);
    if (width == 1) {
        out[0] = (uint8_t)size;
    } else if (width == 2) {
        bytes_put_u16_be(out, (uint16_t)(size | 0x4000u));
    } else {
        bytes_put_u32_be(out, (uint32_t)size | 0x80000000u);
    }
    return width;
}

void mls_buffer_clear(struct mls_buffer *buffer)
{
    if (buffer->data != NULL) {
        sodium_memzero(buffer->data, buffer->capacity);
        memory_release(buffer->memory, buffer->data);
    }
    *buffer = mls_buffer_of(buffer->memory);
}

struct slice mls_buffer_done(const struct mls_buffer *buffer)
{
    return buffer->failed ? slice_of(NULL, 0) : slice_of(buffer->data, buffer->size);
}

static bool buffer_grow(struct mls_buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity == 0 ? BUFFER_FIRST_BYTES : buffer->capacity;
    while (capacity < needed) {
        capacity *= 2;
    }
    uint8_t *data = memory_allocate(buffer->memory, capacity);
    if (data == NULL) {
        return false;
    }
    if (buffer->data != NULL) {
        memcpy(data, buffer->data, buffer->size);
        sodium_memzero(buffer->data, buffer->capacity);
        memory_release(buffer->memory, buffer->data);
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

uint8_t *mls_buffer_extend(struct mls_buffer *buffer, size_t size)
{
    if (buffer->failed) {
        return NULL;
    }
    if (size > MLS_MESSAGE_MAX_BYTES || buffer->size + size > MLS_MESSAGE_MAX_BYTES ||
        (buffer->size + size > buffer->capacity && !buffer_grow(buffer, buffer->size + size))) {
        buffer->failed = true;
        return NULL;
    }
    uint8_t *room = buffer->data + buffer->size;
    buffer->size += size;
    return room;
}

void mls_write_bytes(struct mls_buffer *buffer, struct slice bytes)
{
    if (bytes.size == 0) {
        return;
    }
    uint8_t *room = mls_buffer_extend(buffer, bytes.size);
    if (room != NULL) {
        memcpy(room, bytes.data, bytes.size);
    }
}

void mls_write_u8(struct mls_buffer *buffer, uint8_t value)
{
    mls_write_bytes(buffer, slice_of(&value, 1));
}

void mls_write_u16(struct mls_buffer *buffer, uint16_t value)
{
    uint8_t bytes[2];
    bytes_put_u16_be(bytes, value);
    mls_write_bytes(buffer, slice_of(bytes, sizeof(bytes)));
}

void mls_write_u32(struct mls_buffer *buffer, uint32_t value)
{
    uint8_t bytes[4];
    bytes_put_u32_be(bytes, value);
    mls_write_bytes(buffer, slice_of(bytes, sizeof(bytes)));
}

void mls_write_u64(struct mls_buffer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    bytes_put_u64_be(bytes, value);
    mls_write_bytes(buffer, slice_of(bytes, sizeof(bytes)));
}

void mls_write_vector(struct mls_buffer *buffer, struct slice content)
{
    uint8_t length[4];
    mls_write_bytes(buffer, slice_of(length, mls_length_put(length, content.size)));
    mls_write_bytes(buffer, content);
}

size_t mls_write_open(struct mls_buffer *buffer)
{
    (void)mls_buffer_extend(buffer, OPEN_BYTES);
    return buffer->size;
}

void mls_write_close(struct mls_buffer *buffer, size_t mark)
{
    if (buffer->failed) {
        return;
    }
    size_t size = buffer->size - mark;
    uint8_t length[4];
    size_t width = mls_length_put(length, size);
    uint8_t *start = buffer->data + mark - OPEN_BYTES;
    memmove(start + width, start + OPEN_BYTES, size);
    memcpy(start, length, width);
    buffer->size -= OPEN_BYTES - width;
}
