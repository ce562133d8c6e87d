#include "ring/join.h"

#include <stddef.h>
#include <string.h>

#include "ring/sort.h"
#include "ring/token.h"

/* A gap is never cut closer to its ends than this part of it: slivers are of no use later. */
#define CUT_MARGIN 0.1
/* Places tried in a gap. */
#define CUT_STEPS 12u
/* How much more a node above the target weighs, for each part above. Higher values chase the one
 * node on top at the expense of the rest. */
#define OVERLOAD_WEIGHT 16.0
/* What halving a wide gap is worth. Without it gaps of very different widths build up in the course
 * of many joins, until some node's load lies in a few gaps too wide to be cut for a joining node's
 * need. */
#define GAP_WEIGHT 1.0

/* Ranges before a cut that are looked at, and tokens met for one range. Both are reached only where
 * racks are of very different sizes; loads are then known less exactly. */
#define RANGES_MAX 32u
#define WALK_MAX 64u

#define NOT_INSERTED UINT32_MAX

struct replicas {
    uint16_t node[REPLICAS_MAX];
    unsigned count;
    unsigned repeats; /* nodes still taken from racks that have one */
};

static void replicas_meet(struct join *join, struct replicas *replicas, uint16_t node)
{
    uint16_t rack = join->rack_of[node];
    if (replicas->count == join->factor || join->node_met[node] == join->walk) {
        return;
    }
    join->node_met[node] = join->walk;
    if (join->rack_met[rack] == join->walk) {
        if (replicas->repeats == 0) {
            return;
        }
        replicas->repeats--;
    }
    join->rack_met[rack] = join->walk;
    replicas->node[replicas->count++] = node;
}

/* The replicas of the range that ends with ring[range], as if the joining node had a token right
 * before ring[inserted]. */
static struct replicas replicas_of(struct join *join, uint32_t range, uint32_t inserted)
{
    struct replicas replicas = {.count = 0};
    join->walk++;
    if (join->factor > join->rack_count) {
        replicas.repeats = (unsigned)join->factor - join->rack_count;
    }
    uint32_t at = range;
    for (uint32_t step = 0; step < join->ring_count && step < WALK_MAX; step++) {
        if (at == inserted) {
            replicas_meet(join, &replicas, join->joining);
        }
        replicas_meet(join, &replicas, join->ring[at].node);
        if (replicas.count == join->factor) {
            break;
        }
        at = at + 1 == join->ring_count ? 0 : at + 1;
    }
    return replicas;
}

static bool replicas_have(const struct replicas *replicas, uint16_t node)
{
    for (unsigned i = 0; i < replicas->count; i++) {
        if (replicas->node[i] == node) {
            return true;
        }
    }
    return false;
}

uint32_t join_before(const struct join *join, uint32_t index)
{
    return index == 0 ? join->ring_count - 1 : index - 1;
}

uint32_t join_find(const struct join *join, uint64_t token)
{
    uint32_t low = 0, high = join->ring_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (join->ring[middle].token < token) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static double range_share(const struct join *join, uint32_t index)
{
    return token_range_fraction(join->ring[join_before(join, index)].token,
                                join->ring[index].token);
}

static void loss_add(struct join *join, uint16_t loser, double share)
{
    if (join->lost_in[loser] != join->cut) {
        join->lost_in[loser] = join->cut;
        join->loss[loser] = 0;
        join->losers[join->loser_count++] = loser;
    }
    join->loss[loser] += share;
}

/* What the joining node's token before ring[inserted] does to the range that ends with
 * ring[range]. */
struct change {
    bool is_replica; /* the joining node, afterwards */
    bool is_gain;    /* and was not before */
    bool has_loser;
    uint16_t loser;
};

static struct change range_change(struct join *join, uint32_t range, uint32_t inserted)
{
    struct change change = {0};
    struct replicas after = replicas_of(join, range, inserted);
    change.is_replica = replicas_have(&after, join->joining);
    if (!change.is_replica) {
        return change;
    }
    struct replicas before = replicas_of(join, range, NOT_INSERTED);
    change.is_gain = !replicas_have(&before, join->joining);
    for (unsigned i = 0; i < before.count && change.is_gain; i++) {
        if (!replicas_have(&after, before.node[i])) {
            change.has_loser = true;
            change.loser = before.node[i];
        }
    }
    return change;
}

/* What a cut does: the ranges before the gap change hands wherever in the gap it is, of the gap
 * itself only the part before the cut does. */
struct effect {
    double fixed; /* gained of the ranges before */
    double gap;   /* the gap's width */
    struct change change;
};

/* Lists the losers; their losses are those of the ranges before the gap. */
static struct effect cut_effect(struct join *join, uint32_t index)
{
    struct effect effect = {.gap = range_share(join, index)};
    join->cut++;
    join->loser_count = 0;
    effect.change = range_change(join, index, index);
    if (effect.change.has_loser) {
        loss_add(join, effect.change.loser, 0);
    }
    uint32_t range = join_before(join, index);
    for (unsigned i = 0; i < RANGES_MAX && range != index; i++) {
        struct change change = range_change(join, range, index);
        if (!change.is_replica) {
            break;
        }
        double share = range_share(join, range);
        effect.fixed += change.is_gain ? share : 0;
        if (change.has_loser) {
            loss_add(join, change.loser, share);
        }
        range = join_before(join, range);
    }
    return effect;
}

static double gain_of(const struct effect *effect, double part)
{
    return effect->fixed + (effect->change.is_gain ? part * effect->gap : 0);
}

static double loss_of(const struct join *join, const struct effect *effect, uint16_t loser,
                      double part)
{
    bool is_gaps = effect->change.has_loser && effect->change.loser == loser;
    return join->loss[loser] + (is_gaps ? part * effect->gap : 0);
}

/* The squared distance to the target, more above it than below. */
static double load_cost(const struct join *join, double load)
{
    double over = load - join->target;
    double weight = over > 0 ? 1 + OVERLOAD_WEIGHT * over / join->part : 1;
    return over * over * weight;
}

static double cut_cost(const struct join *join, const struct effect *effect, double part,
                       double wanted)
{
    double off = gain_of(effect, part) - wanted;
    double cost = off * off;
    for (uint32_t i = 0; i < join->loser_count; i++) {
        uint16_t loser = join->losers[i];
        double load = join->load[loser];
        cost += load_cost(join, load - loss_of(join, effect, loser, part)) - load_cost(join, load);
    }
    /* By so much does the sum of the squared gaps fall. */
    return cost - GAP_WEIGHT * 2 * part * (1 - part) * effect->gap * effect->gap;
}

bool join_rate(struct join *join, uint32_t index, double wanted, struct cut *out_cut)
{
    uint64_t after = join->ring[join_before(join, index)].token;
    if (token_range_width(after, join->ring[index].token) < 2) {
        return false;
    }
    struct effect effect = cut_effect(join, index);
    struct cut best = {.index = index};
    for (unsigned step = 0; step <= CUT_STEPS; step++) {
        double part = CUT_MARGIN + (1 - 2 * CUT_MARGIN) * step / CUT_STEPS;
        double cost = cut_cost(join, &effect, part, wanted);
        if (step == 0 || cost < best.cost) {
            best.part = part;
            best.cost = cost;
        }
    }
    *out_cut = best;
    return true;
}

/* Moves load for a cut that is made (sign 1) or taken back (sign -1). */
static void loads_move(struct join *join, uint32_t index, double part, double sign)
{
    struct effect effect = cut_effect(join, index);
    join->load[join->joining] += sign * gain_of(&effect, part);
    for (uint32_t i = 0; i < join->loser_count; i++) {
        uint16_t loser = join->losers[i];
        join->load[loser] -= sign * loss_of(join, &effect, loser, part);
    }
}

uint64_t join_insert(struct join *join, const struct cut *cut)
{
    uint64_t after = join->ring[join_before(join, cut->index)].token;
    uint64_t width = token_range_width(after, join->ring[cut->index].token);
    uint64_t part = (uint64_t)((double)width * cut->part);
    uint64_t token = after + (part == 0 ? 1 : part);
    loads_move(join, cut->index, cut->part, 1);
    uint32_t at = join_find(join, token);
    memmove(join->ring + at + 1, join->ring + at, (join->ring_count - at) * sizeof(*join->ring));
    join->ring[at] = (struct owned_token){token, join->joining};
    join->ring_count++;
    return token;
}

void join_remove(struct join *join, uint64_t token)
{
    uint32_t at = join_find(join, token);
    double before = range_share(join, at);
    join->ring_count--;
    memmove(join->ring + at, join->ring + at + 1, (join->ring_count - at) * sizeof(*join->ring));
    uint32_t gap = at == join->ring_count ? 0 : at;
    loads_move(join, gap, before / range_share(join, gap), -1);
}

static int by_token(const void *a, const void *b)
{
    const struct owned_token *left = a, *right = b;
    return (left->token > right->token) - (left->token < right->token);
}

static bool join_allocate(struct join *join, const struct allocation_request *request,
                          struct arena *arena)
{
    const size_t nodes = request->node_count + 1u;
    size_t tokens = request->tokens_per_node;
    for (uint32_t i = 0; i < request->node_count; i++) {
        tokens += request->nodes[i].token_count;
    }
    join->ring = arena_allocate_array(arena, tokens, sizeof(*join->ring));
    join->rack_of = arena_allocate_zero(arena, nodes * sizeof(*join->rack_of));
    join->load = arena_allocate_zero(arena, nodes * sizeof(*join->load));
    join->node_met = arena_allocate_zero(arena, nodes * sizeof(*join->node_met));
    join->rack_met = arena_allocate_zero(arena, nodes * sizeof(*join->rack_met));
    join->lost_in = arena_allocate_zero(arena, nodes * sizeof(*join->lost_in));
    join->loss = arena_allocate_zero(arena, nodes * sizeof(*join->loss));
    join->losers = arena_allocate_array(arena, nodes, sizeof(*join->losers));
    return join->ring != NULL && join->rack_of != NULL && join->load != NULL &&
           join->node_met != NULL && join->rack_met != NULL && join->lost_in != NULL &&
           join->loss != NULL && join->losers != NULL;
}

static bool is_beside(const struct allocation_node *node, const struct allocation_node *joining)
{
    return node->datacenter == joining->datacenter && node->token_count > 0;
}

/* Numbers the racks of the data centre by their first node; out_racks: for each node of the
 * request. The joining node's rack is out_racks[node_count]. */
static uint16_t racks_number(const struct allocation_request *request,
                             const struct allocation_node *joining, uint16_t *out_racks)
{
    uint16_t count = 0;
    for (uint32_t i = 0; i <= request->node_count; i++) {
        const struct allocation_node *node = i < request->node_count ? &request->nodes[i] : joining;
        if (node != joining && !is_beside(node, joining)) {
            continue;
        }
        uint32_t same = 0;
        while (same < i && !(is_beside(&request->nodes[same], joining) &&
                             request->nodes[same].rack == node->rack)) {
            same++;
        }
        out_racks[i] = same < i ? out_racks[same] : count++;
    }
    return count;
}

static void join_add_tokens(struct join *join, const struct allocation_node *node)
{
    for (uint32_t t = 0; t < node->token_count; t++) {
        join->ring[join->ring_count++] = (struct owned_token){node->tokens[t], join->node_count};
    }
}

/* Where there are as many racks as replicas, each rack keeps one copy of everything: its nodes
 * share a ring of their own, with one replica. */
static void join_fill(struct join *join, const struct allocation_request *request,
                      const struct allocation_node *joining, const uint16_t *racks)
{
    const uint16_t own_rack = racks[request->node_count];
    const bool is_own_ring = join->rack_count == join->factor;
    for (uint32_t i = 0; i < request->node_count; i++) {
        const struct allocation_node *node = &request->nodes[i];
        if (!is_beside(node, joining) || (is_own_ring && racks[i] != own_rack)) {
            continue;
        }
        join_add_tokens(join, node);
        join->rack_of[join->node_count++] = is_own_ring ? 0 : racks[i];
    }
    join->joining = join->node_count;
    join->rack_of[join->node_count++] = is_own_ring ? 0 : own_rack;
    if (is_own_ring) {
        join->factor = 1;
        join->rack_count = 1;
    }
    sort_array(join->ring, join->ring_count, sizeof(*join->ring), by_token);
}

static double join_target(const struct join *join)
{
    bool is_alone_in_rack = true;
    for (uint16_t i = 0; i < join->joining; i++) {
        is_alone_in_rack &= join->rack_of[i] != join->rack_of[join->joining];
    }
    bool holds_everything =
        join->node_count <= join->factor || (is_alone_in_rack && join->rack_count <= join->factor);
    return holds_everything ? 1 : (double)join->factor / join->node_count;
}

static void loads_sum(struct join *join)
{
    for (uint32_t i = 0; i < join->ring_count; i++) {
        struct replicas replicas = replicas_of(join, i, NOT_INSERTED);
        double share = range_share(join, i);
        for (unsigned r = 0; r < replicas.count; r++) {
            join->load[replicas.node[r]] += share;
        }
    }
}

bool join_init(struct join *join, const struct allocation_request *request,
               const struct allocation_node *joining, struct arena *arena)
{
    *join = (struct join){.factor = request->factors[joining->datacenter]};
    uint16_t *racks = arena_allocate_zero(arena, (request->node_count + 1u) * sizeof(*racks));
    if (racks == NULL || !join_allocate(join, request, arena)) {
        return false;
    }
    if (join->factor == 0) {
        join->factor = 1;
    }
    join->rack_count = racks_number(request, joining, racks);
    join_fill(join, request, joining, racks);
    join->target = join_target(join);
    join->part = join->target / request->tokens_per_node;
    loads_sum(join);
    return true;
}
