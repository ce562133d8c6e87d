#include "tests/sim/nemesis.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "ring/placement.h"
#include "ring/token.h"
#include "tests/sim/actor.h"
#include "tests/sim/forgery.h"
#include "tests/sim/host.h"

/* X(NAME, seeds out of a thousand that know it, weight in those). */
#define FAULTS(X)                                                                                  \
    X(CRASH, 800, 30)                                                                              \
    X(CRASH_ALL, 250, 4)                                                                           \
    X(PAUSE, 600, 15)                                                                              \
    X(PARTITION, 700, 20)                                                                          \
    X(ONE_WAY, 500, 15)                                                                            \
    X(CUT_CLIENTS, 400, 8)                                                                         \
    X(STORM, 700, 15)                                                                              \
    X(SLOW_DISK, 500, 10)                                                                          \
    X(COMMIT_FAILS, 300, 6)                                                                        \
    X(READS_FAIL, 200, 8)                                                                          \
    X(CLOCK_JUMPS, 400, 8)                                                                         \
    X(NO_MEMORY, 200, 8)                                                                           \
    X(FULL, 300, 10)                                                                               \
    X(DISK_FULL, 300, 10)                                                                          \
    X(WIPE, 250, 5)                                                                                \
    X(CLIENT_CLOCK, 600, 20)                                                                       \
    X(FORGERY, 600, 15)                                                                            \
    X(CLOCK_DRIFTS, 300, 4)

enum fault {
#define X(name, permille, weight) FAULT_##name,
    FAULTS(X)
#undef X
        FAULT_COUNT
};

static const uint32_t fault_permille[FAULT_COUNT] = {
#define X(name, permille, weight) permille,
    FAULTS(X)
#undef X
};

static const uint32_t fault_weight[FAULT_COUNT] = {
#define X(name, permille, weight) weight,
    FAULTS(X)
#undef X
};

#define DOWN_MIN_US 200000u
#define DOWN_MEAN_US 3000000u
#define DISK_FULL_MEAN_US 3000000u
#define WIPED_MEAN_US 8000000u
#define PAUSE_MEAN_US 1500000u
#define PARTITION_MEAN_US 3000000u
#define STORM_MEAN_US 3000000u
/* Mostly well below what a node refuses; now and then so far that others' ids are refused. */
#define CLOCK_JUMP_MAX_MS CLOCK_WRONG_MS
#define CLIENT_JUMP_MAX_MS (2u * 3600u * 1000u)
#define CLOCK_LEAP_MAX_MS 300000u
#define CLOCK_LEAP_PERMILLE 200u
/* A minute takes it past what makes a clock wrong. */
#define CLOCK_DRIFT_MAX_PPM 200000u

struct nemesis {
    struct world *world;
    struct random random;
    uint32_t weights[FAULT_COUNT];
    uint64_t gap_mean_us;
    struct network_weather fair;
    uint64_t storm; /* number of the last one: an earlier one's end does not end a later one */
    uint64_t cut;
    uint64_t weather; /* number of the bad weather */
};

static void set_climate(struct nemesis *nemesis)
{
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        bool is_known = random_chance(&nemesis->random, fault_permille[i]);
        nemesis->weights[i] = is_known ? fault_weight[i] : 0;
    }
    if (nemesis->world->plan.climate != CLIMATE_FOUL) {
        memset(nemesis->weights, 0, sizeof nemesis->weights);
    }
    if (!world_has(nemesis->world, EXTRA_CLIENT_CLOCKS)) {
        nemesis->weights[FAULT_CLIENT_CLOCK] = 0;
    }
    if (!world_has(nemesis->world, EXTRA_LIES)) {
        nemesis->weights[FAULT_FORGERY] = 0;
    }
    nemesis->gap_mean_us = random_between(&nemesis->random, 800000, 5000000);
    nemesis->fair = (struct network_weather){
        .delay_mean_us = random_between(&nemesis->random, 100, 2000),
        .datagram_drop = (uint32_t)random_below(&nemesis->random, 50),
        .datagram_duplicate = (uint32_t)random_below(&nemesis->random, 30),
        .datagram_straggle = (uint32_t)random_below(&nemesis->random, 20),
        .connection_break = (uint32_t)random_below(&nemesis->random, 300),
        .connection_straggle = (uint32_t)random_below(&nemesis->random, 4000),
        .frame_corrupt = (uint32_t)random_below(&nemesis->random, 60),
    };
    if (nemesis->world->plan.climate != CLIMATE_FOUL) {
        nemesis->fair = (struct network_weather){.delay_mean_us = nemesis->fair.delay_mean_us};
    }
}

struct nemesis *nemesis_create(struct world *world)
{
    struct nemesis *nemesis = calloc(1, sizeof *nemesis);
    COLUMBA_ASSERT(nemesis != NULL);
    nemesis->world = world;
    random_init(&nemesis->random, world->options.seed, STREAM_NEMESIS);
    set_climate(nemesis);
    return nemesis;
}

void nemesis_destroy(struct nemesis *nemesis)
{
    free(nemesis);
}

static struct host *random_host(struct nemesis *nemesis)
{
    return nemesis->world->hosts[random_below(&nemesis->random, nemesis->world->plan.node_count)];
}

/* It cannot be opened before there is room. */
static bool has_room(const struct host *host)
{
    return world_now_us(host->world) >= host->no_room_until_us;
}

static void host_back(void *context, uint64_t life)
{
    struct host *host = context;
    if (host->state != HOST_DOWN || host->life != life || host->world->is_over ||
        world_is_lost(host->world, host->index)) {
        return;
    }
    if (has_room(host)) {
        host_start(host);
    } else {
        nemesis_host_fell(host->world->nemesis, host->index);
    }
}

void nemesis_host_fell(struct nemesis *nemesis, uint16_t index)
{
    struct host *host = nemesis->world->hosts[index];
    uint64_t down_us = DOWN_MIN_US + random_exponential(&nemesis->random, DOWN_MEAN_US);
    schedule_after(&nemesis->world->schedule, down_us, host_back, host, host->life);
}

static void fault_crash(struct nemesis *nemesis)
{
    struct host *host = random_host(nemesis);
    if (host->state != HOST_DOWN) {
        host_crash(host, random_chance(&nemesis->random, 400));
        nemesis_host_fell(nemesis, host->index);
    }
}

static void fault_crash_all(struct nemesis *nemesis)
{
    struct world *world = nemesis->world;
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        if (world->hosts[i]->state != HOST_DOWN) {
            host_crash(world->hosts[i], true);
            nemesis_host_fell(nemesis, i);
        }
    }
}

static void host_resumes(void *context, uint64_t life)
{
    struct host *host = context;
    if (host->life == life) {
        host_resume(host);
    }
}

static void fault_pause(struct nemesis *nemesis, struct host *host)
{
    if (host->state == HOST_UP) {
        host_pause(host);
        schedule_after(&nemesis->world->schedule,
                       random_exponential(&nemesis->random, PAUSE_MEAN_US), host_resumes, host,
                       host->life);
    }
}

static void partition_ends(void *context, uint64_t cut)
{
    struct nemesis *nemesis = context;
    if (nemesis->cut == cut) {
        trace_note(&nemesis->world->trace, "the network is whole again");
        network_heal(nemesis->world->network);
    }
}

/* Some endpoints below `first` + `count` stand on the other side; what they send is blocked, and
 * unless one-way also what they are sent. */
static void split(struct nemesis *nemesis, uint32_t first, uint32_t count, bool is_one_way)
{
    struct world *world = nemesis->world;
    uint32_t endpoints = world->plan.node_count + 2 * world->plan.actor_count;
    uint64_t sides = random_u64(&nemesis->random);
    for (uint32_t from = first; from < first + count; from++) {
        for (uint32_t to = 0; to < endpoints; to++) {
            bool apart = (sides >> from % 64 & 1) != 0 && (sides >> to % 64 & 1) == 0;
            if (apart) {
                network_block(world->network, from, to, true);
                network_block(world->network, to, from, !is_one_way);
            }
        }
    }
    nemesis->cut++;
    schedule_after(&world->schedule, random_exponential(&nemesis->random, PARTITION_MEAN_US),
                   partition_ends, nemesis, nemesis->cut);
}

static void fault_partition(struct nemesis *nemesis, bool is_one_way)
{
    trace_note(&nemesis->world->trace, "the hosts are cut apart%s",
               is_one_way ? ", in one direction" : "");
    split(nemesis, 0, nemesis->world->plan.node_count, is_one_way);
}

static void fault_cut_clients(struct nemesis *nemesis)
{
    trace_note(&nemesis->world->trace, "some clients are cut off");
    split(nemesis, nemesis->world->plan.node_count, 2 * nemesis->world->plan.actor_count,
          random_chance(&nemesis->random, 300));
}

static void storm_ends(void *context, uint64_t storm)
{
    struct nemesis *nemesis = context;
    if (nemesis->storm == storm) {
        trace_note(&nemesis->world->trace, "the storm is over");
        *network_weather(nemesis->world->network) = nemesis->fair;
    }
}

static void fault_storm(struct nemesis *nemesis)
{
    trace_note(&nemesis->world->trace, "a storm");
    *network_weather(nemesis->world->network) = (struct network_weather){
        .delay_mean_us = random_between(&nemesis->random, 1000, 60000),
        .datagram_drop = (uint32_t)random_below(&nemesis->random, 500),
        .datagram_duplicate = (uint32_t)random_below(&nemesis->random, 200),
        .datagram_straggle = (uint32_t)random_below(&nemesis->random, 200),
        .connection_break = (uint32_t)random_below(&nemesis->random, 8000),
        .connection_straggle = (uint32_t)random_below(&nemesis->random, 60000),
        .frame_corrupt = (uint32_t)random_below(&nemesis->random, 2000),
    };
    nemesis->storm++;
    schedule_after(&nemesis->world->schedule, random_exponential(&nemesis->random, STORM_MEAN_US),
                   storm_ends, nemesis, nemesis->storm);
}

static void fault_slow_disk(struct nemesis *nemesis)
{
    struct host *host = random_host(nemesis);
    trace_note(&nemesis->world->trace, "host %u: a slow disk", host->index);
    host->slow_disk_until_us =
        world_now_us(nemesis->world) + random_exponential(&nemesis->random, PAUSE_MEAN_US);
}

/* On one host, or on all at the same time. The node must stop, and finds out after a restart what
 * is on the disk. */
static void fault_commit_fails(struct nemesis *nemesis)
{
    bool is_everywhere = random_chance(&nemesis->random, 300);
    const struct host *chosen = random_host(nemesis);
    for (uint16_t i = 0; i < nemesis->world->plan.node_count; i++) {
        struct host *host = nemesis->world->hosts[i];
        if (host->state != HOST_DOWN && (is_everywhere || host == chosen)) {
            trace_note(&nemesis->world->trace, "host %u: a commit will fail", host->index);
            host->fail_commit_in =
                is_everywhere ? 1 : 1 + (uint32_t)random_below(&nemesis->random, 20);
            host->is_failure_durable = random_chance(&nemesis->random, 500);
        }
    }
}

static void fault_reads_fail(struct nemesis *nemesis)
{
    struct host *host = random_host(nemesis);
    trace_note(&nemesis->world->trace, "host %u: reads fail", host->index);
    host->reads_fail_until_us =
        world_now_us(nemesis->world) + random_exponential(&nemesis->random, PAUSE_MEAN_US);
}

static void fault_full(struct nemesis *nemesis)
{
    struct host *host = random_host(nemesis);
    trace_note(&nemesis->world->trace, "host %u: refuses what it has no room for", host->index);
    host->full_until_us =
        world_now_us(nemesis->world) + random_exponential(&nemesis->random, PAUSE_MEAN_US);
}

static void room_returns(void *context, uint64_t argument)
{
    (void)argument;
    struct host *host = context;
    engine_memory_set_full(host->engine, false);
}

/* On one host, or on all at the same time. In some, others on the same disk take the reserve too.
 */
static void fault_disk_full(struct nemesis *nemesis)
{
    struct world *world = nemesis->world;
    bool is_everywhere = random_chance(&nemesis->random, 200);
    bool is_spent = random_chance(&nemesis->random, 200);
    uint64_t full_us = random_exponential(&nemesis->random, DISK_FULL_MEAN_US);
    const struct host *chosen = random_host(nemesis);
    world->has_full_disks = true;
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        struct host *host = world->hosts[i];
        if (is_everywhere || host == chosen) {
            trace_note(&world->trace, "host %u: the disk fills up%s", host->index,
                       is_spent ? ", to the last byte" : "");
            engine_memory_set_full(host->engine, true);
            host->no_room_until_us = is_spent ? world_now_us(world) + full_us : 0;
            schedule_after(&world->schedule, full_us, room_returns, host, 0);
        }
    }
}

static void disk_return(struct host *host)
{
    if (host->state != HOST_DOWN) {
        host_crash(host, false);
    }
    host_disk_return(host);
    nemesis_host_fell(host->world->nemesis, host->index);
}

/* Somebody finds the disk that was the host's. */
static void disk_found(void *context, uint64_t weather)
{
    struct host *host = context;
    if (host->world->nemesis->weather == weather && host->lost_disk != NULL) {
        disk_return(host);
    }
}

/* A disk is lost while nobody else is without theirs: with two empty directories, each would be
 * the other's only witness. A single replica would be gone with its witnesses' word. */
static bool may_be_wiped(const struct world *world, const struct host *host)
{
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        if (world->hosts[i]->lost_disk != NULL) {
            return false;
        }
    }
    return world->plan.replication_factor > 1 && host_directory_is_known(host);
}

static void fault_wipe(struct nemesis *nemesis)
{
    struct world *world = nemesis->world;
    struct host *host = random_host(nemesis);
    if (!may_be_wiped(world, host)) {
        return;
    }
    if (host->state != HOST_DOWN) {
        host_crash(host, true);
    }
    host_disk_take(host);
    nemesis_host_fell(nemesis, host->index);
    schedule_after(&world->schedule,
                   DOWN_MIN_US + random_exponential(&nemesis->random, WIPED_MEAN_US), disk_found,
                   host, nemesis->weather);
}

static int64_t off_by_up_to(struct nemesis *nemesis, uint64_t most)
{
    return (int64_t)random_below(&nemesis->random, 2 * most + 1) - (int64_t)most;
}

static void fault_clock_jumps(struct nemesis *nemesis)
{
    bool is_leap = random_chance(&nemesis->random, CLOCK_LEAP_PERMILLE);
    struct host *host = random_host(nemesis);
    nemesis->world->has_wild_clocks = nemesis->world->has_wild_clocks || is_leap;
    host_clock_set(host, off_by_up_to(nemesis, is_leap ? CLOCK_LEAP_MAX_MS : CLOCK_JUMP_MAX_MS),
                   host->drift_ppm);
}

static void fault_clock_drifts(struct nemesis *nemesis)
{
    /* Two that drift apart are further from each other than what makes a clock wrong. */
    nemesis->world->has_wild_clocks = true;
    struct host *host = random_host(nemesis);
    host_clock_set(host, host->skew_ms, off_by_up_to(nemesis, CLOCK_DRIFT_MAX_PPM));
}

/* Somebody looked after the time service. */
static void clocks_correct(struct nemesis *nemesis)
{
    for (uint32_t i = 0; i < nemesis->world->plan.node_count; i++) {
        host_clock_set(nemesis->world->hosts[i], off_by_up_to(nemesis, CLOCK_WARN_MS / 2), 0);
    }
}

/* A device whose clock is set: far beyond what a node takes as a stamp. */
static void fault_client_clock(struct nemesis *nemesis)
{
    struct world *world = nemesis->world;
    struct actor *actor = world->actors[random_below(&nemesis->random, world->plan.actor_count)];
    int64_t jump_ms = (int64_t)random_below(&nemesis->random, 2 * CLIENT_JUMP_MAX_MS + 1) -
                      (int64_t)CLIENT_JUMP_MAX_MS;
    actor->agent.skew_ms = random_chance(&nemesis->random, 300) ? 0 : jump_ms;
    trace_note(&world->trace, "actor %u: the device's clock jumps to %lld ms off", actor->index,
               (long long)actor->agent.skew_ms);
}

static bool holds(const struct world *world, uint16_t node, uint32_t conversation)
{
    uint64_t token =
        token_of_partition(PARTITION_CONVERSATION, &world->model->conversations[conversation].id);
    return replica_set_position(placement_replicas(world->topology, token), node) >= 0;
}

/* A node asks another to store what it must not: for a range that is not its own, under another
 * topology, or what is no row. */
static void fault_forgery(struct nemesis *nemesis)
{
    struct world *world = nemesis->world;
    struct host *host = random_host(nemesis);
    uint16_t node = (uint16_t)random_below(&nemesis->random, world->plan.node_count);
    uint32_t conversation =
        (uint32_t)random_below(&nemesis->random, world->plan.conversation_count);
    const struct host_link *link = host->state == HOST_UP ? host_link_to_peer(host, node) : NULL;
    if (link == NULL) {
        return;
    }
    bool is_theirs = holds(world, node, conversation);
    bool is_broken = is_theirs && random_chance(&nemesis->random, 500);
    uint8_t buffer[FORGERY_BYTES];
    struct message message;
    forgery_write(world, &nemesis->random, conversation, is_broken, buffer, &message);
    message.write.topology_version += is_theirs && !is_broken ? 1 : 0;
    trace_note(&world->trace, "host %u forges a write to host %u", host->index, node);
    host_frame_send(host, link->connection, UINT64_MAX, &message);
}

static void memory_returns(void *context, uint64_t argument)
{
    (void)argument;
    struct host *host = context;
    host->core_memory.fail_permille = 0;
}

static void fault_no_memory(struct nemesis *nemesis)
{
    struct host *host = random_host(nemesis);
    if (host->state == HOST_DOWN) {
        return;
    }
    trace_note(&nemesis->world->trace, "host %u: memory is short", host->index);
    host->core_memory.random = &nemesis->random;
    host->core_memory.fail_permille = (uint32_t)random_between(&nemesis->random, 10, 500);
    schedule_after(&nemesis->world->schedule, random_exponential(&nemesis->random, PAUSE_MEAN_US),
                   memory_returns, host, 0);
}

static enum fault fault_draw(struct nemesis *nemesis)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        total += nemesis->weights[i];
    }
    if (total == 0) {
        return FAULT_CRASH;
    }
    uint64_t drawn = random_below(&nemesis->random, total);
    uint32_t fault = 0;
    while (drawn >= nemesis->weights[fault]) {
        drawn -= nemesis->weights[fault++];
    }
    return (enum fault)fault;
}

static void strike(struct nemesis *nemesis)
{
    switch (fault_draw(nemesis)) {
    case FAULT_CRASH:
        fault_crash(nemesis);
        break;
    case FAULT_CRASH_ALL:
        fault_crash_all(nemesis);
        break;
    case FAULT_PAUSE:
        fault_pause(nemesis, random_host(nemesis));
        break;
    case FAULT_PARTITION:
        fault_partition(nemesis, false);
        break;
    case FAULT_ONE_WAY:
        fault_partition(nemesis, true);
        break;
    case FAULT_CUT_CLIENTS:
        fault_cut_clients(nemesis);
        break;
    case FAULT_STORM:
        fault_storm(nemesis);
        break;
    case FAULT_SLOW_DISK:
        fault_slow_disk(nemesis);
        break;
    case FAULT_COMMIT_FAILS:
        fault_commit_fails(nemesis);
        break;
    case FAULT_READS_FAIL:
        fault_reads_fail(nemesis);
        break;
    case FAULT_CLOCK_JUMPS:
        fault_clock_jumps(nemesis);
        break;
    case FAULT_FULL:
        fault_full(nemesis);
        break;
    case FAULT_DISK_FULL:
        fault_disk_full(nemesis);
        break;
    case FAULT_WIPE:
        fault_wipe(nemesis);
        break;
    case FAULT_CLIENT_CLOCK:
        fault_client_clock(nemesis);
        break;
    case FAULT_FORGERY:
        fault_forgery(nemesis);
        break;
    case FAULT_CLOCK_DRIFTS:
        fault_clock_drifts(nemesis);
        break;
    default:
        fault_no_memory(nemesis);
        break;
    }
}

static void next_fault(void *context, uint64_t weather)
{
    struct nemesis *nemesis = context;
    if (nemesis->world->is_calm || nemesis->weather != weather) {
        return;
    }
    if (nemesis->world->plan.climate == CLIMATE_FOUL) {
        strike(nemesis);
    } else if (nemesis->world->plan.climate == CLIMATE_ONE_SLOW) {
        fault_pause(nemesis, nemesis->world->hosts[nemesis->world->plan.slow_host]);
    }
    schedule_after(&nemesis->world->schedule,
                   random_exponential(&nemesis->random, nemesis->gap_mean_us), next_fault, nemesis,
                   weather);
}

void nemesis_start(struct nemesis *nemesis)
{
    *network_weather(nemesis->world->network) = nemesis->fair;
    nemesis->weather++;
    schedule_after(&nemesis->world->schedule, nemesis->gap_mean_us, next_fault, nemesis,
                   nemesis->weather);
}

void nemesis_stop(struct nemesis *nemesis)
{
    struct world *world = nemesis->world;
    trace_note(&world->trace, "the faults are over");
    nemesis->storm++;
    nemesis->cut++;
    *network_weather(world->network) =
        (struct network_weather){.delay_mean_us = nemesis->fair.delay_mean_us};
    network_heal(world->network);
    clocks_correct(nemesis);
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        struct host *host = world->hosts[i];
        host->fail_commit_in = 0;
        host->core_memory.fail_permille = 0;
        host->reads_fail_until_us = 0;
        host->slow_disk_until_us = 0;
        host->full_until_us = 0;
        host->no_room_until_us = 0;
        if (host->lost_disk != NULL) {
            disk_return(host);
        }
        engine_memory_set_full(host->engine, false);
        if (host->state == HOST_DOWN) {
            host_start(host);
        }
        host_resume(host);
    }
}
