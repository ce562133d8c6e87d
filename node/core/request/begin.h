/*
 * What all clients' requests have in common: beginning an operation for one, and refusing it.
 */
#ifndef COLUMBA_NODE_CORE_REQUEST_BEGIN_H
#define COLUMBA_NODE_CORE_REQUEST_BEGIN_H

#include "node/core/machine/op.h"

/* With `state_size` zeroed bytes for the request's own state, in op->request. NULL: refused already
 * (OVERLOADED, NO_MEMORY, or a consistency level that is none). */
struct op *request_begin(struct core *core, const struct event *event, uint32_t consistency,
                         size_t state_size);
/* Before there is an operation. `text` may be NULL. */
void request_reject(struct core *core, const struct event *event, enum columba_error error,
                    const char *text);

/* Is the id's time too far ahead of this node's clock? */
bool request_id_is_ahead(const struct core *core, const struct id *message);

#endif
