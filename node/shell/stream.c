#include "node/shell/stream.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "node/shell/node.h"
#include "proto/codec.h"

static struct stream *stream_of_handle(void *handle)
{
    return container_of((uv_tcp_t *)handle, struct stream, tcp);
}

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

static void deadline_set(struct stream *stream, uint64_t deadline_ms)
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
    deadline_set(stream, deadline_ms);
}

/* A frame has to be whole in time; while it is not, the clock runs. */
static void partial_watch(struct stream *stream, bool is_next_frame)
{
    if (stream->has_handshake_deadline || stream->state != STREAM_OPEN) {
        return;
    }
    if (stream->input.size == 0 || stream->is_paused) {
        deadline_set(stream, 0);
    } else if (is_next_frame || stream->deadline_ms == 0) {
        deadline_set(stream, node_now_ms(stream->node) + stream->node->config->frame_timeout_ms);
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

/* ---- input ---- */

static void input_release(struct stream *stream)
{
    stream->node->counters.input_bytes -= stream->input.capacity;
    free(stream->input.bytes);
    stream->input = (struct stream_input){0};
}

static bool input_grow(struct stream *stream, uint32_t capacity)
{
    struct stream_input *input = &stream->input;
    struct node *node = stream->node;
    if (node->counters.input_bytes + (capacity - input->capacity) > node->config->input_max_bytes) {
        return false;
    }
    uint8_t *bytes = realloc(input->bytes, capacity);
    if (bytes == NULL) {
        return false;
    }
    node->counters.input_bytes += capacity - input->capacity;
    input->bytes = bytes;
    input->capacity = capacity;
    return true;
}

static void input_refuse(struct stream *stream)
{
    stream->node->counters.input_refused++;
    stream->table->broken(stream, ERR_OVERLOADED,
                          "too many frames have arrived in part (limits.input_max)");
}

/* Keeps what is left after the last whole frame. */
static void input_keep(struct stream *stream, struct slice rest)
{
    COLUMBA_ASSERT(stream->input.bytes == NULL);
    uint32_t wanted = 0;
    if (!stream->is_paused && rest.size >= FRAME_HEADER_BYTES) {
        struct frame frame;
        if (frame_header_decode(rest.data, &frame) == COLUMBA_OK) {
            uint32_t whole = FRAME_HEADER_BYTES + frame.payload_bytes;
            wanted = whole > STREAM_COPIED_BYTES ? whole : 0;
        }
    }
    if (!input_grow(stream, (uint32_t)rest.size)) {
        input_refuse(stream);
        return;
    }
    memcpy(stream->input.bytes, rest.data, rest.size);
    stream->input.size = (uint32_t)rest.size;
    stream->input.wanted = wanted;
}

static void header_refuse(struct stream *stream, enum columba_error error)
{
    static const char *const texts[] = {
        "a frame's header is not valid: is this a client of Columba?",
        "the frame is longer than the limit",
        "the frame has a format this node does not know",
    };
    struct shell_counters *counters = &stream->node->counters;
    if (error == ERR_TOO_LARGE) {
        counters->frames_too_large++;
        stream->table->broken(stream, error, texts[1]);
    } else if (error == ERR_PROTOCOL_VERSION) {
        counters->frames_wrong_version++;
        stream->table->broken(stream, error, texts[2]);
    } else {
        counters->frames_malformed++;
        stream->table->broken(stream, error, texts[0]);
    }
}

/* Handles one frame at the front, if it is whole. Returns its length, 0 if there was none. */
static size_t frame_take(struct stream *stream, struct slice bytes)
{
    if (bytes.size < FRAME_HEADER_BYTES) {
        return 0;
    }
    struct frame frame;
    enum columba_error error = frame_header_decode(bytes.data, &frame);
    if (error != COLUMBA_OK) {
        header_refuse(stream, error);
        return 0;
    }
    size_t whole = FRAME_HEADER_BYTES + frame.payload_bytes;
    if (bytes.size < whole) {
        return 0;
    }
    struct slice payload = slice_of(bytes.data + FRAME_HEADER_BYTES, frame.payload_bytes);
    if (!frame_is_intact(bytes.data, payload)) {
        stream->node->counters.frames_malformed++;
        stream->table->broken(stream, ERR_MALFORMED, "a frame's checksum is wrong");
        return 0;
    }
    stream->node->counters.frames_received++;
    stream->table->frame(stream, &frame, payload);
    return whole;
}

/* Handles all whole frames and keeps the rest. */
static void frames_take(struct stream *stream, struct slice bytes)
{
    bool has_taken = false;
    while (stream->state == STREAM_OPEN && !stream->is_paused) {
        size_t taken = frame_take(stream, bytes);
        if (taken == 0) {
            break;
        }
        has_taken = true;
        bytes = slice_of(bytes.data + taken, bytes.size - taken);
    }
    if (stream->state == STREAM_OPEN && bytes.size > 0) {
        input_keep(stream, bytes);
    }
    partial_watch(stream, has_taken);
}

/* Where the next bytes go: behind a small partial frame in the node's buffer, or straight into the
 * allocation of a large one, which grows with what has arrived. */
static void read_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buffer)
{
    (void)suggested;
    struct stream *stream = stream_of_handle(handle);
    struct stream_input *input = &stream->input;
    uint8_t *shared = stream->node->streams.read_buffer;
    if (stream->state != STREAM_OPEN || input->wanted == 0) {
        size_t kept = stream->state == STREAM_OPEN ? input->size : 0;
        COLUMBA_ASSERT(kept <= STREAM_COPIED_BYTES);
        if (kept > 0) {
            memcpy(shared, input->bytes, kept);
        }
        *out_buffer = uv_buf_init((char *)shared + kept, STREAM_READ_BYTES);
        return;
    }
    if (input->size == input->capacity) {
        uint32_t capacity = input->capacity * 2;
        if (capacity < STREAM_READ_BYTES) {
            capacity = STREAM_READ_BYTES;
        }
        if (!input_grow(stream, capacity < input->wanted ? capacity : input->wanted)) {
            *out_buffer = uv_buf_init(NULL, 0);
            return;
        }
    }
    *out_buffer = uv_buf_init((char *)input->bytes + input->size, input->capacity - input->size);
}

static void large_frame_take(struct stream *stream)
{
    struct stream_input input = stream->input;
    if (input.size < input.wanted) {
        return;
    }
    stream->input = (struct stream_input){0};
    frames_take(stream, slice_of(input.bytes, input.size));
    stream->node->counters.input_bytes -= input.capacity;
    free(input.bytes);
}

static void input_arrived(struct stream *stream, size_t size)
{
    stream->node->counters.bytes_received += size;
    if (stream->state != STREAM_OPEN) {
        return;
    }
    turn_begin(stream->node);
    if (stream->input.wanted != 0) {
        stream->input.size += (uint32_t)size;
        large_frame_take(stream);
        return;
    }
    size_t kept = stream->input.size;
    if (kept > 0) {
        input_release(stream);
    }
    frames_take(stream, slice_of(stream->node->streams.read_buffer, kept + size));
}

static void read_done(uv_stream_t *handle, ssize_t size, const uv_buf_t *buffer)
{
    (void)buffer;
    struct stream *stream = stream_of_handle(handle);
    if (size == UV_ENOBUFS) {
        if (stream->state == STREAM_OPEN) {
            input_refuse(stream);
        }
    } else if (size < 0) {
        if (stream->state == STREAM_OPEN) {
            stream->table->ended(stream, (int)size);
        } else {
            stream_close(stream);
        }
    } else if (size > 0) {
        input_arrived(stream, (size_t)size);
    }
}

static void reading_start(struct stream *stream)
{
    if (!stream->is_reading) {
        stream->is_reading =
            uv_read_start((uv_stream_t *)&stream->tcp, read_allocate, read_done) == 0;
    }
}

static void reading_stop(struct stream *stream)
{
    if (stream->is_reading) {
        uv_read_stop((uv_stream_t *)&stream->tcp);
        stream->is_reading = false;
    }
}

void stream_start(struct stream *stream)
{
    reading_start(stream);
}

void stream_pause(struct stream *stream)
{
    if (stream->is_paused || stream->state != STREAM_OPEN) {
        return;
    }
    stream->is_paused = true;
    stream->node->counters.reads_paused++;
    reading_stop(stream);
}

void stream_resume(struct stream *stream)
{
    if (!stream->is_paused || stream->state != STREAM_OPEN) {
        return;
    }
    stream->is_paused = false;
    struct stream_input input = stream->input;
    stream->input = (struct stream_input){0};
    frames_take(stream, slice_of(input.bytes, input.size));
    stream->node->counters.input_bytes -= input.capacity;
    free(input.bytes);
    if (!stream->is_paused && stream->state == STREAM_OPEN) {
        reading_start(stream);
    }
}

/* ---- output ---- */

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

enum columba_error stream_send_bytes(struct stream *stream, struct slice frames)
{
    if (stream->state != STREAM_OPEN || frames.size == 0) {
        return COLUMBA_OK;
    }
    uint8_t *bytes = buffer_reserve(&stream->output, &stream->node->streams.buffers, frames.size);
    if (bytes == NULL) {
        return ERR_NO_MEMORY;
    }
    memcpy(bytes, frames.data, frames.size);
    output_appended(stream, frames.size);
    return COLUMBA_OK;
}

static void output_left(struct stream *stream, size_t size)
{
    stream->node->counters.bytes_queued -= size;
    stream->node->counters.bytes_sent += size;
}

/* The rest of the output has left a stream that is to end. */
static void linger(struct stream *stream)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&stream->tcp, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
        stream_close(stream);
        return;
    }
    stream->state = STREAM_LINGERING;
    deadline_set(stream, node_now_ms(stream->node) + STREAM_LINGER_MS);
    reading_start(stream);
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
            linger(stream);
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
        linger(stream);
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

/* ---- the end ---- */

void stream_finish(struct stream *stream)
{
    if (stream->state != STREAM_OPEN) {
        return;
    }
    stream->state = STREAM_FLUSHING;
    reading_stop(stream);
    stream->has_handshake_deadline = false;
    deadline_set(stream, node_now_ms(stream->node) + STREAM_LINGER_MS);
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
        input_release(stream);
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
