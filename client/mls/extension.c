#include "client/mls/extension.h"

#include "base/bytes.h"
#include "client/mls/leaf_node.h"
#include "client/mls/limits.h"

bool mls_extension_next(struct reader *reader, struct mls_extension *out)
{
    if (reader_left(reader) == 0) {
        return false;
    }
    out->type = reader_u16(reader);
    out->data = mls_read_vector(reader);
    return !reader->failed;
}

struct slice mls_read_extensions(struct reader *reader)
{
    struct slice list = mls_read_vector(reader);
    struct reader inner = reader_of(list);
    struct mls_extension extension;
    size_t count = 0;
    while (!reader->failed && mls_extension_next(&inner, &extension)) {
        count++;
    }
    if (inner.failed || count > MLS_EXTENSIONS_MAX) {
        reader->failed = true;
    }
    return list;
}

bool mls_extension_find(struct slice list, uint16_t type, struct slice *out_data)
{
    struct reader reader = reader_of(list);
    struct mls_extension extension;
    while (mls_extension_next(&reader, &extension)) {
        if (extension.type == type) {
            *out_data = extension.data;
            return true;
        }
    }
    return false;
}

enum mls_error mls_extensions_check(struct slice list)
{
    struct reader reader = reader_of(list);
    struct mls_extension extension;
    while (mls_extension_next(&reader, &extension)) {
        struct slice rest = slice_of(reader.at, reader_left(&reader));
        struct slice again;
        if (mls_extension_find(rest, extension.type, &again)) {
            return MLS_ERR_EXTENSION_REPEATED;
        }
    }
    return MLS_OK;
}

void mls_write_extension(struct mls_buffer *buffer, uint16_t type, struct slice data)
{
    mls_write_u16(buffer, type);
    mls_write_vector(buffer, data);
}

bool mls_extension_is_default(uint16_t type)
{
    return type >= MLS_EXTENSION_APPLICATION_ID && type <= MLS_EXTENSION_EXTERNAL_SENDERS;
}

struct slice mls_read_types(struct reader *reader)
{
    struct slice types = mls_read_vector(reader);
    if (types.size % 2 != 0 || types.size / 2 > MLS_CAPABILITIES_MAX) {
        reader->failed = true;
    }
    return types;
}

bool mls_types_hold(struct slice types, uint16_t type)
{
    for (size_t i = 0; i + 1 < types.size; i += 2) {
        if (bytes_get_u16_be(types.data + i) == type) {
            return true;
        }
    }
    return false;
}

void mls_write_types(struct mls_buffer *buffer, const uint16_t *types, size_t count)
{
    size_t mark = mls_write_open(buffer);
    for (size_t i = 0; i < count; i++) {
        mls_write_u16(buffer, types[i]);
    }
    mls_write_close(buffer, mark);
}

bool mls_required_capabilities_decode(struct slice data, struct mls_required_capabilities *out)
{
    struct reader reader = reader_of(data);
    struct mls_required_capabilities required = {
        .extensions = mls_read_types(&reader),
        .proposals = mls_read_types(&reader),
        .credentials = mls_read_types(&reader),
    };
    if (!reader_is_done(&reader)) {
        return false;
    }
    *out = required;
    return true;
}

bool mls_external_sender_find(struct slice data, uint32_t index, struct slice *out_signature_key,
                              struct slice *out_credential)
{
    struct reader outer = reader_of(data);
    struct slice list = mls_read_vector(&outer);
    struct reader reader = reader_of(list);
    if (!reader_is_done(&outer)) {
        return false;
    }
    for (uint32_t i = 0; reader_left(&reader) > 0; i++) {
        struct mls_credential credential;
        struct slice key = mls_read_vector(&reader);
        mls_read_credential(&reader, &credential);
        if (!reader.failed && i == index) {
            *out_signature_key = key;
            *out_credential = credential.encoded;
            return true;
        }
    }
    return false;
}

bool mls_external_senders_are_valid(struct slice data)
{
    struct reader outer = reader_of(data);
    struct slice list = mls_read_vector(&outer);
    struct reader reader = reader_of(list);
    while (reader_left(&reader) > 0) {
        struct mls_credential credential;
        (void)mls_read_vector(&reader);
        mls_read_credential(&reader, &credential);
    }
    return reader_is_done(&outer) && !reader.failed;
}
