/*
 * Chat logs as an import sees them: what is taken, what is a bad line, and the ids that make an
 * import repeatable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "client/tools/chat_log.h"
#include "client/tools/line_reader.h"

#define NOW_MS UINT64_C(1700000000000)
#define COMPLAINTS_MAX 16

static struct {
    uint64_t lines[COMPLAINTS_MAX];
    char texts[COMPLAINTS_MAX][256];
    size_t count;
} said;

static char path[] = "/tmp/columba-chat-log-XXXXXX";

static void complain(void *user, uint64_t line, const char *what)
{
    (void)user;
    if (said.count < COMPLAINTS_MAX) {
        said.lines[said.count] = line;
        snprintf(said.texts[said.count], sizeof(said.texts[0]), "%s", what);
    }
    said.count++;
}

static void write_file(const char *content, size_t size, bool is_compressed)
{
    gzFile file = gzopen(path, is_compressed ? "wb" : "wbT");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, content, (unsigned)size), (int)size);
    assert_int_equal(gzclose(file), Z_OK);
}

static bool read_text(struct chat_log *log, const char *content)
{
    write_file(content, strlen(content), false);
    said.count = 0;
    return chat_log_read(log, path, NOW_MS, complain, NULL);
}

static int make_path(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

#define LINE(conversation, sender, ts_ms, text)                                                    \
    "{\"conversation\":\"" conversation "\",\"sender\":\"" sender "\",\"ts_ms\":" ts_ms            \
    ",\"text\":\"" text "\"}\n"

static void lines_are_grouped_by_conversation_in_the_order_of_the_file(void **state)
{
    (void)state;
    struct chat_log log;
    assert_true(read_text(&log, LINE("b", "alice", "5", "one") LINE("a", "bob", "6", "two")
                                    LINE("b", "bob", "7", "three") LINE("b", "alice", "8", "")));
    assert_int_equal(log.conversation_count, 2);
    assert_int_equal(log.message_count, 4);
    assert_string_equal(log.conversations[0].name, "b");
    assert_int_equal(log.conversations[0].message_count, 3);
    assert_string_equal(log.conversations[0].messages[1].text, "three");
    assert_string_equal(log.conversations[0].messages[1].sender, "bob");
    assert_int_equal(log.conversations[0].messages[1].ts_ms, 7);
    assert_int_equal(log.conversations[0].messages[2].text_bytes, 0);
    assert_int_equal(log.conversations[0].member_count, 2);
    assert_string_equal(log.conversations[0].members[0], "alice");
    assert_string_equal(log.conversations[0].members[1], "bob");
    assert_int_equal(log.conversations[1].member_count, 1);
    assert_int_equal(said.count, 0);
    chat_log_clear(&log);
}

static int id_order(const struct chat_message *a, const struct chat_message *b)
{
    return memcmp(a->id.bytes, b->id.bytes, sizeof(a->id.bytes));
}

static void ids_keep_the_order_of_the_file_whatever_the_times_do(void **state)
{
    (void)state;
    struct chat_log log;
    assert_true(read_text(&log, LINE("c", "a", "100", "x") LINE("c", "b", "50", "falls")
                                    LINE("c", "b", "50", "falls") LINE("c", "a", "100", "x")
                                        LINE("c", "a", "101", "x")));
    const struct chat_message *messages = log.conversations[0].messages;
    for (size_t i = 1; i < 5; i++) {
        assert_true(id_order(&messages[i - 1], &messages[i]) < 0);
    }
    assert_int_equal(columba_message_id_unix_ms(&messages[1].id), 100);
    assert_int_equal(messages[1].ts_ms, 50);
    assert_int_equal(columba_message_id_unix_ms(&messages[4].id), 101);
    chat_log_clear(&log);
}

static void the_same_file_gives_the_same_ids_plain_or_compressed(void **state)
{
    (void)state;
    struct chat_log first;
    struct chat_log second;
    const char text[] = LINE("c", "a", "1", "x") LINE("d", "a", "1", "x") LINE("c", "a", "1", "x");
    assert_true(read_text(&first, text));
    write_file(text, strlen(text), true);
    assert_true(chat_log_read(&second, path, NOW_MS, complain, NULL));
    assert_int_equal(second.message_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(id_order(&first.messages[i], &second.messages[i]), 0);
    }
    chat_log_clear(&first);
    chat_log_clear(&second);
}

static void bad_lines_are_named_and_the_rest_goes_on(void **state)
{
    (void)state;
    struct chat_log log;
    assert_true(read_text(
        &log,
        LINE("c", "a", "1",
             "good") "not json\n"
                     "[1]\n"
                     "\n" LINE("c", "", "1", "no sender") LINE("c", "a", "\"1\"", "time is text")
                         LINE("c", "a", "1700000060001",
                              "future") "{\"conversation\":\"c\",\"sender\":\"a\",\"ts_ms\":1}"
                                        "\n" LINE("c", "a\\u0000b", "1", "name with NUL")
                                            LINE("c", "a", "-1",
                                                 "before time") "{\"conversation\":\"c\""));
    static const uint64_t expected[] = {2, 3, 5, 6, 7, 8, 9, 10, 11};
    assert_int_equal(log.message_count, 1);
    assert_int_equal(log.bad_lines, 9);
    assert_int_equal(said.count, 9);
    assert_memory_equal(said.lines, expected, sizeof(expected));
    assert_non_null(strstr(said.texts[0], "not JSON"));
    assert_non_null(strstr(said.texts[4], "future"));
    assert_non_null(strstr(said.texts[5], "\"text\" is missing"));
    chat_log_clear(&log);
}

/* One line whose text has that many bytes, and a good one after it. */
static char *long_line(size_t text_bytes)
{
    static const char head[] = "{\"conversation\":\"c\",\"sender\":\"a\",\"ts_ms\":1,\"text\":\"";
    static const char tail[] = "\"}\n" LINE("c", "a", "2", "after");
    char *content = malloc(sizeof(head) + text_bytes + sizeof(tail));
    assert_non_null(content);
    strcpy(content, head);
    memset(content + strlen(head), 'x', text_bytes);
    strcpy(content + strlen(head) + text_bytes, tail);
    return content;
}

static void a_text_may_be_as_long_as_a_body_and_no_longer(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        uint64_t bad_lines;
    } cases[] = {{COLUMBA_BODY_MAX_BYTES, 0},
                 {COLUMBA_BODY_MAX_BYTES + 1, 1},
                 {LINE_MAX_BYTES + 10, 1},
                 {3 * LINE_MAX_BYTES, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chat_log log;
        char *content = long_line(cases[i].bytes);
        assert_true(read_text(&log, content));
        assert_int_equal(log.bad_lines, cases[i].bad_lines);
        assert_int_equal(log.message_count, 2 - cases[i].bad_lines);
        assert_string_equal(log.messages[log.message_count - 1].text, "after");
        chat_log_clear(&log);
        free(content);
    }
}

static void a_file_that_is_not_there_or_breaks_off_is_said(void **state)
{
    (void)state;
    struct chat_log log;
    said.count = 0;
    assert_false(chat_log_read(&log, "/nowhere/at/all.jsonl", NOW_MS, complain, NULL));
    assert_int_equal(said.count, 1);
    assert_int_equal(said.lines[0], 0);
    chat_log_clear(&log);

    const char text[] = LINE("c", "a", "1", "x");
    write_file(text, strlen(text), true);
    assert_int_equal(truncate(path, 40), 0);
    said.count = 0;
    assert_false(chat_log_read(&log, path, NOW_MS, complain, NULL));
    assert_non_null(strstr(said.texts[0], "too early"));
    chat_log_clear(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_grouped_by_conversation_in_the_order_of_the_file),
        cmocka_unit_test(ids_keep_the_order_of_the_file_whatever_the_times_do),
        cmocka_unit_test(the_same_file_gives_the_same_ids_plain_or_compressed),
        cmocka_unit_test(bad_lines_are_named_and_the_rest_goes_on),
        cmocka_unit_test(a_text_may_be_as_long_as_a_body_and_no_longer),
        cmocka_unit_test(a_file_that_is_not_there_or_breaks_off_is_said),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
