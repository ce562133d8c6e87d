#include "client/tools/chat_alignment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "client/tools/progress.h"

#define BITS_ALL ((UINT64_C(1) << 42) - 1)
/* Pairs of a message in the file and one that is stored which look alike; more decide nothing. */
#define VOTES_MAX 8192u

struct alignment {
    struct chat_log *log;
    struct tool *tool;
    struct flight *flight;
    const struct columba_call *call;
    uint64_t done;
    bool has_failed;
};

/* The messages of one stamp. */
struct stamp {
    struct alignment *alignment;
    struct chat_conversation *conversation;
    size_t begin;
    size_t count;
    bool is_last; /* of the file; else it is the first */
};

/* The place and hash in an id: the 12 bits after the version, the 30 after the variant. */
static uint64_t id_bits(const struct columba_id *id)
{
    const uint8_t *bytes = id->bytes;
    return (uint64_t)(bytes[6] & 0x0fu) << 38 | (uint64_t)bytes[7] << 30 |
           (uint64_t)(bytes[8] & 0x3fu) << 24 | (uint64_t)bytes[9] << 16 |
           (uint64_t)bytes[10] << 8 | bytes[11];
}

static int shift_order(const void *left, const void *right)
{
    const int32_t *a = left;
    const int32_t *b = right;
    return (*a > *b) - (*a < *b);
}

/* The shift that most pairs agree on, the smallest of several. */
static int32_t most_frequent(int32_t *shifts, size_t count)
{
    COLUMBA_ASSERT(count > 0);
    int32_t best = shifts[0];
    size_t best_run = 0;
    qsort(shifts, count, sizeof(*shifts), shift_order);
    for (size_t begin = 0, i = 1; i <= count; i++) {
        if (i < count && shifts[i] == shifts[begin]) {
            continue;
        }
        if (i - begin > best_run || (i - begin == best_run && abs(shifts[begin]) < abs(best))) {
            best = shifts[begin];
            best_run = i - begin;
        }
        begin = i;
    }
    return best;
}

/* What is stored at that time: how many, and between which places. */
struct stored {
    const struct columba_message *messages;
    size_t count;
    int32_t place_min;
    int32_t place_max;
};

static struct stored stored_of(const struct columba_history_page *page, uint64_t ts_ms)
{
    struct stored stored = {.messages = page->messages, .place_min = CHAT_PLACES_MAX};
    while (stored.count < page->count &&
           columba_message_id_unix_ms(&page->messages[stored.count].id) == ts_ms) {
        int32_t place = (int32_t)(id_bits(&page->messages[stored.count++].id) >> CHAT_HASH_BITS);
        stored.place_min = place < stored.place_min ? place : stored.place_min;
        stored.place_max = place > stored.place_max ? place : stored.place_max;
    }
    return stored;
}

/* The same id is the same message, whatever was put under it. */
static bool looks_alike(const struct chat_message *message, const struct columba_message *stored)
{
    if (memcmp(message->id.bytes, stored->id.bytes, sizeof(stored->id.bytes)) == 0) {
        return true;
    }
    return (id_bits(&stored->id) & ((1u << CHAT_HASH_BITS) - 1)) == message->hash &&
           strcmp(stored->from, message->sender) == 0;
}

static size_t collect_votes(const struct stamp *stamp, const struct stored *stored,
                            int32_t *out_shifts)
{
    size_t count = 0;
    for (size_t i = 0; i < stamp->count; i++) {
        const struct chat_message *message = &stamp->conversation->messages[stamp->begin + i];
        for (size_t j = 0; j < stored->count && count < VOTES_MAX && !message->has_own_id; j++) {
            if (looks_alike(message, &stored->messages[j])) {
                out_shifts[count++] =
                    (int32_t)(id_bits(&stored->messages[j].id) >> CHAT_HASH_BITS) -
                    (int32_t)message->place;
            }
        }
    }
    return count;
}

static int32_t find_shift(const struct stamp *stamp, const struct stored *stored)
{
    int32_t *shifts = calloc(VOTES_MAX, sizeof(*shifts));
    size_t votes = shifts ? collect_votes(stamp, stored, shifts) : 0;
    int32_t shift = 0;
    if (votes > 0) {
        shift = most_frequent(shifts, votes);
    } else if (stored->count > 0 && stamp->is_last) {
        shift = stored->place_min - (int32_t)(CHAT_PLACE_FIRST + stamp->count);
    } else if (stored->count > 0) {
        shift = stored->place_max + 1 - (int32_t)CHAT_PLACE_FIRST;
    }
    free(shifts);
    bool is_possible =
        (int32_t)CHAT_PLACE_FIRST + shift >= 0 &&
        (int64_t)CHAT_PLACE_FIRST + shift + (int64_t)stamp->count <= (int64_t)CHAT_PLACES_MAX;
    return is_possible ? shift : 0;
}

static void shift_places(const struct stamp *stamp, int32_t shift)
{
    for (size_t i = 0; i < stamp->count && shift != 0; i++) {
        struct chat_message *message = &stamp->conversation->messages[stamp->begin + i];
        if (!message->has_own_id) {
            message->place = (uint32_t)((int32_t)message->place + shift);
            chat_message_make_id(message);
        }
    }
}

static void page_landed(struct flight *flight, struct columba_future *future, void *job)
{
    struct stamp *stamp = job;
    struct alignment *alignment = stamp->alignment;
    enum columba_error_code code = columba_future_code(future);
    (void)flight;
    if (code == COLUMBA_ERROR_OK) {
        uint64_t ts_ms = stamp->conversation->messages[stamp->begin].ts_ms;
        struct stored stored = stored_of(columba_future_history(future), ts_ms);
        shift_places(stamp, find_shift(stamp, &stored));
    } else if (code != COLUMBA_ERROR_UNKNOWN_CONVERSATION) {
        if (!alignment->has_failed) {
            tool_say_error(alignment->tool, "looking for what is stored already",
                           columba_future_error(future));
        }
        alignment->has_failed = true;
    }
    progress_set(++alignment->done);
    free(stamp);
}

/* The stamp of message `at`, as far as it goes. */
static void ask(struct alignment *alignment, struct chat_conversation *conversation, size_t at,
                bool is_last)
{
    const struct chat_message *messages = conversation->messages;
    struct stamp *stamp = malloc(sizeof(*stamp));
    struct flight *flight = alignment->flight;
    size_t begin = at;
    size_t end = at + 1;
    while (begin > 0 && messages[begin - 1].ts_ms == messages[at].ts_ms) {
        begin--;
    }
    while (end < conversation->message_count && messages[end].ts_ms == messages[at].ts_ms) {
        end++;
    }
    uint64_t ts_ms = messages[at].ts_ms;
    struct columba_id after = columba_message_id_make(ts_ms > 0 ? ts_ms - 1 : 0, BITS_ALL, "-");
    const struct columba_history_read read = {.conversation = conversation->name,
                                              .after = ts_ms > 0 ? &after : NULL,
                                              .limit = COLUMBA_PAGE_MAX_ROWS,
                                              .oldest_first = true};
    if (stamp) {
        *stamp = (struct stamp){alignment, conversation, begin, end - begin, is_last};
    }
    if (!stamp || !flight_submit(flight, columba_history(flight->client, &read, alignment->call), 0,
                                 page_landed, stamp)) {
        tool_say(alignment->tool, "out of memory");
        alignment->has_failed = true;
        free(stamp);
    }
    flight_wait_for_room(flight);
}

bool chat_align(struct chat_log *log, struct tool *tool, struct flight *flight,
                const struct columba_call *call)
{
    struct alignment alignment = {.log = log, .tool = tool, .flight = flight, .call = call};
    progress_begin("stored already", log->conversation_count * 2);
    for (size_t i = 0; i < log->conversation_count && !alignment.has_failed; i++) {
        struct chat_conversation *conversation = &log->conversations[i];
        size_t count = conversation->message_count;
        if (count > 0) {
            ask(&alignment, conversation, 0, false);
        }
        if (count > 0 &&
            conversation->messages[0].ts_ms != conversation->messages[count - 1].ts_ms) {
            ask(&alignment, conversation, count - 1, true);
        }
    }
    flight_wait_for_all(flight);
    progress_end();
    for (size_t i = 0; i < log->conversation_count; i++) {
        chat_conversation_order(&log->conversations[i]);
    }
    return !alignment.has_failed;
}
