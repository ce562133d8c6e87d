#include "client/tools/chat_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/tools/chat_format.h"

/* "YYYY-MM-DD" */
#define DATE_BYTES 16u

static void say(void *user, enum chat_remark remark, uint64_t line, const char *what)
{
    struct chat_options *options = user;
    if (remark == CHAT_BAD_LINE && options->bad_lines++ >= CHAT_PROBLEMS_SHOWN) {
        return;
    }
    if (line > 0) {
        tool_say(options->tool, "%s: %s %" PRIu64 ": %s", options->path, options->unit, line, what);
    } else {
        tool_say(options->tool, "%s: %s", options->path, what);
    }
}

/* What is counted in files of that format; NULL: there is none. */
static const char *unit_of(const char *name)
{
#define X(format, reader, counted)                                                                 \
    if (strcmp(name, #format) == 0) {                                                              \
        return counted;                                                                            \
    }
    CHAT_FORMATS(X)
#undef X
    return NULL;
}

/* One --format is the file's, one may be the output's. */
static bool choose_formats(struct chat_options *options, const char **out_format)
{
    struct tool *tool = options->tool;
    *out_format = NULL;
    options->unit = "line";
    for (size_t i = 0; options->formats && options->formats[i]; i++) {
        const char *name = options->formats[i];
        if (strcmp(name, "json") == 0 || strcmp(name, "text") == 0) {
            tool->is_json = name[0] == 'j';
        } else if (unit_of(name)) {
            *out_format = name;
            options->unit = unit_of(name);
        } else {
            tool_wrong(tool, "--format: there is no format '%s'", name);
            return false;
        }
    }
    return true;
}

/* The C library takes a zone it does not know for UTC, silently. */
static bool set_timezone(struct chat_options *options)
{
    const char *zone = options->timezone ? options->timezone : "UTC";
    char path[256];
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", zone);
    if (options->timezone && (strstr(zone, "..") || access(path, R_OK) != 0)) {
        tool_wrong(options->tool, "--timezone: there is no zone '%s' in /usr/share/zoneinfo", zone);
        return false;
    }
    setenv("TZ", zone, 1);
    tzset();
    return true;
}

/* Checked even where the log tells its dates: what is wrong is not passed over. */
static bool check_date(struct chat_options *options)
{
    struct tm day = {0};
    const char *date = options->date;
    const char *end = date ? strptime(date, "%Y-%m-%d", &day) : NULL;
    char again[DATE_BYTES];
    if (end && !*end) {
        timegm(&day); /* makes 2 March of 31 February */
    }
    if (!date || (end && !*end && strftime(again, sizeof(again), "%Y-%m-%d", &day) > 0 &&
                  strcmp(again, date) == 0)) {
        return true;
    }
    tool_wrong(options->tool, "--date: '%s' is no day, as YYYY-MM-DD", date);
    return false;
}

bool chat_options_read(struct chat_options *options, struct tool *tool, const char *path,
                       struct chat_log *log, enum tool_exit *out_exit)
{
    const char *format;
    options->tool = tool;
    options->path = path;
    *out_exit = TOOL_USAGE;
    *log = (struct chat_log){0};
    if (!choose_formats(options, &format) || !set_timezone(options) || !check_date(options)) {
        return false;
    }
    const struct chat_log_options how = {.path = path,
                                         .format = format,
                                         .conversation = options->conversation,
                                         .date = options->date,
                                         .timezone = options->timezone,
                                         .is_unordered = options->sort != 0,
                                         .now_ms = (uint64_t)time(NULL) * 1000,
                                         .say = say,
                                         .user = options};
    bool is_read = chat_log_read(log, &how);
    if (options->bad_lines > CHAT_PROBLEMS_SHOWN) {
        tool_say(tool, "%s: … %" PRIu64 " more bad lines", path,
                 options->bad_lines - CHAT_PROBLEMS_SHOWN);
    }
    *out_exit = TOOL_FAILED;
    return is_read;
}

void chat_options_clear(struct chat_options *options)
{
    for (size_t i = 0; options->formats && options->formats[i]; i++) {
        free(options->formats[i]);
    }
    free((void *)options->formats);
    free(options->conversation);
    free(options->date);
    free(options->timezone);
}
