/* GroupInfo: what others need to know of a group (RFC 9420 section 12.4.3). */
#include <sodium.h>

#include "client/mls/extension.h"
#include "client/mls/group.h"
#include "client/mls/label.h"

static void write_extensions(const struct mls_group *group, struct mls_epoch *epoch,
                             bool with_external_pub, bool with_tree, struct mls_buffer *out)
{
    uint8_t private_key[MLS_KEM_MAX_BYTES];
    uint8_t public_key[MLS_KEM_MAX_BYTES];
    if (with_tree) {
        mls_write_u16(out, MLS_EXTENSION_RATCHET_TREE);
        size_t mark = mls_write_open(out);
        mls_tree_encode(epoch->tree, out);
        mls_write_close(out, mark);
    }
    if (with_external_pub) {
        mls_schedule_external_keys(group->suite, epoch->secrets->external, private_key, public_key);
        sodium_memzero(private_key, sizeof(private_key));
        mls_write_u16(out, MLS_EXTENSION_EXTERNAL_PUB);
        size_t mark = mls_write_open(out);
        mls_write_vector(out, slice_of(public_key, group->suite->kem_public_bytes));
        mls_write_close(out, mark);
    }
}

enum mls_error mls_epoch_write_info(const struct mls_group *group, struct mls_epoch *epoch,
                                    bool with_external_pub, bool with_tree, struct mls_buffer *out)
{
    uint8_t tag[MLS_HASH_MAX_BYTES];
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    struct mls_buffer extensions = mls_buffer_of(group->memory);
    size_t start = out->size;
    write_extensions(group, epoch, with_external_pub, with_tree, &extensions);
    mls_confirmation_tag(group->suite, epoch->secrets->confirmation,
                         epoch->context.confirmed_transcript_hash, tag);
    struct mls_group_info info = {
        .context = epoch->context,
        .extensions = mls_buffer_done(&extensions),
        .confirmation_tag = slice_of(tag, group->suite->hash_bytes),
        .signer = epoch->own_leaf,
    };
    mls_write_group_info_fields(out, &info);
    bool failed = out->failed || extensions.failed;
    mls_buffer_clear(&extensions);
    if (failed) {
        return MLS_ERR_NO_MEMORY;
    }
    struct slice signed_part = slice_of(out->data + start, out->size - start);
    const struct mls_identity *signer = mls_group_identity_in(group, epoch);
    if (signer == NULL) {
        return MLS_ERR_IDENTITY;
    }
    enum mls_error error = mls_sign_with_label(group->suite, group->memory, signer->private_key,
                                               "GroupInfoTBS", &signed_part, 1, signature);
    mls_write_vector(out, slice_of(signature, group->suite->signature_bytes));
    return error == MLS_OK && out->failed ? MLS_ERR_NO_MEMORY : error;
}

enum mls_error mls_group_info(const struct mls_group *group, bool with_tree, struct mls_buffer *out)
{
    *out = mls_buffer_of(group->memory);
    if (group->state != MLS_GROUP_ACTIVE) {
        return MLS_ERR_GROUP_CLOSED;
    }
    mls_write_message_head(out, MLS_WIRE_GROUP_INFO);
    enum mls_error error = mls_epoch_write_info(group, group->current, true, with_tree, out);
    if (error != MLS_OK) {
        mls_buffer_clear(out);
    }
    return error;
}
