/*
 * What CPU time every node of the cluster and this process have used up to a moment: asked of all
 * nodes at once (`info`), while the load goes on.
 */
#ifndef COLUMBA_BENCH_NODE_CPU_H
#define COLUMBA_BENCH_NODE_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <columba.h>

struct node_cpu {
    const char *program;
    char **addresses; /* owned */
    struct columba_future **asked;
    size_t node_count;
    uint64_t nodes_us;     /* of all nodes, after node_cpu_finish */
    uint64_t generator_us; /* of this process, when asked */
    uint64_t operations;   /* the caller's count at that moment */
};

/* Finds the nodes that are up. False: said why. */
bool node_cpu_find(struct node_cpu *cpu, struct columba_client *client, const char *program);
bool node_cpu_copy_nodes(struct node_cpu *cpu, const struct node_cpu *from);
/* Asks, without waiting; node_cpu_finish waits for the answers. */
void node_cpu_ask(struct node_cpu *cpu, struct columba_client *client);
bool node_cpu_finish(struct node_cpu *cpu);
void node_cpu_clear(struct node_cpu *cpu);

/* User and system time of this process. */
uint64_t node_cpu_own_us(void);

#endif
