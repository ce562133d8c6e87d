/*
 * What the programs say, as text or, under --format json, as objects.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/printable.h"
#include "client/tools/progress.h"
#include "client/tools/tool.h"

/* Longer than any of our own sentences. */
#define MESSAGE_BYTES 4096

static void print_json_line(FILE *out, const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    printable_json(out, text ? text : "{\"error\":{\"code\":\"NO_MEMORY\"}}");
    fputc('\n', out);
    free(text);
}

/* A text as JSON whatever its bytes are. */
static json_t *json_of_text(const char *text)
{
    json_t *value = json_string(text);
    char *shown = value ? NULL : printable_copy(text);
    if (!value) {
        value = json_string(shown ? shown : "");
    }
    free(shown);
    return value;
}

/* The newest message is the error, unless one with a code is there. */
static void remember(struct tool *tool, const char *code, const char *text)
{
    if (tool->error && strcmp(code, "FAILED") == 0) {
        return;
    }
    json_decref(tool->error);
    tool->error = json_pack("{s:s, s:o}", "code", code, "text", json_of_text(text));
}

static void say_text(struct tool *tool, const char *text)
{
    progress_hide();
    if (tool->is_json) {
        json_t *object =
            json_pack("{s:s, s:o}", "program", tool->program, "message", json_of_text(text));
        print_json_line(stderr, object);
        json_decref(object);
        return;
    }
    fprintf(stderr, "%s: ", tool->program);
    printable_put(stderr, text);
    fputc('\n', stderr);
}

void tool_say(struct tool *tool, const char *format, ...)
{
    char text[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    say_text(tool, text);
    remember(tool, "FAILED", text);
}

enum tool_exit tool_wrong(struct tool *tool, const char *format, ...)
{
    char text[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    say_text(tool, text);
    remember(tool, "USAGE", text);
    if (!tool->is_json) {
        if (tool->command) {
            fprintf(stderr, "usage: %s %s %s\n", tool->program, tool->command, tool->usage);
        }
        fprintf(stderr, "       %s --help lists commands and options\n", tool->program);
    }
    return TOOL_USAGE;
}

static const char *advice(const struct columba_error_info *error)
{
    switch (error->code) {
    case COLUMBA_ERROR_UNKNOWN_CONVERSATION:
        return "; make it with: columba conversation create NAME --member USER …";
    case COLUMBA_ERROR_NO_NODE:
        return "; name nodes that run with --contact or COLUMBA_CONTACT";
    case COLUMBA_ERROR_NOT_A_MEMBER:
        return "; add members with: columba conversation create NAME --member USER …";
    default:
        return "";
    }
}

static void remember_error(struct tool *tool, const char *doing, const char *text,
                           const struct columba_error_info *error)
{
    json_decref(tool->error);
    tool->error =
        json_pack("{s:s, s:o, s:o, s:b, s:b, s:I, s:I}", "code", columba_error_name(error->code),
                  "text", json_of_text(text), "doing", json_of_text(doing), "retryable",
                  error->retryable, "outcome_unknown", error->outcome_unknown, "needed",
                  (json_int_t)error->needed, "received", (json_int_t)error->received);
}

void tool_say_error(struct tool *tool, const char *doing, const struct columba_error_info *error)
{
    const char *text = error->text[0] ? error->text : columba_error_text(error->code);
    const char *name = columba_error_name(error->code);
    char said[MESSAGE_BYTES];
    if (error->needed > 0 && !strstr(text, "needed")) {
        snprintf(said, sizeof(said), "%s: %s: %s (%u replicas needed, %u %s)%s", doing, name, text,
                 error->needed, error->received,
                 error->code == COLUMBA_ERROR_UNAVAILABLE ? "alive" : "answered", advice(error));
    } else {
        snprintf(said, sizeof(said), "%s: %s: %s%s", doing, name, text, advice(error));
    }
    say_text(tool, said);
    remember_error(tool, doing, text, error);
}

bool tool_wait(struct tool *tool, struct columba_future *future, const char *doing, ...)
{
    if (!future) {
        tool_say(tool, "out of memory");
        return false;
    }
    if (columba_future_wait(future) == COLUMBA_ERROR_OK) {
        return true;
    }
    char text[MESSAGE_BYTES / 2];
    va_list arguments;
    va_start(arguments, doing);
    vsnprintf(text, sizeof(text), doing, arguments);
    va_end(arguments);
    tool_say_error(tool, text, columba_future_error(future));
    return false;
}

void tool_print_json(struct tool *tool, json_t *object)
{
    print_json_line(stdout, object);
    json_decref(object);
    tool->has_printed = true;
}

void tool_print_failure(struct tool *tool, enum tool_exit result)
{
    if (tool->is_json && !tool->has_printed && result != TOOL_DONE) {
        if (!tool->error) {
            remember(tool, "FAILED", "standard error says what happened");
        }
        tool_print_json(tool, json_pack("{s:O}", "error", tool->error));
    }
}
