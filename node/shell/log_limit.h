/*
 * How many lines one kind of event may write: what a stranger can cause with a packet must not fill
 * the log. Some at once, then no more until the window is over; the next line says how many were
 * left out.
 *
 * Pure: time comes in as an argument.
 */
#ifndef COLUMBA_NODE_SHELL_LOG_LIMIT_H
#define COLUMBA_NODE_SHELL_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_WINDOW_MS 10000u
/* A restart of a handful of nodes is told line by line. */
#define LOG_LIMIT_LINES 30u

struct log_limit {
    uint64_t window_began_ms;
    uint32_t lines;
    uint64_t left_out; /* since the last line that was allowed */
};

/* False: leave this line out. `out_left_out`: lines before it that were. */
bool log_limit_allows(struct log_limit *limit, uint64_t now_ms, uint64_t *out_left_out);

#endif
