/*
 * What an operator relies on: a data directory belongs to one node of one cluster under one
 * ownership, to one process at a time, and it never forgets how often it was started.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/shell/directory.h"
#include "tests/unit/directory.h"

static char *place;
static char text[CONFIG_PROBLEM_BYTES];

static int make_place(void **state)
{
    (void)state;
    place = directory_create();
    return 0;
}

static int remove_place(void **state)
{
    (void)state;
    directory_destroy(place);
    return 0;
}

#define NODES                                                                                      \
    "nodes:\n  - {name: a, address: 127.0.0.1, rack: r1}\n"                                        \
    "  - {name: b, address: 127.0.0.2, rack: r2}\n"

/* Opens the place as this configuration says, closes it again and returns the start count; 0: it
 * was refused, `text` says why. */
static uint64_t open_as(const char *yaml, enum columba_error expected, struct directory *out_kept)
{
    static struct config_problem problem;
    char whole[4096];
    struct config config;
    struct cluster cluster;
    struct directory directory = {.lock = -1};
    snprintf(whole, sizeof whole, "data_directory: \"%s/deep/er\"\n%s", place, yaml);
    if (config_parse(&config, "c.yaml", slice_of_text(whole), &problem) != COLUMBA_OK) {
        fail_msg("%s", problem.text);
    }
    assert_int_equal(cluster_init(&cluster, &config, text), COLUMBA_OK);
    enum columba_error error = directory_open(&directory, &config, &cluster, text);
    if (error != expected) {
        fail_msg("expected %s, got %s: %s", error_name(expected), error_name(error), text);
    }
    uint64_t start_count = error == COLUMBA_OK ? directory.start_count : 0;
    if (out_kept != NULL) {
        *out_kept = directory;
    } else {
        directory_close(&directory);
    }
    cluster_clear(&cluster);
    config_clear(&config);
    return start_count;
}

static void identity_write(const char *json)
{
    char path[512];
    snprintf(path, sizeof path, "%s/deep/er/node.json", place);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(json, file);
    fclose(file);
}

static void every_start_is_counted(void **state)
{
    (void)state;
    assert_int_equal(open_as("node_name: a\n" NODES, COLUMBA_OK, NULL), 1);
    assert_int_equal(open_as("node_name: a\n" NODES, COLUMBA_OK, NULL), 2);
    assert_int_equal(open_as("node_name: a\n" NODES, COLUMBA_OK, NULL), 3);
}

static void two_processes_cannot_share_it(void **state)
{
    (void)state;
    struct directory first;
    open_as("node_name: a\n" NODES, COLUMBA_OK, &first);
    open_as("node_name: a\n" NODES, ERR_IN_USE, NULL);
    assert_non_null(strstr(text, "in use by another node (process "));
    assert_non_null(strstr(text, "data_directory of its own"));
    directory_close(&first);
    assert_int_equal(open_as("node_name: a\n" NODES, COLUMBA_OK, NULL), 2);
}

static const struct change {
    const char *yaml;
    const char *text;
} changes[] = {
    {"cluster_name: other\nnode_name: a\n" NODES, "belongs to another cluster"},
    {"node_name: b\n" NODES, "belongs to another node"},
    {"node_name: a\nkeyspace: {name: mail}\n" NODES, "another keyspace"},
    {"node_name: a\nkeyspace: {replication_factor: 2}\n" NODES, "another replication"},
    {"node_name: a\nnum_tokens: 8\n" NODES, "another num_tokens"},
    {"node_name: a\n" NODES "  - {name: c, address: 127.0.0.3}\n", "another list of nodes"},
    {"node_name: a\nnodes:\n  - {name: a, address: 127.0.0.1, rack: r1}\n"
     "  - {name: b, address: 127.0.0.2, rack: r1}\n",
     "another list of nodes"},
};

static void another_ownership_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    open_as("node_name: a\n" NODES, COLUMBA_OK, NULL);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        open_as(changes[i].yaml, ERR_CONFIGURATION, NULL);
        if (strstr(text, changes[i].text) == NULL) {
            fail_msg("expected \"%s\", got \"%s\"", changes[i].text, text);
        }
    }
    assert_int_equal(open_as("node_name: a\n" NODES, COLUMBA_OK, NULL), 2);
}

static void another_address_is_no_other_ownership(void **state)
{
    (void)state;
    open_as("node_name: a\n" NODES, COLUMBA_OK, NULL);
    assert_int_equal(open_as("node_name: a\nnodes:\n  - {name: b, address: 127.0.0.9, rack: r2}\n"
                             "  - {name: a, address: 127.0.0.8, rack: r1}\n",
                             COLUMBA_OK, NULL),
                     2);
}

static void a_newer_format_is_left_alone(void **state)
{
    (void)state;
    open_as("node_name: a\n" NODES, COLUMBA_OK, NULL);
    identity_write("{\"format\": 2}");
    open_as("node_name: a\n" NODES, ERR_NEWER_FORMAT, NULL);
    assert_non_null(strstr(text, "written by a newer version"));
}

static void a_damaged_identity_is_told(void **state)
{
    (void)state;
    open_as("node_name: a\n" NODES, COLUMBA_OK, NULL);
    identity_write("{\"format\": 1, \"clus");
    open_as("node_name: a\n" NODES, ERR_CORRUPT, NULL);
    assert_non_null(strstr(text, "node.json is damaged"));
}

static void a_lost_identity_is_not_made_anew_over_a_store(void **state)
{
    (void)state;
    char path[512];
    open_as("node_name: a\n" NODES, COLUMBA_OK, NULL);
    snprintf(path, sizeof path, "%s/deep/er/node.json", place);
    assert_int_equal(remove(path), 0);
    open_as("node_name: a\n" NODES, ERR_CORRUPT, NULL);
    assert_non_null(strstr(text, "node.json is missing"));
}

static void a_directory_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/deep", place);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    open_as("node_name: a\n" NODES, ERR_IO, NULL);
    assert_non_null(strstr(text, "Not a directory"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        TEST(every_start_is_counted),
        TEST(two_processes_cannot_share_it),
        TEST(another_ownership_is_refused_and_changes_nothing),
        TEST(another_address_is_no_other_ownership),
        TEST(a_newer_format_is_left_alone),
        TEST(a_damaged_identity_is_told),
        TEST(a_lost_identity_is_not_made_anew_over_a_store),
        TEST(a_directory_that_cannot_be_made_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
