/*
 * The manual page of a program in roff, from the tables that its help is printed from, so that
 * neither knows an option that the other does not.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "client/tools/tool.h"

/* Text of a table as roff: what would be a request or an escape is none, and an option's dashes
 * are dashes. */
static void put_text(const char *text)
{
    bool is_line_start = true;
    for (; *text; text++) {
        if (*text == '\n') {
            putchar(' '); /* roff fills its own lines */
        } else if (*text == '-') {
            fputs("\\-", stdout);
        } else if (*text == '\\') {
            fputs("\\e", stdout);
        } else if (is_line_start && (*text == '.' || *text == '\'')) {
            printf("\\&%c", *text);
        } else {
            putchar(*text);
        }
        is_line_start = false;
    }
}

void tool_manual_options(const struct poptOption *options)
{
    for (; options && options->longName; options++) {
        if (options->argInfo & POPT_ARGFLAG_DOC_HIDDEN) {
            continue;
        }
        fputs(".TP\n\\fB\\-\\-", stdout);
        put_text(options->longName);
        fputs("\\fR \\fI", stdout);
        put_text(options->argDescrip ? options->argDescrip : "");
        fputs("\\fR\n", stdout);
        put_text(options->descrip);
        putchar('\n');
    }
}

static void print_command(struct tool *tool, const struct tool_command *command)
{
    const char *argv[] = {command->name, NULL};
    fputs(".SS \"", stdout);
    put_text(command->name);
    putchar(' ');
    put_text(command->arguments);
    fputs("\"\n", stdout);
    put_text(command->text);
    size_t size = strlen(command->text);
    puts(size > 0 && command->text[size - 1] == '.' ? "" : ".");
    tool->command = command->name;
    tool->usage = command->arguments;
    enum tool_exit result = command->run(tool, 1, argv); /* tool_parse prints its options */
    COLUMBA_ASSERT(result == TOOL_DONE);
}

void tool_manual_print(struct tool *tool, const struct tool_command *commands, size_t count,
                       const struct poptOption *globals)
{
    const struct tool_manual *manual = tool->manual;
    COLUMBA_ASSERT(manual != NULL);
    printf(".\\\" Made by %s --manual.\n", tool->program);
    printf(".TH %s %s \"\" \"Columba %s\" \"Columba\"\n", tool->program, manual->section,
           columba_version());
    printf(".SH NAME\n%s \\- %s\n", tool->program, manual->purpose);
    printf(".SH SYNOPSIS\n.B %s\n[\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...\n",
           tool->program);
    printf(".SH DESCRIPTION\n%s\n", manual->description);
    puts(".SH COMMANDS");
    for (size_t i = 0; i < count; i++) {
        print_command(tool, &commands[i]);
    }
    tool->command = NULL;
    puts(".SH \"OPTIONS OF EVERY COMMAND\"");
    tool_manual_options(globals);
    if (manual->more) {
        puts(manual->more);
    }
    puts(".SH ENVIRONMENT\n.TP\n.B COLUMBA_CONTACT\nNodes to ask where \\-\\-contact is not "
         "given.\n"
         ".SH \"EXIT STATUS\"\n0: done. 1: wrong usage. 2: failed; a message on standard error "
         "says what, to which thing, and what to do.");
}
