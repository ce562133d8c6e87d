#include "proto/codec.h"

#include <protobuf-c/protobuf-c.h>

#include "base/assert.h"
#include "base/limits.h"
#include "admin.pb-c.h"
#include "client.pb-c.h"
#include "replica.pb-c.h"
#include "sync.pb-c.h"
#include "session.pb-c.h"
#include "proto/fields.h"
#include "proto/walk.h"

_Static_assert(sizeof(struct id) == ID_BYTES, "ids lie in a row without gaps");
_Static_assert(sizeof(struct message_outbox_entry) == 2 * ID_BYTES, "pairs of ids likewise");

/* --- shapes: what the walk before decoding may meet ------------------------------------------ */

#define COUNT_ID(name) 1,
#define COUNT_BYTES(name) 1,
#define COUNT_U32(name) 1,
#define COUNT_U64(name) 1,
#define COUNT_BOOL(name) 1,
#define COUNT_BOOL_AS(name, as) 1,
#define COUNT_ERROR(name) 1,
#define COUNT_FIXED64S(name, count, max) (max),
#define COUNT_IDS(name, count, max, element) 1,
#define COUNT_TEXTS(name, count, max) (max),
#define COUNT_ROWS(name, count, max, row, Row) (max),
#define COUNT_FIELD(kind, ...) COUNT_##kind(__VA_ARGS__)

#define SHAPE_ID(name) NULL,
#define SHAPE_BYTES(name) NULL,
#define SHAPE_U32(name) NULL,
#define SHAPE_U64(name) NULL,
#define SHAPE_BOOL(name) NULL,
#define SHAPE_BOOL_AS(name, as) NULL,
#define SHAPE_ERROR(name) NULL,
#define SHAPE_FIXED64S(name, count, max) NULL,
#define SHAPE_IDS(name, count, max, element) NULL,
#define SHAPE_TEXTS(name, count, max) NULL,
#define SHAPE_ROWS(name, count, max, row, Row) &shape_##row,
#define SHAPE_FIELD(kind, ...) SHAPE_##kind(__VA_ARGS__)

#define DEFINE_SHAPE(Type, TABLE, name)                                                            \
    static const struct walk_shape shape_##name = {                                                \
        .descriptor = &columba__##name##__descriptor,                                              \
        .counts_max = (const uint32_t[]){TABLE##_FIELDS(COUNT_FIELD)},                             \
        .rows = (const struct walk_shape *const[]){TABLE##_FIELDS(SHAPE_FIELD)},                   \
    };                                                                                             \
    _Static_assert(sizeof((uint32_t[]){TABLE##_FIELDS(COUNT_FIELD)}) <=                            \
                       WALK_FIELDS_MAX * sizeof(uint32_t),                                         \
                   "the walk has room for every field");

CODEC_ROWS(DEFINE_SHAPE)
#define X(NAME, number, member, Type) DEFINE_SHAPE(Type, NAME, member)
MESSAGE_TYPES(X)
#undef X

/* --- plain structs to protobuf-c's ----------------------------------------------------------- */

/* protobuf-c's forms are not const; packing only reads them. */
static ProtobufCBinaryData binary_of(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
}

static enum columba_error encode_texts(const struct slice *texts, uint32_t count,
                                       struct arena *arena, ProtobufCBinaryData **out)
{
    ProtobufCBinaryData *copies = arena_allocate_array(arena, count, sizeof(*copies));
    if (copies == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        copies[i] = binary_of(texts[i].data, texts[i].size);
    }
    *out = copies;
    return COLUMBA_OK;
}

#define ENCODE_ID(name)                                                                            \
    out->has_##name = !id_is_zero(&in->name);                                                      \
    out->name = binary_of(in->name.bytes, ID_BYTES);
#define ENCODE_BYTES(name)                                                                         \
    out->has_##name = in->name.size > 0;                                                           \
    out->name = binary_of(in->name.data, in->name.size);
#define ENCODE_NUMBER(name, type)                                                                  \
    out->has_##name = in->name != 0;                                                               \
    out->name = (type)in->name;
#define ENCODE_U32(name) ENCODE_NUMBER(name, uint32_t)
#define ENCODE_U64(name) ENCODE_NUMBER(name, uint64_t)
#define ENCODE_BOOL(name) ENCODE_NUMBER(name, protobuf_c_boolean)
#define ENCODE_BOOL_AS(name, as) out->has_##as = out->as = in->name;
#define ENCODE_ERROR(name) ENCODE_NUMBER(name, uint32_t)
#define ENCODE_LIMIT(count, max)                                                                   \
    if (in->count > (max)) {                                                                       \
        return ERR_TOO_LARGE;                                                                      \
    }
#define ENCODE_FIXED64S(name, count, max)                                                          \
    ENCODE_LIMIT(count, max)                                                                       \
    out->n_##name = in->count;                                                                     \
    out->name = (uint64_t *)(uintptr_t)in->name;
#define ENCODE_IDS(name, count, max, element)                                                      \
    ENCODE_LIMIT(count, max)                                                                       \
    out->has_##name = in->count > 0;                                                               \
    out->name = binary_of(in->name, in->count * sizeof(element));
#define ENCODE_TEXTS(name, count, max)                                                             \
    ENCODE_LIMIT(count, max)                                                                       \
    out->n_##name = in->count;                                                                     \
    if (in->count > 0 && encode_texts(in->name, in->count, arena, &out->name) != COLUMBA_OK) {     \
        return ERR_NO_MEMORY;                                                                      \
    }
#define ENCODE_ROWS(name, count, max, row, Row)                                                    \
    ENCODE_LIMIT(count, max)                                                                       \
    out->n_##name = in->count;                                                                     \
    if (in->count > 0) {                                                                           \
        enum columba_error error = encode_rows_##row(in->name, in->count, arena, &out->name);      \
        if (error != COLUMBA_OK) {                                                                 \
            return error;                                                                          \
        }                                                                                          \
    }
#define ENCODE_FIELD(kind, ...) ENCODE_##kind(__VA_ARGS__)

#define DEFINE_ENCODE(Type, TABLE, name)                                                           \
    static enum columba_error encode_##name(const struct message_##name *in, struct arena *arena,  \
                                            Columba__##Type *out)                                  \
    {                                                                                              \
        (void)arena;                                                                               \
        columba__##name##__init(out);                                                              \
        TABLE##_FIELDS(ENCODE_FIELD) return COLUMBA_OK;                                            \
    }

#define DEFINE_ENCODE_ROWS(Type, TABLE, name)                                                      \
    DEFINE_ENCODE(Type, TABLE, name)                                                               \
    static enum columba_error encode_rows_##name(const struct message_##name *in, uint32_t count,  \
                                                 struct arena *arena, Columba__##Type ***out)      \
    {                                                                                              \
        Columba__##Type **pointers = arena_allocate_array(arena, count, sizeof(*pointers));        \
        Columba__##Type *forms = arena_allocate_array(arena, count, sizeof(*forms));               \
        if (pointers == NULL || forms == NULL) {                                                   \
            return ERR_NO_MEMORY;                                                                  \
        }                                                                                          \
        enum columba_error error = COLUMBA_OK;                                                     \
        for (uint32_t i = 0; i < count && error == COLUMBA_OK; i++) {                              \
            pointers[i] = &forms[i];                                                               \
            error = encode_##name(&in[i], arena, &forms[i]);                                       \
        }                                                                                          \
        *out = pointers;                                                                           \
        return error;                                                                              \
    }

CODEC_ROWS(DEFINE_ENCODE_ROWS)
#define X(NAME, number, member, Type) DEFINE_ENCODE(Type, NAME, member)
MESSAGE_TYPES(X)
#undef X

/* --- and back -------------------------------------------------------------------------------- */

static bool decode_id(protobuf_c_boolean has, ProtobufCBinaryData bytes, struct id *out_id)
{
    if (!has) {
        *out_id = (struct id){{0}};
        return true;
    }
    if (bytes.len != ID_BYTES) {
        return false;
    }
    memcpy(out_id->bytes, bytes.data, ID_BYTES);
    return true;
}

static struct slice *decode_texts(const ProtobufCBinaryData *texts, size_t count,
                                  struct arena *arena)
{
    struct slice *views = arena_allocate_array(arena, count, sizeof(*views));
    for (size_t i = 0; views != NULL && i < count; i++) {
        views[i] = slice_of(texts[i].data, texts[i].len);
    }
    return views;
}

#define DECODE_ID(name)                                                                            \
    if (!decode_id(in->has_##name, in->name, &out->name)) {                                        \
        return ERR_MALFORMED;                                                                      \
    }
#define DECODE_BYTES(name)                                                                         \
    out->name = in->has_##name ? slice_of(in->name.data, in->name.len) : slice_of(NULL, 0);
#define DECODE_NUMBER(name) out->name = in->has_##name ? in->name : 0;
#define DECODE_U32(name) DECODE_NUMBER(name)
#define DECODE_U64(name) DECODE_NUMBER(name)
#define DECODE_BOOL(name) out->name = in->has_##name && in->name;
#define DECODE_BOOL_AS(name, as) out->name = in->has_##as && in->as;
#define DECODE_ERROR(name) out->name = in->has_##name ? error_from_number(in->name) : COLUMBA_OK;
#define DECODE_FIXED64S(name, count, max)                                                          \
    out->count = (uint32_t)in->n_##name;                                                           \
    out->name = in->name;
#define DECODE_IDS(name, count, max, element)                                                      \
    out->name = NULL;                                                                              \
    out->count = 0;                                                                                \
    if (in->has_##name) {                                                                          \
        if (in->name.len % sizeof(element) != 0) {                                                 \
            return ERR_MALFORMED;                                                                  \
        }                                                                                          \
        if (in->name.len / sizeof(element) > (max)) {                                              \
            return ERR_TOO_LARGE;                                                                  \
        }                                                                                          \
        out->name = (const element *)in->name.data;                                                \
        out->count = (uint32_t)(in->name.len / sizeof(element));                                   \
    }
#define DECODE_TEXTS(name, count, max)                                                             \
    out->count = (uint32_t)in->n_##name;                                                           \
    out->name = NULL;                                                                              \
    if (out->count > 0) {                                                                          \
        out->name = decode_texts(in->name, in->n_##name, arena);                                   \
        if (out->name == NULL) {                                                                   \
            return ERR_NO_MEMORY;                                                                  \
        }                                                                                          \
    }
#define DECODE_ROWS(name, count, max, row, Row)                                                    \
    out->count = (uint32_t)in->n_##name;                                                           \
    out->name = NULL;                                                                              \
    if (out->count > 0) {                                                                          \
        enum columba_error error = decode_rows_##row(in->name, out->count, arena, &out->name);     \
        if (error != COLUMBA_OK) {                                                                 \
            return error;                                                                          \
        }                                                                                          \
    }
#define DECODE_FIELD(kind, ...) DECODE_##kind(__VA_ARGS__)

#define DEFINE_DECODE(Type, TABLE, name)                                                           \
    static enum columba_error decode_##name(const Columba__##Type *in, struct arena *arena,        \
                                            struct message_##name *out)                            \
    {                                                                                              \
        (void)arena;                                                                               \
        TABLE##_FIELDS(DECODE_FIELD) return COLUMBA_OK;                                            \
    }

#define DEFINE_DECODE_ROWS(Type, TABLE, name)                                                      \
    DEFINE_DECODE(Type, TABLE, name)                                                               \
    static enum columba_error decode_rows_##name(Columba__##Type *const *in, uint32_t count,       \
                                                 struct arena *arena,                              \
                                                 const struct message_##name **out)                \
    {                                                                                              \
        struct message_##name *rows = arena_allocate_array(arena, count, sizeof(*rows));           \
        if (rows == NULL) {                                                                        \
            return ERR_NO_MEMORY;                                                                  \
        }                                                                                          \
        enum columba_error error = COLUMBA_OK;                                                     \
        for (uint32_t i = 0; i < count && error == COLUMBA_OK; i++) {                              \
            error = decode_##name(in[i], arena, &rows[i]);                                         \
        }                                                                                          \
        *out = rows;                                                                               \
        return error;                                                                              \
    }

CODEC_ROWS(DEFINE_DECODE_ROWS)
#define X(NAME, number, member, Type) DEFINE_DECODE(Type, NAME, member)
MESSAGE_TYPES(X)
#undef X

/* --- by message type ------------------------------------------------------------------------- */

static const struct walk_shape *shape_of_type(uint8_t type)
{
    switch (type) {
#define X(TABLE, number, name, Type)                                                               \
    case MESSAGE_##TABLE:                                                                          \
        return &shape_##name;
        MESSAGE_TYPES(X)
#undef X
    default:
        return NULL;
    }
}

static enum columba_error encode_any(const struct message *message, struct arena *arena, void *form)
{
    switch (message->type) {
#define X(TABLE, number, name, Type)                                                               \
    case MESSAGE_##TABLE:                                                                          \
        return encode_##name(&message->name, arena, form);
        MESSAGE_TYPES(X)
#undef X
    default:
        return ERR_NOT_SUPPORTED;
    }
}

static enum columba_error decode_any(const void *form, struct arena *arena, struct message *out)
{
    switch (out->type) {
#define X(TABLE, number, name, Type)                                                               \
    case MESSAGE_##TABLE:                                                                          \
        return decode_##name(form, arena, &out->name);
        MESSAGE_TYPES(X)
#undef X
    default:
        return ERR_NOT_SUPPORTED;
    }
}

enum columba_error codec_prepare(const struct message *message, struct arena *scratch,
                                 struct codec_encoding *out_encoding)
{
    const struct walk_shape *shape = shape_of_type((uint8_t)message->type);
    COLUMBA_ASSERT(shape != NULL);
    void *form = arena_allocate(scratch, shape->descriptor->sizeof_message);
    if (form == NULL) {
        return ERR_NO_MEMORY;
    }
    enum columba_error error = encode_any(message, scratch, form);
    if (error != COLUMBA_OK) {
        return error;
    }
    size_t payload_bytes = protobuf_c_message_get_packed_size(form);
    if (payload_bytes > FRAME_PAYLOAD_MAX_BYTES) {
        return ERR_TOO_LARGE;
    }
    *out_encoding = (struct codec_encoding){
        .form = form, .payload_bytes = payload_bytes, .type = (uint8_t)message->type};
    return COLUMBA_OK;
}

void codec_encode(const struct codec_encoding *encoding, uint64_t request_id, uint64_t clock,
                  uint8_t *out_bytes)
{
    size_t packed = protobuf_c_message_pack(encoding->form, out_bytes + FRAME_HEADER_BYTES);
    COLUMBA_ASSERT(packed == encoding->payload_bytes);
    struct frame frame = {
        .payload_bytes = (uint32_t)encoding->payload_bytes,
        .type = encoding->type,
        .request_id = request_id,
        .clock = clock,
    };
    frame_header_encode(out_bytes, &frame);
}

static void *allocator_allocate(void *arena, size_t size)
{
    return arena_allocate(arena, size);
}

static void allocator_release(void *arena, void *block)
{
    (void)arena;
    (void)block;
}

enum columba_error codec_decode(uint8_t type, struct slice payload, struct arena *arena,
                                struct message *out_message)
{
    const struct walk_shape *shape = shape_of_type(type);
    if (shape == NULL) {
        return ERR_NOT_SUPPORTED;
    }
    if (payload.size > FRAME_PAYLOAD_MAX_BYTES) {
        return ERR_TOO_LARGE;
    }
    enum columba_error error = walk_check(shape, payload);
    if (error != COLUMBA_OK) {
        return error;
    }
    ProtobufCAllocator allocator = {
        .alloc = allocator_allocate, .free = allocator_release, .allocator_data = arena};
    void *form =
        protobuf_c_message_unpack(shape->descriptor, &allocator, payload.size, payload.data);
    if (form == NULL) {
        return ERR_NO_MEMORY;
    }
    struct message message = {.type = (enum message_type)type};
    error = decode_any(form, arena, &message);
    if (error == COLUMBA_OK) {
        *out_message = message;
    }
    return error;
}
