/*
 * A structured log: every line has a time, a level, an event (one stable word for machines) and a
 * sentence for people. This part makes the lines; where they go and what the time is come from the
 * owner, so it does no I/O.
 *
 *   text  2026-11-21T07:11:57.123Z INFO  peer_connected: node2 at 127.0.0.2:7411 is connected
 *   json  {"time":"2026-11-21T07:11:57.123Z","level":"info","event":"peer_connected","text":"…"}
 *
 * Control characters and broken UTF-8 never reach the line: what comes off the network cannot
 * forge one. Thread-safe if `write` and `now_unix_ms` are.
 */
#ifndef COLUMBA_BASE_LOG_H
#define COLUMBA_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG = 0, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_TEXT = 0, LOG_JSON };

/* A longer line is cut. */
#define LOG_LINE_MAX_BYTES 2048u

struct log {
    enum log_level level; /* less severe lines are not made */
    enum log_format format;
    /* One line, ended by a newline. */
    void (*write)(struct log *log, const char *line, size_t size);
    uint64_t (*now_unix_ms)(struct log *log);
};

__attribute__((format(printf, 4, 5))) void log_write(struct log *log, enum log_level level,
                                                     const char *event, const char *format, ...);

#define log_debug(log, ...) log_write(log, LOG_DEBUG, __VA_ARGS__)
#define log_info(log, ...) log_write(log, LOG_INFO, __VA_ARGS__)
#define log_warning(log, ...) log_write(log, LOG_WARNING, __VA_ARGS__)
#define log_error(log, ...) log_write(log, LOG_ERROR, __VA_ARGS__)

#endif
