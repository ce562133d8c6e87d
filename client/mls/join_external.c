/*
 * Joining from outside by an external commit (RFC 9420 section 12.4.3.2), as a new member or, with
 * resync, in place of the leaf that has our signature key.
 */
#include <sodium.h>

#include "client/mls/commit_make.h"
#include "client/mls/extension.h"
#include "client/mls/hpke.h"

#define NO_LEAF UINT32_MAX

static enum mls_error read_info(struct slice message, struct mls_group_info *out,
                                struct slice *out_external_pub)
{
    enum mls_wire_format format;
    struct slice data;
    struct reader reader = reader_of(message);
    enum mls_error error = mls_read_message_head(&reader, &format);
    if (error != MLS_OK) {
        return error;
    }
    if (format != MLS_WIRE_GROUP_INFO) {
        return MLS_ERR_WIRE_FORMAT;
    }
    mls_read_group_info(&reader, out);
    if (!reader_is_done(&reader)) {
        return MLS_ERR_MALFORMED;
    }
    if (!mls_extension_find(out->extensions, MLS_EXTENSION_EXTERNAL_PUB, &data)) {
        return MLS_ERR_EXTERNAL_KEY_MISSING;
    }
    struct reader inner = reader_of(data);
    *out_external_pub = mls_read_vector(&inner);
    return reader_is_done(&inner) ? MLS_OK : MLS_ERR_MALFORMED;
}

/* SetupBaseS and export (8.3). */
static enum mls_error make_init_secret(struct mls_maker *maker, struct slice external_pub,
                                       uint8_t *out_kem_output)
{
    const struct mls_suite *suite = maker->group->suite;
    uint8_t ephemeral[MLS_KEM_MAX_BYTES];
    uint8_t info_hash[MLS_HASH_MAX_BYTES];
    struct mls_hpke hpke;
    mls_environment_random(&maker->group->environment, ephemeral, suite->kem_private_bytes);
    mls_hpke_info_hash(suite, NULL, 0, info_hash);
    bool sent = mls_hpke_send(&hpke, suite, external_pub, info_hash, ephemeral, out_kem_output);
    sodium_memzero(ephemeral, sizeof(ephemeral));
    if (!sent) {
        return MLS_ERR_KEY_UNUSABLE;
    }
    mls_hpke_export(&hpke, slice_of_text("MLS 1.0 external init secret"), maker->guarded->init,
                    suite->hash_bytes);
    mls_hpke_clear(&hpke);
    return MLS_OK;
}

static void append(struct mls_maker *maker, struct mls_proposal proposal)
{
    maker->change.items[maker->change.count++] = (struct mls_item){
        .proposal = proposal,
        .sender = {.type = MLS_SENDER_NEW_MEMBER_COMMIT},
    };
    mls_write_u8(&maker->list, 1);
    mls_write_proposal(&maker->list, &proposal);
}

static enum mls_error collect(struct mls_maker *maker, struct slice kem_output,
                              const struct mls_join_options *options)
{
    uint32_t leaf = options->replaced_leaf == NULL ? 0 : *options->replaced_leaf;
    maker->change.items = arena_allocate_array(&maker->arena, 2, sizeof(*maker->change.items));
    if (maker->change.items == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    append(maker,
           (struct mls_proposal){.type = MLS_PROPOSAL_EXTERNAL_INIT, .kem_output = kem_output});
    if (options->resync &&
        !mls_tree_find_signer(maker->from->tree, mls_identity_signature_key(maker->group->identity),
                              &leaf)) {
        return MLS_ERR_NOT_A_MEMBER;
    }
    if (options->resync || options->replaced_leaf != NULL) {
        append(maker, (struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .removed = leaf});
    }
    return maker->list.failed ? MLS_ERR_NO_MEMORY : MLS_OK;
}

static enum mls_error make(struct mls_maker *maker, struct slice external_pub,
                           const struct mls_join_options *options, struct mls_buffer *out_commit)
{
    struct mls_group *group = maker->group;
    struct mls_epoch *to = maker->staged->epoch;
    uint8_t kem_output[MLS_KEM_MAX_BYTES];
    struct mls_secret_step step;
    bool has_step = false;
    enum mls_error error = make_init_secret(maker, external_pub, kem_output);
    if (error == MLS_OK) {
        error = collect(maker, slice_of(kem_output, group->suite->kem_public_bytes), options);
    }
    if (error == MLS_OK) {
        error = mls_change_apply(group, maker->from, &maker->change, to->tree);
    }
    if (error == MLS_OK) {
        error = mls_tree_find_room(to->tree, &to->own_leaf);
    }
    if (error == MLS_OK) {
        error = mls_maker_make_path(maker);
    }
    if (error == MLS_OK) {
        error = mls_tree_check_members(to->tree, maker->change.extensions, false);
    }
    if (error == MLS_OK) {
        error = mls_maker_finish(maker, MLS_COAT_PUBLIC, options->authenticated_data, out_commit,
                                 &step, &has_step);
    }
    return error;
}

static enum mls_error join_external(struct mls_group *group, struct slice message,
                                    const struct mls_join_options *options, struct mls_epoch *from,
                                    struct mls_buffer *out_commit)
{
    struct mls_maker maker;
    struct mls_group_info info;
    struct slice external_pub;
    enum mls_error error = read_info(message, &info, &external_pub);
    if (error == MLS_OK) {
        error = mls_group_open_info(group, &info, options, from);
    }
    if (error != MLS_OK) {
        return error;
    }
    from->own_leaf = NO_LEAF;
    error = mls_maker_init(&maker, group, from);
    maker.change.is_external = true;
    maker.change.committer = NO_LEAF;
    if (error == MLS_OK) {
        error = make(&maker, external_pub, options, out_commit);
    }
    if (error == MLS_OK) {
        group->current = maker.staged->epoch;
        maker.staged->epoch = NULL;
    }
    mls_maker_clear(&maker);
    return error;
}

enum mls_error mls_group_join_external(struct mls_identity *identity, struct slice group_info,
                                       const struct mls_join_options *options,
                                       struct mls_group **out, struct mls_buffer *out_commit)
{
    static const struct mls_join_options defaults;
    const struct mls_join_options *chosen = options == NULL ? &defaults : options;
    struct mls_group *group = mls_group_allocate(identity, chosen->storage);
    *out_commit = mls_buffer_of(identity->environment.memory);
    *out = NULL;
    if (group == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    struct mls_epoch *from = mls_epoch_create(group);
    enum mls_error error = from == NULL
                               ? MLS_ERR_NO_MEMORY
                               : join_external(group, group_info, chosen, from, out_commit);
    for (size_t i = 0; i < chosen->psk_count && error == MLS_OK; i++) {
        error = mls_group_put_psk(group, &chosen->psks[i]);
    }
    mls_epoch_destroy(group, from);
    if (error == MLS_OK) {
        struct mls_outcome outcome = {
            .call = MLS_CALL_JOIN_EXTERNAL,
            .message = mls_buffer_done(out_commit),
        };
        error = mls_group_store_all(group, &outcome);
    }
    if (error != MLS_OK) {
        mls_buffer_clear(out_commit);
        mls_group_destroy(group);
        return error;
    }
    *out = group;
    return MLS_OK;
}
