/* GroupInfo, Welcome and GroupSecrets on the wire (RFC 9420 section 12.4.3). */
#ifndef COLUMBA_MLS_WELCOME_H
#define COLUMBA_MLS_WELCOME_H

#include "client/mls/commit.h"
#include "client/mls/group_context.h"

struct mls_group_info {
    struct mls_group_context context;
    struct slice extensions;
    struct slice confirmation_tag;
    uint32_t signer;
    struct slice signature;
    struct slice signed_part;
};

struct mls_welcome {
    uint16_t suite;
    struct slice secrets; /* the vector's content */
    uint32_t secret_count;
    struct slice encrypted_group_info;
};

/* One entry of a welcome's secrets. */
struct mls_welcome_entry {
    struct slice new_member;
    struct slice kem_output;
    struct slice ciphertext;
};

struct mls_group_secrets {
    struct slice joiner_secret;
    bool has_path_secret;
    struct slice path_secret;
    struct mls_psk_id *psks;
    uint32_t psk_count;
};

void mls_read_group_info(struct reader *reader, struct mls_group_info *out);
/* All but the signature. */
void mls_write_group_info_fields(struct mls_buffer *buffer, const struct mls_group_info *info);
void mls_write_group_info(struct mls_buffer *buffer, const struct mls_group_info *info);
/* GROUP_INFO_SIGNATURE where it is not valid. */
enum mls_error mls_group_info_verify(const struct mls_suite *suite, struct memory *memory,
                                     const struct mls_group_info *info, struct slice public_key);

void mls_read_welcome(struct reader *reader, struct mls_welcome *out);
void mls_write_welcome(struct mls_buffer *buffer, const struct mls_welcome *welcome);
/* Steps through the entries: `reader` is over welcome->secrets. False at the end. */
bool mls_welcome_entry_next(struct reader *reader, struct mls_welcome_entry *out);

enum mls_error mls_read_group_secrets(struct reader *reader, struct arena *arena,
                                      struct mls_group_secrets *out);
void mls_write_group_secrets(struct mls_buffer *buffer, const struct mls_group_secrets *secrets);

#endif
