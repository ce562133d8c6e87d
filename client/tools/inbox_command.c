/*
 * inbox USER
 *
 *   {"user", "conversations": [{"conversation", "id", "last", "last_ts_ms", "marker",
 *    "unread": number, or null for a channel, "unread_is_at_least"}, …]}   newest first
 */
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/columba_commands.h"
#include "client/tools/printable.h"

struct inbox_list {
    struct columba_inbox_entry *entries; /* names are copies of ours */
    size_t count;
};

static void list_clear(struct inbox_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((void *)(uintptr_t)list->entries[i].name);
    }
    free(list->entries);
}

static bool list_add(struct inbox_list *list, const struct columba_inbox_page *page)
{
    struct columba_inbox_entry *grown =
        realloc(list->entries, (list->count + page->count + 1) * sizeof(*grown));
    if (!grown) {
        return false;
    }
    list->entries = grown;
    for (size_t i = 0; i < page->count; i++) {
        list->entries[list->count] = page->entries[i];
        list->entries[list->count].name = strdup(page->entries[i].name);
        if (!list->entries[list->count].name) {
            return false;
        }
        list->count++;
    }
    return true;
}

static bool read_all(struct tool *tool, const char *user, struct inbox_list *list)
{
    struct columba_inbox_cursor next;
    bool more = true;
    while (more) {
        const struct columba_inbox_read read = {.user = user, .cursor = list->count ? &next : NULL};
        struct columba_future *future = columba_inbox(tool->client, &read, NULL);
        bool is_read = tool_wait(tool, future, "reading the inbox of %s", user);
        const struct columba_inbox_page *page = is_read ? columba_future_inbox(future) : NULL;
        if (page && !list_add(list, page)) {
            tool_say(tool, "out of memory");
            page = NULL;
        }
        more = page && page->more && page->count > 0;
        bool is_good = page != NULL;
        if (more) {
            next = page->next;
        }
        columba_future_destroy(future);
        if (!is_good) {
            return false;
        }
    }
    return true;
}

static const char *name_of(const struct columba_inbox_entry *entry, char *id_text)
{
    columba_id_to_text(&entry->conversation, id_text);
    return entry->name[0] ? entry->name : id_text;
}

static void print_json(struct tool *tool, const char *user, const struct inbox_list *list)
{
    json_t *conversations = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const struct columba_inbox_entry *entry = &list->entries[i];
        char id[COLUMBA_ID_TEXT_BYTES];
        json_array_append_new(
            conversations,
            json_pack("{s:s, s:o, s:o, s:I, s:o, s:o, s:b}", "conversation", name_of(entry, id),
                      "id", command_id_json(&entry->conversation), "last",
                      command_id_json(&entry->last), "last_ts_ms",
                      (json_int_t)columba_message_id_unix_ms(&entry->last), "marker",
                      command_id_json(&entry->marker), "unread",
                      entry->has_unread ? json_integer(entry->unread) : json_null(),
                      "unread_is_at_least", entry->unread_is_at_least));
    }
    tool_print_json(tool, json_pack("{s:s, s:o}", "user", user, "conversations", conversations));
}

static void add_row(struct libscols_table *table, const struct columba_inbox_entry *entry)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    char id[COLUMBA_ID_TEXT_BYTES];
    char last[COLUMBA_ID_TEXT_BYTES];
    char time[COMMAND_TIME_BYTES] = "";
    char unread[32] = "channel";
    if (entry->has_unread) {
        snprintf(unread, sizeof(unread), "%u%s", entry->unread,
                 entry->unread_is_at_least ? "+" : "");
    }
    columba_id_to_text(&entry->last, last);
    if (!columba_id_is_zero(&entry->last)) {
        command_time_text(columba_message_id_unix_ms(&entry->last), time);
    }
    char *name = printable_copy(name_of(entry, id));
    scols_line_set_data(line, 0, name ? name : "?");
    free(name);
    scols_line_set_data(line, 1, unread);
    scols_line_set_data(line, 2, time);
    scols_line_set_data(line, 3, last);
}

static void print_table(const struct inbox_list *list)
{
    struct libscols_table *table = scols_new_table();
    scols_table_new_column(table, "CONVERSATION", 0, SCOLS_FL_WRAP);
    scols_table_new_column(table, "UNREAD", 0, SCOLS_FL_RIGHT);
    scols_table_new_column(table, "LAST MESSAGE", 0, 0);
    scols_table_new_column(table, "ID", 0, 0);
    for (size_t i = 0; i < list->count; i++) {
        add_row(table, &list->entries[i]);
    }
    scols_print_table(table);
    scols_unref_table(table);
}

bool command_conversations_of(struct tool *tool, const char *user, struct command_names *names)
{
    struct inbox_list list = {0};
    bool is_good = read_all(tool, user, &list);
    names->names = is_good ? calloc(list.count + 1, sizeof(*names->names)) : NULL;
    for (size_t i = 0; is_good && names->names && i < list.count; i++) {
        char id[COLUMBA_ID_TEXT_BYTES];
        if (!list.entries[i].name[0]) {
            tool_say(tool, "the name of conversation %s cannot be found out now",
                     name_of(&list.entries[i], id));
            is_good = false;
            break;
        }
        names->names[names->count++] = (char *)(uintptr_t)list.entries[i].name;
        list.entries[i].name = NULL; /* it is theirs now */
    }
    list_clear(&list);
    return is_good && names->names;
}

void command_names_clear(struct command_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->names[i]);
    }
    free((void *)names->names);
    *names = (struct command_names){0};
}

enum tool_exit inbox_command(struct tool *tool, int argc, const char **argv)
{
    enum tool_exit result;
    if (!tool_parse(tool, argc, argv, NULL, 1, 1, &result) || !tool_connect(tool, &result)) {
        return result;
    }
    const char *user = tool->arguments[0];
    struct inbox_list list = {0};
    bool is_read = read_all(tool, user, &list);
    if (is_read) {
        if (tool->is_json) {
            print_json(tool, user, &list);
        } else {
            print_table(&list);
        }
    }
    list_clear(&list);
    return is_read ? TOOL_DONE : TOOL_FAILED;
}
