#include "tests/sim/trace.h"

#include <stdarg.h>
#include <xxhash.h>

#include "base/limits.h"
#include "proto/codec.h"
#include "tests/sim/transcript.h"

#define TRACE_LINE_MAX_BYTES 512u

void trace_init(struct trace *trace, const struct schedule *schedule, FILE *lines)
{
    *trace = (struct trace){.schedule = schedule, .lines = lines};
}

static void hash_in(struct trace *trace, const void *bytes, size_t size)
{
    trace->hash = XXH3_64bits_withSeed(bytes, size, trace->hash + 1);
}

static void print_time(const struct trace *trace)
{
    uint64_t now_us = trace->schedule->now_us;
    fprintf(trace->lines, "%4llu.%06llu ", (unsigned long long)(now_us / MICROSECONDS_PER_SECOND),
            (unsigned long long)(now_us % MICROSECONDS_PER_SECOND));
}

/* A damaged frame is only its size. */
static void print_frame(const struct trace *trace, struct slice bytes)
{
    struct frame frame;
    struct message message;
    struct arena arena;
    struct slice payload =
        slice_of(bytes.data + FRAME_HEADER_BYTES, bytes.size - FRAME_HEADER_BYTES);
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    if (frame_header_decode(bytes.data, &frame) == COLUMBA_OK &&
        frame_is_intact(bytes.data, payload) &&
        codec_decode(frame.type, payload, &arena, &message) == COLUMBA_OK) {
        fprintf(trace->lines, "#%llx", (unsigned long long)frame.request_id);
        transcript_message(trace->lines, &message);
    }
    arena_clear(&arena);
}

static void print_event(const struct trace *trace, const char *kind, uint32_t from, uint32_t to,
                        struct slice bytes)
{
    print_time(trace);
    fprintf(trace->lines, "%-9s %2u -> %2u  ", kind, from, to);
    if (kind[0] == 'f') {
        print_frame(trace, bytes);
    }
    fprintf(trace->lines, " %zu B\n", bytes.size);
}

void trace_event(struct trace *trace, const char *kind, uint32_t from, uint32_t to,
                 struct slice bytes)
{
    uint64_t fields[4] = {
        trace->schedule->now_us,
        (uint64_t)from << 32 | to,
        (uint64_t)(uint8_t)kind[0] << 8 | (uint8_t)kind[1],
        bytes.size == 0 ? 0 : XXH3_64bits(bytes.data, bytes.size),
    };
    hash_in(trace, fields, sizeof fields);
    trace->events++;
    if (trace->lines != NULL) {
        print_event(trace, kind, from, to, bytes);
    }
}

void trace_note(struct trace *trace, const char *format, ...)
{
    char line[TRACE_LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0) {
        return;
    }
    size_t size = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
    hash_in(trace, &trace->schedule->now_us, sizeof trace->schedule->now_us);
    hash_in(trace, line, size);
    trace->events++;
    if (trace->lines != NULL) {
        print_time(trace);
        fprintf(trace->lines, "%s\n", line);
    }
}
