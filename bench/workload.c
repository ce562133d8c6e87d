#include "bench/workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/flight.h"
#include "client/tools/progress.h"
#include "client/tools/printable.h"

#define POOL_BYTES (1u << 20)
#define NAME_BYTES 128
#define MEMBERS_MAX 1000u
#define PREPARE_CALLS_MAX 64u
#define PREPARE_BYTES_MAX (8u << 20)
/* An import call takes this many bodies of any size. */
#define IMPORT_ROWS_MAX 10u
/* The messages to be read were written from this moment on, a second apart. */
#define HISTORY_BEGIN_MS UINT64_C(1700000000000)

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016). */
static uint64_t next_random(struct workload *workload)
{
    uint64_t x = workload->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    workload->random = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

static uint32_t random_below(struct workload *workload, uint32_t bound)
{
    return (uint32_t)((next_random(workload) >> 32) * bound >> 32);
}

static const uint8_t *random_body(struct workload *workload)
{
    return workload->pool + random_below(workload, POOL_BYTES - workload->body_bytes);
}

static void conversation_name(const struct workload *workload, uint32_t number, char *out_name)
{
    snprintf(out_name, NAME_BYTES, "%s-%u", workload->prefix, number);
}

static void member_name(const struct workload *workload, uint32_t conversation, uint32_t member,
                        char *out_name)
{
    snprintf(out_name, NAME_BYTES, "%s-%u-%u", workload->prefix, conversation, member);
}

bool workload_init(struct workload *workload)
{
    workload->pool = malloc(POOL_BYTES);
    if (!workload->pool) {
        tool_say(workload->tool, "out of memory");
        return false;
    }
    for (size_t i = 0; i < POOL_BYTES; i += sizeof(uint64_t)) {
        uint64_t random = next_random(workload);
        memcpy(workload->pool + i, &random, sizeof(random));
    }
    return true;
}

void workload_clear(struct workload *workload)
{
    free(workload->pool);
}

/* --- preparing ---------------------------------------------------------------------------------
 */

struct preparation {
    struct flight flight;
    const struct workload *workload;
    uint64_t done;
    uint64_t failed;
};

static void prepared(struct flight *flight, struct columba_future *future, void *user)
{
    struct preparation *preparation = user;
    (void)flight;
    if (columba_future_code(future) != COLUMBA_ERROR_OK && preparation->failed++ == 0) {
        tool_say_error(preparation->workload->tool, "preparing", columba_future_error(future));
    }
    progress_set(++preparation->done);
}

static bool prepare_step(struct preparation *preparation, struct columba_future *future,
                         size_t bytes)
{
    if (!flight_submit(&preparation->flight, future, bytes, prepared, preparation)) {
        tool_say(preparation->workload->tool, "out of memory");
        return false;
    }
    flight_wait_for_room(&preparation->flight);
    return preparation->failed == 0;
}

static struct columba_future *create(const struct workload *workload, uint32_t number)
{
    static char names[MEMBERS_MAX][NAME_BYTES];
    static const char *members[MEMBERS_MAX];
    char name[NAME_BYTES];
    conversation_name(workload, number, name);
    for (uint32_t i = 0; i < workload->members; i++) {
        member_name(workload, number, i, names[i]);
        members[i] = names[i];
    }
    return columba_conversation_create(
        workload->client,
        &(struct columba_conversation_new){
            .name = name, .members = members, .member_count = workload->members},
        NULL);
}

/* Messages `first` … of one conversation, the same ones each time. */
static struct columba_future *import_rows(struct workload *workload, uint32_t number,
                                          uint32_t first, uint32_t count)
{
    struct columba_import_message rows[IMPORT_ROWS_MAX];
    char name[NAME_BYTES];
    char sender[NAME_BYTES];
    conversation_name(workload, number, name);
    member_name(workload, number, 0, sender);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t at_ms = HISTORY_BEGIN_MS + (uint64_t)(first + i) * 1000u;
        size_t cut = ((size_t)number * 977u + first + i) * 257u;
        rows[i] = (struct columba_import_message){.id = columba_message_id_make(at_ms, 1, sender),
                                                  .from = sender,
                                                  .body = workload->pool +
                                                          cut % (POOL_BYTES - workload->body_bytes),
                                                  .body_bytes = workload->body_bytes,
                                                  .created_at_ms = at_ms};
    }
    return columba_history_import(workload->client, name, rows, count, NULL);
}

static bool prepare_messages(struct workload *workload, struct preparation *preparation)
{
    uint32_t calls = (workload->messages + IMPORT_ROWS_MAX - 1) / IMPORT_ROWS_MAX;
    bool is_good = true;
    preparation->done = 0;
    progress_begin("messages", (uint64_t)calls * workload->conversations);
    for (uint32_t i = 0; i < workload->conversations && is_good; i++) {
        for (uint32_t first = 0; first < workload->messages && is_good; first += IMPORT_ROWS_MAX) {
            uint32_t left = workload->messages - first;
            uint32_t count = left < IMPORT_ROWS_MAX ? left : IMPORT_ROWS_MAX;
            is_good = prepare_step(preparation, import_rows(workload, i, first, count),
                                   (size_t)count * workload->body_bytes);
        }
    }
    flight_wait_for_all(&preparation->flight);
    progress_end();
    return is_good && preparation->failed == 0;
}

bool workload_prepare(struct workload *workload, bool with_messages)
{
    struct preparation preparation = {.flight = {.client = workload->client,
                                                 .calls_max = PREPARE_CALLS_MAX,
                                                 .bytes_max = PREPARE_BYTES_MAX},
                                      .workload = workload};
    bool is_good = true;
    progress_begin("conversations", workload->conversations);
    for (uint32_t i = 0; i < workload->conversations && is_good; i++) {
        is_good = prepare_step(&preparation, create(workload, i), 0);
    }
    flight_wait_for_all(&preparation.flight);
    progress_end();
    is_good = is_good && preparation.failed == 0;
    return is_good && (!with_messages || prepare_messages(workload, &preparation));
}

/* --- load --------------------------------------------------------------------------------------
 */

struct columba_future *workload_send(struct load *load, void *context, uint64_t number,
                                     uint32_t *out_kind)
{
    struct workload *workload = context;
    char name[NAME_BYTES];
    char sender[NAME_BYTES];
    uint32_t conversation = random_below(workload, workload->conversations);
    (void)load;
    conversation_name(workload, conversation, name);
    member_name(workload, conversation, (uint32_t)(number % workload->members), sender);
    *out_kind = WORKLOAD_SEND;
    return columba_send(workload->client,
                        &(struct columba_message_send){.from = sender,
                                                       .to = name,
                                                       .body = random_body(workload),
                                                       .body_bytes = workload->body_bytes},
                        NULL);
}

struct columba_future *workload_read(struct load *load, void *context, uint64_t number,
                                     uint32_t *out_kind)
{
    struct workload *workload = context;
    char name[NAME_BYTES];
    (void)load;
    (void)number;
    conversation_name(workload, random_below(workload, workload->conversations), name);
    *out_kind = WORKLOAD_READ;
    return columba_history(
        workload->client,
        &(struct columba_history_read){.conversation = name, .limit = workload->page_rows}, NULL);
}

struct columba_future *workload_mixed(struct load *load, void *context, uint64_t number,
                                      uint32_t *out_kind)
{
    struct workload *workload = context;
    bool is_read = random_below(workload, 100) < workload->read_percent;
    return (is_read ? workload_read : workload_send)(load, context, number, out_kind);
}
