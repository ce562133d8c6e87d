/*
 * Cells with sub-keys (reactions, an application's columns) make a row grow. A replica takes one
 * only after it has read its row, and only as far as row_growth_judge allows:
 *
 *   latch of the partition -> row read, judged -> gathered -> durable -> latch released
 *                                 |-> TOO_LARGE, nothing is gathered
 *
 * So they come one commit after the other in one conversation. What a repair brings was judged by
 * the replica that took it first.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_GROWTH_H
#define COLUMBA_NODE_CORE_REPLICA_GROWTH_H

#include "node/core/machine/op.h"
#include "node/store/row.h"

/* Gathers the fragment into the open batch, which answers when it is durable; or says why not. */
typedef enum columba_error growth_gather(struct core *core, const struct message_write *write,
                                         const struct answer_to *to);

/* The fragment's row that grows; false: none does. */
bool growth_row(struct slice packed, struct packed_row *out_row);
/* False: no room. */
bool growth_begin(struct core *core, const struct message_write *write, const struct answer_to *to,
                  growth_gather *gather);

#endif
