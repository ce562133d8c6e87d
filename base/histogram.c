#include "base/histogram.h"

#include <string.h>

#include "base/assert.h"

static unsigned bucket_of(uint64_t value)
{
    if (value < 2 * HISTOGRAM_STEPS) {
        return (unsigned)value;
    }
    unsigned top_bit = 63u - (unsigned)__builtin_clzll(value);
    unsigned shift = top_bit - HISTOGRAM_STEPS_LOG2;
    return shift * HISTOGRAM_STEPS + (unsigned)(value >> shift);
}

/* The greatest value that falls into the bucket. */
static uint64_t bucket_last(unsigned bucket)
{
    if (bucket < 2 * HISTOGRAM_STEPS) {
        return bucket;
    }
    unsigned shift = bucket / HISTOGRAM_STEPS - 1;
    uint64_t step = bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
    return ((step + 1) << shift) - 1;
}

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    if (value > HISTOGRAM_VALUE_MAX) {
        value = HISTOGRAM_VALUE_MAX;
    }
    unsigned bucket = bucket_of(value);
    COLUMBA_ASSERT(bucket < HISTOGRAM_BUCKETS);
    histogram->buckets[bucket]++;
    histogram->count++;
    histogram->sum += value;
    if (value > histogram->max) {
        histogram->max = value;
    }
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max) {
        into->max = from->max;
    }
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    if (histogram->count == 0) {
        return 0;
    }
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t last = bucket_last(i);
            return last < histogram->max ? last : histogram->max;
        }
    }
    return histogram->max;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0 : histogram->sum / histogram->count;
}
