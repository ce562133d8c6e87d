#include "client/mls/group_context.h"

#include "client/mls/extension.h"

void mls_read_group_context(struct reader *reader, struct mls_group_context *out)
{
    const uint8_t *start = reader->at;
    out->version = reader_u16(reader);
    out->suite = reader_u16(reader);
    out->group_id = mls_read_vector(reader);
    out->epoch = reader_u64(reader);
    out->tree_hash = mls_read_vector(reader);
    out->confirmed_transcript_hash = mls_read_vector(reader);
    out->extensions = mls_read_extensions(reader);
    out->encoded = mls_read_since(reader, start);
}

void mls_write_group_context(struct mls_buffer *buffer, const struct mls_group_context *context)
{
    mls_write_u16(buffer, context->version);
    mls_write_u16(buffer, context->suite);
    mls_write_vector(buffer, context->group_id);
    mls_write_u64(buffer, context->epoch);
    mls_write_vector(buffer, context->tree_hash);
    mls_write_vector(buffer, context->confirmed_transcript_hash);
    mls_write_vector(buffer, context->extensions);
}
