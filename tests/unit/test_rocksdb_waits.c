/* Waits end after the time that was left, whichever clock the caller meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "node/store/rocksdb_waits.h"

#define WAIT_MS 30

static int64_t now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t waited_ms(clockid_t clock, int64_t wait_ms)
{
    pthread_cond_t condition;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, clock);
    pthread_cond_init(&condition, &attributes);
    int64_t until_ms = now_ms(clock) + wait_ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    int64_t began_ms = now_ms(CLOCK_MONOTONIC);
    pthread_mutex_lock(&mutex);
    assert_int_equal(pthread_cond_timedwait(&condition, &mutex, &until), ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    pthread_cond_destroy(&condition);
    pthread_condattr_destroy(&attributes);
    return now_ms(CLOCK_MONOTONIC) - began_ms;
}

static void a_wait_lasts_what_was_left_by_either_clock(void **state)
{
    (void)state;
    rocksdb_waits_use();
    assert_in_range(waited_ms(CLOCK_REALTIME, WAIT_MS), WAIT_MS - 2, 10000);
    assert_in_range(waited_ms(CLOCK_MONOTONIC, WAIT_MS), WAIT_MS - 2, 10000);
}

static void what_is_past_is_not_waited_for(void **state)
{
    (void)state;
    assert_in_range(waited_ms(CLOCK_REALTIME, -5000), 0, 4000);
    assert_in_range(waited_ms(CLOCK_MONOTONIC, -5000), 0, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_lasts_what_was_left_by_either_clock),
        cmocka_unit_test(what_is_past_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
