#include "client/mls/welcome.h"

#include "client/mls/extension.h"
#include "client/mls/label.h"
#include "client/mls/limits.h"

void mls_read_group_info(struct reader *reader, struct mls_group_info *out)
{
    const uint8_t *start = reader->at;
    mls_read_group_context(reader, &out->context);
    out->extensions = mls_read_extensions(reader);
    out->confirmation_tag = mls_read_vector(reader);
    out->signer = reader_u32(reader);
    out->signed_part = mls_read_since(reader, start);
    out->signature = mls_read_vector(reader);
}

void mls_write_group_info_fields(struct mls_buffer *buffer, const struct mls_group_info *info)
{
    mls_write_group_context(buffer, &info->context);
    mls_write_vector(buffer, info->extensions);
    mls_write_vector(buffer, info->confirmation_tag);
    mls_write_u32(buffer, info->signer);
}

void mls_write_group_info(struct mls_buffer *buffer, const struct mls_group_info *info)
{
    mls_write_group_info_fields(buffer, info);
    mls_write_vector(buffer, info->signature);
}

enum mls_error mls_group_info_verify(const struct mls_suite *suite, struct memory *memory,
                                     const struct mls_group_info *info, struct slice public_key)
{
    return mls_verify_with_label(suite, memory, public_key, "GroupInfoTBS", &info->signed_part, 1,
                                 info->signature, MLS_ERR_GROUP_INFO_SIGNATURE);
}

bool mls_welcome_entry_next(struct reader *reader, struct mls_welcome_entry *out)
{
    if (reader_left(reader) == 0) {
        return false;
    }
    out->new_member = mls_read_vector(reader);
    out->kem_output = mls_read_vector(reader);
    out->ciphertext = mls_read_vector(reader);
    return !reader->failed;
}

void mls_read_welcome(struct reader *reader, struct mls_welcome *out)
{
    out->suite = reader_u16(reader);
    out->secrets = mls_read_vector(reader);
    out->encrypted_group_info = mls_read_vector(reader);
    out->secret_count = 0;
    struct reader inner = reader_of(out->secrets);
    struct mls_welcome_entry entry;
    while (!reader->failed && mls_welcome_entry_next(&inner, &entry)) {
        out->secret_count++;
    }
    reader->failed = reader->failed || inner.failed || out->secret_count > MLS_WELCOME_MAX;
}

void mls_write_welcome(struct mls_buffer *buffer, const struct mls_welcome *welcome)
{
    mls_write_u16(buffer, welcome->suite);
    mls_write_vector(buffer, welcome->secrets);
    mls_write_vector(buffer, welcome->encrypted_group_info);
}

static enum mls_error read_psks(struct slice list, struct arena *arena,
                                struct mls_group_secrets *out)
{
    struct reader counter = reader_of(list);
    out->psk_count = 0;
    while (reader_left(&counter) > 0) {
        struct mls_psk_id id;
        mls_read_psk_id(&counter, &id);
        if (++out->psk_count > MLS_PSKS_MAX) {
            return MLS_ERR_LIMIT;
        }
    }
    if (counter.failed) {
        return MLS_ERR_MALFORMED;
    }
    out->psks = arena_allocate_array(arena, out->psk_count + 1u, sizeof(*out->psks));
    if (out->psks == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    struct reader reader = reader_of(list);
    for (uint32_t i = 0; i < out->psk_count; i++) {
        mls_read_psk_id(&reader, &out->psks[i]);
    }
    return MLS_OK;
}

enum mls_error mls_read_group_secrets(struct reader *reader, struct arena *arena,
                                      struct mls_group_secrets *out)
{
    out->joiner_secret = mls_read_vector(reader);
    out->has_path_secret = mls_read_optional(reader);
    out->path_secret = out->has_path_secret ? mls_read_vector(reader) : slice_of(NULL, 0);
    struct slice list = mls_read_vector(reader);
    return reader->failed ? MLS_ERR_MALFORMED : read_psks(list, arena, out);
}

void mls_write_group_secrets(struct mls_buffer *buffer, const struct mls_group_secrets *secrets)
{
    mls_write_vector(buffer, secrets->joiner_secret);
    mls_write_u8(buffer, secrets->has_path_secret);
    if (secrets->has_path_secret) {
        mls_write_vector(buffer, secrets->path_secret);
    }
    size_t mark = mls_write_open(buffer);
    for (uint32_t i = 0; i < secrets->psk_count; i++) {
        mls_write_psk_id(buffer, &secrets->psks[i]);
    }
    mls_write_close(buffer, mark);
}
