/*
 * Application-key encryption of message bodies: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03).
 *
 *   [version u8 = 1][key id 4][nonce 24][ciphertext, as long as the plaintext][tag 16]
 *
 * The key of the application (32 bytes) is never used itself; from it follow, by libsodium's
 * crypto_kdf (BLAKE2b) in context "columba1", the encryption key (1), the nonce key (2) and the
 * key id (3, its first four bytes).
 *
 * Associated data: what the body is bound to, so that a node cannot pass it off as another message:
 *
 *   [version u8][key id 4][conversation 16][message 16][type u8][epoch u64][created_at_ms u64]
 *   [sender's name sized][media url sized]
 *
 * and, where it is not the body that was sent, one byte more (enum seal_use): no edit passes for
 * the message itself, nor the other way round. (Message and time are the message's and the edit's.)
 * Reactions and an application's columns are sealed in the same way.
 *
 * The nonce is a keyed BLAKE2b-192 of the associated data and the plaintext. The same message
 * sealed again gives the same bytes, which makes repeated sends and imports idempotent, and a nonce
 * is used again only for the very same bytes.
 *
 * Pure: no randomness. sodium_init is the caller's.
 */
#ifndef COLUMBA_CLIENT_CORE_SEAL_H
#define COLUMBA_CLIENT_CORE_SEAL_H

#include <stdint.h>

#include "base/id.h"
#include "base/limits.h"
#include "proto/content.h"

#define SEAL_APPLICATION_KEY_BYTES 32u
#define SEAL_KEY_ID_BYTES 4u
#define SEAL_VERSION 1u
#define SEAL_OVERHEAD_BYTES 45u

_Static_assert(SEAL_OVERHEAD_BYTES <= SEAL_OVERHEAD_MAX_BYTES, "a full body fits when sealed");

/* Secret: keep it in locked memory, wipe it with seal_key_clear. */
struct seal_key {
    uint8_t encryption[32];
    uint8_t nonce[32];
    uint8_t id[SEAL_KEY_ID_BYTES];
};

void seal_key_init(struct seal_key *key, const uint8_t *application_key);
void seal_key_clear(struct seal_key *key);

/* What a sealed text is to its message. */
enum seal_use {
    SEAL_USE_BODY = 0,
    SEAL_USE_EDIT = 1,
    /* Of its place's content count only these two. */
    SEAL_USE_REACTION = 2, /* sender: the 16 bytes of the user's id */
    SEAL_USE_COLUMN = 3,   /* media_url: the column's name */
};

/* What a body belongs to. Of the content, everything but the body counts. */
struct seal_place {
    const struct id *conversation;
    const struct id *message;
    const struct content *content;
    enum seal_use use;
};

/* Writes plaintext.size + SEAL_OVERHEAD_BYTES bytes. */
void seal_body(const struct seal_key *key, const struct seal_place *place, struct slice plaintext,
               uint8_t *out_sealed);

enum seal_result {
    SEAL_OPENED,
    SEAL_UNKNOWN_FORM, /* too short, or of another version */
    SEAL_OTHER_KEY,    /* sealed with another application key */
    SEAL_ALTERED,      /* this key, but body, place or both are not what was sealed */
};

/* Writes sealed.size - SEAL_OVERHEAD_BYTES bytes, only if it was opened. */
enum seal_result seal_open(const struct seal_key *key, const struct seal_place *place,
                           struct slice sealed, uint8_t *out_plaintext);
/* A sentence for people. */
const char *seal_result_text(enum seal_result result);

#endif
