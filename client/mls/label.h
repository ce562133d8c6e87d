/*
 * The labelled forms of the primitives: RFC 9420 sections 5.1.2 (SignWithLabel), 5.1.3
 * (EncryptWithLabel), 5.2 (RefHash), 8 (ExpandWithLabel, DeriveSecret) and 9.1 (DeriveTreeSecret);
 * HKDF (RFC 5869) underneath, since libsodium 1.0.18 has none.
 *
 * Labels are given without the "MLS 1.0 " in front, except to mls_ref_hash, whose labels the RFC
 * spells out.
 */
#ifndef COLUMBA_MLS_LABEL_H
#define COLUMBA_MLS_LABEL_H

#include "client/mls/codec.h"
#include "client/mls/error.h"
#include "client/mls/suite.h"

#define MLS_LABEL_MAX_BYTES 255u

/* out has suite->hash_bytes. */
void mls_extract(const struct mls_suite *suite, struct slice salt, struct slice ikm, uint8_t *out);
/* HKDF-Expand over info given in parts (MLS_EXPAND_PARTS_MAX of them at most). */
#define MLS_EXPAND_PARTS_MAX 12u
void mls_expand(const struct mls_suite *suite, const uint8_t *secret, const struct slice *info,
                size_t count, uint8_t *out, size_t size);

void mls_expand_with_label(const struct mls_suite *suite, const uint8_t *secret, const char *label,
                           struct slice context, uint8_t *out, size_t size);
void mls_derive_secret(const struct mls_suite *suite, const uint8_t *secret, const char *label,
                       uint8_t *out);
void mls_derive_tree_secret(const struct mls_suite *suite, const uint8_t *secret, const char *label,
                            uint32_t generation, uint8_t *out, size_t size);

void mls_ref_hash(const struct mls_suite *suite, const char *label, struct slice value,
                  uint8_t *out);

/* `parts`, one after another, are what is signed. Errors: NO_MEMORY. */
enum mls_error mls_sign_with_label(const struct mls_suite *suite, struct memory *memory,
                                   const uint8_t *private_key, const char *label,
                                   const struct slice *parts, size_t count, uint8_t *out_signature);
/* Errors: NO_MEMORY, or `otherwise` where key, signature or both are not valid. */
enum mls_error mls_verify_with_label(const struct mls_suite *suite, struct memory *memory,
                                     struct slice public_key, const char *label,
                                     const struct slice *parts, size_t count,
                                     struct slice signature, enum mls_error otherwise);

/* The context under which something is encrypted, hashed: once for all recipients. */
void mls_encrypt_context(const struct mls_suite *suite, const char *label, struct slice context,
                         uint8_t *out_hash);
/*
 * HPKE single shot. `ephemeral` is a fresh random private key; out_ciphertext has plaintext.size +
 * aead_tag_bytes. False: the recipient's public key is not usable.
 */
bool mls_encrypt_to(const struct mls_suite *suite, struct slice public_key,
                    const uint8_t *context_hash, struct slice plaintext, const uint8_t *ephemeral,
                    uint8_t *out_kem_output, uint8_t *out_ciphertext);
/* out has ciphertext.size - aead_tag_bytes. False: it does not open. */
bool mls_decrypt_with_label(const struct mls_suite *suite, const uint8_t *private_key,
                            const char *label, struct slice context, struct slice kem_output,
                            struct slice ciphertext, uint8_t *out);

#endif
