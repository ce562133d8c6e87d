/* What only the engine in memory can do: lose what was not synced, fail on demand. */
#include "rows.h"

#include <stdlib.h>

#include "base/memory.h"
#include "node/store/engine.h"
#include "node/store/key.h"

/* A heap that counts what is out and fails the n-th allocation from now (0: never). */
struct failing_memory {
    struct memory memory;
    unsigned fail_in;
    unsigned blocks;
};

static void *failing_allocate(struct memory *memory, size_t size)
{
    struct failing_memory *failing = (struct failing_memory *)memory;
    if (failing->fail_in > 0 && --failing->fail_in == 0) {
        return NULL;
    }
    failing->blocks++;
    return malloc(size);
}

static void failing_release(struct memory *memory, void *block)
{
    ((struct failing_memory *)memory)->blocks--;
    free(block);
}

static struct failing_memory heap = {.memory = {failing_allocate, failing_release}};

static int open_engine(void **state)
{
    heap.fail_in = 0;
    *state = engine_memory_open(&heap.memory);
    return 0;
}

static int close_engine(void **state)
{
    struct engine *engine = *state;
    engine->table->close(engine);
    assert_int_equal(heap.blocks, 0);
    return 0;
}

static enum columba_error put(struct engine *engine, const char *key, const char *value, bool sync)
{
    struct engine_batch *batch = engine->table->batch_create(engine);
    engine->table->batch_put(batch, slice_of_text(key), slice_of_text(value));
    enum columba_error error = engine->table->commit(engine, batch, sync);
    engine->table->batch_destroy(batch);
    return error;
}

static bool visit_text(void *context, struct slice key, struct slice value)
{
    char *text = context;
    snprintf(text + strlen(text), 100 - strlen(text), "%.*s=%.*s ", (int)key.size,
             (const char *)key.data, (int)value.size, (const char *)value.data);
    return true;
}

static void assert_holds(struct engine *engine, const char *expected)
{
    char text[100] = "";
    const struct engine_scan scan = {.space = SPACE_LOCAL,
                                     .begin = slice_of_text(""),
                                     .end = slice_of_text("z"),
                                     .visit = visit_text,
                                     .context = text};
    assert_int_equal(engine->table->scan(engine, &scan), COLUMBA_OK);
    assert_string_equal(text, expected);
}

static void a_crash_loses_the_unsynced_commits_after_those_kept(void **state)
{
    struct engine *engine = *state;
    for (uint32_t kept = 0; kept <= 4; kept++) {
        put(engine, "a", "0", false);
        put(engine, "b", "0", true);
        put(engine, "a", "1", false);
        put(engine, "c", "2", false);
        put(engine, "a", "3", false);
        assert_int_equal(engine_memory_unsynced(engine), 3);
        engine_memory_crash(engine, kept);
        assert_int_equal(engine_memory_unsynced(engine), 0);
        static const char *const expected[] = {"a=0 b=0 ", "a=1 b=0 ", "a=1 b=0 c=2 ",
                                               "a=3 b=0 c=2 ", "a=3 b=0 c=2 "};
        assert_holds(engine, expected[kept]);
        struct engine_batch *batch = engine->table->batch_create(engine);
        engine->table->batch_remove(batch, slice_of_text("c"));
        assert_int_equal(engine->table->commit(engine, batch, true), COLUMBA_OK);
        engine->table->batch_destroy(batch);
    }
}

static void a_crash_brings_back_what_an_unsynced_commit_removed(void **state)
{
    struct engine *engine = *state;
    put(engine, "a", "1", true);
    struct engine_batch *batch = engine->table->batch_create(engine);
    engine->table->batch_remove(batch, slice_of_text("a"));
    assert_int_equal(engine->table->commit(engine, batch, false), COLUMBA_OK);
    assert_holds(engine, "");
    put(engine, "a", "2", false);
    assert_int_equal(engine->table->commit(engine, batch, false), COLUMBA_OK);
    engine->table->batch_destroy(batch);
    engine_memory_crash(engine, 1);
    assert_holds(engine, "");
    put(engine, "a", "3", false);
    engine_memory_crash(engine, 0);
    assert_holds(engine, "");
}

static void each_commit_fails_in_turn_and_the_next_are_refused(void **state)
{
    struct engine *engine = *state;
    for (uint32_t k = 1; k <= 3; k++) {
        engine_memory_fail_commit(engine, k);
        for (uint32_t i = 1; i <= 3; i++) {
            char value[] = {(char)('0' + i), 0};
            assert_int_equal(put(engine, "a", value, true), i < k ? COLUMBA_OK : ERR_IO);
        }
        assert_int_equal(engine->table->sync(engine), ERR_IO);
        char expected[] = {'a', '=', (char)('0' + k - 1), ' ', 0};
        engine_memory_crash(engine, 0);
        if (k > 1) {
            assert_holds(engine, expected);
        }
    }
    assert_int_equal(put(engine, "a", "9", true), COLUMBA_OK);
}

static void a_corrupt_row_fails_its_batch_whole(void **state)
{
    struct engine *engine = *state;
    struct row_key row_key = {.table = TABLE_CONVERSATION};
    struct key_bytes key = row_key_encode(&row_key);
    struct engine_batch *batch = engine->table->batch_create(engine);
    engine->table->batch_put(batch, slice_of_text("a"), slice_of_text("1"));
    engine->table->batch_merge(batch, key_slice(&key), slice_of_text("no row"));
    assert_int_equal(engine->table->commit(engine, batch, true), ERR_CORRUPT);
    engine->table->batch_destroy(batch);
    assert_holds(engine, "");
}

static enum columba_error batch_of_everything(struct engine *engine, struct slice row)
{
    struct row_key row_key = {.table = TABLE_MESSAGE, .clustering_size = ID_BYTES};
    struct key_bytes key = row_key_encode(&row_key);
    struct engine_batch *batch = engine->table->batch_create(engine);
    if (batch == NULL) {
        return ERR_NO_MEMORY;
    }
    engine->table->batch_put(batch, slice_of_text("a"), slice_of_text("new"));
    engine->table->batch_put(batch, slice_of_text("b"), slice_of_text("new"));
    engine->table->batch_remove(batch, slice_of_text("a"));
    engine->table->batch_merge(batch, key_slice(&key), row);
    enum columba_error error = engine->table->commit(engine, batch, true);
    engine->table->batch_destroy(batch);
    return error;
}

static void each_allocation_fails_in_turn_and_nothing_is_half_done(void **state)
{
    struct engine *engine = *state;
    struct arena arena;
    arena_init(&arena, memory_system(), MIB);
    put(engine, "a", "old", true);
    struct slice first = message_row(&arena, 1, slice_of_text("first"));
    struct slice second = message_row(&arena, 2, slice_of_text("second"));
    assert_int_equal(batch_of_everything(engine, first), COLUMBA_OK);
    put(engine, "a", "old", true);
    put(engine, "b", "old", true);
    unsigned failures = 0;
    for (unsigned n = 1;; n++) {
        heap.fail_in = n;
        enum columba_error error = batch_of_everything(engine, second);
        bool is_through = heap.fail_in > 0;
        heap.fail_in = 0;
        if (is_through) {
            assert_int_equal(error, COLUMBA_OK);
            break;
        }
        failures++;
        assert_int_equal(error, ERR_NO_MEMORY);
        assert_holds(engine, "a=old b=old ");
        engine_memory_crash(engine, 0);
        assert_holds(engine, "a=old b=old ");
    }
    assert_true(failures > 4);
    assert_holds(engine, "b=new ");
    arena_clear(&arena);
}

static void opening_without_memory_is_refused(void **state)
{
    (void)state;
    heap.fail_in = 1;
    assert_null(engine_memory_open(&heap.memory));
}

static void a_damaged_local_row_is_passed_over_until_it_is_written_again(void **state)
{
    struct engine *engine = *state;
    struct engine_damage damage;
    struct arena arena;
    struct slice value;
    arena_init(&arena, memory_system(), MIB);
    for (const char *key = "abc"; *key != '\0'; key++) {
        const char text[] = {*key, '\0'};
        assert_int_equal(put(engine, text, "1", true), COLUMBA_OK);
    }
    engine->table->damage(engine, &damage);
    assert_int_equal(damage.count, 0);
    engine_memory_damage(engine, SPACE_LOCAL, slice_of_text("b"));
    assert_holds(engine, "a=1 c=1 ");
    assert_int_equal(
        engine->table->get(engine, SPACE_LOCAL, TIER_ALL, slice_of_text("b"), &arena, &value),
        ERR_CORRUPT);
    engine->table->damage(engine, &damage);
    assert_int_equal(damage.count, 2);
    assert_string_not_equal(damage.text, "");
    assert_int_equal(put(engine, "b", "2", true), COLUMBA_OK);
    assert_holds(engine, "a=1 b=2 c=1 ");
    arena_clear(&arena);
}

static void a_damaged_row_that_others_have_is_an_error(void **state)
{
    struct engine *engine = *state;
    struct arena arena;
    char text[100] = "";
    arena_init(&arena, memory_system(), MIB);
    const struct row_key row_key = {.token = 1, .table = TABLE_CONVERSATION};
    struct key_bytes key = row_key_encode(&row_key);
    struct engine_batch *batch = engine->table->batch_create(engine);
    engine->table->batch_merge(batch, key_slice(&key), row_build(&arena, NULL, 0));
    assert_int_equal(engine->table->commit(engine, batch, true), COLUMBA_OK);
    engine->table->batch_destroy(batch);
    engine_memory_damage(engine, SPACE_ROWS, key_slice(&key));
    const struct engine_scan scan = {.space = SPACE_ROWS,
                                     .begin = slice_of_text(""),
                                     .end = slice_of_text("\xff"),
                                     .visit = visit_text,
                                     .context = text};
    assert_int_equal(engine->table->scan(engine, &scan), ERR_CORRUPT);
    assert_string_equal(text, "");
    arena_clear(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_engine, close_engine)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_crash_loses_the_unsynced_commits_after_those_kept),
        TEST(a_crash_brings_back_what_an_unsynced_commit_removed),
        TEST(each_commit_fails_in_turn_and_the_next_are_refused),
        TEST(a_corrupt_row_fails_its_batch_whole),
        TEST(a_damaged_local_row_is_passed_over_until_it_is_written_again),
        TEST(a_damaged_row_that_others_have_is_an_error),
        TEST(each_allocation_fails_in_turn_and_nothing_is_half_done),
        cmocka_unit_test(opening_without_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
