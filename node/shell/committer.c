#include "node/shell/committer.h"

#include <time.h>

#include "base/assert.h"

static struct timespec deadline_after(uint64_t interval_ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(interval_ms / 1000);
    at.tv_nsec += (long)(interval_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static uint64_t thread_cpu_us(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000u + (uint64_t)used.tv_nsec / 1000u;
}

/* What the thread does next, decided under the mutex. */
enum task { TASK_COMMIT, TASK_SYNC, TASK_STOP };

static enum task task_wait(struct committer *committer, bool is_unsynced)
{
    struct timespec due = deadline_after(committer->options.sync_interval_ms);
    while (!committer->has_work && !committer->is_stopping) {
        if (!is_unsynced) {
            pthread_cond_wait(&committer->changed, &committer->mutex);
        } else if (pthread_cond_timedwait(&committer->changed, &committer->mutex, &due) != 0) {
            return TASK_SYNC;
        }
    }
    if (committer->has_work) {
        return TASK_COMMIT;
    }
    return is_unsynced ? TASK_SYNC : TASK_STOP;
}

static enum columba_error commit_run(struct committer *committer)
{
    struct engine *engine = committer->options.engine;
    struct engine_batch *batch = committer->committing;
    enum columba_error error = engine->table->commit(engine, batch, committer->options.sync_each);
    engine->table->batch_clear(batch);
    return error;
}

static bool interval_is_over(struct timespec since, uint64_t interval_ms)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t elapsed_ms =
        (int64_t)(now.tv_sec - since.tv_sec) * 1000 + (now.tv_nsec - since.tv_nsec) / 1000000;
    return elapsed_ms >= (int64_t)interval_ms;
}

/* Publishes a result and wakes the core thread. */
static void result_tell(struct committer *committer, bool was_commit, enum columba_error error)
{
    pthread_mutex_lock(&committer->mutex);
    committer->cpu_us = thread_cpu_us();
    if (was_commit) {
        committer->has_work = false;
    }
    if (was_commit || error != COLUMBA_OK) {
        committer->has_result = true;
        committer->result = committer->result == COLUMBA_OK ? error : committer->result;
    }
    bool wakes = committer->has_result;
    pthread_mutex_unlock(&committer->mutex);
    if (wakes) {
        uv_async_send(committer->options.done);
    }
}

static void *committer_run(void *context)
{
    struct committer *committer = context;
    struct engine *engine = committer->options.engine;
    bool is_unsynced = false;
    struct timespec synced_at;
    clock_gettime(CLOCK_MONOTONIC, &synced_at);
    for (;;) {
        pthread_mutex_lock(&committer->mutex);
        enum task task = task_wait(committer, is_unsynced);
        pthread_mutex_unlock(&committer->mutex);
        if (task == TASK_STOP) {
            return NULL;
        }
        enum columba_error error =
            task == TASK_COMMIT ? commit_run(committer) : engine->table->sync(engine);
        bool is_due = interval_is_over(synced_at, committer->options.sync_interval_ms);
        is_unsynced = task == TASK_COMMIT && !committer->options.sync_each;
        if (is_unsynced && error == COLUMBA_OK && is_due) {
            error = engine->table->sync(engine);
            is_unsynced = false;
        }
        if (!is_unsynced) {
            clock_gettime(CLOCK_MONOTONIC, &synced_at);
        }
        is_unsynced = is_unsynced && error == COLUMBA_OK;
        result_tell(committer, task == TASK_COMMIT, error);
    }
}

static bool primitives_make(struct committer *committer)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    bool made = pthread_mutex_init(&committer->mutex, NULL) == 0 &&
                pthread_cond_init(&committer->changed, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return made;
}

enum columba_error committer_start(struct committer *committer,
                                   const struct committer_options *options)
{
    const struct engine_table *table = options->engine->table;
    *committer = (struct committer){.options = *options};
    committer->filling = table->batch_create(options->engine);
    committer->committing = table->batch_create(options->engine);
    if (committer->filling == NULL || committer->committing == NULL ||
        !primitives_make(committer) ||
        pthread_create(&committer->thread, NULL, committer_run, committer) != 0) {
        committer_stop(committer);
        return ERR_NO_MEMORY;
    }
    committer->is_started = true;
    return COLUMBA_OK;
}

void committer_stop(struct committer *committer)
{
    if (committer->options.engine == NULL) {
        return;
    }
    const struct engine_table *table = committer->options.engine->table;
    if (committer->is_started) {
        pthread_mutex_lock(&committer->mutex);
        committer->is_stopping = true;
        pthread_cond_signal(&committer->changed);
        pthread_mutex_unlock(&committer->mutex);
        pthread_join(committer->thread, NULL);
        pthread_cond_destroy(&committer->changed);
        pthread_mutex_destroy(&committer->mutex);
    }
    if (committer->filling != NULL) {
        table->batch_destroy(committer->filling);
    }
    if (committer->committing != NULL) {
        table->batch_destroy(committer->committing);
    }
    *committer = (struct committer){0};
}

void committer_hand(struct committer *committer, uint64_t number)
{
    COLUMBA_ASSERT(!committer->is_busy && !committer->has_failed);
    struct engine_batch *filled = committer->filling;
    committer->filling = committer->committing;
    committer->committing = filled;
    committer->is_busy = true;
    committer->number = number;
    committer->handed_ns = uv_hrtime();
    committer->handed_rows = committer->options.engine->table->batch_count(filled);
    pthread_mutex_lock(&committer->mutex);
    committer->has_work = true;
    pthread_cond_signal(&committer->changed);
    pthread_mutex_unlock(&committer->mutex);
}

bool committer_take_done(struct committer *committer, uint64_t *out_number,
                         enum columba_error *out_error)
{
    pthread_mutex_lock(&committer->mutex);
    bool has_result = committer->has_result;
    bool is_commit = has_result && committer->is_busy && !committer->has_work;
    enum columba_error error = committer->result;
    committer->has_result = false;
    pthread_mutex_unlock(&committer->mutex);
    if (!has_result) {
        return false;
    }
    committer->has_failed = error != COLUMBA_OK;
    *out_error = error;
    *out_number = is_commit ? committer->number : 0;
    if (is_commit) {
        committer->is_busy = false;
    }
    return true;
}

uint64_t committer_cpu_us(struct committer *committer)
{
    pthread_mutex_lock(&committer->mutex);
    uint64_t cpu_us = committer->cpu_us;
    pthread_mutex_unlock(&committer->mutex);
    return cpu_us;
}
