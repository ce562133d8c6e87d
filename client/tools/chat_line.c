#include "client/tools/chat_line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <columba.h>

struct problem {
    char *text;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct problem *problem, const char *format,
                                                        ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text, problem->size, format, arguments);
    va_end(arguments);
    return false;
}

static bool take_name(const json_t *object, const char *key, const char **out_name,
                      struct problem *problem)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) {
        return wrong(problem, "\"%s\" is %s", key, value ? "not a text" : "missing");
    }
    size_t size = json_string_length(value);
    if (size == 0 || size > COLUMBA_NAME_MAX_BYTES) {
        return wrong(problem, "\"%s\" has %zu bytes: 1 to %d are possible", key, size,
                     COLUMBA_NAME_MAX_BYTES);
    }
    if (strlen(json_string_value(value)) != size) {
        return wrong(problem, "\"%s\" holds a NUL", key);
    }
    *out_name = json_string_value(value);
    return true;
}

static bool take_time(const json_t *object, uint64_t now_ms, uint64_t *out_ms,
                      struct problem *problem)
{
    const json_t *value = json_object_get(object, "ts_ms");
    if (!json_is_integer(value)) {
        return wrong(problem, "\"ts_ms\" is %s", value ? "not a whole number" : "missing");
    }
    json_int_t number = json_integer_value(value);
    if (number < 0) {
        return wrong(problem, "\"ts_ms\" is below 0");
    }
    if ((uint64_t)number > now_ms + CHAT_LINE_AHEAD_MAX_MS) {
        return wrong(problem,
                     "\"ts_ms\" %" PRIu64 " lies in the future (milliseconds are expected)",
                     (uint64_t)number);
    }
    *out_ms = (uint64_t)number;
    return true;
}

static bool take_text(const json_t *object, struct chat_line *line, struct problem *problem)
{
    const json_t *value = json_object_get(object, "text");
    if (!json_is_string(value)) {
        return wrong(problem, "\"text\" is %s", value ? "not a text" : "missing");
    }
    line->text = json_string_value(value);
    line->text_bytes = json_string_length(value);
    if (line->text_bytes > COLUMBA_BODY_MAX_BYTES) {
        return wrong(problem, "\"text\" has %zu bytes: a body may have %d", line->text_bytes,
                     COLUMBA_BODY_MAX_BYTES);
    }
    return true;
}

bool chat_line_parse(const char *bytes, size_t size, uint64_t now_ms, struct chat_line *out_line,
                     char *out_problem, size_t out_problem_bytes)
{
    struct problem problem = {out_problem, out_problem_bytes};
    json_error_t error;
    json_t *object = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json_is_object(object)) {
        json_decref(object);
        return object ? wrong(&problem, "not a JSON object")
                      : wrong(&problem, "not JSON: %s at column %d", error.text, error.column);
    }
    struct chat_line line = {.object = object};
    if (!take_name(object, "conversation", &line.conversation, &problem) ||
        !take_name(object, "sender", &line.sender, &problem) ||
        !take_time(object, now_ms, &line.ts_ms, &problem) || !take_text(object, &line, &problem)) {
        json_decref(object);
        return false;
    }
    *out_line = line;
    return true;
}

void chat_line_clear(struct chat_line *line)
{
    json_decref(line->object);
    line->object = NULL;
}
