#include "node/shell/latencies.h"

static enum latency latency_of(enum message_type type)
{
    switch (type) {
    case MESSAGE_SEND:
        return LATENCY_SEND;
    case MESSAGE_CONVERSATION_GET:
    case MESSAGE_MEMBERS_READ:
    case MESSAGE_HISTORY_READ:
    case MESSAGE_INBOX_READ:
        return LATENCY_READ;
    case MESSAGE_CONVERSATION_CREATE:
    case MESSAGE_MARK_READ:
    case MESSAGE_HISTORY_IMPORT:
    case MESSAGE_INBOX_IMPORT:
        return LATENCY_WRITE;
    default:
        return LATENCY_COUNT;
    }
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
