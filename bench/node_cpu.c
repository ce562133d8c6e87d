#include "bench/node_cpu.h"
#include "client/tools/printable.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static bool fail(const struct node_cpu *cpu, const char *what)
{
    fprintf(stderr, "%s: %s\n", cpu->program, what);
    return false;
}

static bool reserve(struct node_cpu *cpu, size_t count)
{
    cpu->addresses = calloc(count + 1, sizeof(*cpu->addresses));
    cpu->asked = calloc(count + 1, sizeof(struct columba_future *));
    return cpu->addresses && cpu->asked;
}

static bool take_nodes(struct node_cpu *cpu, const char *text)
{
    json_error_t error;
    json_t *status = json_loads(text, 0, &error);
    const json_t *nodes = json_object_get(status, "nodes");
    bool is_taken = reserve(cpu, json_array_size(nodes));
    size_t i;
    const json_t *node;
    json_array_foreach(nodes, i, node)
    {
        const char *state = json_string_value(json_object_get(node, "state"));
        const char *address = json_string_value(json_object_get(node, "address"));
        if (is_taken && state && address && strcmp(state, "up") == 0) {
            cpu->addresses[cpu->node_count] = strdup(address);
            is_taken = cpu->addresses[cpu->node_count] != NULL;
            cpu->node_count += is_taken;
        }
    }
    json_decref(status);
    return is_taken && cpu->node_count > 0;
}

bool node_cpu_find(struct node_cpu *cpu, struct columba_client *client, const char *program)
{
    *cpu = (struct node_cpu){.program = program};
    struct columba_future *asked = columba_admin(client, NULL, "status", NULL, 0, NULL);
    bool is_found = false;
    if (!asked || columba_future_wait(asked) != COLUMBA_ERROR_OK) {
        fail(cpu, asked ? columba_future_error(asked)->text : "out of memory");
    } else if (!take_nodes(cpu, columba_future_json(asked))) {
        fail(cpu, "the cluster's status names no node that is up");
    } else {
        is_found = true;
    }
    columba_future_destroy(asked);
    return is_found;
}

bool node_cpu_copy_nodes(struct node_cpu *cpu, const struct node_cpu *from)
{
    *cpu = (struct node_cpu){.program = from->program};
    if (!reserve(cpu, from->node_count)) {
        return fail(cpu, "out of memory");
    }
    for (size_t i = 0; i < from->node_count; i++) {
        cpu->addresses[i] = strdup(from->addresses[i]);
        if (!cpu->addresses[i]) {
            return fail(cpu, "out of memory");
        }
        cpu->node_count++;
    }
    return true;
}

uint64_t node_cpu_own_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void node_cpu_ask(struct node_cpu *cpu, struct columba_client *client)
{
    cpu->generator_us = node_cpu_own_us();
    for (size_t i = 0; i < cpu->node_count; i++) {
        cpu->asked[i] = columba_admin(client, cpu->addresses[i], "info", NULL, 0, NULL);
    }
}

bool node_cpu_finish(struct node_cpu *cpu)
{
    bool is_good = true;
    cpu->nodes_us = 0;
    for (size_t i = 0; i < cpu->node_count; i++) {
        struct columba_future *asked = cpu->asked[i];
        if (!asked || columba_future_wait(asked) != COLUMBA_ERROR_OK) {
            fprintf(stderr, "%s: asking %s for its CPU time: ", cpu->program, cpu->addresses[i]);
            printable_put(stderr, asked ? columba_future_error(asked)->text : "no memory");
            fputc('\n', stderr);
            is_good = false;
        } else {
            json_t *info = json_loads(columba_future_json(asked), 0, NULL);
            cpu->nodes_us += (uint64_t)json_integer_value(json_object_get(info, "cpu_us"));
            json_decref(info);
        }
        columba_future_destroy(asked);
        cpu->asked[i] = NULL;
    }
    return is_good;
}

void node_cpu_clear(struct node_cpu *cpu)
{
    for (size_t i = 0; i < cpu->node_count; i++) {
        columba_future_destroy(cpu->asked[i]);
        free(cpu->addresses[i]);
    }
    free(cpu->addresses);
    free(cpu->asked);
    *cpu = (struct node_cpu){0};
}
