/* How a group's records are named and versioned; state.c writes them, restore.c reads them. */
#ifndef COLUMBA_MLS_STATE_H
#define COLUMBA_MLS_STATE_H

#include "client/mls/group.h"

#define MLS_STATE_VERSION 2u
/* A kind, an epoch and an index. */
#define MLS_RECORD_NAME_BYTES 13u

enum mls_record_kind {
    MLS_RECORD_META = 'G',
    MLS_RECORD_TREE = 'T',
    MLS_RECORD_SECRETS = 'K',
    MLS_RECORD_NODE = 'N',
    MLS_RECORD_RATCHETS = 'R',
    MLS_RECORD_PENDING = 'P',
    MLS_RECORD_STAGED = 'S',
};

struct mls_record_name {
    uint8_t bytes[MLS_RECORD_NAME_BYTES];
};

/* A view of `out`. */
struct slice mls_record_key(enum mls_record_kind kind, uint64_t epoch, uint32_t index,
                            struct mls_record_name *out);

#endif
