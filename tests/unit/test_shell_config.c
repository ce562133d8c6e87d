/*
 * What an operator relies on: a small file is enough, everything has its documented default and its
 * unit, and every mistake is told with its line and with what would be right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/shell/config.h"
#include "node/shell/units.h"

#define SMALLEST "node_name: node1\ndata_directory: /tmp/d\n"

static struct config_problem problem;

static struct config parsed(const char *yaml)
{
    struct config config;
    enum columba_error error = config_parse(&config, "c.yaml", slice_of_text(yaml), &problem);
    if (error != COLUMBA_OK) {
        fail_msg("%s", problem.text);
    }
    return config;
}

static void refused(const char *yaml, const char *first, const char *second)
{
    struct config config;
    problem.text[0] = '\0';
    assert_int_equal(config_parse(&config, "c.yaml", slice_of_text(yaml), &problem),
                     ERR_CONFIGURATION);
    if (strstr(problem.text, first) != problem.text || strstr(problem.text, second) == NULL) {
        fail_msg("expected \"%s … %s\", got \"%s\"", first, second, problem.text);
    }
}

static void two_lines_are_a_node_with_the_documented_defaults(void **state)
{
    (void)state;
    struct config config = parsed(SMALLEST);
    assert_string_equal(config.cluster_name, "columba");
    assert_string_equal(config.listen_address.host, "127.0.0.1");
    assert_int_equal(config.listen_address.port, 7411);
    assert_int_equal(config.num_tokens, 16);
    assert_int_equal(config.write_timeout_ms, 2000);
    assert_int_equal(config.read_timeout_ms, 5000);
    assert_int_equal(config.fanout_members_max, 1024);
    assert_int_equal(config.commit_sync, COMMIT_SYNC_BATCH);
    assert_int_equal(config.node_count, 1);
    assert_string_equal(config.nodes[0].name, "node1");
    assert_int_equal(config.factor_count, 1);
    assert_string_equal(config.factors[0].datacenter, "dc1");
    assert_int_equal(config.factors[0].factor, 1);
    config_clear(&config);
    config = parsed(SMALLEST "nodes:\n  - {name: node1, address: 127.0.0.1}\n"
                             "  - {name: node2, address: 127.0.0.2}\n");
    assert_int_equal(config.factors[0].factor, 3);
    config_clear(&config);
}

static void quantities_have_units(void **state)
{
    (void)state;
    struct config config = parsed(SMALLEST "memtable_size: 128MiB\nprobe_interval: 200ms\n"
                                           "drain_timeout: 0\nlimits: {peer_output_max: 3 MB}\n"
                                           "takeover_delay: 1m\n");
    assert_int_equal(config.memtable_bytes, 128 * MIB);
    assert_int_equal(config.probe_interval_ms, 200);
    assert_int_equal(config.drain_timeout_ms, 0);
    assert_int_equal(config.peer_output_max_bytes, 3000000);
    assert_int_equal(config.takeover_delay_ms, 60000);
    config_clear(&config);
}

static void units_are_told_in_the_largest_that_loses_nothing(void **state)
{
    (void)state;
    char text[UNITS_TEXT_BYTES];
    units_format_bytes(64 * MIB, text);
    assert_string_equal(text, "64MiB");
    units_format_bytes(1000, text);
    assert_string_equal(text, "1000B");
    units_format_bytes(0, text);
    assert_string_equal(text, "0B");
    units_format_duration(30 * CONFIG_DAY_MS, text);
    assert_string_equal(text, "30d");
    units_format_duration(1500, text);
    assert_string_equal(text, "1500ms");
    uint64_t value;
    assert_false(units_parse_bytes("18446744073709551616B", &value));
    assert_false(units_parse_bytes("16777216TiB", &value));
    assert_true(units_parse_duration("2h", &value));
    assert_int_equal(value, 7200000);
}

static void the_node_takes_its_place_from_the_list(void **state)
{
    (void)state;
    struct config config =
        parsed("node_name: b\ndata_directory: d\nnodes:\n"
               "  - {name: a, address: 127.0.0.1:7411, datacenter: east, rack: r1}\n"
               "  - {name: b, address: '[::1]:7500', datacenter: west, rack: r2}\n"
               "keyspace:\n  replication: {east: 1, west: 1}\n");
    assert_int_equal(config.self, 1);
    assert_string_equal(config.datacenter, "west");
    assert_string_equal(config.rack, "r2");
    assert_string_equal(config.listen_address.host, "::1");
    assert_int_equal(config.listen_address.port, 7500);
    assert_int_equal(config.factor_count, 2);
    config_clear(&config);
}

static void units_of_a_thousand_and_of_1024_are_not_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = {{"1KB", 1000},
                 {"1KiB", 1024},
                 {"3MB", 3000000},
                 {"3MiB", 3145728},
                 {"1GB", 1000000000},
                 {"1GiB", 1073741824},
                 {"2TB", UINT64_C(2000000000000)},
                 {"2TiB", UINT64_C(2199023255552)},
                 {"77B", 77}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t bytes = 0;
        assert_true(units_parse_bytes(sizes[i].text, &bytes));
        assert_int_equal(bytes, sizes[i].bytes);
    }
}

static const struct mistake {
    const char *yaml;
    const char *place;
    const char *text;
} mistakes[] = {
    {"data_directory: d\n", "c.yaml: node_name", "must be given"},
    {"", "c.yaml: node_name", "must be given"},
    {SMALLEST "listne: 127.0.0.1\n", "c.yaml:3: listne: unknown key", "listen, "},
    {SMALLEST "limits:\n  conections_max: 3\n", "c.yaml:4: conections_max: unknown key in limits",
     "connections_max"},
    {SMALLEST "keyspace: {durable: true}\n", "c.yaml:3: durable: unknown key in keyspace",
     "replication_factor"},
    {SMALLEST "rack: a\n\nrack: b\n", "c.yaml:5: rack: given twice", "line 3"},
    {SMALLEST "num_tokens: many\n", "c.yaml:3: num_tokens: \"many\"", "from 1 to 256"},
    {SMALLEST "num_tokens: 0\n", "c.yaml:3: num_tokens", "from 1 to 256"},
    {SMALLEST "num_tokens: 257\n", "c.yaml:3: num_tokens", "from 1 to 256"},
    {SMALLEST "num_tokens: -1\n", "c.yaml:3: num_tokens", "from 1 to 256"},
    {SMALLEST "num_tokens: 1x\n", "c.yaml:3: num_tokens", "from 1 to 256"},
    {SMALLEST "num_tokens: [1]\n", "c.yaml:3: num_tokens", "not a list"},
    {SMALLEST "memtable_size: 64\n", "c.yaml:3: memtable_size", "with its unit"},
    {SMALLEST "memtable_size: 90x2\n", "c.yaml:3: memtable_size", "MiB"},
    {SMALLEST "memtable_size: 1KiB\n", "c.yaml:3: memtable_size", "from 1MiB to 16GiB"},
    {SMALLEST "write_timeout: 2 sec\n", "c.yaml:3: write_timeout", "ms, s, m, h or d"},
    {SMALLEST "commit_sync: never\n", "c.yaml:3: commit_sync", "one of batch, periodic"},
    {SMALLEST "insecure_listen: yes\n", "c.yaml:3: insecure_listen", "true or false"},
    {SMALLEST "keyspace: chat\n", "c.yaml:3: keyspace", "must be a map, not a single value"},
    {SMALLEST "nodes: 3\n", "c.yaml:3: nodes", "must be a list of nodes, not a single value"},
    {SMALLEST "rack: \"a\\0b\"\n", "c.yaml:3: rack", "not text with a NUL inside"},
    {SMALLEST "keyspace: {read_consistency: SERIAL}\n", "c.yaml:3: keyspace.read_consistency",
     "QUORUM"},
    {SMALLEST "rack: \"a\\0b\"\n", "c.yaml:3: rack", "NUL"},
    {SMALLEST "rack: \"a\\x07b\"\n", "c.yaml:3: rack", "without control characters"},
    {SMALLEST "listen: localhost:7411\n", "c.yaml:3: listen", "not an IP address"},
    {SMALLEST "listen: 127.0.0.1:70000\n", "c.yaml:3: listen", "not an IP address"},
    {SMALLEST "listen: 0.0.0.0:7411\n", "c.yaml:3: listen", "insecure_listen: true"},
    {SMALLEST "nodes: []\n", "c.yaml:3: nodes", "1 to 1024"},
    {SMALLEST "nodes: {}\n", "c.yaml:3: nodes", "must be a list of nodes, not a map"},
    {SMALLEST "nodes: [a]\n", "c.yaml:3: a node must be a map", "not a single value"},
    {SMALLEST "nodes:\n  - {name: node2, address: 127.0.0.1}\n", "c.yaml:1: node_name: node1",
     "line 3"},
    {SMALLEST "nodes:\n  - {name: node1}\n", "c.yaml:4: a node needs", "address"},
    {SMALLEST "nodes:\n  - {name: node1, address: 0.0.0.0}\n", "c.yaml:4: address", "can reach"},
    {SMALLEST "nodes:\n  - {name: node1, address: 127.0.0.1, port: 1}\n",
     "c.yaml:4: port: unknown key", "name, address, datacenter, rack"},
    {SMALLEST "nodes:\n  - {name: node1, address: 127.0.0.1}\n"
              "  - {name: node1, address: 127.0.0.2}\n",
     "c.yaml:5: two nodes", "node1"},
    {SMALLEST "nodes:\n  - {name: node1, address: 127.0.0.1}\n"
              "  - {name: node2, address: 127.0.0.1:7411}\n",
     "c.yaml:5: the nodes node1 and node2", "same address"},
    {SMALLEST "rack: r9\nnodes:\n  - {name: node1, address: 127.0.0.1, rack: r1}\n",
     "c.yaml:3: rack: \"r9\"", "r1"},
    {SMALLEST "keyspace: {replication: {mars: 3}}\n", "c.yaml:3: replication", "mars"},
    {SMALLEST "keyspace: {replication: {dc1: 17}}\n", "c.yaml:3: dc1", "0 to 16"},
    {SMALLEST "keyspace: {replication: {dc1: 0}}\n", "c.yaml:3: replication: 0 replicas",
     "1 to 16"},
    {SMALLEST "keyspace: {replication_factor: 3}\n", "c.yaml:3: replication",
     "a quorum of 3 replicas is 2, and the nodes can keep 1"},
    {SMALLEST "nodes:\n  - {name: node1, address: 127.0.0.1}\n", "c.yaml", "UNAVAILABLE"},
    {SMALLEST "keyspace: {replication: {dc1: 1}, replication_factor: 1}\n",
     "c.yaml:3: keyspace.replication_factor", "one of the two"},
    {SMALLEST "a: [b\n", "c.yaml:4: not valid YAML", "flow sequence"},
    {SMALLEST "\track: a\n", "c.yaml:3: not valid YAML", "tab"},
    {"- a\n", "c.yaml:1: a configuration is a map of options", "not a list"},
    {"? [a]\n: b\n", "c.yaml:1: a key must be a word", "not a list"},
    {SMALLEST "rack: *nowhere\n", "c.yaml:3: not valid YAML", "undefined alias"},
};

static void every_mistake_is_told_with_its_line_and_with_what_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        refused(mistakes[i].yaml, mistakes[i].place, mistakes[i].text);
    }
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    char yaml[20001];
    memset(yaml, '[', sizeof yaml - 1);
    yaml[sizeof yaml - 1] = '\0';
    refused(yaml, "c.yaml", "not valid YAML");
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct config config;
    assert_int_equal(config_load(&config, "/nonexistent/c.yaml", &problem), ERR_IO);
    assert_non_null(strstr(problem.text, "/nonexistent/c.yaml: cannot be read: No such file"));
}

static char *printed(const struct config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    config_print(config, out);
    fclose(out);
    return text;
}

static void what_is_printed_loads_as_the_same(void **state)
{
    (void)state;
    struct config config =
        parsed("node_name: \"b: \\\"2\\\"\"\ndata_directory: d\nmemtable_size: 65MiB\nnodes:\n"
               "  - {name: a, address: 127.0.0.1:7411, datacenter: east, rack: r1}\n"
               "  - {name: 'b: \"2\"', address: '[::1]:7500', datacenter: west, rack: r2}\n"
               "keyspace:\n  replication: {east: 1, west: 2}\n  write_consistency: ALL\n");
    char *first = printed(&config);
    struct config again = parsed(first);
    char *second = printed(&again);
    assert_string_equal(first, second);
    assert_int_equal(again.memtable_bytes, 65 * MIB);
    assert_int_equal(again.factors[1].factor, 2);
    assert_string_equal(again.nodes[1].name, "b: \"2\"");
    free(first);
    free(second);
    config_clear(&config);
    config_clear(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_lines_are_a_node_with_the_documented_defaults),
        cmocka_unit_test(quantities_have_units),
        cmocka_unit_test(units_are_told_in_the_largest_that_loses_nothing),
        cmocka_unit_test(the_node_takes_its_place_from_the_list),
        cmocka_unit_test(every_mistake_is_told_with_its_line_and_with_what_is_allowed),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(what_is_printed_loads_as_the_same),
        cmocka_unit_test(units_of_a_thousand_and_of_1024_are_not_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
