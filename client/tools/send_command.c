/*
 * send --from USER --to CONVERSATION [--id ID] TEXT: {"id", "conversation", "from", "ts_ms"}
 *
 * TEXT "-" is standard input, without the line break at its end; after -- it is a dash.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/slice.h"
#include "client/tools/columba_commands.h"

struct send_options {
    char *from;
    char *to;
    char *id;
};

static void print_sent(struct tool *tool, const struct send_options *options,
                       const struct columba_id *id)
{
    char text[COLUMBA_ID_TEXT_BYTES];
    columba_id_to_text(id, text);
    if (tool->is_json) {
        tool_print_json(tool, json_pack("{s:s, s:s, s:s, s:I}", "id", text, "conversation",
                                        options->to, "from", options->from, "ts_ms",
                                        (json_int_t)columba_message_id_unix_ms(id)));
    } else {
        printf("%s\n", text);
    }
}

static enum tool_exit send_text(struct tool *tool, const struct send_options *options,
                                const struct columba_id *id, struct slice body)
{
    enum tool_exit result;
    if (!tool_connect(tool, &result)) {
        return result;
    }
    const struct columba_message_send send = {.from = options->from,
                                              .to = options->to,
                                              .body = body.data,
                                              .body_bytes = body.size,
                                              .message = id};
    struct columba_future *sent = columba_send(tool->client, &send, NULL);
    bool is_sent = tool_wait(tool, sent, "sending to %s", options->to);
    if (is_sent) {
        struct columba_id message = columba_future_message(sent);
        print_sent(tool, options, &message);
    } else if (sent && columba_future_error(sent)->outcome_unknown) {
        struct columba_id message = columba_future_message(sent);
        char text[COLUMBA_ID_TEXT_BYTES];
        columba_id_to_text(&message, text);
        tool_say(tool,
                 "it may have been sent all the same; the same command with --id %s makes "
                 "sure, and never sends it twice",
                 text);
    }
    columba_future_destroy(sent);
    return is_sent ? TOOL_DONE : TOOL_FAILED;
}

/* Standard input into `buffer`, which holds one byte more than a body may have. False: said. */
static bool read_input(struct tool *tool, char *buffer, struct slice *out_body)
{
    size_t size = fread(buffer, 1, COLUMBA_BODY_MAX_BYTES + 2, stdin);
    if (ferror(stdin)) {
        tool_say(tool, "standard input cannot be read: %s", strerror(errno));
        return false;
    }
    COLUMBA_ASSERT(size <= COLUMBA_BODY_MAX_BYTES + 2);
    if (size > 0 && buffer[size - 1] == '\n') {
        size--;
    }
    *out_body = slice_of(buffer, size);
    return true;
}

static enum tool_exit check_and_send(struct tool *tool, const struct send_options *options,
                                     bool is_literal)
{
    if (!options->from || !options->to) {
        return tool_wrong(tool, "%s is missing", options->from ? "--to" : "--from");
    }
    char buffer[COLUMBA_BODY_MAX_BYTES + 2];
    struct slice body = slice_of_text(tool->arguments[0]);
    if (!is_literal && strcmp(tool->arguments[0], "-") == 0 && !read_input(tool, buffer, &body)) {
        return TOOL_FAILED;
    }
    if (body.size > COLUMBA_BODY_MAX_BYTES) {
        tool_say(tool, "the text has %s%zu bytes: a body may have %d (64 KiB with its sealing)",
                 body.data == (const uint8_t *)buffer ? "at least " : "", body.size,
                 COLUMBA_BODY_MAX_BYTES);
        return TOOL_FAILED;
    }
    struct columba_id id;
    if (options->id && !command_message_id(tool, "--id", options->id, &id)) {
        return TOOL_USAGE;
    }
    return send_text(tool, options, options->id ? &id : NULL, body);
}

enum tool_exit send_command(struct tool *tool, int argc, const char **argv)
{
    struct send_options options = {0};
    const struct poptOption table[] = {
        {"from", 0, POPT_ARG_STRING, &options.from, 0, "the sender", "USER"},
        {"to", 0, POPT_ARG_STRING, &options.to, 0, "the conversation", "CONVERSATION"},
        {"id", 0, POPT_ARG_STRING, &options.id, 0, "the id of an earlier attempt", "ID"},
        POPT_TABLEEND,
    };
    enum tool_exit result;
    if (tool_parse(tool, argc, argv, table, 1, 1, &result)) {
        bool is_literal = argc > 2 && strcmp(argv[argc - 2], "--") == 0;
        result = check_and_send(tool, &options, is_literal);
    }
    free(options.from);
    free(options.to);
    free(options.id);
    return result;
}
