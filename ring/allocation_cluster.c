/*
 * Tokens for a whole new cluster. Nothing has to stay where it is, so ownership can be made even by
 * construction instead of by search:
 *
 *   1. Each rack's tokens lie at equal distances around the ring, racks offset against each other.
 *      Where there are as many racks as replicas, a rack's nodes then own equal shares, for a range
 *      ends at the rack's next token. Otherwise ranges end wherever the tokens of other racks lie,
 *      so all tokens of the data centre are moved to equal distances, in the order they have.
 *   2. A rack's tokens are dealt to its nodes in shuffled rounds, such that a node does not come
 *      again among the next few: then no walk for replicas has to skip one, every token owns the
 *      same number of equal ranges, and a failed node's neighbours are many.
 *
 * Exactly even with one rack, with as many racks as replicas, and with racks of equal size; close
 * with others.
 */
#include "ring/allocation.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "ring/allocation_parts.h"
#include "ring/sort.h"

/* Attempts at shuffled rounds before the same round is dealt again and again, which always
 * satisfies the distance; only racks of few nodes come to that. */
#define DEAL_ATTEMPTS_MAX 16u

struct slot {
    uint64_t token;
    uint16_t rack;
    uint16_t node; /* index in the request */
    uint32_t turn; /* which of its rack's slots */
};

struct rack_group {
    uint16_t first; /* in `members` */
    uint16_t count;
    uint32_t given;     /* slots, while they are given to racks */
    uint32_t last_slot; /* the newest of them */
};

/* One data centre at work. */
struct plan {
    const struct allocation_request *request;
    uint16_t *members; /* the data centre's nodes, rack by rack */
    struct rack_group *racks;
    struct slot *slots;
    uint16_t *deal; /* room for one rack's slots */
    uint16_t member_count;
    uint16_t rack_count;
    uint8_t factor;
    uint64_t random;
};

static int by_token(const void *a, const void *b)
{
    const struct slot *left = a, *right = b;
    if (left->token != right->token) {
        return left->token < right->token ? -1 : 1;
    }
    if (left->rack != right->rack) {
        return left->rack < right->rack ? -1 : 1;
    }
    return (left->node > right->node) - (left->node < right->node);
}

/* Members rack by rack, racks by their first node. */
static void plan_group(struct plan *plan, uint8_t datacenter)
{
    const struct allocation_request *request = plan->request;
    plan->member_count = 0;
    plan->rack_count = 0;
    for (uint32_t i = 0; i < request->node_count; i++) {
        const struct allocation_node *node = &request->nodes[i];
        bool is_new = node->datacenter == datacenter;
        for (uint32_t r = 0; r < plan->rack_count && is_new; r++) {
            is_new = request->nodes[plan->members[plan->racks[r].first]].rack != node->rack;
        }
        if (!is_new) {
            continue;
        }
        struct rack_group *rack = &plan->racks[plan->rack_count++];
        *rack = (struct rack_group){.first = plan->member_count};
        for (uint32_t j = i; j < request->node_count; j++) {
            if (request->nodes[j].datacenter == datacenter &&
                request->nodes[j].rack == node->rack) {
                plan->members[plan->member_count++] = (uint16_t)j;
            }
        }
        rack->count = (uint16_t)(plan->member_count - rack->first);
    }
    uint32_t factor = request->factors[datacenter] == 0 ? 1 : request->factors[datacenter];
    plan->factor = (uint8_t)(factor < plan->member_count ? factor : plan->member_count);
}

/* Every rack's tokens at equal distances, so that they alternate. */
static void plan_order_racks(struct plan *plan)
{
    const uint32_t per_node = plan->request->tokens_per_node;
    uint32_t at = 0;
    for (uint16_t r = 0; r < plan->rack_count; r++) {
        const uint32_t slots = plan->racks[r].count * per_node;
        for (uint32_t turn = 0; turn < slots; turn++) {
            plan->slots[at++] = (struct slot){
                .token = allocation_fraction((uint64_t)turn * plan->rack_count + r,
                                             (uint64_t)slots * plan->rack_count),
                .rack = r,
                .turn = turn,
            };
        }
    }
    sort_array(plan->slots, plan->member_count * per_node, sizeof(*plan->slots), by_token);
}

/* The rack furthest behind its share of the first `slot` + 1 slots among those that have slots left
 * and are not within the `factor` - 1 before; without the last condition where it leaves none. */
static uint16_t rack_next(const struct plan *plan, uint32_t slot)
{
    const uint32_t per_node = plan->request->tokens_per_node;
    const int64_t total = (int64_t)plan->member_count * per_node;
    int64_t best_lag = INT64_MIN;
    uint16_t best = 0;
    for (uint16_t r = 0; r < plan->rack_count; r++) {
        const struct rack_group *rack = &plan->racks[r];
        const int64_t share = (int64_t)rack->count * per_node;
        int64_t lag = (slot + 1) * share - rack->given * total;
        if (rack->given == share) {
            continue;
        }
        if (rack->given > 0 && slot - rack->last_slot < plan->factor) {
            lag -= 4 * total * plan->rack_count; /* behind all that are not */
        }
        if (lag > best_lag) {
            best_lag = lag;
            best = r;
        }
    }
    return best;
}

/* Alternating less regularly, so that no rack comes twice among `factor` slots where that can be.
 */
static void plan_order_apart(struct plan *plan)
{
    const uint32_t total = plan->member_count * plan->request->tokens_per_node;
    for (uint16_t r = 0; r < plan->rack_count; r++) {
        plan->racks[r].given = 0;
    }
    for (uint32_t i = 0; i < total; i++) {
        uint16_t r = rack_next(plan, i);
        struct rack_group *rack = &plan->racks[r];
        plan->slots[i] = (struct slot){.rack = r, .turn = rack->given++};
        rack->last_slot = i;
    }
}

/* How often, around the end too, a rack comes twice among `factor` slots. */
static uint32_t plan_crowded(const struct plan *plan)
{
    const uint32_t total = plan->member_count * plan->request->tokens_per_node;
    uint32_t crowded = 0;
    for (uint32_t i = 0; i < total; i++) {
        for (uint32_t ahead = 1; ahead < plan->factor; ahead++) {
            crowded += plan->slots[i].rack == plan->slots[(i + ahead) % total].rack;
        }
    }
    return crowded;
}

static void plan_space(struct plan *plan)
{
    plan_order_racks(plan);
    if (plan->rack_count == plan->factor) {
        return;
    }
    if (plan->rack_count > plan->factor) {
        uint32_t crowded = plan_crowded(plan);
        if (crowded > 0) {
            plan_order_apart(plan);
        }
        if (plan_crowded(plan) > crowded) {
            plan_order_racks(plan);
        }
    }
    const uint32_t total = plan->member_count * plan->request->tokens_per_node;
    for (uint32_t i = 0; i < total; i++) {
        plan->slots[i].token = allocation_fraction(i, total);
    }
}

static void shuffle(uint16_t *members, uint32_t count, uint64_t *random)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = allocation_random_below(random, i);
        uint16_t held = members[other];
        members[other] = members[i - 1];
        members[i - 1] = held;
    }
}

/* Whether the member dealt at `index` came within the `apart` - 1 slots before, around the end. */
static bool deal_repeats(const uint16_t *deal, uint32_t total, uint32_t index, uint32_t apart,
                         uint16_t member)
{
    for (uint32_t back = 1; back < apart; back++) {
        if (deal[(index + total - back) % total] == member) {
            return true;
        }
    }
    return false;
}

/* Swaps members of the round that begins at `begin` until its first ones keep their distance to
 * the round before. */
static void round_mend(uint16_t *deal, uint32_t total, uint32_t begin, uint32_t count,
                       uint32_t apart)
{
    for (uint32_t i = begin; i < begin + count && i < begin + apart - 1; i++) {
        for (uint32_t other = i; other < begin + count; other++) {
            if (!deal_repeats(deal, total, i, apart, deal[other])) {
                uint16_t held = deal[other];
                deal[other] = deal[i];
                deal[i] = held;
                break;
            }
        }
    }
}

static bool deal_shuffled(uint16_t *deal, uint32_t rounds, uint32_t count, uint32_t apart,
                          uint64_t *random)
{
    const uint32_t total = rounds * count;
    for (uint32_t round = 0; round < rounds; round++) {
        uint16_t *members = deal + round * count;
        for (uint32_t i = 0; i < count; i++) {
            members[i] = (uint16_t)i;
        }
        shuffle(members, count, random);
        if (round > 0) {
            round_mend(deal, total, round * count, count, apart);
        }
    }
    for (uint32_t i = 0; i < total; i++) {
        if (deal_repeats(deal, total, i, apart, deal[i])) {
            return false;
        }
    }
    return true;
}

/* Fills plan->deal: which member of the rack gets its slot 0, 1, … */
static void plan_deal(struct plan *plan, const struct rack_group *rack)
{
    const uint32_t rounds = plan->request->tokens_per_node;
    const uint32_t together = (plan->factor + plan->rack_count - 1u) / plan->rack_count;
    const uint32_t apart = together < rack->count ? together : rack->count;
    for (unsigned attempt = 0; attempt < DEAL_ATTEMPTS_MAX; attempt++) {
        if (deal_shuffled(plan->deal, rounds, rack->count, apart, &plan->random)) {
            return;
        }
    }
    for (uint32_t i = 0; i < rounds * rack->count; i++) {
        plan->deal[i] = (uint16_t)(i % rack->count);
    }
}

/* Deals the nodes to the slots, and turns the ring so that data centres differ. */
static void plan_give(struct plan *plan)
{
    const uint32_t total = plan->member_count * plan->request->tokens_per_node;
    const uint64_t turn_by = allocation_random(&plan->random);
    for (uint16_t r = 0; r < plan->rack_count; r++) {
        const struct rack_group *rack = &plan->racks[r];
        plan_deal(plan, rack);
        for (uint32_t i = 0; i < total; i++) {
            struct slot *slot = &plan->slots[i];
            if (slot->rack == r) {
                slot->node = plan->members[rack->first + plan->deal[slot->turn]];
                slot->token += turn_by;
            }
        }
    }
}

/* Sorts, and moves a token that is used already (two racks, two data centres) on by one. */
static void slots_make_distinct(struct slot *slots, uint32_t count)
{
    bool moved = true;
    while (moved) {
        moved = false;
        sort_array(slots, count, sizeof(*slots), by_token);
        for (uint32_t i = 1; i < count; i++) {
            if (slots[i].token == slots[i - 1].token) {
                slots[i].token++;
                moved = true;
            }
        }
    }
}

static bool plan_init(struct plan *plan, const struct allocation_request *request,
                      struct arena *arena)
{
    const size_t nodes = request->node_count, tokens = nodes * request->tokens_per_node;
    *plan = (struct plan){.request = request, .random = request->seed};
    plan->members = arena_allocate_array(arena, nodes, sizeof(*plan->members));
    plan->racks = arena_allocate_array(arena, nodes, sizeof(*plan->racks));
    plan->slots = arena_allocate_array(arena, tokens, sizeof(*plan->slots));
    plan->deal = arena_allocate_array(arena, tokens, sizeof(*plan->deal));
    return plan->members != NULL && plan->racks != NULL && plan->slots != NULL &&
           plan->deal != NULL;
}

/* `filled` counts the tokens each node has been given. In order of tokens, so ascending. */
static void slots_hand_out(const struct slot *slots, uint32_t count, uint32_t per_node,
                           uint32_t *filled, uint64_t *out_tokens)
{
    for (uint32_t i = 0; i < count; i++) {
        uint16_t node = slots[i].node;
        out_tokens[node * per_node + filled[node]++] = slots[i].token;
    }
}

enum columba_error allocation_cluster(struct memory *memory,
                                      const struct allocation_request *request,
                                      uint64_t *out_tokens)
{
    if (!allocation_request_is_valid(request)) {
        return ERR_INVALID;
    }
    struct arena arena;
    arena_init(&arena, memory, ALLOCATION_MEMORY_MAX_BYTES);
    enum columba_error error = ERR_NO_MEMORY;
    struct plan plan;
    uint32_t *filled = arena_allocate_zero(&arena, request->node_count * sizeof(*filled));
    if (filled == NULL || !plan_init(&plan, request, &arena)) {
        goto out;
    }
    struct slot *slots = plan.slots;
    for (uint8_t datacenter = 0; datacenter < DATACENTERS_MAX; datacenter++) {
        plan_group(&plan, datacenter);
        plan_space(&plan);
        plan_give(&plan);
        plan.slots += plan.member_count * request->tokens_per_node;
    }
    const uint32_t total = request->node_count * request->tokens_per_node;
    slots_make_distinct(slots, total);
    slots_hand_out(slots, total, request->tokens_per_node, filled, out_tokens);
    error = COLUMBA_OK;
out:
    arena_clear(&arena);
    return error;
}
