/*
 * A folder as Slack exports it, unpacked:
 *
 *     users.json                                  [{"id", "name", …}, …]
 *     channels.json, groups.json, mpims.json      [{"id", "name", "members": [id, …]}, …]
 *     dms.json                                    [{"id", "members"}, …]
 *     CHANNEL/2024-05-01.json                     [{"type": "message", "user", "ts", "text",
 *                                                   "subtype", "files", …}, …]
 *
 * Conversations are called as their channel is, and a direct conversation by the names of its
 * members. People are called by their user name, which is theirs alone. Messages with a subtype of
 * Slack's own are of type system. Replies stand among the other messages, at their time. A single
 * day's file is taken too.
 */
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "client/tools/chat_format.h"
#include "client/tools/chat_names.h"
#include "client/tools/json_walk.h"

#define NAME_BYTES (COLUMBA_NAME_MAX_BYTES + 1)
#define PATH_BYTES 4096

struct slack {
    struct chat_reading *reading;
    json_t *users;    /* id: name */
    json_t *channels; /* folder: {"name", "members"} */
    char conversation[NAME_BYTES];
    uint64_t number; /* of the message in the whole */
    char *text;      /* of one message, for people */
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* The document of a file. NULL: it is not there, or damaged (said). */
static json_t *load(struct slack *slack, const char *path, bool is_needed)
{
    json_error_t error;
    struct stat about;
    if (!is_needed && stat(path, &about) != 0) {
        return NULL;
    }
    json_t *document = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!document) {
        chat_reading_bad(slack->reading, 0, "%s: not JSON: %.150s in line %d", path, error.text,
                         error.line);
    } else if (!json_is_array(document)) {
        chat_reading_bad(slack->reading, 0, "%s: it is no list, as Slack's are", path);
        json_decref(document);
        document = NULL;
    }
    return document;
}

static void user_name(const struct slack *slack, const char *id, char *out_name)
{
    const char *name = json_string_value(json_object_get(slack->users, id));
    chat_name_clean(slice_of_text(name ? name : id), out_name);
}

/* ---- who and where -----------------------------------------------------------------------------
 */

static void load_users(struct slack *slack, const char *folder)
{
    char path[PATH_BYTES];
    size_t i;
    const json_t *user;
    snprintf(path, sizeof(path), "%s/users.json", folder);
    json_t *users = load(slack, path, false);
    json_array_foreach(users, i, user)
    {
        const char *name = text_of(user, "name");
        name = name[0] ? name : text_of(user, "real_name");
        if (name[0]) {
            json_object_set_new(slack->users, text_of(user, "id"), json_string(name));
        }
    }
    json_decref(users);
}

/* "ann, ben": a direct conversation has no name of its own. */
static void name_of_members(const struct slack *slack, const json_t *members, char *out_name)
{
    size_t used = 0;
    size_t i;
    const json_t *member;
    out_name[0] = '\0';
    json_array_foreach(members, i, member)
    {
        char name[NAME_BYTES];
        const char *id = json_string_value(member);
        user_name(slack, id ? id : "?", name);
        size_t size = strlen(name);
        if (used + size + 3 < NAME_BYTES) {
            used +=
                (size_t)snprintf(out_name + used, NAME_BYTES - used, "%s%s", i ? ", " : "", name);
        }
    }
}

static void load_channels(struct slack *slack, const char *folder, const char *file)
{
    char path[PATH_BYTES];
    size_t i;
    json_t *channel;
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    json_t *channels = load(slack, path, false);
    json_array_foreach(channels, i, channel)
    {
        const char *name = text_of(channel, "name");
        char members[NAME_BYTES];
        const char *place = name[0] ? name : text_of(channel, "id");
        if (!name[0]) {
            name_of_members(slack, json_object_get(channel, "members"), members);
            json_object_set_new(channel, "name", json_string(members[0] ? members : place));
        }
        json_object_set(slack->channels, place, channel);
    }
    json_decref(channels);
}

/* False: no memory. */
static bool take_members(struct slack *slack, const json_t *channel)
{
    size_t i;
    const json_t *member;
    json_array_foreach(json_object_get(channel, "members"), i, member)
    {
        char name[NAME_BYTES];
        const char *id = json_string_value(member);
        user_name(slack, id ? id : "?", name);
        if (!chat_reading_member(slack->reading, slice_of_text(slack->conversation),
                                 slice_of_text(name), NULL, 0)) {
            return false;
        }
    }
    return true;
}

/* ---- texts -------------------------------------------------------------------------------------
 */

/* What stands between < and >: "@U1", "#C1|garden", "!here", "https://x|label". */
static void put_reference(const struct slack *slack, FILE *out, const char *begin, size_t size)
{
    char reference[1024];
    if (size >= sizeof(reference)) {
        fwrite(begin, 1, size, out);
        return;
    }
    memcpy(reference, begin, size);
    reference[size] = '\0';
    char *label = strchr(reference, '|');
    if (label) {
        *label++ = '\0';
    }
    if (reference[0] == '@') {
        char name[NAME_BYTES];
        user_name(slack, reference + 1, name);
        fprintf(out, "@%s", name);
    } else if (reference[0] == '#') {
        fprintf(out, "#%s", label ? label : reference + 1);
    } else if (reference[0] == '!') {
        fprintf(out, "@%s", label ? label + (label[0] == '@') : reference + 1);
    } else if (label && strcmp(label, reference) != 0) {
        fprintf(out, "%s (%s)", label, reference);
    } else {
        fputs(reference, out);
    }
}

/* As it is shown: references by name, and the three characters that Slack escapes. */
static bool make_text(struct slack *slack, const char *text)
{
    static const char *const escapes[][2] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}};
    size_t size = 0;
    free(slack->text);
    slack->text = NULL;
    FILE *out = open_memstream(&slack->text, &size);
    while (out && *text) {
        const char *end = *text == '<' ? strchr(text, '>') : NULL;
        size_t step = 0;
        for (size_t i = 0; i < 3; i++) {
            if (strncmp(text, escapes[i][0], strlen(escapes[i][0])) == 0) {
                fputs(escapes[i][1], out);
                step = strlen(escapes[i][0]);
            }
        }
        if (end) {
            put_reference(slack, out, text + 1, (size_t)(end - text - 1));
            step = (size_t)(end - text) + 1;
        } else if (step == 0) {
            fputc(*text, out);
            step = 1;
        }
        text += step;
    }
    return out && fclose(out) == 0;
}

/* ---- messages ----------------------------------------------------------------------------------
 */

static void sender_of(const struct slack *slack, const json_t *message, char *out_name)
{
    const char *user = text_of(message, "user");
    const char *name = text_of(message, "username");
    if (user[0]) {
        user_name(slack, user, out_name);
        return;
    }
    name = name[0] ? name : text_of(json_object_get(message, "bot_profile"), "name");
    name = name[0] ? name : text_of(message, "bot_id");
    chat_name_clean(slice_of_text(name[0] ? name : "slack"), out_name);
}

/* Seconds and microseconds; the whole is unique in its channel. */
static bool take_time(const char *ts, int64_t *out_ms)
{
    char *end;
    long long seconds = strtoll(ts, &end, 10);
    long long fraction = 0;
    int count = 0;
    if (end == ts || seconds < 0 || seconds > INT32_MAX * 16LL) {
        return false;
    }
    if (*end == '.') {
        for (end++; count < 3 && isdigit((unsigned char)*end); end++, count++) {
            fraction = fraction * 10 + (*end - '0');
        }
    }
    for (; count < 3; count++) {
        fraction *= 10;
    }
    *out_ms = seconds * 1000 + fraction;
    return true;
}

static uint8_t type_of(const json_t *message)
{
    static const char *const written[] = {"bot_message",  "thread_broadcast", "file_share",
                                          "file_comment", "me_message",       "reply_broadcast"};
    const char *subtype = text_of(message, "subtype");
    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
        if (strcmp(subtype, written[i]) == 0) {
            return COLUMBA_TYPE_TEXT;
        }
    }
    return subtype[0] ? COLUMBA_TYPE_SYSTEM : COLUMBA_TYPE_TEXT;
}

static void take_file(struct slack *slack, const json_t *message, struct chat_entry *entry)
{
    const json_t *files = json_object_get(message, "files");
    const json_t *file =
        json_is_array(files) ? json_array_get(files, 0) : json_object_get(message, "file");
    const char *url = text_of(file, "url_private");
    if (!json_is_object(file)) {
        return;
    }
    url = url[0] ? url : text_of(file, "permalink");
    entry->media_url = slice_of_text(url);
    if (url[0] && entry->type == COLUMBA_TYPE_TEXT) {
        entry->type = chat_type_of_file(text_of(file, "name"));
    }
    for (size_t i = 1; i < json_array_size(files); i++) {
        chat_reading_leave_out(slack->reading, slack->number, "a second file of a message");
    }
}

static void tell_left_out(struct slack *slack, const json_t *message)
{
    static const char *const kinds[] = {"reactions", "attachments"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (json_object_get(message, kinds[i])) {
            char what[CHAT_LEFT_OUT_BYTES];
            snprintf(what, sizeof(what), "\"%s\"", kinds[i]);
            chat_reading_leave_out(slack->reading, slack->number, what);
        }
    }
}

/* False: no memory. */
static bool take_message(struct slack *slack, const char *path, const json_t *message)
{
    struct chat_reading *reading = slack->reading;
    char sender[NAME_BYTES];
    const char *ts = text_of(message, "ts");
    struct chat_entry entry = {.line = ++slack->number, .type = type_of(message)};
    if (!json_is_object(message) || !take_time(ts, &entry.ts_ms)) {
        chat_reading_bad(reading, 0, "%s: message %" PRIu64 " of the export has no \"ts\"", path,
                         entry.line);
        return true;
    }
    if (!make_text(slack, text_of(message, "text"))) {
        return chat_reading_fail(reading, "out of memory");
    }
    sender_of(slack, message, sender);
    take_file(slack, message, &entry);
    tell_left_out(slack, message);
    entry.conversation = slice_of_text(slack->conversation);
    entry.sender = slice_of_text(sender);
    entry.text = slice_of_text(slack->text);
    entry.id = slice_of_text(ts);
    return chat_reading_take(reading, &entry);
}

static bool take_day(struct slack *slack, const char *path)
{
    size_t i;
    const json_t *message;
    json_t *messages = load(slack, path, true);
    bool goes_on = true;
    json_array_foreach(messages, i, message)
    {
        goes_on = goes_on && take_message(slack, path, message);
    }
    json_decref(messages);
    return goes_on;
}

/* ---- folders -----------------------------------------------------------------------------------
 */

static int is_day(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 5 && strcmp(&entry->d_name[size - 5], ".json") == 0;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Names sort by day. False: no memory. */
static bool take_channel(struct slack *slack, const char *path, const char *folder)
{
    const json_t *channel = json_object_get(slack->channels, folder);
    const char *name = text_of(channel, "name");
    struct dirent **days = NULL;
    int count = scandir(path, &days, is_day, alphasort);
    bool goes_on = true;
    chat_name_clean(slice_of_text(name[0] ? name : folder), slack->conversation);
    if (count > 0) {
        goes_on = take_members(slack, channel);
    }
    for (int i = 0; i < count; i++) {
        char day[PATH_BYTES];
        snprintf(day, sizeof(day), "%.3000s/%.900s", path, days[i]->d_name);
        goes_on = goes_on && take_day(slack, day);
        free(days[i]);
    }
    free(days);
    return goes_on;
}

static bool take_folder(struct slack *slack, const char *folder)
{
    static const char *const lists[] = {"channels.json", "groups.json", "mpims.json", "dms.json"};
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_visible, alphasort);
    bool goes_on = count >= 0;
    load_users(slack, folder);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        load_channels(slack, folder, lists[i]);
    }
    for (int i = 0; i < count; i++) {
        char path[PATH_BYTES];
        struct stat about;
        snprintf(path, sizeof(path), "%.3000s/%.900s", folder, entries[i]->d_name);
        if (goes_on && stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
            goes_on = take_channel(slack, path, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return goes_on;
}

bool chat_slack_read(struct chat_reading *reading)
{
    const char *path = reading->options->path;
    struct slack slack = {.reading = reading, .users = json_object(), .channels = json_object()};
    struct stat about;
    bool is_read = stat(path, &about) == 0;
    if (!is_read) {
        chat_reading_fail(reading, "it is not there; an export of Slack is a folder, unpacked");
    } else if (S_ISDIR(about.st_mode)) {
        is_read = take_folder(&slack, path);
        if (is_read && slack.number == 0) {
            is_read = chat_reading_fail(reading, "there are no messages in its folders: it is no "
                                                 "export of Slack");
        }
    } else if (strlen(path) > 4 && strcasecmp(&path[strlen(path) - 4], ".zip") == 0) {
        is_read = chat_reading_fail(reading, "unpack it first, and give its folder");
    } else {
        chat_conversation_name(reading, slack.conversation);
        is_read = take_day(&slack, path);
    }
    json_decref(slack.users);
    json_decref(slack.channels);
    free(slack.text);
    return is_read;
}
