/* The measuring of group encryption runs to its end, and leaves out no figure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/mls.h"

static char output[8192];

/* Its standard output is in `output`. The exit status. */
static int run(int argc, const char **argv)
{
    static const struct bench_mls_scale small = {
        .loaded_groups = 5,
        .stored_groups = 10,
        .held_groups = 3,
        .year_epochs = 4,
        .year_messages = 3,
        .message_rounds = 10,
    };
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fflush(stdout), 0);
    int before = dup(STDOUT_FILENO);
    assert_true(before >= 0 && dup2(fileno(file), STDOUT_FILENO) >= 0);
    int status = bench_mls(&small, argc, argv);
    assert_int_equal(fflush(stdout), 0);
    assert_true(dup2(before, STDOUT_FILENO) >= 0);
    (void)close(before);
    rewind(file);
    output[fread(output, 1, sizeof(output) - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    return status;
}

static void a_small_run_has_all_figures(void **state)
{
    static const char *const expected[] = {
        "5 groups of two loaded, new: ",
        "5 groups of two loaded, after 4 epochs and 12 messages: ",
        "10 groups in one store: loading any one ",
        "in a group of 50, encrypt + decrypt: ",
        "add 4 members in one commit: ",
        "join a group of 4: ",
        "commit with a path in a tree of 4 (3 parents): ",
        "stored in a group of 4: own commit ",
        "commit with a path in a tree of 33 (32 parents): ",
        "stored in a group of 33: own commit ",
    };
    const char *sizes[] = {"4", "33"};
    (void)state;
    assert_int_equal(run(2, sizes), 0);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        if (strstr(output, expected[i]) == NULL) {
            fail_msg("'%s' is not in: %s", expected[i], output);
        }
    }
}

static void a_size_that_no_group_has_is_refused(void **state)
{
    const char *sizes[] = {"4", "3"};
    (void)state;
    assert_int_equal(run(2, sizes), 2);
    assert_string_equal(output, ""); /* before minutes were spent */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_run_has_all_figures),
        cmocka_unit_test(a_size_that_no_group_has_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
