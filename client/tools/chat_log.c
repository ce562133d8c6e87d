#include "client/tools/chat_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/memory.h"
#include "client/tools/chat_line.h"
#include "client/tools/line_reader.h"

#define HASH_BITS 22u
#define ORDINALS_MAX (1u << 20)

/* What is known of a line before it has its place. */
struct draft {
    struct chat_message message;
    uint32_t conversation;
};

struct reading {
    struct chat_log *log;
    struct draft *drafts;
    size_t count;
    size_t capacity;
    uint64_t now_ms;
    chat_log_complain complain;
    void *user;
};

static bool out_of_memory(struct reading *reading)
{
    reading->complain(reading->user, 0, "out of memory: the whole file is held in memory");
    return false;
}

static bool draft_add(struct reading *reading, const struct chat_line *line)
{
    struct chat_log *log = reading->log;
    if (reading->count == reading->capacity) {
        size_t capacity = reading->capacity ? reading->capacity * 2 : 4096;
        struct draft *grown = realloc(reading->drafts, capacity * sizeof(*grown));
        if (!grown) {
            return false;
        }
        reading->drafts = grown;
        reading->capacity = capacity;
    }
    struct draft *draft = &reading->drafts[reading->count];
    struct slice text;
    if (!name_index_add(&log->names, line->conversation, &draft->conversation) ||
        !name_index_add(&log->senders, line->sender, &draft->message.sender_number) ||
        arena_copy(&log->arena, slice_of(line->text, line->text_bytes + 1), &text) != 0) {
        return false;
    }
    draft->message.sender = log->senders.names[draft->message.sender_number];
    draft->message.text = (const char *)text.data;
    draft->message.text_bytes = (uint32_t)line->text_bytes;
    draft->message.ts_ms = line->ts_ms;
    reading->count++;
    return true;
}

static void bad_line(struct reading *reading, uint64_t number, const char *what)
{
    reading->log->bad_lines++;
    reading->complain(reading->user, number, what);
}

static bool is_blank(const char *line, size_t size)
{
    return strspn(line, " \t\r") == size;
}

static bool take_line(struct reading *reading, const char *bytes, size_t size, uint64_t number)
{
    struct chat_line line;
    char problem[256];
    if (is_blank(bytes, size)) {
        return true;
    }
    if (!chat_line_parse(bytes, size, reading->now_ms, &line, problem, sizeof(problem))) {
        bad_line(reading, number, problem);
        return true;
    }
    bool is_added = draft_add(reading, &line);
    chat_line_clear(&line);
    return is_added || out_of_memory(reading);
}

static bool read_lines(struct reading *reading, struct line_reader *lines)
{
    while (true) {
        char *line;
        size_t size;
        switch (line_reader_next(lines, &line, &size)) {
        case LINE_OK:
            if (!take_line(reading, line, size, lines->number)) {
                return false;
            }
            break;
        case LINE_TOO_LONG:
            bad_line(reading, lines->number, "longer than 2 MiB: no message is");
            break;
        case LINE_END:
            return true;
        case LINE_FAILED:
            reading->complain(reading->user, 0, lines->problem);
            return false;
        }
    }
}

/* Puts the drafts in the order of conversations, without changing it within one. */
static bool group(struct reading *reading)
{
    struct chat_log *log = reading->log;
    log->conversation_count = log->names.count;
    log->message_count = reading->count;
    log->conversations = calloc(log->conversation_count + 1, sizeof(*log->conversations));
    log->messages = calloc(reading->count + 1, sizeof(*log->messages));
    size_t *places = calloc(log->conversation_count + 1, sizeof(*places));
    if (!log->conversations || !log->messages || !places) {
        free(places);
        return false;
    }
    for (size_t i = 0; i < reading->count; i++) {
        log->conversations[reading->drafts[i].conversation].message_count++;
    }
    size_t place = 0;
    for (size_t c = 0; c < log->conversation_count; c++) {
        log->conversations[c].name = log->names.names[c];
        log->conversations[c].messages = &log->messages[place];
        places[c] = place;
        place += log->conversations[c].message_count;
    }
    for (size_t i = 0; i < reading->count; i++) {
        log->messages[places[reading->drafts[i].conversation]++] = reading->drafts[i].message;
    }
    free(places);
    return true;
}

static uint64_t message_hash(const struct chat_message *message)
{
    XXH64_hash_t sender = XXH3_64bits(message->sender, strlen(message->sender));
    return XXH3_64bits_withSeed(message->text, message->text_bytes, sender) >> (64u - HASH_BITS);
}

static void number_messages(struct chat_message *messages, size_t count)
{
    uint64_t last_ms = 0;
    uint64_t ordinal = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t ms = messages[i].ts_ms > last_ms ? messages[i].ts_ms : last_ms;
        ordinal = i > 0 && ms == last_ms ? ordinal + 1 : 0;
        if (ordinal == ORDINALS_MAX) {
            ms++;
            ordinal = 0;
        }
        last_ms = ms;
        messages[i].id = columba_message_id_make(
            ms, ordinal << HASH_BITS | message_hash(&messages[i]), messages[i].sender);
    }
}

/* Each sender of a conversation once; `seen` has a place for every sender of the log. */
static bool find_members(struct chat_log *log, struct chat_conversation *conversation,
                         uint32_t mark, uint32_t *seen)
{
    for (size_t i = 0; i < conversation->message_count; i++) {
        uint32_t sender = conversation->messages[i].sender_number;
        conversation->member_count += seen[sender] != mark;
        seen[sender] = mark;
    }
    conversation->members =
        arena_allocate_array(&log->arena, conversation->member_count, sizeof(char *));
    if (!conversation->members) {
        return false;
    }
    size_t count = 0;
    for (size_t i = 0; i < conversation->message_count; i++) {
        const struct chat_message *message = &conversation->messages[i];
        if (seen[message->sender_number] == mark) {
            conversation->members[count++] = message->sender;
            seen[message->sender_number] = 0;
        }
    }
    return true;
}

static bool finish(struct reading *reading)
{
    struct chat_log *log = reading->log;
    uint32_t *seen = calloc(log->senders.count + 1u, sizeof(*seen));
    bool is_done = seen && group(reading);
    for (size_t c = 0, begin = 0; is_done && c < log->conversation_count; c++) {
        number_messages(&log->messages[begin], log->conversations[c].message_count);
        begin += log->conversations[c].message_count;
        is_done = find_members(log, &log->conversations[c], (uint32_t)c + 1, seen);
    }
    free(seen);
    return is_done || out_of_memory(reading);
}

bool chat_log_read(struct chat_log *log, const char *path, uint64_t now_ms,
                   chat_log_complain complain, void *user)
{
    *log = (struct chat_log){0};
    arena_init(&log->arena, memory_system(), SIZE_MAX);
    name_index_init(&log->names, &log->arena);
    name_index_init(&log->senders, &log->arena);
    struct reading reading = {.log = log, .now_ms = now_ms, .complain = complain, .user = user};
    struct line_reader lines;
    bool is_read = line_reader_open(&lines, path) == 0;
    if (!is_read) {
        complain(user, 0, lines.problem);
    }
    is_read = is_read && read_lines(&reading, &lines) && finish(&reading);
    line_reader_close(&lines);
    free(reading.drafts);
    return is_read;
}

void chat_log_clear(struct chat_log *log)
{
    name_index_clear(&log->names);
    name_index_clear(&log->senders);
    free(log->conversations);
    free(log->messages);
    arena_clear(&log->arena);
}
