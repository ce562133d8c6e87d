/*
 * columba: the client on the command line.
 */
#include <locale.h>

#include "client/tools/columba_commands.h"

int main(int argc, char **argv)
{
    static const struct tool_command commands[] = {
#define X(name, function, arguments, text) {name, arguments, text, function},
        COLUMBA_COMMANDS(X)
#undef X
    };
    setlocale(LC_ALL, "");
    struct tool tool = {.program = "columba"};
    return (int)tool_run(&tool, argc, (const char **)(void *)argv, commands,
                         sizeof(commands) / sizeof(commands[0]));
}
