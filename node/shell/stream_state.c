/* What a stream holds, its deadline, and its end: what input and output both need. */
#include <stdlib.h>

#include "node/shell/stream_parts.h"

/* ---- what it holds ---- */

void stream_input_release(struct stream *stream)
{
    stream_counters(stream)->input_bytes -= stream->input.capacity;
    free(stream->input.bytes);
    stream->input = (struct stream_input){0};
}

static void held_set(struct stream *stream, uint64_t bytes)
{
    int64_t change = (int64_t)bytes - (int64_t)stream->held_bytes;
    intake_unsent_change(stream->shared->options.intake, stream->side, change);
    stream->held_bytes = bytes;
}

void stream_held_count(struct stream *stream)
{
    /* Of a closed one the system gives back the rest within this turn of the loop. */
    if (stream->state != STREAM_CLOSED) {
        held_set(stream, stream->output.capacity + stream->writing.capacity);
    }
}

void stream_side_set(struct stream *stream, enum intake_side side)
{
    uint64_t bytes = stream->held_bytes;
    held_set(stream, 0);
    stream->side = side;
    held_set(stream, bytes);
}

/* ---- its deadline ---- */

void stream_deadline_set(struct stream *stream, uint64_t deadline_ms)
{
    list_remove(&stream->watched);
    stream->is_overdue = false;
    stream->deadline_ms = deadline_ms;
    if (deadline_ms != 0) {
        list_append(&stream->shared->watched, &stream->watched);
    }
}

void stream_handshake_deadline(struct stream *stream, uint64_t deadline_ms)
{
    stream->has_handshake_deadline = deadline_ms != 0;
    stream_deadline_set(stream, deadline_ms);
}

void stream_partial_watch(struct stream *stream, bool is_next_frame)
{
    if (stream->has_handshake_deadline || stream->state != STREAM_OPEN) {
        return;
    }
    if (stream->input.size == 0 || stream->is_paused) {
        stream_deadline_set(stream, 0);
    } else if (is_next_frame || stream->deadline_ms == 0) {
        stream_deadline_set(stream,
                            stream_now_ms(stream) + stream->shared->options.frame_timeout_ms);
    }
}

/* ---- its end ---- */

static void handle_closed(uv_handle_t *handle)
{
    struct stream *stream = stream_of_handle(handle);
    struct buffer_pool *pool = &stream->shared->buffers;
    stream_counters(stream)->bytes_queued -= stream->output.size;
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
    held_set(stream, 0);
    list_remove(&stream->dirty);
    list_remove(&stream->watched);
    list_remove(&stream->stalled);
    uv_close((uv_handle_t *)&stream->tcp, handle_closed);
}

void stream_fail(struct stream *stream, int uv_error)
{
    if (stream->state == STREAM_OPEN) {
        stream->table->ended(stream, uv_error);
    } else {
        stream_close(stream);
    }
}
