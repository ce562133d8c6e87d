/*
 * A chat log in memory: the messages of a JSON Lines file
 *
 *     {"conversation": text, "sender": text, "ts_ms": number, "text": text}
 *
 * grouped by conversation, each in the order of the file, with the id that every message has in
 * Columba. The same file always gives the same ids, so that it can be imported again and compared:
 *
 *   time   that of the line, but never below that of the line before it in its conversation: the
 *          order of the file is kept even where times fall or repeat
 *   bits   the line's place among those of its conversation in that millisecond (20 bits), then a
 *          hash of sender and text (22 bits): identical lines stay apart, and another file's
 *          message of the same moment rarely meets the same id
 *
 * A bad line is reported by its number and left out. The whole log is held in memory: about its
 * uncompressed size and 100 bytes a message.
 */
#ifndef COLUMBA_CLIENT_TOOLS_CHAT_LOG_H
#define COLUMBA_CLIENT_TOOLS_CHAT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <columba.h>

#include "base/arena.h"
#include "client/tools/name_index.h"

struct chat_message {
    const char *sender;
    const char *text; /* may hold NUL */
    uint64_t ts_ms;
    struct columba_id id;
    uint32_t text_bytes;
    uint32_t sender_number;
};

struct chat_conversation {
    const char *name;
    const struct chat_message *messages;
    size_t message_count;
    const char **members; /* its senders, each once */
    size_t member_count;
};

struct chat_log {
    struct chat_conversation *conversations; /* in the order of their first message */
    size_t conversation_count;
    size_t message_count;
    uint64_t bad_lines;
    struct arena arena; /* owns texts, names and members */
    struct name_index names;
    struct name_index senders;
    struct chat_message *messages;
};

/* Told of each bad line, and of a file that cannot be read (line 0). */
typedef void (*chat_log_complain)(void *user, uint64_t line, const char *what);

/* Reads `path` ("-": standard input) to its end. `now_ms` bounds the times that are taken. False:
 * it cannot be read or memory has run out (complained). Either way chat_log_clear. */
bool chat_log_read(struct chat_log *log, const char *path, uint64_t now_ms,
                   chat_log_complain complain, void *user);
void chat_log_clear(struct chat_log *log);

#endif
