/*
 * The load generator: issues calls to the cluster and measures how long each took.
 *
 * With a rate it is an open loop: call i is due at start + i / rate whatever became of the calls
 * before it, and its latency counts from that moment, not from when it could be issued. So a stall
 * of the cluster, or of the generator, shows up in every call it delayed (it is not "omitted in
 * coordination" with the system under test). Without a rate, `in_flight_max` calls are kept under
 * way, and latency counts from issuing.
 *
 * Only calls due in the measured window, after the warm-up, are recorded; throughput counts the
 * calls that ended inside it.
 */
#ifndef COLUMBA_BENCH_LOAD_H
#define COLUMBA_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <columba.h>

#include "base/histogram.h"
#include "bench/node_cpu.h"

/* Kinds of calls that are measured apart. */
#define LOAD_KINDS_MAX 2u
/* Messages of errors that are shown. */
#define LOAD_PROBLEMS_SHOWN 5u

struct load;

/* Issues call number `number`; its kind (below LOAD_KINDS_MAX) goes to out_kind. */
typedef struct columba_future *(*load_issue)(struct load *load, void *context, uint64_t number,
                                             uint32_t *out_kind);

struct load_options {
    double rate_per_s; /* 0: as fast as it goes */
    double warmup_s;
    double seconds;
    uint32_t in_flight_max;
};

struct load_op {
    struct load *load;
    struct load_op *next_free;
    uint64_t due_us;
    uint32_t kind;
};

struct load {
    struct columba_client *client;
    struct load_options options;
    load_issue issue;
    void *context;
    const char *program; /* for messages */
    const char *label;   /* for the progress line */
    struct load_op *ops;
    struct load_op *free_ops;
    uint64_t start_us;
    uint64_t measure_from_us;
    uint64_t measure_to_us;
    uint64_t issued;
    uint32_t in_flight;
    uint64_t done;  /* ended in the window */
    uint64_t total; /* ended at all */
    uint64_t errors;
    uint64_t problems_shown;
    uint64_t drawn_us;
    struct histogram latencies[LOAD_KINDS_MAX];
    struct node_cpu cpu_from; /* at the edges of the window */
    struct node_cpu cpu_to;
};

/* Runs to the end. False: no memory, or the nodes did not say what CPU they use (said). The
 * caller's load has client, options, issue, context, program and label set and all else zero. */
bool load_run(struct load *load);
void load_clear(struct load *load);

uint64_t load_now_us(void);

#endif
