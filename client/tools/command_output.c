/*
 * How the commands print ids, times, texts and JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client/tools/columba_commands.h"

/* 31 December 9999. */
#define TIME_SHOWN_MAX_MS UINT64_C(253402300799999)

bool command_message_id(struct tool *tool, const char *option, const char *text,
                        struct columba_id *out_id)
{
    if (columba_id_from_text(text, out_id)) {
        return true;
    }
    tool_wrong(tool, "%s: '%s' is not a message id (8-4-4-4-12 hexadecimal digits)", option, text);
    return false;
}

json_t *command_id_json(const struct columba_id *id)
{
    char text[COLUMBA_ID_TEXT_BYTES];
    if (columba_id_is_zero(id)) {
        return json_null();
    }
    columba_id_to_text(id, text);
    return json_string(text);
}

json_t *command_time_json(uint64_t unix_ms)
{
    return unix_ms <= INT64_MAX ? json_integer((json_int_t)unix_ms) : json_real((double)unix_ms);
}

void command_time_text(uint64_t unix_ms, char *out_text)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm parts;
    if (unix_ms > TIME_SHOWN_MAX_MS || !gmtime_r(&seconds, &parts) ||
        strftime(out_text, COMMAND_TIME_BYTES, "%Y-%m-%d %H:%M:%SZ", &parts) == 0) {
        snprintf(out_text, COMMAND_TIME_BYTES, "%" PRIu64 " ms", unix_ms);
    }
}

void command_add_body(json_t *object, const struct columba_message *message)
{
    json_t *text = json_stringn(message->body, message->body_bytes);
    json_object_set_new(object, "text", text ? text : json_null());
    if (!text) {
        char *hex = calloc(message->body_bytes, 2);
        for (size_t i = 0; hex && i < message->body_bytes; i++) {
            static const char digits[] = "0123456789abcdef";
            unsigned byte = ((const uint8_t *)message->body)[i];
            hex[2 * i] = digits[byte >> 4];
            hex[2 * i + 1] = digits[byte & 15u];
        }
        json_object_set_new(object, "text_hex", json_stringn(hex, 2 * message->body_bytes));
        free(hex);
    }
}
