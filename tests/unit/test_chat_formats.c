/*
 * Chat logs as other programs write them: what is read of each, and what is said about the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/tools/chat_log.h"
#include "directory.h"

#define NOW_MS UINT64_C(1800000000000)

static char *folder;
static char said[8192];
static struct chat_log chat;

static void complain(void *user, enum chat_remark remark, uint64_t line, const char *what)
{
    (void)user;
    size_t used = strlen(said);
    snprintf(said + used, sizeof(said) - used, "%c %" PRIu64 " %s\n", "bnf"[remark], line, what);
}

static void write_file(const char *name, const char *content)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool read_log(const char *format, const char *name, struct chat_log_options options)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    options.path = path;
    options.format = format;
    options.now_ms = NOW_MS;
    options.say = complain;
    said[0] = '\0';
    chat_log_clear(&chat);
    return chat_log_read(&chat, &options);
}

static void read_text(const char *format, const char *name, const char *content)
{
    write_file(name, content);
    if (!read_log(format, name, (struct chat_log_options){0})) {
        fail_msg("%s is refused: %s", name, said);
    }
}

/* "sender@seconds:text|" of every message of a conversation. */
static void has(size_t number, const char *name, const char *expected)
{
    char found[4096] = "";
    assert_true(number < chat.conversation_count);
    const struct chat_conversation *conversation = &chat.conversations[number];
    assert_string_equal(conversation->name, name);
    for (size_t i = 0; i < conversation->message_count; i++) {
        const struct chat_message *message = &conversation->messages[i];
        size_t used = strlen(found);
        snprintf(found + used, sizeof(found) - used, "%s@%" PRIu64 ":%s|", message->sender,
                 message->ts_ms / 1000, message->text);
    }
    assert_string_equal(found, expected);
}

static bool was_said(const char *text)
{
    return strstr(said, text) != NULL;
}

/* 2024-05-01 00:00:00 UTC */
#define MAY_1 "1714521600"

/* ---- IRC ---------------------------------------------------------------------------------------
 */

static void irssi_logs_tell_the_day_in_lines_of_their_own(void **state)
{
    (void)state;
    read_text("irc", "#garden.log",
              "--- Log opened Wed May 01 00:00:00 2024\n"
              "00:00 -!- ann [~a@host] has joined #garden\n"
              "00:01 <@ann> hello\n"
              "00:01 < ben> hi <there>\n"
              "00:02  * ann waves\n"
              "--- Day changed Thu May 02 2024\n"
              "00:00 <ann> next\n");
    has(0, "#garden",
        "ann@1714521660:hello|ben@1714521660:hi <there>|ann@1714521720:/me waves|"
        "ann@1714608000:next|");
    assert_true(was_said("an event (a join, a part, a mode) is left out 1 times"));
    assert_true(was_said("taken as UTC; --timezone"));
    assert_int_equal(chat.bad_lines, 0);
}

static void weechat_logs_have_tabs(void **state)
{
    (void)state;
    read_text("irc", "irc.libera.#garden.weechatlog",
              "2024-05-01 00:00:01\t-->\tann (~a@host) has joined #garden\n"
              "2024-05-01 00:00:02\t@ann\thello\tthere\n"
              "2024-05-01 00:00:03\t *\tann waves\n"
              "2024-05-01 00:00:04\t--\tMode #garden [+o ann]\n"
              "2024-05-01 00:00:05\tben\t* not an action\n");
    has(0, "#garden",
        "ann@1714521602:hello\tthere|ann@1714521603:/me waves|ben@1714521605:* not an action|");
}

static void hexchat_logs_tell_the_year_once(void **state)
{
    (void)state;
    read_text("irc", "hexchat.log",
              "**** BEGIN LOGGING AT Wed May  1 00:00:00 2024\n\n"
              "May 01 00:00:01 *\tNow talking on #garden\n"
              "May 01 00:00:02 <ann>\thello\n"
              "May 01 00:00:03 *\tben has quit (bye)\n");
    has(0, "hexchat", "Now@1714521601:/me talking on #garden|ann@1714521602:hello|");
}

static void bracketed_times_take_the_day_from_the_files_name_and_go_past_midnight(void **state)
{
    (void)state;
    read_text("irc", "#garden_2024-05-01.log",
              "[23:59:59] <ann> late\n"
              "[00:00:01] <ben> early\n"
              "[00:00:02] *** Joins: eve (e@host)\n"
              "[00:00:03] -ben- a notice\n"
              "[00:00:04] <\xe9ve> caf\xe9\n"
              "gibberish\n");
    has(0, "#garden",
        "ann@1714607999:late|ben@1714608001:early|ben@1714608003:a notice|"
        "éve@1714608004:café|");
    assert_int_equal(chat.bad_lines, 1);
    assert_true(was_said("b 6 no line of an IRC log"));
    assert_true(was_said("Latin-1"));
}

static void a_time_without_a_day_needs_one(void **state)
{
    (void)state;
    write_file("plain.log", "[12:00] <ann> hello\n");
    assert_false(read_log("irc", "plain.log", (struct chat_log_options){0}));
    assert_true(was_said("--date YYYY-MM-DD"));
    assert_true(read_log("irc", "plain.log",
                         (struct chat_log_options){.date = "2024-05-01", .conversation = "yard"}));
    has(0, "yard", "ann@1714564800:hello|");
}

/* ---- WhatsApp ----------------------------------------------------------------------------------
 */

static void both_kinds_of_whatsapp_files_are_read(void **state)
{
    (void)state;
    read_text("whatsapp", "WhatsApp Chat with Ben.txt",
              "31/12/2023, 23:58 - Messages and calls are end-to-end encrypted.\n"
              "31/12/2023, 23:59 - Ann: first\n"
              "second: line\n"
              "\n"
              "01/01/2024, 00:00 - Ben: IMG-20240101-WA0001.jpg (file attached)\n"
              "01/01/2024, 00:01 - Ben: at 12:30 - ok?\n");
    has(0, "Ben",
        "Ann@1704067140:first\nsecond: line\n|"
        "Ben@1704067200:IMG-20240101-WA0001.jpg (file attached)|Ben@1704067260:at 12:30 - ok?|");
    assert_string_equal(chat.conversations[0].messages[1].media_url, "IMG-20240101-WA0001.jpg");
    assert_int_equal(chat.conversations[0].messages[1].type, COLUMBA_TYPE_IMAGE);
    assert_true(was_said("a line of WhatsApp's own is left out 1 times"));

    read_text("whatsapp", "_chat.txt",
              "\ufeff[31.12.23, 23:59:01] Ann: one\r\n"
              "\u200e[31.12.23, 23:59:02] \u202a+49 171\u00a0000\u202c: \u200e<attached: "
              "2-AUDIO.opus>\r\n");
    has(0, "_chat", "Ann@1704067141:one|+49 171 000@1704067142:\u200e<attached: 2-AUDIO.opus>|");
    assert_int_equal(chat.conversations[0].messages[1].type, COLUMBA_TYPE_AUDIO);
}

static void the_order_of_day_and_month_follows_from_the_file(void **state)
{
    (void)state;
    read_text("whatsapp", "us.txt",
              "1/2/24, 1:05\u202fPM - Ann: a\n"
              "1/13/24, 12:00 AM - Ann: b\n");
    has(0, "us", "Ann@1704200700:a|Ann@1705104000:b|");
    read_text("whatsapp", "us2.txt", "1/2/24, 1:05 p. m. - Ann: a\n");
    has(0, "us2", "Ann@1704200700:a|");
    assert_true(was_said("the month is taken for it"));
    read_text("whatsapp", "eu.txt",
              "30.1.2024, 08:00 - Ann: a\n"
              "1.2.2024, 08:00 - Ann: b\n");
    has(0, "eu", "Ann@1706601600:a|Ann@1706774400:b|");
    read_text("whatsapp", "order.txt", /* only so do the times rise */
              "1/2/2024, 08:00 - Ann: a\n"
              "2/1/2024, 08:00 - Ann: b\n"
              "3/1/2024, 08:00 - Ann: c\n");
    has(0, "order", "Ann@1704182400:a|Ann@1706774400:b|Ann@1709280000:c|");
    read_text("whatsapp", "iso.txt", "[2024-02-01, 08:00:00] Ann: a\n");
    has(0, "iso", "Ann@1706774400:a|");
    read_text("whatsapp", "fi.txt", "[1.2.2024 klo 8.00.05] Ann: a\n");
    has(0, "fi", "Ann@1706774405:a|");
    assert_true(was_said("the day is taken for it"));
}

/* ---- Telegram ----------------------------------------------------------------------------------
 */

static void a_chat_of_telegram(void **state)
{
    (void)state;
    read_text(
        "telegram", "result.json",
        "{\n \"name\": \"Garden\",\n \"type\": \"private_group\",\n \"id\": 99,\n \"messages\": [\n"
        "  {\"id\": 1, \"type\": \"service\", \"date\": \"2024-05-01T00:00:00\", "
        "\"date_unixtime\": "
        "\"" MAY_1
        "\", \"actor\": \"Ann\", \"actor_id\": \"user1\", \"action\": \"create_group\"},\n"
        "  {\"id\": 2, \"type\": \"message\", \"date\": \"2024-05-01T00:00:01\", \"from\": "
        "\"Ann\", "
        "\"from_id\": \"user1\", \"text\": [\"see \", {\"type\": \"link\", \"text\": "
        "\"http://x\"}, "
        "\"!\"]},\n"
        "  {\"id\": 3, \"type\": \"message\", \"date\": \"2024-05-01T00:00:01\", \"from\": "
        "\"Ann\", "
        "\"from_id\": \"user2\", \"photo\": \"photos/1.jpg\", \"text\": \"\", \"reactions\": []},\n"
        "  {\"id\": 4, \"type\": \"message\", \"date\": \"2024-05-01T00:00:02\", \"from\": null, "
        "\"from_id\": \"user3\", \"file\": \"(File not included.)\", \"media_type\": "
        "\"voice_message\", \"text\": \"gone\"}\n ]\n}\n");
    has(0, "Garden",
        "Ann@" MAY_1 ":create_group|Ann@1714521601:see http://x!|Ann (user2)@1714521601:|"
        "user3@1714521602:gone|");
    const struct chat_message *messages = chat.conversations[0].messages;
    assert_int_equal(messages[0].type, COLUMBA_TYPE_SYSTEM);
    assert_string_equal(messages[2].media_url, "photos/1.jpg");
    assert_int_equal(messages[2].type, COLUMBA_TYPE_IMAGE);
    assert_int_equal(messages[3].type, COLUMBA_TYPE_AUDIO);
    assert_null(messages[3].media_url);
    assert_true(was_said("\"reactions\" is left out 1 times, first in message 3"));
    assert_int_equal(chat.bad_lines, 0);
}

#define SMALL(id, text)                                                                            \
    "{\"id\": " id ", \"type\": \"message\", \"date_unixtime\": \"" MAY_1                          \
    "\", \"from\": \"Ann\", \"from_id\": \"user1\", \"text\": \"" text "\"}"

static void all_chats_of_telegram(void **state)
{
    (void)state;
    read_text(
        "telegram", "all.json",
        "{\"about\": \"x\", \"personal_information\": {\"user_id\": 1, \"list\": [1, 2]}, "
        "\"chats\": {\"about\": \"y\", \"list\": ["
        "{\"name\": \"A\", \"type\": \"personal_chat\", \"id\": 1, \"messages\": [" SMALL(
            "1",
            "one") "]}, {\"type\": \"saved_messages\", \"id\": 2, \"messages\": [" SMALL("1",
                                                                                         "two") "]}"
                                                                                                ", "
                                                                                                "{"
                                                                                                "\""
                                                                                                "na"
                                                                                                "me"
                                                                                                "\""
                                                                                                ": "
                                                                                                "\""
                                                                                                "A"
                                                                                                "\""
                                                                                                ", "
                                                                                                "\""
                                                                                                "ty"
                                                                                                "pe"
                                                                                                "\""
                                                                                                ": "
                                                                                                "\""
                                                                                                "pe"
                                                                                                "rs"
                                                                                                "on"
                                                                                                "al"
                                                                                                "_c"
                                                                                                "ha"
                                                                                                "t"
                                                                                                "\""
                                                                                                ", "
                                                                                                "\""
                                                                                                "id"
                                                                                                "\""
                                                                                                ": "
                                                                                                "3,"
                                                                                                " "
                                                                                                "\""
                                                                                                "me"
                                                                                                "ss"
                                                                                                "ag"
                                                                                                "es"
                                                                                                "\""
                                                                                                ": "
                                                                                                "[]"
                                                                                                "},"
                                                                                                " "
                                                                                                "{"
                                                                                                "\""
                                                                                                "na"
                                                                                                "me"
                                                                                                "\""
                                                                                                ": "
                                                                                                "\""
                                                                                                "A"
                                                                                                "\""
                                                                                                ", "
                                                                                                "\""
                                                                                                "id"
                                                                                                "\""
                                                                                                ": "
                                                                                                "4,"
                                                                                                " "
                                                                                                "\""
                                                                                                "me"
                                                                                                "ss"
                                                                                                "ag"
                                                                                                "es"
                                                                                                "\""
                                                                                                ": "
                                                                                                "[" SMALL(
                                                                                                    "1",
                                                                                                    "three") "]}]}}");
    has(0, "A", "Ann@" MAY_1 ":one|");
    has(1, "Saved Messages", "Ann@" MAY_1 ":two|");
    has(2, "A (4)", "Ann@" MAY_1 ":three|");
}

static void what_is_no_export_of_telegram_is_refused(void **state)
{
    (void)state;
    static const char *const contents[] = {
        "",         "[]", "{}", "{\"messages\": [{]}", "{\"messages\": ", "{\"messages\": [1, 2",
        "{\"a\" 1}"};
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        write_file("no.json", contents[i]);
        assert_false(read_log("telegram", "no.json", (struct chat_log_options){0}));
        assert_true(was_said("f 0 "));
    }
}

/* ---- Slack -------------------------------------------------------------------------------------
 */

static void a_folder_of_slack(void **state)
{
    (void)state;
    write_file("slack/users.json",
               "[{\"id\":\"U1\",\"name\":\"ann\"},{\"id\":\"U2\",\"name\":\"ben\"},"
               "{\"id\":\"U3\",\"name\":\"carol\"}]");
    write_file("slack/channels.json",
               "[{\"id\":\"C1\",\"name\":\"general\",\"members\":[\"U1\",\"U2\",\"U3\"]}]");
    write_file("slack/dms.json", "[{\"id\":\"D1\",\"members\":[\"U1\",\"U2\"]}]");
    write_file(
        "slack/general/2024-05-02.json",
        "[{\"type\":\"message\",\"user\":\"U2\",\"ts\":\"1714608000.000100\",\"text\":\"next\"}]");
    write_file(
        "slack/general/2024-05-01.json",
        "[{\"type\":\"message\",\"subtype\":\"channel_join\",\"user\":\"U1\",\"ts\":\"1714521600."
        "000200\",\"text\":\"<@U1> has joined\"},"
        "{\"type\":\"message\",\"user\":\"U1\",\"ts\":\"1714521601.123456\",\"text\":\"1 &lt; 2 "
        "&amp; <#C1|general> <https://x|X> <https://y> <!here>\",\"reactions\":[{}]},"
        "{\"type\":\"message\",\"user\":\"U9\",\"ts\":\"1714521602.000000\",\"text\":\"\","
        "\"files\":[{"
        "\"name\":\"a.png\",\"url_private\":\"https://f/a.png\"},{}]},"
        "{\"type\":\"message\",\"subtype\":\"bot_message\",\"username\":\"robot\",\"ts\":"
        "\"1714521603.000000\",\"text\":\"beep\"},{\"type\":\"message\"}]");
    write_file(
        "slack/D1/2024-05-01.json",
        "[{\"type\":\"message\",\"user\":\"U2\",\"ts\":\"1714521600.000100\",\"text\":\"psst\"}]");
    assert_true(read_log("slack", "slack", (struct chat_log_options){0}));
    has(0, "ann, ben", "ben@" MAY_1 ":psst|");
    has(1, "general",
        "ann@" MAY_1 ":@ann has joined|"
        "ann@1714521601:1 < 2 & #general X (https://x) https://y @here|U9@1714521602:|"
        "robot@1714521603:beep|ben@1714608000:next|");
    const struct chat_conversation *general = &chat.conversations[1];
    assert_int_equal(general->messages[0].type, COLUMBA_TYPE_SYSTEM);
    assert_int_equal(general->messages[1].ts_ms, UINT64_C(1714521601123));
    assert_int_equal(general->messages[2].type, COLUMBA_TYPE_IMAGE);
    assert_string_equal(general->messages[2].media_url, "https://f/a.png");
    assert_int_equal(general->member_count, 5); /* carol, who only reads, among them */
    assert_int_equal(chat.bad_lines, 1);
    assert_true(was_said("a second file of a message is left out 1 times"));
    assert_true(was_said("\"reactions\" is left out 1 times"));
}

static void what_is_no_folder_of_slack_is_refused(void **state)
{
    (void)state;
    assert_false(read_log("slack", "nowhere", (struct chat_log_options){0}));
    write_file("empty/users.json", "[]");
    assert_false(read_log("slack", "empty", (struct chat_log_options){0}));
    assert_true(was_said("no export of Slack"));
    write_file("export.zip", "PK");
    assert_false(read_log("slack", "export.zip", (struct chat_log_options){0}));
    assert_true(was_said("unpack it first"));
    write_file("broken/general/2024-05-01.json", "[{]");
    assert_false(read_log("slack", "broken", (struct chat_log_options){0}));
    assert_true(was_said("2024-05-01.json: not JSON"));
}

/* ---- all ---------------------------------------------------------------------------------------
 */

static void a_time_without_a_zone_is_of_the_zone_that_is_set(void **state)
{
    (void)state;
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    read_text("whatsapp", "zone.txt",
              "[2024-07-01, 08:00:00] Ann: a\n[2024-12-01, 08:00:00] Ann: b\n");
    has(0, "zone", "Ann@1719813600:a|Ann@1733036400:b|");
    setenv("TZ", "UTC", 1);
    tzset();
}

static int make_folder(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    folder = directory_create();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    chat_log_clear(&chat);
    directory_destroy(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(irssi_logs_tell_the_day_in_lines_of_their_own),
        cmocka_unit_test(weechat_logs_have_tabs),
        cmocka_unit_test(hexchat_logs_tell_the_year_once),
        cmocka_unit_test(bracketed_times_take_the_day_from_the_files_name_and_go_past_midnight),
        cmocka_unit_test(a_time_without_a_day_needs_one),
        cmocka_unit_test(both_kinds_of_whatsapp_files_are_read),
        cmocka_unit_test(the_order_of_day_and_month_follows_from_the_file),
        cmocka_unit_test(a_chat_of_telegram),
        cmocka_unit_test(all_chats_of_telegram),
        cmocka_unit_test(what_is_no_export_of_telegram_is_refused),
        cmocka_unit_test(a_folder_of_slack),
        cmocka_unit_test(what_is_no_folder_of_slack_is_refused),
        cmocka_unit_test(a_time_without_a_zone_is_of_the_zone_that_is_set),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
