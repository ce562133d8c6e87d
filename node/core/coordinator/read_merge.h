/*
 * Merging the pages of several replicas: what the reader gets, and what each replica lacks.
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_READ_MERGE_H
#define COLUMBA_NODE_CORE_COORDINATOR_READ_MERGE_H

#include "node/core/coordinator/read.h"

struct read_merged {
    struct slice packed;
    uint32_t row_count;
    bool more;
    /* For each replica position: the rows it has to be given, packed; empty: it has all. */
    struct slice repairs[REPLICAS_MAX];
    uint32_t repair_rows;
    uint32_t settled; /* messages whose bodies differed */
    /* Messages whose bodies differ and cannot be settled by these answers (settle.h). They stand in
     * `packed` with an empty content and are in no repair; `ballots` are what replicas without a
     * body are to be given. */
    uint32_t undecided;
    struct slice ballots[REPLICAS_MAX];
};

/* Over the whole-row answers of the read; `quorum` from the factor. Memory from the arena. */
enum columba_error read_merge(const struct coordinated_read *read, unsigned quorum,
                              struct arena *arena, struct read_merged *out_merged);

#endif
