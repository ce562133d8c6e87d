/* Clients' requests that a host's core has not answered yet. */
#include "tests/sim/host.h"

/* A send that is compared first has three steps, each of which may come to its timeout after the
 * other; a read that finds differences reads again, and repairs. Beside them, what stands between
 * a deadline and the turn that sees it. */
#define READS_IN_A_ROW 3u
#define WRITES_IN_A_ROW 2u
#define LATE_TURN_US (1u * (uint64_t)MICROSECONDS_PER_SECOND)

void host_request_came(struct host *host, uint64_t connection, uint64_t request_id)
{
    for (uint32_t i = 0; i < HOST_REQUESTS_WATCHED; i++) {
        if (host->requests[i].connection == 0) {
            host->requests[i] = (struct host_request){.connection = connection,
                                                      .request_id = request_id,
                                                      .awake_us = host_awake_us(host)};
            return;
        }
    }
}

void host_request_answered(struct host *host, uint64_t connection, uint64_t request_id)
{
    for (uint32_t i = 0; i < HOST_REQUESTS_WATCHED; i++) {
        struct host_request *request = &host->requests[i];
        if (request->connection == connection && request->request_id == request_id) {
            *request = (struct host_request){0};
            return;
        }
    }
}

static uint64_t bound_us(const struct host *host)
{
    const struct core_config *config = &host->world->plan.core;
    uint64_t timeouts_ms = READS_IN_A_ROW * (uint64_t)config->read_timeout_ms +
                           WRITES_IN_A_ROW * (uint64_t)config->write_timeout_ms;
    return timeouts_ms * MICROSECONDS_PER_MS + LATE_TURN_US;
}

void host_requests_check(struct host *host)
{
    struct core_counters counters;
    core_counters_get(host->core, &counters);
    if (counters.effects_dropped > 0) {
        return; /* for want of memory */
    }
    for (uint32_t i = 0; i < HOST_REQUESTS_WATCHED; i++) {
        struct host_request *request = &host->requests[i];
        if (request->connection == 0) {
            continue;
        }
        uint64_t age_us = host_awake_us(host) - request->awake_us;
        if (age_us > bound_us(host)) {
            findings_add(&host->world->findings,
                         "host %u: a request is not answered after %.3f s, its timeouts make %.3f",
                         host->index, (double)age_us / MICROSECONDS_PER_SECOND,
                         (double)bound_us(host) / MICROSECONDS_PER_SECOND);
            *request = (struct host_request){0};
        }
    }
}
