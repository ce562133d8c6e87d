/*
 * One line of a chat log, parsed and checked.
 */
#ifndef COLUMBA_CLIENT_TOOLS_CHAT_LINE_H
#define COLUMBA_CLIENT_TOOLS_CHAT_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A clock may be wrong by this much before a time counts as one of the future. */
#define CHAT_LINE_AHEAD_MAX_MS 60000u

struct chat_line {
    const char *conversation;
    const char *sender;
    const char *text;
    size_t text_bytes;
    uint64_t ts_ms;
    json_t *object; /* owns the texts */
};

/* False: `out_problem` says what is wrong with the line. */
bool chat_line_parse(const char *bytes, size_t size, uint64_t now_ms, struct chat_line *out_line,
                     char *out_problem, size_t out_problem_bytes);
void chat_line_clear(struct chat_line *line);

#endif
