/* Outgoing content: framed, signed, and put into one of its two coats (RFC 9420 section 6). */
#include <sodium.h>

#include "client/mls/group.h"

void mls_outgoing_init(struct mls_outgoing *out, struct mls_group *group, struct mls_epoch *epoch,
                       enum mls_content_type type, enum mls_coat coat, struct slice aad)
{
    *out = (struct mls_outgoing){
        .epoch = epoch,
        .sender = {.type = MLS_SENDER_MEMBER, .index = epoch->own_leaf},
        .type = type,
        .format = coat == MLS_COAT_PUBLIC ? MLS_WIRE_PUBLIC_MESSAGE : MLS_WIRE_PRIVATE_MESSAGE,
        .authenticated_data = aad,
        .frame = mls_buffer_of(group->memory),
        .auth = mls_buffer_of(group->memory),
    };
    mls_write_frame_head(&out->frame, epoch->context.group_id, epoch->context.epoch, out->sender,
                         aad, type);
    out->content_at = out->frame.size;
}

void mls_outgoing_clear(struct mls_outgoing *out)
{
    mls_buffer_clear(&out->frame);
    mls_buffer_clear(&out->auth);
}

enum mls_error mls_outgoing_sign(struct mls_outgoing *out, struct mls_group *group)
{
    if (out->frame.failed) {
        return MLS_ERR_NO_MEMORY;
    }
    return mls_frame_sign(group->suite, group->memory, group->identity->private_key, out->format,
                          mls_buffer_done(&out->frame), out->sender.type,
                          out->epoch->context.encoded, out->signature);
}

void mls_outgoing_write_authenticated(const struct mls_outgoing *out, struct mls_buffer *buffer)
{
    mls_write_u16(buffer, (uint16_t)out->format);
    mls_write_bytes(buffer, mls_buffer_done(&out->frame));
    mls_write_bytes(buffer, mls_buffer_done(&out->auth));
}

static void write_public(const struct mls_outgoing *out, struct mls_group *group,
                         struct mls_buffer *message)
{
    uint8_t tag[MLS_HASH_MAX_BYTES];
    mls_write_message_head(message, MLS_WIRE_PUBLIC_MESSAGE);
    mls_write_bytes(message, mls_buffer_done(&out->frame));
    mls_write_bytes(message, mls_buffer_done(&out->auth));
    if (out->sender.type == MLS_SENDER_MEMBER) {
        mls_membership_tag(group->suite, out->epoch->secrets->membership,
                           mls_buffer_done(&out->frame), out->epoch->context.encoded,
                           mls_buffer_done(&out->auth), tag);
        mls_write_vector(message, slice_of(tag, group->suite->hash_bytes));
    }
}

static enum mls_error write_private(const struct mls_outgoing *out, struct mls_group *group,
                                    struct mls_buffer *message, struct mls_secret_step *step)
{
    struct mls_secret_tree *tree = out->epoch->secret_tree;
    uint32_t own = out->epoch->own_leaf;
    enum mls_ratchet_kind kind =
        out->type == MLS_CONTENT_APPLICATION ? MLS_RATCHET_APPLICATION : MLS_RATCHET_HANDSHAKE;
    uint32_t generation = 0;
    enum mls_error error = mls_secret_tree_next(tree, own, kind, &generation);
    if (error == MLS_OK) {
        error = mls_secret_tree_find(tree, own, kind, generation, step);
    }
    if (error != MLS_OK) {
        return error;
    }
    struct mls_private_seal seal = {
        .sender_data_secret = out->epoch->secrets->sender_data,
        .key = step->key,
        .nonce = step->nonce,
        .sender_data = {.leaf = own, .generation = generation},
        .group_id = out->epoch->context.group_id,
        .epoch = out->epoch->context.epoch,
        .content_type = out->type,
        .authenticated_data = out->authenticated_data,
        .content = slice_of(out->frame.data + out->content_at, out->frame.size - out->content_at),
        .auth = mls_buffer_done(&out->auth),
        .padding_bytes = group->padding_bytes,
    };
    mls_environment_random(&group->environment, seal.sender_data.reuse_guard,
                           sizeof(seal.sender_data.reuse_guard));
    error = mls_private_message_seal(group->suite, group->memory, &seal, message);
    if (error != MLS_OK) {
        mls_secret_tree_drop(tree, step);
    }
    return error;
}

enum mls_error mls_outgoing_protect(struct mls_outgoing *out, struct mls_group *group,
                                    struct slice tag, struct mls_buffer *message,
                                    struct mls_secret_step *step, bool *out_has_step)
{
    *out_has_step = false;
    *message = mls_buffer_of(group->memory);
    mls_write_auth(&out->auth, slice_of(out->signature, group->suite->signature_bytes), tag);
    if (out->frame.failed || out->auth.failed) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = MLS_OK;
    if (out->format == MLS_WIRE_PUBLIC_MESSAGE) {
        write_public(out, group, message);
        error = message->failed ? MLS_ERR_NO_MEMORY : MLS_OK;
    } else {
        error = write_private(out, group, message, step);
        *out_has_step = error == MLS_OK;
    }
    if (error != MLS_OK) {
        mls_buffer_clear(message);
    }
    return error;
}

/* Stores the step, then consumes it; where it cannot be stored the message is taken back. */
static enum mls_error make_durable(struct mls_group *group, struct mls_secret_step *step,
                                   struct mls_buffer *message)
{
    struct mls_transaction transaction;
    mls_transaction_begin(&transaction, group);
    transaction.outcome.call = MLS_CALL_ENCRYPT;
    transaction.outcome.message = mls_buffer_done(message);
    mls_store_step(&transaction, group->current, step);
    enum mls_error error = mls_transaction_end_sending(&transaction, group->current, step, true);
    if (error != MLS_OK) {
        mls_buffer_clear(message);
    }
    return error;
}

static enum mls_error encrypt(struct mls_group *group, struct slice data,
                              struct slice authenticated_data, struct mls_buffer *out)
{
    struct mls_outgoing outgoing;
    struct mls_secret_step step;
    bool has_step = false;
    if (group->state != MLS_GROUP_ACTIVE) {
        return MLS_ERR_GROUP_CLOSED;
    }
    if (mls_group_pending_proposals(group) > 0) {
        return MLS_ERR_PROPOSALS_PENDING;
    }
    if (authenticated_data.size > MLS_CONTENT_MAX_BYTES ||
        data.size > MLS_CONTENT_MAX_BYTES - authenticated_data.size) {
        return MLS_ERR_LIMIT;
    }
    mls_outgoing_init(&outgoing, group, group->current, MLS_CONTENT_APPLICATION, MLS_COAT_PRIVATE,
                      authenticated_data);
    mls_write_vector(&outgoing.frame, data);
    enum mls_error error = mls_outgoing_sign(&outgoing, group);
    if (error == MLS_OK) {
        error = mls_outgoing_protect(&outgoing, group, slice_of(NULL, 0), out, &step, &has_step);
    }
    if (error == MLS_OK) {
        error = make_durable(group, &step, out);
    }
    mls_outgoing_clear(&outgoing);
    return error;
}

enum mls_error mls_group_encrypt(struct mls_group *group, struct slice data,
                                 struct slice authenticated_data, struct mls_buffer *out)
{
    *out = mls_buffer_of(group->memory);
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = encrypt(group, data, authenticated_data, out);
        mls_group_leave(group);
    }
    return error;
}
