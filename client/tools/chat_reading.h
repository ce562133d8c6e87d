/*
 * How the formats hand over what they read: one entry for each message, members that did not
 * write, bad lines and notes. What every format has in common is checked here: names, times,
 * sizes.
 */
#ifndef COLUMBA_CLIENT_TOOLS_CHAT_READING_H
#define COLUMBA_CLIENT_TOOLS_CHAT_READING_H

#include "base/slice.h"
#include "client/tools/chat_log.h"

/* A clock may be wrong by this much before a time counts as one of the future. */
#define CHAT_AHEAD_MAX_MS 60000u
/* Times below are those of 1973 in milliseconds, and look like seconds. */
#define CHAT_SECONDS_MAX 100000000000

/* One message. The texts need to live during the call only. */
struct chat_entry {
    struct slice conversation;
    struct slice sender;
    struct slice text;
    struct slice media_url; /* size 0: none */
    struct slice id;        /* what it was called where it comes from; size 0: nothing */
    int64_t ts_ms;
    uint8_t type; /* 0: text */
    uint64_t line;
};

/* Things of one kind that are left out are told once, with their number. */
#define CHAT_LEFT_OUT_MAX 16u
#define CHAT_LEFT_OUT_BYTES 64u

struct chat_left_out {
    char what[CHAT_LEFT_OUT_BYTES];
    uint64_t count;
    uint64_t line;
};

struct chat_draft;
struct chat_draft_member;
struct chat_draft_created;

struct chat_reading {
    struct chat_log *log;
    const struct chat_log_options *options;
    const char *unit; /* what lines are here: "line", "message" */
    struct chat_draft *drafts;
    size_t draft_count;
    size_t draft_capacity;
    struct chat_draft_member *members;
    size_t member_count;
    size_t member_capacity;
    struct chat_draft_created *created;
    size_t created_count;
    size_t created_capacity;
    struct chat_left_out left_out[CHAT_LEFT_OUT_MAX];
    uint64_t seconds; /* times that look like seconds */
    uint64_t seconds_line;
    bool has_no_memory;
};

/* False: no memory, the reading ends. A bad entry is said and left out. */
bool chat_reading_take(struct chat_reading *reading, const struct chat_entry *entry);
/* A member of the conversation, whether it writes or not. `marker`: what it has read; NULL: not
 * said. False: no memory. */
bool chat_reading_member(struct chat_reading *reading, struct slice conversation,
                         struct slice member, const struct columba_id *marker, uint64_t line);
/* When the conversation was made. False: no memory. */
bool chat_reading_created(struct chat_reading *reading, struct slice conversation,
                          uint64_t created_at_ms, uint64_t line);
__attribute__((format(printf, 3, 4))) void chat_reading_bad(struct chat_reading *reading,
                                                            uint64_t line, const char *format, ...);
__attribute__((format(printf, 2, 3))) void chat_reading_note(struct chat_reading *reading,
                                                             const char *format, ...);
/* Returns false. */
__attribute__((format(printf, 2, 3))) bool chat_reading_fail(struct chat_reading *reading,
                                                             const char *format, ...);
/* Times of this format have no zone: says which one is taken, unless it was asked for. */
void chat_reading_tell_zone(struct chat_reading *reading);
/* "reactions": counted, and told at the end. */
void chat_reading_leave_out(struct chat_reading *reading, uint64_t line, const char *what);
/* A message type by name ("image"); 0: there is none. */
uint8_t chat_type_of_name(const char *name);
/* NULL: it has none. */
const char *chat_type_name(uint8_t type);

#endif
