/*
 * One run: a cluster of hosts, the people who use it, the network between them and what goes wrong,
 * all from one seed.
 *
 * A run has three parts, and in some seeds a host loses its disk after the second, and then there
 * is bad weather again. While the weather is bad, actors send and read and every answer is checked
 * against the model as it comes; then all faults stop and everything under way must finish within
 * SETTLE_MAX_US and the time that the bad weather took to pile it up; then the auditor reads
 * everything back and compares it with the model.
 */
#ifndef COLUMBA_SIM_WORLD_H
#define COLUMBA_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/limits.h"
#include "client/core/seal.h"
#include "node/core/core.h"
#include "node/core/machine/intake.h"
#include "ring/topology.h"
#include "tests/sim/findings.h"
#include "tests/sim/network.h"
#include "tests/sim/random.h"
#include "tests/sim/schedule.h"
#include "tests/sim/trace.h"

#define HOSTS_MAX 16u
#define ACTORS_MAX 40u
/* Where the virtual clocks start: 2026-01-01. */
#define UNIX_EPOCH_MS 1767225600000u
/* Begins every body that is sealed: never to be seen in a frame. */
#define WORLD_CANARY "canary-in-plaintext "
/* After the faults, beside as long as they lasted: two of the longest waits of a take-over. */
#define SETTLE_MAX_US (120u * (uint64_t)MICROSECONDS_PER_SECOND)
/* The audit reads all there is in this time, and as long as the faults lasted. */
#define AUDIT_MAX_US (120u * (uint64_t)MICROSECONDS_PER_SECOND)

struct host;
struct actor;
struct model;
struct nemesis;
struct importer;
struct audit;

/* What a run can do beside the ordinary. X(NAME, name on the command line, by default). */
#define WORLD_EXTRAS(X)                                                                            \
    X(LIES, "lies", true)                   /* nodes that alter their answers to nodes */          \
    X(CLIENT_CLOCKS, "client-clocks", true) /* clients' wall clocks jump and drift */              \
    X(CROSSING, "crossing", true)           /* conversations that grow into channels */            \
    X(LOSS, "loss", true)                   /* a host loses its disk for good, and is replaced */  \
    X(HASTE, "haste", false)                /* … before the others have made good for it */      \
    X(TWO_BODIES, "two-bodies", true)       /* two bodies under one id */                          \
    X(CHANGES, "changes", true)             /* messages are edited and deleted */

enum world_extra {
#define X(name, text, is_default) EXTRA_##name,
    WORLD_EXTRAS(X)
#undef X
        EXTRA_COUNT
};

struct world_options {
    uint64_t seed;
    uint32_t nodes;  /* 0: the seed decides */
    uint32_t extras; /* bitmap over enum world_extra */
    double minutes;  /* of faults and load; 0: the default */
    FILE *lines;     /* readable trace; NULL: none */
};

/* Most seeds are foul. In fair ones nothing goes wrong, so nobody is refused and nobody waits; in
 * some one host is slow, which the clients of the others must not feel in their reads. */
enum world_climate { CLIMATE_FOUL, CLIMATE_FAIR, CLIMATE_ONE_SLOW };

/* What the seed decided once for the whole run. */
struct world_plan {
    enum world_climate climate;
    uint16_t slow_host; /* in CLIMATE_ONE_SLOW */
    bool loses_host;    /* the others have a quorum without it */
    uint16_t lost_host;
    uint32_t node_count;
    uint32_t replication_factor;
    uint32_t rack_count;
    uint32_t user_count;  /* who act; some with two devices */
    uint32_t actor_count; /* devices */
    uint32_t conversation_count;
    uint32_t crowd_count; /* members of the one large conversation */
    uint64_t faults_us;   /* how long the faults go on */
    uint64_t think_mean_us;
    uint64_t commit_mean_us;
    uint32_t inline_reads; /* permille of reads answered within the turn */
    uint64_t skew_max_ms;
    uint32_t buggify;    /* permille at each point */
    uint32_t reads_fail; /* permille, beside when reads fail often */
    uint32_t weak_calls; /* permille of actors' calls at another level than QUORUM */
    uint32_t changes;    /* permille of what actors do: edits and deletions */
    uint32_t lies;       /* permille of the answers between nodes that are altered */
    struct core_config core;
    struct intake_limits intake;
};

struct world {
    struct world_options options;
    struct world_plan plan;
    struct schedule schedule;
    struct trace trace;
    struct findings findings;
    struct random random;
    struct seal_key seal_key; /* of the application that all library users belong to */
    struct network *network;
    struct topology *topology;
    struct host *hosts[HOSTS_MAX];
    struct actor *actors[ACTORS_MAX];
    struct importer *importer;
    struct model *model;
    struct nemesis *nemesis;
    struct audit *sweep;  /* what is read before a lost host is replaced; NULL: none was */
    uint16_t lost_host;   /* away for now; NODE_NONE: none */
    bool has_stray_node;  /* one may have served below a quorum what its empty disk took */
    bool has_full_disks;  /* a disk was full */
    bool has_wild_clocks; /* a node's may have been so far off that healthy ids were refused */
    bool is_calm;         /* no faults any more */
    bool is_over;         /* nothing starts again */
    uint64_t ended_us;
};

struct world_result {
    uint64_t trace_hash;
    uint64_t trace_events;
    uint64_t virtual_us;
    uint64_t sends_acknowledged;
    uint64_t reads;
    uint64_t crashes;
    uint64_t orphaned; /* coordinators that died between acknowledgement and fan-out */
    uint64_t takeovers;
    struct findings findings;
};

/* One whole run. */
void world_run(const struct world_options *options, struct world_result *out_result);

/* For the parts of the world. */

/* plan.c */
void world_plan_draw(struct world *world);

static inline bool world_has(const struct world *world, enum world_extra extra)
{
    return (world->options.extras & 1u << extra) != 0;
}

/* May two bodies be stored under one id, by different replicas? Once a replica is gone for good,
 * nobody can tell which of the two had been acknowledged. */
static inline bool world_may_differ(const struct world *world)
{
    return !world->plan.loses_host;
}

/* Two bodies under one id make a read wait for every replica, a slow one too. */
static inline bool world_has_rivals(const struct world *world)
{
    return world_has(world, EXTRA_TWO_BODIES) && world_may_differ(world) &&
           world->plan.climate != CLIMATE_ONE_SLOW;
}

/* Nobody may hold it to be alive. */
static inline bool world_is_lost(const struct world *world, uint16_t host)
{
    return host == world->lost_host;
}

static inline uint64_t world_now_us(const struct world *world)
{
    return world->schedule.now_us;
}

/* Endpoints: the hosts, a caller of each actor, an agent of each, the importer, both audits. */
static inline uint32_t world_actor_endpoint(const struct world *world, uint32_t actor)
{
    return world->plan.node_count + actor;
}

#endif
