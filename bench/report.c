#include "bench/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "bench/workload.h"

static struct histogram merged(const struct load *load)
{
    struct histogram all = load->latencies[0];
    for (uint32_t kind = 1; kind < LOAD_KINDS_MAX; kind++) {
        histogram_merge(&all, &load->latencies[kind]);
    }
    return all;
}

struct report report_of_load(const char *mode, const struct load *load)
{
    static struct histogram all;
    all = merged(load);
    double operations = (double)(load->cpu_to.operations - load->cpu_from.operations);
    operations = operations > 0 ? operations : 1;
    return (struct report){
        .mode = mode,
        .ops_per_s = (double)load->done / load->options.seconds,
        .p50_us = (double)histogram_quantile(&all, 0.5),
        .p99_us = (double)histogram_quantile(&all, 0.99),
        .p999_us = (double)histogram_quantile(&all, 0.999),
        .max_us = (double)all.max,
        .errors = load->errors,
        .node_cpu_us_per_op =
            (double)(load->cpu_to.nodes_us - load->cpu_from.nodes_us) / operations,
        .generator_cpu_us_per_op =
            (double)(load->cpu_to.generator_us - load->cpu_from.generator_us) / operations,
        .ops = load->done,
        .seconds = load->options.seconds,
        .rate_per_s = load->options.rate_per_s,
        .in_flight_max = load->options.in_flight_max,
    };
}

static json_t *kind_json(const struct histogram *latencies, double seconds)
{
    return json_pack("{s:f, s:I, s:I, s:I, s:I}", "ops_per_s", (double)latencies->count / seconds,
                     "p50_us", (json_int_t)histogram_quantile(latencies, 0.5), "p99_us",
                     (json_int_t)histogram_quantile(latencies, 0.99), "p999_us",
                     (json_int_t)histogram_quantile(latencies, 0.999), "max_us",
                     (json_int_t)latencies->max);
}

static bool has_two_kinds(const struct load *load)
{
    return load && load->latencies[WORKLOAD_SEND].count && load->latencies[WORKLOAD_READ].count;
}

static void print_json(const struct report *report, const struct load *load)
{
    json_t *object = json_pack(
        "{s:s, s:f, s:f, s:f, s:f, s:f, s:I, s:f, s:f, s:I, s:f, s:f, s:i}", "mode", report->mode,
        "ops_per_s", report->ops_per_s, "p50_us", report->p50_us, "p99_us", report->p99_us,
        "p999_us", report->p999_us, "max_us", report->max_us, "errors", (json_int_t)report->errors,
        "node_cpu_us_per_op", report->node_cpu_us_per_op, "generator_cpu_us_per_op",
        report->generator_cpu_us_per_op, "ops", (json_int_t)report->ops, "seconds", report->seconds,
        "rate_per_s", report->rate_per_s, "in_flight_max", (int)report->in_flight_max);
    if (has_two_kinds(load)) {
        json_object_set_new(object, "send",
                            kind_json(&load->latencies[WORKLOAD_SEND], report->seconds));
        json_object_set_new(object, "read",
                            kind_json(&load->latencies[WORKLOAD_READ], report->seconds));
    }
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
}

static void print_kind(const char *name, const struct histogram *latencies)
{
    printf("  %-6s %" PRIu64 " ops, p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms, max %.1f ms\n", name,
           latencies->count, (double)histogram_quantile(latencies, 0.5) / 1e3,
           (double)histogram_quantile(latencies, 0.99) / 1e3,
           (double)histogram_quantile(latencies, 0.999) / 1e3, (double)latencies->max / 1e3);
}

void report_print(const struct report *report, const struct load *load, bool is_json)
{
    if (is_json) {
        print_json(report, load);
        return;
    }
    printf("%s: %.0f ops/s over %.1f s, %" PRIu64 " errors\n", report->mode, report->ops_per_s,
           report->seconds, report->errors);
    printf("  latency p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max %.2f ms\n", report->p50_us / 1e3,
           report->p99_us / 1e3, report->p999_us / 1e3, report->max_us / 1e3);
    printf("  CPU: %.1f us of all nodes an op, %.1f us of the generator\n",
           report->node_cpu_us_per_op, report->generator_cpu_us_per_op);
    if (has_two_kinds(load)) {
        print_kind("send", &load->latencies[WORKLOAD_SEND]);
        print_kind("read", &load->latencies[WORKLOAD_READ]);
    }
}
