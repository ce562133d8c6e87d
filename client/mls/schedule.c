#include "client/mls/schedule.h"

#include <sodium.h>

#include "base/bytes.h"
#include "client/mls/hpke.h"
#include "client/mls/label.h"

void mls_schedule_joiner(const struct mls_suite *suite, const uint8_t *init_secret,
                         const uint8_t *commit_secret, struct slice context, uint8_t *out_joiner)
{
    uint8_t extracted[MLS_HASH_MAX_BYTES];
    mls_extract(suite, slice_of(init_secret, suite->hash_bytes),
                slice_of(commit_secret, suite->hash_bytes), extracted);
    mls_expand_with_label(suite, extracted, "joiner", context, out_joiner, suite->hash_bytes);
    sodium_memzero(extracted, sizeof(extracted));
}

void mls_schedule_welcome(const struct mls_suite *suite, const uint8_t *joiner_secret,
                          const uint8_t *psk_secret, uint8_t *out_welcome)
{
    uint8_t extracted[MLS_HASH_MAX_BYTES];
    mls_extract(suite, slice_of(joiner_secret, suite->hash_bytes),
                slice_of(psk_secret, suite->hash_bytes), extracted);
    mls_derive_secret(suite, extracted, "welcome", out_welcome);
    sodium_memzero(extracted, sizeof(extracted));
}

void mls_schedule_from_epoch_secret(const struct mls_suite *suite, const uint8_t *epoch_secret,
                                    struct mls_epoch_secrets *out)
{
#define X(field, label) mls_derive_secret(suite, epoch_secret, label, out->field);
    MLS_EPOCH_SECRETS(X)
#undef X
}

void mls_schedule_epoch(const struct mls_suite *suite, const uint8_t *joiner_secret,
                        const uint8_t *psk_secret, struct slice context,
                        struct mls_epoch_secrets *out)
{
    uint8_t extracted[MLS_HASH_MAX_BYTES];
    uint8_t epoch_secret[MLS_HASH_MAX_BYTES];
    mls_extract(suite, slice_of(joiner_secret, suite->hash_bytes),
                slice_of(psk_secret, suite->hash_bytes), extracted);
    mls_expand_with_label(suite, extracted, "epoch", context, epoch_secret, suite->hash_bytes);
    mls_schedule_from_epoch_secret(suite, epoch_secret, out);
    sodium_memzero(extracted, sizeof(extracted));
    sodium_memzero(epoch_secret, sizeof(epoch_secret));
}

void mls_schedule_external_keys(const struct mls_suite *suite, const uint8_t *external_secret,
                                uint8_t *out_private, uint8_t *out_public)
{
    mls_hpke_derive_keys(suite, slice_of(external_secret, suite->hash_bytes), out_private,
                         out_public);
}

void mls_schedule_export(const struct mls_suite *suite, const uint8_t *exporter_secret,
                         const char *label, struct slice context, uint8_t *out, size_t size)
{
    uint8_t secret[MLS_HASH_MAX_BYTES];
    uint8_t digest[MLS_HASH_MAX_BYTES];
    mls_derive_secret(suite, exporter_secret, label, secret);
    suite->hash(&context, 1, digest);
    mls_expand_with_label(suite, secret, "exported", slice_of(digest, suite->hash_bytes), out,
                          size);
    sodium_memzero(secret, sizeof(secret));
}

void mls_schedule_welcome_key(const struct mls_suite *suite, const uint8_t *welcome_secret,
                              uint8_t *out_key, uint8_t *out_nonce)
{
    struct slice none = slice_of(NULL, 0);
    mls_expand_with_label(suite, welcome_secret, "nonce", none, out_nonce, suite->aead_nonce_bytes);
    mls_expand_with_label(suite, welcome_secret, "key", none, out_key, suite->aead_key_bytes);
}

void mls_transcript_confirm(const struct mls_suite *suite, struct slice interim,
                            uint16_t wire_format, struct slice content, struct slice signature,
                            uint8_t *out)
{
    uint8_t format[2];
    uint8_t length[4];
    bytes_put_u16_be(format, wire_format);
    struct slice parts[] = {
        interim,   slice_of(format, sizeof(format)),
        content,   slice_of(length, mls_length_put(length, signature.size)),
        signature,
    };
    suite->hash(parts, sizeof(parts) / sizeof(parts[0]), out);
}

void mls_transcript_interim(const struct mls_suite *suite, struct slice confirmed,
                            struct slice confirmation_tag, uint8_t *out)
{
    uint8_t length[4];
    struct slice parts[] = {
        confirmed,
        slice_of(length, mls_length_put(length, confirmation_tag.size)),
        confirmation_tag,
    };
    suite->hash(parts, sizeof(parts) / sizeof(parts[0]), out);
}

void mls_confirmation_tag(const struct mls_suite *suite, const uint8_t *confirmation_key,
                          struct slice confirmed, uint8_t *out)
{
    suite->mac(slice_of(confirmation_key, suite->hash_bytes), &confirmed, 1, out);
}
