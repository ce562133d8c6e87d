/*
 * Whose data a node has: its data directory's id, made with the directory. The others remember, for
 * each node, which directory it had; one that comes up under a known name with another or an empty
 * directory lacks what it had acknowledged, and must not be counted as a replica: a quorum with it
 * would not meet the quorums before.
 *
 * The id is a UUIDv7, so of two directories it tells which was made later: one that was put in
 * another's place on purpose is taken, and the one before never again.
 */
#ifndef COLUMBA_NODE_STORE_DATA_IDENTITY_H
#define COLUMBA_NODE_STORE_DATA_IDENTITY_H

#include <stdbool.h>

#include "base/id.h"

struct data_identity {
    struct id id;      /* zero: none */
    bool accepts_loss; /* made on purpose in place of another whose data are lost */
};

enum identity_verdict {
    IDENTITY_KNOWN,    /* the one it had */
    IDENTITY_FIRST,    /* none was known: to be remembered before the node is counted */
    IDENTITY_REPLACED, /* another, on purpose: to be remembered before the node is counted */
    IDENTITY_WIPED,    /* another: not to be counted */
};

/* Names what is stored in the directory alone: never 0. */
uint64_t log_incarnation_of(const struct data_identity *identity);

/* known: NULL if none is remembered. */
enum identity_verdict data_identity_judge(const struct id *known, const struct data_identity *told);

#endif
