/*
 * Message framing (RFC 9420 section 6): content, its signature, and its two coats, PublicMessage
 * and PrivateMessage.
 *
 * Everything received ends up as an AuthenticatedContent: encoded bytes that stay as long as the
 * views into them. A PublicMessage contains them; a PrivateMessage gives them once opened.
 */
#ifndef COLUMBA_MLS_FRAME_H
#define COLUMBA_MLS_FRAME_H

#include "client/mls/commit.h"

enum mls_wire_format {
    MLS_WIRE_PUBLIC_MESSAGE = 1,
    MLS_WIRE_PRIVATE_MESSAGE = 2,
    MLS_WIRE_WELCOME = 3,
    MLS_WIRE_GROUP_INFO = 4,
    MLS_WIRE_KEY_PACKAGE = 5,
};

enum mls_content_type {
    MLS_CONTENT_APPLICATION = 1,
    MLS_CONTENT_PROPOSAL = 2,
    MLS_CONTENT_COMMIT = 3,
};

enum mls_sender_type {
    MLS_SENDER_MEMBER = 1,
    MLS_SENDER_EXTERNAL = 2,
    MLS_SENDER_NEW_MEMBER_PROPOSAL = 3,
    MLS_SENDER_NEW_MEMBER_COMMIT = 4,
};

struct mls_sender {
    enum mls_sender_type type;
    uint32_t index; /* leaf of a member, index of an external sender */
};

/* FramedContent. */
struct mls_frame {
    struct slice group_id;
    uint64_t epoch;
    struct mls_sender sender;
    struct slice authenticated_data;
    enum mls_content_type content_type;
    union {
        struct slice application_data;
        struct mls_proposal proposal;
        struct mls_commit commit;
    };
    struct slice encoded;
};

/* AuthenticatedContent, and the membership tag where it came as a PublicMessage of a member. */
struct mls_authenticated {
    enum mls_wire_format wire_format;
    struct mls_frame frame;
    struct slice signature;
    struct slice confirmation_tag; /* commits only */
    struct slice auth;             /* the encoded FramedContentAuthData */
    struct slice encoded;
    struct slice membership_tag;
};

/* A PrivateMessage as it travels. */
struct mls_private_message {
    struct slice group_id;
    uint64_t epoch;
    enum mls_content_type content_type;
    struct slice authenticated_data;
    struct slice encrypted_sender_data;
    struct slice ciphertext;
};

#define MLS_REUSE_GUARD_BYTES 4u
#define MLS_SENDER_DATA_BYTES 12u

struct mls_sender_data {
    uint32_t leaf;
    uint32_t generation;
    uint8_t reuse_guard[MLS_REUSE_GUARD_BYTES];
};

/* MLSMessage's version and wire format. VERSION, WIRE_FORMAT or MALFORMED. */
enum mls_error mls_read_message_head(struct reader *reader, enum mls_wire_format *out);
void mls_write_message_head(struct mls_buffer *buffer, enum mls_wire_format wire_format);

/* All of a FramedContent that stands before the content. */
enum mls_error mls_read_frame_head(struct reader *reader, struct mls_frame *out);
/* An AuthenticatedContent, its wire format included. */
enum mls_error mls_read_authenticated(struct reader *reader, struct arena *arena,
                                      struct mls_authenticated *out);
/* The PublicMessage after an MLSMessage's head; `whole` is the message with it. */
enum mls_error mls_read_public_message(struct slice whole, struct arena *arena,
                                       struct mls_authenticated *out);
enum mls_error mls_read_private_message(struct reader *reader, struct mls_private_message *out);
void mls_write_private_message(struct mls_buffer *buffer, const struct mls_private_message *view);

/* The head of a FramedContent; the content itself is written after it. */
void mls_write_frame_head(struct mls_buffer *buffer, struct slice group_id, uint64_t epoch,
                          struct mls_sender sender, struct slice authenticated_data,
                          enum mls_content_type content_type);
void mls_write_frame(struct mls_buffer *buffer, const struct mls_frame *frame);
/* FramedContentAuthData; no tag where there is none. */
void mls_write_auth(struct mls_buffer *buffer, struct slice signature, struct slice tag);

/* FramedContentTBS: `context` counts only for senders whose signature covers it. */
enum mls_error mls_frame_sign(const struct mls_suite *suite, struct memory *memory,
                              const uint8_t *private_key, enum mls_wire_format wire_format,
                              struct slice frame, enum mls_sender_type sender, struct slice context,
                              uint8_t *out_signature);
/* BAD_SIGNATURE where it is not valid. */
enum mls_error mls_frame_verify(const struct mls_suite *suite, struct memory *memory,
                                const struct mls_authenticated *message, struct slice public_key,
                                struct slice context);
void mls_membership_tag(const struct mls_suite *suite, const uint8_t *membership_key,
                        struct slice frame, struct slice context, struct slice auth, uint8_t *out);
/* ProposalRef (5.2). */
void mls_proposal_ref(const struct mls_suite *suite, struct slice authenticated, uint8_t *out);

/* What a PrivateMessage is sealed from. */
struct mls_private_seal {
    const uint8_t *sender_data_secret;
    const uint8_t *key;
    const uint8_t *nonce;
    struct mls_sender_data sender_data;
    struct slice group_id;
    uint64_t epoch;
    enum mls_content_type content_type;
    struct slice authenticated_data;
    struct slice content; /* the content alone, without the head of its frame */
    struct slice auth;
    size_t padding_bytes; /* the plaintext's length becomes a multiple of it; 0: no padding */
};
/* Appends an MLSMessage. */
enum mls_error mls_private_message_seal(const struct mls_suite *suite, struct memory *memory,
                                        const struct mls_private_seal *seal,
                                        struct mls_buffer *buffer);
/* BAD_CIPHERTEXT where it does not open. */
enum mls_error mls_private_message_open_sender(const struct mls_suite *suite, struct memory *memory,
                                               const uint8_t *sender_data_secret,
                                               const struct mls_private_message *view,
                                               struct mls_sender_data *out);
/* The AuthenticatedContent goes into `storage` and is read from there. BAD_CIPHERTEXT,
 * BAD_PADDING, MALFORMED. */
enum mls_error mls_private_message_open(const struct mls_suite *suite,
                                        const struct mls_private_message *view,
                                        const struct mls_sender_data *sender, const uint8_t *key,
                                        const uint8_t *nonce, struct mls_buffer *storage,
                                        struct arena *arena, struct mls_authenticated *out);

#endif
