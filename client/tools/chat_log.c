#include "client/tools/chat_log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "client/tools/chat_draft.h"
#include "client/tools/chat_format.h"

/* ---- order -------------------------------------------------------------------------------------
 */

/* Puts the drafts in the order of conversations, without changing it within one. */
static bool group(struct chat_reading *reading)
{
    struct chat_log *log = reading->log;
    log->conversation_count = log->names.count;
    log->message_count = reading->draft_count;
    log->conversations = calloc(log->conversation_count + 1, sizeof(*log->conversations));
    log->messages = calloc(log->message_count + 1, sizeof(*log->messages));
    size_t *places = calloc(log->conversation_count + 1, sizeof(*places));
    if (!log->conversations || !log->messages || !places) {
        free(places);
        return false;
    }
    for (size_t i = 0; i < reading->draft_count; i++) {
        log->conversations[reading->drafts[i].conversation].message_count++;
    }
    size_t place = 0;
    for (size_t c = 0; c < log->conversation_count; c++) {
        log->conversations[c].name = log->names.names[c];
        log->conversations[c].messages = &log->messages[place];
        places[c] = place;
        place += log->conversations[c].message_count;
    }
    for (size_t i = 0; i < reading->draft_count; i++) {
        log->messages[places[reading->drafts[i].conversation]++] = reading->drafts[i].message;
    }
    free(places);
    return true;
}

/* How many stand behind a later one, and whether any stands behind an earlier one. */
static size_t count_unordered(struct chat_conversation *conversation, bool *out_rises)
{
    uint64_t newest_ms = 0;
    *out_rises = false;
    for (size_t i = 0; i < conversation->message_count; i++) {
        const struct chat_message *message = &conversation->messages[i];
        *out_rises |= i > 0 && message->ts_ms > conversation->messages[i - 1].ts_ms;
        if (message->ts_ms < newest_ms && conversation->unordered++ == 0) {
            conversation->unordered_line = message->line;
        }
        newest_ms = message->ts_ms > newest_ms ? message->ts_ms : newest_ms;
    }
    return conversation->unordered;
}

static void reverse(struct chat_conversation *conversation)
{
    struct chat_message *messages = conversation->messages;
    for (size_t i = 0, j = conversation->message_count; i + 1 < j; i++) {
        struct chat_message message = messages[i];
        messages[i] = messages[--j];
        messages[j] = message;
    }
}

static int time_order(const void *left, const void *right)
{
    const struct chat_message *a = left;
    const struct chat_message *b = right;
    if (a->ts_ms != b->ts_ms) {
        return a->ts_ms < b->ts_ms ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

static void sort(struct chat_conversation *conversation)
{
    bool rises = false;
    if (count_unordered(conversation, &rises) == 0) {
        return;
    }
    if (!rises) {
        reverse(conversation);
        return;
    }
    for (size_t i = 0; i < conversation->message_count; i++) {
        conversation->messages[i].place = (uint32_t)i;
    }
    qsort(conversation->messages, conversation->message_count, sizeof(struct chat_message),
          time_order);
}

static void tell_order(struct chat_reading *reading)
{
    const struct chat_log *log = reading->log;
    uint64_t messages = 0;
    size_t conversations = 0;
    uint64_t first_line = UINT64_MAX;
    for (size_t i = 0; i < log->conversation_count; i++) {
        const struct chat_conversation *conversation = &log->conversations[i];
        messages += conversation->unordered;
        conversations += conversation->unordered > 0;
        if (conversation->unordered > 0 && conversation->unordered_line < first_line) {
            first_line = conversation->unordered_line;
        }
    }
    if (messages > 0 && !reading->options->is_unordered) {
        reading->options->say(reading->options->user, CHAT_NOTE, first_line,
                              "this message is older than one before it in its conversation");
        chat_reading_note(reading,
                          "%" PRIu64 " messages in %zu conversations are not in the order of "
                          "their times: they were sorted (--sort expects that)",
                          messages, conversations);
    }
}

/* ---- ids ---------------------------------------------------------------------------------------
 */

void chat_message_make_id(struct chat_message *message)
{
    COLUMBA_ASSERT(message->place < CHAT_PLACES_MAX);
    if (!message->has_own_id) {
        message->id = columba_message_id_make(
            message->ts_ms, (uint64_t)message->place << CHAT_HASH_BITS | message->hash,
            message->sender);
    }
}

/* False: more messages of one time than there are places (said). */
static bool number_messages(struct chat_reading *reading, struct chat_conversation *conversation)
{
    uint32_t place = CHAT_PLACE_FIRST;
    for (size_t i = 0; i < conversation->message_count; i++) {
        struct chat_message *message = &conversation->messages[i];
        bool is_next = i > 0 && message->ts_ms == message[-1].ts_ms;
        place = is_next ? place + 1 : CHAT_PLACE_FIRST;
        if (place == CHAT_PLACES_MAX) {
            return chat_reading_fail(reading,
                                     "%u messages of one conversation have the time of "
                                     "line %" PRIu64 ": ids for so many there are not",
                                     CHAT_PLACES_MAX - CHAT_PLACE_FIRST, message->line);
        }
        message->place = place;
        chat_message_make_id(message);
    }
    return true;
}

static int id_order(const void *left, const void *right)
{
    const struct chat_message *a = left;
    const struct chat_message *b = right;
    return memcmp(a->id.bytes, b->id.bytes, sizeof(a->id.bytes));
}

void chat_conversation_order(struct chat_conversation *conversation)
{
    qsort(conversation->messages, conversation->message_count, sizeof(struct chat_message),
          id_order);
}

/* In the order of ids, as they will be read; one id twice is one message too many. */
static void order_ids(struct chat_reading *reading, struct chat_conversation *conversation)
{
    struct chat_message *messages = conversation->messages;
    size_t count = 0;
    chat_conversation_order(conversation);
    for (size_t i = 0; i < conversation->message_count; i++) {
        if (count > 0 && id_order(&messages[count - 1], &messages[i]) == 0) {
            chat_reading_bad(reading, messages[i].line, "the id of line %" PRIu64 " once more",
                             messages[count - 1].line);
        } else {
            messages[count++] = messages[i];
        }
    }
    reading->log->message_count -= conversation->message_count - count;
    conversation->message_count = count;
}

/* ---- members -----------------------------------------------------------------------------------
 */

struct member_place {
    uint32_t conversation;
    uint32_t member;
    bool has_marker;
    struct columba_id marker;
};

static int place_order(const void *left, const void *right)
{
    const struct member_place *a = left;
    const struct member_place *b = right;
    if (a->conversation != b->conversation) {
        return a->conversation < b->conversation ? -1 : 1;
    }
    if (a->member != b->member) {
        return a->member < b->member ? -1 : 1;
    }
    return (int)b->has_marker - (int)a->has_marker; /* the one that says more first */
}

/* Senders, then those the file names, of all conversations. `out_places` has room for each. */
static size_t gather_members(const struct chat_reading *reading, struct member_place *out_places)
{
    size_t count = 0;
    for (size_t i = 0; i < reading->draft_count; i++) {
        out_places[count++] =
            (struct member_place){.conversation = reading->drafts[i].conversation,
                                  .member = reading->drafts[i].message.sender_number};
    }
    for (size_t i = 0; i < reading->member_count; i++) {
        const struct chat_draft_member *member = &reading->members[i];
        out_places[count++] = (struct member_place){.conversation = member->conversation,
                                                    .member = member->member,
                                                    .has_marker = member->has_marker,
                                                    .marker = member->marker};
    }
    return count;
}

static void place_members(struct chat_log *log, const struct member_place *places, size_t count)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && places[i].conversation == places[i - 1].conversation &&
            places[i].member == places[i - 1].member) {
            continue;
        }
        struct chat_conversation *conversation = &log->conversations[places[i].conversation];
        if (conversation->member_count++ == 0) {
            conversation->members = &log->members[used];
        }
        log->members[used++] = (struct chat_member){.name = log->senders.names[places[i].member],
                                                    .marker = places[i].marker,
                                                    .has_marker = places[i].has_marker};
    }
}

static size_t count_members(const struct member_place *places, size_t count)
{
    size_t members = 0;
    for (size_t i = 0; i < count; i++) {
        members += i == 0 || places[i].conversation != places[i - 1].conversation ||
                   places[i].member != places[i - 1].member;
    }
    return members;
}

static bool find_members(struct chat_reading *reading)
{
    struct chat_log *log = reading->log;
    size_t most = reading->draft_count + reading->member_count;
    struct member_place *places = calloc(most + 1, sizeof(*places));
    if (places) {
        size_t count = gather_members(reading, places);
        COLUMBA_ASSERT(count == most);
        qsort(places, count, sizeof(*places), place_order);
        log->members = calloc(count_members(places, count) + 1, sizeof(*log->members));
        if (log->members) {
            place_members(log, places, count);
        }
    }
    free(places);
    return log->members != NULL;
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

static void tell_rest(struct chat_reading *reading)
{
    for (size_t i = 0; i < CHAT_LEFT_OUT_MAX && reading->left_out[i].count > 0; i++) {
        const struct chat_left_out *left = &reading->left_out[i];
        chat_reading_note(reading, "%s is left out %" PRIu64 " times, first in %s %" PRIu64,
                          left->what, left->count, reading->unit, left->line);
    }
    if (reading->seconds > 0) {
        chat_reading_note(reading,
                          "%" PRIu64 " times lie in the first three years after 1970, the first in "
                          "%s %" PRIu64 ": are they seconds? milliseconds are expected",
                          reading->seconds, reading->unit, reading->seconds_line);
    }
    tell_order(reading);
}

static bool finish(struct chat_reading *reading)
{
    struct chat_log *log = reading->log;
    if (!group(reading) || !find_members(reading)) {
        return chat_reading_fail(reading, "out of memory: the whole file is held in memory");
    }
    for (size_t i = 0; i < reading->created_count; i++) {
        log->conversations[reading->created[i].conversation].created_at_ms =
            reading->created[i].created_at_ms;
    }
    for (size_t i = 0; i < log->conversation_count; i++) {
        sort(&log->conversations[i]);
        if (!number_messages(reading, &log->conversations[i])) {
            return false;
        }
        order_ids(reading, &log->conversations[i]);
    }
    tell_rest(reading);
    return true;
}

static bool read_format(struct chat_reading *reading)
{
    const char *format = reading->options->format ? reading->options->format : "jsonl";
#define X(name, reader, counted)                                                                   \
    if (strcmp(format, #name) == 0) {                                                              \
        reading->unit = counted;                                                                   \
        return reader(reading);                                                                    \
    }
    CHAT_FORMATS(X)
#undef X
    return chat_reading_fail(reading, "there is no format '%s'", format);
}

bool chat_log_read(struct chat_log *log, const struct chat_log_options *options)
{
    *log = (struct chat_log){0};
    arena_init(&log->arena, memory_system(), SIZE_MAX);
    name_index_init(&log->names, &log->arena);
    name_index_init(&log->senders, &log->arena);
    struct chat_reading reading = {.log = log, .options = options};
    bool is_read = read_format(&reading) && finish(&reading);
    free(reading.drafts);
    free(reading.members);
    free(reading.created);
    return is_read;
}

void chat_log_clear(struct chat_log *log)
{
    name_index_clear(&log->names);
    name_index_clear(&log->senders);
    free(log->conversations);
    free(log->messages);
    free(log->members);
    arena_clear(&log->arena);
}
