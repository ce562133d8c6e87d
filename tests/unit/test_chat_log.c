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

static struct {
    char text[2048];
} notes;

static void complain(void *user, enum chat_remark remark, uint64_t line, const char *what)
{
    (void)user;
    if (remark == CHAT_NOTE) {
        size_t used = strlen(notes.text);
        snprintf(notes.text + used, sizeof(notes.text) - used, "%u: %s\n", (unsigned)line, what);
        return;
    }
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

static bool read_path(struct chat_log *log, const char *file)
{
    const struct chat_log_options options = {.path = file, .now_ms = NOW_MS, .say = complain};
    said.count = 0;
    notes.text[0] = '\0';
    return chat_log_read(log, &options);
}

static bool read_text(struct chat_log *log, const char *content)
{
    write_file(content, strlen(content), false);
    return read_path(log, path);
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
    assert_string_equal(log.conversations[0].members[0].name, "alice");
    assert_string_equal(log.conversations[0].members[1].name, "bob");
    assert_int_equal(log.conversations[1].member_count, 1);
    assert_int_equal(said.count, 0);
    chat_log_clear(&log);
}

static int id_order(const struct chat_message *a, const struct chat_message *b)
{
    return memcmp(a->id.bytes, b->id.bytes, sizeof(a->id.bytes));
}

static void lines_of_one_stamp_keep_the_order_of_the_file(void **state)
{
    (void)state;
    struct chat_log log;
    assert_true(read_text(&log, LINE("c", "a", "100", "one") LINE("c", "b", "100", "two")
                                    LINE("c", "b", "100", "two") LINE("c", "a", "100", "one")
                                        LINE("c", "a", "101", "x")));
    static const char *const expected[] = {"one", "two", "two", "one", "x"};
    const struct chat_message *messages = log.conversations[0].messages;
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(messages[i].text, expected[i]);
        assert_int_equal(columba_message_id_unix_ms(&messages[i].id), messages[i].ts_ms);
        assert_true(i == 0 || id_order(&messages[i - 1], &messages[i]) < 0);
    }
    assert_string_equal(notes.text, "");
    chat_log_clear(&log);
}

static void has_texts(const struct chat_log *log, const char *expected)
{
    char texts[256] = "";
    for (size_t i = 0; i < log->conversations[0].message_count; i++) {
        strcat(texts, log->conversations[0].messages[i].text);
    }
    assert_string_equal(texts, expected);
}

static void what_is_out_of_order_is_sorted_and_said(void **state)
{
    (void)state;
    struct chat_log log;
    assert_true(read_text(&log, LINE("c", "a", "100", "c") LINE("c", "b", "50", "a")
                                    LINE("c", "b", "50", "b") LINE("c", "a", "101", "e")
                                        LINE("c", "a", "100", "d")));
    has_texts(&log, "abcde");
    assert_non_null(strstr(notes.text, "2: this message is older"));
    assert_non_null(strstr(notes.text, "3 messages in 1 conversations"));
    for (size_t i = 0; i < 5; i++) {
        const struct chat_message *message = &log.conversations[0].messages[i];
        assert_int_equal(columba_message_id_unix_ms(&message->id), message->ts_ms);
    }
    chat_log_clear(&log);

    /* Newest first: within a stamp too. */
    assert_true(read_text(&log, LINE("c", "a", "101", "e") LINE("c", "a", "100", "d")
                                    LINE("c", "a", "100", "c") LINE("c", "b", "50", "b")
                                        LINE("c", "b", "50", "a")));
    has_texts(&log, "abcde");
    chat_log_clear(&log);
}

static void times_that_look_like_seconds_are_said(void **state)
{
    (void)state;
    struct chat_log log;
    assert_true(
        read_text(&log, LINE("c", "a", "0", "the first day") LINE("c", "a", "1600000000", "s")));
    assert_int_equal(log.message_count, 2);
    assert_int_equal(log.conversations[0].messages[0].ts_ms, 0);
    assert_non_null(strstr(notes.text, "line 2: are they seconds?"));
    chat_log_clear(&log);
}

static void what_a_line_says_besides_is_carried_or_told(void **state)
{
    (void)state;
    struct chat_log log;
    assert_true(read_text(
        &log,
        "{\"conversation\":\"c\",\"members\":[\"carol\",{\"name\":\"a\",\"read_up_to\":null}],"
        "\"created_at_ms\":7}\n"
        "{\"conversation\":\"c\",\"sender\":\"a\",\"ts_ms\":9,\"text\":\"see\",\"type\":\"image\","
        "\"media_url\":\"https://x/y\",\"id\":\"m1\",\"mood\":1}\n"
        "{\"conversation\":\"c\",\"sender\":\"b\",\"ts_ms\":9,\"text_hex\":\"ff00\",\"type\":77}\n"
        "{\"conversation\":\"c\",\"sender\":\"b\",\"ts_ms\":9,\"text\":\"\",\"type\":\"song\"}\n"));
    const struct chat_conversation *conversation = &log.conversations[0];
    assert_int_equal(conversation->message_count, 2);
    assert_int_equal(conversation->created_at_ms, 7);
    assert_int_equal(conversation->messages[0].type, COLUMBA_TYPE_IMAGE);
    assert_string_equal(conversation->messages[0].media_url, "https://x/y");
    assert_int_equal(conversation->messages[1].type, 77);
    assert_int_equal(conversation->messages[1].text_bytes, 2);
    assert_memory_equal(conversation->messages[1].text, "\xff\0", 2);
    assert_int_equal(conversation->member_count, 3);
    assert_string_equal(conversation->members[0].name, "carol");
    assert_false(conversation->members[0].has_marker);
    assert_string_equal(conversation->members[1].name, "a");
    assert_true(conversation->members[1].has_marker);
    assert_true(columba_id_is_zero(&conversation->members[1].marker));
    assert_int_equal(log.bad_lines, 1);
    assert_non_null(strstr(notes.text, "\"mood\" is left out 1 times, first in line 2"));
    chat_log_clear(&log);
}

/* An id of Columba's stays; another one takes part in the id that is made. */
static void ids_of_an_export_stay(void **state)
{
    (void)state;
    struct chat_log log;
    char line[256];
    char id_text[COLUMBA_ID_TEXT_BYTES];
    struct columba_id id = columba_message_id_make(1234, 77, "a");
    columba_id_to_text(&id, id_text);
    snprintf(line, sizeof(line),
             "{\"conversation\":\"c\",\"sender\":\"a\",\"ts_ms\":9,\"text\":\"x\",\"id\":\"%s\"}\n"
             "{\"conversation\":\"c\",\"sender\":\"b\",\"ts_ms\":9,\"text\":\"x\",\"id\":\"%s\"}\n",
             id_text, id_text);
    assert_true(read_text(&log, line));
    const struct chat_message *messages = log.conversations[0].messages;
    assert_int_equal(log.message_count, 2);
    assert_string_equal(messages[1].sender, "a");
    assert_memory_equal(&messages[1].id, &id, sizeof(id));
    assert_true(messages[1].has_own_id);
    assert_false(messages[0].has_own_id); /* it was not made for b */
    chat_log_clear(&log);
}

static void names_are_in_one_form(void **state)
{
    (void)state;
    struct chat_log log;
    assert_true(read_text(&log, LINE("Cafe\xcc\x81", "zoe\xcc\x88", "1", "x")
                                    LINE("Caf\xc3\xa9", "zo\xc3\xab", "2", "y")
                                        LINE("c", "a\\u202eb", "3", "z")));
    assert_int_equal(log.conversation_count, 1);
    assert_string_equal(log.conversations[0].name, "Caf\xc3\xa9");
    assert_int_equal(log.conversations[0].member_count, 1);
    assert_int_equal(log.bad_lines, 1);
    assert_int_equal(said.lines[0], 3);
    chat_log_clear(&log);
}

static void refused(const char *content, size_t size, const char *reason)
{
    struct chat_log log;
    write_file(content, size, false);
    assert_false(read_path(&log, path));
    assert_int_equal(said.count, 1);
    assert_int_equal(said.lines[0], 0);
    if (!strstr(said.texts[0], reason)) {
        fail_msg("'%s' is not in: %s", reason, said.texts[0]);
    }
    chat_log_clear(&log);
}

static void what_is_no_such_file_is_refused_with_the_way_out(void **state)
{
    (void)state;
    static const char array[] = "[" LINE("c", "a", "1", "x") "]";
    static const char document[] = "{\n \"messages\": []\n}\n";
    refused(array, strlen(array), "--format telegram");
    refused(document, strlen(document), "--format telegram");
    refused("PK\x03\x04xxxx", 8, "unpack");
    refused("\xff\xfe{\0\"\0", 6, "UTF-16");
}

static void a_byte_order_mark_costs_nothing(void **state)
{
    (void)state;
    struct chat_log log;
    assert_true(read_text(&log, "\xef\xbb\xbf" LINE("c", "a", "1", "x") LINE("c", "a", "2", "y")));
    assert_int_equal(log.message_count, 2);
    assert_int_equal(said.count, 0);
    chat_log_clear(&log);
    assert_true(read_text(&log, "\xef\xbb\xbf"));
    assert_int_equal(log.message_count, 0);
    chat_log_clear(&log);
}

/* Appends to the file: a gzip member, or plain bytes. */
static void append(const char *content, bool is_compressed)
{
    gzFile file = gzopen(path, is_compressed ? "ab" : "abT");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, content, (unsigned)strlen(content)), (int)strlen(content));
    assert_int_equal(gzclose(file), Z_OK);
}

static void all_members_of_a_compressed_file_are_read_and_nothing_else_passed_over(void **state)
{
    (void)state;
    struct chat_log log;
    const char first[] = LINE("c", "a", "1", "x");
    const char second[] = LINE("c", "a", "2", "y");
    write_file(first, strlen(first), true);
    append(second, true);
    assert_true(read_path(&log, path));
    assert_int_equal(log.message_count, 2);
    chat_log_clear(&log);

    append(second, false);
    char expected[64];
    snprintf(expected, sizeof(expected), "%zu bytes after the end", strlen(second));
    assert_false(read_path(&log, path));
    assert_int_equal(said.count, 1);
    assert_non_null(strstr(said.texts[0], expected));
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
    assert_true(read_path(&second, path));
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
    assert_false(read_path(&log, "/nowhere/at/all.jsonl"));
    assert_int_equal(said.count, 1);
    assert_int_equal(said.lines[0], 0);
    chat_log_clear(&log);

    const char text[] = LINE("c", "a", "1", "x");
    write_file(text, strlen(text), true);
    assert_int_equal(truncate(path, 40), 0);
    said.count = 0;
    assert_false(read_path(&log, path));
    assert_non_null(strstr(said.texts[0], "too early"));
    chat_log_clear(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_grouped_by_conversation_in_the_order_of_the_file),
        cmocka_unit_test(lines_of_one_stamp_keep_the_order_of_the_file),
        cmocka_unit_test(what_is_out_of_order_is_sorted_and_said),
        cmocka_unit_test(times_that_look_like_seconds_are_said),
        cmocka_unit_test(what_a_line_says_besides_is_carried_or_told),
        cmocka_unit_test(ids_of_an_export_stay),
        cmocka_unit_test(names_are_in_one_form),
        cmocka_unit_test(what_is_no_such_file_is_refused_with_the_way_out),
        cmocka_unit_test(a_byte_order_mark_costs_nothing),
        cmocka_unit_test(all_members_of_a_compressed_file_are_read_and_nothing_else_passed_over),
        cmocka_unit_test(the_same_file_gives_the_same_ids_plain_or_compressed),
        cmocka_unit_test(bad_lines_are_named_and_the_rest_goes_on),
        cmocka_unit_test(a_text_may_be_as_long_as_a_body_and_no_longer),
        cmocka_unit_test(a_file_that_is_not_there_or_breaks_off_is_said),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
