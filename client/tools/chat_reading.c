#include "client/tools/chat_reading.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>
#include <xxhash.h>

#include "base/name.h"
#include "base/utf8.h"
#include "client/tools/chat_draft.h"

#define SENTENCE_BYTES 512

static const char *const type_names[] = {
    [COLUMBA_TYPE_TEXT] = "text",   [COLUMBA_TYPE_IMAGE] = "image",
    [COLUMBA_TYPE_FILE] = "file",   [COLUMBA_TYPE_AUDIO] = "audio",
    [COLUMBA_TYPE_VIDEO] = "video", [COLUMBA_TYPE_SYSTEM] = "system",
};
#define TYPE_COUNT (sizeof(type_names) / sizeof(type_names[0]))

uint8_t chat_type_of_name(const char *name)
{
    for (uint8_t type = 1; type < TYPE_COUNT; type++) {
        if (strcmp(type_names[type], name) == 0) {
            return type;
        }
    }
    return 0;
}

const char *chat_type_name(uint8_t type)
{
    return type < TYPE_COUNT ? type_names[type] : NULL;
}

/* ---- what is said ------------------------------------------------------------------------------
 */

static void say(struct chat_reading *reading, enum chat_remark remark, uint64_t line,
                const char *format, va_list arguments)
{
    char text[SENTENCE_BYTES];
    vsnprintf(text, sizeof(text), format, arguments);
    reading->options->say(reading->options->user, remark, line, text);
}

void chat_reading_bad(struct chat_reading *reading, uint64_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    reading->log->bad_lines++;
    say(reading, CHAT_BAD_LINE, line, format, arguments);
    va_end(arguments);
}

void chat_reading_note(struct chat_reading *reading, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(reading, CHAT_NOTE, 0, format, arguments);
    va_end(arguments);
}

void chat_reading_tell_zone(struct chat_reading *reading)
{
    if (!reading->options->timezone && reading->draft_count > 0) {
        chat_reading_note(reading, "its times have no zone and are taken as UTC; --timezone "
                                   "Europe/Berlin, say, tells another");
    }
}

bool chat_reading_fail(struct chat_reading *reading, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(reading, CHAT_FAILED, 0, format, arguments);
    va_end(arguments);
    return false;
}

static bool out_of_memory(struct chat_reading *reading)
{
    if (!reading->has_no_memory) {
        chat_reading_fail(reading, "out of memory: the whole file is held in memory");
    }
    reading->has_no_memory = true;
    return false;
}

void chat_reading_leave_out(struct chat_reading *reading, uint64_t line, const char *what)
{
    for (size_t i = 0; i < CHAT_LEFT_OUT_MAX; i++) {
        struct chat_left_out *left = &reading->left_out[i];
        if (left->count == 0) {
            snprintf(left->what, sizeof(left->what), "%s",
                     i + 1 < CHAT_LEFT_OUT_MAX ? what : "other things");
            left->line = line;
        }
        if (strncmp(left->what, what, sizeof(left->what) - 1) == 0 || i + 1 == CHAT_LEFT_OUT_MAX) {
            left->count++;
            return;
        }
    }
}

/* ---- entries -----------------------------------------------------------------------------------
 */

/* A name as names have to be, in `out_name` with a NUL behind it. Another form of the same letters
 * (files of some systems have decomposed ones) becomes the one form; what else is wrong with it is
 * said. */
static bool take_name(struct chat_reading *reading, uint64_t line, const char *what,
                      struct slice name, char *out_name)
{
    size_t size = COLUMBA_NAME_MAX_BYTES;
    if (name.size == 0 || name.size > COLUMBA_NAME_MAX_BYTES) {
        chat_reading_bad(reading, line, "\"%s\" has %zu bytes: 1 to %d are possible", what,
                         name.size, COLUMBA_NAME_MAX_BYTES);
        return false;
    }
    memcpy(out_name, name.data, name.size);
    out_name[name.size] = '\0';
    const char *problem = name_problem(name);
    if (problem && utf8_is_valid(name)) {
        uint8_t *normal =
            u8_normalize(UNINORM_NFC, name.data, name.size, (uint8_t *)out_name, &size);
        if (normal == (uint8_t *)out_name && !name_problem(slice_of(out_name, size))) {
            out_name[size] = '\0';
            problem = NULL;
        }
        if (normal != (uint8_t *)out_name) {
            free(normal);
        }
    }
    if (problem) {
        chat_reading_bad(reading, line, "the name in \"%s\" %s", what, problem);
    }
    return !problem;
}

static bool check_time(struct chat_reading *reading, const struct chat_entry *entry)
{
    int64_t now_ms = (int64_t)reading->options->now_ms;
    if (entry->ts_ms < 0) {
        chat_reading_bad(reading, entry->line,
                         "its time lies before 1970 (%" PRId64 " ms), which cannot be stored",
                         entry->ts_ms);
        return false;
    }
    if (entry->ts_ms > now_ms + (int64_t)CHAT_AHEAD_MAX_MS) {
        chat_reading_bad(reading, entry->line,
                         "its time %" PRId64 " lies in the future (milliseconds are expected)",
                         entry->ts_ms);
        return false;
    }
    if (entry->ts_ms > CHAT_SECONDS_MAX / 1000 && entry->ts_ms < CHAT_SECONDS_MAX) {
        reading->seconds_line = reading->seconds == 0 ? entry->line : reading->seconds_line;
        reading->seconds++;
    }
    return true;
}

static bool check(struct chat_reading *reading, const struct chat_entry *entry)
{
    if (!check_time(reading, entry)) {
        return false;
    }
    if (entry->text.size > COLUMBA_BODY_MAX_BYTES) {
        chat_reading_bad(reading, entry->line, "the text has %zu bytes: a body may have %d",
                         entry->text.size, COLUMBA_BODY_MAX_BYTES);
        return false;
    }
    if (entry->media_url.size > COLUMBA_MEDIA_URL_MAX_BYTES ||
        (entry->media_url.size > 0 && memchr(entry->media_url.data, '\0', entry->media_url.size))) {
        chat_reading_bad(reading, entry->line,
                         "the media URL has %zu bytes: up to %d without NUL are possible",
                         entry->media_url.size, COLUMBA_MEDIA_URL_MAX_BYTES);
        return false;
    }
    return true;
}

/* With a NUL behind it. NULL: no memory. */
static char *copy_text(struct chat_reading *reading, struct slice text)
{
    char *copy = arena_allocate(&reading->log->arena, text.size + 1);
    if (copy) {
        if (text.size > 0) {
            memcpy(copy, text.data, text.size);
        }
        copy[text.size] = '\0';
    }
    return copy;
}

/* Columba's own id, if it is one that serves this sender: it stays. */
static bool own_id(struct slice id, const char *sender, struct columba_id *out_id)
{
    char text[COLUMBA_ID_TEXT_BYTES];
    struct columba_id parsed;
    if (id.size != sizeof(text) - 1) {
        return false;
    }
    memcpy(text, id.data, id.size);
    text[id.size] = '\0';
    if (!columba_id_from_text(text, &parsed)) {
        return false;
    }
    uint64_t bits = 0; /* the 12 after the version, then the 30 after the variant */
    bits = (uint64_t)(parsed.bytes[6] & 0x0fu) << 38 | (uint64_t)parsed.bytes[7] << 30 |
           (uint64_t)(parsed.bytes[8] & 0x3fu) << 24 | (uint64_t)parsed.bytes[9] << 16 |
           (uint64_t)parsed.bytes[10] << 8 | parsed.bytes[11];
    struct columba_id made =
        columba_message_id_make(columba_message_id_unix_ms(&parsed), bits, sender);
    *out_id = parsed;
    return memcmp(made.bytes, parsed.bytes, sizeof(made.bytes)) == 0;
}

static uint32_t hash_of(const struct chat_entry *entry, const char *name)
{
    XXH64_hash_t sender = XXH3_64bits(name, strlen(name));
    struct slice what = entry->id.size > 0 ? entry->id : entry->text;
    return (uint32_t)(XXH3_64bits_withSeed(what.size > 0 ? what.data : (const uint8_t *)"",
                                           what.size, sender) >>
                      (64u - CHAT_HASH_BITS));
}

/* Room for one more; NULL: no memory, and what is there stays. */
static void *grow(void *items, size_t count, size_t *capacity, size_t item_bytes)
{
    if (count < *capacity) {
        return items;
    }
    size_t more = *capacity ? *capacity * 2 : 256;
    void *grown = reallocarray(items, more, item_bytes);
    *capacity = grown ? more : *capacity;
    return grown;
}

static struct chat_draft *draft_new(struct chat_reading *reading)
{
    struct chat_draft *grown =
        grow(reading->drafts, reading->draft_count, &reading->draft_capacity, sizeof(*grown));
    if (!grown) {
        return NULL;
    }
    reading->drafts = grown;
    return &reading->drafts[reading->draft_count];
}

bool chat_reading_take(struct chat_reading *reading, const struct chat_entry *entry)
{
    struct chat_log *log = reading->log;
    char conversation[COLUMBA_NAME_MAX_BYTES + 1];
    char sender[COLUMBA_NAME_MAX_BYTES + 1];
    if (!take_name(reading, entry->line, "conversation", entry->conversation, conversation) ||
        !take_name(reading, entry->line, "sender", entry->sender, sender) ||
        !check(reading, entry)) {
        return true;
    }
    struct chat_draft *draft = draft_new(reading);
    if (!draft) {
        return out_of_memory(reading);
    }
    struct chat_message *message = &draft->message;
    *draft = (struct chat_draft){0};
    message->text = copy_text(reading, entry->text);
    message->media_url = entry->media_url.size > 0 ? copy_text(reading, entry->media_url) : NULL;
    if (!name_index_add(&log->names, conversation, &draft->conversation) ||
        !name_index_add(&log->senders, sender, &message->sender_number) || !message->text ||
        (entry->media_url.size > 0 && !message->media_url)) {
        return out_of_memory(reading);
    }
    message->sender = log->senders.names[message->sender_number];
    message->text_bytes = (uint32_t)entry->text.size;
    message->ts_ms = (uint64_t)entry->ts_ms;
    message->type = entry->type ? entry->type : COLUMBA_TYPE_TEXT;
    message->line = entry->line;
    message->hash = hash_of(entry, sender);
    message->has_own_id = own_id(entry->id, message->sender, &message->id);
    reading->draft_count++;
    return true;
}

bool chat_reading_member(struct chat_reading *reading, struct slice conversation,
                         struct slice member, const struct columba_id *marker, uint64_t line)
{
    struct chat_log *log = reading->log;
    char name[COLUMBA_NAME_MAX_BYTES + 1];
    char member_name[COLUMBA_NAME_MAX_BYTES + 1];
    if (!take_name(reading, line, "conversation", conversation, name) ||
        !take_name(reading, line, "members", member, member_name)) {
        return true;
    }
    struct chat_draft_member *grown =
        grow(reading->members, reading->member_count, &reading->member_capacity, sizeof(*grown));
    if (!grown) {
        return out_of_memory(reading);
    }
    reading->members = grown;
    struct chat_draft_member *draft = &reading->members[reading->member_count];
    *draft = (struct chat_draft_member){.has_marker = marker != NULL};
    if (!name_index_add(&log->names, name, &draft->conversation) ||
        !name_index_add(&log->senders, member_name, &draft->member)) {
        return out_of_memory(reading);
    }
    if (marker) {
        draft->marker = *marker;
    }
    reading->member_count++;
    return true;
}

bool chat_reading_created(struct chat_reading *reading, struct slice conversation,
                          uint64_t created_at_ms, uint64_t line)
{
    char name[COLUMBA_NAME_MAX_BYTES + 1];
    if (!take_name(reading, line, "conversation", conversation, name)) {
        return true;
    }
    struct chat_draft_created *grown =
        grow(reading->created, reading->created_count, &reading->created_capacity, sizeof(*grown));
    if (!grown) {
        return out_of_memory(reading);
    }
    reading->created = grown;
    struct chat_draft_created *draft = &reading->created[reading->created_count];
    draft->created_at_ms = created_at_ms;
    if (!name_index_add(&reading->log->names, name, &draft->conversation)) {
        return out_of_memory(reading);
    }
    reading->created_count++;
    return true;
}
