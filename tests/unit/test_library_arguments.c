/* What programs get wrong is refused with a reason, and never a crash. */
#include "library_world.h"

/* --- arguments ------------------------------------------------------------------------------- */

static void arguments_out_of_their_limits_are_refused(void **state)
{
    (void)state;
    static char long_name[COLUMBA_NAME_MAX_BYTES + 2];
    static char body[COLUMBA_BODY_MAX_BYTES + 1];
    static struct columba_import_message messages[COLUMBA_IMPORT_MAX_ROWS + 1];
    memset(long_name, 'x', sizeof(long_name) - 1);
    begin(FAKE_WELL, key_one);
    struct columba_message_send send = {.from = "alice", .to = "garden", .body = body};
    send.body_bytes = COLUMBA_BODY_MAX_BYTES;
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_OK);
    send.body_bytes++;
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_TOO_LARGE);
    send = (struct columba_message_send){.from = long_name, .to = "garden"};
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_TOO_LARGE);
    send = (struct columba_message_send){.from = "alice", .to = NULL};
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_INVALID);
    send = (struct columba_message_send){.from = "al\xffice", .to = "garden"};
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_INVALID);
    struct columba_id no_uuid = {{1}};
    send = (struct columba_message_send){.from = "alice", .to = "garden", .message = &no_uuid};
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_INVALID);

    assert_int_equal(finish(columba_history_import(client, "garden", messages,
                                                   COLUMBA_IMPORT_MAX_ROWS + 1, NULL)),
                     COLUMBA_ERROR_TOO_LARGE);
    for (int i = 0; i < 20; i++) {
        messages[i] = (struct columba_import_message){.id = columba_message_id_make(5, 5, "alice"),
                                                      .from = "alice",
                                                      .body = body,
                                                      .body_bytes = COLUMBA_BODY_MAX_BYTES};
    }
    assert_int_equal(finish(columba_history_import(client, "garden", messages, 20, NULL)),
                     COLUMBA_ERROR_TOO_LARGE);
    assert_int_equal(finish(columba_history_import(client, "garden", messages, 11, NULL)),
                     COLUMBA_ERROR_OK);
    const struct columba_history_read read = {.conversation = "garden", .limit = 1001};
    assert_int_equal(finish(columba_history(client, &read, NULL)), COLUMBA_ERROR_TOO_LARGE);
    end();
}

static void options_say_what_is_wrong(void **state)
{
    (void)state;
    struct columba_options *options = columba_options_create();
    const char *good[] = {"localhost", "127.0.0.1:1,127.0.0.2", "[::1]:7411, ::1,[fe80::1]",
                          "node-1.example.org:65535"};
    const char *bad[] = {"", ",", "a:", ":7411", "a:0", "a:65536", "a:x", "[::1", "[::1]x", "a,,b"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(columba_options_set_contacts(options, good[i]), COLUMBA_ERROR_OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(columba_options_set_contacts(options, bad[i]), COLUMBA_ERROR_INVALID);
        assert_true(strlen(columba_options_error(options)) > 0);
    }
    assert_int_equal(columba_options_set_timeout_ms(options, 0), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_consistency(options, (enum columba_consistency)99),
                     COLUMBA_ERROR_INVALID);
    columba_options_destroy(options);

    enum columba_consistency level;
    assert_true(columba_consistency_from_name("local_quorum", &level));
    assert_int_equal(level, COLUMBA_CONSISTENCY_LOCAL_QUORUM);
    assert_string_equal(columba_consistency_name(level), "LOCAL_QUORUM");
    assert_false(columba_consistency_from_name("most", &level));
}

static void key_file_with(const char *bytes, size_t size, enum columba_error_code expected)
{
    char path[] = "/tmp/columba-key-XXXXXX";
    int fd = mkstemp(path);
    struct columba_options *options = columba_options_create();
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
    assert_int_equal(columba_options_set_key_file(options, path), expected);
    if (expected != COLUMBA_ERROR_OK) {
        assert_non_null(strstr(columba_options_error(options), path));
    }
    unlink(path);
    columba_options_destroy(options);
}

static void a_key_file_holds_digits_or_bytes(void **state)
{
    (void)state;
    const char *digits = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n";
    key_file_with(digits, 65, COLUMBA_ERROR_OK);
    key_file_with(digits, 64, COLUMBA_ERROR_OK);
    key_file_with(digits, 63, COLUMBA_ERROR_INVALID);
    key_file_with("0123456789abcdef\xff\0\n3456789abcdef", 32, COLUMBA_ERROR_OK);
    key_file_with("", 0, COLUMBA_ERROR_INVALID);
    key_file_with("0123456789abcdef0123456789abcde", 31, COLUMBA_ERROR_INVALID);
    struct columba_options *options = columba_options_create();
    assert_int_equal(columba_options_set_key_file(options, "/no/such/file"), COLUMBA_ERROR_IO);
    columba_options_destroy(options);
}

/* --- what newcomers pass, and what programs do to their processes --------------------------- */

static void null_is_invalid_and_never_a_crash(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    every_call_refused_for(NULL);
    refused_as_invalid(columba_send(client, NULL, NULL));
    refused_as_invalid(columba_conversation_create(client, NULL, NULL));
    refused_as_invalid(columba_conversation_get(client, NULL, NULL));
    refused_as_invalid(columba_members(client, NULL, NULL));
    refused_as_invalid(columba_history(client, NULL, NULL));
    refused_as_invalid(columba_inbox(client, NULL, NULL));
    refused_as_invalid(columba_mark_read(client, NULL, NULL, NULL, NULL));
    refused_as_invalid(columba_history_import(client, "garden", NULL, 1, NULL));
    refused_as_invalid(columba_inbox_import(client, NULL, 1, NULL));
    refused_as_invalid(columba_admin(client, NULL, NULL, NULL, 0, NULL));
    refused_as_invalid(columba_admin(client, NULL, "info", NULL, 1, NULL));
    const char *const none[] = {NULL};
    refused_as_invalid(columba_admin(client, NULL, "info", none, 1, NULL));
    const struct columba_message_send hollow = {.from = "alice", .to = "garden", .body_bytes = 1};
    refused_as_invalid(columba_send(client, &hollow, NULL));
    const struct columba_conversation_new nobody = {.name = "garden", .member_count = 1};
    refused_as_invalid(columba_conversation_create(client, &nobody, NULL));
    end();
    assert_int_equal(columba_future_wait(NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_future_code(NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_future_error(NULL)->code, COLUMBA_ERROR_INVALID);
    assert_true(columba_future_is_done(NULL));
    assert_null(columba_future_user(NULL));
    assert_null(columba_future_history(NULL));
    assert_null(columba_future_json(NULL));
    columba_future_set_callback(NULL, NULL, NULL);
    columba_future_set_user(NULL, NULL);
    columba_future_destroy(NULL);
    columba_client_destroy(NULL);
    columba_wake(NULL);
    assert_int_equal(columba_fd(NULL), -1);
    assert_int_equal(columba_dispatch(NULL, 0), -1);
    assert_false(columba_event_next(NULL, NULL));
    assert_false(columba_id_from_text(NULL, NULL));
    assert_true(columba_id_is_zero(NULL));
    columba_user_id(NULL);
}

static void options_take_no_null(void **state)
{
    (void)state;
    struct columba_error_info error;
    struct columba_options *options = columba_options_create();
    assert_int_equal(columba_options_set_contacts(options, NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_key(options, NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_key_file(options, NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_cluster_name(options, NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_contacts(NULL, "a"), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_timeout_ms(NULL, 1), COLUMBA_ERROR_INVALID);
    assert_non_null(columba_options_error(NULL));
    columba_options_destroy(options);
    assert_null(columba_client_create(NULL, &error));
    assert_int_equal(error.code, COLUMBA_ERROR_INVALID);
}

static void times_and_limits_are_checked(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    struct columba_message_send send = {
        .from = "alice", .to = "garden", .created_at_ms = UINT64_MAX};
    refused_as_invalid(columba_send(client, &send, NULL));
    send.created_at_ms = (uint64_t)COLUMBA_TIME_MAX_MS + 1;
    refused_as_invalid(columba_send(client, &send, NULL));
    send.created_at_ms = (uint64_t)COLUMBA_TIME_MAX_MS;
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_OK);
    struct columba_import_message import = {
        .id = columba_message_id_make(5, 5, "alice"), .from = "alice", .created_at_ms = UINT64_MAX};
    refused_as_invalid(columba_history_import(client, "garden", &import, 1, NULL));
    const struct columba_conversation_new create = {.name = "garden", .created_at_ms = UINT64_MAX};
    refused_as_invalid(columba_conversation_create(client, &create, NULL));
    const struct columba_call level = {.consistency = (enum columba_consistency)99};
    refused_as_invalid(columba_connect(client, &level));
    const struct columba_inbox_read inbox = {.user = "alice", .limit = COLUMBA_INBOX_MAX_ROWS + 1};
    assert_int_equal(finish(columba_inbox(client, &inbox, NULL)), COLUMBA_ERROR_TOO_LARGE);
    const struct columba_members_read members = {.conversation = "garden", .limit = 1001};
    assert_int_equal(finish(columba_members(client, &members, NULL)), COLUMBA_ERROR_TOO_LARGE);
    end();
}

/* A program built for a later version: what it does not use of that is no hindrance. */
static void arguments_of_a_later_version_are_taken_or_refused(void **state)
{
    (void)state;
    struct later {
        struct columba_message_send send;
        uint64_t new_field;
    } later = {.send = {.size = sizeof(later), .from = "alice", .to = "garden"}};
    begin(FAKE_WELL, NULL);
    assert_int_equal(finish(columba_send(client, &later.send, NULL)), COLUMBA_ERROR_OK);
    later.new_field = 1;
    refused_as_invalid(columba_send(client, &later.send, NULL));
    later.send.size = 1;
    refused_as_invalid(columba_send(client, &later.send, NULL));
    later.send.size = SIZE_MAX;
    refused_as_invalid(columba_send(client, &later.send, NULL));
    later.send.size = sizeof(later.send);
    assert_int_equal(finish(columba_send(client, &later.send, NULL)), COLUMBA_ERROR_OK);
    struct columba_import_message import = {
        .id = columba_message_id_make(5, 5, "alice"), .from = "alice", .reserved = {1}};
    refused_as_invalid(columba_history_import(client, "garden", &import, 1, NULL));
    end();
}

static void the_version_is_a_number_too(void **state)
{
    (void)state;
    char text[32];
    uint32_t number = columba_version_number();
    snprintf(text, sizeof(text), "%u.%u.%u", number / 1000000, number / 1000 % 1000, number % 1000);
    assert_string_equal(text, columba_version());
    assert_int_equal(number, COLUMBA_VERSION_NUMBER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_out_of_their_limits_are_refused),
        cmocka_unit_test(options_say_what_is_wrong),
        cmocka_unit_test(a_key_file_holds_digits_or_bytes),
        cmocka_unit_test(null_is_invalid_and_never_a_crash),
        cmocka_unit_test(options_take_no_null),
        cmocka_unit_test(times_and_limits_are_checked),
        cmocka_unit_test(arguments_of_a_later_version_are_taken_or_refused),
        cmocka_unit_test(the_version_is_a_number_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
