/* Pre-shared keys (RFC 9420 section 8.4): their names on the wire, and the secret of a list. */
#ifndef COLUMBA_MLS_PSK_H
#define COLUMBA_MLS_PSK_H

#include "client/mls/codec.h"
#include "client/mls/suite.h"

enum mls_psk_type {
    MLS_PSK_EXTERNAL = 1,
    MLS_PSK_RESUMPTION = 2,
};

enum mls_psk_usage {
    MLS_PSK_APPLICATION = 1,
    MLS_PSK_REINIT = 2,
    MLS_PSK_BRANCH = 3,
};

struct mls_psk_id {
    enum mls_psk_type type;
    struct slice external_id;
    enum mls_psk_usage usage; /* resumption only, as the two below */
    struct slice group_id;
    uint64_t epoch;
    struct slice nonce;
    struct slice encoded;
};

void mls_read_psk_id(struct reader *reader, struct mls_psk_id *out);
void mls_write_psk_id(struct mls_buffer *buffer, const struct mls_psk_id *id);

/* psk_secret over a list: start, one step for each key in order; all-zero for an empty list. */
void mls_psk_secret_start(const struct mls_suite *suite, uint8_t *psk_secret);
void mls_psk_secret_step(const struct mls_suite *suite, uint8_t *psk_secret, struct slice id,
                         uint16_t index, uint16_t count, struct slice psk);

#endif
