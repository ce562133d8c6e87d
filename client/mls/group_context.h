/* GroupContext (RFC 9420 section 8.1): what all members agree on in an epoch. */
#ifndef COLUMBA_MLS_GROUP_CONTEXT_H
#define COLUMBA_MLS_GROUP_CONTEXT_H

#include "client/mls/codec.h"

struct mls_group_context {
    uint16_t version;
    uint16_t suite;
    struct slice group_id;
    uint64_t epoch;
    struct slice tree_hash;
    struct slice confirmed_transcript_hash;
    struct slice extensions;
    struct slice encoded;
};

void mls_read_group_context(struct reader *reader, struct mls_group_context *out);
void mls_write_group_context(struct mls_buffer *buffer, const struct mls_group_context *context);

#endif
