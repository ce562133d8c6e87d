/*
 * The levels at which the parts of a client's request run.
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_LEVELS_H
#define COLUMBA_NODE_CORE_COORDINATOR_LEVELS_H

#include "node/core/machine/op.h"

/* The request's level, or the keyspace's default. */
enum consistency level_for_reading(const struct core *core, const struct op *op);
enum consistency level_for_writing(const struct core *core, const struct op *op);
/*
 * For reads that a write needs first (does the conversation exist, who is in it): the write's own
 * level where it asks for less than the keyspace's reads, so that ONE works with one replica; never
 * more, so that a write at ALL with a replica down is refused for itself.
 */
enum consistency level_for_loading(const struct core *core, const struct op *op);

#endif
