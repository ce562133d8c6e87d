/*
 * history CONVERSATION [--limit N] [--before ID] [--after ID]
 *
 *   {"conversation", "more", "messages": [{"id", "sender", "ts_ms", "text", "type", "encrypted",
 *    "problem" (only where there is one), "edits" and "edited_ts_ms" (only if it was edited),
 *    "deleted" (only if it was: true, and "text" is null), "reactions": [{"user": id, "text"}, …]
 *    and "columns": [{"name", "value"}, …] (only where there are some)}, …]}      oldest first
 *
 * Without --after these are the newest (before --before); with it, those that follow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/chat_reading.h"
#include "client/tools/columba_commands.h"
#include "client/tools/printable.h"

#define LIMIT_DEFAULT 50
/* All are held in memory before they are printed; `export` writes any number. */
#define LIMIT_MAX 1000000

struct history {
    char *limit_text;
    uint64_t limit;
    char *before;
    char *after;
    /* Where the next page begins; has_… says whether there is such a bound. */
    struct columba_id before_id;
    struct columba_id after_id;
    bool has_before;
    bool has_after;
    json_t *messages; /* in the order of reading */
    bool more;
};

static const char *type_name(uint8_t type)
{
    const char *name = chat_type_name(type);
    return name ? name : "other";
}

/* What is not UTF-8, or could not be opened, is null. */
static void add_marks(json_t *object, const struct columba_message *message)
{
    json_t *reactions = json_array();
    json_t *columns = json_array();
    for (size_t i = 0; i < message->reaction_count; i++) {
        const struct columba_reaction *reaction = &message->reactions[i];
        bool is_open = reaction->problem == COLUMBA_ERROR_OK;
        json_array_append_new(reactions,
                              json_pack("{s:o, s:s?}", "user", command_id_json(&reaction->user),
                                        "text", is_open ? reaction->text : NULL));
    }
    for (size_t i = 0; i < message->column_count; i++) {
        const struct columba_column *column = &message->columns[i];
        json_t *value = column->problem == COLUMBA_ERROR_OK
                            ? json_stringn(column->value, column->value_bytes)
                            : NULL;
        json_array_append_new(columns, json_pack("{s:s, s:o}", "name", column->name, "value",
                                                 value ? value : json_null()));
    }
    if (message->reaction_count > 0) {
        json_object_set(object, "reactions", reactions);
    }
    if (message->column_count > 0) {
        json_object_set(object, "columns", columns);
    }
    json_decref(reactions);
    json_decref(columns);
}

/* " {:-) ?}": the reactions of a message, behind its text. */
static void print_reactions(const json_t *message)
{
    size_t i;
    const json_t *reaction;
    json_array_foreach(json_object_get(message, "reactions"), i, reaction)
    {
        const char *text = json_string_value(json_object_get(reaction, "text"));
        printf(i == 0 ? " {" : " ");
        printable_put(stdout, text ? text : "?");
    }
    printf("%s", i > 0 && json_object_get(message, "reactions") ? "}" : "");
}

static json_t *message_json(const struct columba_message *message)
{
    json_t *object = json_object();
    json_object_set_new(object, "id", command_id_json(&message->id));
    json_object_set_new(object, "sender", json_string(message->from));
    json_object_set_new(object, "ts_ms", command_time_json(message->created_at_ms));
    if (message->is_deleted) {
        json_object_set_new(object, "text", json_null());
        json_object_set_new(object, "deleted", json_true());
        return object;
    }
    command_add_body(object, message);
    if (message->edit_number > 0) {
        json_object_set_new(object, "edits", json_integer(message->edit_number));
        json_object_set_new(object, "edited_ts_ms", command_time_json(message->edited_at_ms));
    }
    add_marks(object, message);
    json_object_set_new(object, "type", json_string(type_name(message->type)));
    if (message->media_url[0]) {
        json_object_set_new(object, "media_url", json_string(message->media_url));
    }
    json_object_set_new(object, "encrypted", json_boolean(message->is_encrypted));
    if (message->problem != COLUMBA_ERROR_OK) {
        json_object_set_new(object, "problem", json_string(message->problem_text));
    }
    return object;
}

/* "[image https://x/y.png] ": what a message is beside its text. */
static void print_kind(const json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *url = json_string_value(json_object_get(message, "media_url"));
    if (url || (type && strcmp(type, type_name(COLUMBA_TYPE_TEXT)) != 0)) {
        printf("[%s%s", type ? type : "", url ? " " : "");
        printable_put(stdout, url ? url : "");
        printf("] ");
    }
}

static void print_line(const struct tool *tool, const json_t *message)
{
    char time[COMMAND_TIME_BYTES];
    const json_t *text = json_object_get(message, "text");
    const char *problem = json_string_value(json_object_get(message, "problem"));
    command_time_text((uint64_t)json_number_value(json_object_get(message, "ts_ms")), time);
    printf("%s  %s  ", time, json_string_value(json_object_get(message, "id")));
    const char *sender = json_string_value(json_object_get(message, "sender"));
    printable_put(stdout, sender ? sender : "?");
    printf(": ");
    if (json_is_true(json_object_get(message, "deleted"))) {
        printf("[deleted]\n");
        return;
    }
    if (tool->key_file && !problem && json_is_false(json_object_get(message, "encrypted"))) {
        printf("[not sealed] ");
    }
    if (!problem) {
        print_kind(message);
    }
    if (problem) {
        putchar('[');
        printable_put(stdout, problem);
        putchar(']');
    } else if (json_is_string(text)) {
        printable_write(stdout, json_string_value(text), json_string_length(text), "    ");
    } else {
        printf("[not text: --format json shows the bytes]");
    }
    printf("%s", json_object_get(message, "edits") ? " [edited]" : "");
    print_reactions(message);
    putchar('\n');
}

static void print(struct tool *tool, const char *conversation, struct history *history)
{
    size_t count = json_array_size(history->messages);
    json_t *ordered = history->has_after ? json_incref(history->messages) : json_array();
    for (size_t i = count; i > 0 && !history->has_after; i--) {
        json_array_append(ordered, json_array_get(history->messages, i - 1));
    }
    if (tool->is_json) {
        tool_print_json(tool, json_pack("{s:s, s:b, s:o}", "conversation", conversation, "more",
                                        history->more, "messages", ordered));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        print_line(tool, json_array_get(ordered, i));
    }
    json_decref(ordered);
}

/* One page. False: said, or there is nothing more to read. */
static bool read_page(struct tool *tool, const char *conversation, struct history *history,
                      bool *out_failed)
{
    size_t left = (size_t)history->limit - json_array_size(history->messages);
    const struct columba_history_read read = {
        .conversation = conversation,
        .before = history->has_before ? &history->before_id : NULL,
        .after = history->has_after ? &history->after_id : NULL,
        .limit = (uint32_t)(left < COLUMBA_PAGE_MAX_ROWS ? left : COLUMBA_PAGE_MAX_ROWS),
        .oldest_first = history->has_after,
    };
    struct columba_future *future = columba_history(tool->client, &read, NULL);
    *out_failed = !tool_wait(tool, future, "reading %s", conversation);
    bool goes_on = false;
    if (!*out_failed) {
        const struct columba_history_page *page = columba_future_history(future);
        for (size_t i = 0; i < page->count; i++) {
            json_array_append_new(history->messages, message_json(&page->messages[i]));
        }
        if (page->count > 0) {
            struct columba_id last = page->messages[page->count - 1].id;
            *(history->has_after ? &history->after_id : &history->before_id) = last;
            history->has_before |= !history->has_after;
        }
        history->more = page->more;
        goes_on = page->more && page->count > 0 && page->count < left;
    }
    columba_future_destroy(future);
    return goes_on;
}

static enum tool_exit read_and_print(struct tool *tool, struct history *history)
{
    const char *conversation = tool->arguments[0];
    enum tool_exit result;
    if (history->limit_text &&
        !tool_number(tool, "--limit", history->limit_text, 1, LIMIT_MAX, &history->limit)) {
        return TOOL_USAGE;
    }
    if ((history->before &&
         !command_message_id(tool, "--before", history->before, &history->before_id)) ||
        (history->after &&
         !command_message_id(tool, "--after", history->after, &history->after_id))) {
        return TOOL_USAGE;
    }
    if (!tool_connect(tool, &result)) {
        return result;
    }
    bool has_failed = false;
    history->messages = json_array();
    history->has_before = history->before != NULL;
    history->has_after = history->after != NULL;
    while (read_page(tool, conversation, history, &has_failed)) {
    }
    if (!has_failed) {
        print(tool, conversation, history);
    }
    json_decref(history->messages);
    return has_failed ? TOOL_FAILED : TOOL_DONE;
}

enum tool_exit history_command(struct tool *tool, int argc, const char **argv)
{
    struct history history = {.limit = LIMIT_DEFAULT};
    const struct poptOption table[] = {
        {"limit", 'n', POPT_ARG_STRING, &history.limit_text, 0, "how many messages (50)", "N"},
        {"before", 0, POPT_ARG_STRING, &history.before, 0, "only older ones", "ID"},
        {"after", 0, POPT_ARG_STRING, &history.after, 0, "only newer ones", "ID"},
        POPT_TABLEEND,
    };
    enum tool_exit result;
    if (tool_parse(tool, argc, argv, table, 1, 1, &result)) {
        result = read_and_print(tool, &history);
    }
    free(history.limit_text);
    free(history.before);
    free(history.after);
    return result;
}
