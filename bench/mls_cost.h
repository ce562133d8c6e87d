/* What groups of two cost beside time: memory, memory maps, and how fast one is loaded. */
#ifndef COLUMBA_BENCH_MLS_COST_H
#define COLUMBA_BENCH_MLS_COST_H

#include "bench/mls.h"

/* Before anything else that takes memory. */
void bench_mls_cost(const struct bench_mls_scale *scale);

#endif
