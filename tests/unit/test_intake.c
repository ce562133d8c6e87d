/*
 * What both shells rely on when more comes than a node can keep: each limit refuses by itself and
 * says which it was, no side takes another's places, and all that was taken is given back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "node/core/machine/intake.h"

static struct intake intake;
static struct intake_asker client;
static struct intake_asker node;

static int start(void **state)
{
    (void)state;
    struct intake_side_limits side = {
        .connections = 3,
        .asker_requests = 8,
        .requests = 10,
        .request_bytes = 1000,
        .asker_unsent_bytes = 20000,
        .asker_unsent_max_bytes = 40000,
        .unsent_bytes = 100000,
    };
    struct intake_limits limits = {.sides = {side, side, side}, .batch_bytes = 500, .reads = 2};
    intake_init(&intake, &limits);
    client = (struct intake_asker){.side = INTAKE_CLIENTS};
    node = (struct intake_asker){.side = INTAKE_NODES};
    return 0;
}

static struct intake_ticket takes(struct intake_asker *asker, enum message_type type,
                                  uint32_t bytes)
{
    struct intake_ticket ticket;
    const char *text;
    assert_int_equal(intake_take(&intake, asker, type, bytes, &ticket, &text), COLUMBA_OK);
    return ticket;
}

static void refuses(struct intake_asker *asker, enum message_type type, uint32_t bytes,
                    const char *limit)
{
    struct intake_ticket ticket;
    const char *text = NULL;
    assert_int_equal(intake_take(&intake, asker, type, bytes, &ticket, &text), ERR_OVERLOADED);
    assert_non_null(strstr(text, limit));
}

static bool is_full(const struct intake_asker *asker)
{
    return intake_is_full(&intake, asker, 0, false);
}

static void every_side_has_its_places(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(intake_place_take(&intake, INTAKE_CLIENTS));
    }
    assert_false(intake_place_take(&intake, INTAKE_CLIENTS));
    assert_true(intake_place_take(&intake, INTAKE_NODES));
    assert_true(intake_place_take(&intake, INTAKE_ADMINISTRATION));
    intake_place_give_back(&intake, INTAKE_CLIENTS);
    assert_true(intake_place_take(&intake, INTAKE_CLIENTS));
}

static void some_may_say_who_they_are_when_all_places_are_taken(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(intake_place_take(&intake, INTAKE_CLIENTS));
    }
    for (unsigned i = 0; i < INTAKE_GREETINGS_SPARE; i++) {
        assert_true(intake_greeting_take(&intake));
    }
    assert_false(intake_greeting_take(&intake));
    intake_greeting_give_back(&intake);
    intake_greeting_give_back(&intake);
    assert_true(intake_greeting_take(&intake));
}

static void an_asker_is_not_read_from_beyond_its_requests(void **state)
{
    (void)state;
    struct intake_ticket tickets[8];
    for (unsigned i = 0; i < 8; i++) {
        assert_false(is_full(&client));
        tickets[i] = takes(&client, MESSAGE_SEND, 1);
    }
    assert_true(is_full(&client));
    intake_give_back(&intake, &client, &tickets[0]);
    assert_false(intake_has_room(&intake, &client, 0, false));
    intake_give_back(&intake, &client, &tickets[1]);
    assert_true(intake_has_room(&intake, &client, 0, false));
}

static void a_side_has_so_many_requests(void **state)
{
    (void)state;
    struct intake_ticket last = {0};
    for (unsigned i = 0; i < 10; i++) {
        last = takes(&client, MESSAGE_SEND, 1);
    }
    refuses(&client, MESSAGE_SEND, 1, "limits.requests");
    takes(&node, MESSAGE_WRITE, 1);
    takes(&client, MESSAGE_ADMIN, 1);
    intake_give_back(&intake, &client, &last);
    takes(&client, MESSAGE_SEND, 1);
}

static void administration_has_places_of_its_own(void **state)
{
    (void)state;
    struct intake_ticket first = takes(&client, MESSAGE_ADMIN, 1);
    for (unsigned i = 1; i < 10; i++) {
        takes(&client, MESSAGE_ADMIN, 1);
    }
    refuses(&client, MESSAGE_ADMIN, 1, "limits.requests");
    takes(&client, MESSAGE_SEND, 1);
    intake_give_back(&intake, &client, &first);
    takes(&client, MESSAGE_ADMIN, 1);
}

static void a_side_has_so_many_bytes_of_requests(void **state)
{
    (void)state;
    struct intake_ticket large = takes(&client, MESSAGE_SEND, 600);
    refuses(&client, MESSAGE_SEND, 401, "limits.request_bytes");
    struct intake_ticket small = takes(&client, MESSAGE_SEND, 400);
    refuses(&client, MESSAGE_SEND, 1, "limits.request_bytes");
    takes(&node, MESSAGE_WRITE, 1000);
    intake_give_back(&intake, &client, &large);
    refuses(&client, MESSAGE_SEND, 601, "limits.request_bytes");
    intake_give_back(&intake, NULL, &small); /* its connection has closed */
    takes(&client, MESSAGE_SEND, 1000);
}

static void writes_wait_for_the_disk_and_reads_do_not(void **state)
{
    (void)state;
    intake_write(&intake, 500);
    takes(&client, MESSAGE_SEND, 1);
    intake_write(&intake, 1);
    refuses(&client, MESSAGE_SEND, 1, "limits.batch_max");
    refuses(&client, MESSAGE_INBOX_READ, 1, "limits.batch_max");
    refuses(&node, MESSAGE_FANOUT, 1, "limits.batch_max");
    takes(&client, MESSAGE_HISTORY_READ, 1);
    takes(&node, MESSAGE_READ, 1);
    takes(&client, MESSAGE_ADMIN, 1);
    intake_batch_handed(&intake);
    takes(&client, MESSAGE_SEND, 1);
}

static void reads_that_wait_for_the_disk_are_bounded(void **state)
{
    (void)state;
    assert_true(intake_read_take(&intake));
    assert_true(intake_read_take(&intake));
    assert_false(intake_read_take(&intake));
    intake_read_give_back(&intake);
    assert_true(intake_read_take(&intake));
}

static void unsent_answers_stop_the_reading_and_then_cut_off(void **state)
{
    (void)state;
    assert_false(intake_is_full(&intake, &client, 20000, false));
    assert_true(intake_is_full(&intake, &client, 20001, false));
    assert_false(intake_has_room(&intake, &client, 20001, false));
    assert_false(intake_is_overrun(&intake, INTAKE_CLIENTS, 40000));
    assert_true(intake_is_overrun(&intake, INTAKE_CLIENTS, 40001));
}

static void memory_for_answers_is_for_those_who_take_them(void **state)
{
    (void)state;
    intake_unsent_change(&intake, INTAKE_CLIENTS, 50000);
    assert_false(intake_is_full(&intake, &client, 1, true));
    assert_false(intake_is_half_full(&intake, INTAKE_CLIENTS));
    intake_unsent_change(&intake, INTAKE_CLIENTS, 1);
    assert_true(intake_is_half_full(&intake, INTAKE_CLIENTS));
    assert_true(intake_is_full(&intake, &client, 1, true));
    assert_false(intake_is_full(&intake, &client, 1, false));
    assert_false(intake_is_full(&intake, &node, 1, true));
    assert_false(intake_is_short(&intake, INTAKE_CLIENTS));
    intake_unsent_change(&intake, INTAKE_CLIENTS, 25000);
    assert_true(intake_is_short(&intake, INTAKE_CLIENTS));
    assert_false(intake_is_short(&intake, INTAKE_NODES));
}

static void beyond_the_memory_for_answers_only_small_ones_leave(void **state)
{
    (void)state;
    assert_true(intake_answer_fits(&intake, INTAKE_CLIENTS, 100000));
    assert_false(intake_answer_fits(&intake, INTAKE_CLIENTS, 100001));
    intake_unsent_change(&intake, INTAKE_CLIENTS, 100001);
    assert_false(intake_answer_fits(&intake, INTAKE_CLIENTS, 5000));
    assert_true(intake_answer_fits(&intake, INTAKE_CLIENTS, 100));
    assert_true(intake_answer_fits(&intake, INTAKE_NODES, 5000));
    refuses(&client, MESSAGE_HISTORY_READ, 1, "limits.output_max");
    takes(&client, MESSAGE_SEND, 1);
    takes(&node, MESSAGE_READ, 1);
    intake_unsent_change(&intake, INTAKE_CLIENTS, -100001);
    takes(&client, MESSAGE_HISTORY_READ, 1);
    assert_true(intake_answer_fits(&intake, INTAKE_CLIENTS, 100000));
}

static void messages_to_a_node_that_does_not_take_them_are_dropped(void **state)
{
    (void)state;
    assert_true(intake_send_fits(&intake, 40000));
    assert_false(intake_send_fits(&intake, 40001));
    intake_unsent_change(&intake, INTAKE_NODES, 100001);
    assert_false(intake_send_fits(&intake, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_side_has_its_places, start),
        cmocka_unit_test_setup(some_may_say_who_they_are_when_all_places_are_taken, start),
        cmocka_unit_test_setup(an_asker_is_not_read_from_beyond_its_requests, start),
        cmocka_unit_test_setup(a_side_has_so_many_requests, start),
        cmocka_unit_test_setup(administration_has_places_of_its_own, start),
        cmocka_unit_test_setup(a_side_has_so_many_bytes_of_requests, start),
        cmocka_unit_test_setup(writes_wait_for_the_disk_and_reads_do_not, start),
        cmocka_unit_test_setup(reads_that_wait_for_the_disk_are_bounded, start),
        cmocka_unit_test_setup(unsent_answers_stop_the_reading_and_then_cut_off, start),
        cmocka_unit_test_setup(memory_for_answers_is_for_those_who_take_them, start),
        cmocka_unit_test_setup(beyond_the_memory_for_answers_only_small_ones_leave, start),
        cmocka_unit_test_setup(messages_to_a_node_that_does_not_take_them_are_dropped, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
