/*
 * Cipher suites (RFC 9420 section 17.1). A suite is one row: sizes, HPKE numbers and primitives.
 * Everything above goes through the row, so a further suite is a further row and, where its sizes
 * are larger, larger *_MAX_BYTES.
 *
 * The primitives are libsodium's; all run in constant time for secret inputs. Threads: the table
 * is read-only.
 */
#ifndef COLUMBA_MLS_SUITE_H
#define COLUMBA_MLS_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519 0x0003u

/* The largest of all suites in the table; suite.c proves it. */
#define MLS_HASH_MAX_BYTES 32u
#define MLS_AEAD_KEY_MAX_BYTES 32u
#define MLS_AEAD_NONCE_MAX_BYTES 12u
#define MLS_AEAD_TAG_MAX_BYTES 16u
#define MLS_KEM_MAX_BYTES 32u
#define MLS_SIGNATURE_MAX_BYTES 64u
#define MLS_SIGNATURE_KEY_MAX_BYTES 64u

struct mls_suite {
    const char *name;
    uint16_t id;
    uint16_t hpke_kem;
    uint16_t hpke_kdf;
    uint16_t hpke_aead;
    size_t hash_bytes;
    size_t aead_key_bytes;
    size_t aead_nonce_bytes;
    size_t aead_tag_bytes;
    size_t kem_public_bytes;
    size_t kem_private_bytes;
    size_t signature_public_bytes;
    size_t signature_seed_bytes;
    size_t signature_private_bytes;
    size_t signature_bytes;

    /* The digest of the parts, one after another. */
    void (*hash)(const struct slice *parts, size_t count, uint8_t *out_digest);
    void (*mac)(struct slice key, const struct slice *parts, size_t count, uint8_t *out_tag);
    /* out has plaintext.size + aead_tag_bytes. */
    void (*aead_seal)(const uint8_t *key, const uint8_t *nonce, struct slice aad,
                      struct slice plaintext, uint8_t *out);
    /* out has ciphertext.size - aead_tag_bytes. False: it does not open. */
    bool (*aead_open)(const uint8_t *key, const uint8_t *nonce, struct slice aad,
                      struct slice ciphertext, uint8_t *out);
    void (*kem_public)(const uint8_t *private_key, uint8_t *out_public);
    /* The Diffie-Hellman value. False: the public key is a point of small order. */
    bool (*kem_shared)(const uint8_t *private_key, const uint8_t *public_key, uint8_t *out_shared);
    /* Whether that would be true. The key is public: it takes no constant time. */
    bool (*kem_is_usable)(const uint8_t *public_key);
    void (*signature_keys)(const uint8_t *seed, uint8_t *out_public, uint8_t *out_private);
    void (*sign)(const uint8_t *private_key, struct slice message, uint8_t *out_signature);
    bool (*verify)(const uint8_t *public_key, struct slice message, const uint8_t *signature);
};

/* NULL: the suite is not supported. */
const struct mls_suite *mls_suite_find(uint16_t id);

/*
 * Whether a public key of others' making can be encrypted to: of the right size, and no point of
 * small order, with which every private key gives an all-zero secret (RFC 7748, 6.1). To be asked
 * of each key when it enters, since one that is found only when it is used stops whoever uses it.
 */
bool mls_kem_key_is_usable(const struct mls_suite *suite, struct slice public_key);

/* Equal in constant time; lengths are public. */
bool mls_secret_equal(struct slice a, struct slice b);

#ifdef __cplusplus
}
#endif

#endif
