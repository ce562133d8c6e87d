/*
 * The options of the commands that read a chat log, and how the log is read by them: what is wrong
 * with it is said, the first of many.
 */
#ifndef COLUMBA_CLIENT_TOOLS_CHAT_OPTIONS_H
#define COLUMBA_CLIENT_TOOLS_CHAT_OPTIONS_H

#include "client/tools/chat_log.h"
#include "client/tools/tool.h"

/* Bad lines, differences and failures that are said; the rest is counted. */
#define CHAT_PROBLEMS_SHOWN 20u

struct chat_options {
    char **formats; /* --format is the output's too: text, json */
    char *conversation;
    char *date;
    char *timezone;
    int sort;
    /* Set by chat_options_read. */
    struct tool *tool;
    const char *path;
    const char *unit;
    uint64_t bad_lines;
};

#define CHAT_OPTIONS(options)                                                                      \
    {"format",                                                                                     \
     0,                                                                                            \
     POPT_ARG_ARGV,                                                                                \
     &(options)->formats,                                                                          \
     0,                                                                                            \
     "of FILE: jsonl (the usual), slack, telegram, whatsapp, irc; and text or json, of the "       \
     "output",                                                                                     \
     "FORMAT"},                                                                                    \
        {"conversation",                                                                           \
         0,                                                                                        \
         POPT_ARG_STRING,                                                                          \
         &(options)->conversation,                                                                 \
         0,                                                                                        \
         "its name, where the file has none (whatsapp, irc; else made of the file's name)",        \
         "NAME"},                                                                                  \
        {"date",           0, POPT_ARG_STRING,                                                     \
         &(options)->date, 0, "the day of the first line of an irc log that tells only times",     \
         "YYYY-MM-DD"},                                                                            \
        {"timezone",                                                                               \
         0,                                                                                        \
         POPT_ARG_STRING,                                                                          \
         &(options)->timezone,                                                                     \
         0,                                                                                        \
         "of times that have none: Europe/Berlin (UTC)",                                           \
         "ZONE"},                                                                                  \
    {                                                                                              \
        "sort", 0, POPT_ARG_NONE, &(options)->sort, 0,                                             \
            "messages out of order are expected: sort them and say nothing", NULL                  \
    }

/* Reads the file, with messages. False: it cannot be read, or an option is wrong: *out_exit. */
bool chat_options_read(struct chat_options *options, struct tool *tool, const char *path,
                       struct chat_log *log, enum tool_exit *out_exit);
void chat_options_clear(struct chat_options *options);

#endif
