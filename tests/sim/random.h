/*
 * The simulator's only source of chance: every stream follows from the run's seed and the stream's
 * number, so that what one part draws does not move what another part gets.
 */
#ifndef COLUMBA_SIM_RANDOM_H
#define COLUMBA_SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One for each part that draws; hosts and callers add their index to theirs. */
enum random_stream {
    STREAM_WORLD = 1,
    STREAM_NETWORK = 2,
    STREAM_NEMESIS = 3,
    STREAM_IMPORTER = 4,
    STREAM_HOST = 1000,
    STREAM_ACTOR = 2000,
    STREAM_AGENT = 3000,
    STREAM_CHANGES = 4000,
};

/* xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021). */
struct random {
    uint64_t state[4];
};

void random_init(struct random *random, uint64_t seed, uint64_t stream);
uint64_t random_u64(struct random *random);
/* 0 … bound - 1; bound must not be 0. */
uint64_t random_below(struct random *random, uint64_t bound);
/* low … high, both included. */
uint64_t random_between(struct random *random, uint64_t low, uint64_t high);
/* True `permille` times of a thousand. */
bool random_chance(struct random *random, uint32_t permille);
/* Exponential with this mean, cut at twenty times the mean. */
uint64_t random_exponential(struct random *random, uint64_t mean);
void random_bytes(struct random *random, void *out, size_t size);

#endif
