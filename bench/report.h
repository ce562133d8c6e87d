/*
 * What a benchmark found: one JSON object, or lines for people.
 */
#ifndef COLUMBA_BENCH_REPORT_H
#define COLUMBA_BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/load.h"

struct report {
    const char *mode;
    double ops_per_s;
    double p50_us;
    double p99_us;
    double p999_us;
    double max_us;
    uint64_t errors;
    double node_cpu_us_per_op; /* all nodes together */
    double generator_cpu_us_per_op;
    uint64_t ops;
    double seconds;
    double rate_per_s;      /* 0: as fast as it went */
    uint32_t in_flight_max; /* 0: does not apply */
};

struct report report_of_load(const char *mode, const struct load *load);
/* `load` may be NULL; where it measured two kinds of calls, each is shown as well. */
void report_print(const struct report *report, const struct load *load, bool is_json);

#endif
