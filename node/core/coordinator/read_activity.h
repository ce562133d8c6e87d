/*
 * A coordinated read of a page of an inbox, in order of activity. Each replica answers with the
 * rows that come first behind a place, as it knows them. Pages that are alike are the result. Where
 * they differ, the conversations that any of them names are read one by one at the level, which
 * merges and repairs them (coordinator/read.h), and the merged rows are put in order:
 *
 *   PAGES --all alike--> done
 *     ^ |---they differ--> KEYS --a part of them--> KEYS …
 *     |                      |--all, rows are left--> done
 *     `--all have moved------'
 *
 * A page that was cut says nothing about what comes behind its last row, its horizon; the result
 * ends at the nearest one. What comes before it is complete: the replica that knows a
 * conversation's newest message has it at the same place as the merge, so in its page. Nothing can
 * be left of that: the rows of the pages have moved, to before the place that was asked for,
 * because others know them to be newer; or the nearest horizon is a row whose place only a replica
 * knows that the rows were not read from. Then the same place is asked for again, of replicas that
 * the reads have brought up to date; going on behind the horizon would pass over what comes to lie
 * before it meanwhile.
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_READ_ACTIVITY_H
#define COLUMBA_NODE_CORE_COORDINATOR_READ_ACTIVITY_H

#include "node/core/coordinator/read.h"
#include "node/store/activity.h"

struct activity_query {
    struct partition partition;         /* of a user */
    const struct activity_place *after; /* NULL: from the first */
    uint32_t limit_rows;
    enum consistency level;
};

/* `done` as read_start's, with the result in op->read; an empty page is the last one. */
void activity_read_start(struct core *core, struct op *op, const struct activity_query *query,
                         op_next *done);

#endif
