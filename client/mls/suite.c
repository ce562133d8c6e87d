#include "client/mls/suite.h"

#include <sodium.h>

static void sha256_parts(const struct slice *parts, size_t count, uint8_t *out_digest)
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < count; i++) {
        crypto_hash_sha256_update(&state, parts[i].data, parts[i].size);
    }
    crypto_hash_sha256_final(&state, out_digest);
    sodium_memzero(&state, sizeof(state));
}

static void hmac_sha256_parts(struct slice key, const struct slice *parts, size_t count,
                              uint8_t *out_tag)
{
    static const uint8_t no_key[1];
    crypto_auth_hmacsha256_state state;
    /* libsodium wants a pointer even for a key of no bytes. */
    crypto_auth_hmacsha256_init(&state, key.size == 0 ? no_key : key.data, key.size);
    for (size_t i = 0; i < count; i++) {
        crypto_auth_hmacsha256_update(&state, parts[i].data, parts[i].size);
    }
    crypto_auth_hmacsha256_final(&state, out_tag);
    sodium_memzero(&state, sizeof(state));
}

static void chacha_seal(const uint8_t *key, const uint8_t *nonce, struct slice aad,
                        struct slice plaintext, uint8_t *out)
{
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plaintext.data, plaintext.size,
                                                    aad.data, aad.size, NULL, nonce, key);
}

static bool chacha_open(const uint8_t *key, const uint8_t *nonce, struct slice aad,
                        struct slice ciphertext, uint8_t *out)
{
    return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, ciphertext.data,
                                                     ciphertext.size, aad.data, aad.size, nonce,
                                                     key) == 0;
}

static void x25519_public(const uint8_t *private_key, uint8_t *out_public)
{
    (void)crypto_scalarmult_base(out_public, private_key);
}

static bool x25519_shared(const uint8_t *private_key, const uint8_t *public_key,
                          uint8_t *out_shared)
{
    return crypto_scalarmult(out_shared, private_key, public_key) == 0;
}

/*
 * Points of small order: those whose multiple by the cofactor, 8 on the curve and 4 on its twist,
 * is the neutral element. Their coordinates are 0, 1, -1 and the two that are doubled to 1; 0 and 1
 * have a second encoding above the field's prime. A multiplication by any private key shows the
 * same, but it costs more than all else that is checked of a tree's key.
 */
static bool x25519_is_usable(const uint8_t *public_key)
{
    static const uint8_t small_order[][crypto_scalarmult_BYTES] = {
        {0},
        {1},
        {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
         0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
         0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
        {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
         0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
         0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    };
    size_t last = crypto_scalarmult_BYTES - 1;
    for (size_t i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++) {
        /* The highest bit does not count. */
        if (memcmp(public_key, small_order[i], last) == 0 &&
            (public_key[last] & 0x7f) == small_order[i][last]) {
            return false;
        }
    }
    return true;
}

static void ed25519_keys(const uint8_t *seed, uint8_t *out_public, uint8_t *out_private)
{
    (void)crypto_sign_seed_keypair(out_public, out_private, seed);
}

static void ed25519_sign(const uint8_t *private_key, struct slice message, uint8_t *out_signature)
{
    (void)crypto_sign_detached(out_signature, NULL, message.data, message.size, private_key);
}

static bool ed25519_verify(const uint8_t *public_key, struct slice message,
                           const uint8_t *signature)
{
    return crypto_sign_verify_detached(signature, message.data, message.size, public_key) == 0;
}

static const struct mls_suite suites[] = {
    {
        .name = "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
        .id = MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
        .hpke_kem = 0x0020,
        .hpke_kdf = 0x0001,
        .hpke_aead = 0x0003,
        .hash_bytes = crypto_hash_sha256_BYTES,
        .aead_key_bytes = crypto_aead_chacha20poly1305_ietf_KEYBYTES,
        .aead_nonce_bytes = crypto_aead_chacha20poly1305_ietf_NPUBBYTES,
        .aead_tag_bytes = crypto_aead_chacha20poly1305_ietf_ABYTES,
        .kem_public_bytes = crypto_scalarmult_BYTES,
        .kem_private_bytes = crypto_scalarmult_SCALARBYTES,
        .signature_public_bytes = crypto_sign_PUBLICKEYBYTES,
        .signature_seed_bytes = crypto_sign_SEEDBYTES,
        .signature_private_bytes = crypto_sign_SECRETKEYBYTES,
        .signature_bytes = crypto_sign_BYTES,
        .hash = sha256_parts,
        .mac = hmac_sha256_parts,
        .aead_seal = chacha_seal,
        .aead_open = chacha_open,
        .kem_public = x25519_public,
        .kem_shared = x25519_shared,
        .kem_is_usable = x25519_is_usable,
        .signature_keys = ed25519_keys,
        .sign = ed25519_sign,
        .verify = ed25519_verify,
    },
};

_Static_assert(crypto_hash_sha256_BYTES <= MLS_HASH_MAX_BYTES, "hash");
_Static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES <= MLS_AEAD_KEY_MAX_BYTES, "key");
_Static_assert(crypto_aead_chacha20poly1305_ietf_NPUBBYTES <= MLS_AEAD_NONCE_MAX_BYTES, "nonce");
_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES <= MLS_AEAD_TAG_MAX_BYTES, "tag");
_Static_assert(crypto_scalarmult_BYTES <= MLS_KEM_MAX_BYTES, "kem");
_Static_assert(crypto_sign_BYTES <= MLS_SIGNATURE_MAX_BYTES, "signature");
_Static_assert(crypto_sign_SECRETKEYBYTES <= MLS_SIGNATURE_KEY_MAX_BYTES, "signature key");

const struct mls_suite *mls_suite_find(uint16_t id)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        if (suites[i].id == id) {
            return &suites[i];
        }
    }
    return NULL;
}

bool mls_kem_key_is_usable(const struct mls_suite *suite, struct slice public_key)
{
    return public_key.size == suite->kem_public_bytes && suite->kem_is_usable(public_key.data);
}

bool mls_secret_equal(struct slice a, struct slice b)
{
    if (a.size != b.size) {
        return false;
    }
    return sodium_memcmp(a.data, b.data, a.size) == 0;
}
