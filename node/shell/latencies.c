#include "node/shell/latencies.h"

#include "proto/request.h"

static enum latency latency_of(enum message_type type)
{
    const struct request_kind *kind = request_kind_of(type);
    if (kind == NULL) {
        return LATENCY_COUNT;
    }
    if (type == MESSAGE_SEND) {
        return LATENCY_SEND;
    }
    return kind->class == REQUEST_CLASS_READ ? LATENCY_READ : LATENCY_WRITE;
}

void latencies_add(struct latencies *latencies, enum latency latency, uint64_t elapsed_ns)
{
    histogram_add(&latencies->of[latency], elapsed_ns / 1000u);
}

void latencies_add_request(struct latencies *latencies, enum message_type type, uint64_t elapsed_ns)
{
    enum latency latency = latency_of(type);
    if (latency != LATENCY_COUNT) {
        latencies_add(latencies, latency, elapsed_ns);
    }
}
