/*
 * One received message: opened, authenticated, and handed to what it is for (RFC 9420 section 6).
 *
 * Nothing of the group changes before all has proved right. What a message changes then, its
 * ratchet step included, is stored first and applied after, and applying cannot fail.
 */
#include <sodium.h>

#include "client/mls/group.h"

struct incoming {
    struct mls_group *group;
    struct slice bytes; /* the message as it came */
    struct mls_epoch *epoch;
    struct arena arena;
    struct mls_buffer storage; /* the bytes that the message is read from */
    struct mls_authenticated message;
    struct mls_secret_step step;
    bool has_step;
    struct mls_event event;                /* without its storage */
    struct mls_credential_view credential; /* of the sender, in the epoch of the message */
};

static enum mls_error find_epoch(struct incoming *in, struct slice group_id, uint64_t number,
                                 enum mls_content_type type)
{
    struct mls_group *group = in->group;
    uint64_t current = group->current->context.epoch;
    if (!slice_equal(group_id, mls_group_id(group))) {
        return MLS_ERR_WRONG_GROUP;
    }
    /* What was sent before we were removed can still be read, and nothing else. */
    if (group->state == MLS_GROUP_REMOVED &&
        (type != MLS_CONTENT_APPLICATION || number > current)) {
        return MLS_ERR_GROUP_CLOSED;
    }
    if (number > current) {
        return MLS_ERR_FUTURE_EPOCH;
    }
    if (number < current && type != MLS_CONTENT_APPLICATION) {
        return MLS_ERR_STALE_EPOCH;
    }
    in->epoch = mls_group_find_epoch(group, number);
    if (in->epoch == NULL) {
        return MLS_ERR_STALE_EPOCH;
    }
    return in->epoch->secret_tree == NULL ? MLS_ERR_GROUP_CLOSED : MLS_OK;
}

/* -- which key has signed -- */

static enum mls_error find_external_sender(struct incoming *in)
{
    const struct mls_frame *frame = &in->message.frame;
    if (frame->content_type != MLS_CONTENT_PROPOSAL ||
        !mls_proposal_may_be_external(frame->proposal.type)) {
        return MLS_ERR_SENDER_CONTENT;
    }
    return mls_external_sender_of(in->epoch->context.extensions, frame->sender.index,
                                  &in->credential)
               ? MLS_OK
               : MLS_ERR_EXTERNAL_SENDER_UNKNOWN;
}

static enum mls_error find_sender(struct incoming *in)
{
    const struct mls_frame *frame = &in->message.frame;
    switch (frame->sender.type) {
    case MLS_SENDER_MEMBER:
        return mls_group_find_signer(in->group, in->epoch, frame->sender.index, &in->credential)
                   ? MLS_OK
                   : MLS_ERR_NOT_A_MEMBER;
    case MLS_SENDER_EXTERNAL:
        return find_external_sender(in);
    case MLS_SENDER_NEW_MEMBER_PROPOSAL:
        if (frame->content_type != MLS_CONTENT_PROPOSAL ||
            frame->proposal.type != MLS_PROPOSAL_ADD) {
            return MLS_ERR_SENDER_CONTENT;
        }
        in->credential = mls_credential_of(&frame->proposal.add->leaf);
        return MLS_OK;
    case MLS_SENDER_NEW_MEMBER_COMMIT:
        if (frame->content_type != MLS_CONTENT_COMMIT) {
            return MLS_ERR_SENDER_CONTENT;
        }
        if (!frame->commit.has_path) {
            return MLS_ERR_PATH_REQUIRED;
        }
        in->credential = mls_credential_of(&frame->commit.path.leaf);
        return MLS_OK;
    }
    return MLS_ERR_MALFORMED;
}

static enum mls_error verify_signature(struct incoming *in)
{
    enum mls_error error = find_sender(in);
    if (error != MLS_OK) {
        return error;
    }
    return mls_frame_verify(in->group->suite, in->group->memory, &in->message,
                            in->credential.signature_key, in->epoch->context.encoded);
}

/* -- the two coats -- */

static enum mls_error verify_membership(const struct incoming *in)
{
    uint8_t tag[MLS_HASH_MAX_BYTES];
    const struct mls_suite *suite = in->group->suite;
    if (in->message.frame.sender.type != MLS_SENDER_MEMBER) {
        return MLS_OK;
    }
    mls_membership_tag(suite, in->epoch->secrets->membership, in->message.frame.encoded,
                       in->epoch->context.encoded, in->message.auth, tag);
    return mls_secret_equal(slice_of(tag, suite->hash_bytes), in->message.membership_tag)
               ? MLS_OK
               : MLS_ERR_BAD_MEMBERSHIP_TAG;
}

/* A commit of ours that is the staged one was recognised before, by its hash. */
static enum mls_error own_message(enum mls_content_type type)
{
    return type == MLS_CONTENT_COMMIT ? MLS_ERR_OWN_COMMIT : MLS_ERR_OWN_MESSAGE;
}

static enum mls_error open_public(struct incoming *in, struct slice message)
{
    mls_write_bytes(&in->storage, message);
    if (in->storage.failed) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error =
        mls_read_public_message(mls_buffer_done(&in->storage), &in->arena, &in->message);
    if (error != MLS_OK) {
        return error;
    }
    const struct mls_frame *frame = &in->message.frame;
    if (frame->content_type == MLS_CONTENT_APPLICATION) {
        return MLS_ERR_WIRE_FORMAT;
    }
    error = find_epoch(in, frame->group_id, frame->epoch, frame->content_type);
    if (error == MLS_OK) {
        error = mls_group_check_open(in->group, frame->sender.type);
    }
    if (error == MLS_OK) {
        error = verify_membership(in);
    }
    if (error == MLS_OK) {
        error = verify_signature(in);
    }
    bool is_own = frame->sender.type == MLS_SENDER_MEMBER && error == MLS_OK &&
                  frame->sender.index == in->epoch->own_leaf;
    return is_own ? own_message(frame->content_type) : error;
}

static enum mls_error open_sealed(struct incoming *in, const struct mls_private_message *view)
{
    struct mls_sender_data sender;
    struct mls_group *group = in->group;
    enum mls_error error = mls_private_message_open_sender(
        group->suite, group->memory, mls_epoch_sender_data(in->epoch), view, &sender);
    if (error != MLS_OK) {
        return error;
    }
    struct mls_credential_view credential;
    if (!mls_group_find_signer(group, in->epoch, sender.leaf, &credential)) {
        return MLS_ERR_NOT_A_MEMBER;
    }
    if (sender.leaf == in->epoch->own_leaf) {
        return own_message(view->content_type);
    }
    if (!group->environment.policy.takes_removed_senders &&
        mls_group_sender_is_gone(group, in->epoch, sender.leaf)) {
        return MLS_ERR_SENDER_REMOVED;
    }
    enum mls_ratchet_kind kind = view->content_type == MLS_CONTENT_APPLICATION
                                     ? MLS_RATCHET_APPLICATION
                                     : MLS_RATCHET_HANDSHAKE;
    error = mls_secret_tree_find(in->epoch->secret_tree, sender.leaf, kind, sender.generation,
                                 &in->step);
    if (error != MLS_OK) {
        return error;
    }
    in->has_step = true;
    error = mls_private_message_open(group->suite, view, &sender, in->step.key, in->step.nonce,
                                     &in->storage, &in->arena, &in->message);
    return error == MLS_OK ? verify_signature(in) : error;
}

static enum mls_error open_private(struct incoming *in, struct reader *reader)
{
    struct mls_private_message view;
    enum mls_error error = mls_read_private_message(reader, &view);
    if (error == MLS_OK) {
        error = find_epoch(in, view.group_id, view.epoch, view.content_type);
    }
    return error == MLS_OK ? open_sealed(in, &view) : error;
}

static enum mls_error open_message(struct incoming *in, struct slice message)
{
    enum mls_wire_format format;
    struct reader reader = reader_of(message);
    enum mls_error error = mls_read_message_head(&reader, &format);
    if (error != MLS_OK) {
        return error;
    }
    if (message.size > MLS_MESSAGE_MAX_BYTES) {
        return MLS_ERR_LIMIT;
    }
    switch (format) {
    case MLS_WIRE_PUBLIC_MESSAGE:
        return open_public(in, message);
    case MLS_WIRE_PRIVATE_MESSAGE:
        return open_private(in, &reader);
    default:
        return MLS_ERR_WIRE_FORMAT;
    }
}

/* -- what the message is for -- */

static void consume_step(struct incoming *in)
{
    if (in->has_step) {
        mls_secret_tree_consume(in->epoch->secret_tree, &in->step);
        in->has_step = false;
    }
}

static enum mls_error take_application(struct incoming *in)
{
    struct mls_transaction transaction;
    mls_transaction_begin(&transaction, in->group);
    transaction.outcome.call = MLS_CALL_PROCESS;
    transaction.outcome.event = &in->event;
    mls_store_step(&transaction, in->epoch, &in->step);
    enum mls_error error = mls_transaction_end(&transaction, MLS_OK);
    if (error == MLS_OK) {
        consume_step(in);
    }
    return error;
}

static enum mls_error take_proposal(struct incoming *in)
{
    struct mls_group *group = in->group;
    const struct mls_frame *frame = &in->message.frame;
    struct mls_pending pending;
    struct mls_transaction transaction;
    enum mls_error error =
        mls_proposal_check(group, group->current, &frame->proposal, frame->sender, false);
    if (error == MLS_OK) {
        error = mls_group_prepare_pending(group, in->message.encoded, &pending);
    }
    if (error != MLS_OK) {
        return error;
    }
    pending.is_aside = in->event.is_aside;
    if (mls_group_find_pending(group, slice_of(pending.ref, group->suite->hash_bytes)) != NULL) {
        mls_buffer_clear(&pending.authenticated);
        return MLS_ERR_REPLAYED;
    }
    mls_transaction_begin(&transaction, group);
    transaction.outcome.call = MLS_CALL_PROCESS;
    transaction.outcome.event = &in->event;
    if (in->has_step) {
        mls_store_step(&transaction, in->epoch, &in->step);
    }
    mls_store_pending(&transaction, &pending, group->pending_count);
    error = mls_transaction_end(&transaction, MLS_OK);
    if (error != MLS_OK) {
        mls_buffer_clear(&pending.authenticated);
        return error;
    }
    consume_step(in);
    mls_group_append_pending(group, &pending);
    return MLS_OK;
}

/* The key stays in its ratchet until the commit is merged: one that was only staged can be read
 * again after a crash. */
static enum mls_error take_commit(struct incoming *in)
{
    struct mls_group *group = in->group;
    struct mls_staged *staged = NULL;
    enum mls_error error = mls_group_take_commit(group, &in->message, &in->arena, &staged);
    if (error != MLS_OK) {
        return error;
    }
    struct mls_party_view committer = {
        .kind = in->event.sender,
        .index = staged->committer,
        .credential = in->credential,
    };
    mls_party_write(&committer, &staged->closer);
    if (staged->closer.failed) {
        mls_staged_destroy(group, staged);
        return MLS_ERR_NO_MEMORY;
    }
    mls_group_hash_commit(group, in->bytes, staged->hash);
    staged->was_sealed = in->has_step;
    staged->sender_leaf = in->step.leaf;
    staged->generation = in->step.generation;
    in->event.removes_us = staged->epoch == NULL;
    mls_staged_destroy(group, group->received);
    group->received = staged;
    return MLS_OK;
}

static enum mls_error take_message(struct incoming *in)
{
    if (in->group->state != MLS_GROUP_ACTIVE &&
        in->message.frame.content_type != MLS_CONTENT_APPLICATION) {
        return MLS_ERR_GROUP_CLOSED;
    }
    switch (in->message.frame.content_type) {
    case MLS_CONTENT_APPLICATION:
        return take_application(in);
    case MLS_CONTENT_PROPOSAL:
        return take_proposal(in);
    case MLS_CONTENT_COMMIT:
        return take_commit(in);
    }
    return MLS_ERR_MALFORMED;
}

/* The tree that has it may be gone before the event is. */
static enum mls_error keep_credential(struct incoming *in)
{
    struct mls_buffer *kept = &in->event.sender_storage;
    const struct mls_credential_view *credential = &in->credential;
    *kept = mls_buffer_of(in->group->memory);
    mls_write_bytes(kept, credential->identity);
    mls_write_bytes(kept, credential->signature_key);
    if (kept->failed) {
        return MLS_ERR_NO_MEMORY;
    }
    in->event.credential = (struct mls_credential_view){
        .type = credential->type,
        .identity = slice_of(kept->data, credential->identity.size),
        .signature_key =
            slice_of(kept->data + credential->identity.size, credential->signature_key.size),
    };
    return MLS_OK;
}

static enum mls_error describe(struct incoming *in)
{
    struct mls_event *out = &in->event;
    const struct mls_frame *frame = &in->message.frame;
    *out = (struct mls_event){
        .type = (enum mls_event_type)(frame->content_type - MLS_CONTENT_APPLICATION),
        .sender = mls_event_sender_of(frame->sender.type),
        .sender_index = frame->sender.index,
        .epoch = frame->epoch,
        .authenticated_data = frame->authenticated_data,
        .is_open = in->message.wire_format == MLS_WIRE_PUBLIC_MESSAGE,
    };
    if (out->type == MLS_EVENT_APPLICATION) {
        out->data = frame->application_data;
    } else if (out->type == MLS_EVENT_PROPOSAL) {
        out->proposal_type = (uint16_t)frame->proposal.type;
        out->is_aside = out->sender != MLS_FROM_MEMBER;
    }
    return keep_credential(in);
}

void mls_event_clear(struct mls_event *event)
{
    mls_buffer_clear(&event->storage);
    mls_buffer_clear(&event->sender_storage);
    *event = (struct mls_event){.storage = event->storage, .sender_storage = event->sender_storage};
}

/* Told from all others by its hash: after a compare-and-set of unknown outcome, whoever merged an
 * own commit that was not this one would leave the group. */
static bool is_staged_commit(const struct mls_group *group, struct slice message)
{
    uint8_t hash[MLS_HASH_MAX_BYTES];
    if (group->own == NULL) {
        return false;
    }
    mls_group_hash_commit(group, message, hash);
    return memcmp(hash, group->own->hash, group->suite->hash_bytes) == 0;
}

static enum mls_error take_own_commit(struct incoming *in)
{
    const struct mls_epoch *epoch = in->group->current;
    enum mls_wire_format format = MLS_WIRE_PRIVATE_MESSAGE;
    struct reader reader = reader_of(in->bytes);
    (void)mls_read_message_head(&reader, &format);
    in->event = (struct mls_event){
        .type = MLS_EVENT_OWN_COMMIT,
        .sender = MLS_FROM_MEMBER,
        .sender_index = epoch->own_leaf,
        .epoch = epoch->context.epoch,
        .is_open = format == MLS_WIRE_PUBLIC_MESSAGE,
    };
    in->credential = mls_credential_of(mls_tree_leaf(epoch->tree, epoch->own_leaf));
    return keep_credential(in);
}

static enum mls_error take_bytes(struct incoming *in)
{
    if (is_staged_commit(in->group, in->bytes)) {
        return take_own_commit(in);
    }
    enum mls_error error = open_message(in, in->bytes);
    if (error == MLS_OK) {
        error = describe(in);
    }
    return error == MLS_OK ? take_message(in) : error;
}

static enum mls_error process(struct mls_group *group, struct slice message, struct mls_event *out)
{
    struct incoming in = {
        .group = group,
        .bytes = message,
        .storage = mls_buffer_of(group->memory),
        .event = {.sender_storage = mls_buffer_of(group->memory)},
    };
    arena_init(&in.arena, group->memory, MLS_PARSE_ARENA_MAX_BYTES);
    enum mls_error error = take_bytes(&in);
    if (error == MLS_OK) {
        *out = in.event;
        out->storage = in.storage;
        in.storage = mls_buffer_of(group->memory);
    } else {
        mls_buffer_clear(&in.event.sender_storage);
    }
    if (in.has_step) {
        mls_secret_tree_drop(in.epoch->secret_tree, &in.step);
    }
    mls_buffer_clear(&in.storage);
    arena_clear(&in.arena);
    return error;
}

enum mls_error mls_group_process(struct mls_group *group, struct slice message,
                                 struct mls_event *out)
{
    *out = (struct mls_event){.storage = mls_buffer_of(group->memory),
                              .sender_storage = mls_buffer_of(group->memory)};
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = process(group, message, out);
        mls_group_leave(group);
    }
    return error;
}
