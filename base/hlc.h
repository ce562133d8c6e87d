/*
 * A hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): 48 bits of Unix
 * milliseconds, 16 bits of counter, in one number that orders events by cause and stays close to
 * the wall clock. The wall clock is an input.
 *
 * Whoever follows a stamp says how far ahead of the wall clock it may lie, so that one bad clock
 * cannot drag the cluster into the future.
 */
#ifndef COLUMBA_BASE_HLC_H
#define COLUMBA_BASE_HLC_H

#include <stdbool.h>
#include <stdint.h>

struct hlc {
    uint64_t last;
};

static inline uint64_t hlc_unix_ms(uint64_t stamp)
{
    return stamp >> 16;
}

static inline uint64_t hlc_of_unix_ms(uint64_t unix_ms)
{
    return unix_ms << 16;
}

/* A stamp above every one this clock made or heard of. */
uint64_t hlc_next(struct hlc *clock, uint64_t now_unix_ms);
/* Follow a stamp that was heard. False: it lies further than `ahead_max_ms` ahead, and was ignored.
 */
bool hlc_follow(struct hlc *clock, uint64_t heard, uint64_t now_unix_ms, uint64_t ahead_max_ms);
/* The wall clock was wrong and is right again: if the stamps lead it by more than `ahead_max_ms`,
 * they begin anew from it, below those that were made. */
void hlc_settle(struct hlc *clock, uint64_t now_unix_ms, uint64_t ahead_max_ms);

#endif
