/*
 * edit --from USER --to CONVERSATION --message ID [--change ID] TEXT:
 * {"change", "conversation", "from", "message"}
 *
 * delete --from USER --to CONVERSATION --message ID [--change ID]: the same
 * react --from USER --to CONVERSATION --message ID [--change ID] REACTION: the same
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/columba_commands.h"

struct edit_options {
    char *from;
    char *to;
    char *message;
    char *change;
    struct columba_id message_id;
    struct columba_id change_id;
};

static void print_done(struct tool *tool, const struct edit_options *options,
                       const struct columba_id *change)
{
    char text[COLUMBA_ID_TEXT_BYTES];
    columba_id_to_text(change, text);
    if (tool->is_json) {
        tool_print_json(tool, json_pack("{s:s, s:s, s:s, s:o}", "change", text, "conversation",
                                        options->to, "from", options->from, "message",
                                        command_id_json(&options->message_id)));
    } else {
        printf("%s\n", text);
    }
}

static enum tool_exit change_end(struct tool *tool, const struct edit_options *options,
                                 struct columba_future *future)
{
    bool is_done = tool_wait(tool, future, "changing a message in %s", options->to);
    struct columba_id change = columba_future_change(future);
    if (is_done) {
        print_done(tool, options, &change);
    } else if (future && columba_future_error(future)->outcome_unknown) {
        char text[COLUMBA_ID_TEXT_BYTES];
        columba_id_to_text(&change, text);
        tool_say(tool,
                 "it may have been done all the same; the same command with --change %s makes "
                 "sure, and never does it twice",
                 text);
    }
    columba_future_destroy(future);
    return is_done ? TOOL_DONE : TOOL_FAILED;
}

static const char *missing(const struct edit_options *options)
{
    if (!options->from) {
        return "--from";
    }
    if (!options->to) {
        return "--to";
    }
    return options->message ? NULL : "--message";
}

typedef struct columba_future *ask_change(struct tool *tool, const struct edit_options *options,
                                          const struct columba_id *change);

static struct columba_future *ask_edit(struct tool *tool, const struct edit_options *options,
                                       const struct columba_id *change)
{
    const struct columba_message_edit edit = {.from = options->from,
                                              .conversation = options->to,
                                              .message = options->message_id,
                                              .body = tool->arguments[0],
                                              .body_bytes = strlen(tool->arguments[0]),
                                              .change = change};
    return columba_edit(tool->client, &edit, NULL);
}

static struct columba_future *ask_delete(struct tool *tool, const struct edit_options *options,
                                         const struct columba_id *change)
{
    const struct columba_message_delete delete = {.from = options->from,
                                                  .conversation = options->to,
                                                  .message = options->message_id,
                                                  .change = change};
    return columba_delete(tool->client, &delete, NULL);
}

static struct columba_future *ask_react(struct tool *tool, const struct edit_options *options,
                                        const struct columba_id *change)
{
    const struct columba_message_react react = {.from = options->from,
                                                .conversation = options->to,
                                                .message = options->message_id,
                                                .reaction = tool->arguments[0],
                                                .change = change};
    return columba_react(tool->client, &react, NULL);
}

static enum tool_exit change(struct tool *tool, struct edit_options *options, ask_change *ask)
{
    enum tool_exit result;
    if (missing(options)) {
        return tool_wrong(tool, "%s is missing", missing(options));
    }
    if (!command_message_id(tool, "--message", options->message, &options->message_id) ||
        (options->change &&
         !command_message_id(tool, "--change", options->change, &options->change_id))) {
        return TOOL_USAGE;
    }
    if (!tool_connect(tool, &result)) {
        return result;
    }
    return change_end(tool, options,
                      ask(tool, options, options->change ? &options->change_id : NULL));
}

static enum tool_exit parse_and_change(struct tool *tool, int argc, const char **argv,
                                       size_t arguments, ask_change *ask)
{
    struct edit_options options = {0};
    const struct poptOption table[] = {
        {"from", 0, POPT_ARG_STRING, &options.from, 0, "who does it", "USER"},
        {"to", 0, POPT_ARG_STRING, &options.to, 0, "the conversation", "CONVERSATION"},
        {"message", 0, POPT_ARG_STRING, &options.message, 0, "the message", "ID"},
        {"change", 0, POPT_ARG_STRING, &options.change, 0, "the id of an earlier attempt", "ID"},
        POPT_TABLEEND,
    };
    enum tool_exit result;
    if (tool_parse(tool, argc, argv, table, arguments, arguments, &result)) {
        result = change(tool, &options, ask);
    }
    free(options.from);
    free(options.to);
    free(options.message);
    free(options.change);
    return result;
}

enum tool_exit edit_command(struct tool *tool, int argc, const char **argv)
{
    return parse_and_change(tool, argc, argv, 1, ask_edit);
}

enum tool_exit delete_command(struct tool *tool, int argc, const char **argv)
{
    return parse_and_change(tool, argc, argv, 0, ask_delete);
}

enum tool_exit react_command(struct tool *tool, int argc, const char **argv)
{
    return parse_and_change(tool, argc, argv, 1, ask_react);
}
