#include "proto/walk.h"

#include "base/assert.h"
#include "base/limits.h"

#define FIELD_NUMBER_MAX ((1u << 29) - 1)
/* Longer forms of a tag are what protobuf-c itself refuses. */
#define TAG_MAX_BYTES 5u
#define VARINT_MAX_BYTES 10u

struct walk {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t elements;
};

static bool walk_varint(struct walk *walk, unsigned bytes_max, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes_max && walk->at < walk->end; i++) {
        uint8_t byte = *walk->at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

static bool walk_skip(struct walk *walk, uint64_t size)
{
    if ((uint64_t)(walk->end - walk->at) < size) {
        return false;
    }
    walk->at += size;
    return true;
}

/* Steps over a value; a length-prefixed one is left in out_bytes. */
static bool walk_value(struct walk *walk, unsigned wire_type, struct slice *out_bytes)
{
    uint64_t number = 0;
    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return walk_varint(walk, VARINT_MAX_BYTES, &number);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return walk_skip(walk, 8);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return walk_skip(walk, 4);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED: {
        if (!walk_varint(walk, TAG_MAX_BYTES, &number)) {
            return false;
        }
        *out_bytes = slice_of(walk->at, (size_t)number);
        return walk_skip(walk, number);
    }
    default:
        return false;
    }
}

static unsigned field_wire_type(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    default:
        /* Bytes, submessages, packed numbers: the schema has no other types. */
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    }
}

static enum columba_error walk_message(const struct walk_shape *shape, struct walk *walk,
                                       unsigned depth);

static enum columba_error walk_known(const struct walk_shape *shape, unsigned index,
                                     struct slice bytes, struct walk *walk, uint32_t *counts,
                                     unsigned depth)
{
    const ProtobufCFieldDescriptor *field = &shape->descriptor->fields[index];
    uint32_t count = 1;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) {
        if (bytes.size % sizeof(uint64_t) != 0 || counts[index] > 0) {
            return ERR_MALFORMED;
        }
        count = (uint32_t)(bytes.size / sizeof(uint64_t));
    }
    if (count > shape->counts_max[index] - counts[index]) {
        return field->label == PROTOBUF_C_LABEL_REPEATED ? ERR_TOO_LARGE : ERR_MALFORMED;
    }
    counts[index] += count;
    if (shape->rows[index] == NULL) {
        return COLUMBA_OK;
    }
    struct walk inner = {
        .at = bytes.data, .end = bytes.data + bytes.size, .elements = walk->elements};
    enum columba_error error = walk_message(shape->rows[index], &inner, depth + 1);
    walk->elements = inner.elements;
    return error;
}

static enum columba_error walk_field(const struct walk_shape *shape, struct walk *walk,
                                     uint32_t *counts, unsigned depth)
{
    uint64_t tag = 0;
    struct slice bytes = {0};
    if (!walk_varint(walk, TAG_MAX_BYTES, &tag)) {
        return ERR_MALFORMED;
    }
    uint64_t number = tag >> 3;
    unsigned wire_type = (unsigned)(tag & 7);
    if (number == 0 || number > FIELD_NUMBER_MAX || !walk_value(walk, wire_type, &bytes)) {
        return ERR_MALFORMED;
    }
    if (++walk->elements > FRAME_ELEMENTS_MAX) {
        return ERR_TOO_LARGE;
    }
    if (number > shape->descriptor->n_fields) {
        return COLUMBA_OK;
    }
    unsigned index = (unsigned)number - 1;
    if (wire_type != field_wire_type(&shape->descriptor->fields[index])) {
        return ERR_MALFORMED;
    }
    return walk_known(shape, index, bytes, walk, counts, depth);
}

static enum columba_error walk_message(const struct walk_shape *shape, struct walk *walk,
                                       unsigned depth)
{
    COLUMBA_ASSERT(depth <= WALK_DEPTH_MAX && shape->descriptor->n_fields <= WALK_FIELDS_MAX);
    uint32_t counts[WALK_FIELDS_MAX] = {0};
    enum columba_error error = COLUMBA_OK;
    while (error == COLUMBA_OK && walk->at < walk->end) {
        error = walk_field(shape, walk, counts, depth);
    }
    return error;
}

enum columba_error walk_check(const struct walk_shape *shape, struct slice payload)
{
    struct walk walk = {.at = payload.data, .end = payload.data + payload.size};
    return walk_message(shape, &walk, 1);
}
