/*
 * A job: long work of the engine (flush, compact) on a thread of libuv's pool, so that the core
 * thread goes on. The loop stays alive until it is done.
 */
#ifndef COLUMBA_NODE_SHELL_JOB_H
#define COLUMBA_NODE_SHELL_JOB_H

#include <uv.h>

#include "base/error.h"

struct node;
struct request;
struct engine;

typedef enum columba_error (*job_work)(struct engine *engine);

struct job {
    uv_work_t work;
    struct node *node;
    struct request *request; /* whoever asked; may be NULL */
    job_work run;
    void (*done)(struct job *job);
    enum columba_error error;
    uint64_t begun_ns;
};

/* `done` runs on the core thread; the job is freed after it. ERR_NO_MEMORY: nothing was started. */
enum columba_error job_start(struct node *node, job_work run, struct request *request,
                             void (*done)(struct job *job));
uint64_t job_elapsed_ms(const struct job *job);

/* The work there is. */
enum columba_error job_flush(struct engine *engine);
enum columba_error job_compact(struct engine *engine);

#endif
