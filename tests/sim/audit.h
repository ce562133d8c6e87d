/*
 * After the faults: everything is read back, through every node, and compared with the model.
 *
 * For each conversation: its whole history at QUORUM, then at ALL (which also shows what only one
 * replica has), then again at QUORUM through another node: the last two must be equal. Every
 * acknowledged message must be there. For each user the inbox at QUORUM and at ALL: every row of a
 * known membership must be there, with the newest message and exactly as many unread as the
 * history, the sender and the marker say. A channel's row must be there too, without a count, and
 * as new as what was sent when it was a group.
 */
#ifndef COLUMBA_SIM_AUDIT_H
#define COLUMBA_SIM_AUDIT_H

#include <stdbool.h>

#include "tests/sim/world.h"

struct audit;

/* AUDIT_SWEEP: everything once at QUORUM, while a host is away. */
enum audit_kind { AUDIT_SWEEP, AUDIT_END };

struct audit *audit_create(struct world *world, uint32_t endpoint, enum audit_kind kind);
void audit_destroy(struct audit *audit);
void audit_start(struct audit *audit);
bool audit_is_done(const struct audit *audit);

#endif
