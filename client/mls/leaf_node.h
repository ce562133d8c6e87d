/*
 * Leaf nodes and credentials (RFC 9420 sections 5.3 and 7.2): views of encoded bytes. Fields stand
 * in the order of the wire: keys, credential, capabilities, source, what the source brings along,
 * extensions, signature.
 */
#ifndef COLUMBA_MLS_LEAF_NODE_H
#define COLUMBA_MLS_LEAF_NODE_H

#include "client/mls/codec.h"
#include "client/mls/error.h"
#include "client/mls/suite.h"

enum mls_credential_type {
    MLS_CREDENTIAL_BASIC = 1,
    MLS_CREDENTIAL_X509 = 2,
};

enum mls_leaf_source {
    MLS_LEAF_KEY_PACKAGE = 1,
    MLS_LEAF_UPDATE = 2,
    MLS_LEAF_COMMIT = 3,
};

struct mls_credential {
    uint16_t type;
    struct slice content; /* the identity, or the vector of certificates */
    struct slice encoded;
};

struct mls_capabilities {
    struct slice versions;
    struct slice suites;
    struct slice extensions;
    struct slice proposals;
    struct slice credentials;
};

struct mls_leaf_node {
    struct slice encryption_key;
    struct slice signature_key;
    struct mls_credential credential;
    struct mls_capabilities capabilities;
    enum mls_leaf_source source;
    uint64_t not_before_s; /* key_package only */
    uint64_t not_after_s;
    struct slice parent_hash; /* commit only */
    struct slice extensions;
    struct slice signature;
    struct slice signed_part; /* everything above the signature */
    struct slice encoded;
};

void mls_read_credential(struct reader *reader, struct mls_credential *out);
void mls_read_leaf_node(struct reader *reader, struct mls_leaf_node *out);
/* All but the signature. */
void mls_write_leaf_fields(struct mls_buffer *buffer, const struct mls_leaf_node *leaf);
void mls_write_leaf_node(struct mls_buffer *buffer, const struct mls_leaf_node *leaf);

/* Signs the fields (LeafNodeTBS). `leaf_index` counts only for sources update and commit. */
enum mls_error mls_leaf_node_sign(const struct mls_suite *suite, struct memory *memory,
                                  const uint8_t *private_key, enum mls_leaf_source source,
                                  struct slice fields, struct slice group_id, uint32_t leaf_index,
                                  uint8_t *out_signature);
/* LEAF_SIGNATURE where it is not valid. */
enum mls_error mls_leaf_node_verify(const struct mls_suite *suite, struct memory *memory,
                                    const struct mls_leaf_node *leaf, struct slice group_id,
                                    uint32_t leaf_index);

#endif
