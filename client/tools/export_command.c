/*
 * export CONVERSATION … [--user USER] [--output FILE]
 *
 * JSON Lines, as import reads them. For each conversation one line with its members and what they
 * have read, then a line for each message, oldest first, with the id it has:
 *
 *   {"conversation", "created_at_ms", "members": [{"name", "read_up_to": id or null}, …]}
 *   {"conversation", "id", "sender", "ts_ms", "text" or "text_hex", "type", "media_url"}
 *
 * Pages are written as they come. A message that cannot be opened is left out and counted, and the
 * export has failed then: it is not all there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/chat_options.h"
#include "client/tools/chat_reading.h"
#include "client/tools/columba_commands.h"
#include "client/tools/progress.h"

struct export
{
    struct tool *tool;
    FILE *out;
    uint64_t messages;
    uint64_t conversations;
    uint64_t problems;
    uint64_t unsealed;
};

static void write_line(struct export *export, json_t *object)
{
    json_dumpf(object, export->out, JSON_COMPACT);
    fputc('\n', export->out);
    json_decref(object);
}

static void write_message(struct export *export, const char *conversation,
                          const struct columba_message *message)
{
    if (message->is_deleted) {
        return; /* nothing is left of it */
    }
    if (message->problem != COLUMBA_ERROR_OK) {
        if (export->problems++ < CHAT_PROBLEMS_SHOWN) {
            char id[COLUMBA_ID_TEXT_BYTES];
            columba_id_to_text(&message->id, id);
            tool_say(export->tool, "%s: message %s is left out: %s", conversation, id,
                     message->problem_text);
        }
        return;
    }
    export->unsealed += export->tool->key_file && !message->is_encrypted;
    json_t *object = json_pack("{s:s, s:o, s:s, s:o}", "conversation", conversation, "id",
                               command_id_json(&message->id), "sender", message->from, "ts_ms",
                               command_time_json(message->created_at_ms));
    command_add_body(object, message);
    if (json_is_null(json_object_get(object, "text"))) {
        json_object_del(object, "text");
    }
    const char *type = chat_type_name(message->type);
    if (message->type != COLUMBA_TYPE_TEXT) {
        json_object_set_new(object, "type", type ? json_string(type) : json_integer(message->type));
    }
    if (message->media_url[0]) {
        json_object_set_new(object, "media_url", json_string(message->media_url));
    }
    write_line(export, object);
    export->messages++;
    progress_set(export->messages);
}

static bool add_member(struct tool *tool, void *user, const struct columba_member *member)
{
    (void)tool;
    return json_array_append_new(user, json_pack("{s:s, s:o}", "name", member->name, "read_up_to",
                                                 command_id_json(&member->read_up_to))) == 0;
}

static bool write_conversation(struct export *export, const char *name)
{
    struct tool *tool = export->tool;
    struct columba_future *got = columba_conversation_get(tool->client, name, NULL);
    json_t *members = json_array();
    bool is_good = tool_wait(tool, got, "reading conversation %s", name) &&
                   command_each_member(tool, name, add_member, members);
    if (is_good) {
        write_line(export,
                   json_pack("{s:s, s:o, s:O}", "conversation", name, "created_at_ms",
                             command_time_json(columba_future_conversation(got)->created_at_ms),
                             "members", members));
    }
    json_decref(members);
    columba_future_destroy(got);
    return is_good;
}

static bool write_messages(struct export *export, const char *name)
{
    struct columba_id after;
    bool has_after = false;
    bool more = true;
    while (more) {
        const struct columba_history_read read = {.conversation = name,
                                                  .after = has_after ? &after : NULL,
                                                  .limit = COLUMBA_PAGE_MAX_ROWS,
                                                  .oldest_first = true};
        struct columba_future *future = columba_history(export->tool->client, &read, NULL);
        bool is_read = tool_wait(export->tool, future, "reading %s", name);
        const struct columba_history_page *page = is_read ? columba_future_history(future) : NULL;
        for (size_t i = 0; page && i < page->count; i++) {
            write_message(export, name, &page->messages[i]);
            after = page->messages[i].id;
            has_after = true;
        }
        more = page && page->more && page->count > 0;
        columba_future_destroy(future);
        if (!page || ferror(export->out)) {
            return false;
        }
    }
    return true;
}

/* A conversation that was named before is in the file already. */
static bool is_named(const struct export *export, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(export->tool->arguments[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool export_one(struct export *export, size_t named, const char *name)
{
    if (is_named(export, named, name)) {
        return true;
    }
    if (!write_conversation(export, name) || !write_messages(export, name)) {
        return false;
    }
    export->conversations++;
    return true;
}

static enum tool_exit finish(struct export *export, bool is_good)
{
    struct tool *tool = export->tool;
    progress_end();
    if (fflush(export->out) != 0 || ferror(export->out)) {
        tool_say(tool, "the output cannot be written: %s", strerror(errno));
        return TOOL_FAILED;
    }
    if (export->problems > 0) {
        tool_say(tool,
                 "%" PRIu64 " messages are left out, since they could not be opened: is it "
                 "the right --key-file?",
                 export->problems);
    }
    if (export->unsealed > 0) {
        tool_say(tool, "%" PRIu64 " messages are stored unsealed although a key is set",
                 export->unsealed);
    }
    return is_good && export->problems == 0 ? TOOL_DONE : TOOL_FAILED;
}

static enum tool_exit export_all(struct export *export, const char *user)
{
    struct tool *tool = export->tool;
    struct command_names names = {0};
    bool is_good = !user || command_conversations_of(tool, user, &names);
    progress_begin("export", 0);
    for (size_t i = 0; is_good && i < tool->argument_count; i++) {
        is_good = export_one(export, i, tool->arguments[i]);
    }
    for (size_t i = 0; is_good && i < names.count; i++) {
        is_good = export_one(export, tool->argument_count, names.names[i]);
    }
    command_names_clear(&names);
    return finish(export, is_good);
}

static enum tool_exit run(struct export *export, const char *user, const char *path)
{
    struct tool *tool = export->tool;
    enum tool_exit result;
    if (tool->argument_count == 0 && !user) {
        return tool_wrong(tool, "which conversations? their names, or --user USER for all of a "
                                "user");
    }
    if (!tool_connect(tool, &result)) {
        return result;
    }
    export->out = path ? fopen(path, "w") : stdout;
    if (!export->out) {
        tool_say(tool, "%s: %s", path, strerror(errno));
        return TOOL_FAILED;
    }
    tool->has_printed = !path; /* its lines are what standard output gets */
    result = export_all(export, user);
    if (path && fclose(export->out) != 0 && result == TOOL_DONE) {
        tool_say(tool, "%s: %s", path, strerror(errno));
        result = TOOL_FAILED;
    }
    if (path && result == TOOL_DONE && tool->is_json) {
        tool_print_json(tool, json_pack("{s:I, s:I}", "messages", (json_int_t) export->messages,
                                        "conversations", (json_int_t) export->conversations));
    } else if (path && result == TOOL_DONE) {
        printf("%" PRIu64 " messages in %" PRIu64 " conversations\n", export->messages,
               export->conversations);
    }
    return result;
}

enum tool_exit export_command(struct tool *tool, int argc, const char **argv)
{
    char *user = NULL;
    char *path = NULL;
    struct export export = {.tool = tool};
    const struct poptOption table[] = {
        {"user", 0, POPT_ARG_STRING, &user, 0, "all conversations of this user", "USER"},
        {"output", 'o', POPT_ARG_STRING, &path, 0, "write there (standard output)", "FILE"},
        POPT_TABLEEND,
    };
    enum tool_exit result;
    if (tool_parse(tool, argc, argv, table, 0, (size_t)argc, &result)) {
        result = run(&export, user, path);
    }
    free(user);
    free(path);
    return result;
}
