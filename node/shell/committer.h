/*
 * Group commit. The core thread fills one batch while the commit thread writes and syncs the other;
 * when that is done, all that came meanwhile goes as the next batch: one sync, however many writes
 * and whoever they came from.
 *
 * With periodic sync, commits do not wait for the disk and the thread syncs once an interval.
 *
 * A commit or sync that fails is told once and never retried: the kernel may have dropped the pages
 * and marked them clean, so a later sync that succeeds proves nothing.
 *
 * Threads: committer_filling and committer_hand belong to the core thread. `done` is the handle to
 * be woken by; it calls committer_take_done on the core thread.
 */
#ifndef COLUMBA_NODE_SHELL_COMMITTER_H
#define COLUMBA_NODE_SHELL_COMMITTER_H

#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

#include "node/store/engine.h"

struct committer_options {
    struct engine *engine;
    bool sync_each;            /* sync every batch */
    uint64_t sync_interval_ms; /* otherwise */
    uv_async_t *done;
};

struct committer {
    struct committer_options options;
    struct engine_batch *filling;    /* the core thread's */
    struct engine_batch *committing; /* with the commit thread while is_busy */
    uint64_t number;                 /* of that */
    uint64_t handed_ns;
    size_t handed_rows;
    bool is_busy;
    bool is_started;
    bool has_failed;

    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    bool has_work;
    bool has_result;
    bool is_stopping;
    enum columba_error result;
    uint64_t cpu_us;
};

/* ERR_NO_MEMORY: nothing was started. */
enum columba_error committer_start(struct committer *committer,
                                   const struct committer_options *options);
/* Waits for the commit under way, ends the thread and frees. May be called twice, or after
 * committer_start failed. */
void committer_stop(struct committer *committer);

/* The batch to write into. */
static inline struct engine_batch *committer_filling(struct committer *committer)
{
    return committer->filling;
}

/* Hands the filled batch over; none may be under way. */
void committer_hand(struct committer *committer, uint64_t number);
/* True: a batch is done (or, without one, a periodic sync failed: number 0). */
bool committer_take_done(struct committer *committer, uint64_t *out_number,
                         enum columba_error *out_error);
uint64_t committer_cpu_us(struct committer *committer);

#endif
