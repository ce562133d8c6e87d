/*
 * The door for clients' requests: from the table of requests (proto/request.h) to their files. Each
 * handler checks its request, begins an operation for it, and answers once.
 */
#ifndef COLUMBA_NODE_CORE_REQUEST_TABLE_H
#define COLUMBA_NODE_CORE_REQUEST_TABLE_H

#include "node/core/core.h"
#include "proto/request.h"

void request_from_client(struct core *core, const struct event *event);

#define X(name, member, answer, may, class)                                                        \
    void request_##member(struct core *core, const struct event *event);
CLIENT_REQUESTS(X)
#undef X

#endif
