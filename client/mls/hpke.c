#include "client/mls/hpke.h"

#include <sodium.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "client/mls/label.h"

#define HPKE_VERSION "HPKE-v1"
#define MODE_BASE 0u

/* "KEM" + kem, or "HPKE" + kem + kdf + aead: keeps the two schedules and all suites apart. */
struct suite_id {
    uint8_t bytes[10];
    size_t size;
};

static struct suite_id kem_suite_id(const struct mls_suite *suite)
{
    struct suite_id id = {.size = 5};
    memcpy(id.bytes, "KEM", 3);
    bytes_put_u16_be(id.bytes + 3, suite->hpke_kem);
    return id;
}

static struct suite_id hpke_suite_id(const struct mls_suite *suite)
{
    struct suite_id id = {.size = 10};
    memcpy(id.bytes, "HPKE", 4);
    bytes_put_u16_be(id.bytes + 4, suite->hpke_kem);
    bytes_put_u16_be(id.bytes + 6, suite->hpke_kdf);
    bytes_put_u16_be(id.bytes + 8, suite->hpke_aead);
    return id;
}

static void labeled_extract(const struct mls_suite *suite, const struct suite_id *id,
                            struct slice salt, const char *label, const struct slice *ikm,
                            size_t count, uint8_t *out)
{
    struct slice parts[3 + MLS_HPKE_INFO_PARTS_MAX];
    COLUMBA_ASSERT(count <= MLS_HPKE_INFO_PARTS_MAX);
    parts[0] = slice_of_text(HPKE_VERSION);
    parts[1] = slice_of(id->bytes, id->size);
    parts[2] = slice_of_text(label);
    for (size_t i = 0; i < count; i++) {
        parts[3 + i] = ikm[i];
    }
    suite->mac(salt, parts, 3 + count, out);
}

static void labeled_expand(const struct mls_suite *suite, const struct suite_id *id,
                           const uint8_t *secret, const char *label, struct slice info,
                           uint8_t *out, size_t size)
{
    uint8_t length[2];
    bytes_put_u16_be(length, (uint16_t)size);
    struct slice parts[] = {
        slice_of(length, sizeof(length)),
        slice_of_text(HPKE_VERSION),
        slice_of(id->bytes, id->size),
        slice_of_text(label),
        info,
    };
    mls_expand(suite, secret, parts, sizeof(parts) / sizeof(parts[0]), out, size);
}

void mls_hpke_derive_keys(const struct mls_suite *suite, struct slice ikm, uint8_t *out_private,
                          uint8_t *out_public)
{
    uint8_t secret[MLS_HASH_MAX_BYTES];
    struct suite_id id = kem_suite_id(suite);
    labeled_extract(suite, &id, slice_of(NULL, 0), "dkp_prk", &ikm, 1, secret);
    labeled_expand(suite, &id, secret, "sk", slice_of(NULL, 0), out_private,
                   suite->kem_private_bytes);
    suite->kem_public(out_private, out_public);
    sodium_memzero(secret, sizeof(secret));
}

/* ExtractAndExpand of the KEM (4.1). */
static void kem_secret(const struct mls_suite *suite, const uint8_t *shared, struct slice output,
                       struct slice public_key, uint8_t *out)
{
    uint8_t secret[MLS_HASH_MAX_BYTES];
    uint8_t context[2 * MLS_KEM_MAX_BYTES];
    struct suite_id id = kem_suite_id(suite);
    struct slice ikm = slice_of(shared, suite->kem_public_bytes);
    memcpy(context, output.data, output.size);
    memcpy(context + output.size, public_key.data, public_key.size);
    labeled_extract(suite, &id, slice_of(NULL, 0), "eae_prk", &ikm, 1, secret);
    labeled_expand(suite, &id, secret, "shared_secret",
                   slice_of(context, output.size + public_key.size), out, suite->hash_bytes);
    sodium_memzero(secret, sizeof(secret));
}

void mls_hpke_info_hash(const struct mls_suite *suite, const struct slice *info, size_t count,
                        uint8_t *out)
{
    struct suite_id id = hpke_suite_id(suite);
    labeled_extract(suite, &id, slice_of(NULL, 0), "info_hash", info, count, out);
}

/* The key schedule (5.1) in base mode, without a pre-shared key. */
static void schedule(struct mls_hpke *hpke, const struct mls_suite *suite, const uint8_t *shared,
                     const uint8_t *info_hash)
{
    uint8_t context[1 + 2 * MLS_HASH_MAX_BYTES] = {MODE_BASE};
    uint8_t secret[MLS_HASH_MAX_BYTES];
    struct suite_id id = hpke_suite_id(suite);
    struct slice none = slice_of(NULL, 0);
    struct slice full = slice_of(context, 1 + 2 * suite->hash_bytes);
    labeled_extract(suite, &id, none, "psk_id_hash", NULL, 0, context + 1);
    memcpy(context + 1 + suite->hash_bytes, info_hash, suite->hash_bytes);
    labeled_extract(suite, &id, slice_of(shared, suite->hash_bytes), "secret", NULL, 0, secret);
    hpke->suite = suite;
    hpke->sequence = 0;
    labeled_expand(suite, &id, secret, "key", full, hpke->key, suite->aead_key_bytes);
    labeled_expand(suite, &id, secret, "base_nonce", full, hpke->base_nonce,
                   suite->aead_nonce_bytes);
    labeled_expand(suite, &id, secret, "exp", full, hpke->exporter_secret, suite->hash_bytes);
    sodium_memzero(secret, sizeof(secret));
}

bool mls_hpke_send(struct mls_hpke *hpke, const struct mls_suite *suite, struct slice public_key,
                   const uint8_t *info_hash, const uint8_t *ephemeral, uint8_t *out_kem_output)
{
    uint8_t shared[MLS_KEM_MAX_BYTES];
    uint8_t secret[MLS_HASH_MAX_BYTES];
    if (public_key.size != suite->kem_public_bytes ||
        !suite->kem_shared(ephemeral, public_key.data, shared)) {
        return false;
    }
    suite->kem_public(ephemeral, out_kem_output);
    kem_secret(suite, shared, slice_of(out_kem_output, suite->kem_public_bytes), public_key,
               secret);
    schedule(hpke, suite, secret, info_hash);
    sodium_memzero(shared, sizeof(shared));
    sodium_memzero(secret, sizeof(secret));
    return true;
}

bool mls_hpke_receive(struct mls_hpke *hpke, const struct mls_suite *suite, struct slice kem_output,
                      const uint8_t *private_key, const uint8_t *info_hash)
{
    uint8_t shared[MLS_KEM_MAX_BYTES];
    uint8_t secret[MLS_HASH_MAX_BYTES];
    uint8_t public_key[MLS_KEM_MAX_BYTES];
    if (kem_output.size != suite->kem_public_bytes ||
        !suite->kem_shared(private_key, kem_output.data, shared)) {
        return false;
    }
    suite->kem_public(private_key, public_key);
    kem_secret(suite, shared, kem_output, slice_of(public_key, suite->kem_public_bytes), secret);
    schedule(hpke, suite, secret, info_hash);
    sodium_memzero(shared, sizeof(shared));
    sodium_memzero(secret, sizeof(secret));
    return true;
}

/* The base nonce with the sequence number XORed into its end. */
static void nonce_of(const struct mls_hpke *hpke, uint8_t *out)
{
    size_t size = hpke->suite->aead_nonce_bytes;
    memcpy(out, hpke->base_nonce, size);
    for (size_t i = 0; i < sizeof(hpke->sequence); i++) {
        out[size - 1 - i] ^= (uint8_t)(hpke->sequence >> (8 * i));
    }
}

void mls_hpke_seal(struct mls_hpke *hpke, struct slice aad, struct slice plaintext, uint8_t *out)
{
    uint8_t nonce[MLS_AEAD_NONCE_MAX_BYTES];
    COLUMBA_ASSERT(hpke->sequence < UINT64_MAX);
    nonce_of(hpke, nonce);
    hpke->suite->aead_seal(hpke->key, nonce, aad, plaintext, out);
    hpke->sequence++;
}

bool mls_hpke_open(struct mls_hpke *hpke, struct slice aad, struct slice ciphertext, uint8_t *out)
{
    uint8_t nonce[MLS_AEAD_NONCE_MAX_BYTES];
    COLUMBA_ASSERT(hpke->sequence < UINT64_MAX);
    nonce_of(hpke, nonce);
    if (ciphertext.size < hpke->suite->aead_tag_bytes ||
        !hpke->suite->aead_open(hpke->key, nonce, aad, ciphertext, out)) {
        return false;
    }
    hpke->sequence++;
    return true;
}

void mls_hpke_export(const struct mls_hpke *hpke, struct slice context, uint8_t *out, size_t size)
{
    struct suite_id id = hpke_suite_id(hpke->suite);
    labeled_expand(hpke->suite, &id, hpke->exporter_secret, "sec", context, out, size);
}

void mls_hpke_clear(struct mls_hpke *hpke)
{
    sodium_memzero(hpke, sizeof(*hpke));
}
