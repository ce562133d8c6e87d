/* The life of a stream: its making, its deadlines, its end. */
#include "node/shell/stream.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "node/shell/node.h"
#include "node/shell/stream_parts.h"

enum columba_error stream_shared_init(struct stream_shared *shared)
{
    *shared = (struct stream_shared){0};
    list_init(&shared->dirty);
    list_init(&shared->watched);
    shared->read_buffer = malloc(STREAM_COPIED_BYTES + STREAM_READ_BYTES);
    return shared->read_buffer == NULL ? ERR_NO_MEMORY : COLUMBA_OK;
}

void stream_shared_clear(struct stream_shared *shared)
{
    free(shared->read_buffer);
    buffer_pool_clear(&shared->buffers);
    shared->read_buffer = NULL;
}

enum columba_error stream_init(struct stream *stream, struct node *node,
                               const struct stream_table *table)
{
    *stream = (struct stream){.table = table, .node = node};
    list_init(&stream->dirty);
    list_init(&stream->watched);
    return uv_tcp_init(&node->loop, &stream->tcp) == 0 ? COLUMBA_OK : ERR_NO_MEMORY;
}

/* ---- deadlines ---- */

void stream_deadline_set(struct stream *stream, uint64_t deadline_ms)
{
    list_remove(&stream->watched);
    stream->is_overdue = false;
    stream->deadline_ms = deadline_ms;
    if (deadline_ms != 0) {
        list_append(&stream->node->streams.watched, &stream->watched);
    }
}

void stream_handshake_deadline(struct stream *stream, uint64_t deadline_ms)
{
    stream->has_handshake_deadline = deadline_ms != 0;
    stream_deadline_set(stream, deadline_ms);
}

/* A frame has to be whole in time; while it is not, the clock runs. */
void stream_partial_watch(struct stream *stream, bool is_next_frame)
{
    if (stream->has_handshake_deadline || stream->state != STREAM_OPEN) {
        return;
    }
    if (stream->input.size == 0 || stream->is_paused) {
        stream_deadline_set(stream, 0);
    } else if (is_next_frame || stream->deadline_ms == 0) {
        stream_deadline_set(stream,
                            node_now_ms(stream->node) + stream->node->config->frame_timeout_ms);
    }
}

static void deadline_passed(struct stream *stream)
{
    struct node *node = stream->node;
    if (stream->state != STREAM_OPEN) {
        stream_close(stream);
        return;
    }
    bool is_handshake = stream->has_handshake_deadline;
    stream_handshake_deadline(stream, 0);
    if (is_handshake) {
        node->counters.handshakes_timed_out++;
        stream->table->broken(stream, ERR_TIMEOUT, "no HELLO in time");
    } else {
        node->counters.frames_timed_out++;
        stream->table->broken(stream, ERR_TIMEOUT, "the frame did not arrive whole in time");
    }
}

void stream_sweep(struct stream_shared *shared, uint64_t now_ms)
{
    list_for_each_safe(at, &shared->watched)
    {
        struct stream *stream = container_of(at, struct stream, watched);
        if (stream->deadline_ms > now_ms) {
            continue;
        }
        /* What has arrived while this node itself was busy is read before it is called late: only
         * the second look counts. */
        if (stream->is_overdue) {
            deadline_passed(stream);
        } else {
            stream->is_overdue = true;
        }
    }
}

/* ---- the end ---- */

/* The rest of the output has left a stream that is to end. */
void stream_linger(struct stream *stream)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&stream->tcp, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
        stream_close(stream);
        return;
    }
    stream->state = STREAM_LINGERING;
    stream_deadline_set(stream, node_now_ms(stream->node) + STREAM_LINGER_MS);
    stream_reading_start(stream);
}

void stream_finish(struct stream *stream)
{
    if (stream->state != STREAM_OPEN) {
        return;
    }
    stream->state = STREAM_FLUSHING;
    stream_reading_stop(stream);
    stream->has_handshake_deadline = false;
    stream_deadline_set(stream, node_now_ms(stream->node) + STREAM_LINGER_MS);
    if (list_is_empty(&stream->dirty)) {
        list_append(&stream->node->streams.dirty, &stream->dirty);
    }
}

static void handle_closed(uv_handle_t *handle)
{
    struct stream *stream = stream_of_handle(handle);
    struct buffer_pool *pool = &stream->node->streams.buffers;
    stream->node->counters.bytes_queued -= stream->output.size;
    buffer_release(&stream->output, pool);
    buffer_release(&stream->writing, pool);
    if (stream->input.bytes != NULL) {
        stream_input_release(stream);
    }
    stream->table->closed(stream);
}

void stream_close(struct stream *stream)
{
    if (stream->state == STREAM_CLOSED) {
        return;
    }
    stream->state = STREAM_CLOSED;
    list_remove(&stream->dirty);
    list_remove(&stream->watched);
    uv_close((uv_handle_t *)&stream->tcp, handle_closed);
}
