/*
 * What a replica took lately: it says "new" or "the same" only of what it knows, and everything
 * that it may have forgotten, or never saw, is left to the store.
 */
#include "rows.h"

#include <string.h>

#include "base/memory.h"
#include "node/core/replica/recent.h"

#define CAPACITY 8u
#define START_MS 1000u

static struct recent recent;
static struct id conversation;
static uint64_t batch;

static int make_recent(void **state)
{
    (void)state;
    conversation = id_of_number(77);
    return recent_init(&recent, memory_system(), CAPACITY, 42, START_MS);
}

static int clear_recent(void **state)
{
    (void)state;
    recent_clear(&recent, memory_system());
    return 0;
}

/* The `number`-th message of this time. */
static struct recent_message message_at(uint64_t unix_ms, uint64_t number, const char *body)
{
    struct id sender = id_of_number(5);
    struct id id = message_id_make(unix_ms, number, &sender);
    return recent_message_of(&recent, &conversation, &id, slice_of_text(body));
}

static void put(uint64_t unix_ms, uint64_t number, const char *body)
{
    struct recent_message message = message_at(unix_ms, number, body);
    recent_put(&recent, &message);
    recent_batch_close(&recent, ++batch);
    recent_committed(&recent, batch);
}

static enum recent_verdict judge(uint64_t unix_ms, uint64_t number, const char *body)
{
    struct recent_message message = message_at(unix_ms, number, body);
    return recent_judge(&recent, &message);
}

/* What the process before may have taken is for the store to say, the last moment included. */
static void what_lies_before_the_horizon_is_not_known(void **state)
{
    (void)state;
    assert_int_equal(judge(START_MS - 1, 1, "a"), RECENT_UNKNOWN);
    assert_int_equal(judge(START_MS, 1, "a"), RECENT_UNKNOWN);
    assert_int_equal(judge(START_MS + 1, 1, "a"), RECENT_NEW);
}

static void the_same_and_another_are_told_apart(void **state)
{
    (void)state;
    put(START_MS + 1, 1, "a");
    assert_int_equal(judge(START_MS + 1, 1, "a"), RECENT_SAME);
    assert_int_equal(judge(START_MS + 1, 1, "b"), RECENT_OTHER);
    assert_int_equal(judge(START_MS + 1, 2, "a"), RECENT_NEW);
    put(START_MS - 9, 1, "old"); /* known, although the horizon lies behind it */
    assert_int_equal(judge(START_MS - 9, 1, "old"), RECENT_SAME);
    assert_int_equal(judge(START_MS - 9, 1, "new"), RECENT_OTHER);
}

/* One id in two conversations is two messages. */
static void a_message_is_one_of_its_conversation(void **state)
{
    (void)state;
    put(START_MS + 1, 1, "a");
    conversation = id_of_number(78);
    assert_int_equal(judge(START_MS + 1, 1, "b"), RECENT_NEW);
}

static void a_settled_body_takes_the_place_of_another(void **state)
{
    (void)state;
    put(START_MS + 1, 1, "a");
    put(START_MS + 1, 1, "b");
    assert_int_equal(judge(START_MS + 1, 1, "b"), RECENT_SAME);
    assert_int_equal(judge(START_MS + 1, 1, "a"), RECENT_OTHER);
    put(START_MS + 1, 1, "b");
    assert_int_equal(recent.count, 2); /* what is known has its place */
}

static void the_older_generation_goes_and_its_time_with_it(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 2 * CAPACITY; i++) {
        put(START_MS + i, i, "a");
    }
    assert_int_equal(judge(START_MS + 1, 1, "a"), RECENT_SAME);
    put(START_MS + 2 * CAPACITY + 1, 99, "a");
    assert_int_equal(judge(START_MS + 1, 1, "a"), RECENT_UNKNOWN);
    assert_int_equal(judge(START_MS + CAPACITY, CAPACITY, "b"), RECENT_UNKNOWN);
    assert_int_equal(judge(START_MS + CAPACITY, 50, "a"), RECENT_UNKNOWN); /* of the same moment */
    assert_int_equal(judge(START_MS + CAPACITY + 1, CAPACITY + 1, "b"), RECENT_OTHER);
    assert_int_equal(judge(START_MS + CAPACITY + 1, 50, "a"), RECENT_NEW);
}

/* An old one that is forgotten does not bring the horizon back. */
static void the_horizon_never_goes_back(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= CAPACITY; i++) {
        put(START_MS - 500, i, "a");
    }
    for (uint64_t i = 1; i <= CAPACITY + 1; i++) {
        put(START_MS + i, i, "a");
    }
    assert_int_equal(judge(START_MS - 400, 1, "a"), RECENT_UNKNOWN);
    assert_int_equal(judge(START_MS, 1, "a"), RECENT_UNKNOWN);
}

/* In whichever generation the other one was: what came last under the id is remembered. */
static void a_body_that_was_replaced_goes_without_a_trace(void **state)
{
    (void)state;
    put(START_MS + 90, 1, "a");
    for (uint64_t i = 1; i < CAPACITY; i++) {
        put(START_MS + i, i, "a");
    }
    put(START_MS + CAPACITY, CAPACITY, "a"); /* another generation */
    put(START_MS + 90, 1, "b");
    assert_int_equal(judge(START_MS + 90, 1, "a"), RECENT_OTHER);
    for (uint64_t i = 2; i <= CAPACITY; i++) {
        put(START_MS + CAPACITY + i, i, "a");
    }
    assert_int_equal(judge(START_MS + 90, 1, "a"), RECENT_OTHER);
    assert_int_equal(judge(START_MS + 90, 1, "b"), RECENT_SAME);
}

/* One row for many batches, and always ahead of what is taken. */
static void the_bound_is_raised_when_it_is_passed(void **state)
{
    (void)state;
    struct recent_message message = message_at(START_MS, 1, "a");
    recent_put(&recent, &message);
    assert_false(recent_batch_close(&recent, ++batch));
    message = message_at(START_MS + 1, 1, "a");
    recent_put(&recent, &message);
    assert_true(recent_batch_close(&recent, ++batch));
    assert_int_equal(recent.bound_ms, START_MS + 1 + RECENT_LEASE_MS);
    message = message_at(START_MS + 1 + RECENT_LEASE_MS, 1, "a");
    recent_put(&recent, &message);
    assert_false(recent_batch_close(&recent, ++batch));
}

/* A generation goes when all of it is durable, by a commit of what was in it, not of what came
 * since. */
static void room_is_made_by_what_is_durable(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 2 * CAPACITY; i++) {
        assert_true(recent_has_room(&recent, 1));
        struct recent_message message = message_at(START_MS + i, i, "a");
        recent_put(&recent, &message);
        if (i == CAPACITY - 1) {
            recent_batch_close(&recent, 1);
        }
    }
    recent_committed(&recent, 1);
    assert_false(recent_has_room(&recent, 1));
    recent_batch_close(&recent, 2);
    recent_committed(&recent, 1);
    assert_false(recent_has_room(&recent, 1));
    recent_committed(&recent, 2);
    assert_true(recent_has_room(&recent, CAPACITY));
    assert_false(recent_has_room(&recent, CAPACITY + 1));
}

/* Many generations: never "new" of what was taken, never "the same" of another body. */
static void it_never_says_what_it_cannot_know(void **state)
{
    (void)state;
    enum { TIMES = 60, NEVER = 0 };
    char taken[TIMES] = {NEVER};
    struct random random = {.state = 3};
    for (unsigned step = 0; step < 20000; step++) {
        uint32_t time = random_below(&random, TIMES);
        const char body[2] = {(char)('a' + random_below(&random, 2)), '\0'};
        switch (judge(START_MS - 20 + time, 1, body)) {
        case RECENT_NEW:
            assert_int_equal(taken[time], NEVER);
            break;
        case RECENT_SAME:
            assert_int_equal(taken[time], body[0]);
            break;
        case RECENT_OTHER:
            assert_int_not_equal(taken[time], NEVER);
            assert_int_not_equal(taken[time], body[0]);
            break;
        case RECENT_UNKNOWN:
            break;
        }
        if (taken[time] == NEVER || random_below(&random, 4) == 0) {
            put(START_MS - 20 + time, 1, body);
            taken[time] = body[0];
        }
    }
}

/* The last ones are all there, whatever has been forgotten. */
static void as_many_as_it_has_room_for_are_known(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 5 * CAPACITY; i++) {
        put(START_MS + i, i, "a");
        for (uint64_t j = i < CAPACITY ? 1 : i - CAPACITY + 1; j <= i; j++) {
            assert_int_equal(judge(START_MS + j, j, "b"), RECENT_OTHER);
        }
    }
}

static void *none(struct memory *memory, size_t size)
{
    (void)memory;
    (void)size;
    return NULL;
}

static void without_memory_it_is_not_made(void **state)
{
    (void)state;
    struct memory empty = {.allocate = none};
    struct recent poor;
    assert_int_equal(recent_init(&poor, &empty, CAPACITY, 1, 0), -1);
    recent_clear(&poor, &empty);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_recent, clear_recent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_lies_before_the_horizon_is_not_known),
        TEST(the_same_and_another_are_told_apart),
        TEST(a_message_is_one_of_its_conversation),
        TEST(a_settled_body_takes_the_place_of_another),
        TEST(the_older_generation_goes_and_its_time_with_it),
        TEST(the_horizon_never_goes_back),
        TEST(a_body_that_was_replaced_goes_without_a_trace),
        TEST(the_bound_is_raised_when_it_is_passed),
        TEST(room_is_made_by_what_is_durable),
        TEST(it_never_says_what_it_cannot_know),
        TEST(as_many_as_it_has_room_for_are_known),
        TEST(without_memory_it_is_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
