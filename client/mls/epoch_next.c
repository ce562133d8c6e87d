/* From a commit to the epoch it leads to: transcript, context and key schedule (RFC 9420 8). */
#include <sodium.h>

#include "client/mls/group.h"

enum mls_error mls_provisional_context(struct mls_group *group, const struct mls_epoch *from,
                                       struct mls_tree *tree, struct slice extensions,
                                       struct mls_buffer *buffer)
{
    struct mls_group_context context = from->context;
    context.epoch = from->context.epoch + 1;
    context.tree_hash = slice_of(mls_tree_root_hash(tree), group->suite->hash_bytes);
    context.extensions = extensions;
    mls_write_group_context(buffer, &context);
    return buffer->failed ? MLS_ERR_NO_MEMORY : MLS_OK;
}

enum mls_error mls_epoch_advance(struct mls_group *group, const struct mls_next *next,
                                 uint8_t *out_tag, uint8_t *out_joiner, uint8_t *out_welcome)
{
    const struct mls_suite *suite = group->suite;
    uint8_t confirmed[MLS_HASH_MAX_BYTES];
    uint8_t joiner[MLS_HASH_MAX_BYTES];
    struct mls_epoch *to = next->to;
    struct slice interim = slice_of(next->from->interim, suite->hash_bytes);
    mls_transcript_confirm(suite, interim, next->wire_format, next->frame, next->signature,
                           confirmed);
    enum mls_error error = mls_epoch_set_context(
        group, to, next->from->context.group_id, next->from->context.epoch + 1,
        slice_of(confirmed, suite->hash_bytes), next->extensions);
    if (error != MLS_OK) {
        return error;
    }
    mls_schedule_joiner(suite, next->init_secret, next->commit_secret, to->context.encoded, joiner);
    mls_schedule_epoch(suite, joiner, next->psk_secret, to->context.encoded, to->secrets);
    mls_confirmation_tag(suite, to->secrets->confirmation, to->context.confirmed_transcript_hash,
                         out_tag);
    mls_transcript_interim(suite, to->context.confirmed_transcript_hash,
                           slice_of(out_tag, suite->hash_bytes), to->interim);
    if (out_welcome != NULL) {
        mls_schedule_welcome(suite, joiner, next->psk_secret, out_welcome);
    }
    if (out_joiner != NULL) {
        memcpy(out_joiner, joiner, suite->hash_bytes);
    }
    sodium_memzero(joiner, sizeof(joiner));
    return MLS_OK;
}
