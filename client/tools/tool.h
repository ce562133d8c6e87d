/*
 * What the programs of the command line share: the global options, the client made from them,
 * exit codes and messages.
 *
 * Data go to standard output, messages to standard error. Exit codes: 0 done, 1 usage, 2 failed.
 * Under --format json standard output gets exactly one object, {"error": {…}} where there is no
 * result, and every message is an object on a line of its own.
 *
 * Happy path: tool_run chooses the command; it calls tool_parse for its own options, tool_connect,
 * waits for futures with tool_wait, and prints.
 */
#ifndef COLUMBA_CLIENT_TOOLS_TOOL_H
#define COLUMBA_CLIENT_TOOLS_TOOL_H

#include <jansson.h>
#include <popt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <columba.h>

enum tool_exit { TOOL_DONE = 0, TOOL_USAGE = 1, TOOL_FAILED = 2 };

/* What a program's manual page says beside its commands and options. */
struct tool_manual {
    const char *section;     /* "1" */
    const char *purpose;     /* for NAME: "the client on the command line" */
    const char *description; /* roff */
    const char *more;        /* roff: further sections; NULL: none */
};

struct tool {
    const char *program; /* "columba" */
    const char *command; /* "history"; NULL before one was chosen */
    const char *usage;   /* the arguments of the command, for messages */
    const struct tool_manual *manual;
    char *contact;
    char *consistency;
    char *key_file;
    char *format;
    char *timeout;
    uint32_t timeout_ms; /* 0: the library's */
    int show_version;
    int show_help;
    int show_manual;
    bool is_json;
    bool is_administrator; /* asks columba_admin only */
    bool has_printed;      /* the one object */
    json_t *error;         /* what failed last, for the one object */
    poptContext context;   /* owns the positional arguments */
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

/* A whole program of commands: globals, the command, its run function, everything let go. */
enum tool_exit tool_run(struct tool *tool, int argc, const char **argv,
                        const struct tool_command *commands, size_t count);
/* Makes tool->client. False: said why; *out_exit says how to end. */
bool tool_connect(struct tool *tool, enum tool_exit *out_exit);
/* The options of a client as the globals say, for programs that need more of it. */
struct columba_options *tool_options(struct tool *tool, enum tool_exit *out_exit);
void tool_clear(struct tool *tool);

/* ---- options: tool_option.c --------------------------------------------------------------------
 */

/* The options before the command's name. TOOL_DONE: go on with *out_argc, *out_argv, the command
 * first; anything else, or *out_argc 0: the program ends with it (help and version were printed).
 */
enum tool_exit tool_parse_globals(struct tool *tool, int argc, const char **argv,
                                  const struct tool_command *commands, size_t count, int *out_argc,
                                  const char ***out_argv);
/* Finds the command of that name; NULL, with a message that names those there are. */
const struct tool_command *tool_find_command(struct tool *tool, const struct tool_command *commands,
                                             size_t count, const char *name);
/* The command's own options (`options` may be NULL), the global ones among them; what is left are
 * tool->arguments. False: it was wrong (TOOL_USAGE, said), or help was asked for and printed. */
bool tool_parse(struct tool *tool, int argc, const char **argv, const struct poptOption *options,
                size_t arguments_min, size_t arguments_max, enum tool_exit *out_exit);
/* An option's value as a decimal number from `min` to `max`. False: said. */
bool tool_number(struct tool *tool, const char *option, const char *text, uint64_t min,
                 uint64_t max, uint64_t *out_number);

/* ---- messages: tool_message.c ------------------------------------------------------------------
 */

/* Waits; true for OK, else the error is said with `doing` before it ("sending to garden"). */
__attribute__((format(printf, 3, 4))) bool tool_wait(struct tool *tool,
                                                     struct columba_future *future,
                                                     const char *doing, ...);
/* "columba: …" and a line break, on standard error; clears a progress bar first. */
__attribute__((format(printf, 2, 3))) void tool_say(struct tool *tool, const char *format, ...);
/* The same, with the command's usage in a second line; returns TOOL_USAGE. */
__attribute__((format(printf, 2, 3))) enum tool_exit tool_wrong(struct tool *tool,
                                                                const char *format, ...);
void tool_say_error(struct tool *tool, const char *doing, const struct columba_error_info *error);
/* Prints the one object of --format json on a line and lets it go. */
void tool_print_json(struct tool *tool, json_t *object);
/* At the end: the error in place of a result, where none was printed. */
void tool_print_failure(struct tool *tool, enum tool_exit result);

/* ---- manual: tool_manual.c ---------------------------------------------------------------------
 */

/* Prints the program's manual page, made of the tables that --help prints. */
void tool_manual_print(struct tool *tool, const struct tool_command *commands, size_t count,
                       const struct poptOption *globals);
/* The options of one command, in the page. */
void tool_manual_options(const struct poptOption *options);

#endif
