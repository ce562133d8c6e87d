#include "client/mls/frame.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "client/mls/label.h"

enum mls_error mls_read_message_head(struct reader *reader, enum mls_wire_format *out)
{
    uint16_t version = reader_u16(reader);
    uint16_t format = reader_u16(reader);
    if (reader->failed) {
        return MLS_ERR_MALFORMED;
    }
    if (version != MLS_VERSION_10) {
        return MLS_ERR_VERSION;
    }
    if (format < MLS_WIRE_PUBLIC_MESSAGE || format > MLS_WIRE_KEY_PACKAGE) {
        return MLS_ERR_WIRE_FORMAT;
    }
    *out = (enum mls_wire_format)format;
    return MLS_OK;
}

void mls_write_message_head(struct mls_buffer *buffer, enum mls_wire_format wire_format)
{
    mls_write_u16(buffer, MLS_VERSION_10);
    mls_write_u16(buffer, (uint16_t)wire_format);
}

static void read_sender(struct reader *reader, struct mls_sender *out)
{
    uint8_t type = reader_u8(reader);
    if (type < MLS_SENDER_MEMBER || type > MLS_SENDER_NEW_MEMBER_COMMIT) {
        reader->failed = true;
        return;
    }
    out->type = (enum mls_sender_type)type;
    bool has_index = type == MLS_SENDER_MEMBER || type == MLS_SENDER_EXTERNAL;
    out->index = has_index ? reader_u32(reader) : 0;
}

static enum mls_error read_content(struct reader *reader, struct arena *arena,
                                   struct mls_frame *out)
{
    switch (out->content_type) {
    case MLS_CONTENT_APPLICATION:
        out->application_data = mls_read_vector(reader);
        return reader->failed ? MLS_ERR_MALFORMED : MLS_OK;
    case MLS_CONTENT_PROPOSAL:
        return mls_read_proposal(reader, arena, &out->proposal);
    case MLS_CONTENT_COMMIT:
        return mls_read_commit(reader, arena, &out->commit);
    }
    return MLS_ERR_MALFORMED;
}

enum mls_error mls_read_frame_head(struct reader *reader, struct mls_frame *out)
{
    *out = (struct mls_frame){.group_id = mls_read_vector(reader)};
    out->epoch = reader_u64(reader);
    read_sender(reader, &out->sender);
    out->authenticated_data = mls_read_vector(reader);
    uint8_t type = reader_u8(reader);
    out->content_type = (enum mls_content_type)type;
    bool known = type >= MLS_CONTENT_APPLICATION && type <= MLS_CONTENT_COMMIT;
    return reader->failed || !known ? MLS_ERR_MALFORMED : MLS_OK;
}

static enum mls_error read_frame(struct reader *reader, struct arena *arena, struct mls_frame *out)
{
    const uint8_t *start = reader->at;
    enum mls_error error = mls_read_frame_head(reader, out);
    if (error == MLS_OK) {
        error = read_content(reader, arena, out);
    }
    out->encoded = mls_read_since(reader, start);
    return error;
}

enum mls_error mls_read_authenticated(struct reader *reader, struct arena *arena,
                                      struct mls_authenticated *out)
{
    const uint8_t *start = reader->at;
    *out = (struct mls_authenticated){.wire_format = (enum mls_wire_format)reader_u16(reader)};
    enum mls_error error = read_frame(reader, arena, &out->frame);
    if (error != MLS_OK) {
        return error;
    }
    const uint8_t *auth = reader->at;
    out->signature = mls_read_vector(reader);
    if (out->frame.content_type == MLS_CONTENT_COMMIT) {
        out->confirmation_tag = mls_read_vector(reader);
    }
    out->auth = mls_read_since(reader, auth);
    out->encoded = mls_read_since(reader, start);
    return reader->failed ? MLS_ERR_MALFORMED : MLS_OK;
}

enum mls_error mls_read_public_message(struct slice whole, struct arena *arena,
                                       struct mls_authenticated *out)
{
    /* From the wire format on, a PublicMessage starts as the AuthenticatedContent it carries. */
    COLUMBA_ASSERT(whole.size >= 4);
    struct reader reader = reader_of(slice_of(whole.data + 2, whole.size - 2));
    enum mls_error error = mls_read_authenticated(&reader, arena, out);
    if (error == MLS_OK && out->frame.sender.type == MLS_SENDER_MEMBER) {
        out->membership_tag = mls_read_vector(&reader);
    }
    return error == MLS_OK && !reader_is_done(&reader) ? MLS_ERR_MALFORMED : error;
}

enum mls_error mls_read_private_message(struct reader *reader, struct mls_private_message *out)
{
    out->group_id = mls_read_vector(reader);
    out->epoch = reader_u64(reader);
    uint8_t type = reader_u8(reader);
    out->authenticated_data = mls_read_vector(reader);
    out->encrypted_sender_data = mls_read_vector(reader);
    out->ciphertext = mls_read_vector(reader);
    out->content_type = (enum mls_content_type)type;
    bool known = type >= MLS_CONTENT_APPLICATION && type <= MLS_CONTENT_COMMIT;
    return !known || !reader_is_done(reader) ? MLS_ERR_MALFORMED : MLS_OK;
}

void mls_write_private_message(struct mls_buffer *buffer, const struct mls_private_message *view)
{
    mls_write_vector(buffer, view->group_id);
    mls_write_u64(buffer, view->epoch);
    mls_write_u8(buffer, (uint8_t)view->content_type);
    mls_write_vector(buffer, view->authenticated_data);
    mls_write_vector(buffer, view->encrypted_sender_data);
    mls_write_vector(buffer, view->ciphertext);
}

void mls_write_frame_head(struct mls_buffer *buffer, struct slice group_id, uint64_t epoch,
                          struct mls_sender sender, struct slice authenticated_data,
                          enum mls_content_type content_type)
{
    mls_write_vector(buffer, group_id);
    mls_write_u64(buffer, epoch);
    mls_write_u8(buffer, (uint8_t)sender.type);
    if (sender.type == MLS_SENDER_MEMBER || sender.type == MLS_SENDER_EXTERNAL) {
        mls_write_u32(buffer, sender.index);
    }
    mls_write_vector(buffer, authenticated_data);
    mls_write_u8(buffer, (uint8_t)content_type);
}

void mls_write_frame(struct mls_buffer *buffer, const struct mls_frame *frame)
{
    mls_write_frame_head(buffer, frame->group_id, frame->epoch, frame->sender,
                         frame->authenticated_data, frame->content_type);
    switch (frame->content_type) {
    case MLS_CONTENT_APPLICATION:
        mls_write_vector(buffer, frame->application_data);
        break;
    case MLS_CONTENT_PROPOSAL:
        mls_write_proposal(buffer, &frame->proposal);
        break;
    case MLS_CONTENT_COMMIT:
        mls_write_commit(buffer, &frame->commit);
        break;
    }
}

void mls_write_auth(struct mls_buffer *buffer, struct slice signature, struct slice tag)
{
    mls_write_vector(buffer, signature);
    if (tag.size > 0) {
        mls_write_vector(buffer, tag);
    }
}

/* FramedContentTBS in parts: version and wire format, content, and the context where it counts. */
#define TBS_PARTS 3u
static size_t frame_tbs(uint8_t head[4], enum mls_wire_format wire_format, struct slice frame,
                        enum mls_sender_type sender, struct slice context,
                        struct slice parts[TBS_PARTS])
{
    bytes_put_u16_be(head, MLS_VERSION_10);
    bytes_put_u16_be(head + 2, (uint16_t)wire_format);
    parts[0] = slice_of(head, 4);
    parts[1] = frame;
    parts[2] = context;
    return sender == MLS_SENDER_MEMBER || sender == MLS_SENDER_NEW_MEMBER_COMMIT ? 3 : 2;
}

enum mls_error mls_frame_sign(const struct mls_suite *suite, struct memory *memory,
                              const uint8_t *private_key, enum mls_wire_format wire_format,
                              struct slice frame, enum mls_sender_type sender, struct slice context,
                              uint8_t *out_signature)
{
    uint8_t head[4];
    struct slice parts[TBS_PARTS];
    size_t count = frame_tbs(head, wire_format, frame, sender, context, parts);
    return mls_sign_with_label(suite, memory, private_key, "FramedContentTBS", parts, count,
                               out_signature);
}

enum mls_error mls_frame_verify(const struct mls_suite *suite, struct memory *memory,
                                const struct mls_authenticated *message, struct slice public_key,
                                struct slice context)
{
    uint8_t head[4];
    struct slice parts[TBS_PARTS];
    size_t count = frame_tbs(head, message->wire_format, message->frame.encoded,
                             message->frame.sender.type, context, parts);
    return mls_verify_with_label(suite, memory, public_key, "FramedContentTBS", parts, count,
                                 message->signature, MLS_ERR_BAD_SIGNATURE);
}

void mls_membership_tag(const struct mls_suite *suite, const uint8_t *membership_key,
                        struct slice frame, struct slice context, struct slice auth, uint8_t *out)
{
    uint8_t head[4];
    struct slice parts[TBS_PARTS + 1];
    size_t count =
        frame_tbs(head, MLS_WIRE_PUBLIC_MESSAGE, frame, MLS_SENDER_MEMBER, context, parts);
    parts[count] = auth;
    suite->mac(slice_of(membership_key, suite->hash_bytes), parts, count + 1, out);
}

void mls_proposal_ref(const struct mls_suite *suite, struct slice authenticated, uint8_t *out)
{
    mls_ref_hash(suite, "MLS 1.0 Proposal Reference", authenticated, out);
}
