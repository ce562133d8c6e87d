/* The life of a stream: its making, the looks at its deadlines, its orderly end. */
#include "node/shell/stream.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "node/shell/stream_parts.h"

enum columba_error stream_shared_init(struct stream_shared *shared,
                                      const struct stream_options *options)
{
    *shared = (struct stream_shared){.options = *options};
    list_init(&shared->dirty);
    list_init(&shared->watched);
    list_init(&shared->stalled);
    arena_init(&shared->encode_arena, memory_system(), STREAM_ENCODE_ARENA_BYTES);
    shared->read_buffer = malloc(STREAM_COPIED_BYTES + STREAM_READ_BYTES);
    return shared->read_buffer == NULL ? ERR_NO_MEMORY : COLUMBA_OK;
}

void stream_shared_clear(struct stream_shared *shared)
{
    if (shared->dirty.next == NULL) {
        return;
    }
    free(shared->read_buffer);
    buffer_pool_clear(&shared->buffers);
    arena_clear(&shared->encode_arena);
    shared->read_buffer = NULL;
}

enum columba_error stream_init(struct stream *stream, struct stream_shared *shared,
                               const struct stream_table *table, enum intake_side side)
{
    *stream = (struct stream){.table = table, .shared = shared, .side = side};
    list_init(&stream->dirty);
    list_init(&stream->watched);
    list_init(&stream->stalled);
    return uv_tcp_init(shared->options.loop, &stream->tcp) == 0 ? COLUMBA_OK : ERR_NO_MEMORY;
}

void stream_start(struct stream *stream)
{
    stream_reading_start(stream);
}

/* ---- deadlines ---- */

static void deadline_passed(struct stream *stream)
{
    if (stream->state != STREAM_OPEN) {
        stream_close(stream);
        return;
    }
    bool is_handshake = stream->has_handshake_deadline;
    stream_handshake_deadline(stream, 0);
    if (is_handshake) {
        stream_counters(stream)->handshakes_timed_out++;
        stream->table->broken(stream, ERR_TIMEOUT, "no HELLO in time");
    } else {
        stream_counters(stream)->frames_timed_out++;
        stream->table->broken(stream, ERR_TIMEOUT, "the frame did not arrive whole in time");
    }
}

/* What has arrived or left while this node itself was busy is looked at before a stream is called
 * late: only the second look counts. */
static bool is_late_again(bool *is_late)
{
    bool was_late = *is_late;
    *is_late = true;
    return was_late;
}

static void watched_sweep(struct stream_shared *shared, uint64_t now_ms)
{
    list_for_each_safe(at, &shared->watched)
    {
        struct stream *stream = container_of(at, struct stream, watched);
        if (stream->deadline_ms <= now_ms && is_late_again(&stream->is_overdue)) {
            deadline_passed(stream);
        }
    }
}

/* What nobody takes goes from the system's memory as well: the connection is reset. */
static void stalled_end(struct stream *stream)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&stream->tcp, &fd) == 0) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    stream_fail(stream, UV_ETIMEDOUT);
}

/* Whether it has to go, and is counted as what. */
static uint64_t *stall_verdict(struct stream *stream, uint64_t stalled_for_ms, bool is_short)
{
    const struct stream_options *options = &stream->shared->options;
    if (stalled_for_ms >= options->output_timeout_ms) {
        return is_late_again(&stream->is_stalled_for_long) ? &options->counters->outputs_timed_out
                                                           : NULL;
    }
    bool makes_room = is_short && stream->side == INTAKE_CLIENTS &&
                      intake_is_half_full(options->intake, INTAKE_CLIENTS);
    return makes_room ? &options->counters->outputs_cut_off : NULL;
}

static void stalled_sweep(struct stream_shared *shared, uint64_t now_ms)
{
    uint64_t shortest_ms = shared->options.output_timeout_ms < INTAKE_STALL_MS
                               ? shared->options.output_timeout_ms
                               : INTAKE_STALL_MS;
    bool is_short = intake_is_short(shared->options.intake, INTAKE_CLIENTS);
    list_for_each_safe(at, &shared->stalled)
    {
        struct stream *stream = container_of(at, struct stream, stalled);
        if (stream->stalled_ms + shortest_ms > now_ms) {
            return; /* the rest has waited less */
        }
        uint64_t *counter = stall_verdict(stream, now_ms - stream->stalled_ms, is_short);
        if (counter != NULL) {
            (*counter)++;
            stalled_end(stream);
        }
    }
}

void stream_sweep(struct stream_shared *shared)
{
    uint64_t now_ms = *shared->options.now_ns / 1000000u;
    watched_sweep(shared, now_ms);
    stalled_sweep(shared, now_ms);
}

/* ---- the end ---- */

void stream_finish(struct stream *stream)
{
    if (stream->state != STREAM_OPEN) {
        return;
    }
    stream->state = STREAM_FLUSHING;
    stream_reading_stop(stream);
    stream->has_handshake_deadline = false;
    stream_deadline_set(stream, stream_now_ms(stream) + STREAM_LINGER_MS);
    if (list_is_empty(&stream->dirty)) {
        list_append(&stream->shared->dirty, &stream->dirty);
    }
}
