/* Proposals (RFC 9420 section 12.1): views of encoded bytes, larger parts in an arena. */
#ifndef COLUMBA_MLS_PROPOSAL_H
#define COLUMBA_MLS_PROPOSAL_H

#include "base/arena.h"
#include "client/mls/key_package_view.h"
#include "client/mls/psk.h"

enum mls_proposal_type {
    MLS_PROPOSAL_ADD = 1,
    MLS_PROPOSAL_UPDATE = 2,
    MLS_PROPOSAL_REMOVE = 3,
    MLS_PROPOSAL_PSK = 4,
    MLS_PROPOSAL_REINIT = 5,
    MLS_PROPOSAL_EXTERNAL_INIT = 6,
    MLS_PROPOSAL_CONTEXT_EXTENSIONS = 7,
};

struct mls_reinit {
    struct slice group_id;
    uint16_t version;
    uint16_t suite;
    struct slice extensions;
};

struct mls_proposal {
    enum mls_proposal_type type;
    union {
        const struct mls_key_package_view *add;
        const struct mls_leaf_node *update;
        uint32_t removed;
        const struct mls_psk_id *psk;
        const struct mls_reinit *reinit;
        struct slice kem_output;
        struct slice extensions;
    };
    struct slice encoded;
};

/* Does the bytes' reading of one proposal. PROPOSAL_TYPE: a type we do not know. */
enum mls_error mls_read_proposal(struct reader *reader, struct arena *arena,
                                 struct mls_proposal *out);
void mls_write_proposal(struct mls_buffer *buffer, const struct mls_proposal *proposal);

/* One of the seven of this document. */
bool mls_proposal_is_default(uint16_t type);
/* 12.4: a commit that covers it must have a path. */
bool mls_proposal_needs_path(enum mls_proposal_type type);
/* 12.1.8: those an external sender may send. */
bool mls_proposal_may_be_external(enum mls_proposal_type type);

#endif
