/*
 * The virtual clock and everything that is due on it: a heap of callbacks ordered by time, and by
 * the order of their making within the same microsecond. Nothing is ever taken out: what may have
 * become void checks that itself when it runs (a generation in `argument`, a state in `context`).
 */
#ifndef COLUMBA_SIM_SCHEDULE_H
#define COLUMBA_SIM_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"

#define MICROSECONDS_PER_MS 1000u
#define MICROSECONDS_PER_SECOND 1000000u

typedef void (*schedule_callback)(void *context, uint64_t argument);

struct schedule_entry;

struct schedule {
    struct heap due;
    struct schedule_entry *spare; /* entries that have run, to be used again */
    uint64_t now_us;
    uint64_t events_run;
};

void schedule_init(struct schedule *schedule);
void schedule_clear(struct schedule *schedule);
/* A time in the past means now. */
void schedule_at(struct schedule *schedule, uint64_t at_us, schedule_callback run, void *context,
                 uint64_t argument);
void schedule_after(struct schedule *schedule, uint64_t delay_us, schedule_callback run,
                    void *context, uint64_t argument);
/* Moves the clock to the next entry, if that is due by `until_us`, and runs it. False: none is,
 * and the clock stands at `until_us`. */
bool schedule_run_next(struct schedule *schedule, uint64_t until_us);

#endif
