#include "tests/sim/random.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"

static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void random_init(struct random *random, uint64_t seed, uint64_t stream)
{
    uint64_t start = seed;
    start = mix(&start) ^ stream;
    for (size_t i = 0; i < 4; i++) {
        random->state[i] = mix(&start);
    }
}

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

uint64_t random_u64(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    COLUMBA_ASSERT(bound > 0);
    return (uint64_t)(((unsigned __int128)random_u64(random) * bound) >> 64);
}

uint64_t random_between(struct random *random, uint64_t low, uint64_t high)
{
    COLUMBA_ASSERT(low <= high && high - low < UINT64_MAX);
    return low + random_below(random, high - low + 1);
}

bool random_chance(struct random *random, uint32_t permille)
{
    return random_below(random, 1000) < permille;
}

uint64_t random_exponential(struct random *random, uint64_t mean)
{
    double uniform = (double)((random_u64(random) >> 11) + 1) * 0x1.0p-53;
    double value = -log(uniform) * (double)mean;
    double cut = 20.0 * (double)mean;
    return (uint64_t)(value < cut ? value : cut);
}

void random_bytes(struct random *random, void *out, size_t size)
{
    uint8_t *at = out;
    while (size > 0) {
        uint64_t word = random_u64(random);
        size_t part = size < sizeof word ? size : sizeof word;
        memcpy(at, &word, part);
        at += part;
        size -= part;
    }
}
