/*
 * How the commands print ids, times, texts and JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "client/tools/columba_commands.h"

bool command_message_id(const struct tool *tool, const char *option, const char *text,
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

void command_print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

void command_time_text(uint64_t unix_ms, char *out_text)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm parts;
    if (!gmtime_r(&seconds, &parts) ||
        strftime(out_text, COMMAND_TIME_BYTES, "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        snprintf(out_text, COMMAND_TIME_BYTES, "%" PRIu64 " ms", unix_ms);
    }
}

void command_print_text(const char *text, size_t size, const char *indent)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '\n') {
            printf("\n%s", indent);
        } else if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            printf("\\x%02x", byte);
        } else {
            putchar(byte);
        }
    }
}
