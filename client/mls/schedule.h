/*
 * The key schedule (RFC 9420 section 8), the exporter (8.5), transcript hashes (8.2) and
 * confirmation tags (6.1).
 */
#ifndef COLUMBA_MLS_SCHEDULE_H
#define COLUMBA_MLS_SCHEDULE_H

#include "client/mls/codec.h"
#include "client/mls/suite.h"

/* What an epoch derives from its epoch secret: field, label. */
#define MLS_EPOCH_SECRETS(X)                                                                       \
    X(sender_data, "sender data")                                                                  \
    X(encryption, "encryption")                                                                    \
    X(exporter, "exporter")                                                                        \
    X(external, "external")                                                                        \
    X(confirmation, "confirm")                                                                     \
    X(membership, "membership")                                                                    \
    X(resumption, "resumption")                                                                    \
    X(authenticator, "authentication")                                                             \
    X(init, "init")

/* Lives in guarded memory. */
struct mls_epoch_secrets {
#define X(field, label) uint8_t field[MLS_HASH_MAX_BYTES];
    MLS_EPOCH_SECRETS(X)
#undef X
};

/* `context` is the encoded GroupContext of the new epoch. */
void mls_schedule_joiner(const struct mls_suite *suite, const uint8_t *init_secret,
                         const uint8_t *commit_secret, struct slice context, uint8_t *out_joiner);
/* The welcome secret, which the joiner secret and the pre-shared keys give. */
void mls_schedule_welcome(const struct mls_suite *suite, const uint8_t *joiner_secret,
                          const uint8_t *psk_secret, uint8_t *out_welcome);
void mls_schedule_epoch(const struct mls_suite *suite, const uint8_t *joiner_secret,
                        const uint8_t *psk_secret, struct slice context,
                        struct mls_epoch_secrets *out);
/* The same from a given epoch secret, as a group's first epoch has it (11). */
void mls_schedule_from_epoch_secret(const struct mls_suite *suite, const uint8_t *epoch_secret,
                                    struct mls_epoch_secrets *out);
/* external_priv and external_pub. */
void mls_schedule_external_keys(const struct mls_suite *suite, const uint8_t *external_secret,
                                uint8_t *out_private, uint8_t *out_public);
void mls_schedule_export(const struct mls_suite *suite, const uint8_t *exporter_secret,
                         const char *label, struct slice context, uint8_t *out, size_t size);

/* The welcome's AEAD key and nonce (12.4.3.1). */
void mls_schedule_welcome_key(const struct mls_suite *suite, const uint8_t *welcome_secret,
                              uint8_t *out_key, uint8_t *out_nonce);

/* `content` is the encoded FramedContent of the commit. */
void mls_transcript_confirm(const struct mls_suite *suite, struct slice interim,
                            uint16_t wire_format, struct slice content, struct slice signature,
                            uint8_t *out);
void mls_transcript_interim(const struct mls_suite *suite, struct slice confirmed,
                            struct slice confirmation_tag, uint8_t *out);
void mls_confirmation_tag(const struct mls_suite *suite, const uint8_t *confirmation_key,
                          struct slice confirmed, uint8_t *out);

#endif
