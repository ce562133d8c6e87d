/* What leaves on a stream: frames into its output buffer, and that to the system once a turn. */
#include "node/shell/node.h"
#include "node/shell/stream_parts.h"
#include "proto/codec.h"

size_t stream_unsent_bytes(const struct stream *stream)
{
    return stream->output.size + stream->writing.size - stream->written;
}

static void output_appended(struct stream *stream, size_t size)
{
    stream->output.size += size;
    stream->node->counters.bytes_queued += size;
    if (list_is_empty(&stream->dirty)) {
        list_append(&stream->node->streams.dirty, &stream->dirty);
    }
}

enum columba_error stream_send(struct stream *stream, const struct message *message,
                               uint64_t request_id)
{
    struct node *node = stream->node;
    struct codec_encoding encoding;
    if (stream->state != STREAM_OPEN) {
        return COLUMBA_OK;
    }
    enum columba_error error = codec_prepare(message, &node->encode_arena, &encoding);
    if (error == COLUMBA_OK) {
        size_t size = FRAME_HEADER_BYTES + encoding.payload_bytes;
        uint8_t *bytes = buffer_reserve(&stream->output, &node->streams.buffers, size);
        if (bytes == NULL) {
            error = ERR_NO_MEMORY;
        } else {
            codec_encode(&encoding, request_id, node_clock(node), bytes);
            output_appended(stream, size);
            node->counters.frames_sent++;
        }
    }
    arena_reset(&node->encode_arena);
    return error;
}

static void output_left(struct stream *stream, size_t size)
{
    stream->node->counters.bytes_queued -= size;
    stream->node->counters.bytes_sent += size;
}

static void output_failed(struct stream *stream, int uv_error)
{
    if (stream->state == STREAM_OPEN) {
        stream->table->ended(stream, uv_error);
    } else {
        stream_close(stream);
    }
}

static void output_flush(struct stream *stream);

static void write_done(uv_write_t *write, int status)
{
    struct stream *stream = container_of(write, struct stream, write);
    size_t size = stream->writing.size - stream->written;
    stream->is_writing = false;
    if (status == 0) {
        output_left(stream, size);
    } else {
        stream->node->counters.bytes_queued -= size;
    }
    stream->written = 0;
    buffer_release(&stream->writing, &stream->node->streams.buffers);
    if (stream->state == STREAM_CLOSED) {
        return;
    }
    if (status != 0) {
        output_failed(stream, status);
        return;
    }
    if (stream->table->drained != NULL && stream->state == STREAM_OPEN) {
        turn_begin(stream->node);
        stream->table->drained(stream);
    }
    output_flush(stream);
}

/* What the system did not take at once goes into a queued write, which owns the buffer. */
static void write_queue(struct stream *stream, size_t written)
{
    stream->writing = stream->output;
    stream->output = (struct buffer){0};
    stream->written = written;
    uv_buf_t rest = uv_buf_init((char *)stream->writing.bytes + written,
                                (unsigned)(stream->writing.size - written));
    stream->is_writing = true;
    stream->node->counters.writes_to_sockets++;
    int failed = uv_write(&stream->write, (uv_stream_t *)&stream->tcp, &rest, 1, write_done);
    if (failed != 0) {
        write_done(&stream->write, failed);
    }
}

static void output_flush(struct stream *stream)
{
    list_remove(&stream->dirty);
    if (stream->is_writing || stream->state == STREAM_CLOSED) {
        return;
    }
    if (stream->output.size == 0) {
        if (stream->state == STREAM_FLUSHING) {
            stream_linger(stream);
        }
        return;
    }
    uv_buf_t all = uv_buf_init((char *)stream->output.bytes, (unsigned)stream->output.size);
    stream->node->counters.writes_to_sockets++;
    int written = uv_try_write((uv_stream_t *)&stream->tcp, &all, 1);
    if (written < 0 && written != UV_EAGAIN) {
        output_failed(stream, written);
        return;
    }
    size_t left = written < 0 ? 0 : (size_t)written;
    output_left(stream, left);
    if (left < stream->output.size) {
        write_queue(stream, left);
        return;
    }
    buffer_release(&stream->output, &stream->node->streams.buffers);
    if (stream->state == STREAM_FLUSHING) {
        stream_linger(stream);
    } else if (stream->table->drained != NULL) {
        stream->table->drained(stream);
    }
}

void stream_flush_all(struct stream_shared *shared)
{
    while (!list_is_empty(&shared->dirty)) {
        output_flush(container_of(shared->dirty.next, struct stream, dirty));
    }
}
