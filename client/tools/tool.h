/*
 * What the programs of the command line share: the global options, the client made from them,
 * exit codes and messages.
 *
 * Data go to standard output, messages to standard error. Exit codes: 0 done, 1 usage, 2 failed.
 *
 * Happy path: tool_parse_globals, choose the command, tool_parse its own options, tool_connect,
 * wait for futures with tool_wait, tool_clear.
 */
#ifndef COLUMBA_CLIENT_TOOLS_TOOL_H
#define COLUMBA_CLIENT_TOOLS_TOOL_H

#include <popt.h>
#include <stdbool.h>
#include <stddef.h>

#include <columba.h>

enum tool_exit { TOOL_DONE = 0, TOOL_USAGE = 1, TOOL_FAILED = 2 };

struct tool {
    const char *program; /* "columba" */
    const char *command; /* "history"; NULL before one was chosen */
    const char *usage;   /* the arguments of the command, for messages */
    char *contact;
    char *consistency;
    char *key_file;
    char *format;
    int timeout_ms;
    int show_version;
    int show_help;
    bool is_json;
    poptContext context; /* owns the positional arguments */
    const char **arguments;
    size_t argument_count;
    struct columba_client *client;
};

/* A command of a program: X-macro tables of these make the help. */
struct tool_command {
    const char *name;
    const char *arguments; /* "CONVERSATION [--limit N]" */
    const char *text;
    enum tool_exit (*run)(struct tool *tool, int argc, const char **argv);
};

/* The options before the command's name. TOOL_DONE: go on with *out_argc, *out_argv, the command
 * first; anything else, or *out_argc 0: the program ends with it (help and version were printed).
 */
enum tool_exit tool_parse_globals(struct tool *tool, int argc, const char **argv,
                                  const struct tool_command *commands, size_t count, int *out_argc,
                                  const char ***out_argv);
/* Finds the command of that name; NULL, with a message that names those there are. */
const struct tool_command *tool_find_command(const struct tool *tool,
                                             const struct tool_command *commands, size_t count,
                                             const char *name);
/* A whole program of commands: globals, the command, its run function, everything let go. */
enum tool_exit tool_run(struct tool *tool, int argc, const char **argv,
                        const struct tool_command *commands, size_t count);

/* The command's own options (`options` may be NULL), the global ones among them; what is left are
 * tool->arguments. False: it was wrong (TOOL_USAGE, said) or --help (shown_help set). */
bool tool_parse(struct tool *tool, int argc, const char **argv, const struct poptOption *options,
                size_t arguments_min, size_t arguments_max, enum tool_exit *out_exit);

/* Makes tool->client. False: said why; *out_exit says how to end. */
bool tool_connect(struct tool *tool, enum tool_exit *out_exit);
/* The options of a client as the globals say, for programs that need more of it. */
struct columba_options *tool_options(struct tool *tool, enum tool_exit *out_exit);
void tool_clear(struct tool *tool);

/* Waits; true for OK, else the error is said with `doing` before it ("sending to garden"). */
__attribute__((format(printf, 3, 4))) bool tool_wait(struct tool *tool,
                                                     struct columba_future *future,
                                                     const char *doing, ...);

/* "columba: …" and a line break, on standard error; clears a progress bar first. */
__attribute__((format(printf, 2, 3))) void tool_say(const struct tool *tool, const char *format,
                                                    ...);
/* The same, with the command's usage in a second line; returns TOOL_USAGE. */
__attribute__((format(printf, 2, 3))) enum tool_exit tool_wrong(const struct tool *tool,
                                                                const char *format, ...);
void tool_say_error(const struct tool *tool, const char *doing,
                    const struct columba_error_info *error);

#endif
