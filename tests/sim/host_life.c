/* The host's life: starts, crashes, pauses. */
#include "tests/sim/host.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "node/store/id_bound.h"

#define BOOT_OFFSET_MAX_MS 1000000u

struct host *host_create(struct world *world, uint16_t index)
{
    struct host *host = calloc(1, sizeof *host);
    COLUMBA_ASSERT(host != NULL);
    host->world = world;
    host->index = index;
    random_init(&host->random, world->options.seed, STREAM_HOST + index);
    counted_memory_init(&host->core_memory);
    counted_memory_init(&host->gossip_memory);
    host_disk_create(host);
    arena_init(&host->decoding, memory_system(), DECODE_ARENA_MAX_BYTES);
    arena_init(&host->encoding, memory_system(), DECODE_ARENA_MAX_BYTES);
    arena_init(&host->lying, memory_system(), 4u * DECODE_ARENA_MAX_BYTES);
    list_init(&host->inputs);
    list_init(&host->taken);
    uint64_t skew_max = world->plan.skew_max_ms;
    host->skew_ms = (int64_t)random_below(&host->random, 2 * skew_max + 1) - (int64_t)skew_max;
    host_links_attach(host);
    return host;
}

void host_destroy(struct host *host)
{
    if (host == NULL) {
        return;
    }
    if (host->state != HOST_DOWN) {
        host_crash(host, false);
    }
    host_disk_destroy(host);
    arena_clear(&host->decoding);
    arena_clear(&host->encoding);
    arena_clear(&host->lying);
    free(host);
}

uint64_t host_monotonic_ms(const struct host *host)
{
    return world_now_us(host->world) / MICROSECONDS_PER_MS + host->monotonic_offset_ms;
}

uint64_t host_awake_us(const struct host *host)
{
    uint64_t now_us = host->state == HOST_PAUSED ? host->paused_at_us : world_now_us(host->world);
    return now_us - host->paused_us;
}

void host_start(struct host *host)
{
    COLUMBA_ASSERT(host->state == HOST_DOWN);
    host->life++;
    host->disk->start_count++;
    host->monotonic_offset_ms = 1 + random_below(&host->random, BOOT_OFFSET_MAX_MS);
    host->core_memory.fail_permille = 0;
    struct core_config config = host->world->plan.core;
    config.self = host->index;
    config.start_count = host->disk->start_count;
    enum columba_error error = id_bound_get(host->engine, memory_system(), &config.ids_bound_ms);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    config.log_incarnation = log_incarnation_of(&host->disk->identity);
    config.seed = random_u64(&host->random);
    host->core = core_create(&host->core_memory.memory, &config, host->world->topology);
    COLUMBA_ASSERT(host->core != NULL);
    host_intake_start(host);
    host->state = HOST_UP;
    host->is_clock_wrong = false;
    host->timer_at_us = UINT64_MAX;
    network_up(host->world->network, host->index);
    trace_note(&host->world->trace, "host %u starts, life %llu", host->index,
               (unsigned long long)host->disk->start_count);
    host_directory_start(host);
    core_now(host->core, host_monotonic_ms(host), host_unix_ms(host));
    core_step(host->core, &(struct event){.type = EVENT_STARTED});
    host_effects_drain(host);
    host_disk_look(host);
    host_gossip_start(host);
    host_links_start(host);
    host_turn_soon(host);
}

static void check_memory(const struct host *host)
{
    if (host->core_memory.blocks != 0) {
        findings_add(&host->world->findings, "host %u: the core leaks %llu blocks, %llu B",
                     host->index, (unsigned long long)host->core_memory.blocks,
                     (unsigned long long)host->core_memory.bytes);
    }
}

void host_crash(struct host *host, bool silent)
{
    COLUMBA_ASSERT(host->state != HOST_DOWN);
    trace_note(&host->world->trace, "host %u crashes%s", host->index, silent ? " silently" : "");
    network_down(host->world->network, host->index, silent);
    host_commit_interrupt(host);
    struct core_counters counters;
    core_counters_get(host->core, &counters);
    host->takeovers += counters.takeovers;
    core_destroy(host->core);
    host->core = NULL;
    check_memory(host);
    host_gossip_stop(host);
    host_inputs_clear(host);
    host_intake_stop(host);
    host->state = HOST_DOWN;
    host->life++;
    host->crashes++;
    host->link_count = 0;
    host->is_dying = false;
    host->is_stopping = false;
    host->is_disk_full = false;
    host->disk_looked_us = 0;
    host->fail_commit_in = 0;
    host->has_turn = false;
    memset(host->requests, 0, sizeof host->requests);
}

void host_pause(struct host *host)
{
    if (host->state == HOST_UP) {
        trace_note(&host->world->trace, "host %u pauses", host->index);
        host->state = HOST_PAUSED;
        host->paused_at_us = world_now_us(host->world);
    }
}

void host_resume(struct host *host)
{
    if (host->state == HOST_PAUSED) {
        trace_note(&host->world->trace, "host %u goes on", host->index);
        host->state = HOST_UP;
        host->paused_us += world_now_us(host->world) - host->paused_at_us;
        host_turn_soon(host);
    }
}

uint64_t host_takeovers(const struct host *host)
{
    struct core_counters counters = {0};
    if (host->core != NULL) {
        core_counters_get(host->core, &counters);
    }
    return host->takeovers + counters.takeovers;
}
