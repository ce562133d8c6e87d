/*
 * A chat log in memory: the messages of a file in one of the formats of chat_format.h, grouped by
 * conversation and sorted by time, with the id that every message has in Columba.
 *
 * Ids follow from what the file says, so that it can be imported again and compared:
 *
 *   time   of the message
 *   bits   its place among those of its conversation at that time (20 bits, from the middle of
 *          their range on), then a hash of sender and text, or of the id it had where it comes
 *          from (22 bits)
 *
 * Messages of one coarse stamp (a second, a minute) so keep the order of their file. Where a file
 * begins or ends within a stamp, places are counted from what is stored there already
 * (chat_alignment.h), so that files that overlap meet in the same ids. A message whose id is one
 * of Columba's (from an export) keeps it.
 *
 * What is out of order within a conversation is sorted, and said: stable, so that equal times keep
 * the order of the file, and turned round where the whole conversation runs newest first.
 *
 * A bad line is reported by its number and left out. The whole log is held in memory: about its
 * uncompressed size and 200 bytes a message.
 */
#ifndef COLUMBA_CLIENT_TOOLS_CHAT_LOG_H
#define COLUMBA_CLIENT_TOOLS_CHAT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <columba.h>

#include "base/arena.h"
#include "client/tools/name_index.h"

/* A place's bits, and those of the hash below them. */
#define CHAT_HASH_BITS 22u
#define CHAT_PLACES_MAX (1u << 20)
#define CHAT_PLACE_FIRST (CHAT_PLACES_MAX / 2)

struct chat_message {
    const char *sender;
    const char *text;      /* may hold NUL */
    const char *media_url; /* NULL: none */
    uint64_t ts_ms;
    uint64_t line;
    struct columba_id id;
    uint32_t text_bytes;
    uint32_t sender_number;
    uint32_t hash;
    uint32_t place; /* among those of its time */
    uint8_t type;
    bool has_own_id; /* Columba's: it stays */
};

struct chat_member {
    const char *name;
    /* Where an export says it: what the member had read, zero for nothing. Else everything. */
    struct columba_id marker;
    bool has_marker;
};

struct chat_conversation {
    const char *name;
    struct chat_message *messages;
    size_t message_count;
    struct chat_member *members; /* its senders and those the file names, each once */
    size_t member_count;
    uint64_t created_at_ms; /* 0: not said */
    size_t unordered;       /* messages that stood after a later one */
    uint64_t unordered_line;
};

struct chat_log {
    struct chat_conversation *conversations; /* in the order of their first message */
    size_t conversation_count;
    size_t message_count;
    uint64_t bad_lines;
    struct arena arena; /* owns texts and names */
    struct name_index names;
    struct name_index senders;
    struct chat_message *messages;
    struct chat_member *members;
};

enum chat_remark {
    CHAT_BAD_LINE, /* left out; counted in bad_lines */
    CHAT_NOTE,     /* good to know */
    CHAT_FAILED,   /* the file cannot be read */
};

/* Told of each bad line, of what is left out or looks wrong, and of a file that cannot be read.
 * Line 0: the file as a whole. */
typedef void (*chat_log_say)(void *user, enum chat_remark remark, uint64_t line, const char *what);

struct chat_log_options {
    const char *path;   /* "-": standard input */
    const char *format; /* NULL: "jsonl" */
    const char
        *conversation;    /* of formats whose files do not name it; NULL: from the file's name */
    const char *date;     /* of an IRC log whose lines have none: "2024-05-01"; NULL */
    const char *timezone; /* of stamps without one; NULL: UTC */
    bool is_unordered;    /* lines out of order are expected */
    uint64_t now_ms;      /* bounds the times that are taken */
    chat_log_say say;
    void *user;
};

/* Reads the file to its end. False: it cannot be read or memory has run out (said). Either way
 * chat_log_clear. */
bool chat_log_read(struct chat_log *log, const struct chat_log_options *options);
void chat_log_clear(struct chat_log *log);

/* Gives a message the id of its time and place. */
void chat_message_make_id(struct chat_message *message);
/* Messages in the order of ids, after places have changed. */
void chat_conversation_order(struct chat_conversation *conversation);

#endif
