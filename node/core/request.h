/*
 * What all clients' requests have in common: beginning an operation for one, and the levels at
 * which its parts run.
 */
#ifndef COLUMBA_NODE_CORE_REQUEST_H
#define COLUMBA_NODE_CORE_REQUEST_H

#include "node/core/op.h"

/* NULL: refused already (OVERLOADED, or a consistency level that is none). */
struct op *request_begin(struct core *core, const struct event *event, uint32_t consistency);

/* The request's level, or the keyspace's default. */
enum consistency request_read_level(const struct core *core, const struct op *op);
enum consistency request_write_level(const struct core *core, const struct op *op);
/*
 * For reads that a write needs first (does the conversation exist, who is in it): the write's own
 * level where it asks for less than the keyspace's reads, so that ONE works with one replica; never
 * more, so that a write at ALL with a replica down is refused for itself.
 */
enum consistency request_load_level(const struct core *core, const struct op *op);

/* Cells' time for an id too far ahead of this node's clock? */
bool request_id_is_ahead(const struct core *core, const struct id *message);

#endif
