/* What only the engine on a disk can meet: other formats, other processes, damage. */
#include "rows.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "base/memory.h"
#include "engine_disk.h"
#include "node/store/data_format.h"
#include "node/store/key.h"

/* In front of the C library's: the disk of these tests, if its size is not 0. In MiB. */
static unsigned disk_total;
static unsigned disk_free;

__attribute__((visibility("default"))) int statvfs(const char *path, struct statvfs *out_space)
{
    (void)path;
    *out_space = (struct statvfs){
        .f_frsize = MIB, .f_bsize = MIB, .f_blocks = disk_total, .f_bavail = disk_free};
    return 0;
}

static char *file_path(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void file_write(const char *name, const char *content)
{
    FILE *file = fopen(file_path(name), "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_file(const char *name, const char *content)
{
    char read[256] = "";
    FILE *file = fopen(file_path(name), "r");
    assert_non_null(file);
    assert_true(fread(read, 1, sizeof(read) - 1, file) > 0);
    fclose(file);
    assert_string_equal(read, content);
}

static void a_new_directory_gets_this_format_file(void **state)
{
    (void)state;
    struct engine *engine = opened();
    engine->table->close(engine);
    assert_file("FORMAT",
                "columba data directory\nformat 5\nwritten by columba " COLUMBA_VERSION "\n");
    engine = opened();
    engine->table->close(engine);
}

static void a_newer_format_is_refused_and_the_writer_named(void **state)
{
    (void)state;
    struct engine *engine = NULL;
    file_write("FORMAT", "columba data directory\nformat 1000\nwritten by columba 9.8.7\n");
    assert_int_equal(open_engine(&engine), ERR_NEWER_FORMAT);
    assert_non_null(strstr(text, "columba 9.8.7"));
    assert_non_null(strstr(text, directory));
    assert_int_not_equal(access(file_path("CURRENT"), F_OK), 0);
}

static void an_older_format_is_refused_and_the_writer_named(void **state)
{
    (void)state;
    struct engine *engine = NULL;
    file_write("FORMAT", "columba data directory\nformat 1\nwritten by columba 0.0.1\n");
    assert_int_equal(open_engine(&engine), ERR_OLDER_FORMAT);
    assert_non_null(strstr(text, "columba 0.0.1"));
}

static void a_damaged_format_file_is_refused(void **state)
{
    (void)state;
    static const char *const damaged[] = {
        "",
        "columba data directory\n",
        "columba data directory\nformat \n",
        "columba data directory\nformat 0\nwritten by x\n",
        "columba data directory\nformat 1\n",
        "columba data directory\nformat 1\nwritten by \n",
        "columba data directory\nformat 1\nwritten by half a li",
        "something else\n",
    };
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        struct engine *engine = NULL;
        file_write("FORMAT", damaged[i]);
        assert_int_equal(open_engine(&engine), ERR_CORRUPT);
        assert_non_null(strstr(text, directory));
    }
}

static void a_database_of_somebody_else_is_refused(void **state)
{
    (void)state;
    struct engine *engine = NULL;
    file_write("CURRENT", "MANIFEST-000004\n");
    assert_int_equal(open_engine(&engine), ERR_CORRUPT);
    assert_non_null(strstr(text, "not Columba's"));
}

static void a_directory_that_is_not_there_is_told(void **state)
{
    (void)state;
    const struct engine_rocksdb_options options = {.directory = "/nonexistent/columba"};
    struct engine *engine = NULL;
    assert_int_equal(engine_rocksdb_open(&options, &engine, text), ERR_IO);
    assert_non_null(strstr(text, "/nonexistent/columba"));
}

static void a_directory_in_use_is_refused(void **state)
{
    (void)state;
    struct engine *first = opened();
    struct engine *second = NULL;
    assert_int_equal(open_engine(&second), ERR_IN_USE);
    assert_non_null(strstr(text, directory));
    first->table->close(first);
}

static void damage_in_the_database_is_told(void **state)
{
    (void)state;
    struct engine *engine = opened();
    engine->table->close(engine);
    file_write("CURRENT", "nonsense");
    assert_int_not_equal(open_engine(&engine), COLUMBA_OK);
    assert_non_null(strstr(text, directory));
}

static struct key_bytes conversation_key(uint64_t token)
{
    const struct row_key key = {.token = token, .table = TABLE_CONVERSATION};
    return row_key_encode(&key);
}

static bool visit_all(void *context, struct slice key, struct slice value)
{
    (void)key;
    (void)value;
    ++*(unsigned *)context;
    return true;
}

static void a_row_that_does_not_merge_is_told_and_not_dropped(void **state)
{
    (void)state;
    struct engine *engine = opened();
    const struct engine_table *table = engine->table;
    struct arena arena;
    arena_init(&arena, memory_system(), MIB);
    struct engine_batch *batch = table->batch_create(engine);
    struct key_bytes good = conversation_key(1);
    struct key_bytes bad = conversation_key(2);
    table->batch_merge(batch, key_slice(&good), row_build(&arena, NULL, 0));
    table->batch_merge(batch, key_slice(&bad), slice_of_text("no row"));
    assert_int_equal(table->commit(engine, batch, true), COLUMBA_OK);
    table->batch_destroy(batch);
    struct slice value;
    assert_int_equal(table->get(engine, SPACE_ROWS, TIER_ALL, key_slice(&good), &arena, &value),
                     COLUMBA_OK);
    assert_int_equal(table->get(engine, SPACE_ROWS, TIER_ALL, key_slice(&bad), &arena, &value),
                     ERR_CORRUPT);
    unsigned count = 0;
    const struct engine_scan scan = {.space = SPACE_ROWS,
                                     .begin = key_slice(&good),
                                     .end = slice_of_text("\xff"),
                                     .tier = TIER_ALL,
                                     .visit = visit_all,
                                     .context = &count};
    assert_int_equal(table->scan(engine, &scan), ERR_CORRUPT);
    assert_int_equal(count, 1);
    arena_clear(&arena);
    table->close(engine);
}

static void what_is_only_on_the_disk_is_not_in_memory(void **state)
{
    (void)state;
    struct engine *engine = opened();
    const struct engine_table *table = engine->table;
    struct engine_batch *batch = table->batch_create(engine);
    table->batch_put(batch, slice_of_text("key"), slice_of_text("value"));
    assert_int_equal(table->commit(engine, batch, true), COLUMBA_OK);
    table->batch_destroy(batch);
    assert_int_equal(table->flush(engine), COLUMBA_OK);
    table->close(engine);
    engine = opened();
    unsigned count = 0;
    struct engine_scan scan = {.space = SPACE_LOCAL,
                               .tier = TIER_MEMORY,
                               .begin = slice_of_text("a"),
                               .end = slice_of_text("z"),
                               .visit = visit_all,
                               .context = &count};
    assert_int_equal(engine->table->scan(engine, &scan), ERR_OVERLOADED);
    scan.tier = TIER_ALL;
    assert_int_equal(engine->table->scan(engine, &scan), COLUMBA_OK);
    scan.tier = TIER_MEMORY;
    assert_int_equal(engine->table->scan(engine, &scan), COLUMBA_OK);
    assert_int_equal(count, 2);
    engine->table->close(engine);
}

static enum columba_error put(struct engine *engine, const char *key, size_t value_size)
{
    static const uint8_t value[8 * KIB];
    struct engine_batch *batch = engine->table->batch_create(engine);
    engine->table->batch_put(batch, slice_of_text(key), slice_of(value, value_size));
    enum columba_error error = engine->table->commit(engine, batch, true);
    engine->table->batch_destroy(batch);
    return error;
}

static enum columba_error get(struct engine *engine, const char *key)
{
    struct arena arena;
    struct slice value;
    arena_init(&arena, memory_system(), MIB);
    enum columba_error error =
        engine->table->get(engine, SPACE_LOCAL, TIER_ALL, slice_of_text(key), &arena, &value);
    arena_clear(&arena);
    return error;
}

/* No file may grow past 4 KiB: what a full disk looks like to the log. */
static void after_a_failed_commit_the_engine_refuses_more_until_a_restart(void **state)
{
    (void)state;
    struct engine *engine = opened();
    assert_int_equal(put(engine, "before", 1), COLUMBA_OK);
    engine->table->failure(engine, text);
    assert_string_equal(text, "");

    struct rlimit unlimited;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    const struct rlimit small = {.rlim_cur = 4 * KIB, .rlim_max = unlimited.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(put(engine, "failed", 8 * KIB), ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    signal(SIGXFSZ, SIG_DFL);

    engine->table->failure(engine, text);
    assert_string_not_equal(text, "");
    assert_int_equal(put(engine, "refused", 1), ERR_IO);
    assert_int_equal(engine->table->sync(engine), ERR_IO);
    assert_int_equal(get(engine, "before"), COLUMBA_OK);
    engine->table->close(engine);

    engine = opened();
    assert_int_equal(get(engine, "before"), COLUMBA_OK);
    assert_int_equal(get(engine, "refused"), ERR_NOT_FOUND);
    assert_int_equal(put(engine, "after", 1), COLUMBA_OK);
    engine->table->close(engine);
}

/* Pages are read through filters on the partition; every way of asking must find every row. */
static void partitions_spread_over_many_files_are_found(void **state)
{
    (void)state;
    struct engine *engine = opened();
    const struct engine_table *table = engine->table;
    struct arena arena;
    arena_init(&arena, memory_system(), MIB);
    for (uint64_t file = 0; file < 4; file++) {
        struct engine_batch *batch = table->batch_create(engine);
        for (uint64_t token = file; token < 40; token += 1 + file) {
            struct key_bytes key = conversation_key(token);
            struct cell cell = {
                .column = COLUMN_CONVERSATION_KIND, .timestamp = file, .value = slice_of_text("2")};
            table->batch_merge(batch, key_slice(&key), row_build(&arena, &cell, 1));
        }
        assert_int_equal(table->commit(engine, batch, true), COLUMBA_OK);
        table->batch_destroy(batch);
        if (file < 3) {
            assert_int_equal(table->flush(engine), COLUMBA_OK);
        }
    }
    for (uint64_t token = 0; token < 40; token++) {
        for (unsigned way = 0; way < 4; way++) {
            struct key_bytes begin = conversation_key(token);
            struct key_bytes end = conversation_key(token + 1);
            end.size = way < 2 ? end.size : (uint8_t)8; /* the next prefix, or shorter */
            unsigned count = 0;
            const struct engine_scan scan = {.space = SPACE_ROWS,
                                             .tier = TIER_ALL,
                                             .backwards = way % 2 == 1,
                                             .begin = key_slice(&begin),
                                             .end = key_slice(&end),
                                             .visit = visit_all,
                                             .context = &count};
            assert_int_equal(table->scan(engine, &scan), COLUMBA_OK);
            assert_int_equal(count, 1);
        }
    }
    arena_clear(&arena);
    table->close(engine);
}

static void conversation_write(struct engine *engine, uint64_t token, uint8_t column, uint64_t time,
                               const char *value)
{
    struct arena arena;
    arena_init(&arena, memory_system(), MIB);
    struct key_bytes key = conversation_key(token);
    const struct cell cell = {.column = column, .timestamp = time, .value = slice_of_text(value)};
    struct engine_batch *batch = engine->table->batch_create(engine);
    engine->table->batch_merge(batch, key_slice(&key), row_build(&arena, &cell, 1));
    assert_int_equal(engine->table->commit(engine, batch, true), COLUMBA_OK);
    engine->table->batch_destroy(batch);
    arena_clear(&arena);
}

static void assert_cell(struct engine *engine, uint64_t token, uint8_t column, const char *expected)
{
    struct arena arena;
    struct slice row;
    struct cell cell;
    arena_init(&arena, memory_system(), MIB);
    struct key_bytes key = conversation_key(token);
    assert_int_equal(
        engine->table->get(engine, SPACE_ROWS, TIER_ALL, key_slice(&key), &arena, &row),
        COLUMBA_OK);
    assert_true(row_find(row, column, &cell));
    assert_true(slice_equal(cell.value, slice_of_text(expected)));
    arena_clear(&arena);
}

/*
 * Files that overlap, so that compaction has to merge and cannot only move them: what comes out is
 * a plain value, and later writes are merged with that.
 */
static void a_row_that_was_compacted_keeps_its_cells_at_the_next_write(void **state)
{
    (void)state;
    struct engine *engine = opened();
    for (uint64_t time = 1; time <= 3; time++) {
        for (uint64_t token = 1; token <= 3; token++) {
            conversation_write(engine, token, COLUMN_CONVERSATION_KIND, time, "2");
            conversation_write(engine, token, COLUMN_CONVERSATION_NAME, 10 - time,
                               time == 3 ? "first" : "later");
        }
        assert_int_equal(engine->table->flush(engine), COLUMBA_OK);
    }
    assert_int_equal(engine->table->compact(engine), COLUMBA_OK);
    for (uint64_t token = 1; token <= 3; token++) {
        conversation_write(engine, token, COLUMN_CONVERSATION_KIND, 9, "3");
    }
    /* Merged at the read, by a flush with a second compaction, and after a restart. */
    for (unsigned round = 0; round < 3; round++) {
        for (uint64_t token = 1; token <= 3; token++) {
            assert_cell(engine, token, COLUMN_CONVERSATION_NAME, "first");
            assert_cell(engine, token, COLUMN_CONVERSATION_KIND, "3");
        }
        assert_int_equal(engine->table->flush(engine), COLUMBA_OK);
        assert_int_equal(engine->table->compact(engine), COLUMBA_OK);
        engine->table->close(engine);
        engine = opened();
    }
    engine->table->close(engine);
}

/* Each file has the rows of every third partition only, so its filter knows no other prefix. */
static void a_range_of_partitions_is_read_whole_wherever_it_begins(void **state)
{
    (void)state;
    struct engine *engine = opened();
    for (uint64_t file = 0; file < 3; file++) {
        for (uint64_t token = file; token < 30; token += 3) {
            conversation_write(engine, token, COLUMN_CONVERSATION_KIND, 1, "2");
        }
        assert_int_equal(engine->table->flush(engine), COLUMBA_OK);
    }
    for (uint64_t first = 0; first < 28; first++) {
        struct key_bytes begin = conversation_key(first);
        struct key_bytes end = conversation_key(30);
        unsigned count = 0;
        const struct engine_scan scan = {.space = SPACE_ROWS,
                                         .tier = TIER_ALL,
                                         .begin = key_slice(&begin),
                                         .end = key_slice(&end),
                                         .visit = visit_all,
                                         .context = &count};
        assert_int_equal(engine->table->scan(engine, &scan), COLUMBA_OK);
        assert_int_equal(count, 30 - first);
    }
    engine->table->close(engine);
}

static bool is_full_with(struct engine *engine, unsigned free_mib)
{
    disk_free = free_mib;
    return engine->table->is_full(engine);
}

/* A twentieth of 1,000 MiB is the reserve, and a quarter of it must be free above. */
static void a_disk_is_full_below_its_reserve_and_has_room_well_above(void **state)
{
    (void)state;
    struct engine *engine = opened();
    disk_total = 1000;
    assert_false(is_full_with(engine, 50));
    assert_true(is_full_with(engine, 49));
    assert_true(is_full_with(engine, 61));
    assert_false(is_full_with(engine, 63));
    assert_false(is_full_with(engine, 50));
    disk_total = 1000000; /* at most 1 GiB */
    assert_true(is_full_with(engine, 1023));
    assert_false(is_full_with(engine, 1281));
    engine->table->close(engine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_directory_gets_this_format_file),
        TEST(a_newer_format_is_refused_and_the_writer_named),
        TEST(an_older_format_is_refused_and_the_writer_named),
        TEST(a_damaged_format_file_is_refused),
        TEST(a_database_of_somebody_else_is_refused),
        TEST(a_directory_that_is_not_there_is_told),
        TEST(a_directory_in_use_is_refused),
        TEST(damage_in_the_database_is_told),
        TEST(a_row_that_does_not_merge_is_told_and_not_dropped),
        TEST(what_is_only_on_the_disk_is_not_in_memory),
        TEST(after_a_failed_commit_the_engine_refuses_more_until_a_restart),
        TEST(a_row_that_was_compacted_keeps_its_cells_at_the_next_write),
        TEST(a_range_of_partitions_is_read_whole_wherever_it_begins),
        TEST(a_disk_is_full_below_its_reserve_and_has_room_well_above),
        TEST(partitions_spread_over_many_files_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
