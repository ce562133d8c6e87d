/*
 * What an idle client connection costs a node: opens many, each through the handshake and then
 * silent, and compares the node's resident memory before and after.
 */
#ifndef COLUMBA_BENCH_IDLE_H
#define COLUMBA_BENCH_IDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "client/tools/tool.h"

/* Prints {"connections", "rss_before_bytes", "rss_after_bytes", "bytes_per_connection"} of the
 * node that `tool` is connected to. False: said why. */
bool idle_run(struct tool *tool, uint32_t connections);

#endif
