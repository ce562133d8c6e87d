/*
 * columba-bench: what a cluster can do, and what it costs.
 *
 * Without options each mode measures the setting of the README's table for 30 s: 1,000 1:1
 * conversations, bodies of 256 B, as fast as it goes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/floor.h"
#include "bench/idle.h"
#include "bench/mls.h"
#include "bench/report.h"
#include "bench/workload.h"
#include "client/tools/tool.h"

#define CONVERSATIONS_DEFAULT 1000
#define CONVERSATIONS_MAX 10000000
#define MEMBERS_DEFAULT 2
#define MEMBERS_MAX 1000
#define BODY_DEFAULT_BYTES 256
#define SECONDS_DEFAULT 30.0
#define WARMUP_DEFAULT_S 3.0
#define IN_FLIGHT_DEFAULT 512
#define IN_FLIGHT_MAX 65536
#define PAGE_DEFAULT_ROWS 50
#define MESSAGES_DEFAULT 60
#define CONNECTIONS_IDLE_DEFAULT 10000

#define BENCH_COMMANDS(X)                                                                          \
    X("send", run_load, "[OPTION…]", "messages a second, durable on a quorum")                     \
    X("read", run_load, "[OPTION…]", "newest pages of conversations a second")                     \
    X("mixed", run_load, "[OPTION…]", "both; --reads PERCENT says how many are reads")             \
    X("floor", run_floor, "[--directory DIR] [OPTION…]",                                           \
      "the yardstick: twelve rows a send straight into RocksDB, no cluster")                       \
    X("idle", run_idle, "[--connections N] [OPTION…]",                                             \
      "memory of a node for each idle client connection")                                          \
    X("mls", run_mls, "[MEMBERS…]", "encryption of groups of these sizes, on one core, no cluster")

/* Whole numbers: X(field, option, from, to, text) */
#define BENCH_NUMBERS(X)                                                                           \
    X(conversations, "conversations", 1, CONVERSATIONS_MAX, "(1000)")                              \
    X(members, "members", 1, MEMBERS_MAX, "of each conversation (2)")                              \
    X(body_bytes, "body", 1, COLUMBA_BODY_MAX_BYTES, "bytes of a body (256)")                      \
    X(page_rows, "page", 1, COLUMBA_PAGE_MAX_ROWS, "messages of a page (50)")                      \
    X(messages, "messages", 1, 1000000, "messages of each conversation to be read (60)")           \
    X(read_percent, "reads", 0, 100, "percentage of reads among all calls (50)")                   \
    X(in_flight, "in-flight", 1, IN_FLIGHT_MAX,                                                    \
      "calls under way at most (512; with --rate 16384)")                                          \
    X(connections, "connections", 1, 60000,                                                        \
      "connections to each node (1); of idle: how many (10000)")

struct options {
#define X(field, option, from, to, text)                                                           \
    uint64_t field;                                                                                \
    char *field##_given;
    BENCH_NUMBERS(X)
#undef X
    double rate;
    double seconds;
    double warmup;
    char *prefix;
    char *directory;
};

static struct options defaults(void)
{
    return (struct options){.conversations = CONVERSATIONS_DEFAULT,
                            .members = MEMBERS_DEFAULT,
                            .body_bytes = BODY_DEFAULT_BYTES,
                            .page_rows = PAGE_DEFAULT_ROWS,
                            .messages = MESSAGES_DEFAULT,
                            .read_percent = 50,
                            .in_flight = IN_FLIGHT_DEFAULT,
                            .seconds = SECONDS_DEFAULT,
                            .warmup = WARMUP_DEFAULT_S};
}

static void options_clear(struct options *options)
{
#define X(field, option, from, to, text) free(options->field##_given);
    BENCH_NUMBERS(X)
#undef X
    free(options->prefix);
    free(options->directory);
}

static bool are_good(struct tool *tool, struct options *options)
{
    if (!(options->seconds > 0) || options->warmup < 0 || options->rate < 0) {
        tool_wrong(tool, "--seconds is above 0; --warmup and --rate are not below");
        return false;
    }
#define X(field, option, from, to, text)                                                           \
    if (options->field##_given &&                                                                  \
        !tool_number(tool, "--" option, options->field##_given, from, to, &options->field)) {      \
        return false;                                                                              \
    }
    BENCH_NUMBERS(X)
#undef X
    return true;
}

/* False: *out_exit says how to end. Either way options_clear. */
static bool parse(struct tool *tool, int argc, const char **argv, struct options *options,
                  enum tool_exit *out_exit)
{
    const struct poptOption table[] = {
        {"seconds", 0, POPT_ARG_DOUBLE, &options->seconds, 0, "measured time (30)", "N"},
        {"warmup", 0, POPT_ARG_DOUBLE, &options->warmup, 0, "time before it (3)", "N"},
        {"rate", 0, POPT_ARG_DOUBLE, &options->rate, 0, "calls a second (0: all it can)", "N"},
#define X(field, option, from, to, text)                                                           \
    {option, 0, POPT_ARG_STRING, &options->field##_given, 0, text, "N"},
        BENCH_NUMBERS(X)
#undef X
            {"prefix", 0, POPT_ARG_STRING, &options->prefix, 0, "of the names it makes (bench)",
             "NAME"},
        {"directory", 0, POPT_ARG_STRING, &options->directory, 0,
         "of floor: where its databases are made and removed (the current one)", "DIR"},
        POPT_TABLEEND,
    };
    if (!tool_parse(tool, argc, argv, table, 0, 0, out_exit)) {
        return false;
    }
    *out_exit = TOOL_USAGE;
    return are_good(tool, options);
}

/* A client for that many calls at once. */
static bool connect_client(struct tool *tool, const struct options *options,
                           enum tool_exit *out_exit)
{
    struct columba_options *client = tool_options(tool, out_exit);
    if (!client) {
        return false;
    }
    *out_exit = TOOL_USAGE;
    if (columba_options_set_requests_max(client, (uint32_t)options->in_flight + 256) !=
            COLUMBA_ERROR_OK ||
        (options->connections && columba_options_set_connections_per_node(
                                     client, (uint32_t)options->connections) != COLUMBA_ERROR_OK)) {
        tool_say(tool, "%s", columba_options_error(client));
        columba_options_destroy(client);
        return false;
    }
    struct columba_error_info error;
    tool->client = columba_client_create(client, &error);
    columba_options_destroy(client);
    if (!tool->client) {
        tool_say_error(tool, "starting", &error);
        *out_exit = TOOL_FAILED;
    }
    return tool->client != NULL;
}

static enum tool_exit measure(struct tool *tool, const struct options *options,
                              struct workload *workload, struct load *load)
{
    bool is_send = strcmp(tool->command, "send") == 0;
    bool is_read = strcmp(tool->command, "read") == 0;
    if (!workload_init(workload) || !workload_prepare(workload, !is_send)) {
        return TOOL_FAILED;
    }
    *load = (struct load){
        .client = tool->client,
        .options = {.rate_per_s = options->rate,
                    .warmup_s = options->warmup,
                    .seconds = options->seconds,
                    .in_flight_max = (uint32_t)options->in_flight},
        .issue = is_send   ? workload_send
                 : is_read ? workload_read
                           : workload_mixed,
        .context = workload,
        .program = tool->program,
        .label = tool->command,
    };
    if (!load_run(load)) {
        return TOOL_FAILED;
    }
    struct report report = report_of_load(tool->command, load);
    report_print(&report, load, tool->is_json);
    tool->has_printed = true;
    return load->errors == 0 ? TOOL_DONE : TOOL_FAILED;
}

static enum tool_exit run_load(struct tool *tool, int argc, const char **argv)
{
    struct options options = defaults();
    enum tool_exit result;
    if (!parse(tool, argc, argv, &options, &result)) {
        options_clear(&options);
        return result;
    }
    /* An open loop must be able to fall behind by a good second before calls wait to be issued. */
    if (options.rate > 0 && options.in_flight == IN_FLIGHT_DEFAULT) {
        options.in_flight = 16384;
    }
    result = TOOL_USAGE;
    struct load *load = calloc(1, sizeof(*load));
    struct workload workload = {.tool = tool,
                                .prefix = options.prefix ? options.prefix : "bench",
                                .conversations = (uint32_t)options.conversations,
                                .members = (uint32_t)options.members,
                                .body_bytes = (uint32_t)options.body_bytes,
                                .page_rows = (uint32_t)options.page_rows,
                                .messages = (uint32_t)options.messages,
                                .read_percent = (uint32_t)options.read_percent,
                                .random = load_now_us() | 1u};
    if (load && connect_client(tool, &options, &result)) {
        workload.client = tool->client;
        result = measure(tool, &options, &workload, load);
        load_clear(load);
    }
    workload_clear(&workload);
    free(load);
    options_clear(&options);
    return result;
}

static enum tool_exit run_floor(struct tool *tool, int argc, const char **argv)
{
    struct options options = defaults();
    enum tool_exit result;
    if (!parse(tool, argc, argv, &options, &result)) {
        options_clear(&options);
        return result;
    }
    struct bench_floor_options floor;
    struct bench_floor_result found = {0};
    bench_floor_defaults(&floor);
    floor.directory = options.directory ? options.directory : ".";
    floor.seconds = options.seconds;
    floor.body_bytes = (uint32_t)options.body_bytes;
    floor.conversations = (uint32_t)options.conversations;
    if (bench_floor(&floor, &found) != 0) {
        tool_say(tool, "floor: %s", found.text);
        result = TOOL_FAILED;
    } else {
        result = TOOL_DONE;
        report_print(&(struct report){.mode = "floor",
                                      .ops_per_s = found.ops_per_s,
                                      .p50_us = found.p50_us,
                                      .p99_us = found.p99_us,
                                      .p999_us = found.p999_us,
                                      .max_us = found.max_us,
                                      .node_cpu_us_per_op = found.node_cpu_us_per_op,
                                      .ops = found.ops,
                                      .seconds = options.seconds},
                     NULL, tool->is_json);
        tool->has_printed = true;
    }
    options_clear(&options);
    return result;
}

static enum tool_exit run_idle(struct tool *tool, int argc, const char **argv)
{
    struct options options = defaults();
    enum tool_exit result;
    options.connections = CONNECTIONS_IDLE_DEFAULT;
    bool is_ready = parse(tool, argc, argv, &options, &result) && tool_connect(tool, &result);
    options_clear(&options);
    if (!is_ready) {
        return result;
    }
    return idle_run(tool, (uint32_t)options.connections) ? TOOL_DONE : TOOL_FAILED;
}

static enum tool_exit run_mls(struct tool *tool, int argc, const char **argv)
{
    enum tool_exit result;
    if (!tool_parse(tool, argc, argv, NULL, 0, BENCH_MLS_SIZES_MAX, &result)) {
        return result;
    }
    if (tool->is_json) {
        return tool_wrong(tool, "mls prints text only");
    }
    return bench_mls(&bench_mls_full, (int)tool->argument_count, tool->arguments) == 0 ? TOOL_DONE
                                                                                       : TOOL_USAGE;
}

int main(int argc, char **argv)
{
    static const struct tool_manual manual = {
        .section = "1",
        .purpose = "load for a Columba cluster, measured",
        .description = "Sends, reads, or both, at a given rate or as fast as it goes, and prints "
                       "throughput, latencies and the nodes\\(aq CPU time for each operation.",
    };
    static const struct tool_command commands[] = {
#define X(name, function, arguments, text) {name, arguments, text, function},
        BENCH_COMMANDS(X)
#undef X
    };
    struct tool tool = {.program = "columba-bench", .manual = &manual};
    return (int)tool_run(&tool, argc, (const char **)(void *)argv, commands,
                         sizeof(commands) / sizeof(commands[0]));
}
