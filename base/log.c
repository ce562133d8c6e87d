#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define LOG_TEXT_MAX_BYTES 1024u
/* Every byte may become \u00XX. */
#define LOG_ESCAPED_MAX_BYTES (LOG_LINE_MAX_BYTES - 256u)
/* Enough for any three numbers, as the compiler counts. */
#define TIME_BYTES 80u

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static const char *const level_labels[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};

/* Days since 1970-01-01 to the civil date (Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms"): no time zone data, no locale, no locks. */
static void date_of_days(uint64_t days, unsigned *out_year, unsigned *out_month, unsigned *out_day)
{
    uint64_t shifted = days + 719468;
    uint64_t era = shifted / 146097;
    unsigned day_of_era = (unsigned)(shifted % 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * day_of_year + 2) / 153;
    *out_day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    *out_month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *out_year = (unsigned)(era * 400) + year_of_era + (*out_month <= 2);
}

static void time_format(uint64_t unix_ms, char *out_text)
{
    unsigned year;
    unsigned month;
    unsigned day;
    date_of_days(unix_ms / 86400000u % 3000000u, &year, &month, &day);
    unsigned of_day = (unsigned)(unix_ms % 86400000u);
    snprintf(out_text, TIME_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month, day,
             of_day / 3600000u, of_day / 60000u % 60, of_day / 1000u % 60, of_day % 1000u);
}

/* Copies what may stand in a line; what is not shown or no UTF-8 becomes '?'. */
static void text_clean(const char *text, bool is_json, char *out_text)
{
    char *at = out_text;
    const char *end = out_text + LOG_ESCAPED_MAX_BYTES - 8;
    struct slice rest = slice_of_text(text);
    while (rest.size > 0 && at < end) {
        uint32_t character = 0;
        size_t length = utf8_character(rest, &character);
        uint8_t c = rest.data[0];
        if (length == 0 || !utf8_is_shown(character)) {
            size_t hidden = length > 0 ? length : 1;
            *at++ = '?';
            rest = slice_of(rest.data + hidden, rest.size - hidden);
            continue;
        }
        if (is_json && (c == '"' || c == '\\')) {
            *at++ = '\\';
        }
        memcpy(at, rest.data, length);
        at += length;
        rest = slice_of(rest.data + length, rest.size - length);
    }
    *at = '\0';
}

void log_write(struct log *log, enum log_level level, const char *event, const char *format, ...)
{
    if (level < log->level) {
        return;
    }
    char text[LOG_TEXT_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    char clean[LOG_ESCAPED_MAX_BYTES];
    char time[TIME_BYTES];
    char line[LOG_LINE_MAX_BYTES];
    text_clean(text, log->format == LOG_JSON, clean);
    time_format(log->now_unix_ms(log), time);
    int size =
        log->format == LOG_JSON
            ? snprintf(line, sizeof line,
                       "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\",\"text\":\"%s\"}\n",
                       time, level_names[level], event, clean)
            : snprintf(line, sizeof line, "%s %s %s: %s\n", time, level_labels[level], event,
                       clean);
    if (size > 0) {
        log->write(log, line, (size_t)size < sizeof line ? (size_t)size : sizeof line - 1);
    }
}
