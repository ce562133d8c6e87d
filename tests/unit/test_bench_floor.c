/* The yardstick measures, leaves nothing behind, and says what kept it from measuring. */
#include "rows.h"

#include <dirent.h>

#include "bench/floor.h"
#include "directory.h"

static unsigned entries_of(const char *directory)
{
    unsigned count = 0;
    DIR *entries = opendir(directory);
    assert_non_null(entries);
    while (readdir(entries) != NULL) {
        count++;
    }
    closedir(entries);
    return count - 2; /* itself and its parent */
}

static void a_short_run_has_figures_and_leaves_no_database(void **state)
{
    (void)state;
    char *directory = directory_create();
    struct bench_floor_options options;
    struct bench_floor_result result;
    bench_floor_defaults(&options);
    options.directory = directory;
    options.seconds = 0.1;
    if (bench_floor(&options, &result) != 0) {
        fail_msg("%s", result.text);
    }
    assert_true(result.ops >= options.sends_per_batch);
    assert_true(result.node_cpu_us_per_op > 0 && result.ops_per_s > 0);
    assert_true(result.p50_us <= result.p99_us && result.p99_us <= result.max_us);
    assert_int_equal(entries_of(directory), 0);
    directory_destroy(directory);
}

static void a_directory_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    struct bench_floor_options options;
    struct bench_floor_result result;
    bench_floor_defaults(&options);
    options.directory = "/nonexistent";
    assert_int_equal(bench_floor(&options, &result), -1);
    assert_non_null(strstr(result.text, "/nonexistent"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_run_has_figures_and_leaves_no_database),
        cmocka_unit_test(a_directory_that_cannot_be_made_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
