/*
 * A coordinated read: whole rows from one replica, digests from the others the level needs. Where
 * they differ, whole rows from all of them are merged, and those that were behind are written
 * back to before `done`, so that no later read at the level can go behind this one.
 *
 *   asking -> (all alike) -> done
 *          -> (they differ) asking in full -> merged -> repairing -> done
 *
 * A replica that is silent for speculative_read_ms is raced by another one, which sends whole
 * rows. `done` is called once with op->status; on OK the result is in op->read.packed, row_count
 * and more (the page may be shorter than the limit with `more` set: a replica's own page ended
 * there). The result's bytes live until the step's effects are drained.
 */
#ifndef COLUMBA_NODE_CORE_READ_H
#define COLUMBA_NODE_CORE_READ_H

#include "node/core/op.h"

/* The query's slices are copied. topology_version is filled in; of the flags, BACKWARDS and FOLD.
 */
void read_start(struct core *core, struct op *op, const struct message_read *query,
                enum consistency level, void (*done)(struct core *core, struct op *op));
void read_answer_take(struct core *core, struct op *op, uint16_t node,
                      const struct message_rows *rows);
/* The write-back's answers come here while op->read.repairing. */
void read_repair_answer(struct core *core, struct op *op, uint16_t node, enum columba_error error);
void read_speculate(struct core *core);

#endif
