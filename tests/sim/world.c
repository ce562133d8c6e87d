#include "tests/sim/world.h"

#include <stdlib.h>

#include "base/assert.h"
#include "tests/sim/actor.h"
#include "tests/sim/audit.h"
#include "tests/sim/host.h"
#include "tests/sim/importer.h"
#include "tests/sim/model.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/replicas.h"

#define SETTLE_STEP_US 200000u
/* A core looks after what it has not in memory once a second: nothing may come up for longer. */
#define SETTLE_QUIET_US (3u * (uint64_t)MICROSECONDS_PER_SECOND)
/* Connections that broke in silence are noticed by then. */
#define SETTLE_MIN_US (8u * (uint64_t)MICROSECONDS_PER_SECOND)
#define TOKENS_PER_NODE 8u

/* The cluster. */

struct spec_text {
    char name[HOSTS_MAX][16];
    char address[HOSTS_MAX][24];
    char rack[HOSTS_MAX][16];
    uint64_t tokens[HOSTS_MAX][TOKENS_PER_NODE];
};

static void spec_node(struct world *world, struct spec_text *text, uint32_t index,
                      struct topology_node_spec *out_node)
{
    snprintf(text->name[index], sizeof text->name[index], "n%u", index + 1);
    snprintf(text->address[index], sizeof text->address[index], "10.0.0.%u", index + 1);
    snprintf(text->rack[index], sizeof text->rack[index], "r%u",
             index % world->plan.rack_count + 1);
    for (uint32_t i = 0; i < TOKENS_PER_NODE; i++) {
        text->tokens[index][i] = random_u64(&world->random);
    }
    *out_node = (struct topology_node_spec){
        .host_id = id_of_name(ID_HOST, slice_of_text(text->name[index])),
        .name = slice_of_text(text->name[index]),
        .address = slice_of_text(text->address[index]),
        .port = 9040,
        .datacenter = slice_of_text("dc1"),
        .rack = slice_of_text(text->rack[index]),
        .tokens = text->tokens[index],
        .token_count = TOKENS_PER_NODE,
    };
}

static void make_topology(struct world *world)
{
    struct spec_text text;
    struct topology_node_spec nodes[HOSTS_MAX];
    for (uint32_t i = 0; i < world->plan.node_count; i++) {
        spec_node(world, &text, i, &nodes[i]);
    }
    struct topology_factor_spec factor = {
        .datacenter = slice_of_text("dc1"),
        .factor = world->plan.replication_factor,
    };
    struct topology_spec spec = {
        .cluster_name = slice_of_text("sim"),
        .version = 1,
        .nodes = nodes,
        .node_count = world->plan.node_count,
        .keyspace = {.name = slice_of_text("chat"),
                     .factors = &factor,
                     .factor_count = 1,
                     .read_consistency = CONSISTENCY_QUORUM,
                     .write_consistency = CONSISTENCY_QUORUM},
    };
    struct topology_problem problem;
    enum columba_error error = topology_create(memory_system(), &spec, &world->topology, &problem);
    COLUMBA_ASSERT(error == COLUMBA_OK);
}

static void make_seal_key(struct world *world)
{
    uint8_t key[SEAL_APPLICATION_KEY_BYTES];
    random_bytes(&world->random, key, sizeof key);
    seal_key_init(&world->seal_key, key);
}

/* The people: the first conversation is the crowd's, the others have two to eight members. */
static void make_conversations(struct world *world)
{
    struct world_plan *plan = &world->plan;
    for (uint32_t i = 0; i < plan->user_count + plan->crowd_count; i++) {
        model_member_add(world->model, 0, i, true);
    }
    for (uint32_t i = 1; i < plan->conversation_count; i++) {
        uint32_t most = plan->user_count < 10 ? plan->user_count : 10;
        uint32_t count = (uint32_t)random_between(&world->random, 2, most);
        uint32_t first = (uint32_t)random_below(&world->random, plan->user_count);
        for (uint32_t k = 0; k < count; k++) {
            bool is_first = k < 2 || !random_chance(&world->random, 500);
            model_member_add(world->model, i, (first + k) % plan->user_count, is_first);
        }
    }
}

static void world_create(struct world *world, const struct world_options *options)
{
    *world = (struct world){.options = *options};
    schedule_init(&world->schedule);
    trace_init(&world->trace, &world->schedule, options->lines);
    findings_init(&world->findings, &world->schedule);
    random_init(&world->random, options->seed, STREAM_WORLD);
    world_plan_draw(world);
    world->lost_host = NODE_NONE;
    uint32_t endpoints = world->plan.node_count + 2 * world->plan.actor_count + 3;
    world->network = network_create(&world->schedule, &world->trace, options->seed, endpoints);
    network_canary(world->network, slice_of_text(WORLD_CANARY));
    make_seal_key(world);
    make_topology(world);
    world->model = model_create(&world->findings, world->plan.user_count + world->plan.crowd_count,
                                world->plan.conversation_count);
    make_conversations(world);
    world->nemesis = nemesis_create(world);
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        world->hosts[i] = host_create(world, i);
    }
    for (uint32_t i = 0; i < world->plan.actor_count; i++) {
        world->actors[i] = actor_create(world, i, i % world->plan.user_count);
    }
    world->importer = importer_create(world, endpoints - 3, world->plan.conversation_count - 1);
}

static void world_destroy(struct world *world)
{
    importer_destroy(world->importer);
    for (uint32_t i = 0; i < world->plan.actor_count; i++) {
        actor_destroy(world->actors[i]);
    }
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        host_destroy(world->hosts[i]);
    }
    nemesis_destroy(world->nemesis);
    model_destroy(world->model);
    topology_destroy(world->topology);
    seal_key_clear(&world->seal_key);
    network_destroy(world->network);
    schedule_clear(&world->schedule);
}

/* The run. */

static void run_until(struct world *world, uint64_t until_us)
{
    while (schedule_run_next(&world->schedule, until_us)) {
    }
}

static bool host_is_settled(const struct host *host)
{
    if (host->state != HOST_UP) {
        return false;
    }
    struct core_counters counters;
    core_counters_get(host->core, &counters);
    return counters.outbox_entries == 0 && counters.operations == 0 &&
           core_in_flight(host->core) == 0 && host_sees_all(host);
}

static bool is_settled(const struct world *world)
{
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        if (!world_is_lost(world, i) && !host_is_settled(world->hosts[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < world->plan.actor_count; i++) {
        if (world->actors[i]->is_busy) {
            return false;
        }
    }
    return importer_is_done(world->importer);
}

static void report_host(struct world *world, const struct host *host)
{
    if (host->state != HOST_UP) {
        findings_add(&world->findings, "host %u is not up", host->index);
        return;
    }
    struct core_counters counters;
    core_counters_get(host->core, &counters);
    findings_add(&world->findings,
                 "host %u does not come to rest: %llu outbox entries, %llu operations, "
                 "%llu in flight, sees %s",
                 host->index, (unsigned long long)counters.outbox_entries,
                 (unsigned long long)counters.operations,
                 (unsigned long long)core_in_flight(host->core),
                 host_sees_all(host) ? "all" : "not all alive");
}

static void report_unsettled(struct world *world)
{
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        if (!world_is_lost(world, i) && !host_is_settled(world->hosts[i])) {
            report_host(world, world->hosts[i]);
        }
    }
    for (uint32_t i = 0; i < world->plan.actor_count; i++) {
        if (world->actors[i]->is_busy) {
            findings_add(&world->findings, "actor %u still waits", i);
        }
    }
    if (!importer_is_done(world->importer)) {
        findings_add(&world->findings, "the import does not end");
    }
}

static void settle(struct world *world)
{
    uint64_t end_us = world_now_us(world) + SETTLE_MAX_US + world->plan.faults_us;
    uint64_t settled_since_us = world_now_us(world);
    while (world_now_us(world) - settled_since_us < SETTLE_QUIET_US &&
           world_now_us(world) < end_us) {
        run_until(world, world_now_us(world) + SETTLE_STEP_US);
        settled_since_us = is_settled(world) ? settled_since_us : world_now_us(world);
    }
    if (!is_settled(world)) {
        report_unsettled(world);
    }
}

/* Where no answer is ever lost, what the nodes counted is what the actors saw. */
static void check_counters(struct world *world)
{
    uint64_t counted = 0;
    uint64_t seen = 0;
    if (world->plan.climate != CLIMATE_FAIR) {
        return;
    }
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        struct core_counters counters;
        core_counters_get(world->hosts[i]->core, &counters);
        counted += counters.sends_acknowledged;
        if (counters.timeouts > 0 || counters.effects_dropped > 0 || counters.overloaded > 0) {
            findings_add(
                &world->findings, "host %u counts %llu timeouts, %llu dropped, %llu overloaded", i,
                (unsigned long long)counters.timeouts, (unsigned long long)counters.effects_dropped,
                (unsigned long long)counters.overloaded);
        }
    }
    for (uint32_t i = 0; i < world->plan.actor_count; i++) {
        seen += world->actors[i]->sends_acknowledged;
    }
    if (counted != seen && !world_has(world, EXTRA_TWO_BODIES)) {
        findings_add(&world->findings, "nodes count %llu acknowledged sends, actors %llu",
                     (unsigned long long)counted, (unsigned long long)seen);
    }
}

static uint32_t audit_endpoint(const struct world *world)
{
    return world->plan.node_count + 2 * world->plan.actor_count + 1;
}

static void audit_run(struct world *world, struct audit *audit)
{
    uint64_t end_us = world_now_us(world) + AUDIT_MAX_US + world->plan.faults_us;
    audit_start(audit);
    while (!audit_is_done(audit) && world_now_us(world) < end_us) {
        run_until(world, world_now_us(world) + SETTLE_STEP_US);
    }
    if (!audit_is_done(audit)) {
        findings_add(&world->findings, "the audit does not end");
    }
    settle(world);
}

static void run_weather(struct world *world, uint64_t faults_us)
{
    world->is_calm = false;
    for (uint32_t i = 0; i < world->plan.actor_count; i++) {
        actor_start(world->actors[i]);
    }
    nemesis_start(world->nemesis);
    run_until(world, world_now_us(world) + faults_us);
    world->is_calm = true;
    nemesis_stop(world->nemesis);
    run_until(world, world_now_us(world) + SETTLE_MIN_US);
    settle(world);
}

/* A host loses its disk for good. While it is away, everything is read at QUORUM, which the others
 * have to give among them; only then it is taken back, with an empty disk and on purpose. From then
 * on a quorum that counts it has to be as good as any. */
static void run_loss(struct world *world)
{
    struct host *host = world->hosts[world->plan.lost_host];
    trace_note(&world->trace, "host %u is lost", host->index);
    world->lost_host = host->index;
    if (host->state != HOST_DOWN) {
        host_crash(host, true);
    }
    run_until(world, world_now_us(world) + SETTLE_MIN_US);
    settle(world);
    if (!world_has(world, EXTRA_HASTE)) {
        world->sweep = audit_create(world, audit_endpoint(world) + 1, AUDIT_SWEEP);
        audit_run(world, world->sweep);
    }
    model_weak_forget(world->model);
    host_disk_replace(host);
    world->lost_host = NODE_NONE;
    host_start(host);
    settle(world);
    run_weather(world, world->plan.faults_us / 2);
}

static void run_audit(struct world *world)
{
    struct audit *audit = audit_create(world, audit_endpoint(world), AUDIT_END);
    audit_run(world, audit);
    run_until(world, world_now_us(world) + SETTLE_STEP_US);
    replicas_compare(world);
    check_counters(world);
    if (network_canaries_seen(world->network) > 0) {
        findings_add(&world->findings, "%llu frames carry the text of a sealed body",
                     (unsigned long long)network_canaries_seen(world->network));
    }
    world->is_over = true;
    world->ended_us = world_now_us(world);
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        host_crash(world->hosts[i], false);
    }
    for (uint32_t i = 0; i < world->plan.actor_count; i++) {
        agent_clear(&world->actors[i]->agent);
    }
    run_until(world, UINT64_MAX - 1);
    audit_destroy(audit);
    audit_destroy(world->sweep);
}

static void fill_result(const struct world *world, struct world_result *out_result)
{
    *out_result = (struct world_result){
        .trace_hash = world->trace.hash,
        .trace_events = world->trace.events,
        .virtual_us = world->ended_us,
    };
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        out_result->crashes += world->hosts[i]->crashes - 1;
        out_result->orphaned += world->hosts[i]->orphaned;
        out_result->takeovers += host_takeovers(world->hosts[i]);
    }
    for (uint32_t i = 0; i < world->plan.actor_count; i++) {
        out_result->sends_acknowledged += world->actors[i]->sends_acknowledged;
        out_result->reads += world->actors[i]->reads;
    }
}

void world_run(const struct world_options *options, struct world_result *out_result)
{
    struct world *world = malloc(sizeof *world);
    COLUMBA_ASSERT(world != NULL);
    world_create(world, options);
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        host_start(world->hosts[i]);
    }
    importer_start(world->importer);
    run_weather(world, world->plan.faults_us);
    if (world->plan.loses_host) {
        run_loss(world);
    }
    run_audit(world);
    fill_result(world, out_result);
    world_destroy(world);
    out_result->findings = world->findings;
    free(world);
}
