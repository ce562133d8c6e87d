/*
 * columba: the client on the command line.
 */
#include "client/tools/columba_commands.h"

int main(int argc, char **argv)
{
    static const struct tool_manual manual = {
        .section = "1",
        .purpose = "the client of Columba on the command line",
        .description =
            "Sends and reads messages of a Columba cluster, and brings chat logs into it "
            "and out of it. Names of users and conversations are UTF\\-8. Text that "
            "begins with a dash comes after \\-\\-.",
        .more = COLUMBA_FORMATS_MANUAL,
    };
    static const struct tool_command commands[] = {
#define X(name, function, arguments, text) {name, arguments, text, function},
        COLUMBA_COMMANDS(X)
#undef X
    };
    struct tool tool = {.program = "columba", .manual = &manual};
    return (int)tool_run(&tool, argc, (const char **)(void *)argv, commands,
                         sizeof(commands) / sizeof(commands[0]));
}
