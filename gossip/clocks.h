/*
 * The other nodes' wall clocks against ours.
 *
 * A question of ours and its answer, which carries the other's time, bound what its clock shows: it
 * was read between the two, so half of the round trip is the most the estimate is off (Cristian,
 * "Probabilistic Clock Synchronization", 1989). Round trips that are too long to tell anything are
 * left out. What is kept is the other's wall clock on our monotonic one, so a step of our own wall
 * clock shows at once, and needs no packet to be seen.
 *
 * Whose clock is wrong is for the majority: ours is, when more than half of the clocks that are
 * compared, ours among them, lie beyond the limit on one side. With two nodes there is no majority
 * and no wrong one, only a distance to warn of. Once wrong, a clock is right again when more than
 * half say so, and well within the limit: neither a tie nor silence clears it.
 *
 * Pure, and knows nothing of members: a value with functions.
 */
#ifndef COLUMBA_GOSSIP_CLOCKS_H
#define COLUMBA_GOSSIP_CLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"

/* The others' clocks that are kept, the latest: a majority of so many is not chance. */
#define GOSSIP_CLOCKS_MAX 16u
/* A longer round trip tells too little: half of it would come near CLOCK_WARN_MS. */
#define GOSSIP_CLOCK_ROUND_MAX_MS 500u
/* Monotonic clocks run apart by some 50 ms in this time. */
#define GOSSIP_CLOCK_AGE_MAX_MS 600000u

struct gossip_clock_sample {
    struct id host;
    int64_t base_ms; /* its wall clock less our monotonic one */
    uint64_t at_ms;
};

struct gossip_clocks {
    bool has_wall;
    bool is_wrong;
    int64_t base_ms; /* our wall clock less our monotonic one */
    size_t count;
    struct gossip_clock_sample samples[GOSSIP_CLOCKS_MAX]; /* the oldest first */
};

/* What our own wall clock shows at a monotonic time. */
void gossip_clocks_wall(struct gossip_clocks *clocks, uint64_t now_ms, uint64_t unix_ms);
/* An answer that says `unix_ms` to what was asked at `asked_ms`. False: of no use. */
bool gossip_clocks_hear(struct gossip_clocks *clocks, const struct id *host, uint64_t asked_ms,
                        uint64_t now_ms, uint64_t unix_ms);
/* Forgets what is too old, and decides anew whether our clock is wrong. */
void gossip_clocks_judge(struct gossip_clocks *clocks, uint64_t now_ms);

/* Our wall clock less the others' median: positive when ours is ahead. Where two are in the middle,
 * the one nearer to ours; 0 where there is nothing to compare. */
int64_t gossip_clocks_offset_ms(const struct gossip_clocks *clocks);
/* False: that host's clock is not known. Our wall clock less its. */
bool gossip_clocks_find(const struct gossip_clocks *clocks, const struct id *host,
                        int64_t *out_offset_ms);
/* The wall clock's time as far as it can be believed: the others', where ours is wrong or behind. 0
 * without a wall clock. */
uint64_t gossip_clocks_unix_ms(const struct gossip_clocks *clocks, uint64_t now_ms);

#endif
