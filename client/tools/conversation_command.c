/*
 * conversation create NAME --member USER …: {"conversation", "id", "members_given", "is_channel"}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/columba_commands.h"

static bool print_conversation(struct tool *tool, const char *name, size_t member_count)
{
    struct columba_future *got = columba_conversation_get(tool->client, name, NULL);
    bool is_done = tool_wait(tool, got, "reading conversation %s", name);
    if (is_done) {
        const struct columba_conversation *conversation = columba_future_conversation(got);
        if (tool->is_json) {
            tool_print_json(tool, json_pack("{s:s, s:o, s:I, s:b}", "conversation", name, "id",
                                            command_id_json(&conversation->id), "members_given",
                                            (json_int_t)member_count, "is_channel",
                                            conversation->is_channel));
        } else {
            char id[COLUMBA_ID_TEXT_BYTES];
            columba_id_to_text(&conversation->id, id);
            printf("%s\n", id);
        }
    }
    columba_future_destroy(got);
    return is_done;
}

static enum tool_exit create(struct tool *tool, const char *name, const char *const *members,
                             size_t member_count)
{
    enum tool_exit result = TOOL_FAILED;
    if (!tool_connect(tool, &result)) {
        return result;
    }
    const struct columba_conversation_create request = {
        .name = name, .members = members, .member_count = member_count};
    struct columba_future *created = columba_conversation_create(tool->client, &request, NULL);
    if (tool_wait(tool, created, "creating conversation %s", name) &&
        print_conversation(tool, name, member_count)) {
        result = TOOL_DONE;
    } else {
        result = TOOL_FAILED;
    }
    columba_future_destroy(created);
    return result;
}

enum tool_exit conversation_command(struct tool *tool, int argc, const char **argv)
{
    char **given = NULL;
    const struct poptOption options[] = {
        {"member", 0, POPT_ARG_ARGV, &given, 0, "a member; may be given many times", "USER"},
        POPT_TABLEEND,
    };
    enum tool_exit result;
    /* `--member a b c` reads naturally too: what follows the name are members. */
    if (!tool_parse(tool, argc, argv, options, 1, (size_t)argc, &result)) {
        return result;
    }
    if (strcmp(tool->arguments[0], "create") != 0) {
        return tool_wrong(tool, "conversation %s: the one thing to do is create",
                          tool->arguments[0]);
    }
    if (tool->argument_count < 2) {
        return tool_wrong(tool, "which NAME?");
    }
    size_t given_count = 0;
    while (given && given[given_count]) {
        given_count++;
    }
    size_t count = given_count + tool->argument_count - 2;
    if (count == 0) {
        return tool_wrong(tool, "a conversation needs members");
    }
    const char **members = calloc(count, sizeof(*members));
    if (!members) {
        tool_say(tool, "out of memory");
        return TOOL_FAILED;
    }
    for (size_t i = 0; i < count; i++) {
        members[i] = i < given_count ? given[i] : tool->arguments[2 + i - given_count];
    }
    result = create(tool, tool->arguments[1], members, count);
    free((void *)members);
    for (size_t i = 0; i < given_count; i++) {
        free(given[i]);
    }
    free((void *)given);
    return result;
}
