/*
 * The options of the programs, and the help made of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "client/tools/tool.h"

#define NAMES_BYTES 1024
/* Where the texts of options begin. */
#define HELP_COLUMN 27
/* A day: longer is a slip of the hand. */
#define TIMEOUT_MAX_MS 86400000u

#define GLOBAL_OPTIONS_COUNT 9
static void global_options(struct tool *tool, struct poptOption *out_table)
{
    const struct poptOption table[GLOBAL_OPTIONS_COUNT] = {
        {"contact", 0, POPT_ARG_STRING, &tool->contact, 0,
         "nodes to ask (COLUMBA_CONTACT, else 127.0.0.1)", "HOST[:PORT],…"},
        {"consistency", 0, POPT_ARG_STRING, &tool->consistency, 0,
         "ONE, TWO, THREE, QUORUM, ALL, LOCAL_ONE, LOCAL_QUORUM, EACH_QUORUM", "LEVEL"},
        {"key-file", 0, POPT_ARG_STRING, &tool->key_file, 0,
         "seal and open bodies with the key in FILE (32 bytes, or 64 hexadecimal digits)", "FILE"},
        {"format", 0, POPT_ARG_STRING, &tool->format, 0, "json: one object on standard output",
         "text|json"},
        {"timeout", 0, POPT_ARG_STRING, &tool->timeout, 0,
         "time for one call, retries included (10000)", "MS"},
        {"version", 0, POPT_ARG_NONE, &tool->show_version, 0, "print the version", NULL},
        {"help", 'h', POPT_ARG_NONE, &tool->show_help, 0, "print this help", NULL},
        {"manual", 0, POPT_ARG_NONE | POPT_ARGFLAG_DOC_HIDDEN, &tool->show_manual, 0,
         "print the manual page", NULL},
        POPT_TABLEEND,
    };
    memcpy(out_table, table, sizeof(table));
}

/* How wide a text stands, in characters: none of ours is wider than one. */
static int columns_of(const char *text)
{
    int columns = 0;
    for (; *text; text++) {
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return columns;
}

static void print_options(const struct poptOption *options)
{
    for (; options && options->longName; options++) {
        if (options->argInfo & POPT_ARGFLAG_DOC_HIDDEN) {
            continue;
        }
        const char *argument = options->argDescrip ? options->argDescrip : "";
        printf("  --%s %s", options->longName, argument);
        int width = 5 + columns_of(options->longName) + columns_of(argument);
        printf("%*s%s\n", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "", options->descrip);
    }
}

static void print_commands(const struct tool *tool, const struct tool_command *commands,
                           size_t count, const struct poptOption *globals)
{
    printf("usage: %s [OPTION…] COMMAND [ARGUMENT…]\n\ncommands\n", tool->program);
    for (size_t i = 0; i < count; i++) {
        printf("  %s %s\n        ", commands[i].name, commands[i].arguments);
        for (const char *text = commands[i].text; *text; text++) {
            fputs(*text == '\n' ? "\n        " : (char[]){*text, '\0'}, stdout);
        }
        putchar('\n');
    }
    printf("\noptions of every command\n");
    print_options(globals);
    printf("\n%s COMMAND --help lists the options of a command.\n"
           "Exit codes: 0 done, 1 usage, 2 failed.\n",
           tool->program);
}

static void print_command(const struct tool *tool, const struct poptOption *options)
{
    printf("usage: %s %s %s\n", tool->program, tool->command, tool->usage);
    print_options(options);
    printf("options of every command: %s --help\n", tool->program);
}

bool tool_number(struct tool *tool, const char *option, const char *text, uint64_t min,
                 uint64_t max, uint64_t *out_number)
{
    COLUMBA_ASSERT(min <= max);
    char *end = NULL;
    errno = 0;
    unsigned long long number = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
    if (!end || *end || errno != 0 || number < min || number > max) {
        tool_wrong(tool, "%s is a number from %" PRIu64 " to %" PRIu64 ", not '%s'", option, min,
                   max, text);
        return false;
    }
    *out_number = number;
    return true;
}

static enum tool_exit check_values(struct tool *tool)
{
    uint64_t timeout_ms = 0;
    tool->is_json |= tool->format && strcmp(tool->format, "json") == 0;
    tool->is_json &= !tool->format || strcmp(tool->format, "text") != 0;
    if (tool->format && !tool->is_json && strcmp(tool->format, "text") != 0) {
        return tool_wrong(tool, "--format is text or json, not '%s'", tool->format);
    }
    if (tool->timeout &&
        !tool_number(tool, "--timeout", tool->timeout, 1, TIMEOUT_MAX_MS, &timeout_ms)) {
        return TOOL_USAGE;
    }
    tool->timeout_ms = (uint32_t)timeout_ms;
    return TOOL_DONE;
}

/* Whether errors are wanted as JSON, even one in an option that stands before the wish. */
static bool asks_for_json(int argc, const char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--format=json") == 0 ||
            (strcmp(argv[i], "json") == 0 && strcmp(argv[i - 1], "--format") == 0)) {
            return true;
        }
    }
    return false;
}

/* Runs popt over everything; TOOL_USAGE with a message for what it refuses. */
static enum tool_exit read_options(struct tool *tool, poptContext context)
{
    int code;
    while ((code = poptGetNextOpt(context)) > 0) {
    }
    if (code == POPT_ERROR_BADOPT && tool->command) {
        return tool_wrong(tool,
                          "%s: there is no such option (what is no option but begins with a dash "
                          "comes after --)",
                          poptBadOption(context, POPT_BADOPTION_NOALIAS));
    }
    if (code < -1) {
        return tool_wrong(tool, "%s: %s", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                          poptStrerror(code));
    }
    return check_values(tool);
}

static size_t count_arguments(const char **arguments)
{
    size_t count = 0;
    while (arguments && arguments[count]) {
        count++;
    }
    return count;
}

enum tool_exit tool_parse_globals(struct tool *tool, int argc, const char **argv,
                                  const struct tool_command *commands, size_t count, int *out_argc,
                                  const char ***out_argv)
{
    struct poptOption options[GLOBAL_OPTIONS_COUNT];
    global_options(tool, options);
    tool->is_json = asks_for_json(argc, argv);
    poptContext context =
        poptGetContext(tool->program, argc, argv, options, POPT_CONTEXT_POSIXMEHARDER);
    enum tool_exit result = read_options(tool, context);
    int left_count = (int)count_arguments(poptGetArgs(context));
    *out_argc = 0;
    if (result != TOOL_DONE) {
        /* said */
    } else if (tool->show_version) {
        printf("%s %s\n", tool->program, columba_version());
    } else if (tool->show_help) {
        print_commands(tool, commands, count, options);
    } else if (tool->show_manual) {
        tool_manual_print(tool, commands, count, options);
    } else if (left_count == 0) {
        result = tool_wrong(tool, "which command?");
    } else {
        *out_argc = left_count;
        *out_argv = &argv[argc - left_count];
    }
    poptFreeContext(context);
    return result;
}

const struct tool_command *tool_find_command(struct tool *tool, const struct tool_command *commands,
                                             size_t count, const char *name)
{
    char names[NAMES_BYTES] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
        int wrote =
            snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "", commands[i].name);
        used = wrote > 0 && used + (size_t)wrote < sizeof(names) ? used + (size_t)wrote : used;
    }
    tool_wrong(tool, "there is no command '%s': %s", name, names);
    return NULL;
}

static bool check_arguments(struct tool *tool, size_t arguments_min, size_t arguments_max)
{
    tool->arguments = poptGetArgs(tool->context);
    tool->argument_count = count_arguments(tool->arguments);
    if (tool->argument_count < arguments_min) {
        tool_wrong(tool, "something is missing");
        return false;
    }
    if (tool->argument_count > arguments_max) {
        tool_wrong(tool, "what is '%s'?", tool->arguments[arguments_max]);
        return false;
    }
    return true;
}

bool tool_parse(struct tool *tool, int argc, const char **argv, const struct poptOption *options,
                size_t arguments_min, size_t arguments_max, enum tool_exit *out_exit)
{
    static const struct poptOption none[] = {POPT_TABLEEND};
    struct poptOption globals[GLOBAL_OPTIONS_COUNT];
    global_options(tool, globals);
    struct poptOption table[] = {
        {NULL, 0, POPT_ARG_INCLUDE_TABLE,
         (void *)(options ? (struct poptOption *)(uintptr_t)options
                          : (struct poptOption *)(uintptr_t)none),
         0, NULL, NULL},
        {NULL, 0, POPT_ARG_INCLUDE_TABLE, globals, 0, NULL, NULL},
        POPT_TABLEEND,
    };
    if (tool->show_manual) {
        *out_exit = TOOL_DONE;
        tool_manual_options(options);
        return false;
    }
    tool->context = poptGetContext(tool->program, argc, argv, table, 0);
    *out_exit = read_options(tool, tool->context);
    if (*out_exit != TOOL_DONE) {
        return false;
    }
    if (tool->show_help) {
        print_command(tool, options);
        return false;
    }
    *out_exit = TOOL_USAGE;
    return check_arguments(tool, arguments_min, arguments_max);
}
