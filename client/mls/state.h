/*
 * How a group's records are named and versioned; state.c writes them, restore.c reads them.
 *
 *   G                            version, suite, state, settings, which epochs there are
 *   I                            who invited us
 *   T node                       one node of the current tree
 *   K epoch                      the epoch's context and secrets, or what is left of them
 *   N epoch node                 one secret of the secret tree
 *   R epoch leaf ratchet         a sender's ratchet
 *   X epoch leaf ratchet number  the key of a message that was overtaken
 *   Z slot                       the resumption key of an ended epoch, in a ring
 *   E index                      a pre-shared key
 *   P index                      a pending proposal
 *   S                            our staged commit: what it changes in the tree, and its K
 *
 * A change writes the few records it touches: a message one R, and the N around a sender's first;
 * a commit the nodes on its path. So no record that is left behind leads to a key that was used.
 */
#ifndef COLUMBA_MLS_STATE_H
#define COLUMBA_MLS_STATE_H

#include "client/mls/group.h"

#define MLS_STATE_VERSION 5u
/* The longest: that of an overtaken message's key. */
#define MLS_RECORD_NAME_BYTES 18u
/* An epoch and its key. */
#define MLS_RESUMPTION_RECORD_BYTES (8u + MLS_HASH_MAX_BYTES)

enum mls_record_kind {
    MLS_RECORD_META = 'G',
    MLS_RECORD_INVITER = 'I',
    MLS_RECORD_TREE = 'T',
    MLS_RECORD_EPOCH = 'K',
    MLS_RECORD_NODE = 'N',
    MLS_RECORD_RATCHET = 'R',
    MLS_RECORD_SKIPPED = 'X',
    MLS_RECORD_RESUMPTION = MLS_RECORD_UNREAD,
    MLS_RECORD_PSK = 'E',
    MLS_RECORD_PENDING = 'P',
    MLS_RECORD_STAGED = 'S',
};

/* Which record; a kind has some of the numbers. */
struct mls_record_id {
    enum mls_record_kind kind;
    uint64_t epoch;
    uint32_t index; /* node, leaf, slot or place in a list */
    enum mls_ratchet_kind ratchet;
    uint32_t generation;
};

struct mls_record_name {
    uint8_t bytes[MLS_RECORD_NAME_BYTES];
};

/* A view of `out`. */
struct slice mls_record_key(struct mls_record_id id, struct mls_record_name *out);
/* False: it is the key of no record. */
bool mls_record_read_key(struct slice key, struct mls_record_id *out);

/* -- transaction.c -- */
/* Clears the value. */
void mls_transaction_put(struct mls_transaction *transaction, struct mls_record_id id,
                         struct mls_buffer *value);
void mls_transaction_erase(struct mls_transaction *transaction, struct mls_record_id id);

static inline struct mls_record_id mls_resumption_record(uint64_t epoch)
{
    return (struct mls_record_id){.kind = MLS_RECORD_RESUMPTION,
                                  .index = (uint32_t)(epoch % MLS_RESUMPTION_EPOCHS_MAX)};
}

/* The value of a Z. False: it is none. */
bool mls_resumption_read(const struct mls_group *group, struct slice value, uint64_t *out_epoch,
                         struct slice *out_psk);

#endif
