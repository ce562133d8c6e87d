/*
 * The commands of `columba`, one file each. What they print under --format json is a contract:
 * members may be added, never renamed.
 */
#ifndef COLUMBA_CLIENT_TOOLS_COLUMBA_COMMANDS_H
#define COLUMBA_CLIENT_TOOLS_COLUMBA_COMMANDS_H

#include <jansson.h>

#include "client/tools/tool.h"

#define COLUMBA_FORMATS_MANUAL NULL
/* X(name, function, arguments, text) */
#define COLUMBA_COMMANDS(X)                                                                        \
    X("import", import_command, "FILE",                                                            \
      "bring the messages of a chat log into the cluster: JSON Lines with conversation,\n"         \
      "sender, ts_ms and text, plain or gzip; - is standard input. May be run again.")             \
    X("verify", verify_command, "FILE",                                                            \
      "read back every conversation of FILE and compare it with the file")                         \
    X("conversation", conversation_command, "create NAME --member USER …",                         \
      "make a conversation, or add members to it")                                                 \
    X("send", send_command, "--from USER --to CONVERSATION [--id ID] TEXT",                        \
      "send a message and print its id; --id repeats a send whose outcome is not known")           \
    X("history", history_command, "CONVERSATION [--limit N] [--before ID] [--after ID]",           \
      "print the newest messages (50), or those before or after one, oldest first")                \
    X("inbox", inbox_command, "USER",                                                              \
      "list a user's conversations with their unread messages, newest first")                      \
    X("mark-read", mark_read_command, "--user USER --conversation CONVERSATION [--up-to ID]",      \
      "move a user's read marker up to a message, or to the newest")

#define X(name, function, arguments, text)                                                         \
    enum tool_exit function(struct tool *tool, int argc, const char **argv);
COLUMBA_COMMANDS(X)
#undef X

/* An option's value as a message id. False: said. */
bool command_message_id(struct tool *tool, const char *option, const char *text,
                        struct columba_id *out_id);
/* An id as a JSON text; null for none. */
json_t *command_id_json(const struct columba_id *id);
/* A time as a JSON number, whatever is stored. */
json_t *command_time_json(uint64_t unix_ms);
/* "2024-05-01 12:00:00Z"; past the year 9999 the number. out_text: COMMAND_TIME_BYTES. */
#define COMMAND_TIME_BYTES 32
void command_time_text(uint64_t unix_ms, char *out_text);

#endif
