/*
 * What durability stands on: with `batch` every commit is synced before it is told; with `periodic`
 * a sync comes within the interval, in quiet and under load, and at the end; a failed sync is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/memory.h"
#include "node/shell/committer.h"

/* ---- an engine that counts ---- */

struct counting {
    struct engine engine;
    struct engine *inner;
    atomic_uint commits;
    atomic_uint synced_commits;
    atomic_uint syncs;
    atomic_int sync_error;
};

static struct counting *counting_of(struct engine *engine)
{
    return container_of(engine, struct counting, engine);
}

static struct engine_batch *counting_batch(struct engine *engine)
{
    struct engine *inner = counting_of(engine)->inner;
    return inner->table->batch_create(inner);
}

static enum columba_error counting_commit(struct engine *engine, struct engine_batch *batch,
                                          bool sync)
{
    struct counting *counting = counting_of(engine);
    counting->commits++;
    counting->synced_commits += sync;
    return counting->inner->table->commit(counting->inner, batch, sync);
}

static enum columba_error counting_sync(struct engine *engine)
{
    struct counting *counting = counting_of(engine);
    counting->syncs++;
    return (enum columba_error)counting->sync_error;
}

/* ---- one committer and its loop ---- */

static struct engine_table table;
static struct counting counting;
static struct committer committer;
static uv_loop_t loop;
static uv_async_t done;
static uint64_t told_number;
static enum columba_error told_error;
static unsigned told_count;

static void told(uv_async_t *async)
{
    (void)async;
    told_count += committer_take_done(&committer, &told_number, &told_error);
}

static void start(bool sync_each, uint64_t interval_ms)
{
    counting = (struct counting){.inner = engine_memory_open(memory_system())};
    table = *counting.inner->table;
    table.batch_create = counting_batch;
    table.commit = counting_commit;
    table.sync = counting_sync;
    counting.engine.table = &table;
    told_count = 0;
    uv_loop_init(&loop);
    uv_async_init(&loop, &done, told);
    struct committer_options options = {
        .engine = &counting.engine,
        .sync_each = sync_each,
        .sync_interval_ms = interval_ms,
        .done = &done,
    };
    assert_int_equal(committer_start(&committer, &options), COLUMBA_OK);
}

static void stop(void)
{
    committer_stop(&committer);
    uv_close((uv_handle_t *)&done, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    counting.inner->table->close(counting.inner);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void commit(uint64_t number)
{
    unsigned before = told_count;
    struct engine_batch *batch = committer_filling(&committer);
    table.batch_put(batch, slice_of("key", 3), slice_of("value", 5));
    committer_hand(&committer, number);
    while (told_count == before) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_int_equal(told_number, number);
    assert_int_equal(told_error, COLUMBA_OK);
}

static void every_commit_is_synced_before_it_is_told(void **state)
{
    (void)state;
    start(true, 5);
    for (uint64_t i = 1; i <= 10; i++) {
        commit(i);
        assert_int_equal(counting.synced_commits, i);
    }
    pause_ms(50);
    assert_int_equal(counting.commits, 10);
    assert_int_equal(counting.syncs, 0);
    stop();
}

static void in_quiet_a_sync_comes_after_the_interval_and_only_one(void **state)
{
    (void)state;
    start(false, 20);
    commit(1);
    assert_int_equal(counting.synced_commits, 0);
    for (unsigned tries = 0; counting.syncs == 0; tries++) {
        assert_true(tries < 1000);
        pause_ms(2);
    }
    pause_ms(100);
    assert_int_equal(counting.syncs, 1);
    stop();
    assert_int_equal(counting.syncs, 1);
}

/* Commits that come without a pause leave no moment of quiet for it. */
static void under_load_a_sync_comes_with_every_interval(void **state)
{
    (void)state;
    start(false, 20);
    unsigned commits = 0;
    while (counting.syncs < 5) {
        commit(++commits);
        assert_true(commits < 2000);
        pause_ms(2);
    }
    assert_true(commits >= 10);
    assert_int_equal(counting.synced_commits, 0);
    stop();
}

static void the_end_leaves_nothing_unsynced(void **state)
{
    (void)state;
    start(false, 60000);
    commit(1);
    assert_int_equal(counting.syncs, 0);
    stop();
    assert_int_equal(counting.syncs, 1);
}

static void a_sync_that_fails_is_told(void **state)
{
    (void)state;
    start(false, 20);
    commit(1);
    counting.sync_error = ERR_IO;
    for (unsigned tries = 0; told_count == 1; tries++) {
        assert_true(tries < 1000);
        uv_run(&loop, UV_RUN_NOWAIT);
        pause_ms(2);
    }
    assert_int_equal(told_number, 0);
    assert_int_equal(told_error, ERR_IO);
    assert_true(committer.has_failed);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_commit_is_synced_before_it_is_told),
        cmocka_unit_test(in_quiet_a_sync_comes_after_the_interval_and_only_one),
        cmocka_unit_test(under_load_a_sync_comes_with_every_interval),
        cmocka_unit_test(the_end_leaves_nothing_unsynced),
        cmocka_unit_test(a_sync_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
