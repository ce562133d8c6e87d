#include "node/shell/job.h"

#include <stdlib.h>

#include "base/list.h"
#include "node/shell/node.h"

static void job_work_run(uv_work_t *work)
{
    struct job *job = container_of(work, struct job, work);
    job->error = job->run(job->node->engine);
}

static void job_after(uv_work_t *work, int status)
{
    struct job *job = container_of(work, struct job, work);
    if (status != 0) {
        job->error = ERR_CANCELLED;
    }
    turn_begin(job->node);
    job->done(job);
    free(job);
}

enum columba_error job_start(struct node *node, job_work run, struct request *request,
                             void (*done)(struct job *job))
{
    struct job *job = malloc(sizeof *job);
    if (job == NULL) {
        return ERR_NO_MEMORY;
    }
    *job = (struct job){
        .node = node, .request = request, .run = run, .done = done, .begun_ns = uv_hrtime()};
    if (uv_queue_work(&node->loop, &job->work, job_work_run, job_after) != 0) {
        free(job);
        return ERR_NO_MEMORY;
    }
    return COLUMBA_OK;
}

uint64_t job_elapsed_ms(const struct job *job)
{
    return (uv_hrtime() - job->begun_ns) / 1000000u;
}

enum columba_error job_flush(struct engine *engine)
{
    return engine->table->flush(engine);
}

enum columba_error job_compact(struct engine *engine)
{
    return engine->table->compact(engine);
}
