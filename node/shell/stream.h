/*
 * A stream: one TCP connection as frames. It knows nothing of what the frames mean; connection.c
 * (those that came to us) and peer.c (those we made) embed it and decide.
 *
 * In:  all streams read into one buffer of the node; only a frame that has arrived in part is kept,
 *      in an allocation of the stream, as long as it is partial. A large frame grows that
 *      allocation as it arrives, not as its header claims. All of them together are bounded.
 * Out: messages are encoded straight into an output buffer and leave when the turn ends, in one
 *      system call if the socket takes them; what it does not take has a deadline. Nothing to send:
 *      no buffer. The memory for output is counted for the stream's side (intake.h).
 *
 *   OPEN       frames go both ways; reading may be paused by the owner
 *   FLUSHING   input is ignored; ends when the output is gone
 *   LINGERING  our side is shut down; input is thrown away until the other side has closed, so that
 *              it gets to read our last words (closing with unread input would reset the
 *              connection)
 *   CLOSED     the handle is being closed; `closed` is called once and may free the stream
 *
 * Belongs to the core thread.
 */
#ifndef COLUMBA_NODE_SHELL_STREAM_H
#define COLUMBA_NODE_SHELL_STREAM_H

#include <stdbool.h>
#include <uv.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/list.h"
#include "node/core/machine/intake.h"
#include "node/shell/buffer.h"
#include "node/shell/counters.h"
#include "proto/frame.h"
#include "proto/message.h"

/* One read takes at most this. */
#define STREAM_READ_BYTES (64u * KIB)
/* A partial frame that will be no longer than this is copied in front of the next read. */
#define STREAM_COPIED_BYTES (8u * KIB)
/* How long the other side has for reading our last words. */
#define STREAM_LINGER_MS 2000u
/* A message encoded takes its payload and protobuf-c's form of it. */
#define STREAM_ENCODE_ARENA_BYTES (8u * MIB)

struct stream;

enum stream_state { STREAM_OPEN, STREAM_FLUSHING, STREAM_LINGERING, STREAM_CLOSED };

struct stream_table {
    /* A whole frame with a right checksum; the payload is valid until this returns. */
    void (*frame)(struct stream *stream, const struct frame *frame, struct slice payload);
    /* The input makes no sense any more (malformed, too large, another format, …), or it timed out:
     * the owner answers and ends the stream. */
    void (*broken)(struct stream *stream, enum columba_error error, const char *text);
    /* The other side closed, or the connection failed: the owner calls stream_close. */
    void (*ended)(struct stream *stream, int uv_error);
    /* Some output has left. May be NULL. */
    void (*drained)(struct stream *stream);
    /* The last call. */
    void (*closed)(struct stream *stream);
};

struct stream_input {
    uint8_t *bytes;
    uint32_t size;
    uint32_t capacity;
    uint32_t wanted; /* the whole length of a large frame that is being gathered; else 0 */
};

struct stream {
    uv_tcp_t tcp;
    uv_write_t write;
    const struct stream_table *table;
    struct stream_shared *shared;
    struct list dirty;   /* among the streams with output of this turn */
    struct list watched; /* among the streams with a deadline */
    struct list stalled; /* among those whose socket did not take all, the longest first */
    uint64_t deadline_ms;
    uint64_t stalled_ms; /* since when */
    uint64_t held_bytes; /* memory of both outputs, as it was counted */
    enum intake_side side;
    struct stream_input input;
    struct buffer output;  /* is being filled */
    struct buffer writing; /* is with the system, while is_writing */
    size_t written;        /* of `writing` */
    enum stream_state state;
    bool is_writing;
    bool is_paused;
    bool is_reading;
    bool has_handshake_deadline;
    bool is_overdue;          /* its deadline had passed when it was last looked at */
    bool is_stalled_for_long; /* the same, of its output */
};

struct stream_options {
    uv_loop_t *loop;
    struct shell_counters *counters;
    struct intake *intake;
    const uint64_t *now_ns; /* the turn's */
    uint64_t input_max_bytes;
    uint64_t frame_timeout_ms;
    uint64_t output_timeout_ms;
    /* Every callback of the loop begins with this. */
    void (*begin)(void *context);
    /* The stamp of the next frame. */
    uint64_t (*clock)(void *context);
    void *context;
};

/* What all streams of a node share. */
struct stream_shared {
    struct stream_options options;
    uint8_t *read_buffer; /* STREAM_COPIED_BYTES + STREAM_READ_BYTES */
    struct buffer_pool buffers;
    struct arena encode_arena;
    struct list dirty;
    struct list watched;
    struct list stalled;
};

enum columba_error stream_shared_init(struct stream_shared *shared,
                                      const struct stream_options *options);
/* Takes one that was never made. */
void stream_shared_clear(struct stream_shared *shared);

/* Makes the handle; the socket is the owner's to accept or connect. On failure `closed` will not be
 * called. */
enum columba_error stream_init(struct stream *stream, struct stream_shared *shared,
                               const struct stream_table *table, enum intake_side side);
void stream_start(struct stream *stream);
/* It has turned out to be another side's. */
void stream_side_set(struct stream *stream, enum intake_side side);

/* Appends a frame to the output. ERR_TOO_LARGE, ERR_NO_MEMORY, ERR_OVERLOADED (the side's memory
 * for output is used up): nothing was appended. Does nothing unless the stream is OPEN. */
enum columba_error stream_send(struct stream *stream, const struct message *message,
                               uint64_t request_id);
size_t stream_unsent_bytes(const struct stream *stream);
/* Writes now rather than when the turn ends. */
void stream_flush(struct stream *stream);

/* Stops reading after the frame at hand; what has arrived is kept. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/* 0: none. `broken` is called with ERR_TIMEOUT when it passes. */
void stream_handshake_deadline(struct stream *stream, uint64_t deadline_ms);

/* No further frames; what was sent still leaves. */
void stream_finish(struct stream *stream);
void stream_close(struct stream *stream);

/* For the turn: writes what all streams have gathered. */
void stream_flush_all(struct stream_shared *shared);
/* For a timer: ends those whose deadline has passed, and where memory for output is short those
 * clients that have taken nothing for a while. */
void stream_sweep(struct stream_shared *shared);

#endif
