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
};

/* Over the whole-row answers of the read. Memory from the arena. */
enum columba_error read_merge(const struct coordinated_read *read, struct arena *arena,
                              struct read_merged *out_merged);

#endif
