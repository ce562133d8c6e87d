/*
 * columbactl: administration of a cluster. Every command is one question to one node, whose answer
 * is a JSON object; --format json prints it as it is.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/columbactl_tables.h"
#include "client/tools/printable.h"
#include "client/tools/tool.h"

/* Flushing and compacting a full disk takes its time. */
#define TIMEOUT_LONG_MS 3600000

enum ctl_flag { CTL_READS = 0, CTL_ONE_NODE = 1 /* must be told which node is meant */ };

/* X(name, arguments, argument count, flag, show, text) */
#define CTL_COMMANDS(X)                                                                            \
    X(status, "", 0, CTL_READS, show_status, "the nodes: up or down, load, what they own")         \
    X(ring, "", 0, CTL_READS, show_ring, "the tokens of all nodes in order")                       \
    X(info, "", 0, CTL_READS, show_info, "the node: memory, CPU, latencies, counters")             \
    X(describecluster, "", 0, CTL_READS, show_cluster, "the cluster and its keyspace")             \
    X(getendpoints, "conversation|user NAME ", 2, CTL_READS, show_endpoints,                       \
      "the replicas of a conversation or user")                                                    \
    X(gossipinfo, "", 0, CTL_READS, show_gossip, "what gossip has spread")                         \
    X(flush, "", 0, CTL_ONE_NODE, NULL, "write what is in memory to sorted files")                 \
    X(compact, "", 0, CTL_ONE_NODE, NULL, "merge all sorted files")                                \
    X(drain, "", 0, CTL_ONE_NODE, NULL,                                                            \
      "stop taking requests, end those under way, flush; then the node can be stopped")            \
    X(version, "", 0, CTL_READS, show_version, "the node's version")

struct ctl_command {
    const char *name;
    size_t argument_count;
    enum ctl_flag flag;
    void (*show)(const json_t *answer);
};

static const struct ctl_command ctl_commands[] = {
#define X(name, arguments, count, flag, show, text) {#name, count, flag, show},
    CTL_COMMANDS(X)
#undef X
};

static const struct ctl_command *command_named(const char *name)
{
    size_t i = 0;
    while (strcmp(ctl_commands[i].name, name) != 0) {
        i++;
    }
    return &ctl_commands[i];
}

/* Texts and keys of an answer as a terminal may have them; no deeper than any answer is. False:
 * no memory. */
#define ANSWER_DEPTH_MAX 16u
static bool make_printable(json_t *value, unsigned depth);

static bool make_object_printable(json_t *object, unsigned depth)
{
    const char *key;
    void *next;
    json_t *value;
    bool is_good = true;
    json_object_foreach_safe(object, next, key, value)
    {
        char *shown = printable_copy(key);
        is_good = is_good && shown && make_printable(value, depth + 1);
        if (shown && strcmp(shown, key) != 0) {
            json_object_set(object, shown, value);
            json_object_del(object, key);
        }
        free(shown);
    }
    return is_good;
}

static bool make_printable(json_t *value, unsigned depth)
{
    if (depth > ANSWER_DEPTH_MAX) {
        return false;
    }
    if (json_is_object(value)) {
        return make_object_printable(value, depth);
    }
    bool is_good = true;
    if (json_is_array(value)) {
        size_t i;
        json_t *item;
        json_array_foreach(value, i, item)
        {
            is_good = is_good && make_printable(item, depth + 1);
        }
    } else if (json_is_string(value)) {
        char *shown = printable_copy(json_string_value(value));
        is_good = shown && json_string_set(value, shown) == 0;
        free(shown);
    }
    return is_good;
}

static bool print_answer(struct tool *tool, const struct ctl_command *command, const char *text)
{
    json_error_t error;
    json_t *answer = json_loads(text, 0, &error);
    if (!json_is_object(answer)) {
        tool_say(tool, "the node's answer is not a JSON object: %s", error.text);
        json_decref(answer);
        return false;
    }
    if (tool->is_json) {
        printable_json(stdout, text);
        putchar('\n');
        tool->has_printed = true;
    } else if (command->show && make_printable(answer, 0)) {
        command->show(answer);
    }
    json_decref(answer);
    return true;
}

/* What changes a node asks for one node only, so that a list of contacts does not decide which. */
static bool is_node_clear(const struct tool *tool, const char *node)
{
    const char *contact = tool->contact ? tool->contact : getenv("COLUMBA_CONTACT");
    return node || !contact || !strchr(contact, ',');
}

static enum tool_exit ask(struct tool *tool, const struct ctl_command *command, const char *node)
{
    enum tool_exit result;
    if (command->flag == CTL_ONE_NODE) {
        if (!is_node_clear(tool, node)) {
            return tool_wrong(tool, "which node? --node, or one --contact only");
        }
        tool->timeout_ms = tool->timeout_ms ? tool->timeout_ms : TIMEOUT_LONG_MS;
    }
    if (!tool_connect(tool, &result)) {
        return result;
    }
    struct columba_future *asked = columba_admin(tool->client, node, command->name, tool->arguments,
                                                 tool->argument_count, NULL);
    bool is_done = tool_wait(tool, asked, "%s", command->name);
    result = TOOL_FAILED;
    if (is_done && print_answer(tool, command, columba_future_json(asked))) {
        result = TOOL_DONE;
    } else if (asked && columba_future_code(asked) == COLUMBA_ERROR_INVALID) {
        result = TOOL_USAGE;
    }
    columba_future_destroy(asked);
    return result;
}

static enum tool_exit run_command(struct tool *tool, int argc, const char **argv)
{
    const struct ctl_command *command = command_named(tool->command);
    char *node = NULL;
    const struct poptOption table[] = {
        {"node", 'n', POPT_ARG_STRING, &node, 0, "the node to ask: address or name", "NODE"},
        POPT_TABLEEND,
    };
    enum tool_exit result;
    if (tool_parse(tool, argc, argv, table, command->argument_count, command->argument_count,
                   &result)) {
        result = ask(tool, command, node);
    }
    free(node);
    return result;
}

int main(int argc, char **argv)
{
    static const struct tool_manual manual = {
        .section = "8",
        .purpose = "administration of a Columba cluster",
        .description = "Asks one node about itself and about the cluster as it sees it, or tells "
                       "it what to do. \\-\\-format json prints the node\\(aqs answer as it is.",
    };
    static const struct tool_command commands[] = {
#define X(name, arguments, count, flag, show, text)                                                \
    {#name, arguments "[--node NODE]", text, run_command},
        CTL_COMMANDS(X)
#undef X
    };
    struct tool tool = {.program = "columbactl", .manual = &manual, .is_administrator = true};
    return (int)tool_run(&tool, argc, (const char **)(void *)argv, commands,
                         sizeof(commands) / sizeof(commands[0]));
}
