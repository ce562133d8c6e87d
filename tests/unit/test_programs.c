/*
 * The programs against a node that answers as it is told to: what no real node would do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "columba.h"
#include "fake_node.h"
#include "proto/content.h"

#define OUTPUT_BYTES 16384

static struct fake_node *node;
static char file[64];
static char output[OUTPUT_BYTES];

/* Runs `columba ARGUMENTS` against the node; both streams are in `output`. The exit code. */
__attribute__((format(printf, 1, 2))) static int columba(const char *format, ...)
{
    char arguments[1024];
    char command[2048];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof(arguments), format, list);
    va_end(list);
    snprintf(command, sizeof(command), "%s --contact 127.0.0.1:%u %s 2>&1",
             getenv("COLUMBA_PROGRAM"), node->port, arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    output[fread(output, 1, sizeof(output) - 1, pipe)] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void said(const char *text)
{
    if (!strstr(output, text)) {
        fail_msg("'%s' is not in: %s", text, output);
    }
}

static void write_lines(const char *const *conversations, size_t count)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "{\"conversation\":\"%s\",\"sender\":\"ann\",\"ts_ms\":%zu,\"text\":\"x\"}\n",
                conversations[i], i + 1);
    }
    assert_int_equal(fclose(out), 0);
}

static void a_conversation_that_is_refused_is_counted_and_the_rest_goes_on(void **state)
{
    (void)state;
    static const char *const conversations[] = {"a", "b", "c"};
    static const int steps[] = {MESSAGE_CONVERSATION_CREATE, MESSAGE_HISTORY_IMPORT,
                                MESSAGE_INBOX_IMPORT};
    write_lines(conversations, 3);
    fake_refuse(node, (struct message_status){.error = ERR_INVALID, .text = slice_of_text("no")});
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        node->refused_type = steps[i];
        assert_int_equal(columba("--format json import %s", file), 2);
        said("\"failed\":3");
        said("importing a: INVALID: no");
    }
    node->fault = FAKE_WELL;
    assert_int_equal(columba("--format json import %s", file), 0);
    said("\"failed\":0");
}

static void messages_that_are_stored_otherwise_are_counted_and_fail_the_import(void **state)
{
    (void)state;
    static const char *const conversations[] = {"a", "b"};
    write_lines(conversations, 2);
    node->differing = 2;
    assert_int_equal(columba("--format json import %s", file), 2);
    said("importing a: 2 messages differ from what is stored; kept");
    said("\"failed\":0,\"differing\":4");
    node->differing = 0;
    assert_int_equal(columba("--format json import %s", file), 0);
    said("\"differing\":0");
}

/* Who runs the nodes has put other words, or another name, under an id. */
static void what_is_stored_is_not_what_was_imported(void **state)
{
    (void)state;
    static const char *const conversations[] = {"a"};
    static const struct content altered[] = {
        {.type = 1,
         .created_at_ms = 1,
         .sender = {(const uint8_t *)"bob", 3},
         .body = {(const uint8_t *)"x", 1}},
        {.type = 1,
         .created_at_ms = 2,
         .sender = {(const uint8_t *)"ann", 3},
         .body = {(const uint8_t *)"x", 1}},
        {.type = 1,
         .created_at_ms = 1,
         .sender = {(const uint8_t *)"ann", 3},
         .body = {(const uint8_t *)"y", 1}},
        {.type = 1,
         .created_at_ms = 1,
         .is_encrypted = true,
         .sender = {(const uint8_t *)"ann", 3},
         .body = {(const uint8_t *)"x", 1}},
    };
    write_lines(conversations, 1);
    assert_int_equal(columba("import %s", file), 0);
    assert_int_equal(columba("verify %s", file), 0);
    assert_int_equal(fake_row_count(node), 1);
    for (size_t i = 0; i < sizeof(altered) / sizeof(altered[0]); i++) {
        fake_alter(node, 0, &altered[i]);
        assert_int_equal(columba("verify %s", file), 2);
        said("0 missing, 0 extra, 1 different");
    }
}

static void a_send_of_unknown_outcome_tells_the_id_it_had(void **state)
{
    (void)state;
    fake_refuse(node, (struct message_status){.error = ERR_TIMEOUT, .outcome_unknown = true});
    node->refused_type = MESSAGE_SEND;
    assert_int_equal(columba("--timeout 300 send --from ann --to a hello"), 2);
    said("it may have been sent all the same");
    const char *id = strstr(output, "--id ");
    assert_non_null(id);
    char text[COLUMBA_ID_TEXT_BYTES];
    snprintf(text, sizeof(text), "%s", id + 5);
    node->fault = FAKE_WELL;
    assert_int_equal(columba("send --from ann --to a hello --id %s", text), 0);
    said(text);
    assert_int_equal(fake_row_count(node), 1);
    fake_refuse(node, (struct message_status){.error = ERR_NOT_A_MEMBER});
    assert_int_equal(columba("send --from ann --to a hello"), 2);
    assert_null(strstr(output, "--id"));
}

static int begin(void **state)
{
    (void)state;
    snprintf(file, sizeof(file), "/tmp/columba-programs-XXXXXX");
    int fd = mkstemp(file);
    node = fake_prepare(FAKE_WELL);
    for (uint32_t i = 0; i < 3; i++) {
        snprintf(node->inbox_names[i], sizeof(node->inbox_names[i]), "%c", "abc"[i]);
    }
    node->inbox_count = 3; /* whose names it knows */
    fake_begin(node);
    return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
    (void)state;
    fake_stop(node);
    return unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_conversation_that_is_refused_is_counted_and_the_rest_goes_on, begin, end),
        cmocka_unit_test_setup_teardown(
            messages_that_are_stored_otherwise_are_counted_and_fail_the_import, begin, end),
        cmocka_unit_test_setup_teardown(what_is_stored_is_not_what_was_imported, begin, end),
        cmocka_unit_test_setup_teardown(a_send_of_unknown_outcome_tells_the_id_it_had, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
