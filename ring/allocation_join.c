/*
 * Tokens for one node that joins. Every token it takes cuts a gap of the ring in two; what it gains
 * by that others lose, and which they are follows from the placement rule. So:
 *
 *   1. Rate every gap by how well a cut there, at its best place, takes load off nodes that have
 *      too much. Keep the best.
 *   2. Choose token by token among those, each to bring an even part of what is still needed.
 *   3. Take each back in turn and put it where it is best given all the others.
 *
 * Where the new node is a replica of everything wherever its tokens lie (no more nodes than
 * replicas, or alone in a rack) they are spread evenly, between those of the others.
 */
#include "ring/allocation.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "ring/allocation_parts.h"
#include "ring/join.h"
#include "ring/sort.h"
#include "ring/token.h"

/* Gaps kept from the first rating: so many, or so many for each token if that is more. */
#define CANDIDATES_MIN 512u
#define CANDIDATES_PER_TOKEN 8u
/* And of these at least so many for each node that loses most by a cut there: if all were those of
 * the one or two nodes that have most, there would be nothing to choose after these have been
 * cut. */
#define CANDIDATES_PER_LOSER 4u
/* A second turn still gains a little, a fourth nothing. */
#define POLISH_TURNS 3u

struct candidate {
    uint64_t gap_end; /* the token at its end names a gap, whatever is inserted */
    double cost;
    uint16_t loser;
};

struct candidates {
    struct candidate *items;
    uint32_t *of_loser; /* for each node, how many are kept */
    uint32_t count;
};

static int by_cost(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->cost != right->cost) {
        return left->cost < right->cost ? -1 : 1;
    }
    return (left->gap_end > right->gap_end) - (left->gap_end < right->gap_end);
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static uint16_t loser_heaviest(const struct join *join)
{
    uint16_t heaviest = join->joining;
    for (uint32_t i = 0; i < join->loser_count; i++) {
        if (join->load[join->losers[i]] > join->load[heaviest]) {
            heaviest = join->losers[i];
        }
    }
    return heaviest;
}

static void candidates_thin(struct candidates *candidates, uint16_t node_count,
                            uint32_t token_count)
{
    uint32_t rated = candidates->count;
    uint32_t wanted = CANDIDATES_PER_TOKEN * token_count;
    uint32_t kept_max = wanted > CANDIDATES_MIN ? wanted : CANDIDATES_MIN;
    uint32_t share = kept_max / node_count;
    uint32_t per_loser = share > CANDIDATES_PER_LOSER ? share : CANDIDATES_PER_LOSER;
    candidates->count = 0;
    for (uint32_t i = 0; i < rated && candidates->count < kept_max; i++) {
        struct candidate candidate = candidates->items[i];
        if (candidates->of_loser[candidate.loser] < per_loser) {
            candidates->of_loser[candidate.loser]++;
            candidates->items[candidates->count++] = candidate;
        }
    }
}

/* False: out of memory. */
static bool candidates_find(struct candidates *candidates, struct join *join, uint32_t token_count,
                            struct arena *arena)
{
    *candidates = (struct candidates){
        .items = arena_allocate_array(arena, join->ring_count, sizeof(*candidates->items)),
        .of_loser = arena_allocate_zero(arena, join->node_count * sizeof(*candidates->of_loser)),
    };
    if (candidates->items == NULL || candidates->of_loser == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < join->ring_count; i++) {
        struct cut cut;
        if (join_rate(join, i, join->part, &cut)) {
            candidates->items[candidates->count++] =
                (struct candidate){join->ring[i].token, cut.cost, loser_heaviest(join)};
        }
    }
    sort_array(candidates->items, candidates->count, sizeof(*candidates->items), by_cost);
    candidates_thin(candidates, join->node_count, token_count);
    return true;
}

/* False: none of the gaps has room for a token. */
static bool cut_best(const struct candidates *candidates, struct join *join, double wanted,
                     struct cut *out_best)
{
    bool found = false;
    for (uint32_t i = 0; i < candidates->count; i++) {
        struct cut cut;
        uint32_t index = join_find(join, candidates->items[i].gap_end);
        if (join_rate(join, index, wanted, &cut) && (!found || cut.cost < out_best->cost)) {
            *out_best = cut;
            found = true;
        }
    }
    return found;
}

/* False: there was no room for so many. */
static bool tokens_choose(const struct candidates *candidates, struct join *join, uint32_t count,
                          uint64_t *tokens)
{
    struct cut cut;
    for (uint32_t i = 0; i < count; i++) {
        double wanted = (join->target - join->load[join->joining]) / (count - i);
        if (!cut_best(candidates, join, wanted, &cut)) {
            return false;
        }
        tokens[i] = join_insert(join, &cut);
    }
    for (uint32_t i = 0; i < count * POLISH_TURNS; i++) {
        uint64_t *token = &tokens[i % count];
        join_remove(join, *token);
        if (!cut_best(candidates, join, join->target - join->load[join->joining], &cut)) {
            return false;
        }
        *token = join_insert(join, &cut);
    }
    return true;
}

/* Evenly around the ring, beginning in the middle of the widest gap. */
static void tokens_spread(const struct join *join, uint32_t count, uint64_t seed, uint64_t *tokens)
{
    uint64_t first = allocation_random(&seed);
    uint64_t widest = 0;
    for (uint32_t i = 0; i < join->ring_count; i++) {
        uint64_t after = join->ring[join_before(join, i)].token;
        uint64_t width = token_range_width(after, join->ring[i].token);
        if (width > widest) {
            widest = width;
            first = after + width / 2;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        tokens[i] = first + allocation_fraction(i, count);
    }
}

static bool token_is_used(const struct allocation_request *request, uint64_t token)
{
    for (uint32_t i = 0; i < request->node_count; i++) {
        for (uint32_t t = 0; t < request->nodes[i].token_count; t++) {
            if (request->nodes[i].tokens[t] == token) {
                return true;
            }
        }
    }
    return false;
}

/* Chosen by the rings of one rack or data centre, a token may be in use in another. */
static void tokens_make_distinct(const struct allocation_request *request, uint64_t *tokens)
{
    const uint32_t count = request->tokens_per_node;
    bool moved = true;
    while (moved) {
        moved = false;
        sort_array(tokens, count, sizeof(*tokens), by_number);
        for (uint32_t i = 0; i < count; i++) {
            if ((i > 0 && tokens[i] == tokens[i - 1]) || token_is_used(request, tokens[i])) {
                tokens[i]++;
                moved = true;
            }
        }
    }
}

static bool join_is_valid(const struct allocation_request *request,
                          const struct allocation_node *joining)
{
    if (!allocation_request_is_valid(request) || joining->datacenter >= DATACENTERS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < request->node_count; i++) {
        if (request->nodes[i].token_count > TOKENS_PER_NODE_MAX) {
            return false;
        }
    }
    return true;
}

enum columba_error allocation_join(struct memory *memory, const struct allocation_request *request,
                                   const struct allocation_node *joining, uint64_t *out_tokens)
{
    const uint32_t count = request->tokens_per_node;
    enum columba_error error = ERR_NO_MEMORY;
    struct candidates candidates;
    struct arena arena;
    struct join join;
    if (!join_is_valid(request, joining)) {
        return ERR_INVALID;
    }
    arena_init(&arena, memory, ALLOCATION_MEMORY_MAX_BYTES);
    if (!join_init(&join, request, joining, &arena)) {
        goto out;
    }
    if (join.target >= 1) {
        tokens_spread(&join, count, request->seed, out_tokens);
    } else {
        if (!candidates_find(&candidates, &join, count, &arena)) {
            goto out;
        }
        if (!tokens_choose(&candidates, &join, count, out_tokens)) {
            tokens_spread(&join, count, request->seed, out_tokens);
        }
    }
    tokens_make_distinct(request, out_tokens);
    error = COLUMBA_OK;
out:
    arena_clear(&arena);
    return error;
}
