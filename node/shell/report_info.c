/* What a node tells of itself: counters, latencies, the engine, the process. */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "node/shell/node.h"
#include "node/shell/report.h"

static json_t *count_json(uint64_t count)
{
    return json_integer((json_int_t)count);
}

static json_t *core_counters_report(const struct node *node)
{
    struct core_counters counters;
    json_t *report = json_object();
    core_counters_get(node->core, &counters);
#define X(name, text) json_object_set_new(report, #name, count_json(counters.name));
    CORE_COUNTERS(X)
#undef X
    return report;
}

static json_t *shell_counters_report(struct node *node)
{
    json_t *report = json_object();
    const struct intake *intake = &node->intake;
    node->counters.requests = node->requests.count;
    node->counters.reads_queued = intake->reads;
    node->counters.batch_bytes = intake->batch_bytes;
    node->counters.output_bytes = intake->sides[INTAKE_CLIENTS].unsent_bytes;
    node->counters.peers_output_bytes = intake->sides[INTAKE_NODES].unsent_bytes;
#define X(name, text) json_object_set_new(report, #name, count_json(node->counters.name));
    SHELL_COUNTERS(X)
#undef X
    return report;
}

static json_t *texts_report(void)
{
    json_t *report = json_object();
#define X(name, text) json_object_set_new(report, #name, json_string(text));
    CORE_COUNTERS(X)
    SHELL_COUNTERS(X)
#undef X
    return report;
}

static json_t *latency_report(const struct histogram *histogram)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)histogram->count,
                     "p50_us", (json_int_t)histogram_quantile(histogram, 0.5), "p99_us",
                     (json_int_t)histogram_quantile(histogram, 0.99), "p999_us",
                     (json_int_t)histogram_quantile(histogram, 0.999), "max_us",
                     (json_int_t)histogram->max, "mean_us", (json_int_t)histogram_mean(histogram));
}

static json_t *latencies_report(const struct node *node)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "send",
                     latency_report(&node->latencies.of[LATENCY_SEND]), "read",
                     latency_report(&node->latencies.of[LATENCY_READ]), "write",
                     latency_report(&node->latencies.of[LATENCY_WRITE]), "commit",
                     latency_report(&node->latencies.of[LATENCY_COMMIT]));
}

static const char *engine_name(const struct node *node)
{
    return node->config->engine == ENGINE_MEMORY ? "memory" : "rocksdb";
}

static json_t *engine_report(const struct node *node)
{
    struct engine_stats stats = {0};
    node->engine->table->stats(node->engine, &stats);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", engine_name(node),
                     "bytes_on_disk", (json_int_t)stats.bytes_on_disk, "bytes_in_memory",
                     (json_int_t)stats.bytes_in_memory, "keys_estimate",
                     (json_int_t)stats.keys_estimate, "commits", (json_int_t)stats.commits,
                     "rows_written", (json_int_t)stats.rows_written, "compaction_pending_bytes",
                     (json_int_t)stats.compaction_pending_bytes, "block_cache_bytes",
                     (json_int_t)stats.block_cache_bytes);
}

static json_t *connections_report(const struct node *node)
{
    int counts[CONNECTION_STATES] = {0};
    list_for_each(at, &node->connections.all)
    {
        const struct connection *connection = container_of(at, struct connection, link);
        counts[connection->state]++;
    }
    return json_pack("{s:i, s:i, s:i, s:i}", "clients", counts[CONNECTION_CLIENT], "nodes",
                     counts[CONNECTION_NODE], "administrators", counts[CONNECTION_ADMINISTRATOR],
                     "handshakes", counts[CONNECTION_HANDSHAKE]);
}

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return 0;
    }
    if (fscanf(file, "%*u %llu", &pages) != 1) {
        pages = 0;
    }
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t time_us(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_usec;
}

static uint64_t core_thread_cpu_us(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000u + (uint64_t)used.tv_nsec / 1000u;
}

static json_t *process_report(struct node *node)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    uint64_t user_us = time_us(usage.ru_utime);
    uint64_t system_us = time_us(usage.ru_stime);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I}}", "uptime_ms",
                     (json_int_t)((uv_hrtime() - node->started_ns) / 1000000u), "rss_bytes",
                     (json_int_t)resident_bytes(), "cpu_us", (json_int_t)(user_us + system_us),
                     "cpu_user_us", (json_int_t)user_us, "cpu_system_us", (json_int_t)system_us,
                     "threads_cpu_us", "core", (json_int_t)core_thread_cpu_us(), "commit",
                     (json_int_t)committer_cpu_us(&node->committer));
}

json_t *report_info(struct node *node)
{
    static const char *const modes[] = {"normal", "draining", "drained", "stopping"};
    const struct topology *topology = node->topology;
    json_t *report = json_pack(
        "{s:o, s:o, s:o, s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "node",
        report_node(node, node->self), "cluster", report_text(topology->cluster_name), "keyspace",
        report_text(topology->keyspace), "version", COLUMBA_VERSION, "start_count",
        (json_int_t)node->directory.start_count, "mode", modes[node->mode], "connections",
        connections_report(node), "counters", core_counters_report(node), "shell",
        shell_counters_report(node), "texts", texts_report(), "latencies", latencies_report(node),
        "engine", engine_report(node), "open_files_max", (json_int_t)node->open_files_max,
        "connections_max", (json_int_t)node->connections_max, "clock", clock_watch_report(node));
    if (report != NULL) {
        json_object_update_new(report, process_report(node));
    }
    return report;
}

json_t *report_version(const struct node *node)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:s}", "version", COLUMBA_VERSION, "protocol_min",
                     (int)PROTOCOL_VERSION_MIN, "protocol_max", (int)PROTOCOL_VERSION_MAX,
                     "frame_format", (int)FRAME_FORMAT, "engine", engine_name(node));
}
