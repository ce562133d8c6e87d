/*
 * The host's wall clock: true time, off by what it was set to and by how it drifts since. As the
 * daemon does, it is told to gossip, and the core hears whether it may be trusted.
 */
#include "tests/sim/host.h"

#define MILLION 1000000

uint64_t host_unix_ms(const struct host *host)
{
    uint64_t now_us = world_now_us(host->world);
    int64_t drifted_ms = (int64_t)(now_us - host->clock_set_us) / (int64_t)MICROSECONDS_PER_MS *
                         host->drift_ppm / MILLION;
    int64_t off_ms = host->skew_ms + drifted_ms;
    return (uint64_t)((int64_t)(UNIX_EPOCH_MS + now_us / MICROSECONDS_PER_MS) + off_ms);
}

void host_clock_set(struct host *host, int64_t skew_ms, int64_t drift_ppm)
{
    host->skew_ms = skew_ms;
    host->drift_ppm = drift_ppm;
    host->clock_set_us = world_now_us(host->world);
    trace_note(&host->world->trace, "host %u: the clock is %lld ms off, and drifts by %lld ppm",
               host->index, (long long)skew_ms, (long long)drift_ppm);
}

void host_clock_tell(struct host *host)
{
    gossip_wall(host->gossip, host_monotonic_ms(host), host_unix_ms(host));
}

void host_clock_judge(struct host *host)
{
    struct gossip_clock clock = gossip_clock(host->gossip);
    if (clock.is_wrong == host->is_clock_wrong) {
        return;
    }
    struct event event = {.type = EVENT_CLOCK};
    event.clock_judged.is_trusted = !clock.is_wrong;
    event.clock_judged.text = slice_of_text("this node's clock is wrong");
    host->is_clock_wrong = clock.is_wrong;
    trace_note(&host->world->trace, "host %u: the clock is %s, %lld ms from the others'",
               host->index, clock.is_wrong ? "wrong" : "right again", (long long)clock.offset_ms);
    core_step(host->core, &event);
    host_effects_drain(host);
}
