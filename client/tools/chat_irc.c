/*
 * Logs of IRC: irssi, WeeChat, HexChat, ZNC, eggdrop and what looks like them. A line is
 *
 *     STAMP <nick> text         a message            STAMP nick TAB text        the same, WeeChat
 *     STAMP * nick text         an action            STAMP -nick- text          a notice
 *
 * with a STAMP of HH:MM[:SS], in brackets or not, a date before it or not. Where it has no date,
 * the day is that of the last line that told one ("--- Day changed …"), of the file's name, or of
 * --date; a time that falls by half a day is of the day after. Joins, parts and other events are
 * left out. Lines that are not UTF-8 are taken for Latin-1.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "client/tools/chat_format.h"
#include "client/tools/chat_names.h"
#include "client/tools/line_reader.h"

#define DAY_SECONDS 86400
#define NICK_BYTES 128

struct irc {
    struct chat_reading *reading;
    char conversation[COLUMBA_NAME_MAX_BYTES + 1];
    struct chat_time day; /* year 0: not known yet */
    int last_second;
    char *converted; /* a line of Latin-1 as UTF-8 */
};

/* Digits, `least` to `most` of them. NULL: there are none. */
static const char *digits(const char *text, int least, int most, int *out_number)
{
    int count = 0;
    int number = 0;
    while (count < most && isdigit((unsigned char)text[count])) {
        number = number * 10 + (text[count++] - '0');
    }
    *out_number = number;
    return count >= least ? text + count : NULL;
}

/* HH:MM[:SS[.fff]] */
static const char *take_clock(const char *text, int *out_second)
{
    int hour;
    int minute;
    int second = 0;
    text = digits(text, 1, 2, &hour);
    text = text && *text == ':' ? digits(text + 1, 2, 2, &minute) : NULL;
    if (text && *text == ':') {
        text = digits(text + 1, 2, 2, &second);
    }
    if (!text || hour > 23 || minute > 59 || second > 60) {
        return NULL;
    }
    while (*text == '.' || (text[-1] == '.' && isdigit((unsigned char)*text)) ||
           (isdigit((unsigned char)*text) && isdigit((unsigned char)text[-1]))) {
        text++;
    }
    *out_second = hour * 3600 + minute * 60 + (second < 60 ? second : 59);
    return text;
}

/* YYYY-MM-DD */
static const char *take_date(const char *text, struct chat_time *out_day)
{
    struct chat_time day = {0};
    text = digits(text, 4, 4, &day.year);
    text = text && *text == '-' ? digits(text + 1, 2, 2, &day.month) : NULL;
    text = text && *text == '-' ? digits(text + 1, 2, 2, &day.day) : NULL;
    if (text) {
        *out_day = day;
    }
    return text;
}

/* "Mon DD " before the clock, HexChat: the year is the log's. */
static const char *take_month_day(const struct irc *irc, const char *text,
                                  struct chat_time *out_day)
{
    int month = chat_month(text);
    int day;
    if (month == 0 || text[3] != ' ') {
        return NULL;
    }
    text += 3 + strspn(text + 3, " ");
    text = digits(text, 1, 2, &day);
    if (!text || *text != ' ') {
        return NULL;
    }
    *out_day = (struct chat_time){.year = irc->day.year, .month = month, .day = day};
    return text + 1;
}

/* The stamp; what follows it. NULL: there is none. *out_day has year 0 where it tells no date. */
static const char *take_stamp(const struct irc *irc, const char *text, struct chat_time *out_day)
{
    bool is_bracketed = *text == '[' || *text == '(';
    text += is_bracketed;
    *out_day = (struct chat_time){0};
    const char *dated = take_date(text, out_day);
    if (dated && (*dated == 'T' || *dated == ' ')) {
        text = dated + 1;
    } else if ((dated = take_month_day(irc, text, out_day)) != NULL) {
        text = dated;
    }
    text = take_clock(text, &out_day->second);
    if (!text) {
        return NULL;
    }
    text += *text == 'Z';
    if (is_bracketed) {
        return *text == ']' || *text == ')' ? text + 1 : NULL;
    }
    return text;
}

/* "Tue Jan 02 [12:00:00] 2024" somewhere behind a mark. False: it is not there. */
static bool take_long_date(const char *text, struct chat_time *out_day)
{
    for (; *text; text++) {
        struct chat_time day = {.month = chat_month(text)};
        int second = 0;
        if (day.month == 0 || text[3] != ' ') {
            continue;
        }
        const char *at = text + 3 + strspn(text + 3, " ");
        at = digits(at, 1, 2, &day.day);
        if (!at) {
            continue;
        }
        at += strspn(at, " ");
        const char *clock = take_clock(at, &second);
        at = clock ? clock + strspn(clock, " ") : at;
        if (digits(at, 4, 4, &day.year)) {
            *out_day = day;
            return true;
        }
    }
    return false;
}

static bool tells_day(struct irc *irc, const char *line)
{
    static const char *const marks[] = {
        "--- Log opened",         "--- Day changed", "--- Log closed", "**** BEGIN LOGGING AT",
        "**** ENDING LOGGING AT", "Session Start:",  "Session Close:", "Session Time:"};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (strncmp(line, marks[i], strlen(marks[i])) == 0) {
            if (take_long_date(line, &irc->day)) {
                irc->last_second = 0;
            }
            return true;
        }
    }
    return false;
}

static void next_day(struct chat_time *day)
{
    struct tm parts = {.tm_year = day->year - 1900,
                       .tm_mon = day->month - 1,
                       .tm_mday = day->day + 1,
                       .tm_hour = 12,
                       .tm_isdst = -1};
    mktime(&parts);
    *day = (struct chat_time){parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, 0};
}

/* The time of a line. False: its day is not known. */
static bool find_time(struct irc *irc, const struct chat_time *stamp, int64_t *out_ms)
{
    if (stamp->year > 0) {
        irc->day = *stamp;
    } else if (stamp->second < irc->last_second - DAY_SECONDS / 2) {
        next_day(&irc->day);
    }
    irc->last_second = stamp->second;
    irc->day.second = stamp->second;
    return irc->day.year > 0 && chat_time_ms(&irc->day, out_ms);
}

/* What a nick may look like, without the mark of its mode. False: this is none. */
static bool take_nick(const char *text, size_t size, char *out_nick)
{
    while (size > 0 && strchr("@+%&~! ", text[0])) {
        text++;
        size--;
    }
    if (size == 0 || size >= NICK_BYTES || memchr(text, ' ', size)) {
        return false;
    }
    memcpy(out_nick, text, size);
    out_nick[size] = '\0';
    return true;
}

static bool is_event(const char *text)
{
    static const char *const ends[] = {
        " has joined",       " has quit",  " has left",   " has changed",
        " is now known as",  " sets mode", " has kicked", " gives channel operator",
        " has set the topic"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strstr(text, ends[i])) {
            return true;
        }
    }
    return false;
}

/* Nick and text of what stands behind a stamp; an action is "/me …". False: it is no message. */
static bool take_message(const char *text, char *out_nick, const char **out_text, bool *out_action)
{
    const char *end = NULL;
    *out_action = false;
    if (*text == '<' && (end = strchr(text, '>')) != NULL &&
        take_nick(text + 1, (size_t)(end - text - 1), out_nick)) {
        *out_text = end[1] == ' ' || end[1] == '\t' ? end + 2 : end + 1;
        return true;
    }
    if (*text == '*' && (text[1] == ' ' || text[1] == '\t')) {
        const char *nick = text + 1 + strspn(text + 1, " \t");
        end = nick + strcspn(nick, " \t");
        *out_action = true;
        *out_text = *end ? end + 1 : end;
        return !is_event(text) && take_nick(nick, (size_t)(end - nick), out_nick);
    }
    if (*text == '-' && (end = strstr(text, "- ")) != NULL && end > text + 1 &&
        take_nick(text + 1, strcspn(text + 1, ":-"), out_nick)) {
        *out_text = end + 2;
        return out_nick[0] != '!' && out_nick[0] != '-';
    }
    return false;
}

/* WeeChat: the prefix, a tab, the text. */
static bool take_tabbed(const char *text, char *out_nick, const char **out_text, bool *out_action)
{
    const char *tab = strchr(text, '\t');
    size_t size = tab ? (size_t)(tab - text) : 0;
    *out_action = false;
    if (!tab || size == 0 || strncmp(text, "--", 2) == 0 || strncmp(text, "<-", 2) == 0 ||
        strncmp(text, "=!", 2) == 0 || text[0] == '<') {
        return false;
    }
    if (text[strspn(text, " ")] == '*') {
        const char *end = tab + 1 + strcspn(tab + 1, " ");
        *out_action = true;
        *out_text = *end ? end + 1 : end;
        return take_nick(tab + 1, (size_t)(end - tab - 1), out_nick);
    }
    *out_text = tab + 1;
    return take_nick(text, size, out_nick);
}

/* False: no memory. */
static bool take_stamped(struct irc *irc, uint64_t line, const struct chat_time *stamp,
                         const char *text)
{
    struct chat_reading *reading = irc->reading;
    char nick[NICK_BYTES];
    char action[COLUMBA_BODY_MAX_BYTES + 8];
    const char *said;
    bool is_action;
    int64_t ts_ms;
    bool is_known = find_time(irc, stamp, &ts_ms);
    bool is_tabbed = *text == '\t';
    text += strspn(text, " \t");
    if (!(is_tabbed && take_tabbed(text, nick, &said, &is_action)) &&
        !take_message(text, nick, &said, &is_action)) {
        chat_reading_leave_out(reading, line, "an event (a join, a part, a mode)");
        return true;
    }
    if (!is_known) {
        return chat_reading_fail(reading,
                                 "line %" PRIu64 " has a time and no day, and no line "
                                 "before it tells one: --date YYYY-MM-DD does",
                                 line);
    }
    if (is_action) {
        snprintf(action, sizeof(action), "/me %s", said);
        said = action;
    }
    const struct chat_entry entry = {.conversation = slice_of_text(irc->conversation),
                                     .sender = slice_of_text(nick),
                                     .text = slice_of_text(said),
                                     .ts_ms = ts_ms,
                                     .line = line};
    return chat_reading_take(reading, &entry);
}

/* The line as UTF-8. NULL: no memory. */
static const char *as_utf8(struct irc *irc, const char *line, size_t size, uint64_t number)
{
    if (utf8_is_valid(slice_of(line, size))) {
        return line;
    }
    char *grown = realloc(irc->converted, 2 * size + 1);
    if (!grown) {
        return NULL;
    }
    irc->converted = grown;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)line[i];
        if (byte >= 0x80) {
            *grown++ = (char)(0xc0 | byte >> 6);
            byte = 0x80 | (byte & 0x3f);
        }
        *grown++ = (char)byte;
    }
    *grown = '\0';
    chat_reading_leave_out(irc->reading, number, "the bytes of a line that is Latin-1, not UTF-8,");
    return irc->converted;
}

static bool take_line(struct irc *irc, uint64_t number, char *line, size_t size)
{
    struct chat_time stamp;
    while (size > 0 && line[size - 1] == '\r') {
        line[--size] = '\0';
    }
    const char *text = as_utf8(irc, line, size, number);
    if (!text) {
        return chat_reading_fail(irc->reading, "out of memory");
    }
    if (text[strspn(text, " \t")] == '\0' || tells_day(irc, text)) {
        return true;
    }
    const char *rest = take_stamp(irc, text, &stamp);
    if (rest) {
        return take_stamped(irc, number, &stamp, rest);
    }
    if (strncmp(text, "===", 3) == 0 || strncmp(text, "***", 3) == 0) {
        chat_reading_leave_out(irc->reading, number, "an event (a join, a part, a mode)");
    } else {
        chat_reading_bad(irc->reading, number, "no line of an IRC log: it begins with no time");
    }
    return true;
}

/* The conversation and the day, as the file's name tells them: "#garden_2024-05-01.log". */
static void begin(struct irc *irc)
{
    const struct chat_log_options *options = irc->reading->options;
    chat_conversation_name(irc->reading, irc->conversation);
    char *channel = strchr(irc->conversation, '#');
    if (channel && !options->conversation) {
        memmove(irc->conversation, channel, strlen(channel) + 1);
    }
    for (char *at = irc->conversation; *at && !options->conversation; at++) {
        const char *end = take_date(at, &irc->day);
        if (end && !isdigit((unsigned char)*end)) {
            while (at > irc->conversation + 1 && strchr("_-. ", at[-1])) {
                at--;
            }
            at > irc->conversation ? (void)(*at = '\0') : (void)0;
            break;
        }
    }
    if (options->date) {
        irc->day = (struct chat_time){0};
        take_date(options->date, &irc->day);
    }
}

bool chat_irc_read(struct chat_reading *reading)
{
    struct irc irc = {.reading = reading};
    struct line_reader lines;
    bool goes_on = line_reader_open(&lines, reading->options->path) == 0;
    bool is_failed = !goes_on;
    begin(&irc);
    while (goes_on) {
        char *line;
        size_t size;
        enum line_result result = line_reader_next(&lines, &line, &size);
        goes_on = result == LINE_OK || result == LINE_TOO_LONG;
        is_failed = result == LINE_FAILED;
        if (result == LINE_TOO_LONG) {
            chat_reading_bad(reading, lines.number, "longer than 2 MiB: no message is");
        } else if (result == LINE_OK && !take_line(&irc, lines.number, line, size)) {
            line_reader_close(&lines);
            free(irc.converted);
            return false;
        }
    }
    if (is_failed) {
        chat_reading_fail(reading, "%s", lines.source.problem);
    }
    chat_reading_tell_zone(reading);
    line_reader_close(&lines);
    free(irc.converted);
    return !is_failed;
}
