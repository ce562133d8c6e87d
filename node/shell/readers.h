/*
 * The reader pool: threads for reads that have to wait for the disk. How many may wait is the
 * intake's to say (intake.h); what they have read and nobody has taken yet is bounded here: beyond
 * READERS_FINISHED_BYTES the threads wait.
 *
 * Threads: readers_submit and readers_take_done belong to the core thread; `done` wakes it.
 */
#ifndef COLUMBA_NODE_SHELL_READERS_H
#define COLUMBA_NODE_SHELL_READERS_H

#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

#include "base/list.h"
#include "node/core/core.h"

#define READER_THREADS_MAX 64u
/* Some dozen full pages: more than one turn takes in its time. */
#define READERS_FINISHED_BYTES (32u * MIB)

struct read_job {
    struct list link;
    uint64_t read_id;
    struct read_query query; /* its slices point into this allocation */
    struct scan_result result;
    uint8_t *buffer; /* malloc; made by the thread that reads */
    uint8_t keys[];
};

struct readers {
    struct engine *engine;
    uv_async_t *done;
    unsigned thread_count;
    bool is_started;
    pthread_t threads[READER_THREADS_MAX];

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    struct list waiting;
    struct list finished;
    size_t finished_bytes;
    bool is_stopping;
};

struct readers_options {
    struct engine *engine;
    unsigned threads;
    uv_async_t *done;
};

enum columba_error readers_start(struct readers *readers, const struct readers_options *options);
/* Ends the threads after the reads at hand; drops what waits. */
void readers_stop(struct readers *readers);

/* Copies the query. ERR_NO_MEMORY. */
enum columba_error readers_submit(struct readers *readers, uint64_t read_id,
                                  const struct read_query *query);
/* The next finished job, to be freed with read_job_free; NULL: none. */
struct read_job *readers_take_done(struct readers *readers);
void read_job_free(struct read_job *job);

#endif
