/* Proposals by themselves, from members and from outside (RFC 9420 sections 12.1 and 12.1.8). */
#include <sodium.h>

#include "client/mls/extension.h"
#include "client/mls/group.h"

/* A fresh leaf of ours; its private key goes to the pool. */
static enum mls_error write_update(struct mls_group *group, struct mls_buffer *out,
                                   uint8_t **out_private)
{
    const struct mls_suite *suite = group->suite;
    uint8_t public_key[MLS_KEM_MAX_BYTES];
    uint8_t *private_key = mls_secret_take(&group->pool, MLS_KEM_MAX_BYTES);
    if (private_key == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    mls_environment_random(&group->environment, private_key, suite->kem_private_bytes);
    suite->kem_public(private_key, public_key);
    struct mls_own_leaf leaf = {
        .source = MLS_LEAF_UPDATE,
        .encryption_key = slice_of(public_key, suite->kem_public_bytes),
        .extensions = mls_tree_leaf(group->current->tree, group->current->own_leaf)->extensions,
        .group_id = mls_group_id(group),
        .leaf = group->current->own_leaf,
    };
    mls_write_u16(out, MLS_PROPOSAL_UPDATE);
    enum mls_error error = mls_identity_write_leaf(mls_group_leaf_identity(group), &leaf, out);
    if (error != MLS_OK) {
        mls_secret_give(&group->pool, private_key, MLS_KEM_MAX_BYTES);
        return error;
    }
    *out_private = private_key;
    return MLS_OK;
}

static enum mls_error write_add(struct slice message, struct mls_buffer *out)
{
    struct mls_key_package_view package;
    enum mls_error error = mls_key_package_read(message, &package);
    if (error == MLS_OK) {
        mls_write_u16(out, MLS_PROPOSAL_ADD);
        mls_write_bytes(out, package.encoded);
    }
    return error;
}

static void write_psk(const struct mls_environment *environment, const struct mls_suite *suite,
                      struct slice id, struct mls_buffer *out)
{
    uint8_t nonce[MLS_HASH_MAX_BYTES];
    mls_environment_random(environment, nonce, suite->hash_bytes);
    struct mls_psk_id psk = {
        .type = MLS_PSK_EXTERNAL,
        .external_id = id,
        .nonce = slice_of(nonce, suite->hash_bytes),
    };
    mls_write_u16(out, MLS_PROPOSAL_PSK);
    mls_write_psk_id(out, &psk);
}

static void write_reinit(const struct mls_reinit_options *options, struct mls_buffer *out)
{
    struct mls_reinit reinit = {
        .group_id = options->group_id,
        .version = options->version,
        .suite = options->suite,
        .extensions = options->extensions,
    };
    struct mls_proposal proposal = {.type = MLS_PROPOSAL_REINIT, .reinit = &reinit};
    mls_write_proposal(out, &proposal);
}

/* All kinds but updates, which need a group. */
static enum mls_error write_body(const struct mls_identity *identity,
                                 const struct mls_proposal_options *options, struct mls_buffer *out)
{
    struct mls_proposal proposal = {.type = MLS_PROPOSAL_REMOVE, .removed = options->leaf};
    switch (options->kind) {
    case MLS_PROPOSE_ADD:
        return write_add(options->key_package, out);
    case MLS_PROPOSE_REMOVE:
        mls_write_proposal(out, &proposal);
        return MLS_OK;
    case MLS_PROPOSE_PSK:
        write_psk(&identity->environment, identity->suite, options->psk_id, out);
        return MLS_OK;
    case MLS_PROPOSE_REINIT:
        write_reinit(&options->reinit, out);
        return MLS_OK;
    case MLS_PROPOSE_EXTENSIONS:
        proposal.type = MLS_PROPOSAL_CONTEXT_EXTENSIONS;
        proposal.extensions = options->extensions;
        mls_write_proposal(out, &proposal);
        return MLS_OK;
    case MLS_PROPOSE_UPDATE:
    case MLS_PROPOSE_EXTERNAL_INIT:
        return MLS_ERR_ARGUMENT;
    }
    return MLS_ERR_ARGUMENT;
}

/* Our own proposal under the rules that others will judge it by. */
static enum mls_error check_own(struct mls_group *group, const struct mls_outgoing *outgoing)
{
    struct arena arena;
    struct mls_proposal proposal;
    if (outgoing->frame.failed) {
        return MLS_ERR_NO_MEMORY;
    }
    arena_init(&arena, group->memory, MLS_PARSE_ARENA_MAX_BYTES);
    struct reader reader = reader_of(slice_of(outgoing->frame.data + outgoing->content_at,
                                              outgoing->frame.size - outgoing->content_at));
    enum mls_error error = mls_read_proposal(&reader, &arena, &proposal);
    if (error == MLS_OK && !reader_is_done(&reader)) {
        error = MLS_ERR_ARGUMENT;
    }
    if (error == MLS_OK) {
        error = mls_proposal_check(group, group->current, &proposal, outgoing->sender, true);
    }
    arena_clear(&arena);
    return error;
}

/* The step is consumed or dropped. */
static enum mls_error note_own(struct mls_group *group, struct mls_outgoing *outgoing,
                               struct slice message, uint8_t *update_private,
                               struct mls_secret_step *step, bool has_step)
{
    struct mls_pending pending;
    struct mls_transaction transaction;
    struct mls_buffer authenticated = mls_buffer_of(group->memory);
    mls_outgoing_write_authenticated(outgoing, &authenticated);
    enum mls_error error =
        authenticated.failed
            ? MLS_ERR_NO_MEMORY
            : mls_group_prepare_pending(group, mls_buffer_done(&authenticated), &pending);
    mls_buffer_clear(&authenticated);
    if (error == MLS_OK &&
        mls_group_find_pending(group, slice_of(pending.ref, group->suite->hash_bytes)) != NULL) {
        mls_buffer_clear(&pending.authenticated);
        error = MLS_ERR_REPLAYED;
    }
    if (error != MLS_OK) {
        if (has_step) {
            mls_secret_tree_drop(group->current->secret_tree, step);
        }
        return error;
    }
    pending.update_private = update_private;
    mls_transaction_begin(&transaction, group);
    transaction.outcome.call = MLS_CALL_PROPOSE;
    transaction.outcome.message = message;
    if (has_step) {
        mls_store_step(&transaction, group->current, step);
    }
    mls_store_pending(&transaction, &pending, group->pending_count);
    error = mls_transaction_end_sending(&transaction, group->current, step, has_step);
    if (error != MLS_OK) {
        mls_buffer_clear(&pending.authenticated);
        return error;
    }
    mls_group_append_pending(group, &pending);
    return MLS_OK;
}

static enum mls_error propose(struct mls_group *group, const struct mls_proposal_options *options,
                              struct mls_buffer *out)
{
    struct mls_outgoing outgoing;
    struct mls_secret_step step;
    bool has_step = false;
    uint8_t *update_private = NULL;
    if (group->state != MLS_GROUP_ACTIVE) {
        return MLS_ERR_GROUP_CLOSED;
    }
    if (options->authenticated_data.size > MLS_CONTENT_MAX_BYTES) {
        return MLS_ERR_LIMIT;
    }
    if (options->coat == MLS_COAT_PUBLIC &&
        mls_group_check_open(group, MLS_SENDER_MEMBER) != MLS_OK) {
        return MLS_ERR_OPEN_MESSAGE;
    }
    mls_outgoing_init(&outgoing, group, group->current, MLS_CONTENT_PROPOSAL, options->coat,
                      options->authenticated_data);
    enum mls_error error = options->kind == MLS_PROPOSE_UPDATE
                               ? write_update(group, &outgoing.frame, &update_private)
                               : write_body(group->identity, options, &outgoing.frame);
    if (error == MLS_OK) {
        error = check_own(group, &outgoing);
    }
    if (error == MLS_OK) {
        error = mls_outgoing_sign(&outgoing, group);
    }
    if (error == MLS_OK) {
        error = mls_outgoing_protect(&outgoing, group, slice_of(NULL, 0), out, &step, &has_step);
    }
    if (error == MLS_OK) {
        error = note_own(group, &outgoing, mls_buffer_done(out), update_private, &step, has_step);
    }
    if (error != MLS_OK) {
        mls_secret_give(&group->pool, update_private, MLS_KEM_MAX_BYTES);
        mls_buffer_clear(out);
    }
    mls_outgoing_clear(&outgoing);
    return error;
}

enum mls_error mls_group_propose(struct mls_group *group,
                                 const struct mls_proposal_options *options, struct mls_buffer *out)
{
    *out = mls_buffer_of(group->memory);
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = propose(group, options, out);
        mls_group_leave(group);
    }
    return error;
}

/* -- from outside -- */

static enum mls_error write_outside(const struct mls_identity *identity, struct mls_sender sender,
                                    struct slice group_id, uint64_t epoch,
                                    const struct mls_proposal_options *options,
                                    struct mls_buffer *out)
{
    struct memory *memory = identity->environment.memory;
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    struct mls_buffer frame = mls_buffer_of(memory);
    *out = mls_buffer_of(memory);
    mls_write_frame_head(&frame, group_id, epoch, sender, options->authenticated_data,
                         MLS_CONTENT_PROPOSAL);
    enum mls_error error = write_body(identity, options, &frame);
    if (error == MLS_OK && frame.failed) {
        error = MLS_ERR_NO_MEMORY;
    }
    if (error == MLS_OK) {
        error =
            mls_frame_sign(identity->suite, memory, identity->private_key, MLS_WIRE_PUBLIC_MESSAGE,
                           mls_buffer_done(&frame), sender.type, slice_of(NULL, 0), signature);
    }
    if (error == MLS_OK) {
        mls_write_message_head(out, MLS_WIRE_PUBLIC_MESSAGE);
        mls_write_bytes(out, mls_buffer_done(&frame));
        mls_write_auth(out, slice_of(signature, identity->suite->signature_bytes),
                       slice_of(NULL, 0));
        error = out->failed ? MLS_ERR_NO_MEMORY : MLS_OK;
    }
    if (error != MLS_OK) {
        mls_buffer_clear(out);
    }
    mls_buffer_clear(&frame);
    return error;
}

enum mls_error mls_external_propose(const struct mls_identity *identity, struct slice group_id,
                                    uint64_t epoch, uint32_t sender_index,
                                    const struct mls_proposal_options *options,
                                    struct mls_buffer *out)
{
    struct mls_sender sender = {.type = MLS_SENDER_EXTERNAL, .index = sender_index};
    return write_outside(identity, sender, group_id, epoch, options, out);
}

enum mls_error mls_external_propose_self(const struct mls_identity *identity,
                                         const struct mls_key_package *package,
                                         struct slice group_id, uint64_t epoch,
                                         struct mls_buffer *out)
{
    struct mls_sender sender = {.type = MLS_SENDER_NEW_MEMBER_PROPOSAL};
    struct mls_proposal_options options = {
        .kind = MLS_PROPOSE_ADD,
        .key_package = mls_key_package_message(package),
    };
    return write_outside(identity, sender, group_id, epoch, &options, out);
}

enum mls_error mls_extensions_add_sender(const struct mls_identity *sender, struct mls_buffer *list)
{
    mls_write_u16(list, MLS_EXTENSION_EXTERNAL_SENDERS);
    size_t data = mls_write_open(list);
    size_t senders = mls_write_open(list);
    mls_write_vector(list, mls_identity_signature_key(sender));
    mls_write_u16(list, MLS_CREDENTIAL_BASIC);
    mls_write_vector(list, mls_buffer_done(&sender->basic_identity));
    mls_write_close(list, senders);
    mls_write_close(list, data);
    return list->failed ? MLS_ERR_NO_MEMORY : MLS_OK;
}
