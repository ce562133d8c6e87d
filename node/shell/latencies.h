/* How long requests and commits took, since the node's start. */
#ifndef COLUMBA_NODE_SHELL_LATENCIES_H
#define COLUMBA_NODE_SHELL_LATENCIES_H

#include <stdint.h>

#include "base/histogram.h"
#include "proto/message.h"

enum latency { LATENCY_SEND, LATENCY_READ, LATENCY_WRITE, LATENCY_COMMIT, LATENCY_COUNT };

struct latencies {
    struct histogram of[LATENCY_COUNT]; /* in microseconds */
};

/* A client's request; those of nodes and administrators are not counted. */
void latencies_add_request(struct latencies *latencies, enum message_type type,
                           uint64_t elapsed_ns);
void latencies_add(struct latencies *latencies, enum latency latency, uint64_t elapsed_ns);

#endif
