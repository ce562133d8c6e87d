/*
 * The pace of a busy node: how far apart its turns and its commits begin.
 *
 * A turn costs system calls for every connection it hears or answers, and a commit costs a sync,
 * however little they carry. A node that begins each as soon as it can spends at half of what it
 * can do nearly all of its CPU, and has none to spare when a memtable is flushed: then every
 * message waits for the flush. So with growing load turns and commits begin further apart, up to a
 * limit, and each carries more. A node with little to do answers as fast as it can.
 *
 * Pure: time and CPU come in as arguments.
 */
#ifndef COLUMBA_NODE_SHELL_PACE_H
#define COLUMBA_NODE_SHELL_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* The load is measured over windows of this length, and follows a change within a few. */
#define PACE_WINDOW_NS 20000000u
/* Thousandths of one CPU, core and commit thread together: up to the first nothing waits, from the
 * second on turns and commits are as far apart as they get. */
#define PACE_FREE_PERMILLE 150u
#define PACE_FULL_PERMILLE 300u
#define PACE_TURN_MAX_NS 1000000u
#define PACE_COMMIT_MAX_NS 4000000u
/* A batch this large does not wait: it carries enough. */
#define PACE_BATCH_BYTES (256u * 1024u)

struct pace {
    uint64_t window_began_ns;
    uint64_t window_cpu_ns;
    uint32_t load_permille;
};

/* Whether a window is over: then the CPU time is worth asking for. */
bool pace_is_due(const struct pace *pace, uint64_t now_ns);
/* `cpu_ns`: what both threads have used since they began. */
void pace_measure(struct pace *pace, uint64_t now_ns, uint64_t cpu_ns);
/* How long to wait until what last began at `began_ns` may begin again, at most `max_ns` after it.
 */
uint64_t pace_wait_ns(const struct pace *pace, uint64_t began_ns, uint64_t now_ns, uint64_t max_ns);

#endif
