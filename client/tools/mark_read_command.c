/*
 * mark-read --user USER --conversation CONVERSATION [--up-to ID]:
 * {"user", "conversation", "up_to": id, or null for the newest}
 */
#include <stdio.h>
#include <stdlib.h>

#include "client/tools/columba_commands.h"

struct mark_options {
    char *user;
    char *conversation;
    char *up_to;
};

static enum tool_exit mark(struct tool *tool, const struct mark_options *options)
{
    enum tool_exit result;
    struct columba_id up_to = {{0}};
    if (!options->user || !options->conversation) {
        return tool_wrong(tool, "%s is missing", options->user ? "--conversation" : "--user");
    }
    if (options->up_to && !command_message_id(tool, "--up-to", options->up_to, &up_to)) {
        return TOOL_USAGE;
    }
    if (!tool_connect(tool, &result)) {
        return result;
    }
    struct columba_future *marked = columba_mark_read(
        tool->client, options->user, options->conversation, options->up_to ? &up_to : NULL, NULL);
    bool is_done = tool_wait(tool, marked, "marking %s as read", options->conversation);
    columba_future_destroy(marked);
    if (is_done && tool->is_json) {
        tool_print_json(tool, json_pack("{s:s, s:s, s:o}", "user", options->user, "conversation",
                                        options->conversation, "up_to", command_id_json(&up_to)));
    }
    return is_done ? TOOL_DONE : TOOL_FAILED;
}

enum tool_exit mark_read_command(struct tool *tool, int argc, const char **argv)
{
    struct mark_options options = {0};
    const struct poptOption table[] = {
        {"user", 0, POPT_ARG_STRING, &options.user, 0, "who has read", "USER"},
        {"conversation", 0, POPT_ARG_STRING, &options.conversation, 0, "where", "CONVERSATION"},
        {"up-to", 0, POPT_ARG_STRING, &options.up_to, 0, "the last message read", "ID"},
        POPT_TABLEEND,
    };
    enum tool_exit result;
    if (tool_parse(tool, argc, argv, table, 0, 0, &result)) {
        result = mark(tool, &options);
    }
    free(options.user);
    free(options.conversation);
    free(options.up_to);
    return result;
}
