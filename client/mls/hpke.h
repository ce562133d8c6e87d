/*
 * Hybrid public key encryption (RFC 9180) in base mode, with export.
 *
 * One side calls mls_hpke_send, the other mls_hpke_receive with the kem output; both then hold the
 * same context, which seals and opens messages in order and exports secrets. Clear it when done.
 */
#ifndef COLUMBA_MLS_HPKE_H
#define COLUMBA_MLS_HPKE_H

#include "client/mls/suite.h"

struct mls_hpke {
    const struct mls_suite *suite;
    uint64_t sequence;
    uint8_t key[MLS_AEAD_KEY_MAX_BYTES];
    uint8_t base_nonce[MLS_AEAD_NONCE_MAX_BYTES];
    uint8_t exporter_secret[MLS_HASH_MAX_BYTES];
};

/* Parts of `info` at most. */
#define MLS_HPKE_INFO_PARTS_MAX 4u

/* The hash of `info`, all that the key schedule needs of it: computed once where many messages
 * have the same. out has hash_bytes. */
void mls_hpke_info_hash(const struct mls_suite *suite, const struct slice *info, size_t count,
                        uint8_t *out);

/* DeriveKeyPair (7.1.3). */
void mls_hpke_derive_keys(const struct mls_suite *suite, struct slice ikm, uint8_t *out_private,
                          uint8_t *out_public);

/*
 * SetupBaseS (5.1.1). `ephemeral` is a fresh private key, used for nothing else. False: the
 * recipient's key has the wrong size or small order.
 */
bool mls_hpke_send(struct mls_hpke *hpke, const struct mls_suite *suite, struct slice public_key,
                   const uint8_t *info_hash, const uint8_t *ephemeral, uint8_t *out_kem_output);
/* SetupBaseR. False: the kem output has the wrong size or small order. */
bool mls_hpke_receive(struct mls_hpke *hpke, const struct mls_suite *suite, struct slice kem_output,
                      const uint8_t *private_key, const uint8_t *info_hash);

/* Each call uses the next sequence number. */
void mls_hpke_seal(struct mls_hpke *hpke, struct slice aad, struct slice plaintext, uint8_t *out);
/* False: it does not open; the sequence number stays. */
bool mls_hpke_open(struct mls_hpke *hpke, struct slice aad, struct slice ciphertext, uint8_t *out);
void mls_hpke_export(const struct mls_hpke *hpke, struct slice context, uint8_t *out, size_t size);
void mls_hpke_clear(struct mls_hpke *hpke);

#endif
