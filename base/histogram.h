/*
 * A histogram of durations, log-linear: exact below 2 × HISTOGRAM_STEPS, above it HISTOGRAM_STEPS
 * equal steps for each power of two, so a quantile is at most 1/128 (0.8 %) too high. Adding is a
 * few instructions and never allocates; two histograms merge by adding their counts. (The idea is
 * that of HdrHistogram, Gil Tene.)
 *
 * The unit is the caller's (here: microseconds). Not thread-safe.
 */
#ifndef COLUMBA_BASE_HISTOGRAM_H
#define COLUMBA_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS_LOG2 7u
#define HISTOGRAM_STEPS (1u << HISTOGRAM_STEPS_LOG2)
/* Values above are counted as this: in microseconds, 12 days. */
#define HISTOGRAM_VALUE_MAX ((UINT64_C(1) << 40) - 1)
#define HISTOGRAM_BUCKETS ((40u - HISTOGRAM_STEPS_LOG2 + 1u) * HISTOGRAM_STEPS)

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The least value that is not below the given share (0 … 1) of all, up to the step; never above
 * the maximum. 0 where nothing was added. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);
uint64_t histogram_mean(const struct histogram *histogram);

#endif
