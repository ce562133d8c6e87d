/*
 * A small random number generator for choices that must replay: which peer to probe, how to jitter
 * a delay. One seed decides the whole sequence (xoshiro256**, Blackman and Vigna 2018, seeded by
 * splitmix64). Not for secrets: whoever sees a few outputs can compute the rest.
 */
#ifndef COLUMBA_BASE_RANDOM_H
#define COLUMBA_BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[4];
};

static inline uint64_t random_split(uint64_t *position)
{
    *position += 0x9e3779b97f4a7c15u;
    uint64_t mixed = *position;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

/* Every seed is good, 0 too. */
static inline void random_init(struct random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        random->state[i] = random_split(&seed);
    }
}

static inline uint64_t random_rotate(uint64_t value, int count)
{
    return (value << count) | (value >> (64 - count));
}

static inline uint64_t random_next(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = random_rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = random_rotate(s[3], 45);
    return result;
}

/* 0 … bound - 1; 0 for bound 0. The bias of one part in 2^32 / bound does not matter here. */
static inline uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(((random_next(random) >> 32) * bound) >> 32);
}

#endif
