/* What a reader of the log relies on: one line a message, at the right time and level, and nothing
 * that came off the network can forge another line or break the JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

static char last_line[LOG_LINE_MAX_BYTES + 1];
static size_t line_count;
static uint64_t now;

static void keep_line(struct log *log, const char *line, size_t size)
{
    (void)log;
    memcpy(last_line, line, size);
    last_line[size] = '\0';
    line_count++;
}

static uint64_t tell_now(struct log *log)
{
    (void)log;
    return now;
}

static struct log log_of(enum log_format format)
{
    line_count = 0;
    now = UINT64_C(1795245117123);
    return (struct log){
        .level = LOG_INFO, .format = format, .write = keep_line, .now_unix_ms = tell_now};
}

static void a_line_says_when_how_bad_and_what(void **state)
{
    (void)state;
    struct log log = log_of(LOG_TEXT);
    log_info(&log, "peer_connected", "%s is connected", "node2");
    assert_string_equal(last_line,
                        "2026-11-21T07:11:57.123Z INFO  peer_connected: node2 is connected\n");
    log.format = LOG_JSON;
    log_error(&log, "disk", "a \"quoted\" path\\");
    assert_string_equal(last_line,
                        "{\"time\":\"2026-11-21T07:11:57.123Z\",\"level\":\"error\",\"event\":"
                        "\"disk\",\"text\":\"a \\\"quoted\\\" path\\\\\"}\n");
}

static void dates_are_right_at_the_edges(void **state)
{
    (void)state;
    struct log log = log_of(LOG_TEXT);
    now = 0;
    log_info(&log, "x", "y");
    assert_memory_equal(last_line, "1970-01-01T00:00:00.000Z", 24);
    now = UINT64_C(951782400000);
    log_info(&log, "x", "y");
    assert_memory_equal(last_line, "2000-02-29T00:00:00.000Z", 24);
    now = UINT64_C(4102444799999);
    log_info(&log, "x", "y");
    assert_memory_equal(last_line, "2099-12-31T23:59:59.999Z", 24);
}

static void less_severe_lines_are_not_made(void **state)
{
    (void)state;
    struct log log = log_of(LOG_TEXT);
    log_debug(&log, "x", "y");
    assert_int_equal(line_count, 0);
    log_warning(&log, "x", "y");
    assert_int_equal(line_count, 1);
}

static void hostile_bytes_cannot_forge_a_line(void **state)
{
    (void)state;
    struct log log = log_of(LOG_TEXT);
    log_info(&log, "x", "%s", "a\nERROR\r\x1b[2J\xff\xc0\xaf\xed\xa0\x80 \xc3\xa9");
    assert_string_equal(last_line + 24, " INFO  x: a?ERROR??[2J?????? \xc3\xa9\n");
    assert_ptr_equal(strchr(last_line, '\n'), last_line + strlen(last_line) - 1);
    log_info(&log, "x", "%s",
             "\xc2\x9b"
             "31m \u202e"
             "back\u2028");
    assert_string_equal(last_line + 24, " INFO  x: ?31m ?back?\n");
}

static void a_long_message_is_cut_and_still_ends_its_line(void **state)
{
    (void)state;
    char text[5000];
    memset(text, '"', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct log log = log_of(LOG_JSON);
    log_info(&log, "x", "%s", text);
    size_t size = strlen(last_line);
    assert_true(size < LOG_LINE_MAX_BYTES);
    assert_string_equal(last_line + size - 3, "\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_when_how_bad_and_what),
        cmocka_unit_test(dates_are_right_at_the_edges),
        cmocka_unit_test(less_severe_lines_are_not_made),
        cmocka_unit_test(hostile_bytes_cannot_forge_a_line),
        cmocka_unit_test(a_long_message_is_cut_and_still_ends_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
