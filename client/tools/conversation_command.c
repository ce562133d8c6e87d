/*
 * conversation create NAME --member USER …: {"conversation", "id", "members_given", "is_channel"}
 * conversation show NAME:    {"conversation", "id", "kind", "created_at_ms", "membership_version",
 *                             "is_channel"}
 * conversation members NAME: {"conversation", "members": [{"name", "id", "read_up_to"}, …]}
 * conversation list USER:    {"user", "conversations": [name, …]}      by name
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/columba_commands.h"
#include "client/tools/printable.h"

static const char *kind_name(enum columba_kind kind)
{
    static const char *const names[] = {[COLUMBA_KIND_BY_MEMBERS] = "by members",
                                        [COLUMBA_KIND_DIRECT] = "direct",
                                        [COLUMBA_KIND_GROUP] = "group",
                                        [COLUMBA_KIND_BROADCAST] = "broadcast"};
    return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "other";
}

static void print_line(const char *text)
{
    printable_put(stdout, text);
    putchar('\n');
}

/* ---- create ------------------------------------------------------------------------------------
 */

static void print_created(struct tool *tool, const char *name, size_t member_count,
                          const struct columba_conversation *conversation)
{
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

static bool print_conversation(struct tool *tool, const char *name, size_t member_count)
{
    struct columba_future *got = columba_conversation_get(tool->client, name, NULL);
    bool is_done = tool_wait(tool, got, "reading conversation %s", name);
    if (is_done) {
        print_created(tool, name, member_count, columba_future_conversation(got));
    }
    columba_future_destroy(got);
    return is_done;
}

static bool create(struct tool *tool, const char *name, const char *const *members,
                   size_t member_count)
{
    const struct columba_conversation_new request = {
        .name = name, .members = members, .member_count = member_count};
    struct columba_future *created = columba_conversation_create(tool->client, &request, NULL);
    bool is_done = tool_wait(tool, created, "creating conversation %s", name) &&
                   print_conversation(tool, name, member_count);
    columba_future_destroy(created);
    return is_done;
}

/* `--member a b c` reads naturally too: what follows the name are members. */
static enum tool_exit create_given(struct tool *tool, char **given)
{
    enum tool_exit result;
    size_t given_count = 0;
    while (given && given[given_count]) {
        given_count++;
    }
    size_t count = given_count + tool->argument_count - 2;
    if (count == 0) {
        return tool_wrong(tool, "a conversation needs members");
    }
    if (!tool_connect(tool, &result)) {
        return result;
    }
    const char **members = calloc(count, sizeof(*members));
    if (!members) {
        tool_say(tool, "out of memory");
        return TOOL_FAILED;
    }
    for (size_t i = 0; i < count; i++) {
        members[i] = i < given_count ? given[i] : tool->arguments[2 + i - given_count];
    }
    result = create(tool, tool->arguments[1], members, count) ? TOOL_DONE : TOOL_FAILED;
    free((void *)members);
    return result;
}

/* ---- show --------------------------------------------------------------------------------------
 */

static void print_shown(struct tool *tool, const struct columba_conversation *conversation)
{
    if (tool->is_json) {
        tool_print_json(
            tool,
            json_pack("{s:s, s:o, s:s, s:o, s:I, s:b}", "conversation", conversation->name, "id",
                      command_id_json(&conversation->id), "kind", kind_name(conversation->kind),
                      "created_at_ms", command_time_json(conversation->created_at_ms),
                      "membership_version", (json_int_t)conversation->membership_version,
                      "is_channel", conversation->is_channel));
        return;
    }
    char id[COLUMBA_ID_TEXT_BYTES];
    char time[COMMAND_TIME_BYTES];
    columba_id_to_text(&conversation->id, id);
    command_time_text(conversation->created_at_ms, time);
    print_line(conversation->name);
    printf("id       %s\nkind     %s%s\ncreated  %s\n", id, kind_name(conversation->kind),
           conversation->is_channel ? ", a channel" : "", time);
}

static bool show(struct tool *tool, const char *name)
{
    struct columba_future *got = columba_conversation_get(tool->client, name, NULL);
    bool is_done = tool_wait(tool, got, "reading conversation %s", name);
    if (is_done) {
        print_shown(tool, columba_future_conversation(got));
    }
    columba_future_destroy(got);
    return is_done;
}

/* ---- members -----------------------------------------------------------------------------------
 */

static bool add_member(struct tool *tool, void *user, const struct columba_member *member)
{
    (void)tool;
    return json_array_append_new(user, json_pack("{s:s, s:o, s:o}", "name", member->name, "id",
                                                 command_id_json(&member->user), "read_up_to",
                                                 command_id_json(&member->read_up_to))) == 0;
}

bool command_each_member(struct tool *tool, const char *name,
                         bool (*each)(struct tool *tool, void *user,
                                      const struct columba_member *member),
                         void *user)
{
    struct columba_id after;
    bool has_after = false;
    bool more = true;
    bool is_good = true;
    while (more && is_good) {
        const struct columba_members_read read = {.conversation = name,
                                                  .after = has_after ? &after : NULL};
        struct columba_future *future = columba_members(tool->client, &read, NULL);
        is_good = tool_wait(tool, future, "reading the members of %s", name);
        const struct columba_member_page *page = is_good ? columba_future_members(future) : NULL;
        for (size_t i = 0; page && i < page->count && is_good; i++) {
            is_good = each(tool, user, &page->members[i]);
            after = page->members[i].user;
            has_after = true;
        }
        more = page && page->more && page->count > 0;
        columba_future_destroy(future);
    }
    return is_good;
}

static bool print_member(struct tool *tool, void *user, const struct columba_member *member)
{
    bool *is_anyone = user;
    (void)tool;
    *is_anyone = true;
    print_line(member->name);
    return true;
}

/* The members of a conversation that is not there are nobody, without an error. */
static bool exists(struct tool *tool, const char *name)
{
    struct columba_future *got = columba_conversation_get(tool->client, name, NULL);
    bool is_there = tool_wait(tool, got, "reading conversation %s", name);
    columba_future_destroy(got);
    return is_there;
}

static bool show_members(struct tool *tool, const char *name)
{
    bool is_anyone = false;
    if (!tool->is_json) {
        return command_each_member(tool, name, print_member, &is_anyone) &&
               (is_anyone || exists(tool, name));
    }
    json_t *members = json_array();
    bool is_done = command_each_member(tool, name, add_member, members) &&
                   (json_array_size(members) > 0 || exists(tool, name));
    if (is_done) {
        tool_print_json(tool, json_pack("{s:s, s:O}", "conversation", name, "members", members));
    }
    json_decref(members);
    return is_done;
}

/* ---- list --------------------------------------------------------------------------------------
 */

static int name_order(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static bool list(struct tool *tool, const char *user)
{
    struct command_names names = {0};
    bool is_done = command_conversations_of(tool, user, &names);
    if (is_done && names.count > 0) {
        qsort((void *)names.names, names.count, sizeof(*names.names), name_order);
    }
    if (is_done && tool->is_json) {
        json_t *listed = json_array();
        for (size_t i = 0; i < names.count; i++) {
            json_array_append_new(listed, json_string(names.names[i]));
        }
        tool_print_json(tool, json_pack("{s:s, s:o}", "user", user, "conversations", listed));
    }
    for (size_t i = 0; is_done && i < names.count && !tool->is_json; i++) {
        print_line(names.names[i]);
    }
    command_names_clear(&names);
    return is_done;
}

/* ---- the command -------------------------------------------------------------------------------
 */

static enum tool_exit run(struct tool *tool, char **given)
{
    static const struct {
        const char *name;
        bool (*run)(struct tool *tool, const char *name);
    } readers[] = {{"show", show}, {"members", show_members}, {"list", list}};
    const char *what = tool->arguments[0];
    if (tool->argument_count < 2) {
        return tool_wrong(tool, "which %s?", strcmp(what, "list") == 0 ? "USER" : "NAME");
    }
    if (strcmp(what, "create") == 0) {
        return create_given(tool, given);
    }
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (strcmp(what, readers[i].name) == 0) {
            enum tool_exit result;
            if (given || tool->argument_count > 2) {
                return tool_wrong(tool, "conversation %s takes one name", what);
            }
            if (!tool_connect(tool, &result)) {
                return result;
            }
            return readers[i].run(tool, tool->arguments[1]) ? TOOL_DONE : TOOL_FAILED;
        }
    }
    return tool_wrong(tool, "conversation %s: it can be create, show, members or list", what);
}

enum tool_exit conversation_command(struct tool *tool, int argc, const char **argv)
{
    char **given = NULL;
    const struct poptOption options[] = {
        {"member", 0, POPT_ARG_ARGV, &given, 0, "a member; may be given many times", "USER"},
        POPT_TABLEEND,
    };
    enum tool_exit result;
    if (tool_parse(tool, argc, argv, options, 1, (size_t)argc, &result)) {
        result = run(tool, given);
    }
    for (size_t i = 0; given && given[i]; i++) {
        free(given[i]);
    }
    free((void *)given);
    return result;
}
