/*
 * What the formats of other programs share: local times, names without marks, names out of the
 * path of a file.
 */
#ifndef COLUMBA_CLIENT_TOOLS_CHAT_NAMES_H
#define COLUMBA_CLIENT_TOOLS_CHAT_NAMES_H

#include <columba.h>

#include "client/tools/chat_reading.h"

/* A local time, of the zone in TZ. */
struct chat_time {
    int year;
    int month; /* from 1 */
    int day;
    int second; /* of the day */
};

/* False: there is no such day. */
bool chat_time_ms(const struct chat_time *time, int64_t *out_ms);
/* 1 to 12 for "Jan" to "Dec"; 0: none. */
int chat_month(const char *name);

/* Puts a name without marks of direction, byte order marks and space around it into `out_name`,
 * COLUMBA_NAME_MAX_BYTES + 1 bytes; spaces of every width are plain ones. A longer one is cut by a
 * whole character. */
void chat_name_clean(struct slice name, char *out_name);
/* options->conversation, or the file's name without folder and endings. */
void chat_conversation_name(const struct chat_reading *reading, char *out_name);
/* The kind of a file by the ending of its name. */
uint8_t chat_type_of_file(const char *name);

#endif
