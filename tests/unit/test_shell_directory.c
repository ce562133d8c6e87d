/*
 * What an operator relies on: a data directory belongs to one node of one cluster under one
 * ownership, to one process at a time; it never forgets how often it was started, nor which data
 * directories the other nodes had; and its store is the one it had.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/shell/directory.h"
#include "node/shell/store_mark.h"
#include "tests/unit/directory.h"

/* In front of the C library's: what is asked of the disk, in its order. */
static char disk_calls[256];

static void disk_call(const char *name)
{
    size_t used = strlen(disk_calls);
    snprintf(disk_calls + used, sizeof disk_calls - used, "%s ", name);
}

__attribute__((visibility("default"))) int fsync(int fd)
{
    disk_call("sync");
    return (int)syscall(SYS_fsync, fd);
}

__attribute__((visibility("default"))) int rename(const char *from, const char *to)
{
    disk_call("rename");
    return (int)syscall(SYS_rename, from, to);
}

static char *place;
static char text[CONFIG_PROBLEM_BYTES];

static int make_place(void **state)
{
    (void)state;
    place = directory_create();
    return 0;
}

/* Of the next openings: the store they find (NULL: none is looked at), and --accept-data-loss. */
static struct engine *store;
static bool accepts_loss;

static int remove_place(void **state)
{
    (void)state;
    if (store != NULL) {
        store->table->close(store);
    }
    store = NULL;
    accepts_loss = false;
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
    const struct directory_options options = {
        .config = &config, .cluster = &cluster, .accepts_loss = accepts_loss};
    enum columba_error error = directory_open(&directory, &options, text);
    if (error == COLUMBA_OK && store != NULL) {
        error = directory_store_check(&directory, store, text);
    }
    if (error != expected) {
        fail_msg("expected %s, got %s: %s", error_name(expected), error_name(error), text);
    }
    uint64_t start_count = error == COLUMBA_OK ? directory.start_count : 0;
    if (out_kept != NULL && error == COLUMBA_OK) {
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
    identity_write("{\"format\": 3}");
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

#define A "node_name: a\n" NODES

static json_t *record_load(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/deep/er/node.json", place);
    json_t *record = json_load_file(path, 0, NULL);
    assert_non_null(record);
    return record;
}

static void record_save(json_t *record)
{
    char *json = json_dumps(record, 0);
    identity_write(json);
    free(json);
    json_decref(record);
}

static void refused(const char *expected)
{
    open_as(A, ERR_CORRUPT, NULL);
    if (strstr(text, expected) == NULL) {
        fail_msg("expected \"%s\" in: %s", expected, text);
    }
}

static void an_older_format_is_left_alone(void **state)
{
    (void)state;
    open_as(A, COLUMBA_OK, NULL);
    identity_write("{\"format\": 1}");
    open_as(A, ERR_OLDER_FORMAT, NULL);
    assert_non_null(strstr(text, "written by an older version"));
}

/* A counter that cannot be right would give numbers out twice. */
static void what_cannot_be_right_in_node_json_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *value; /* NULL: missing */
    } wrong[] = {
        {"start_count", NULL},
        {"start_count", "0"},
        {"start_count", "-1"},
        {"start_count", "\"7\""},
        {"start_count", "3.5"},
        {"start_count", "9223372036854775807"},
        {"start_count", "16777215"},
        {"start_count", "true"},
        {"store_start", NULL},
        {"store_start", "-1"},
        {"store_start", "2"},
        {"store_start", "\"1\""},
        {"directory_id", NULL},
        {"directory_id", "\"x\""},
        {"directory_id", "1"},
        {"directory_id", "\"00000000-0000-0000-0000-000000000000\""},
        {"accepts_loss", NULL},
        {"is_admitted", "1"},
        {"known", NULL},
        {"known", "[]"},
        {"known", "{\"x\": \"y\"}"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        open_as(A, COLUMBA_OK, NULL);
        json_t *whole = record_load();
        json_t *damaged = json_deep_copy(whole);
        json_object_set_new(damaged, "start_count", json_integer(1));
        json_object_del(damaged, wrong[i].key);
        if (wrong[i].value != NULL) {
            json_object_set_new(damaged, wrong[i].key,
                                json_loads(wrong[i].value, JSON_DECODE_ANY, NULL));
        }
        record_save(damaged);
        refused(wrong[i].key);
        assert_non_null(strstr(text, "Bring back a copy of node.json"));
        record_save(whole);
    }
}

static void a_store_that_was_emptied_is_noticed(void **state)
{
    (void)state;
    store = engine_memory_open(memory_system());
    assert_int_equal(open_as(A, COLUMBA_OK, NULL), 1);
    assert_int_equal(open_as(A, COLUMBA_OK, NULL), 2);
    store->table->close(store);
    store = engine_memory_open(memory_system());
    refused("its store has been emptied");
    assert_non_null(strstr(text, "--accept-data-loss"));
    refused("its store has been emptied"); /* trying again does not make it its own */
}

/* Nothing was acknowledged before the store was there. */
static void a_first_start_that_ended_early_is_no_damage(void **state)
{
    (void)state;
    assert_int_equal(open_as(A, COLUMBA_OK, NULL), 1);
    store = engine_memory_open(memory_system());
    assert_int_equal(open_as(A, COLUMBA_OK, NULL), 2);
}

static void another_directorys_store_is_noticed(void **state)
{
    (void)state;
    store = engine_memory_open(memory_system());
    open_as(A, COLUMBA_OK, NULL);
    json_t *record = record_load();
    json_object_set_new(record, "directory_id",
                        json_string("01234567-89ab-7def-8123-456789abcdef"));
    record_save(record);
    refused("another data directory's");
}

static void an_older_node_json_is_noticed(void **state)
{
    (void)state;
    store = engine_memory_open(memory_system());
    open_as(A, COLUMBA_OK, NULL);
    json_t *older = record_load();
    open_as(A, COLUMBA_OK, NULL);
    open_as(A, COLUMBA_OK, NULL);
    record_save(older);
    refused("node.json is older than the store");
}

static void an_older_store_is_noticed(void **state)
{
    (void)state;
    store = engine_memory_open(memory_system());
    open_as(A, COLUMBA_OK, NULL);
    open_as(A, COLUMBA_OK, NULL);
    const struct store_mark older = {.start_count = 1};
    struct store_mark mark;
    assert_int_equal(store_mark_get(store, &mark), COLUMBA_OK);
    assert_int_equal(mark.start_count, 2);
    mark.start_count = older.start_count;
    assert_int_equal(store_mark_set(store, &mark), COLUMBA_OK);
    refused("its store is older than node.json");
}

static enum identity_verdict meet(struct directory *directory, const struct id *host,
                                  uint64_t made_ms, bool accepts)
{
    enum identity_verdict verdict;
    const struct data_identity told = {.id = message_id_make(made_ms, 7, host),
                                       .accepts_loss = accepts};
    assert_int_equal(directory_meet(directory, host, &told, &verdict), COLUMBA_OK);
    return verdict;
}

static void the_other_nodes_directories_are_remembered(void **state)
{
    (void)state;
    const struct id host = id_of_name(ID_HOST, slice_of_text("b"));
    const struct id other = id_of_name(ID_HOST, slice_of_text("c"));
    struct directory directory;
    open_as(A, COLUMBA_OK, &directory);
    assert_int_equal(meet(&directory, &host, 1000, false), IDENTITY_FIRST);
    assert_int_equal(meet(&directory, &host, 1000, false), IDENTITY_KNOWN);
    directory_close(&directory);
    open_as(A, COLUMBA_OK, &directory);
    assert_int_equal(meet(&directory, &host, 1000, false), IDENTITY_KNOWN);
    assert_int_equal(meet(&directory, &host, 2000, false), IDENTITY_WIPED);
    assert_int_equal(meet(&directory, &other, 2000, false), IDENTITY_FIRST);
    assert_int_equal(meet(&directory, &host, 1000, false), IDENTITY_KNOWN);
    directory_close(&directory);
}

/* On purpose is for once: the directory before, and the one between, stay refused. */
static void a_lost_directory_is_replaced_on_purpose_only(void **state)
{
    (void)state;
    const struct id host = id_of_name(ID_HOST, slice_of_text("b"));
    struct directory directory;
    open_as(A, COLUMBA_OK, &directory);
    assert_int_equal(meet(&directory, &host, 1000, false), IDENTITY_FIRST);
    assert_int_equal(meet(&directory, &host, 2000, true), IDENTITY_REPLACED);
    assert_int_equal(meet(&directory, &host, 2000, true), IDENTITY_KNOWN);
    assert_int_equal(meet(&directory, &host, 1000, false), IDENTITY_WIPED);
    assert_int_equal(meet(&directory, &host, 3000, true), IDENTITY_REPLACED);
    assert_int_equal(meet(&directory, &host, 2000, true), IDENTITY_WIPED);
    directory_close(&directory);
}

static void no_directory_at_all_is_refused(void **state)
{
    (void)state;
    const struct id host = id_of_name(ID_HOST, slice_of_text("b"));
    const struct data_identity none = {.accepts_loss = true};
    enum identity_verdict verdict;
    struct directory directory;
    open_as(A, COLUMBA_OK, &directory);
    assert_int_equal(directory_meet(&directory, &host, &none, &verdict), COLUMBA_OK);
    assert_int_equal(verdict, IDENTITY_WIPED);
    directory_close(&directory);
}

static void loss_is_accepted_by_a_directory_nobody_has_met(void **state)
{
    (void)state;
    struct directory directory;
    open_as(A, COLUMBA_OK, &directory);
    assert_false(directory.identity.accepts_loss);
    directory_close(&directory);
    accepts_loss = true; /* the first try was refused by the others */
    open_as(A, COLUMBA_OK, &directory);
    assert_true(directory.identity.accepts_loss);
    assert_int_equal(directory_admit(&directory, text), COLUMBA_OK);
    directory_close(&directory);
    accepts_loss = false;
    open_as(A, COLUMBA_OK, &directory);
    assert_true(directory.is_admitted);
    assert_true(directory.identity.accepts_loss); /* for nodes that were down meanwhile */
    directory_close(&directory);
}

static void a_directory_in_use_accepts_no_loss(void **state)
{
    (void)state;
    struct directory directory;
    open_as(A, COLUMBA_OK, &directory);
    assert_int_equal(directory_admit(&directory, text), COLUMBA_OK);
    directory_close(&directory);
    accepts_loss = true;
    open_as(A, COLUMBA_OK, &directory);
    assert_false(directory.identity.accepts_loss);
    directory_close(&directory);
}

static void two_directories_have_two_ids(void **state)
{
    (void)state;
    struct directory directory;
    open_as(A, COLUMBA_OK, &directory);
    struct id first = directory.identity.id;
    directory_close(&directory);
    open_as(A, COLUMBA_OK, &directory);
    assert_true(id_equal(&first, &directory.identity.id));
    directory_close(&directory);
    remove_place(state);
    make_place(state);
    open_as(A, COLUMBA_OK, &directory);
    assert_false(id_equal(&first, &directory.identity.id));
    directory_close(&directory);
}

/* A name that points to what is not on the disk yet is a file of zeros after a power loss. */
static void node_json_is_synced_before_and_after_it_gets_its_name(void **state)
{
    (void)state;
    open_as(A, COLUMBA_OK, NULL);
    disk_calls[0] = '\0';
    open_as(A, COLUMBA_OK, NULL);
    assert_string_equal(disk_calls, "sync rename sync ");
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
        TEST(an_older_format_is_left_alone),
        TEST(what_cannot_be_right_in_node_json_is_refused),
        TEST(a_store_that_was_emptied_is_noticed),
        TEST(a_first_start_that_ended_early_is_no_damage),
        TEST(another_directorys_store_is_noticed),
        TEST(an_older_node_json_is_noticed),
        TEST(an_older_store_is_noticed),
        TEST(the_other_nodes_directories_are_remembered),
        TEST(a_lost_directory_is_replaced_on_purpose_only),
        TEST(no_directory_at_all_is_refused),
        TEST(loss_is_accepted_by_a_directory_nobody_has_met),
        TEST(a_directory_in_use_accepts_no_loss),
        TEST(two_directories_have_two_ids),
        TEST(node_json_is_synced_before_and_after_it_gets_its_name),
        TEST(a_directory_that_cannot_be_made_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
