/*
 * What was synced is there at the next start, or the start is refused with a sentence that says so:
 * logs that are deleted, cut, damaged or older than they should be.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "engine_disk.h"
#include "node/store/key.h"
#include "node/store/row.h"

#define VALUE_BYTES 1000u

static unsigned syncs;

/* In front of the C library's: what the engine asks of the disk is counted. */
__attribute__((visibility("default"))) int fdatasync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

static void closed(struct engine *engine)
{
    engine->table->close(engine);
}

static void put(struct engine *engine, unsigned number, bool sync)
{
    static const uint8_t value[VALUE_BYTES];
    char key[16];
    snprintf(key, sizeof key, "key%06u", number);
    struct engine_batch *batch = engine->table->batch_create(engine);
    engine->table->batch_put(batch, slice_of_text(key), slice_of(value, sizeof value));
    assert_int_equal(engine->table->commit(engine, batch, sync), COLUMBA_OK);
    engine->table->batch_destroy(batch);
}

static void put_many(struct engine *engine, unsigned from, unsigned count, bool sync)
{
    for (unsigned i = from; i < from + count; i++) {
        put(engine, i, sync);
    }
}

static bool count_row(void *context, struct slice key, struct slice value)
{
    (void)key;
    assert_int_equal(value.size, VALUE_BYTES);
    ++*(unsigned *)context;
    return true;
}

static unsigned rows(struct engine *engine)
{
    unsigned count = 0;
    const struct engine_scan scan = {.space = SPACE_LOCAL,
                                     .tier = TIER_ALL,
                                     .begin = slice_of_text("key"),
                                     .end = slice_of_text("kez"),
                                     .visit = count_row,
                                     .context = &count};
    assert_int_equal(engine->table->scan(engine, &scan), COLUMBA_OK);
    return count;
}

/* The path of the log with the greatest number, or with the least. */
static char *log_path(bool newest)
{
    static char path[4096];
    char found[64] = "";
    DIR *files = opendir(directory);
    assert_non_null(files);
    for (struct dirent *file; (file = readdir(files)) != NULL;) {
        size_t size = strlen(file->d_name);
        if (size != 10 || strcmp(file->d_name + size - 4, ".log") != 0) {
            continue;
        }
        int order = strcmp(file->d_name, found);
        if (found[0] == '\0' || (newest ? order > 0 : order < 0)) {
            memcpy(found, file->d_name, size + 1);
        }
    }
    closedir(files);
    assert_string_not_equal(found, "");
    snprintf(path, sizeof path, "%s/%s", directory, found);
    return path;
}

static off_t file_bytes(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void file_damage(const char *path, off_t at)
{
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int was = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    fputc(was ^ 0x55, file);
    assert_int_equal(fclose(file), 0);
}

static void refused(const char *expected)
{
    struct engine *engine = NULL;
    assert_int_equal(open_engine(&engine), ERR_CORRUPT);
    if (strstr(text, expected) == NULL || strstr(text, "--accept-data-loss") == NULL) {
        fail_msg("expected \"%s\" and what to do in: %s", expected, text);
    }
}

static void what_was_written_is_there_at_the_next_start(void **state)
{
    (void)state;
    struct engine *engine = opened();
    put_many(engine, 0, 10, true);
    put_many(engine, 10, 10, false);
    closed(engine);
    engine = opened();
    assert_int_equal(rows(engine), 20);
    closed(engine);
}

static void a_log_that_is_gone_is_noticed(void **state)
{
    (void)state;
    struct engine *engine = opened();
    put_many(engine, 0, 10, true);
    assert_int_equal(engine->table->flush(engine), COLUMBA_OK);
    put_many(engine, 10, 1, true);
    closed(engine);
    assert_int_equal(unlink(log_path(true)), 0);
    refused("write-ahead log");
    refused("write-ahead log"); /* and not taken as whole the second time */
}

/* Wherever the cut is: on the edge of a record it looks like a log that was not written further. */
static void a_log_that_was_cut_is_noticed_wherever(void **state)
{
    (void)state;
    struct engine *engine = opened();
    put_many(engine, 0, 5, true);
    off_t edge = file_bytes(log_path(true));
    put_many(engine, 5, 1, true);
    closed(engine);
    off_t end = file_bytes(log_path(true));
    const off_t cuts[] = {end - 1, edge + VALUE_BYTES / 2, edge, edge - 1, 0};
    for (unsigned i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        assert_int_equal(truncate(log_path(true), cuts[i]), 0);
        refused("write-ahead log");
    }
}

static void a_torn_end_that_was_never_synced_is_no_damage(void **state)
{
    (void)state;
    struct engine *engine = opened();
    put_many(engine, 0, 5, true);
    off_t synced = file_bytes(log_path(true));
    put_many(engine, 5, 5, false);
    closed(engine);
    assert_int_equal(truncate(log_path(true), synced + VALUE_BYTES * 2), 0);
    engine = opened();
    assert_in_range(rows(engine), 5, 9);
    closed(engine);
}

static void damage_in_the_middle_of_the_log_is_noticed(void **state)
{
    (void)state;
    struct engine *engine = opened();
    put_many(engine, 0, 20, true);
    closed(engine);
    file_damage(log_path(true), file_bytes(log_path(true)) / 2);
    refused("damaged");
}

/* Nothing was synced, so the mark cannot tell: the log's own checksums must. */
static void damage_before_what_is_whole_is_never_passed_over(void **state)
{
    (void)state;
    struct engine *engine = opened();
    put_many(engine, 0, 20, false);
    closed(engine);
    file_damage(log_path(true), VALUE_BYTES / 2);
    refused("damaged");
}

/* A row of the other space, which is never flushed: the first log stays needed. */
static void log_keep(struct engine *engine)
{
    static const uint8_t row[] = {ROW_FORMAT};
    const struct row_key row_key = {.token = 1, .table = TABLE_CONVERSATION};
    struct key_bytes key = row_key_encode(&row_key);
    struct engine_batch *batch = engine->table->batch_create(engine);
    engine->table->batch_merge(batch, key_slice(&key), slice_of(row, sizeof row));
    assert_int_equal(engine->table->commit(engine, batch, true), COLUMBA_OK);
    engine->table->batch_destroy(batch);
}

static void an_older_log_that_is_gone_or_cut_is_noticed(void **state)
{
    (void)state;
    for (unsigned is_cut = 0; is_cut < 2; is_cut++) {
        struct engine *engine = opened();
        log_keep(engine);
        put_many(engine, 1000 * (is_cut + 1), 2500, false);
        assert_int_equal(engine->table->sync(engine), COLUMBA_OK);
        char *oldest = strdup(log_path(false));
        assert_string_not_equal(oldest, log_path(true));
        closed(engine);
        assert_int_equal(is_cut ? truncate(oldest, file_bytes(oldest) / 2) : unlink(oldest), 0);
        refused("log");
        free(oldest);
        remove_directory(state);
        make_directory(state);
    }
}

static void a_database_that_is_gone_is_not_made_anew(void **state)
{
    (void)state;
    char path[4096];
    struct engine *engine = opened();
    put_many(engine, 0, 1, true);
    closed(engine);
    snprintf(path, sizeof path, "%s/CURRENT", directory);
    assert_int_equal(unlink(path), 0);
    refused("is gone");
}

static void a_mark_that_is_gone_or_damaged_is_told(void **state)
{
    (void)state;
    char path[4096];
    struct engine *engine = opened();
    put_many(engine, 0, 1, true);
    closed(engine);
    snprintf(path, sizeof path, "%s/DURABLE", directory);
    file_damage(path, 3);
    engine = opened(); /* the other slot is whole */
    closed(engine);
    file_damage(path, 4096 + 3);
    refused("damaged");
    assert_int_equal(unlink(path), 0);
    refused("DURABLE");
}

/* The sync reaches the disk, and what it covered is held to from then on. */
static void a_sync_is_one(void **state)
{
    (void)state;
    struct engine *engine = opened();
    unsigned before = syncs;
    put_many(engine, 0, 10, false);
    assert_int_equal(syncs, before);
    assert_int_equal(engine->table->sync(engine), COLUMBA_OK);
    assert_true(syncs > before);
    before = syncs;
    put(engine, 10, true);
    assert_true(syncs > before);
    closed(engine);
}

static void a_periodic_sync_counts_as_synced(void **state)
{
    (void)state;
    struct engine *engine = opened();
    put_many(engine, 0, 10, false);
    assert_int_equal(engine->table->sync(engine), COLUMBA_OK);
    closed(engine);
    assert_int_equal(truncate(log_path(true), 0), 0);
    refused("write-ahead log");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_is_there_at_the_next_start),
        TEST(a_log_that_is_gone_is_noticed),
        TEST(a_log_that_was_cut_is_noticed_wherever),
        TEST(a_torn_end_that_was_never_synced_is_no_damage),
        TEST(damage_in_the_middle_of_the_log_is_noticed),
        TEST(damage_before_what_is_whole_is_never_passed_over),
        TEST(an_older_log_that_is_gone_or_cut_is_noticed),
        TEST(a_database_that_is_gone_is_not_made_anew),
        TEST(a_mark_that_is_gone_or_damaged_is_told),
        TEST(a_sync_is_one),
        TEST(a_periodic_sync_counts_as_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
