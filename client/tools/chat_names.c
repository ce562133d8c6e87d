#include "client/tools/chat_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/assert.h"
#include "base/utf8.h"

#define DAY_SECONDS 86400

bool chat_time_ms(const struct chat_time *time, int64_t *out_ms)
{
    struct tm parts = {.tm_year = time->year - 1900,
                       .tm_mon = time->month - 1,
                       .tm_mday = time->day,
                       .tm_hour = time->second / 3600,
                       .tm_min = time->second / 60 % 60,
                       .tm_sec = time->second % 60,
                       .tm_isdst = -1};
    if (time->year < 1900 || time->year > 9999 || time->month < 1 || time->month > 12 ||
        time->day < 1 || time->day > 31 || time->second < 0 || time->second >= DAY_SECONDS) {
        return false;
    }
    time_t seconds = mktime(&parts);
    /* The 31st of a month of 30 days became another one. */
    if (parts.tm_mon != time->month - 1) {
        return false;
    }
    *out_ms = (int64_t)seconds * 1000;
    return true;
}

int chat_month(const char *name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++) {
        if (strncmp(&names[3 * i], name, 3) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* How many bytes of a mark that is not seen begin here; *out_is_space: a space in its stead. */
static size_t mark_at(struct slice text, bool *out_is_space)
{
    static const char *const hidden[] = {"\u200e", "\u200f", "\u202a", "\u202b",
                                         "\u202c", "\u202d", "\u202e", "\u2066",
                                         "\u2067", "\u2068", "\u2069", "\ufeff"};
    static const char *const spaces[] = {"\u00a0", "\u202f", "\u2007", "\t"};
    *out_is_space = false;
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        size_t size = strlen(hidden[i]);
        if (text.size >= size && memcmp(text.data, hidden[i], size) == 0) {
            return size;
        }
    }
    for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
        size_t size = strlen(spaces[i]);
        if (text.size >= size && memcmp(text.data, spaces[i], size) == 0) {
            *out_is_space = true;
            return size;
        }
    }
    return 0;
}

void chat_name_clean(struct slice name, char *out_name)
{
    size_t used = 0;
    while (name.size > 0) {
        bool is_space;
        size_t mark = mark_at(name, &is_space);
        size_t length = mark > 0 ? mark : utf8_length(name);
        length = length > 0 ? length : 1;
        bool is_blank = is_space || name.data[0] == ' ';
        if (used + 4 > COLUMBA_NAME_MAX_BYTES) {
            break;
        }
        if (is_blank && used > 0) {
            out_name[used++] = ' ';
        } else if (mark == 0 && !is_blank) {
            memcpy(&out_name[used], name.data, length);
            used += length;
        }
        name = slice_of(name.data + length, name.size - length);
    }
    while (used > 0 && out_name[used - 1] == ' ') {
        used--;
    }
    COLUMBA_ASSERT(used <= COLUMBA_NAME_MAX_BYTES);
    out_name[used] = '\0';
}

void chat_conversation_name(const struct chat_reading *reading, char *out_name)
{
    static const char *const prefixes[] = {"WhatsApp Chat with ", "WhatsApp Chat - "};
    static const char *const endings[] = {".gz", ".txt", ".log", ".weechatlog", ".json"};
    char name[COLUMBA_NAME_MAX_BYTES + 1];
    const char *path = reading->options->path;
    if (reading->options->conversation) {
        chat_name_clean(slice_of_text(reading->options->conversation), out_name);
        return;
    }
    const char *base = strrchr(path, '/');
    snprintf(name, sizeof(name), "%s", base ? base + 1 : path);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t size = strlen(name);
        size_t ending = strlen(endings[i]);
        if (size > ending && strcasecmp(&name[size - ending], endings[i]) == 0) {
            name[size - ending] = '\0';
        }
    }
    const char *begin = name;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t size = strlen(prefixes[i]);
        begin = strncmp(begin, prefixes[i], size) == 0 ? begin + size : begin;
    }
    chat_name_clean(slice_of_text(begin), out_name);
}

uint8_t chat_type_of_file(const char *name)
{
    static const struct {
        const char *ending;
        uint8_t type;
    } kinds[] = {
        {".jpg", COLUMBA_TYPE_IMAGE},  {".jpeg", COLUMBA_TYPE_IMAGE}, {".png", COLUMBA_TYPE_IMAGE},
        {".gif", COLUMBA_TYPE_IMAGE},  {".webp", COLUMBA_TYPE_IMAGE}, {".heic", COLUMBA_TYPE_IMAGE},
        {".mp4", COLUMBA_TYPE_VIDEO},  {".mov", COLUMBA_TYPE_VIDEO},  {".3gp", COLUMBA_TYPE_VIDEO},
        {".webm", COLUMBA_TYPE_VIDEO}, {".opus", COLUMBA_TYPE_AUDIO}, {".ogg", COLUMBA_TYPE_AUDIO},
        {".m4a", COLUMBA_TYPE_AUDIO},  {".mp3", COLUMBA_TYPE_AUDIO},  {".aac", COLUMBA_TYPE_AUDIO},
        {".amr", COLUMBA_TYPE_AUDIO},  {".wav", COLUMBA_TYPE_AUDIO},
    };
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcasecmp(ending, kinds[i].ending) == 0) {
            return kinds[i].type;
        }
    }
    return COLUMBA_TYPE_FILE;
}
