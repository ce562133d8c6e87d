/*
 * The yardstick for what a send costs a node: twelve separate rows, straight into RocksDB as a
 * node writes them. For each of three replicas a message, an outbox entry and two log entries, in
 * synced batches of many sends; flush and compaction included.
 *
 * The three replicas are three engines in this process, written in turn by the caller's thread.
 */
#ifndef COLUMBA_BENCH_FLOOR_H
#define COLUMBA_BENCH_FLOOR_H

#include <stdint.h>

#define BENCH_FLOOR_TEXT_MAX_BYTES 600u

struct bench_floor_options {
    const char *directory; /* exists; the three databases are made in it and removed again */
    double seconds;        /* of writing; flush and compaction come on top */
    uint32_t sends_per_batch;
    uint32_t body_bytes;
    uint32_t conversations; /* 1:1, so twice as many users */
    uint64_t memtable_bytes;
    uint64_t block_cache_bytes;
    uint32_t background_threads;
    uint64_t seed;
};

struct bench_floor_result {
    double ops_per_s; /* sends, while writing */
    uint64_t ops;
    /* Of one batch's synced commit at one replica. */
    double p50_us;
    double p99_us;
    double p999_us;
    double max_us;
    double node_cpu_us_per_op; /* all threads, flush and compaction included, for twelve rows */
    char text[BENCH_FLOOR_TEXT_MAX_BYTES]; /* what went wrong */
};

void bench_floor_defaults(struct bench_floor_options *out_options);
/* 0, or -1 with out_result->text set. */
int bench_floor(const struct bench_floor_options *options, struct bench_floor_result *out_result);

#endif
