/*
 * What has rotted on the disk is never served: a row that others have too is an error with file and
 * range; a row that nobody else has is passed over, so that its reader goes on.
 */
#include "rows.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "directory.h"
#include "node/store/engine.h"
#include "node/store/key.h"

/* Rows of this size: some sixty in a block of a table. */
#define VALUE_BYTES 250u
#define ROWS 2000u

static char *directory;
static struct engine *engine;

static void engine_start(void)
{
    char text[ENGINE_TEXT_MAX_BYTES];
    const struct engine_rocksdb_options options = {.directory = directory,
                                                   .memtable_bytes = 4 * MIB,
                                                   .block_cache_bytes = 1 * MIB,
                                                   .background_threads = 1,
                                                   .open_files_max = 100};
    if (engine_rocksdb_open(&options, &engine, text) != COLUMBA_OK) {
        fail_msg("%s", text);
    }
}

static int make(void **state)
{
    (void)state;
    directory = directory_create();
    engine_start();
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    engine->table->close(engine);
    directory_destroy(directory);
    return 0;
}

static struct key_bytes key_of(enum engine_space space, uint64_t number)
{
    const struct row_key key = {.token = number, .table = TABLE_CONVERSATION};
    return space == SPACE_ROWS ? row_key_encode(&key) : local_sequence_key(LOCAL_ARRIVAL, number);
}

/* Sequences of several starts: the numbers have wide gaps. */
static uint64_t number_of(unsigned i)
{
    return ((uint64_t)(i / 500 + 1) << 40) + i;
}

static struct slice row_of_size(struct arena *arena)
{
    uint8_t *name = arena_allocate(arena, VALUE_BYTES);
    memset(name, 'n', VALUE_BYTES);
    const struct cell cell = {
        .column = COLUMN_CONVERSATION_NAME, .timestamp = 1, .value = slice_of(name, VALUE_BYTES)};
    return row_build(arena, &cell, 1);
}

static void rows_write(enum engine_space space)
{
    struct arena arena;
    arena_init(&arena, memory_system(), MIB);
    struct slice row = row_of_size(&arena);
    struct engine_batch *batch = engine->table->batch_create(engine);
    for (unsigned i = 0; i < ROWS; i++) {
        struct key_bytes key = key_of(space, number_of(i));
        if (space == SPACE_ROWS) {
            engine->table->batch_merge(batch, key_slice(&key), row);
        } else {
            engine->table->batch_put(batch, key_slice(&key), row);
        }
    }
    assert_int_equal(engine->table->commit(engine, batch, true), COLUMBA_OK);
    engine->table->batch_destroy(batch);
    arena_clear(&arena);
    assert_int_equal(engine->table->flush(engine), COLUMBA_OK);
}

/* The table with the most bytes. */
static char *table_path(void)
{
    static char path[4096];
    off_t most = 0;
    DIR *files = opendir(directory);
    assert_non_null(files);
    for (struct dirent *file; (file = readdir(files)) != NULL;) {
        char candidate[4096];
        struct stat status;
        snprintf(candidate, sizeof candidate, "%s/%s", directory, file->d_name);
        if (strstr(file->d_name, ".sst") != NULL && stat(candidate, &status) == 0 &&
            status.st_size > most) {
            most = status.st_size;
            memcpy(path, candidate, sizeof path);
        }
    }
    closedir(files);
    assert_true(most > 0);
    return path;
}

/* Damages the table at this many thousandths of its length; the engine was closed meanwhile. */
static void rot(const unsigned *permille, unsigned count)
{
    struct stat status;
    engine->table->close(engine);
    assert_int_equal(stat(table_path(), &status), 0);
    FILE *file = fopen(table_path(), "r+");
    assert_non_null(file);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(fseek(file, status.st_size * permille[i] / 1000, SEEK_SET), 0);
        fputs("rot", file);
    }
    assert_int_equal(fclose(file), 0);
    engine_start();
}

struct seen {
    unsigned count;
    uint64_t last;
};

static bool see(void *context, struct slice key, struct slice value)
{
    struct seen *seen = context;
    uint64_t number;
    (void)value;
    seen->count++;
    if (local_sequence_key_decode(LOCAL_ARRIVAL, key, &number)) {
        assert_true(number > seen->last);
        seen->last = number;
    }
    return true;
}

static enum columba_error scan(enum engine_space space, struct seen *out_seen)
{
    *out_seen = (struct seen){0};
    struct key_bytes begin = key_of(space, 0);
    struct key_bytes end = key_of(space, UINT64_MAX);
    const struct engine_scan all = {.space = space,
                                    .tier = TIER_ALL,
                                    .begin = key_slice(&begin),
                                    .end = key_slice(&end),
                                    .visit = see,
                                    .context = out_seen};
    return engine->table->scan(engine, &all);
}

static void a_row_that_others_have_is_an_error_with_file_and_range(void **state)
{
    (void)state;
    struct seen seen;
    struct engine_damage damage;
    rows_write(SPACE_ROWS);
    engine->table->damage(engine, &damage);
    assert_int_equal(damage.count, 0);
    assert_string_equal(damage.text, "");
    rot((const unsigned[]){500}, 1);
    assert_int_equal(scan(SPACE_ROWS, &seen), ERR_CORRUPT);
    assert_in_range(seen.count, 1, ROWS - 1);
    engine->table->damage(engine, &damage);
    assert_int_equal(damage.count, 1);
    assert_non_null(strstr(damage.text, ".sst"));
    assert_non_null(strstr(damage.text, "keys 00000000"));
}

static void local_rows_that_cannot_be_read_are_passed_over_and_told(void **state)
{
    (void)state;
    struct seen seen;
    struct engine_damage damage;
    rows_write(SPACE_LOCAL);
    rot((const unsigned[]){500}, 1);
    assert_int_equal(scan(SPACE_LOCAL, &seen), COLUMBA_OK);
    /* One block of sixty rows. */
    assert_in_range(seen.count, ROWS - 100, ROWS - 1);
    assert_int_equal(seen.last, number_of(ROWS - 1));
    engine->table->damage(engine, &damage);
    assert_int_equal(damage.count, 1);
    assert_non_null(strstr(damage.text, ".sst"));
}

static void each_damaged_place_costs_its_own_rows_only(void **state)
{
    (void)state;
    struct seen seen;
    struct engine_damage damage;
    rows_write(SPACE_LOCAL);
    rot((const unsigned[]){0, 300, 301, 600, 900}, 5);
    assert_int_equal(scan(SPACE_LOCAL, &seen), COLUMBA_OK);
    assert_in_range(seen.count, ROWS - 500, ROWS - 4);
    assert_int_equal(seen.last, number_of(ROWS - 1));
    engine->table->damage(engine, &damage);
    assert_in_range(damage.count, 4, 5);
}

static void rows_written_after_the_damage_are_read(void **state)
{
    (void)state;
    struct seen seen;
    rows_write(SPACE_LOCAL);
    rot((const unsigned[]){900}, 1);
    struct engine_batch *batch = engine->table->batch_create(engine);
    struct key_bytes key = key_of(SPACE_LOCAL, number_of(ROWS));
    engine->table->batch_put(batch, key_slice(&key), slice_of_text("new"));
    assert_int_equal(engine->table->commit(engine, batch, true), COLUMBA_OK);
    engine->table->batch_destroy(batch);
    assert_int_equal(scan(SPACE_LOCAL, &seen), COLUMBA_OK);
    assert_int_equal(seen.last, number_of(ROWS));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_row_that_others_have_is_an_error_with_file_and_range),
        TEST(local_rows_that_cannot_be_read_are_passed_over_and_told),
        TEST(each_damaged_place_costs_its_own_rows_only),
        TEST(rows_written_after_the_damage_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
