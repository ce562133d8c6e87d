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

/* Which private key is tried does not matter: all are multiples of the cofactor. */
bool mls_kem_key_is_usable(const struct mls_suite *suite, struct slice public_key)
{
    static const uint8_t any_private[MLS_KEM_MAX_BYTES] = {1};
    uint8_t shared[MLS_KEM_MAX_BYTES];
    return public_key.size == suite->kem_public_bytes &&
           suite->kem_shared(any_private, public_key.data, shared);
}

bool mls_secret_equal(struct slice a, struct slice b)
{
    if (a.size != b.size) {
        return false;
    }
    return sodium_memcmp(a.data, b.data, a.size) == 0;
}
