/*
 * Different bodies under one id: which one stays. What a quorum holds may have been acknowledged
 * and always stays; what is settled stays; where a vote that is not known could decide, nobody
 * guesses; and all readers decide alike, in whatever order the replicas come.
 */
#include "rows.h"

#include <string.h>

#include "node/core/coordinator/settle.h"

#define QUORUM 2u

static struct arena arena;

static int make_arena(void **state)
{
    (void)state;
    arena_init(&arena, memory_system(), 1u << 20);
    return 0;
}

static int clear_arena(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static struct vote vote_for(const char *body, uint64_t stamp)
{
    struct slice text = slice_of_text(body);
    return (struct vote){
        .is_known = true,
        .row = message_row(&arena, stamp, text),
        .content = {.column = COLUMN_MESSAGE_CONTENT, .timestamp = stamp, .value = text},
        .has_content = true};
}

static struct vote vote_none(void)
{
    return (struct vote){.is_known = true};
}

static struct vote vote_not_known(void)
{
    return (struct vote){.is_known = false};
}

/* In every order of the three replicas: the same verdict, and the same body leads. */
static void expect(enum settle_verdict verdict, const char *body, struct vote a, struct vote b,
                   struct vote c)
{
    const struct vote orders[][3] = {{a, b, c}, {a, c, b}, {b, a, c},
                                     {b, c, a}, {c, a, b}, {c, b, a}};
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        unsigned leader = 99;
        assert_int_equal(settle_votes(orders[i], 3, QUORUM, &leader), verdict);
        if (verdict == SETTLE_ALIKE) {
            assert_int_equal(leader, 99);
        } else {
            assert_true(leader < 3);
            assert_bytes_equal(orders[i][leader].content.value, slice_of_text(body));
        }
    }
}

static void one_body_is_nothing_to_settle(void **state)
{
    (void)state;
    expect(SETTLE_ALIKE, NULL, vote_for("a", 5), vote_for("a", 5), vote_for("a", 7));
    expect(SETTLE_ALIKE, NULL, vote_for("a", 5), vote_none(), vote_not_known());
    expect(SETTLE_ALIKE, NULL, vote_none(), vote_none(), vote_not_known());
}

/* Even if the other one has the lower stamp: a clock that was behind does not take anything back.
 */
static void what_a_quorum_holds_stays(void **state)
{
    (void)state;
    expect(SETTLE_SETTLED, "b", vote_for("a", 1), vote_for("b", 9), vote_for("b", 9));
    expect(SETTLE_SETTLED, "b", vote_for("a", 1), vote_for("b", 9), vote_for("b", 3));
    expect(SETTLE_SETTLED, "a", vote_for("a", 1), vote_for("b", 9), vote_for("a", 2));
}

static void what_was_settled_stays_though_others_could_have_a_quorum(void **state)
{
    (void)state;
    expect(SETTLE_SETTLED, "b", vote_for("a", 1), vote_for("b", CONTENT_SETTLED), vote_none());
    expect(SETTLE_SETTLED, "b", vote_for("a", 1), vote_for("b", CONTENT_SETTLED), vote_not_known());
}

/* The vote that is missing could be the second for either. */
static void a_vote_that_could_decide_is_waited_for(void **state)
{
    (void)state;
    expect(SETTLE_UNDECIDED, "a", vote_for("a", 1), vote_for("b", 2), vote_not_known());
    expect(SETTLE_UNDECIDED, "a", vote_for("a", 1), vote_for("b", 2), vote_none());
}

static void an_empty_body_is_a_vote_and_none_is_not(void **state)
{
    (void)state;
    expect(SETTLE_UNDECIDED, "", vote_for("", 1), vote_for("b", 2), vote_none());
}

static void the_lowest_stamp_is_settled_when_none_can_have_a_quorum(void **state)
{
    (void)state;
    expect(SETTLE_SETTLED, "c", vote_for("a", 4), vote_for("b", 3), vote_for("c", 2));
}

static void of_one_stamp_the_lesser_body_leads(void **state)
{
    (void)state;
    expect(SETTLE_SETTLED, "a", vote_for("c", 4), vote_for("b", 4), vote_for("a", 4));
    expect(SETTLE_UNDECIDED, "b", vote_for("c", 4), vote_for("b", 4), vote_not_known());
}

/* Five replicas, quorum three: the two that hold the later body may yet be joined by one. */
static void of_five_a_pair_can_still_win(void **state)
{
    (void)state;
    unsigned leader = 99;
    struct vote votes[5] = {vote_for("a", 1), vote_for("b", 2), vote_for("b", 2), vote_for("c", 3),
                            vote_not_known()};
    assert_int_equal(settle_votes(votes, 5, 3, &leader), SETTLE_UNDECIDED);
    votes[4] = vote_for("b", 8);
    assert_int_equal(settle_votes(votes, 5, 3, &leader), SETTLE_SETTLED);
    assert_bytes_equal(votes[leader].content.value, slice_of_text("b"));
    votes[4] = vote_for("d", 8);
    assert_int_equal(settle_votes(votes, 5, 3, &leader), SETTLE_SETTLED);
    assert_bytes_equal(votes[leader].content.value, slice_of_text("a"));
}

/* Two are missing and two agree on nothing: neither can be told to have lost. */
static void of_five_with_two_missing_nothing_is_decided(void **state)
{
    (void)state;
    unsigned leader = 99;
    const struct vote votes[5] = {vote_for("a", 1), vote_for("b", 2), vote_for("c", 3),
                                  vote_not_known(), vote_none()};
    assert_int_equal(settle_votes(votes, 5, 3, &leader), SETTLE_UNDECIDED);
    assert_int_equal(leader, 0);
}

static struct vote vote_with_a_reaction(void)
{
    struct id user = id_of_number(3);
    const struct cell cells[] = {
        {.column = COLUMN_MESSAGE_CONTENT, .timestamp = 5, .value = slice_of_text("body")},
        {.column = COLUMN_MESSAGE_REACTION,
         .subkey = slice_of(user.bytes, ID_BYTES),
         .timestamp = 6,
         .value = slice_of_text("!")}};
    return (struct vote){.is_known = true,
                         .row = row_build(&arena, cells, 2),
                         .content = cells[0],
                         .has_content = true};
}

static void the_body_that_stays_is_stamped_and_the_rest_kept(void **state)
{
    (void)state;
    struct vote vote = vote_with_a_reaction();
    struct slice row = settle_row(&vote, true, &arena);
    struct cell cell;
    assert_int_equal(row_check(TABLE_MESSAGE, row), COLUMBA_OK);
    assert_true(row_find(row, COLUMN_MESSAGE_CONTENT, &cell));
    assert_int_equal(cell.timestamp, CONTENT_SETTLED);
    assert_bytes_equal(cell.value, slice_of_text("body"));
    assert_true(row_find(row, COLUMN_MESSAGE_REACTION, &cell));
    assert_int_equal(cell.timestamp, 6);
}

static void of_the_others_only_the_body_goes(void **state)
{
    (void)state;
    struct vote vote = vote_with_a_reaction();
    struct slice row = settle_row(&vote, false, &arena);
    struct cell cell;
    assert_int_equal(row_check(TABLE_MESSAGE, row), COLUMBA_OK);
    assert_false(row_find(row, COLUMN_MESSAGE_CONTENT, &cell));
    assert_true(row_find(row, COLUMN_MESSAGE_REACTION, &cell));
}

static void without_memory_there_is_no_row(void **state)
{
    (void)state;
    struct vote vote = vote_with_a_reaction();
    struct arena small;
    arena_init(&small, memory_system(), 1);
    assert_int_equal(settle_row(&vote, true, &small).size, 0);
    arena_clear(&small);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, clear_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_body_is_nothing_to_settle),
        TEST(what_a_quorum_holds_stays),
        TEST(what_was_settled_stays_though_others_could_have_a_quorum),
        TEST(a_vote_that_could_decide_is_waited_for),
        TEST(an_empty_body_is_a_vote_and_none_is_not),
        TEST(the_lowest_stamp_is_settled_when_none_can_have_a_quorum),
        TEST(of_one_stamp_the_lesser_body_leads),
        TEST(of_five_a_pair_can_still_win),
        TEST(of_five_with_two_missing_nothing_is_decided),
        TEST(the_body_that_stays_is_stamped_and_the_rest_kept),
        TEST(of_the_others_only_the_body_goes),
        TEST(without_memory_there_is_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
