/* What stream.c, stream_input.c and stream_output.c share; nobody else includes it. */
#ifndef COLUMBA_NODE_SHELL_STREAM_PARTS_H
#define COLUMBA_NODE_SHELL_STREAM_PARTS_H

#include "node/shell/stream.h"

static inline struct stream *stream_of_handle(void *handle)
{
    return container_of((uv_tcp_t *)handle, struct stream, tcp);
}

/* 0: none. */
void stream_deadline_set(struct stream *stream, uint64_t deadline_ms);
/* After input was looked at: a frame that is still partial has to be whole in time. */
void stream_partial_watch(struct stream *stream, bool is_next_frame);
void stream_reading_start(struct stream *stream);
void stream_reading_stop(struct stream *stream);
void stream_input_release(struct stream *stream);
/* The output of a FLUSHING stream is gone. */
void stream_linger(struct stream *stream);

#endif
