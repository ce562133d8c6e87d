/*
 * Lists of extensions (RFC 9420 sections 7.2 and 13). A list is kept as the content of its vector;
 * it is well formed once mls_read_extensions took it.
 */
#ifndef COLUMBA_MLS_EXTENSION_H
#define COLUMBA_MLS_EXTENSION_H

#include "client/mls/codec.h"
#include "client/mls/error.h"

enum mls_extension_type {
    MLS_EXTENSION_APPLICATION_ID = 1,
    MLS_EXTENSION_RATCHET_TREE = 2,
    MLS_EXTENSION_REQUIRED_CAPABILITIES = 3,
    MLS_EXTENSION_EXTERNAL_PUB = 4,
    MLS_EXTENSION_EXTERNAL_SENDERS = 5,
    MLS_EXTENSION_LAST_RESORT = 10,
};

struct mls_extension {
    uint16_t type;
    struct slice data;
};

/* Reads a vector of extensions; fails where it is malformed or longer than the limit. */
struct slice mls_read_extensions(struct reader *reader);
/* Steps through a list: `reader` is over its content. False at the end. */
bool mls_extension_next(struct reader *reader, struct mls_extension *out);
bool mls_extension_find(struct slice list, uint16_t type, struct slice *out_data);
/* EXTENSION_REPEATED where two have one type (13.4). */
enum mls_error mls_extensions_check(struct slice list);
void mls_write_extension(struct mls_buffer *buffer, uint16_t type, struct slice data);

/* Those of this document, which everyone supports and nobody lists. */
bool mls_extension_is_default(uint16_t type);

/* A vector of uint16: fails where its size is odd or its entries too many. */
struct slice mls_read_types(struct reader *reader);
bool mls_types_hold(struct slice types, uint16_t type);
void mls_write_types(struct mls_buffer *buffer, const uint16_t *types, size_t count);

/* required_capabilities (11.1). */
struct mls_required_capabilities {
    struct slice extensions;
    struct slice proposals;
    struct slice credentials;
};
bool mls_required_capabilities_decode(struct slice data, struct mls_required_capabilities *out);

/* external_senders (12.1.8.1): the sender of that index. False: malformed or not so many. */
bool mls_external_sender_find(struct slice data, uint32_t index, struct slice *out_signature_key,
                              struct slice *out_credential);
bool mls_external_senders_are_valid(struct slice data);

#endif
