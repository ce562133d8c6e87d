#include "client/tools/tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/tools/progress.h"

/* Longer than any of our own sentences. */
#define MESSAGE_BYTES 2048
/* Where the texts of options begin. */
#define HELP_COLUMN 25

static void say(const struct tool *tool, const char *format, va_list arguments)
{
    char text[MESSAGE_BYTES];
    vsnprintf(text, sizeof(text), format, arguments);
    progress_hide();
    fprintf(stderr, "%s: %s\n", tool->program, text);
}

void tool_say(const struct tool *tool, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(tool, format, arguments);
    va_end(arguments);
}

enum tool_exit tool_wrong(const struct tool *tool, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(tool, format, arguments);
    va_end(arguments);
    if (tool->command) {
        fprintf(stderr, "usage: %s %s %s\n", tool->program, tool->command, tool->usage);
    }
    fprintf(stderr, "       %s --help lists commands and options\n", tool->program);
    return TOOL_USAGE;
}

static const char *advice(const struct columba_error_info *error)
{
    switch (error->code) {
    case COLUMBA_ERROR_UNKNOWN_CONVERSATION:
        return "; make it with: columba conversation create NAME --member USER …";
    case COLUMBA_ERROR_NO_NODE:
        return "; name nodes that run with --contact or COLUMBA_CONTACT";
    case COLUMBA_ERROR_NOT_A_MEMBER:
        return "; add members with: columba conversation create NAME --member USER …";
    default:
        return "";
    }
}

void tool_say_error(const struct tool *tool, const char *doing,
                    const struct columba_error_info *error)
{
    const char *text = error->text[0] ? error->text : columba_error_text(error->code);
    const char *name = columba_error_name(error->code);
    if (error->needed > 0 && !strstr(text, "needed")) {
        tool_say(tool, "%s: %s: %s (%u replicas needed, %u %s)%s", doing, name, text, error->needed,
                 error->received, error->code == COLUMBA_ERROR_UNAVAILABLE ? "alive" : "answered",
                 advice(error));
    } else {
        tool_say(tool, "%s: %s: %s%s", doing, name, text, advice(error));
    }
}

bool tool_wait(struct tool *tool, struct columba_future *future, const char *doing, ...)
{
    if (!future) {
        tool_say(tool, "out of memory");
        return false;
    }
    if (columba_future_wait(future) == COLUMBA_ERROR_OK) {
        return true;
    }
    char text[MESSAGE_BYTES / 2];
    va_list arguments;
    va_start(arguments, doing);
    vsnprintf(text, sizeof(text), doing, arguments);
    va_end(arguments);
    tool_say_error(tool, text, columba_future_error(future));
    return false;
}

/* ---- options ----------------------------------------------------------------------------------
 */

#define GLOBAL_OPTIONS_COUNT 8
static void global_options(struct tool *tool, struct poptOption *out_table)
{
    const struct poptOption table[GLOBAL_OPTIONS_COUNT] = {
        {"contact", 0, POPT_ARG_STRING, &tool->contact, 0,
         "nodes to ask (COLUMBA_CONTACT, else 127.0.0.1)", "HOST[:PORT],…"},
        {"consistency", 0, POPT_ARG_STRING, &tool->consistency, 0,
         "ONE, TWO, THREE, QUORUM, ALL, LOCAL_ONE, LOCAL_QUORUM, EACH_QUORUM", "LEVEL"},
        {"key-file", 0, POPT_ARG_STRING, &tool->key_file, 0,
         "seal and open bodies with the key in FILE (32 bytes, or 64 hexadecimal digits)", "FILE"},
        {"format", 0, POPT_ARG_STRING, &tool->format, 0, "text or json", "FORMAT"},
        {"timeout", 0, POPT_ARG_INT, &tool->timeout_ms, 0,
         "time for one call, retries included (10000)", "MS"},
        {"version", 0, POPT_ARG_NONE, &tool->show_version, 0, "print the version", NULL},
        {"help", 'h', POPT_ARG_NONE, &tool->show_help, 0, "print this help", NULL},
        POPT_TABLEEND,
    };
    memcpy(out_table, table, sizeof(table));
}

static void print_commands(const struct tool *tool, const struct tool_command *commands,
                           size_t count)
{
    printf("usage: %s [OPTION…] COMMAND [ARGUMENT…]\n\ncommands\n", tool->program);
    for (size_t i = 0; i < count; i++) {
        printf("  %s %s\n        %s\n", commands[i].name, commands[i].arguments, commands[i].text);
    }
    printf("\noptions of every command\n"
           "  --contact HOST[:PORT],…  nodes to ask (COLUMBA_CONTACT, else 127.0.0.1)\n"
           "  --consistency LEVEL      ONE, TWO, THREE, QUORUM, ALL, LOCAL_ONE, LOCAL_QUORUM,\n"
           "                           EACH_QUORUM\n"
           "  --key-file FILE          seal and open bodies with the application key in FILE\n"
           "                           (32 bytes, or 64 hexadecimal digits)\n"
           "  --format text|json       json: one object on standard output\n"
           "  --timeout MS             time for one call, retries included (10000)\n"
           "  --version, --help\n"
           "\nexit codes: 0 done, 1 usage, 2 failed\n");
}

static enum tool_exit check_format(struct tool *tool)
{
    if (!tool->format || strcmp(tool->format, "text") == 0) {
        tool->is_json = false;
    } else if (strcmp(tool->format, "json") == 0) {
        tool->is_json = true;
    } else {
        return tool_wrong(tool, "--format is text or json, not '%s'", tool->format);
    }
    if (tool->timeout_ms < 0) {
        return tool_wrong(tool, "--timeout is a number of milliseconds above 0");
    }
    return TOOL_DONE;
}

/* Runs popt over everything; TOOL_USAGE with a message for what it refuses. */
static enum tool_exit read_options(struct tool *tool, poptContext context)
{
    int code;
    while ((code = poptGetNextOpt(context)) > 0) {
    }
    if (code < -1) {
        return tool_wrong(tool, "%s: %s", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                          poptStrerror(code));
    }
    return check_format(tool);
}

enum tool_exit tool_parse_globals(struct tool *tool, int argc, const char **argv,
                                  const struct tool_command *commands, size_t count, int *out_argc,
                                  const char ***out_argv)
{
    struct poptOption options[GLOBAL_OPTIONS_COUNT];
    global_options(tool, options);
    poptContext context =
        poptGetContext(tool->program, argc, argv, options, POPT_CONTEXT_POSIXMEHARDER);
    enum tool_exit result = read_options(tool, context);
    const char **left = poptGetArgs(context);
    int left_count = 0;
    while (left && left[left_count]) {
        left_count++;
    }
    *out_argc = 0;
    if (result != TOOL_DONE) {
        /* said */
    } else if (tool->show_version) {
        printf("%s %s\n", tool->program, columba_version());
    } else if (tool->show_help) {
        print_commands(tool, commands, count);
    } else if (left_count == 0) {
        result = tool_wrong(tool, "which command?");
    } else {
        *out_argc = left_count;
        *out_argv = &argv[argc - left_count];
    }
    poptFreeContext(context);
    return result;
}

const struct tool_command *tool_find_command(const struct tool *tool,
                                             const struct tool_command *commands, size_t count,
                                             const char *name)
{
    char names[MESSAGE_BYTES / 2] = "";
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

static void print_command(const struct tool *tool, const struct poptOption *options)
{
    printf("usage: %s %s %s\n", tool->program, tool->command, tool->usage);
    for (; options && options->longName; options++) {
        int width =
            printf("  --%s %s", options->longName, options->argDescrip ? options->argDescrip : "");
        printf("%*s%s\n", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "", options->descrip);
    }
    printf("options of every command: %s --help\n", tool->program);
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
    tool->context = poptGetContext(tool->program, argc, argv, table, 0);
    *out_exit = read_options(tool, tool->context);
    if (*out_exit != TOOL_DONE) {
        return false;
    }
    if (tool->show_help) {
        print_command(tool, options);
        return false;
    }
    tool->arguments = poptGetArgs(tool->context);
    tool->argument_count = 0;
    while (tool->arguments && tool->arguments[tool->argument_count]) {
        tool->argument_count++;
    }
    if (tool->argument_count < arguments_min) {
        *out_exit = tool_wrong(tool, "something is missing");
        return false;
    }
    if (tool->argument_count > arguments_max) {
        *out_exit = tool_wrong(tool, "what is '%s'?", tool->arguments[arguments_max]);
        return false;
    }
    return true;
}

/* ---- the client -------------------------------------------------------------------------------
 */

static bool option_set(struct tool *tool, struct columba_options *options, const char *name,
                       enum columba_error_code code, enum tool_exit *out_exit)
{
    if (code == COLUMBA_ERROR_OK) {
        return true;
    }
    /* A wrong value is the caller's; a key file that cannot be read is the machine's. */
    *out_exit = code == COLUMBA_ERROR_INVALID ? TOOL_USAGE : TOOL_FAILED;
    tool_say(tool, "%s: %s", name, columba_options_error(options));
    return false;
}

static bool options_fill(struct tool *tool, struct columba_options *options,
                         enum tool_exit *out_exit)
{
    const char *contact = tool->contact ? tool->contact : getenv("COLUMBA_CONTACT");
    const char *name = tool->contact ? "--contact" : "COLUMBA_CONTACT";
    if (contact && contact[0] &&
        !option_set(tool, options, name, columba_options_set_contacts(options, contact),
                    out_exit)) {
        return false;
    }
    if (tool->consistency) {
        enum columba_consistency level;
        if (!columba_consistency_from_name(tool->consistency, &level)) {
            *out_exit =
                tool_wrong(tool, "--consistency: there is no level '%s'", tool->consistency);
            return false;
        }
        if (!option_set(tool, options, "--consistency",
                        columba_options_set_consistency(options, level), out_exit)) {
            return false;
        }
    }
    if (tool->timeout_ms > 0 &&
        !option_set(tool, options, "--timeout",
                    columba_options_set_timeout_ms(options, (uint32_t)tool->timeout_ms),
                    out_exit)) {
        return false;
    }
    return !tool->key_file ||
           option_set(tool, options, "--key-file",
                      columba_options_set_key_file(options, tool->key_file), out_exit);
}

struct columba_options *tool_options(struct tool *tool, enum tool_exit *out_exit)
{
    struct columba_options *options = columba_options_create();
    if (!options) {
        tool_say(tool, "out of memory");
        *out_exit = TOOL_FAILED;
        return NULL;
    }
    if (!options_fill(tool, options, out_exit)) {
        columba_options_destroy(options);
        return NULL;
    }
    return options;
}

bool tool_connect(struct tool *tool, enum tool_exit *out_exit)
{
    struct columba_options *options = tool_options(tool, out_exit);
    if (!options) {
        return false;
    }
    struct columba_error_info error;
    tool->client = columba_client_create(options, &error);
    columba_options_destroy(options);
    if (!tool->client) {
        tool_say_error(tool, "starting", &error);
        *out_exit = TOOL_FAILED;
        return false;
    }
    return true;
}

void tool_clear(struct tool *tool)
{
    columba_client_destroy(tool->client);
    poptFreeContext(tool->context);
    free(tool->contact);
    free(tool->consistency);
    free(tool->key_file);
    free(tool->format);
}

enum tool_exit tool_run(struct tool *tool, int argc, const char **argv,
                        const struct tool_command *commands, size_t count)
{
    int left_count = 0;
    const char **left = NULL;
    enum tool_exit result =
        tool_parse_globals(tool, argc, argv, commands, count, &left_count, &left);
    if (result == TOOL_DONE && left_count > 0) {
        const struct tool_command *command = tool_find_command(tool, commands, count, left[0]);
        result = TOOL_USAGE;
        if (command) {
            tool->command = command->name;
            tool->usage = command->arguments;
            result = command->run(tool, left_count, left);
        }
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        tool_say(tool, "standard output cannot be written");
        result = TOOL_FAILED;
    }
    tool_clear(tool);
    return result;
}
