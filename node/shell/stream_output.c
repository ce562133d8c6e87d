/* What leaves on a stream: frames into its output buffer, and that to the system once a turn. */
#include <string.h>
#include <sys/socket.h>

#include "node/shell/stream_parts.h"
#include "proto/codec.h"

size_t stream_unsent_bytes(const struct stream *stream)
{
    return stream->output.size + stream->writing.size - stream->written;
}

static void output_appended(struct stream *stream, size_t size)
{
    stream->output.size += size;
    stream_counters(stream)->bytes_queued += size;
    stream_held_count(stream);
    if (list_is_empty(&stream->dirty)) {
        list_append(&stream->shared->dirty, &stream->dirty);
    }
}

static enum columba_error frame_append(struct stream *stream, const struct codec_encoding *encoding,
                                       uint64_t request_id)
{
    struct stream_shared *shared = stream->shared;
    size_t size = FRAME_HEADER_BYTES + encoding->payload_bytes;
    if (!intake_answer_fits(shared->options.intake, stream->side, size)) {
        return ERR_OVERLOADED;
    }
    uint8_t *bytes = buffer_reserve(&stream->output, &shared->buffers, size);
    if (bytes == NULL) {
        return ERR_NO_MEMORY;
    }
    codec_encode(encoding, request_id, shared->options.clock(shared->options.context), bytes);
    output_appended(stream, size);
    shared->options.counters->frames_sent++;
    return COLUMBA_OK;
}

enum columba_error stream_send(struct stream *stream, const struct message *message,
                               uint64_t request_id)
{
    struct arena *arena = &stream->shared->encode_arena;
    struct codec_encoding encoding;
    if (stream->state != STREAM_OPEN) {
        return COLUMBA_OK;
    }
    enum columba_error error = codec_prepare(message, arena, &encoding);
    if (error == COLUMBA_OK) {
        error = frame_append(stream, &encoding, request_id);
    }
    arena_reset(arena);
    return error;
}

static void output_left(struct stream *stream, size_t size)
{
    stream_counters(stream)->bytes_queued -= size;
    stream_counters(stream)->bytes_sent += size;
}

/* The rest of the output has left a stream that is to end. */
static void output_end(struct stream *stream)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&stream->tcp, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
        stream_close(stream);
        return;
    }
    stream->state = STREAM_LINGERING;
    stream_deadline_set(stream, stream_now_ms(stream) + STREAM_LINGER_MS);
    stream_reading_start(stream);
}

static void write_done(uv_write_t *write, int status)
{
    struct stream *stream = container_of(write, struct stream, write);
    size_t size = stream->writing.size - stream->written;
    stream->is_writing = false;
    list_remove(&stream->stalled);
    if (status == 0) {
        output_left(stream, size);
    } else {
        stream_counters(stream)->bytes_queued -= size;
    }
    stream->written = 0;
    buffer_release(&stream->writing, &stream->shared->buffers);
    stream_held_count(stream);
    if (stream->state == STREAM_CLOSED) {
        return;
    }
    if (status != 0) {
        stream_fail(stream, status);
        return;
    }
    if (stream->table->drained != NULL && stream->state == STREAM_OPEN) {
        stream_begin(stream);
        stream->table->drained(stream);
    }
    stream_flush(stream);
}

/* What the system did not take at once goes into a queued write, which owns the buffer. */
static void write_queue(struct stream *stream, size_t written)
{
    stream->writing = stream->output;
    stream->output = (struct buffer){0};
    stream->written = buffer_trim(&stream->writing, written);
    stream_held_count(stream);
    stream->stalled_ms = stream_now_ms(stream);
    stream->is_stalled_for_long = false;
    list_append(&stream->shared->stalled, &stream->stalled);
    uv_buf_t rest = uv_buf_init((char *)stream->writing.bytes + stream->written,
                                (unsigned)(stream->writing.size - stream->written));
    stream->is_writing = true;
    stream_counters(stream)->writes_to_sockets++;
    int failed = uv_write(&stream->write, (uv_stream_t *)&stream->tcp, &rest, 1, write_done);
    if (failed != 0) {
        write_done(&stream->write, failed);
    }
}

void stream_flush(struct stream *stream)
{
    list_remove(&stream->dirty);
    if (stream->is_writing || stream->state == STREAM_CLOSED) {
        return;
    }
    if (stream->output.size == 0) {
        if (stream->state == STREAM_FLUSHING) {
            output_end(stream);
        }
        return;
    }
    uv_buf_t all = uv_buf_init((char *)stream->output.bytes, (unsigned)stream->output.size);
    stream_counters(stream)->writes_to_sockets++;
    int written = uv_try_write((uv_stream_t *)&stream->tcp, &all, 1);
    if (written < 0 && written != UV_EAGAIN) {
        stream_fail(stream, written);
        return;
    }
    size_t left = written < 0 ? 0 : (size_t)written;
    output_left(stream, left);
    if (left < stream->output.size) {
        write_queue(stream, left);
        return;
    }
    buffer_release(&stream->output, &stream->shared->buffers);
    stream_held_count(stream);
    if (stream->state == STREAM_FLUSHING) {
        output_end(stream);
    } else if (stream->table->drained != NULL) {
        stream->table->drained(stream);
    }
}

void stream_flush_all(struct stream_shared *shared)
{
    while (!list_is_empty(&shared->dirty)) {
        stream_flush(container_of(shared->dirty.next, struct stream, dirty));
    }
}
