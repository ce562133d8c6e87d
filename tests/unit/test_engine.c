/*
 * What every storage engine promises, one suite for all of them: the same tests run over the
 * engine in memory, the same behind its lock, and RocksDB.
 */
#include "rows.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "node/store/engine.h"
#include "node/store/key.h"
#ifdef COLUMBA_HAS_ROCKSDB
#include "directory.h"
#endif

struct fixture {
    struct engine *engine;
    /* Stops without any goodbye and starts again: what was synced is there. */
    void (*restart)(struct fixture *fixture);
    void (*destroy)(struct fixture *fixture);
    struct arena arena;
    char *directory;
};

static struct fixture *fixture_create(void)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    arena_init(&fixture->arena, memory_system(), 64 * MIB);
    return fixture;
}

static void fixture_destroy(struct fixture *fixture)
{
    fixture->engine->table->close(fixture->engine);
    arena_clear(&fixture->arena);
    if (fixture->destroy != NULL) {
        fixture->destroy(fixture);
    }
    free(fixture);
}

static void memory_restart(struct fixture *fixture)
{
    engine_memory_crash(fixture->engine, 0);
}

static int memory_open(void **state)
{
    struct fixture *fixture = fixture_create();
    fixture->engine = engine_memory_open(memory_system());
    fixture->restart = memory_restart;
    *state = fixture;
    return 0;
}

static int locked_open(void **state)
{
    struct fixture *fixture = fixture_create();
    fixture->engine = engine_locked_open(engine_memory_open(memory_system()));
    *state = fixture;
    return 0;
}

#ifdef COLUMBA_HAS_ROCKSDB
static struct engine *rocksdb_start(const char *directory)
{
    const struct engine_rocksdb_options options = {.directory = directory,
                                                   .memtable_bytes = 4 * MIB,
                                                   .block_cache_bytes = 4 * MIB,
                                                   .background_threads = 1,
                                                   .open_files_max = 100};
    char text[ENGINE_TEXT_MAX_BYTES] = "";
    struct engine *engine = NULL;
    if (engine_rocksdb_open(&options, &engine, text) != COLUMBA_OK) {
        fail_msg("%s", text);
    }
    return engine;
}

static void rocksdb_restart(struct fixture *fixture)
{
    fixture->engine->table->close(fixture->engine);
    fixture->engine = rocksdb_start(fixture->directory);
}

static void rocksdb_destroy(struct fixture *fixture)
{
    directory_destroy(fixture->directory);
}

static int rocksdb_open(void **state)
{
    struct fixture *fixture = fixture_create();
    fixture->directory = directory_create();
    fixture->engine = rocksdb_start(fixture->directory);
    fixture->restart = rocksdb_restart;
    fixture->destroy = rocksdb_destroy;
    *state = fixture;
    return 0;
}
#endif

static int fixture_close(void **state)
{
    fixture_destroy(*state);
    return 0;
}

/* ---- small words the tests are written in ---- */

static struct engine_batch *batch_of(struct fixture *fixture)
{
    struct engine_batch *batch = fixture->engine->table->batch_create(fixture->engine);
    assert_non_null(batch);
    return batch;
}

static enum columba_error commit(struct fixture *fixture, struct engine_batch *batch, bool sync)
{
    enum columba_error error = fixture->engine->table->commit(fixture->engine, batch, sync);
    fixture->engine->table->batch_destroy(batch);
    return error;
}

static void put(struct fixture *fixture, const char *key, const char *value)
{
    struct engine_batch *batch = batch_of(fixture);
    fixture->engine->table->batch_put(batch, slice_of_text(key), slice_of_text(value));
    assert_int_equal(commit(fixture, batch, true), COLUMBA_OK);
}

static struct slice got(struct fixture *fixture, enum engine_space space, struct slice key)
{
    struct slice value = {0};
    enum columba_error error =
        fixture->engine->table->get(fixture->engine, space, TIER_ALL, key, &fixture->arena, &value);
    return error == COLUMBA_OK ? value : slice_of_text("nothing");
}

static void assert_got(struct fixture *fixture, const char *key, const char *value)
{
    assert_bytes_equal(got(fixture, SPACE_LOCAL, slice_of_text(key)), slice_of_text(value));
}

static struct key_bytes message_key(uint64_t conversation, uint64_t message)
{
    struct row_key key = {.token = conversation,
                          .partition = id_of_number(conversation),
                          .table = TABLE_MESSAGE,
                          .clustering_size = ID_BYTES};
    struct id id = id_of_number(message);
    clustering_of_id(TABLE_MESSAGE, &id, key.clustering);
    return row_key_encode(&key);
}

static void merge_row(struct fixture *fixture, const struct key_bytes *key, struct slice row)
{
    struct engine_batch *batch = batch_of(fixture);
    fixture->engine->table->batch_merge(batch, key_slice(key), row);
    assert_int_equal(commit(fixture, batch, true), COLUMBA_OK);
}

/* The visited keys' text, one after the other, "|" between. */
struct visited {
    char text[256];
    unsigned left; /* stop after this many */
};

static bool visit_text(void *context, struct slice key, struct slice value)
{
    struct visited *visited = context;
    size_t used = strlen(visited->text);
    snprintf(visited->text + used, sizeof(visited->text) - used, "%.*s=%.*s|", (int)key.size,
             (const char *)key.data, (int)value.size, (const char *)value.data);
    return --visited->left > 0;
}

static void assert_scanned(struct fixture *fixture, const char *begin, const char *end,
                           bool backwards, unsigned count, const char *expected)
{
    struct visited visited = {.left = count};
    const struct engine_scan scan = {.space = SPACE_LOCAL,
                                     .tier = TIER_ALL,
                                     .backwards = backwards,
                                     .begin = slice_of_text(begin),
                                     .end = slice_of_text(end),
                                     .visit = visit_text,
                                     .context = &visited};
    assert_int_equal(fixture->engine->table->scan(fixture->engine, &scan), COLUMBA_OK);
    assert_string_equal(visited.text, expected);
}

/* ---- what is promised ---- */

static void what_was_put_is_got_and_what_was_removed_is_gone(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "a", "1");
    put(fixture, "a", "2");
    put(fixture, "b", "");
    assert_got(fixture, "a", "2");
    assert_got(fixture, "b", "");
    assert_got(fixture, "c", "nothing");
    struct engine_batch *batch = batch_of(fixture);
    fixture->engine->table->batch_remove(batch, slice_of_text("a"));
    fixture->engine->table->batch_remove(batch, slice_of_text("never there"));
    assert_int_equal(commit(fixture, batch, true), COLUMBA_OK);
    assert_got(fixture, "a", "nothing");
    assert_scanned(fixture, "", "z", false, 9, "b=|");
}

static void rows_merge_and_their_order_does_not_matter(void **state)
{
    struct fixture *fixture = *state;
    struct slice first = message_row(&fixture->arena, 5, slice_of_text("first"));
    struct slice second = message_row(&fixture->arena, 6, slice_of_text("second"));
    struct cell reaction = {.column = COLUMN_MESSAGE_EDITED, .timestamp = 9};
    struct slice edit = row_build(&fixture->arena, &reaction, 1);
    struct slice orders[][3] = {{first, second, edit}, {edit, second, first}};
    struct slice expected = {0};
    assert_int_equal(row_merge(TABLE_MESSAGE, orders[0], 3, &fixture->arena, &expected),
                     COLUMBA_OK);
    for (uint64_t order = 0; order < COUNT_OF(orders); order++) {
        struct key_bytes key = message_key(1, order);
        for (size_t i = 0; i < 3; i++) {
            merge_row(fixture, &key, orders[order][i]);
        }
        assert_bytes_equal(got(fixture, SPACE_ROWS, key_slice(&key)), expected);
    }
    assert_int_equal(fixture->engine->table->compact(fixture->engine), COLUMBA_OK);
    struct key_bytes key = message_key(1, 0);
    assert_bytes_equal(got(fixture, SPACE_ROWS, key_slice(&key)), expected);
    merge_row(fixture, &key, second);
    assert_bytes_equal(got(fixture, SPACE_ROWS, key_slice(&key)), expected);
}

#define VERSIONS 100u

static void a_row_written_many_times_holds_every_write(void **state)
{
    struct fixture *fixture = *state;
    const struct row_key inbox = {.table = TABLE_INBOX, .clustering_size = ID_BYTES};
    struct key_bytes key = row_key_encode(&inbox);
    struct slice versions[VERSIONS];
    for (uint64_t i = 0; i < VERSIONS; i++) {
        struct id *id = arena_allocate(&fixture->arena, sizeof(*id));
        *id = id_of_number(1 + i);
        struct cell cell = {.column = i % 10 == 3 ? COLUMN_INBOX_MARKER : COLUMN_INBOX_UNREAD,
                            .value = slice_of(id->bytes, ID_BYTES)};
        versions[i] = row_build(&fixture->arena, &cell, 1);
        merge_row(fixture, &key, versions[i]);
    }
    struct slice expected = {0};
    assert_int_equal(row_merge(TABLE_INBOX, versions, VERSIONS, &fixture->arena, &expected),
                     COLUMBA_OK);
    assert_bytes_equal(got(fixture, SPACE_ROWS, key_slice(&key)), expected);
    assert_int_equal(fixture->engine->table->flush(fixture->engine), COLUMBA_OK);
    assert_bytes_equal(got(fixture, SPACE_ROWS, key_slice(&key)), expected);
    assert_int_equal(fixture->engine->table->compact(fixture->engine), COLUMBA_OK);
    assert_bytes_equal(got(fixture, SPACE_ROWS, key_slice(&key)), expected);
}

static void one_batch_may_touch_both_spaces_and_a_key_twice(void **state)
{
    struct fixture *fixture = *state;
    struct key_bytes key = message_key(1, 1);
    struct slice row = message_row(&fixture->arena, 5, slice_of_text("hello"));
    struct engine_batch *batch = batch_of(fixture);
    const struct engine_table *table = fixture->engine->table;
    table->batch_merge(batch, key_slice(&key), row);
    table->batch_put(batch, key_slice(&key), slice_of_text("mine"));
    table->batch_put(batch, slice_of_text("x"), slice_of_text("1"));
    table->batch_remove(batch, slice_of_text("x"));
    table->batch_put(batch, slice_of_text("y"), slice_of_text("1"));
    table->batch_put(batch, slice_of_text("y"), slice_of_text("2"));
    assert_int_equal(table->batch_count(batch), 6);
    assert_true(table->batch_bytes(batch) >= row.size);
    assert_int_equal(commit(fixture, batch, true), COLUMBA_OK);
    assert_bytes_equal(got(fixture, SPACE_ROWS, key_slice(&key)), row);
    assert_bytes_equal(got(fixture, SPACE_LOCAL, key_slice(&key)), slice_of_text("mine"));
    assert_got(fixture, "x", "nothing");
    assert_got(fixture, "y", "2");
}

static void a_batch_keeps_copies_and_can_be_used_again(void **state)
{
    struct fixture *fixture = *state;
    const struct engine_table *table = fixture->engine->table;
    struct engine_batch *batch = batch_of(fixture);
    char bytes[] = "key";
    table->batch_put(batch, slice_of_text("dropped"), slice_of_text("1"));
    table->batch_clear(batch);
    assert_int_equal(table->batch_count(batch), 0);
    table->batch_put(batch, slice_of_text(bytes), slice_of_text(bytes));
    memset(bytes, '#', 3);
    assert_int_equal(table->commit(fixture->engine, batch, false), COLUMBA_OK);
    table->batch_clear(batch);
    table->batch_put(batch, slice_of_text("key2"), slice_of_text("2"));
    assert_int_equal(commit(fixture, batch, false), COLUMBA_OK);
    assert_scanned(fixture, "", "z", false, 9, "key=key|key2=2|");
}

static void an_empty_batch_is_committed(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(commit(fixture, batch_of(fixture), true), COLUMBA_OK);
}

static void scans_run_both_ways_within_their_bounds(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "c", "3");
    put(fixture, "a", "1");
    put(fixture, "b", "2");
    put(fixture, "bb", "22");
    put(fixture, "d", "4");
    assert_scanned(fixture, "a", "z", false, 9, "a=1|b=2|bb=22|c=3|d=4|");
    assert_scanned(fixture, "a", "z", true, 9, "d=4|c=3|bb=22|b=2|a=1|");
    assert_scanned(fixture, "b", "c", false, 9, "b=2|bb=22|");
    assert_scanned(fixture, "b", "c", true, 9, "bb=22|b=2|");
    assert_scanned(fixture, "aa", "d", false, 2, "b=2|bb=22|");
    assert_scanned(fixture, "aa", "d", true, 2, "c=3|bb=22|");
    assert_scanned(fixture, "b", "b", false, 9, "");
    assert_scanned(fixture, "b", "b", true, 9, "");
    assert_scanned(fixture, "x", "z", true, 9, "");
    assert_scanned(fixture, "", "a", true, 9, "");
}

/* The range from a key to the one that follows it, which ends with a zero byte. */
static void a_range_of_one_key_holds_that_key(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "b", "2");
    put(fixture, "bb", "22");
    const char *const keys[] = {"b", "a", "bb"};
    const char *const expected[] = {"b=2|", "", "bb=22|"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct visited visited = {.left = 9};
        const struct engine_scan scan = {.space = SPACE_LOCAL,
                                         .tier = TIER_ALL,
                                         .begin = slice_of_text(keys[i]),
                                         .end = slice_of(keys[i], strlen(keys[i]) + 1),
                                         .visit = visit_text,
                                         .context = &visited};
        assert_int_equal(fixture->engine->table->scan(fixture->engine, &scan), COLUMBA_OK);
        assert_string_equal(visited.text, expected[i]);
    }
}

static bool visit_first(void *context, struct slice key, struct slice value)
{
    (void)value;
    struct key_bytes *met = context;
    met->size = (uint8_t)key.size;
    memcpy(met->bytes, key.data, key.size);
    return false;
}

static void rows_are_met_newest_message_first(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t i = 1; i <= 3; i++) {
        struct key_bytes key = message_key(7, i);
        merge_row(fixture, &key, message_row(&fixture->arena, i, slice_of_text("x")));
    }
    struct key_bytes newest = message_key(7, 3);
    struct key_bytes begin = message_key(7, UINT64_MAX);
    struct key_bytes end = message_key(8, UINT64_MAX);
    struct key_bytes met = {0};
    const struct engine_scan scan = {.space = SPACE_ROWS,
                                     .tier = TIER_MEMORY,
                                     .begin = key_slice(&begin),
                                     .end = key_slice(&end),
                                     .visit = visit_first,
                                     .context = &met};
    assert_int_equal(fixture->engine->table->scan(fixture->engine, &scan), COLUMBA_OK);
    assert_bytes_equal(key_slice(&met), key_slice(&newest));
    assert_bytes_equal(got(fixture, SPACE_ROWS, key_slice(&newest)),
                       message_row(&fixture->arena, 3, slice_of_text("x")));
}

static void what_is_in_memory_is_read_from_memory(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "a", "1");
    struct slice value;
    assert_int_equal(fixture->engine->table->get(fixture->engine, SPACE_LOCAL, TIER_MEMORY,
                                                 slice_of_text("a"), &fixture->arena, &value),
                     COLUMBA_OK);
    assert_int_equal(fixture->engine->table->get(fixture->engine, SPACE_LOCAL, TIER_MEMORY,
                                                 slice_of_text("b"), &fixture->arena, &value),
                     ERR_NOT_FOUND);
}

static void large_values_come_back(void **state)
{
    struct fixture *fixture = *state;
    size_t size = 1 * MIB;
    uint8_t *bytes = arena_allocate(&fixture->arena, size);
    struct random random = {.state = 1};
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)random_next(&random);
    }
    struct engine_batch *batch = batch_of(fixture);
    fixture->engine->table->batch_put(batch, slice_of_text("large"), slice_of(bytes, size));
    assert_int_equal(commit(fixture, batch, true), COLUMBA_OK);
    assert_bytes_equal(got(fixture, SPACE_LOCAL, slice_of_text("large")), slice_of(bytes, size));
    assert_int_equal(fixture->engine->table->flush(fixture->engine), COLUMBA_OK);
    assert_bytes_equal(got(fixture, SPACE_LOCAL, slice_of_text("large")), slice_of(bytes, size));
}

static void a_get_without_room_says_so(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "a", "a value");
    struct arena empty;
    arena_init(&empty, memory_system(), 0);
    struct slice value = slice_of_text("untouched");
    assert_int_equal(fixture->engine->table->get(fixture->engine, SPACE_LOCAL, TIER_ALL,
                                                 slice_of_text("a"), &empty, &value),
                     ERR_NO_MEMORY);
    assert_bytes_equal(value, slice_of_text("untouched"));
}

static void what_was_synced_survives_a_restart(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "synced", "1");
    struct engine_batch *batch = batch_of(fixture);
    fixture->engine->table->batch_put(batch, slice_of_text("later synced"), slice_of_text("2"));
    assert_int_equal(commit(fixture, batch, false), COLUMBA_OK);
    assert_int_equal(fixture->engine->table->sync(fixture->engine), COLUMBA_OK);
    fixture->restart(fixture);
    assert_got(fixture, "synced", "1");
    assert_got(fixture, "later synced", "2");
    put(fixture, "after", "3");
    fixture->restart(fixture);
    assert_got(fixture, "after", "3");
}

static void the_figures_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct engine_stats stats;
    put(fixture, "a", "1");
    put(fixture, "b", "1");
    fixture->engine->table->stats(fixture->engine, &stats);
    assert_int_equal(stats.commits, 2);
    assert_int_equal(stats.rows_written, 2);
    assert_int_equal(stats.keys_estimate, 2);
    assert_true(stats.bytes_in_memory > 0);
}

#define PAIRS 300u

struct reading {
    struct engine *engine;
    atomic_bool is_over;
    bool saw_half_a_batch;
};

static bool visit_count(void *context, struct slice key, struct slice value)
{
    (void)key;
    (void)value;
    ++*(unsigned *)context;
    return true;
}

static void *read_all_the_time(void *argument)
{
    struct reading *reading = argument;
    while (!atomic_load(&reading->is_over)) {
        unsigned count = 0;
        const struct engine_scan scan = {.space = SPACE_LOCAL,
                                         .tier = TIER_ALL,
                                         .begin = slice_of_text(""),
                                         .end = slice_of_text("z"),
                                         .visit = visit_count,
                                         .context = &count};
        if (reading->engine->table->scan(reading->engine, &scan) != COLUMBA_OK || count % 2 != 0) {
            reading->saw_half_a_batch = true;
        }
    }
    return NULL;
}

static void readers_beside_the_writer_see_whole_batches(void **state)
{
    struct fixture *fixture = *state;
    struct reading reading = {.engine = fixture->engine};
    pthread_t threads[2];
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &reading), 0);
    }
    for (unsigned i = 0; i < PAIRS; i++) {
        char name[16];
        struct engine_batch *batch = batch_of(fixture);
        snprintf(name, sizeof(name), "a%u", i);
        fixture->engine->table->batch_put(batch, slice_of_text(name), slice_of_text("1"));
        name[0] = 'b';
        fixture->engine->table->batch_put(batch, slice_of_text(name), slice_of_text("1"));
        assert_int_equal(commit(fixture, batch, false), COLUMBA_OK);
    }
    atomic_store(&reading.is_over, true);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    assert_false(reading.saw_half_a_batch);
}

/* A random history against a plain table of what must be there. */
static void a_long_random_history_is_remembered(void **state)
{
    struct fixture *fixture = *state;
    struct random random = {.state = 11};
    char expected[64] = {0};
    for (unsigned step = 0; step < 400; step++) {
        struct engine_batch *batch = batch_of(fixture);
        for (unsigned i = 0; i < 4; i++) {
            char name[2] = {(char)('0' + random_below(&random, 64)), 0};
            char value[2] = {(char)('A' + random_below(&random, 26)), 0};
            bool is_put = random_below(&random, 3) > 0;
            expected[name[0] - '0'] = is_put ? value[0] : 0;
            if (is_put) {
                fixture->engine->table->batch_put(batch, slice_of_text(name), slice_of_text(value));
            } else {
                fixture->engine->table->batch_remove(batch, slice_of_text(name));
            }
        }
        bool sync = random_below(&random, 2) == 0;
        assert_int_equal(commit(fixture, batch, sync), COLUMBA_OK);
        if (step % 100 == 50) {
            assert_int_equal(fixture->engine->table->flush(fixture->engine), COLUMBA_OK);
        }
    }
    unsigned count = 0;
    unsigned expected_count = 0;
    for (unsigned i = 0; i < sizeof(expected); i++) {
        char name[2] = {(char)('0' + i), 0};
        char value[2] = {expected[i], 0};
        expected_count += expected[i] != 0;
        assert_got(fixture, name, expected[i] == 0 ? "nothing" : value);
    }
    const struct engine_scan scan = {.space = SPACE_LOCAL,
                                     .tier = TIER_ALL,
                                     .backwards = true,
                                     .begin = slice_of_text(""),
                                     .end = slice_of_text("z"),
                                     .visit = visit_count,
                                     .context = &count};
    assert_int_equal(fixture->engine->table->scan(fixture->engine, &scan), COLUMBA_OK);
    assert_int_equal(count, expected_count);
}

/* clang-format off */
#define TEST(name, open) cmocka_unit_test_setup_teardown(name, open, fixture_close)
#define CONFORMANCE(open)                                                                          \
    TEST(what_was_put_is_got_and_what_was_removed_is_gone, open),                                  \
    TEST(rows_merge_and_their_order_does_not_matter, open),                                        \
    TEST(a_row_written_many_times_holds_every_write, open),                                        \
    TEST(one_batch_may_touch_both_spaces_and_a_key_twice, open),                                   \
    TEST(a_batch_keeps_copies_and_can_be_used_again, open),                                        \
    TEST(an_empty_batch_is_committed, open),                                                       \
    TEST(scans_run_both_ways_within_their_bounds, open),                                           \
    TEST(a_range_of_one_key_holds_that_key, open),                                                 \
    TEST(rows_are_met_newest_message_first, open),                                                 \
    TEST(what_is_in_memory_is_read_from_memory, open),                                             \
    TEST(large_values_come_back, open),                                                            \
    TEST(a_get_without_room_says_so, open),                                                        \
    TEST(the_figures_are_told, open),                                                              \
    TEST(a_long_random_history_is_remembered, open)
/* clang-format on */

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE(memory_open),
        TEST(what_was_synced_survives_a_restart, memory_open),
        CONFORMANCE(locked_open),
        TEST(readers_beside_the_writer_see_whole_batches, locked_open),
#ifdef COLUMBA_HAS_ROCKSDB
        CONFORMANCE(rocksdb_open),
        TEST(what_was_synced_survives_a_restart, rocksdb_open),
        TEST(readers_beside_the_writer_see_whole_batches, rocksdb_open),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
