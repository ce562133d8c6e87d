/*
 * Sealing and opening of PrivateMessages (RFC 9420 section 6.3). The content is sealed under a key
 * of the sender's ratchet; who sent it, and which key that is, under a key that a sample of the
 * sealed content gives.
 */
#include <sodium.h>

#include "base/bytes.h"
#include "client/mls/frame.h"
#include "client/mls/label.h"
#include "client/mls/limits.h"

static void sender_data_key(const struct mls_suite *suite, const uint8_t *secret,
                            struct slice ciphertext, uint8_t *out_key, uint8_t *out_nonce)
{
    struct slice sample = slice_of(
        ciphertext.data, ciphertext.size < suite->hash_bytes ? ciphertext.size : suite->hash_bytes);
    mls_expand_with_label(suite, secret, "key", sample, out_key, suite->aead_key_bytes);
    mls_expand_with_label(suite, secret, "nonce", sample, out_nonce, suite->aead_nonce_bytes);
}

/* PrivateContentAAD, or SenderDataAAD, which lacks the authenticated data. */
static void write_aad(struct mls_buffer *buffer, struct slice group_id, uint64_t epoch,
                      enum mls_content_type type)
{
    mls_write_vector(buffer, group_id);
    mls_write_u64(buffer, epoch);
    mls_write_u8(buffer, (uint8_t)type);
}

static void guard_nonce(const uint8_t *nonce, const uint8_t *guard, size_t size, uint8_t *out)
{
    memcpy(out, nonce, size);
    for (size_t i = 0; i < MLS_REUSE_GUARD_BYTES; i++) {
        out[i] ^= guard[i];
    }
}

/* Seals the content into `out` (a buffer of its own). */
static void seal_content(const struct mls_suite *suite, const struct mls_private_seal *seal,
                         struct mls_buffer *scratch, struct mls_buffer *out)
{
    uint8_t nonce[MLS_AEAD_NONCE_MAX_BYTES];
    write_aad(scratch, seal->group_id, seal->epoch, seal->content_type);
    mls_write_vector(scratch, seal->authenticated_data);
    size_t aad = scratch->size;
    mls_write_bytes(scratch, seal->content);
    mls_write_bytes(scratch, seal->auth);
    size_t plain = scratch->size - aad;
    if (seal->padding_bytes > 0 && plain % seal->padding_bytes != 0) {
        size_t padding = seal->padding_bytes - plain % seal->padding_bytes;
        uint8_t *room = mls_buffer_extend(scratch, padding);
        if (room != NULL) {
            memset(room, 0, padding);
        }
        plain += padding;
    }
    uint8_t *sealed = mls_buffer_extend(out, plain + suite->aead_tag_bytes);
    if (sealed == NULL || scratch->failed) {
        out->failed = true;
        return;
    }
    guard_nonce(seal->nonce, seal->sender_data.reuse_guard, suite->aead_nonce_bytes, nonce);
    suite->aead_seal(seal->key, nonce, slice_of(scratch->data, aad),
                     slice_of(scratch->data + aad, plain), sealed);
}

static void seal_sender_data(const struct mls_suite *suite, const struct mls_private_seal *seal,
                             struct slice ciphertext, struct mls_buffer *scratch, uint8_t *out)
{
    uint8_t key[MLS_AEAD_KEY_MAX_BYTES];
    uint8_t nonce[MLS_AEAD_NONCE_MAX_BYTES];
    uint8_t plain[MLS_SENDER_DATA_BYTES];
    bytes_put_u32_be(plain, seal->sender_data.leaf);
    bytes_put_u32_be(plain + 4, seal->sender_data.generation);
    memcpy(plain + 8, seal->sender_data.reuse_guard, MLS_REUSE_GUARD_BYTES);
    write_aad(scratch, seal->group_id, seal->epoch, seal->content_type);
    if (!scratch->failed) {
        sender_data_key(suite, seal->sender_data_secret, ciphertext, key, nonce);
        suite->aead_seal(key, nonce, mls_buffer_done(scratch), slice_of(plain, sizeof(plain)), out);
        sodium_memzero(key, sizeof(key));
    }
}

enum mls_error mls_private_message_seal(const struct mls_suite *suite, struct memory *memory,
                                        const struct mls_private_seal *seal,
                                        struct mls_buffer *buffer)
{
    struct mls_buffer scratch = mls_buffer_of(memory);
    struct mls_buffer sealed = mls_buffer_of(memory);
    uint8_t sender_data[MLS_SENDER_DATA_BYTES + MLS_AEAD_TAG_MAX_BYTES];
    seal_content(suite, seal, &scratch, &sealed);
    mls_buffer_clear(&scratch);
    struct slice ciphertext = mls_buffer_done(&sealed);
    if (ciphertext.size > 0) {
        seal_sender_data(suite, seal, ciphertext, &scratch, sender_data);
        struct mls_private_message view = {
            .group_id = seal->group_id,
            .epoch = seal->epoch,
            .content_type = seal->content_type,
            .authenticated_data = seal->authenticated_data,
            .encrypted_sender_data =
                slice_of(sender_data, MLS_SENDER_DATA_BYTES + suite->aead_tag_bytes),
            .ciphertext = ciphertext,
        };
        mls_write_message_head(buffer, MLS_WIRE_PRIVATE_MESSAGE);
        mls_write_private_message(buffer, &view);
    }
    bool failed = sealed.failed || scratch.failed || buffer->failed;
    mls_buffer_clear(&scratch);
    mls_buffer_clear(&sealed);
    return failed ? MLS_ERR_NO_MEMORY : MLS_OK;
}

enum mls_error mls_private_message_open_sender(const struct mls_suite *suite, struct memory *memory,
                                               const uint8_t *sender_data_secret,
                                               const struct mls_private_message *view,
                                               struct mls_sender_data *out)
{
    uint8_t key[MLS_AEAD_KEY_MAX_BYTES];
    uint8_t nonce[MLS_AEAD_NONCE_MAX_BYTES];
    uint8_t plain[MLS_SENDER_DATA_BYTES];
    if (view->encrypted_sender_data.size != sizeof(plain) + suite->aead_tag_bytes) {
        return MLS_ERR_BAD_CIPHERTEXT;
    }
    struct mls_buffer aad = mls_buffer_of(memory);
    write_aad(&aad, view->group_id, view->epoch, view->content_type);
    if (aad.failed) {
        mls_buffer_clear(&aad);
        return MLS_ERR_NO_MEMORY;
    }
    sender_data_key(suite, sender_data_secret, view->ciphertext, key, nonce);
    bool opened =
        suite->aead_open(key, nonce, mls_buffer_done(&aad), view->encrypted_sender_data, plain);
    sodium_memzero(key, sizeof(key));
    mls_buffer_clear(&aad);
    if (!opened) {
        return MLS_ERR_BAD_CIPHERTEXT;
    }
    out->leaf = bytes_get_u32_be(plain);
    out->generation = bytes_get_u32_be(plain + 4);
    memcpy(out->reuse_guard, plain + 8, MLS_REUSE_GUARD_BYTES);
    return MLS_OK;
}

/* Opens into `storage`, behind the head of the frame that the plaintext lacks. */
static enum mls_error open_content(const struct mls_suite *suite,
                                   const struct mls_private_message *view,
                                   const struct mls_sender_data *sender, const uint8_t *key,
                                   const uint8_t *nonce, struct mls_buffer *storage)
{
    uint8_t guarded[MLS_AEAD_NONCE_MAX_BYTES];
    struct mls_sender from = {.type = MLS_SENDER_MEMBER, .index = sender->leaf};
    struct mls_buffer aad = mls_buffer_of(storage->memory);
    write_aad(&aad, view->group_id, view->epoch, view->content_type);
    mls_write_vector(&aad, view->authenticated_data);
    mls_write_u16(storage, MLS_WIRE_PRIVATE_MESSAGE);
    mls_write_frame_head(storage, view->group_id, view->epoch, from, view->authenticated_data,
                         view->content_type);
    uint8_t *plain = mls_buffer_extend(storage, view->ciphertext.size - suite->aead_tag_bytes);
    enum mls_error error = MLS_OK;
    guard_nonce(nonce, sender->reuse_guard, suite->aead_nonce_bytes, guarded);
    if (plain == NULL || aad.failed) {
        error = MLS_ERR_NO_MEMORY;
    } else if (!suite->aead_open(key, guarded, mls_buffer_done(&aad), view->ciphertext, plain)) {
        error = MLS_ERR_BAD_CIPHERTEXT;
    }
    mls_buffer_clear(&aad);
    return error;
}

enum mls_error mls_private_message_open(const struct mls_suite *suite,
                                        const struct mls_private_message *view,
                                        const struct mls_sender_data *sender, const uint8_t *key,
                                        const uint8_t *nonce, struct mls_buffer *storage,
                                        struct arena *arena, struct mls_authenticated *out)
{
    /* Even the shortest content has a length and a signature. */
    if (view->ciphertext.size <= suite->aead_tag_bytes) {
        return MLS_ERR_BAD_CIPHERTEXT;
    }
    enum mls_error error = open_content(suite, view, sender, key, nonce, storage);
    if (error != MLS_OK) {
        return error;
    }
    struct reader reader = reader_of(mls_buffer_done(storage));
    error = mls_read_authenticated(&reader, arena, out);
    if (error != MLS_OK) {
        return error;
    }
    uint8_t seen = 0;
    while (reader_left(&reader) > 0) {
        seen |= *reader.at++;
    }
    return seen == 0 ? MLS_OK : MLS_ERR_BAD_PADDING;
}
