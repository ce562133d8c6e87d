/*
 * ping [NODE] [--count N]: {"node": text, or null for any, "count", "lost", "min_ms", "mean_ms",
 * "max_ms"}; times are null if nothing was answered, and "error" is the last one, if there was any
 *
 * NODE is HOST[:PORT] of a node of the cluster, or its name. Exit 0 if every ping was answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client/tools/columba_commands.h"
#include "client/tools/printable.h"

#define COUNT_MAX 1000000

struct ping {
    uint64_t count;
    uint64_t lost;
    double min_ms;
    double max_ms;
    double sum_ms;
};

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void ping_once(struct tool *tool, const char *node, struct ping *ping)
{
    double begin_ms = now_ms();
    struct columba_future *future = columba_ping(tool->client, node, NULL);
    bool is_answered = tool_wait(tool, future, "ping %s", node ? node : "any node");
    double elapsed_ms = now_ms() - begin_ms;
    columba_future_destroy(future);
    if (!is_answered) {
        ping->lost++;
        return;
    }
    ping->min_ms = ping->sum_ms <= 0 || elapsed_ms < ping->min_ms ? elapsed_ms : ping->min_ms;
    ping->max_ms = elapsed_ms > ping->max_ms ? elapsed_ms : ping->max_ms;
    ping->sum_ms += elapsed_ms;
}

/* No time where nothing was answered. */
static json_t *time_json(const struct ping *ping, double ms)
{
    return ping->lost < ping->count ? json_real(ms) : json_null();
}

static void print(struct tool *tool, const char *node, const struct ping *ping)
{
    uint64_t answered = ping->count - ping->lost;
    double mean_ms = answered > 0 ? ping->sum_ms / (double)answered : 0;
    if (tool->is_json) {
        json_t *object = json_pack(
            "{s:s?, s:I, s:I, s:o, s:o, s:o}", "node", node, "count", (json_int_t)ping->count,
            "lost", (json_int_t)ping->lost, "min_ms", time_json(ping, ping->min_ms), "mean_ms",
            time_json(ping, mean_ms), "max_ms", time_json(ping, ping->max_ms));
        if (tool->error) {
            json_object_set(object, "error", tool->error);
        }
        tool_print_json(tool, object);
        return;
    }
    printable_put(stdout, node ? node : "any node");
    printf(": %ju of %ju answered", (uintmax_t)answered, (uintmax_t)ping->count);
    if (answered > 0) {
        printf("; %.2f ms at least, %.2f on average, %.2f at most", ping->min_ms, mean_ms,
               ping->max_ms);
    }
    putchar('\n');
}

enum tool_exit ping_command(struct tool *tool, int argc, const char **argv)
{
    char *count = NULL;
    struct ping ping = {.count = 1};
    const struct poptOption table[] = {
        {"count", 'n', POPT_ARG_STRING, &count, 0, "how many, one after the other (1)", "N"},
        POPT_TABLEEND,
    };
    enum tool_exit result;
    if (tool_parse(tool, argc, argv, table, 0, 1, &result)) {
        result = TOOL_USAGE;
        if ((!count || tool_number(tool, "--count", count, 1, COUNT_MAX, &ping.count)) &&
            tool_connect(tool, &result)) {
            const char *node = tool->argument_count > 0 ? tool->arguments[0] : NULL;
            /* The first one would measure the connecting too. */
            columba_future_destroy(columba_connect(tool->client, NULL));
            for (uint64_t i = 0; i < ping.count; i++) {
                ping_once(tool, node, &ping);
            }
            print(tool, node, &ping);
            result = ping.lost > 0 ? TOOL_FAILED : TOOL_DONE;
        }
    }
    free(count);
    return result;
}
