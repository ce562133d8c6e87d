#include "node/shell/drain.h"

#include "node/shell/job.h"
#include "node/shell/node.h"

static void poll_fired(uv_timer_t *timer);

void drain_init(struct node *node, const struct drain_table *table)
{
    node->drain.table = table;
    uv_timer_init(&node->loop, &node->drain.poll);
    node->drain.poll.data = node;
}

void drain_close(struct node *node)
{
    uv_close((uv_handle_t *)&node->drain.poll, NULL);
}

static void drain_begin(struct node *node)
{
    if (node->mode != NODE_NORMAL) {
        return;
    }
    node->mode = NODE_DRAINING;
    node->drain.begun_ms = node_now_ms(node);
    log_info(node->log, "draining", "leaving the cluster; %llu requests are under way",
             (unsigned long long)core_in_flight(node->core));
    gossiper_leave(node);
    uv_timer_start(&node->drain.poll, poll_fired, 0, DRAIN_POLL_MS);
}

void drain_stop(struct node *node)
{
    if (node->mode == NODE_STOPPING) {
        return;
    }
    if (node->drain.is_stop) {
        log_warning(node->log, "stopping", "asked twice: not waiting any longer");
        node->drain.table->end(node);
        return;
    }
    node->drain.is_stop = true;
    listener_close(node);
    drain_begin(node);
    if (!uv_is_active((uv_handle_t *)&node->drain.poll)) {
        uv_timer_start(&node->drain.poll, poll_fired, 0, DRAIN_POLL_MS);
    }
}

void drain_request(struct node *node, struct request *request)
{
    if (node->drain.requester != NULL || node->drain.is_stop) {
        request_refuse(node, request, ERR_INVALID, "the node is being drained already");
        return;
    }
    if (node->mode == NODE_DRAINED) {
        node->drain.table->answer(node, request);
        return;
    }
    node->drain.requester = request;
    drain_begin(node);
}

static void drain_done(struct node *node)
{
    struct request *requester = node->drain.requester;
    node->mode = NODE_DRAINED;
    log_info(node->log, "drained", "drained in %llu ms, %llu requests were left",
             (unsigned long long)(node_now_ms(node) - node->drain.begun_ms),
             (unsigned long long)node->drain.requests_left);
    if (requester != NULL) {
        node->drain.requester = NULL;
        node->drain.table->answer(node, requester);
    }
}

static void flush_done(struct job *job)
{
    struct node *node = job->node;
    node->drain.is_flushing = false;
    if (node->mode == NODE_STOPPING) {
        return;
    }
    if (job->error != COLUMBA_OK) {
        log_warning(node->log, "flush_failed",
                    "flushing failed (%s); nothing is lost: the write-ahead log is read at the "
                    "next start",
                    error_text(job->error));
    }
    drain_done(node);
}

static void flush_begin(struct node *node)
{
    node->drain.requests_left = core_in_flight(node->core);
    node->drain.is_flushing = true;
    if (job_start(node, job_flush, NULL, flush_done) != COLUMBA_OK) {
        node->drain.is_flushing = false;
        drain_done(node);
    }
}

/* Requests first, then the flush, then (if the node is to end) the last answers. */
static void poll_fired(uv_timer_t *timer)
{
    struct node *node = timer->data;
    turn_begin(node);
    uint64_t now_ms = node_now_ms(node);
    if (node->drain.is_flushing) {
        return;
    }
    if (node->mode == NODE_DRAINING) {
        bool is_quiet = core_in_flight(node->core) == 0 && !node->committer.is_busy &&
                        !core_has_writes(node->core);
        if (is_quiet || now_ms - node->drain.begun_ms >= node->config->drain_timeout_ms) {
            flush_begin(node);
        }
    } else if (!node->drain.is_stop) {
        uv_timer_stop(timer);
    } else if (!node->drain.is_finishing) {
        node->drain.is_finishing = true;
        node->drain.output_until_ms = now_ms + DRAIN_OUTPUT_MS;
        connections_finish(node);
    } else if (list_is_empty(&node->connections.all) || now_ms >= node->drain.output_until_ms) {
        node->drain.table->end(node);
    }
}
