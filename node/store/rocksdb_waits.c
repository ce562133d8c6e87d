#include "node/store/rocksdb_waits.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define NS_PER_S 1000000000

void rocksdb_waits_use(void)
{
}

static int64_t time_ns(const struct timespec *time)
{
    return (int64_t)time->tv_sec * NS_PER_S + time->tv_nsec;
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return time_ns(&now);
}

static int64_t distance(int64_t a, int64_t b)
{
    return a < b ? b - a : a - b;
}

/* Nobody can ask a condition variable for its clock; but what is waited for is near by one of them,
 * and years away by the other. */
static int64_t left_ns(int64_t until_ns, int64_t monotonic_ns)
{
    int64_t wall_ns = now_ns(CLOCK_REALTIME);
    bool is_wall = distance(until_ns, wall_ns) < distance(until_ns, monotonic_ns);
    return until_ns - (is_wall ? wall_ns : monotonic_ns);
}

__attribute__((visibility("default"))) int pthread_cond_timedwait(pthread_cond_t *condition,
                                                                  pthread_mutex_t *mutex,
                                                                  const struct timespec *until)
{
    int64_t monotonic_ns = now_ns(CLOCK_MONOTONIC);
    int64_t left = left_ns(time_ns(until), monotonic_ns);
    int64_t end_ns = monotonic_ns + (left > 0 ? left : 0);
    struct timespec end = {.tv_sec = end_ns / NS_PER_S, .tv_nsec = end_ns % NS_PER_S};
    return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &end);
}
