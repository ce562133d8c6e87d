/*
 * The commands of `columba`, one file each. What they print under --format json is a contract:
 * members may be added, never renamed.
 */
#ifndef COLUMBA_CLIENT_TOOLS_COLUMBA_COMMANDS_H
#define COLUMBA_CLIENT_TOOLS_COLUMBA_COMMANDS_H

#include <jansson.h>

#include "client/tools/tool.h"

/* X(name, function, arguments, text) */
#define COLUMBA_COMMANDS(X)                                                                        \
    X("import", import_command, "FILE [--format FORMAT] [--dry-run]",                              \
      "bring the messages of a chat log into the cluster; - is standard input. May be run\n"       \
      "again: what is there already stays. FILE may be gzip; its format is jsonl (an object\n"     \
      "a line: conversation, sender, ts_ms, text), slack (a folder), telegram (result.json),\n"    \
      "whatsapp or irc.")                                                                          \
    X("verify", verify_command, "FILE [--format FORMAT]",                                          \
      "read back every conversation of FILE and compare it with the file")                         \
    X("export", export_command, "CONVERSATION … [--user USER] [--output FILE]",                    \
      "write conversations as JSON Lines, which import reads: importing an export changes\n"       \
      "nothing. With --user all conversations of that user.")                                      \
    X("conversation", conversation_command, "create|show|members NAME … | list USER",              \
      "create NAME --member USER …: make a conversation, or add members to it;\n"                \
      "show NAME: what is known of it; members NAME: who is in it, and what they have\n"           \
      "read; list USER: the conversations a user is in")                                           \
    X("send", send_command, "--from USER --to CONVERSATION [--id ID] TEXT",                        \
      "send a message and print its id; --id repeats a send whose outcome is not known")           \
    X("edit", edit_command, "--from USER --to CONVERSATION --message ID [--change ID] TEXT",       \
      "put TEXT in the place of a message's text, which USER sent; prints the change's id.\n"      \
      "--change repeats an edit whose outcome is not known")                                       \
    X("delete", delete_command, "--from USER --to CONVERSATION --message ID [--change ID]",        \
      "delete a message for everyone, for good")                                                   \
    X("react", react_command, "--from USER --to CONVERSATION --message ID [--change ID] REACTION", \
      "react to a message, in the place of an earlier reaction; an empty REACTION takes it\n"      \
      "back")                                                                                      \
    X("history", history_command, "CONVERSATION [--limit N] [--before ID] [--after ID]",           \
      "print the newest messages (50), or those before or after one, oldest first")                \
    X("inbox", inbox_command, "USER",                                                              \
      "list a user's conversations with their unread messages, newest first")                      \
    X("mark-read", mark_read_command, "--user USER --conversation CONVERSATION [--up-to ID]",      \
      "move a user's read marker up to a message, or to the newest")                               \
    X("listen", listen_command, "USER [--device DEVICE]",                                          \
      "print what comes for a user, from where the device was, until interrupted")                 \
    X("sync", sync_command, "USER [--device DEVICE]",                                              \
      "print what has come since the device was here last, and end")                               \
    X("ping", ping_command, "[NODE] [--count N]", "measure round trips to a node, or to any")

#define X(name, function, arguments, text)                                                         \
    enum tool_exit function(struct tool *tool, int argc, const char **argv);
COLUMBA_COMMANDS(X)
#undef X

/* An option's value as a message id. False: said. */
bool command_message_id(struct tool *tool, const char *option, const char *text,
                        struct columba_id *out_id);
/* An id as a JSON text; null for none. */
json_t *command_id_json(const struct columba_id *id);
/* The body as "text"; what is not UTF-8 cannot be a JSON text and is null, with "text_hex". */
void command_add_body(json_t *object, const struct columba_message *message);
/* A time as a JSON number, whatever is stored. */
json_t *command_time_json(uint64_t unix_ms);
/* "2024-05-01 12:00:00Z"; past the year 9999 the number. out_text: COMMAND_TIME_BYTES. */
#define COMMAND_TIME_BYTES 32
void command_time_text(uint64_t unix_ms, char *out_text);

/* Calls `each` for every member, page by page, until it returns false. False: said. */
bool command_each_member(struct tool *tool, const char *name,
                         bool (*each)(struct tool *tool, void *user,
                                      const struct columba_member *member),
                         void *user);

/* Names of conversations, ours. */
struct command_names {
    char **names;
    size_t count;
};

/* All conversations of a user; one whose name is not known is an error. False: said. Either way
 * command_names_clear. */
bool command_conversations_of(struct tool *tool, const char *user, struct command_names *names);
void command_names_clear(struct command_names *names);

#endif
