/*
 * What time it is, as a client sees it: the nodes' time, carried on the monotonic clock.
 *
 * Every node that is connected has a vote: the time it told last, in its WELCOME or in the stamp of
 * a reply, as an offset to the monotonic clock. The median counts, so that one node with a wrong
 * clock does not matter as soon as two others were heard. Where the votes are even in number, the
 * device's wall clock has one more, as it was before the first node was heard; from then on the
 * wall clock is not looked at, and its steps change nothing.
 *
 * The hybrid clock (base/hlc.h) runs on top of that: it follows every stamp heard as far as nodes
 * follow a client's. Where a majority shows that the time so far was wrong, stamps that lead too
 * far begin anew below it: ids made from them would be refused.
 */
#ifndef COLUMBA_CLIENT_CORE_NODES_CLOCK_H
#define COLUMBA_CLIENT_CORE_NODES_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hlc.h"
#include "base/limits.h"

/* So many nodes are asked for their vote: a sample of a large cluster says as much as all of it. */
#define CLOCK_VOTES_MAX 31u

struct nodes_clock {
    int64_t offset_ms; /* of Unix time to the monotonic clock */
    int64_t device_offset_ms;
    uint64_t next_ms; /* not counted again before */
    struct hlc stamps;
    bool is_due;
    bool follows_nodes;
};

/* A node's. */
struct clock_vote {
    int64_t offset_ms;
    bool is_cast;
    bool is_void; /* the node says itself that its clock is wrong */
};

void nodes_clock_init(struct nodes_clock *clock);
/* The device's wall clock; believed until a node is heard. */
void nodes_clock_device(struct nodes_clock *clock, uint64_t now_ms, uint64_t unix_ms);
/* A node told the time. What is no time is passed over. */
void nodes_clock_vote(struct nodes_clock *clock, struct clock_vote *vote, uint64_t now_ms,
                      uint64_t unix_ms);
/* The votes are to be counted: nodes_clock_count with those of connected nodes. */
bool nodes_clock_is_due(const struct nodes_clock *clock);
void nodes_clock_count(struct nodes_clock *clock, uint64_t now_ms, const int64_t *offsets_ms,
                       unsigned count);
/* A stamp was heard. One that leads too far is passed over. */
void nodes_clock_follow(struct nodes_clock *clock, uint64_t now_ms, uint64_t stamp);

uint64_t nodes_clock_unix_ms(const struct nodes_clock *clock, uint64_t now_ms);
/* Above all that were made or heard, unless those were found to be wrong. */
uint64_t nodes_clock_stamp(struct nodes_clock *clock, uint64_t now_ms);

#endif
