/*
 * `columbactl info` and `describecluster`: lines of a name and a value.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "client/tools/columbactl_tables.h"

#define NAME_WIDTH 26

static void line(const char *name, const char *value)
{
    printf("%-*s : %s\n", NAME_WIDTH, name, value);
}

static json_int_t integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void line_number(const char *name, json_int_t value)
{
    printf("%-*s : %" JSON_INTEGER_FORMAT "\n", NAME_WIDTH, name, value);
}

static void line_bytes(const char *name, const json_t *value)
{
    char text[SHOW_BYTES];
    show_bytes(value, text);
    line(name, text);
}

static void line_seconds(const char *name, json_int_t value, double divisor)
{
    printf("%-*s : %.1f s\n", NAME_WIDTH, name, (double)value / divisor);
}

static void info_counters(const char *title, const json_t *counters, const json_t *texts)
{
    const char *name;
    json_t *value;
    printf("\n%s\n", title);
    json_object_foreach((json_t *)(uintptr_t)counters, name, value)
    {
        const char *text = json_string_value(json_object_get(texts, name));
        printf("  %-*s %12" JSON_INTEGER_FORMAT "  %s\n", NAME_WIDTH - 2, name,
               json_integer_value(value), text ? text : "");
    }
}

static void info_latencies(const json_t *latencies)
{
    const char *name;
    json_t *value;
    printf("\nLatencies (us)%*s %12s %9s %9s %9s %9s\n", NAME_WIDTH - 14, "", "count", "p50", "p99",
           "p99.9", "max");
    json_object_foreach((json_t *)(uintptr_t)latencies, name, value)
    {
        printf("  %-*s %12" JSON_INTEGER_FORMAT " %9" JSON_INTEGER_FORMAT " %9" JSON_INTEGER_FORMAT
               " %9" JSON_INTEGER_FORMAT " %9" JSON_INTEGER_FORMAT "\n",
               NAME_WIDTH - 2, name, integer(value, "count"), integer(value, "p50_us"),
               integer(value, "p99_us"), integer(value, "p999_us"), integer(value, "max_us"));
    }
}

void show_info(const json_t *answer)
{
    const json_t *node = json_object_get(answer, "node");
    const json_t *engine = json_object_get(answer, "engine");
    const json_t *connections = json_object_get(answer, "connections");
    line("ID", show_text(node, "host_id"));
    line("Name", show_text(node, "name"));
    line("Address", show_text(node, "address"));
    line("Data Center", show_text(node, "datacenter"));
    line("Rack", show_text(node, "rack"));
    line("Cluster", show_text(answer, "cluster"));
    line("Keyspace", show_text(answer, "keyspace"));
    line("Version", show_text(answer, "version"));
    line("Mode", show_text(answer, "mode"));
    line_bytes("Load", json_object_get(node, "load_bytes"));
    line_seconds("Uptime", integer(answer, "uptime_ms"), 1e3);
    line_number("Starts", integer(answer, "start_count"));
    line_seconds("CPU time", integer(answer, "cpu_us"), 1e6);
    line_bytes("Resident memory", json_object_get(answer, "rss_bytes"));
    line_number("Client connections", integer(connections, "clients"));
    line_number("Node connections", integer(connections, "nodes"));
    line_number("Connections possible", integer(answer, "connections_max"));
    line_number("Open files possible", integer(answer, "open_files_max"));
    line("Engine", show_text(engine, "name"));
    line_bytes("  on disk", json_object_get(engine, "bytes_on_disk"));
    line_bytes("  in memory", json_object_get(engine, "bytes_in_memory"));
    line_bytes("  block cache", json_object_get(engine, "block_cache_bytes"));
    line_bytes("  compaction pending", json_object_get(engine, "compaction_pending_bytes"));
    line_number("  keys (estimate)", integer(engine, "keys_estimate"));
    line_number("  commits", integer(engine, "commits"));
    line_number("  rows written", integer(engine, "rows_written"));
    info_latencies(json_object_get(answer, "latencies"));
    info_counters("Counters", json_object_get(answer, "counters"),
                  json_object_get(answer, "texts"));
    info_counters("Connections and queues", json_object_get(answer, "shell"),
                  json_object_get(answer, "texts"));
}

static void cluster_versions(const json_t *versions)
{
    const char *version;
    json_t *nodes;
    puts("\nSoftware versions:");
    json_object_foreach((json_t *)(uintptr_t)versions, version, nodes)
    {
        size_t i;
        json_t *node;
        printf("\t%s: [", version);
        json_array_foreach(nodes, i, node)
        {
            printf("%s%s", i ? ", " : "", json_string_value(node));
        }
        puts("]");
    }
}

static void cluster_keyspace(const json_t *keyspace)
{
    const char *datacenter;
    json_t *factor;
    bool is_first = true;
    puts("\nKeyspaces:");
    printf("\t%s -> Replication: {", show_text(keyspace, "name"));
    json_object_foreach(json_object_get(keyspace, "replication"), datacenter, factor)
    {
        printf("%s%s: %" JSON_INTEGER_FORMAT, is_first ? "" : ", ", datacenter,
               json_integer_value(factor));
        is_first = false;
    }
    printf("}, read %s, write %s\n", show_text(keyspace, "read_consistency"),
           show_text(keyspace, "write_consistency"));
}

void show_cluster(const json_t *answer)
{
    size_t i;
    const json_t *datacenter;
    printf("Cluster Information:\n\tName: %s\n\tTopology version: %" JSON_INTEGER_FORMAT "\n",
           show_text(answer, "cluster"), integer(answer, "topology_version"));
    printf("\nStats for all nodes:\n\tLive: %" JSON_INTEGER_FORMAT
           "\n\tUnreachable: %" JSON_INTEGER_FORMAT "\n",
           integer(answer, "live"), integer(answer, "down"));
    puts("\nData Centers:");
    json_array_foreach(json_object_get(answer, "datacenters"), i, datacenter)
    {
        printf("\t%s #Nodes: %" JSON_INTEGER_FORMAT " #Replicas: %" JSON_INTEGER_FORMAT "\n",
               show_text(datacenter, "name"), integer(datacenter, "nodes"),
               integer(datacenter, "factor"));
    }
    cluster_versions(json_object_get(answer, "versions"));
    cluster_keyspace(json_object_get(answer, "keyspace"));
}
