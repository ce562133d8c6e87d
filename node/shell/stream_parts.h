/* What the files of the stream share; nobody else includes it. Each uses those above it only:
 * stream_state.c, stream_input.c, stream_output.c, stream.c. */
#ifndef COLUMBA_NODE_SHELL_STREAM_PARTS_H
#define COLUMBA_NODE_SHELL_STREAM_PARTS_H

#include "node/shell/stream.h"

static inline struct stream *stream_of_handle(void *handle)
{
    return container_of((uv_tcp_t *)handle, struct stream, tcp);
}

static inline struct shell_counters *stream_counters(const struct stream *stream)
{
    return stream->shared->options.counters;
}

static inline uint64_t stream_now_ms(const struct stream *stream)
{
    return *stream->shared->options.now_ns / 1000000u;
}

/* First thing in every callback of the loop. */
static inline void stream_begin(const struct stream *stream)
{
    stream->shared->options.begin(stream->shared->options.context);
}

/* ---- stream_state.c ---- */

/* 0: none. */
void stream_deadline_set(struct stream *stream, uint64_t deadline_ms);
/* After input was looked at: a frame that is still partial has to be whole in time. */
void stream_partial_watch(struct stream *stream, bool is_next_frame);
void stream_input_release(struct stream *stream);
/* The buffers of its output have changed. */
void stream_held_count(struct stream *stream);
/* The other side or the system has ended it. */
void stream_fail(struct stream *stream, int uv_error);

/* ---- stream_input.c ---- */

void stream_reading_start(struct stream *stream);
void stream_reading_stop(struct stream *stream);

#endif
