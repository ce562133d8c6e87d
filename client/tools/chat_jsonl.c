/*
 * Chat logs as JSON Lines: one object a line, as `columba export` writes them.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/chat_format.h"
#include "client/tools/line_reader.h"

/* "encrypted" is what `history` tells besides; it follows from the key. */
static const char *const known_keys[] = {"conversation", "sender",    "ts_ms",   "text",
                                         "text_hex",     "id",        "type",    "media_url",
                                         "members",      "encrypted", "problem", "created_at_ms"};

static struct slice slice_of_json(const json_t *text)
{
    return slice_of(json_string_value(text), json_string_length(text));
}

/* A text of the object. False: missing or no text (said). */
static bool take_text(struct chat_reading *reading, uint64_t line, const json_t *object,
                      const char *key, struct slice *out_text)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) {
        chat_reading_bad(reading, line, "\"%s\" is %s", key, value ? "not a text" : "missing");
        return false;
    }
    *out_text = slice_of_json(value);
    return true;
}

static bool take_time(struct chat_reading *reading, uint64_t line, const json_t *object,
                      int64_t *out_ms)
{
    const json_t *value = json_object_get(object, "ts_ms");
    if (!json_is_integer(value)) {
        chat_reading_bad(reading, line, "\"ts_ms\" is %s",
                         value ? "not a whole number" : "missing");
        return false;
    }
    *out_ms = json_integer_value(value);
    return true;
}

/* A name, or a number for what has none. */
static bool take_type(struct chat_reading *reading, uint64_t line, const json_t *object,
                      uint8_t *out_type)
{
    const json_t *value = json_object_get(object, "type");
    *out_type = COLUMBA_TYPE_TEXT;
    if (json_is_integer(value) && json_integer_value(value) > 0 &&
        json_integer_value(value) <= UINT8_MAX) {
        *out_type = (uint8_t)json_integer_value(value);
    } else if (json_is_string(value)) {
        *out_type = chat_type_of_name(json_string_value(value));
    } else if (value && !json_is_null(value)) {
        *out_type = 0;
    }
    if (*out_type == 0) {
        chat_reading_bad(reading, line,
                         "\"type\" is none of text, image, file, audio, video, "
                         "system, or a number from 1 to 255");
    }
    return *out_type != 0;
}

/* An id may be a text or a number; both are taken as text. */
static bool take_id(struct chat_reading *reading, uint64_t line, const json_t *object, char *number,
                    size_t number_bytes, struct slice *out_id)
{
    const json_t *value = json_object_get(object, "id");
    *out_id = slice_of("", 0);
    if (json_is_string(value)) {
        *out_id = slice_of_json(value);
    } else if (json_is_integer(value)) {
        snprintf(number, number_bytes, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        *out_id = slice_of_text(number);
    } else if (value && !json_is_null(value)) {
        chat_reading_bad(reading, line, "\"id\" is neither a text nor a whole number");
        return false;
    }
    return true;
}

static int digit_of(char character)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = character ? strchr(digits, character) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* "text", or the bytes of "text_hex" in `*out_bytes`, which the caller frees. */
static bool take_body(struct chat_reading *reading, uint64_t line, const json_t *object,
                      uint8_t **out_bytes, struct slice *out_text)
{
    const json_t *hex = json_object_get(object, "text_hex");
    if (!json_is_string(hex)) {
        return take_text(reading, line, object, "text", out_text);
    }
    size_t size = json_string_length(hex) / 2;
    const char *digits = json_string_value(hex);
    uint8_t *bytes = malloc(size + 1);
    bool is_good = bytes && json_string_length(hex) % 2 == 0;
    for (size_t i = 0; is_good && i < size; i++) {
        int high = digit_of(digits[2 * i]);
        int low = digit_of(digits[2 * i + 1]);
        is_good = high >= 0 && low >= 0;
        bytes[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    if (!is_good) {
        chat_reading_bad(reading, line, "\"text_hex\" is no even number of hexadecimal digits");
    }
    *out_bytes = bytes;
    *out_text = slice_of(bytes, size);
    return is_good;
}

/* A member is a name, or {"name", "read_up_to": id or null}. */
static bool take_member(struct chat_reading *reading, uint64_t line, struct slice conversation,
                        const json_t *member)
{
    const json_t *name = json_is_object(member) ? json_object_get(member, "name") : member;
    const json_t *read = json_is_object(member) ? json_object_get(member, "read_up_to") : NULL;
    struct columba_id marker = {{0}};
    if (!json_is_string(name) ||
        (json_is_string(read) && !columba_id_from_text(json_string_value(read), &marker))) {
        chat_reading_bad(reading, line,
                         "\"members\" is not a list of names, or of objects with name and "
                         "read_up_to");
        return true;
    }
    return chat_reading_member(reading, conversation, slice_of_json(name), read ? &marker : NULL,
                               line);
}

static bool take_members(struct chat_reading *reading, uint64_t line, struct slice conversation,
                         const json_t *members)
{
    size_t i;
    const json_t *member;
    if (!json_is_array(members)) {
        chat_reading_bad(reading, line, "\"members\" is not a list");
        return true;
    }
    json_array_foreach(members, i, member)
    {
        if (!take_member(reading, line, conversation, member)) {
            return false;
        }
    }
    return true;
}

static void tell_unknown(struct chat_reading *reading, uint64_t line, json_t *object)
{
    const char *key;
    const json_t *value;
    json_object_foreach(object, key, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < sizeof(known_keys) / sizeof(known_keys[0]); i++) {
            is_known |= strcmp(key, known_keys[i]) == 0;
        }
        if (!is_known) {
            char what[CHAT_LEFT_OUT_BYTES];
            snprintf(what, sizeof(what), "\"%s\"", key);
            chat_reading_leave_out(reading, line, what);
        }
    }
}

static bool take_message(struct chat_reading *reading, uint64_t line, const json_t *object,
                         struct slice conversation)
{
    struct chat_entry entry = {.conversation = conversation, .line = line};
    uint8_t *bytes = NULL;
    char number[32];
    const json_t *url = json_object_get(object, "media_url");
    if (json_is_string(url)) {
        entry.media_url = slice_of_json(url);
    }
    if (json_object_get(object, "problem")) {
        chat_reading_bad(reading, line, "its text could not be opened when it was written here");
        return true;
    }
    bool is_good = take_text(reading, line, object, "sender", &entry.sender) &&
                   take_time(reading, line, object, &entry.ts_ms) &&
                   take_body(reading, line, object, &bytes, &entry.text) &&
                   take_type(reading, line, object, &entry.type) &&
                   take_id(reading, line, object, number, sizeof(number), &entry.id);
    bool goes_on = !is_good || chat_reading_take(reading, &entry);
    free(bytes);
    return goes_on;
}

/* False: no memory. */
static bool take_object(struct chat_reading *reading, uint64_t line, json_t *object)
{
    struct slice conversation;
    const json_t *members = json_object_get(object, "members");
    if (!take_text(reading, line, object, "conversation", &conversation)) {
        return true;
    }
    tell_unknown(reading, line, object);
    if (members && !take_members(reading, line, conversation, members)) {
        return false;
    }
    const json_t *created = json_object_get(object, "created_at_ms");
    if (json_is_integer(created) && json_integer_value(created) > 0 &&
        !chat_reading_created(reading, conversation, (uint64_t)json_integer_value(created), line)) {
        return false;
    }
    bool is_message = json_object_get(object, "sender") || json_object_get(object, "text") ||
                      json_object_get(object, "ts_ms") || !members;
    return !is_message || take_message(reading, line, object, conversation);
}

/* A whole document where lines are expected: the shapes that other programs export. */
static bool is_document(struct chat_reading *reading, uint64_t line, const char *bytes)
{
    const char *text = bytes + strspn(bytes, " \t\r");
    bool is_open = text[0] == '{' && text[1 + strspn(text + 1, " \t\r")] == '\0';
    if (line != 1 || (text[0] != '[' && !is_open)) {
        return false;
    }
    chat_reading_fail(reading,
                      "this is one JSON document, not JSON Lines: --format telegram or slack "
                      "reads what those export; else make lines of it (jq -c '.[]')");
    return true;
}

/* False: no memory. */
static bool take_line(struct chat_reading *reading, uint64_t line, const char *bytes, size_t size)
{
    json_error_t error;
    json_t *object = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    bool goes_on = true;
    if (json_is_object(object)) {
        goes_on = take_object(reading, line, object);
    } else if (object) {
        chat_reading_bad(reading, line, "not a JSON object");
    } else {
        chat_reading_bad(reading, line, "not JSON: %s at column %d", error.text, error.column);
    }
    json_decref(object);
    return goes_on;
}

static bool read_lines(struct chat_reading *reading, struct line_reader *lines)
{
    while (true) {
        char *line;
        size_t size;
        switch (line_reader_next(lines, &line, &size)) {
        case LINE_OK:
            if (strspn(line, " \t\r") == size) {
                break;
            }
            if (is_document(reading, lines->number, line) ||
                !take_line(reading, lines->number, line, size)) {
                return false;
            }
            break;
        case LINE_TOO_LONG:
            chat_reading_bad(reading, lines->number, "longer than 2 MiB: no message is");
            break;
        case LINE_END:
            return true;
        case LINE_FAILED:
            return chat_reading_fail(reading, "%s", lines->source.problem);
        }
    }
}

bool chat_jsonl_read(struct chat_reading *reading)
{
    struct line_reader lines;
    bool is_read = line_reader_open(&lines, reading->options->path) == 0
                       ? read_lines(reading, &lines)
                       : chat_reading_fail(reading, "%s", lines.source.problem);
    line_reader_close(&lines);
    return is_read;
}
