/*
 * result.json of Telegram Desktop, of one chat or of all of them:
 *
 *     {"name", "type", "id", "messages": [{"id", "type": "message" | "service", "date",
 *      "date_unixtime", "from", "from_id", "text": text or [text or {"type", "text"}, …],
 *      "photo" | "file", "media_type", "actor", "action", …}, …]}
 *     {"chats": {"list": [a chat as above, …]}, …}
 *
 * It is read message by message. Of two people with one name the second is called by name and id,
 * as is the second of two chats. Service messages are of type system, their text is the action.
 * Older exports tell local times only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/chat_format.h"
#include "client/tools/chat_names.h"
#include "client/tools/json_walk.h"

#define NAME_BYTES (COLUMBA_NAME_MAX_BYTES + 1)

struct telegram {
    struct chat_reading *reading;
    struct json_walk walk;
    char chat[NAME_BYTES];
    uint64_t number; /* of the message in the file */
    json_t *owners;  /* name of a person or chat: the id that came with it first */
    char *text;      /* of one message, put together */
    size_t text_bytes;
};

/* "Ann", or "Ann (user7)" where another one is Ann already. */
static void unique_name(struct telegram *telegram, const char *kind, const char *name,
                        const char *id, char *out_name)
{
    char clean[NAME_BYTES];
    char key[NAME_BYTES + 16];
    chat_name_clean(slice_of_text(name), clean);
    snprintf(key, sizeof(key), "%s %s", kind, clean);
    const char *owner = json_string_value(json_object_get(telegram->owners, key));
    if (!owner) {
        json_object_set_new(telegram->owners, key, json_string(id));
    }
    if (!clean[0]) {
        snprintf(out_name, NAME_BYTES, "%s", id);
    } else if (!owner || strcmp(owner, id) == 0) {
        memcpy(out_name, clean, sizeof(clean));
    } else {
        snprintf(out_name, NAME_BYTES, "%.400s (%.100s)", clean, id);
    }
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* ---- one message -------------------------------------------------------------------------------
 */

static bool text_add(struct telegram *telegram, const char *text, size_t size)
{
    char *grown = realloc(telegram->text, telegram->text_bytes + size + 1);
    if (!grown) {
        return false;
    }
    memcpy(grown + telegram->text_bytes, text, size);
    telegram->text = grown;
    telegram->text_bytes += size;
    grown[telegram->text_bytes] = '\0';
    return true;
}

/* A text, or a list of texts and of objects that have one. */
static bool text_collect(struct telegram *telegram, const json_t *text)
{
    size_t i;
    const json_t *part;
    telegram->text_bytes = 0;
    if (json_is_string(text)) {
        return text_add(telegram, json_string_value(text), json_string_length(text));
    }
    if (!text_add(telegram, "", 0)) {
        return false;
    }
    json_array_foreach(text, i, part)
    {
        const json_t *piece = json_is_object(part) ? json_object_get(part, "text") : part;
        if (json_is_string(piece) &&
            !text_add(telegram, json_string_value(piece), json_string_length(piece))) {
            return false;
        }
    }
    return true;
}

static bool take_time(const json_t *message, int64_t *out_ms)
{
    const char *seconds = text_of(message, "date_unixtime");
    struct chat_time time;
    int hour;
    int minute;
    int second;
    if (seconds[0]) {
        char *end;
        *out_ms = strtoll(seconds, &end, 10) * 1000;
        return *end == '\0';
    }
    if (sscanf(text_of(message, "date"), "%4d-%2d-%2dT%2d:%2d:%2d", &time.year, &time.month,
               &time.day, &hour, &minute, &second) != 6) {
        return false;
    }
    time.second = hour * 3600 + minute * 60 + second;
    return chat_time_ms(&time, out_ms);
}

static uint8_t media_type(const json_t *message, const char **out_file)
{
    const char *kind = text_of(message, "media_type");
    *out_file = text_of(message, "photo");
    if ((*out_file)[0]) {
        return COLUMBA_TYPE_IMAGE;
    }
    *out_file = text_of(message, "file");
    if (!(*out_file)[0]) {
        return COLUMBA_TYPE_TEXT;
    }
    if (strstr(kind, "voice") || strstr(kind, "audio")) {
        return COLUMBA_TYPE_AUDIO;
    }
    if (strstr(kind, "video") || strstr(kind, "animation")) {
        return COLUMBA_TYPE_VIDEO;
    }
    return strcmp(kind, "sticker") == 0 ? COLUMBA_TYPE_IMAGE : chat_type_of_file(*out_file);
}

static void tell_left_out(struct telegram *telegram, const json_t *message)
{
    static const char *const kinds[] = {
        "reactions",           "poll",           "location_information",
        "contact_information", "forwarded_from", "reply_to_message_id",
        "inline_bot_buttons"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (json_object_get(message, kinds[i])) {
            char what[CHAT_LEFT_OUT_BYTES];
            snprintf(what, sizeof(what), "\"%s\"", kinds[i]);
            chat_reading_leave_out(telegram->reading, telegram->number, what);
        }
    }
}

/* False: no memory. */
static bool take_message(struct telegram *telegram, const json_t *message)
{
    struct chat_reading *reading = telegram->reading;
    bool is_service = strcmp(text_of(message, "type"), "service") == 0;
    char sender[NAME_BYTES];
    char id[32];
    const char *file = "";
    struct chat_entry entry = {.line = ++telegram->number};
    if (!json_is_object(message) || !take_time(message, &entry.ts_ms)) {
        chat_reading_bad(reading, entry.line, "it is no message with a date");
        return true;
    }
    unique_name(telegram, "user", text_of(message, is_service ? "actor" : "from"),
                text_of(message, is_service ? "actor_id" : "from_id"), sender);
    const json_t *text = json_object_get(message, is_service ? "action" : "text");
    if (!text_collect(telegram, text)) {
        return chat_reading_fail(reading, "out of memory");
    }
    snprintf(id, sizeof(id), "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(message, "id")));
    entry.conversation = slice_of_text(telegram->chat);
    entry.sender = slice_of_text(sender);
    entry.text = slice_of(telegram->text, telegram->text_bytes);
    entry.id = slice_of_text(id);
    entry.type = is_service ? COLUMBA_TYPE_SYSTEM : media_type(message, &file);
    /* "(File not included. …)" stands where the export was made without media. */
    entry.media_url = slice_of_text(file[0] == '(' ? "" : file);
    tell_left_out(telegram, message);
    return chat_reading_take(reading, &entry);
}

/* ---- the document ------------------------------------------------------------------------------
 */

static bool take_messages(struct telegram *telegram)
{
    bool is_first = true;
    if (!json_walk_take(&telegram->walk, '[')) {
        return false;
    }
    while (json_walk_item(&telegram->walk, &is_first)) {
        json_t *message = json_walk_value(&telegram->walk);
        bool goes_on = message && take_message(telegram, message);
        json_decref(message);
        if (!goes_on) {
            return false;
        }
    }
    return !telegram->walk.has_failed;
}

static bool take_object(struct telegram *telegram, unsigned depth);

static bool take_list(struct telegram *telegram, unsigned depth)
{
    bool is_first = true;
    if (!json_walk_take(&telegram->walk, '[')) {
        return false;
    }
    while (json_walk_item(&telegram->walk, &is_first)) {
        if (!take_object(telegram, depth + 1)) {
            return false;
        }
    }
    return !telegram->walk.has_failed;
}

/* What a chat is called, from what stands before its messages. */
struct heading {
    char name[NAME_BYTES];
    char type[32];
    char id[32];
};

static void name_chat(struct telegram *telegram, const struct heading *heading)
{
    const char *asked = telegram->reading->options->conversation;
    const char *name = asked ? asked : heading->name;
    if (!name[0]) {
        name = strcmp(heading->type, "saved_messages") == 0 ? "Saved Messages" : "";
    }
    unique_name(telegram, "chat", name, heading->id[0] ? heading->id : "telegram", telegram->chat);
}

static bool take_member(struct telegram *telegram, const char *key, struct heading *heading)
{
    json_t *value = json_walk_value(&telegram->walk);
    if (!value) {
        return false;
    }
    if (strcmp(key, "name") == 0 && json_is_string(value)) {
        snprintf(heading->name, sizeof(heading->name), "%s", json_string_value(value));
    } else if (strcmp(key, "type") == 0 && json_is_string(value)) {
        snprintf(heading->type, sizeof(heading->type), "%s", json_string_value(value));
    } else if (strcmp(key, "id") == 0 && json_is_integer(value)) {
        snprintf(heading->id, sizeof(heading->id), "%" JSON_INTEGER_FORMAT,
                 json_integer_value(value));
    }
    json_decref(value);
    return true;
}

/* The document, its "chats", or one chat. Deeper than these three nothing is entered. */
static bool take_object(struct telegram *telegram, unsigned depth)
{
    struct heading heading = {.name = ""};
    bool is_first = true;
    bool is_good = json_walk_take(&telegram->walk, '{');
    json_t *key = NULL;
    while (is_good && (key = json_walk_key(&telegram->walk, &is_first)) != NULL) {
        const char *name = json_string_value(key);
        if (strcmp(name, "messages") == 0) {
            name_chat(telegram, &heading);
            is_good = take_messages(telegram);
        } else if (depth == 0 && (strcmp(name, "chats") == 0 || strcmp(name, "left_chats") == 0)) {
            is_good = take_object(telegram, depth + 1);
        } else if (depth == 1 && strcmp(name, "list") == 0) {
            is_good = take_list(telegram, depth);
        } else {
            is_good = take_member(telegram, name, &heading);
        }
        json_decref(key);
    }
    return is_good && !telegram->walk.has_failed;
}

bool chat_telegram_read(struct chat_reading *reading)
{
    struct telegram *telegram = calloc(1, sizeof(*telegram));
    if (!telegram) {
        return chat_reading_fail(reading, "out of memory");
    }
    telegram->reading = reading;
    telegram->owners = json_object();
    bool is_read =
        json_walk_open(&telegram->walk, reading->options->path) && take_object(telegram, 0);
    if (telegram->walk.has_failed) {
        chat_reading_fail(reading, "%s", telegram->walk.source.problem);
    } else if (is_read && telegram->number == 0) {
        is_read = chat_reading_fail(reading, "it has no \"messages\": it is no export of Telegram");
    }
    json_walk_close(&telegram->walk);
    json_decref(telegram->owners);
    free(telegram->text);
    free(telegram);
    return is_read;
}
