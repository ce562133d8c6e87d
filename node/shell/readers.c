#include "node/shell/readers.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static struct read_job *job_next(struct readers *readers)
{
    struct read_job *job = NULL;
    pthread_mutex_lock(&readers->mutex);
    while ((list_is_empty(&readers->waiting) || readers->finished_bytes > READERS_FINISHED_BYTES) &&
           !readers->is_stopping) {
        pthread_cond_wait(&readers->changed, &readers->mutex);
    }
    if (!readers->is_stopping) {
        job = container_of(readers->waiting.next, struct read_job, link);
        list_remove(&job->link);
    }
    pthread_mutex_unlock(&readers->mutex);
    return job;
}

static void job_run(struct readers *readers, struct read_job *job)
{
    job->buffer = malloc(scan_buffer_bytes(&job->query));
    job->result = job->buffer == NULL
                      ? (struct scan_result){.error = ERR_NO_MEMORY}
                      : scan_run(readers->engine, &job->query, TIER_ALL, job->buffer);
}

static void *reader_run(void *context)
{
    struct readers *readers = context;
    struct read_job *job;
    while ((job = job_next(readers)) != NULL) {
        job_run(readers, job);
        pthread_mutex_lock(&readers->mutex);
        list_append(&readers->finished, &job->link);
        readers->finished_bytes += job->result.packed.size;
        pthread_mutex_unlock(&readers->mutex);
        uv_async_send(readers->done);
    }
    return NULL;
}

enum columba_error readers_start(struct readers *readers, const struct readers_options *options)
{
    COLUMBA_ASSERT(options->threads >= 1 && options->threads <= READER_THREADS_MAX);
    *readers = (struct readers){
        .engine = options->engine,
        .done = options->done,
    };
    list_init(&readers->waiting);
    list_init(&readers->finished);
    if (pthread_mutex_init(&readers->mutex, NULL) != 0 ||
        pthread_cond_init(&readers->changed, NULL) != 0) {
        return ERR_NO_MEMORY;
    }
    readers->is_started = true;
    for (unsigned i = 0; i < options->threads; i++) {
        if (pthread_create(&readers->threads[i], NULL, reader_run, readers) != 0) {
            readers_stop(readers);
            return ERR_NO_MEMORY;
        }
        readers->thread_count++;
    }
    return COLUMBA_OK;
}

static void jobs_free(struct list *jobs)
{
    while (!list_is_empty(jobs)) {
        struct read_job *job = container_of(jobs->next, struct read_job, link);
        list_remove(&job->link);
        read_job_free(job);
    }
}

void readers_stop(struct readers *readers)
{
    if (!readers->is_started) {
        return;
    }
    pthread_mutex_lock(&readers->mutex);
    readers->is_stopping = true;
    pthread_cond_broadcast(&readers->changed);
    pthread_mutex_unlock(&readers->mutex);
    for (unsigned i = 0; i < readers->thread_count; i++) {
        pthread_join(readers->threads[i], NULL);
    }
    jobs_free(&readers->waiting);
    jobs_free(&readers->finished);
    pthread_cond_destroy(&readers->changed);
    pthread_mutex_destroy(&readers->mutex);
    readers->is_started = false;
}

enum columba_error readers_submit(struct readers *readers, uint64_t read_id,
                                  const struct read_query *query)
{
    struct read_job *job = malloc(sizeof *job + read_query_bytes(query));
    if (job == NULL) {
        return ERR_NO_MEMORY;
    }
    *job = (struct read_job){.read_id = read_id, .query = *query};
    read_query_move(&job->query, job->keys);
    list_init(&job->link);
    pthread_mutex_lock(&readers->mutex);
    list_append(&readers->waiting, &job->link);
    pthread_cond_signal(&readers->changed);
    pthread_mutex_unlock(&readers->mutex);
    return COLUMBA_OK;
}

struct read_job *readers_take_done(struct readers *readers)
{
    struct read_job *job = NULL;
    pthread_mutex_lock(&readers->mutex);
    if (!list_is_empty(&readers->finished)) {
        job = container_of(readers->finished.next, struct read_job, link);
        list_remove(&job->link);
        readers->finished_bytes -= job->result.packed.size;
        /* Any thread may be waiting for the room. */
        pthread_cond_broadcast(&readers->changed);
    }
    pthread_mutex_unlock(&readers->mutex);
    return job;
}

void read_job_free(struct read_job *job)
{
    if (job != NULL) {
        free(job->buffer);
        free(job);
    }
}
