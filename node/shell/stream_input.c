/* What arrives on a stream: bytes into whole frames, and where the rest of a partial one is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "node/shell/stream_parts.h"

static bool input_grow(struct stream *stream, uint32_t capacity)
{
    struct stream_input *input = &stream->input;
    uint64_t *held = &stream_counters(stream)->input_bytes;
    if (*held + (capacity - input->capacity) > stream->shared->options.input_max_bytes) {
        return false;
    }
    uint8_t *bytes = realloc(input->bytes, capacity);
    if (bytes == NULL) {
        return false;
    }
    *held += capacity - input->capacity;
    input->bytes = bytes;
    input->capacity = capacity;
    return true;
}

static void input_refuse(struct stream *stream)
{
    stream_counters(stream)->input_refused++;
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
    struct shell_counters *counters = stream_counters(stream);
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
        stream_counters(stream)->frames_malformed++;
        stream->table->broken(stream, ERR_MALFORMED, "a frame's checksum is wrong");
        return 0;
    }
    stream_counters(stream)->frames_received++;
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
    stream_partial_watch(stream, has_taken);
}

/* Where the next bytes go: behind a small partial frame in the node's buffer, or straight into the
 * allocation of a large one, which grows with what has arrived. */
static void read_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buffer)
{
    (void)suggested;
    struct stream *stream = stream_of_handle(handle);
    struct stream_input *input = &stream->input;
    uint8_t *shared = stream->shared->read_buffer;
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
    stream_counters(stream)->input_bytes -= input.capacity;
    free(input.bytes);
}

static void input_arrived(struct stream *stream, size_t size)
{
    stream_counters(stream)->bytes_received += size;
    if (stream->state != STREAM_OPEN) {
        return;
    }
    stream_begin(stream);
    if (stream->input.wanted != 0) {
        stream->input.size += (uint32_t)size;
        large_frame_take(stream);
        return;
    }
    size_t kept = stream->input.size;
    if (kept > 0) {
        stream_input_release(stream);
    }
    frames_take(stream, slice_of(stream->shared->read_buffer, kept + size));
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
        stream_fail(stream, (int)size);
    } else if (size > 0) {
        input_arrived(stream, (size_t)size);
    }
}

void stream_reading_start(struct stream *stream)
{
    if (!stream->is_reading) {
        stream->is_reading =
            uv_read_start((uv_stream_t *)&stream->tcp, read_allocate, read_done) == 0;
    }
}

void stream_reading_stop(struct stream *stream)
{
    if (stream->is_reading) {
        uv_read_stop((uv_stream_t *)&stream->tcp);
        stream->is_reading = false;
    }
}

void stream_pause(struct stream *stream)
{
    if (stream->is_paused || stream->state != STREAM_OPEN) {
        return;
    }
    stream->is_paused = true;
    stream_counters(stream)->reads_paused++;
    stream_reading_stop(stream);
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
    stream_counters(stream)->input_bytes -= input.capacity;
    free(input.bytes);
    if (!stream->is_paused && stream->state == STREAM_OPEN) {
        stream_reading_start(stream);
    }
}
