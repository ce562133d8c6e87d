/*
 * Different bodies under one id, met by a read. Each replica holds the first one it met and refuses
 * the others (replica/look.h): its vote. A body that a quorum holds is the one that may have been
 * acknowledged; no other one can ever be. So:
 *
 *   a settled one        stays (stamp CONTENT_SETTLED, from an earlier read)
 *   held by a quorum     it is settled: the other replicas are given it in place of theirs
 *   not known yet        replicas that have not been asked are asked; one that holds none is given
 *                        the leading body, which makes its vote; then all are read again
 *   all have voted, and no body has a quorum    none was acknowledged, and none can be: the lowest
 *                        stamp is settled, on all of them alike
 *
 * While a replica that could decide is down nobody guesses, which could take back what was
 * acknowledged: a history shows the message without a body (READ_SHOWS_UNDECIDED), any other read
 * is UNAVAILABLE.
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_SETTLE_H
#define COLUMBA_NODE_CORE_COORDINATOR_SETTLE_H

#include "node/store/row.h"

/* What one replica's page says of a message. */
struct vote {
    bool is_known;       /* its page covers the row */
    struct slice row;    /* empty: it holds nothing of it */
    struct cell content; /* with has_content */
    bool has_content;
};

enum settle_verdict {
    SETTLE_ALIKE,     /* nothing to settle */
    SETTLE_SETTLED,   /* out_leader is the body that stays */
    SETTLE_UNDECIDED, /* out_leader leads */
};

/* `replicas` votes; a replica that did not answer is not known. out_leader: whose body. */
enum settle_verdict settle_votes(const struct vote *votes, unsigned replicas, unsigned quorum,
                                 unsigned *out_leader);

/* The row with its content settled, or without it; empty: no memory. */
struct slice settle_row(const struct vote *vote, bool stays, struct arena *arena);

#endif
