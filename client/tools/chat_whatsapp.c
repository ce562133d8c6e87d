/*
 * The text file that WhatsApp exports for one chat. A message begins with
 *
 *     31/12/2020, 23:59 - Ann: text              Android; also with dots or dashes, 11:59 pm
 *     [31.12.20, 23:59:59] Ann: text             iOS
 *
 * and goes on over the lines that begin with no stamp. Whether the day or the month comes first is
 * not told: it follows from numbers above 12, else from the order of the lines, else from am and
 * pm, which go with the month first. A line without "name:" is one of WhatsApp's own, and left
 * out.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "client/tools/chat_format.h"
#include "client/tools/chat_names.h"
#include "client/tools/line_reader.h"

enum { PARTS = 3 };

struct whatsapp_message {
    int parts[PARTS]; /* of the date, as they stand */
    int second;
    bool is_year_first;
    bool has_half; /* am or pm */
    uint64_t line;
    size_t name_end; /* of the sender in the text; 0: nobody's */
    size_t body;
    char *text; /* the whole behind the stamp */
    size_t text_bytes;
};

struct whatsapp {
    struct chat_reading *reading;
    struct whatsapp_message *messages;
    size_t count;
    size_t capacity;
};

/* ---- stamps ------------------------------------------------------------------------------------
 */

/* Behind marks of direction, a byte order mark, and spaces of any width. */
static const char *skip_marks(const char *text)
{
    static const char *const marks[] = {"\u200e", "\u200f", "\u202a", "\u202c",
                                        "\ufeff", "\u202f", "\u00a0", " "};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        size_t size = strlen(marks[i]);
        if (strncmp(text, marks[i], size) == 0) {
            return skip_marks(text + size);
        }
    }
    return text;
}

static const char *take_number(const char *text, int most, int *out_number, int *out_digits)
{
    *out_number = 0;
    *out_digits = 0;
    while (*out_digits < most && isdigit((unsigned char)*text)) {
        *out_number = *out_number * 10 + (*text++ - '0');
        ++*out_digits;
    }
    return *out_digits > 0 ? text : NULL;
}

static const char *take_date(const char *text, struct whatsapp_message *message)
{
    char separator = 0;
    for (int i = 0; i < PARTS; i++) {
        int count;
        text = take_number(text, 4, &message->parts[i], &count);
        if (!text) {
            return NULL;
        }
        message->is_year_first |= i == 0 && count == 4;
        if (i == PARTS - 1) {
            break;
        }
        separator = i == 0 ? *text : separator;
        if (!strchr("/.-", separator) || separator == '\0' || *text != separator) {
            return NULL;
        }
        text++;
    }
    text += *text == '.'; /* "31. 12. 2020." is not read, "31.12.20." is */
    text += *text == ',';
    return skip_marks(text);
}

/* am and pm in their spellings: "PM", "p.m.", "p. m.". */
static const char *take_half(const char *text, struct whatsapp_message *message)
{
    const char *at = skip_marks(text);
    char half = (char)tolower((unsigned char)*at);
    if (half != 'a' && half != 'p') {
        return text;
    }
    at += 1 + (at[1] == '.');
    at = skip_marks(at);
    if (tolower((unsigned char)*at) != 'm') {
        return text;
    }
    at += 1 + (at[1] == '.');
    int hour = message->second / 3600;
    if (hour > 12) {
        return text;
    }
    message->has_half = true;
    message->second += (half == 'p' && hour < 12) ? 43200 : 0;
    message->second -= (half == 'a' && hour == 12) ? 43200 : 0;
    return at;
}

static const char *take_clock(const char *text, struct whatsapp_message *message)
{
    int hour;
    int minute;
    int second = 0;
    int count;
    if (strncmp(text, "klo ", 4) == 0) {
        text += 4;
    }
    text = take_number(text, 2, &hour, &count);
    if (!text || (*text != ':' && *text != '.')) {
        return NULL;
    }
    char separator = *text;
    text = take_number(text + 1, 2, &minute, &count);
    if (text && *text == separator) {
        text = take_number(text + 1, 2, &second, &count);
    }
    if (!text || hour > 23 || minute > 59 || second > 59) {
        return NULL;
    }
    message->second = hour * 3600 + minute * 60 + second;
    return take_half(text, message);
}

/* What stands behind the stamp; NULL: the line has none. */
static const char *take_stamp(const char *line, struct whatsapp_message *message)
{
    const char *text = skip_marks(line);
    bool is_bracketed = *text == '[';
    text = take_date(text + is_bracketed, message);
    text = text ? take_clock(text, message) : NULL;
    if (!text) {
        return NULL;
    }
    if (is_bracketed) {
        return *text == ']' ? skip_marks(text + 1) : NULL;
    }
    return strncmp(text, " - ", 3) == 0 ? text + 3 : NULL;
}

/* ---- messages ----------------------------------------------------------------------------------
 */

static bool message_begin(struct whatsapp *chat, struct whatsapp_message *message, const char *text)
{
    if (chat->count == chat->capacity) {
        size_t capacity = chat->capacity ? chat->capacity * 2 : 1024;
        struct whatsapp_message *grown =
            reallocarray(chat->messages, capacity, sizeof(*chat->messages));
        if (!grown) {
            return false;
        }
        chat->messages = grown;
        chat->capacity = capacity;
    }
    const char *colon = strstr(text, ": ");
    size_t size = strlen(text);
    if (!colon && size > 1 && text[size - 1] == ':') {
        colon = &text[size - 1]; /* an empty message */
    }
    if (colon) {
        message->name_end = (size_t)(colon - text);
        message->body = message->name_end + (colon[1] == ' ' ? 2 : 1);
    }
    message->text = strdup(text);
    message->text_bytes = size;
    chat->messages[chat->count] = *message;
    chat->count += message->text != NULL;
    return message->text != NULL;
}

static bool message_go_on(struct whatsapp_message *message, const char *line)
{
    size_t size = strlen(line);
    if (message->text_bytes > COLUMBA_BODY_MAX_BYTES + COLUMBA_NAME_MAX_BYTES) {
        return true; /* it is refused for its size, whatever else it has */
    }
    char *grown = realloc(message->text, message->text_bytes + size + 2);
    if (!grown) {
        return false;
    }
    grown[message->text_bytes] = '\n';
    memcpy(grown + message->text_bytes + 1, line, size + 1);
    message->text = grown;
    message->text_bytes += size + 1;
    return true;
}

static bool take_line(struct whatsapp *chat, uint64_t number, char *line, size_t size)
{
    struct whatsapp_message message = {.line = number};
    if (size > 0 && line[size - 1] == '\r') {
        line[size - 1] = '\0';
    }
    const char *text = take_stamp(line, &message);
    if (text) {
        return message_begin(chat, &message, text);
    }
    if (chat->count > 0) {
        return message_go_on(&chat->messages[chat->count - 1], line);
    }
    if (*skip_marks(line) != '\0') {
        chat_reading_bad(chat->reading, number, "no message of WhatsApp begins like this");
    }
    return true;
}

/* ---- the order of day and month ----------------------------------------------------------------
 */

static struct chat_time time_of(const struct whatsapp_message *message, bool is_day_first)
{
    const int *parts = message->parts;
    struct chat_time time = {.second = message->second};
    if (message->is_year_first) {
        time.year = parts[0];
        time.month = parts[1];
        time.day = parts[2];
    } else {
        time.day = parts[is_day_first ? 0 : 1];
        time.month = parts[is_day_first ? 1 : 0];
        time.year = parts[2] < 100 ? 2000 + parts[2] : parts[2];
    }
    return time;
}

/* How often the time falls if it is read that way. */
static size_t count_falls(const struct whatsapp *chat, bool is_day_first)
{
    size_t falls = 0;
    int64_t last_ms = INT64_MIN;
    for (size_t i = 0; i < chat->count; i++) {
        struct chat_time time = time_of(&chat->messages[i], is_day_first);
        int64_t ms = 0;
        falls += !chat_time_ms(&time, &ms) || ms < last_ms;
        last_ms = ms;
    }
    return falls;
}

static bool is_day_first(const struct whatsapp *chat)
{
    size_t day_first = count_falls(chat, true);
    size_t month_first = count_falls(chat, false);
    if (day_first != month_first) {
        return day_first < month_first;
    }
    bool has_half = false;
    bool is_clear = true;
    for (size_t i = 0; i < chat->count; i++) {
        has_half |= chat->messages[i].has_half;
        is_clear &= chat->messages[i].is_year_first ||
                    chat->messages[i].parts[0] == chat->messages[i].parts[1];
    }
    if (!is_clear) {
        chat_reading_note(chat->reading,
                          "whether the day or the month comes first cannot be "
                          "told: the %s is taken for it",
                          has_half ? "month" : "day");
    }
    return !has_half;
}

/* ---- what is handed over -----------------------------------------------------------------------
 */

/* The file of a message, if it has one: "IMG-1.jpg (file attached)", "<attached: 1-PHOTO.jpg>". */
static bool find_file(const char *text, char *out_name, size_t out_bytes)
{
    const char *begin = skip_marks(text);
    size_t size = strcspn(begin, " \n");
    const char *bracket = strchr(begin, '<');
    if (bracket && strncmp(bracket, "<attached: ", 11) == 0) {
        begin = bracket + 11;
        size = strcspn(begin, ">\n");
    } else if (strncmp(begin + size, " (", 2) != 0 || size < 5 || begin[3] != '-' ||
               !memchr(begin, '.', size) || !isupper((unsigned char)begin[0])) {
        return false;
    }
    if (size >= out_bytes) {
        return false;
    }
    memcpy(out_name, begin, size);
    out_name[size] = '\0';
    return true;
}

/* False: no memory. */
static bool hand_over(struct whatsapp *chat, const char *conversation,
                      const struct whatsapp_message *message, bool day_first)
{
    struct chat_reading *reading = chat->reading;
    struct chat_time time = time_of(message, day_first);
    char sender[COLUMBA_NAME_MAX_BYTES + 1];
    char file[256] = "";
    struct chat_entry entry = {.conversation = slice_of_text(conversation), .line = message->line};
    COLUMBA_ASSERT(message->body <= message->text_bytes);
    if (message->name_end == 0) {
        chat_reading_leave_out(reading, message->line, "a line of WhatsApp's own");
        return true;
    }
    if (!chat_time_ms(&time, &entry.ts_ms)) {
        chat_reading_bad(reading, message->line, "there is no such day");
        return true;
    }
    chat_name_clean(slice_of(message->text, message->name_end), sender);
    entry.sender = slice_of_text(sender);
    entry.text = slice_of_text(message->text + message->body);
    if (find_file(message->text + message->body, file, sizeof(file))) {
        entry.type = chat_type_of_file(file);
        entry.media_url = slice_of_text(file);
    }
    return chat_reading_take(reading, &entry);
}

static bool hand_over_all(struct whatsapp *chat)
{
    char conversation[COLUMBA_NAME_MAX_BYTES + 1];
    bool day_first = is_day_first(chat);
    chat_conversation_name(chat->reading, conversation);
    for (size_t i = 0; i < chat->count; i++) {
        if (!hand_over(chat, conversation, &chat->messages[i], day_first)) {
            return false;
        }
    }
    return true;
}

static bool read_lines(struct whatsapp *chat, struct line_reader *lines)
{
    while (true) {
        char *line;
        size_t size;
        switch (line_reader_next(lines, &line, &size)) {
        case LINE_OK:
            if (!take_line(chat, lines->number, line, size)) {
                return chat_reading_fail(chat->reading, "out of memory");
            }
            break;
        case LINE_TOO_LONG:
            chat_reading_bad(chat->reading, lines->number, "longer than 2 MiB: no message is");
            break;
        case LINE_END:
            return true;
        case LINE_FAILED:
            return chat_reading_fail(chat->reading, "%s", lines->source.problem);
        }
    }
}

bool chat_whatsapp_read(struct chat_reading *reading)
{
    struct whatsapp chat = {.reading = reading};
    struct line_reader lines;
    bool is_read = line_reader_open(&lines, reading->options->path) == 0
                       ? read_lines(&chat, &lines)
                       : chat_reading_fail(reading, "%s", lines.source.problem);
    line_reader_close(&lines);
    is_read = is_read && hand_over_all(&chat);
    chat_reading_tell_zone(reading);
    for (size_t i = 0; i < chat.count; i++) {
        free(chat.messages[i].text);
    }
    free(chat.messages);
    return is_read;
}
