/*
 * The latch of a partition: one holder at a time, the others in the order of their coming, other
 * partitions not at all concerned, and never more that wait than can be served.
 */
#include "rows.h"

#include "node/core/machine/latch.h"
#include "node/core/state.h"

static struct core core;
static struct op ops[LATCH_WAITERS_MAX + 4];
static struct latch_claim claims[COUNT_OF(ops)];
/* Whose turn it was, in order. */
static uint32_t turns[COUNT_OF(ops)];
static uint32_t turn_count;

static int make_latches(void **state)
{
    (void)state;
    latches_init(&core.latches);
    turn_count = 0;
    for (uint32_t i = 0; i < COUNT_OF(ops); i++) {
        ops[i] = (struct op){.index = i};
    }
    return 0;
}

static void turn_comes(struct core *of, struct op *op)
{
    assert_ptr_equal(of, &core);
    turns[turn_count++] = op->index;
}

static bool take(uint32_t i, uint64_t partition)
{
    struct id id = id_of_number(partition);
    return latch_take(&core, &claims[i], &ops[i], &id, turn_comes);
}

static void release(uint32_t i)
{
    latch_release(&core, &claims[i]);
}

static void expect_turns(uint32_t count, const uint32_t *expected)
{
    assert_int_equal(turn_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(turns[i], expected[i]);
    }
}

static void a_free_partition_is_had_at_once(void **state)
{
    (void)state;
    assert_true(take(0, 1));
    expect_turns(1, (const uint32_t[]){0});
    release(0);
    assert_true(take(1, 1));
    expect_turns(2, (const uint32_t[]){0, 1});
    release(1);
}

static void the_second_waits_for_the_first(void **state)
{
    (void)state;
    take(0, 1);
    assert_true(take(1, 1));
    expect_turns(1, (const uint32_t[]){0});
    release(0);
    expect_turns(2, (const uint32_t[]){0, 1});
    release(1);
}

static void turns_come_in_the_order_of_asking(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(take(i, 1));
    }
    release(0);
    assert_true(take(5, 1)); /* behind all that wait already */
    for (uint32_t i = 1; i < 6; i++) {
        expect_turns(i + 1, (const uint32_t[]){0, 1, 2, 3, 4, 5});
        release(i);
    }
    expect_turns(6, (const uint32_t[]){0, 1, 2, 3, 4, 5});
    assert_true(take(6, 1));
    assert_int_equal(turn_count, 7);
    release(6);
}

/* These ids lie in one bucket. */
static void partitions_of_one_bucket_do_not_wait_for_each_other(void **state)
{
    (void)state;
    take(0, 1);
    assert_true(take(1, 2));
    assert_true(take(2, 3));
    expect_turns(3, (const uint32_t[]){0, 1, 2});
    assert_true(take(3, 2));
    release(0);
    assert_int_equal(turn_count, 3);
    release(1);
    expect_turns(4, (const uint32_t[]){0, 1, 2, 3});
    release(2);
    release(3);
}

static void more_than_can_be_served_are_sent_away(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= LATCH_WAITERS_MAX; i++) {
        assert_true(take(i, 1));
    }
    uint32_t last = LATCH_WAITERS_MAX + 1;
    assert_false(take(last, 1));
    assert_true(take(last, 2)); /* of another partition it may have the latch */
    release(last);
    release(0); /* one waits less */
    assert_true(take(last, 1));
    assert_false(take(last + 1, 1));
    for (uint32_t i = 1; i <= last; i++) {
        assert_int_equal(turns[turn_count - 1], i);
        release(i);
    }
}

/* It may be over as soon as it begins: the turn passes on, inside the release of the one before. */
static void done_at_once(struct core *of, struct op *op)
{
    turns[turn_count++] = op->index;
    latch_release(of, &claims[op->index]);
}

static void a_turn_may_end_where_it_begins(void **state)
{
    (void)state;
    struct id id = id_of_number(1);
    take(0, 1);
    for (uint32_t i = 1; i < 4; i++) {
        latch_take(&core, &claims[i], &ops[i], &id, done_at_once);
    }
    release(0);
    expect_turns(4, (const uint32_t[]){0, 1, 2, 3});
    assert_true(take(4, 1));
    assert_int_equal(turn_count, 5);
    release(4);
}

#define TEST(name) cmocka_unit_test_setup(name, make_latches)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_free_partition_is_had_at_once),
        TEST(the_second_waits_for_the_first),
        TEST(turns_come_in_the_order_of_asking),
        TEST(partitions_of_one_bucket_do_not_wait_for_each_other),
        TEST(more_than_can_be_served_are_sent_away),
        TEST(a_turn_may_end_where_it_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
