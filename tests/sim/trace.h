/*
 * What happened, in order: every delivered event goes into one running hash, so two runs of a seed
 * are the same run exactly when their hashes are equal; and on request each is a readable line.
 */
#ifndef COLUMBA_SIM_TRACE_H
#define COLUMBA_SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/slice.h"
#include "tests/sim/schedule.h"

struct trace {
    const struct schedule *schedule;
    FILE *lines; /* NULL: only the hash */
    uint64_t hash;
    uint64_t events;
};

void trace_init(struct trace *trace, const struct schedule *schedule, FILE *lines);
/* `kind` is a constant word. The bytes are hashed, not printed. */
void trace_event(struct trace *trace, const char *kind, uint32_t from, uint32_t to,
                 struct slice bytes);
/* A line of text that is part of the trace. */
__attribute__((format(printf, 2, 3))) void trace_note(struct trace *trace, const char *format, ...);

#endif
