/* A stranger's packets do not fill the log, and what was left out is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/shell/log_limit.h"

static void lines_beyond_a_windows_worth_are_counted_and_told_later(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    uint64_t left_out = 99;
    for (unsigned i = 0; i < LOG_LIMIT_LINES; i++) {
        assert_true(log_limit_allows(&limit, 5, &left_out));
        assert_int_equal(left_out, 0);
    }
    for (unsigned i = 0; i < 1000; i++) {
        assert_false(log_limit_allows(&limit, LOG_LIMIT_WINDOW_MS - 1, &left_out));
    }
    assert_true(log_limit_allows(&limit, LOG_LIMIT_WINDOW_MS + 5, &left_out));
    assert_int_equal(left_out, 1000);
    assert_true(log_limit_allows(&limit, LOG_LIMIT_WINDOW_MS + 5, &left_out));
    assert_int_equal(left_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_beyond_a_windows_worth_are_counted_and_told_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
