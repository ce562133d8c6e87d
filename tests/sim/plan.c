/* What a seed decides once for the whole run. */
#include "tests/sim/world.h"

#define CHANGES_PERMILLE 200u
#define DEFAULT_FAULTS_US (60u * (uint64_t)MICROSECONDS_PER_SECOND)
/* With the actors' users, always more than this. */
#define CROWD_MIN 10u
#define CROWD_MAX 40u
#define FAIR_PERMILLE 40u
#define ONE_SLOW_PERMILLE 60u
#define LOSS_PERMILLE 60u

/* What a shell refuses: hardly anything in most seeds, much in some. */
static void plan_intake(struct world *world)
{
    bool is_tight = random_chance(&world->random, 200) && world->plan.climate == CLIMATE_FOUL;
    struct intake_limits *limits = &world->plan.intake;
    *limits = (struct intake_limits){
        .batch_bytes = is_tight ? 32u * KIB : 64u * MIB,
        .reads = is_tight ? 64 : 4096,
    };
    for (unsigned side = 0; side < INTAKE_SIDES; side++) {
        limits->sides[side] = (struct intake_side_limits){
            .connections = UINT32_MAX,
            .asker_requests = UINT32_MAX,
            .requests = is_tight ? 24 : 65536,
            .request_bytes = is_tight ? 2u * MIB : 128u * MIB,
            .asker_unsent_bytes = UINT64_MAX,
            .asker_unsent_max_bytes = UINT64_MAX,
            .unsent_bytes = UINT64_MAX,
        };
    }
}

static void plan_core(struct world *world)
{
    struct core_config *config = &world->plan.core;
    core_config_defaults(config);
    config->write_timeout_ms = (uint32_t)random_between(&world->random, 500, 2000);
    config->read_timeout_ms = (uint32_t)random_between(&world->random, 500, 3000);
    config->speculative_read_ms = (uint32_t)random_between(&world->random, 5, 200);
    config->takeover_delay_ms = (uint32_t)random_between(&world->random, 300, 3000);
    /* Tight tables in some seeds: what does not fit is refused, and nothing is lost. */
    config->operations_max = random_chance(&world->random, 300) ? 48 : 2048;
    config->operations_bytes_max = random_chance(&world->random, 100) ? 32u * MIB : 512u * MIB;
    config->outbox_entries_max = random_chance(&world->random, 200) ? 40 : 8192;
    /* So small that the oldest events are always folded to make room. */
    config->log_events_max = random_chance(&world->random, 400) ? 256 : 1u << 14;
    /* The crowd's conversation is a channel in some. */
    config->fanout_members_max =
        random_chance(&world->random, 150) ? CROWD_MIN : FANOUT_MEMBERS_DEFAULT;
    if (world_has(world, EXTRA_CROSSING) && random_chance(&world->random, 400)) {
        config->fanout_members_max = (uint32_t)random_between(&world->random, 2, 7);
    }
    config->conversations_cached_max = random_chance(&world->random, 300) ? 2 : 1024;
    /* So few that some are forgotten all the time, but as many as a fragment may have. */
    config->recent_messages = random_chance(&world->random, 300) ? 1024 : 1u << 14;
}

/* Mostly three to six nodes and three replicas; clusters of one or two and other factors too. */
static void plan_cluster(struct world *world)
{
    static const uint32_t factors[] = {1, 2, 3, 3, 3, 3, 3, 3, 5, 5};
    struct world_plan *plan = &world->plan;
    struct random *random = &world->random;
    uint32_t drawn = (uint32_t)random_between(random, 3, 6);
    drawn = random_chance(random, 120) ? (uint32_t)random_between(random, 1, 2) : drawn;
    uint32_t factor = factors[random_below(random, sizeof factors / sizeof factors[0])];
    plan->node_count = world->options.nodes != 0 ? world->options.nodes : drawn;
    plan->replication_factor = factor < plan->node_count ? factor : plan->node_count;
    plan->rack_count = (uint32_t)random_between(random, 1, 3);
}

/* Without faults, and with tables and timeouts that nothing should meet. */
static void plan_climate(struct world *world)
{
    struct world_plan *plan = &world->plan;
    uint64_t drawn = random_below(&world->random, 1000);
    bool may_be_slow = plan->replication_factor >= 3;
    plan->slow_host = (uint16_t)random_below(&world->random, plan->node_count);
    if (drawn < FAIR_PERMILLE) {
        plan->climate = CLIMATE_FAIR;
    } else if (drawn < FAIR_PERMILLE + ONE_SLOW_PERMILLE && may_be_slow) {
        plan->climate = CLIMATE_ONE_SLOW;
    }
    if (plan->climate == CLIMATE_FOUL) {
        return;
    }
    core_config_defaults(&plan->core);
    plan->core.speculative_read_ms = 50;
    plan->buggify = 0;
    plan->reads_fail = 0;
    plan->lies = 0;
    plan->skew_max_ms = 100;
}

void world_plan_draw(struct world *world)
{
    struct world_plan *plan = &world->plan;
    struct random *random = &world->random;
    plan_cluster(world);
    plan->user_count = (uint32_t)random_between(random, 5, 14);
    plan->actor_count = plan->user_count + (uint32_t)random_below(random, plan->user_count);
    plan->conversation_count = (uint32_t)random_between(random, 4, 8);
    plan->crowd_count = (uint32_t)random_between(random, CROWD_MIN, CROWD_MAX);
    plan->faults_us = DEFAULT_FAULTS_US;
    if (world->options.minutes > 0) {
        plan->faults_us = (uint64_t)(world->options.minutes * 60.0 * MICROSECONDS_PER_SECOND);
    }
    plan->think_mean_us = random_between(random, 20000, 300000);
    plan->commit_mean_us = random_between(random, 100, 4000);
    plan->inline_reads = (uint32_t)random_between(random, 300, 1000);
    plan->skew_max_ms = random_below(random, 4) == 0 ? 5000 : random_below(random, 300);
    plan->buggify = (uint32_t)random_below(random, 8);
    plan->reads_fail = random_chance(random, 400) ? (uint32_t)random_below(random, 60) : 0;
    plan->weak_calls = random_chance(random, 250) ? 500 : 150;
    uint32_t lies = (uint32_t)random_below(random, 30);
    plan->lies = world_has(world, EXTRA_LIES) && random_chance(random, 700) ? lies : 0;
    plan_core(world);
    plan_climate(world);
    plan_intake(world);
    /* Not drawn, so that what the other seeds draw stays as it is. */
    bool has_changes = world_has(world, EXTRA_CHANGES) && world->options.seed % 3 == 0 &&
                       plan->climate == CLIMATE_FOUL;
    plan->changes = has_changes ? CHANGES_PERMILLE : 0;
    bool has_others = plan->replication_factor >= 3 && plan->climate == CLIMATE_FOUL;
    plan->loses_host =
        random_chance(random, LOSS_PERMILLE) && has_others && world_has(world, EXTRA_LOSS);
    plan->lost_host = (uint16_t)random_below(random, plan->node_count);
}
