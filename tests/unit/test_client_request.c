/* What a program relies on when nodes come and go: its requests end well, or with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "client_world.h"

static struct world world;
static struct id conversation = {{7}};

/* --- routing --------------------------------------------------------------------------------- */

static void requests_go_to_a_replica(void **state)
{
    (void)state;
    world_start(&world, 5, 1);
    /* The first ones make the connections. */
    unsigned done = 0;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 100; i++) {
            struct id some = {{(uint8_t)i, 2}};
            struct client_request request = world_send_request(&some);
            client_submit(world.client, &request);
            world_run_until(&world, ++done);
        }
        world_run(&world, 10);
    }
    for (unsigned i = 0; i < 100; i++) {
        struct id some = {{(uint8_t)i, 2}};
        uint64_t token = token_of_partition(PARTITION_CONVERSATION, &some);
        /* One token each, evenly spread: the owner is the first at or after the token. */
        unsigned owner = 0;
        while (owner < 5 && token > UINT64_MAX / 5 * owner) {
            owner++;
        }
        assert_int_equal(world.asked[100 + i].node, owner % 5);
    }
    world_end(&world);
}

static void with_the_first_replica_down_the_next_one_serves(void **state)
{
    (void)state;
    world_start(&world, 3, 3);
    unsigned done = 0;
    for (unsigned i = 0; i < 30; i++) {
        struct id some = {{(uint8_t)i, 3}};
        struct client_request request = world_send_request(&some);
        client_submit(world.client, &request);
        world_run_until(&world, ++done);
    }
    world.nodes[1].refuses = true;
    world_cut(&world, 1);
    unsigned before = world.nodes[1].asked;
    for (unsigned i = 0; i < 30; i++) {
        struct id some = {{(uint8_t)i, 3}};
        struct client_request request = world_send_request(&some);
        client_submit(world.client, &request);
        world_run(&world, 1);
        assert_int_equal(world.completed, ++done);
        assert_int_equal(request.error.code, COLUMBA_OK);
    }
    assert_int_equal(world.nodes[1].asked, before);
    world_end(&world);
}

/* --- trying again ---------------------------------------------------------------------------- */

static unsigned failures_left;
static enum columba_error failure;

static bool fails_at_first(struct world *at, unsigned node, const struct message *request,
                           struct message *out_answer)
{
    if (failures_left > 0 && request->type != MESSAGE_PING) {
        failures_left--;
        *out_answer = (struct message){
            .type = MESSAGE_STATUS,
            .status = {
                .error = failure, .text = world_text("as told"), .needed = 2, .received = 1}};
        return true;
    }
    return world_answers_well(at, node, request, out_answer);
}

static void all_fail_at_first(enum columba_error error, unsigned times)
{
    failure = error;
    failures_left = times;
    for (unsigned i = 0; i < world.node_count; i++) {
        world.nodes[i].answer = fails_at_first;
    }
}

static void a_lost_connection_is_made_up_for_elsewhere(void **state)
{
    (void)state;
    world_warm(&world, 3);
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].is_mute = true;
    }
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run(&world, 5);
    unsigned first = world.asked[0].node;
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].is_mute = false;
    }
    world_cut(&world, first);
    world_run(&world, 1);
    assert_int_equal(world.completed, 1);
    assert_int_equal(request.error.code, COLUMBA_OK);
    assert_int_not_equal(world.asked[1].node, first);
    world_end(&world);
}

/* The first replica does not answer for a while: it gets no more than the others can make up for,
 * and all again when it has caught up. */
static void a_busy_replica_is_passed_over(void **state)
{
    (void)state;
    static struct client_request requests[30];
    world_warm(&world, 3);
    requests[0] = world_send_request(&conversation);
    client_submit(world.client, &requests[0]);
    world_run_until(&world, 1);
    unsigned preferred = world.asked[0].node;
    world.nodes[preferred].is_mute = true;
    unsigned before = world.asked_count;
    for (unsigned i = 0; i < 30; i++) {
        requests[i] = world_send_request(&conversation);
        client_submit(world.client, &requests[i]);
        world_drain(&world);
    }
    unsigned at_preferred = 0;
    for (unsigned i = before; i < world.asked_count; i++) {
        at_preferred += world.asked[i].node == preferred;
    }
    assert_int_equal(world.asked_count - before, 30);
    assert_in_range(at_preferred, 8, 12);
    /* Those it swallowed are asked of others in the end, and no longer count against it. */
    world_run(&world, 5000);
    assert_int_equal(world.completed, 31);
    world.nodes[preferred].is_mute = false;
    world_run(&world, 600);
    before = world.asked_count;
    client_submit(world.client, &requests[0]);
    world_drain(&world);
    assert_int_equal(world.asked[before].node, preferred);
    world_end(&world);
}

static void a_silent_node_is_left_and_avoided_until_it_speaks(void **state)
{
    (void)state;
    world_warm(&world, 3);
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    unsigned preferred = world.asked[0].node;
    world.nodes[preferred].is_mute = true;

    struct client_request slow = world_send_request(&conversation);
    client_submit(world.client, &slow);
    world_run(&world, 2600);
    assert_int_equal(world.completed, 2);
    assert_int_equal(slow.error.code, COLUMBA_OK);

    struct client_request quick = world_send_request(&conversation);
    client_submit(world.client, &quick);
    world_run(&world, 1);
    assert_int_equal(world.completed, 3);

    world.nodes[preferred].is_mute = false;
    world_run(&world, 600);
    struct client_request back = world_send_request(&conversation);
    client_submit(world.client, &back);
    world_run(&world, 1);
    assert_int_equal(world.asked[world.asked_count - 1].node, preferred);
    world_end(&world);
}

static void overload_is_waited_out_with_growing_pauses(void **state)
{
    (void)state;
    world_warm(&world, 3);
    all_fail_at_first(ERR_OVERLOADED, 5);
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_int_equal(request.error.code, COLUMBA_OK);
    assert_int_equal(world.asked_count, 6);
    assert_true(world.asked[1].at_ms - world.asked[0].at_ms >= 12);
    assert_true(world.asked[5].at_ms - world.asked[4].at_ms >
                world.asked[1].at_ms - world.asked[0].at_ms);
    world_end(&world);
}

static void a_node_is_left_at_once(enum columba_error error)
{
    world_warm(&world, 3);
    all_fail_at_first(error, 1);
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run(&world, 1);
    assert_int_equal(world.completed, 1);
    assert_int_equal(request.error.code, COLUMBA_OK);
    unsigned draining = world.asked[0].node;
    struct client_request next = world_send_request(&conversation);
    client_submit(world.client, &next);
    world_run(&world, 1);
    assert_int_not_equal(world.asked[world.asked_count - 1].node, draining);
    world_end(&world);
}

static void a_draining_node_is_left_at_once(void **state)
{
    (void)state;
    a_node_is_left_at_once(ERR_SHUTTING_DOWN);
}

static void a_node_whose_clock_is_wrong_is_left_at_once(void **state)
{
    (void)state;
    a_node_is_left_at_once(ERR_CLOCK_WRONG);
}

static void unavailable_is_asked_of_one_more_node_and_told(void **state)
{
    (void)state;
    world_warm(&world, 3);
    all_fail_at_first(ERR_UNAVAILABLE, 1000);
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run(&world, 1);
    assert_int_equal(world.completed, 1);
    assert_int_equal(request.error.code, ERR_UNAVAILABLE);
    assert_int_equal(request.error.needed, 2);
    assert_int_equal(request.error.received, 1);
    assert_string_equal(request.error.text, "as told");
    assert_int_equal(world.asked_count, 2);
    assert_int_not_equal(world.asked[0].node, world.asked[1].node);
    world_end(&world);
}

static void what_cannot_be_done_is_told_at_once(void **state)
{
    (void)state;
    const enum columba_error errors[] = {ERR_INVALID,   ERR_UNKNOWN_CONVERSATION, ERR_NOT_A_MEMBER,
                                         ERR_TOO_LARGE, ERR_WRONG_SENDER,         ERR_ID_CONFLICT};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        world_warm(&world, 3);
        all_fail_at_first(errors[i], 1000);
        struct client_request request = world_send_request(&conversation);
        client_submit(world.client, &request);
        world_run(&world, 1);
        assert_int_equal(world.completed, 1);
        assert_int_equal(request.error.code, errors[i]);
        assert_int_equal(world.asked_count, 1);
        assert_false(request.error.outcome_unknown);
        world_end(&world);
    }
}

static void what_a_node_says_cannot_steer_a_terminal(void **state)
{
    (void)state;
    world_warm(&world, 1);
    struct client_request request = world_send_request(&conversation);
    world.nodes[0].is_mute = true;
    client_submit(world.client, &request);
    world_run(&world, 1);
    struct message refusal = {.type = MESSAGE_STATUS,
                              .status = {.error = ERR_INVALID,
                                         .text = world_text("\x1b[2Jgr\xc3\xbc\xc3\x9f"
                                                            "e\xff\n")}};
    client_received(world.client, world.last_connection, world.last_request_id,
                    world_clock(&world, 0), &refusal);
    world_run(&world, 1);
    assert_string_equal(request.error.text, "?[2Jgr\xc3\xbc\xc3\x9f"
                                            "e??");
    world_end(&world);
}

static void at_the_deadline_the_last_reason_is_told(void **state)
{
    (void)state;
    world_warm(&world, 3);
    all_fail_at_first(ERR_TIMEOUT, 100000);
    struct client_request request = world_read_request(&conversation);
    request.timeout_ms = 3000;
    uint64_t begun_ms = world.now_ms;
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_in_range(world.now_ms - begun_ms, 1500, 3001);
    assert_int_equal(request.error.code, ERR_TIMEOUT);
    assert_int_equal(request.error.needed, 2);
    world_end(&world);
}

static void a_send_without_an_answer_has_an_unknown_outcome(void **state)
{
    (void)state;
    for (unsigned is_send = 0; is_send < 2; is_send++) {
        world_warm(&world, 3);
        for (unsigned i = 0; i < 3; i++) {
            world.nodes[i].is_mute = true;
        }
        struct client_request request =
            is_send ? world_send_request(&conversation) : world_read_request(&conversation);
        uint64_t begun_ms = world.now_ms;
        client_submit(world.client, &request);
        world_run_until(&world, 1);
        assert_int_equal(world.now_ms - begun_ms, 10000);
        assert_int_equal(request.error.code, ERR_TIMEOUT);
        assert_int_equal(request.error.outcome_unknown, is_send);
        world_end(&world);
    }
}

static void a_definite_error_after_a_lost_send_stays_uncertain(void **state)
{
    (void)state;
    world_warm(&world, 3);
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].is_mute = true;
    }
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run(&world, 1);
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].is_mute = false;
    }
    all_fail_at_first(ERR_UNAVAILABLE, 1000);
    world_cut(&world, world.asked[0].node);
    world_run_until(&world, 1);
    assert_int_equal(request.error.code, ERR_UNAVAILABLE);
    assert_true(request.error.outcome_unknown);
    world_end(&world);
}

static void a_command_is_never_given_twice(void **state)
{
    (void)state;
    world_warm(&world, 3);
    all_fail_at_first(ERR_OVERLOADED, 1000);
    struct client_request request = {.message = {.type = MESSAGE_ADMIN},
                                     .node = CLIENT_NODE_ANY,
                                     .not_idempotent = true,
                                     .no_attempt_timeout = true};
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_int_equal(request.error.code, ERR_OVERLOADED);
    assert_int_equal(world.asked_count, 1);

    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].is_mute = true;
    }
    request.timeout_ms = 60000;
    client_submit(world.client, &request);
    world_run(&world, 5000);
    assert_int_equal(world.completed, 1); /* it may take its time */
    world_cut(&world, world.asked[1].node);
    world_run(&world, 1);
    assert_int_equal(world.completed, 2);
    assert_int_equal(request.error.code, ERR_DISCONNECTED);
    assert_true(request.error.outcome_unknown);
    assert_int_equal(world.asked_count, 2);
    world_end(&world);
}

static void a_late_answer_is_nobodys(void **state)
{
    (void)state;
    world_warm(&world, 3);
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].is_mute = true;
    }
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run(&world, 1);
    uint64_t stale_id = world.last_request_id;
    uint32_t stale_connection = world.last_connection;
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].is_mute = false;
    }
    world_run_until(&world, 1);
    struct client_request next = world_send_request(&conversation);
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].is_mute = true;
    }
    client_submit(world.client, &next);
    world_run(&world, 1);
    struct message ok = {.type = MESSAGE_STATUS};
    client_received(world.client, stale_connection, stale_id, world_clock(&world, 0), &ok);
    client_received(world.client, stale_connection, 12345678, world_clock(&world, 0), &ok);
    client_received(world.client, stale_connection, UINT64_MAX, world_clock(&world, 0), &ok);
    world_run(&world, 1);
    assert_int_equal(world.completed, 1);
    world_end(&world);
}

/* The same slot, the same connection: only the attempt tells them apart. */
static void an_answer_to_a_cancelled_request_is_not_the_next_ones(void **state)
{
    (void)state;
    world_start(&world, 1, 1);
    struct client_request first = world_send_request(&conversation);
    client_submit(world.client, &first);
    world_run_until(&world, 1);
    world.nodes[0].is_mute = true;
    struct client_request cancelled = world_send_request(&conversation);
    client_submit(world.client, &cancelled);
    world_run(&world, 1);
    uint64_t stale_id = world.last_request_id;
    client_cancel(world.client, &cancelled);
    struct client_request next = world_send_request(&conversation);
    client_submit(world.client, &next);
    world_run(&world, 1);
    assert_true((uint32_t)world.last_request_id == (uint32_t)stale_id);
    struct message ok = {.type = MESSAGE_STATUS};
    client_received(world.client, world.last_connection, stale_id, world_clock(&world, 0), &ok);
    world_run(&world, 1);
    assert_int_equal(world.completed, 1);
    client_received(world.client, world.last_connection, world.last_request_id,
                    world_clock(&world, 0), &ok);
    world_run(&world, 1);
    assert_int_equal(world.completed, 2);
    world_end(&world);
}

static void what_is_not_idempotent_is_asked_once_even_after_silence(void **state)
{
    (void)state;
    world_warm(&world, 3);
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].is_mute = true;
    }
    struct client_request request = world_send_request(&conversation);
    request.not_idempotent = true;
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_int_equal(request.error.code, ERR_TIMEOUT);
    assert_true(request.error.outcome_unknown);
    world_run(&world, 5000);
    assert_int_equal(world.asked_count, 1);
    world_end(&world);
}

static void a_connection_that_stays_silent_is_closed_and_made_anew(void **state)
{
    (void)state;
    world_start(&world, 1, 1);
    struct client_request first = world_send_request(&conversation);
    client_submit(world.client, &first);
    world_run_until(&world, 1);
    uint32_t connection = world.last_connection;
    world.nodes[0].is_mute = true;
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run(&world, 9000);
    assert_int_equal(world.nodes[0].connects, 1);
    assert_int_equal(world.node_of_connection[connection], 0);
    world_run(&world, 5000);
    assert_true(world.nodes[0].connects > 1);
    assert_non_null(strstr(world.news, "silent"));
    world.nodes[0].is_mute = false;
    world_run(&world, 10000);
    client_submit(world.client, &first);
    world_run(&world, 1);
    assert_int_equal(first.error.code, COLUMBA_OK);
    world_end(&world);
}

/* A node that claims to have more, and gives nothing, would be asked for ever. */
static bool answer_more_of_nothing(struct world *at, unsigned node, const struct message *request,
                                   struct message *out_answer)
{
    (void)at;
    (void)node;
    *out_answer = (struct message){.type = MESSAGE_HISTORY, .history = {.more = true}};
    return request->type == MESSAGE_HISTORY_READ;
}

static void a_page_without_end_is_an_error_and_asked_of_another_node(void **state)
{
    (void)state;
    world_warm(&world, 3);
    struct client_request request = world_read_request(&conversation);
    world.nodes[0].answer = answer_more_of_nothing;
    world.nodes[1].answer = answer_more_of_nothing;
    world.nodes[2].answer = answer_more_of_nothing;
    client_submit(world.client, &request);
    world_run(&world, 1);
    assert_int_equal(world.asked_count, 3);
    world_run_until(&world, 1);
    assert_int_not_equal(request.error.code, COLUMBA_OK);
    assert_non_null(strstr(request.error.text, "claims to have a next one"));
    world_end(&world);
}

/* --- limits ---------------------------------------------------------------------------------- */

static void requests_under_way_are_bounded(void **state)
{
    (void)state;
    static struct client_request requests[101];
    const struct client_contact contacts[] = {{world_text("10.0.0.1"), CLIENT_PORT_DEFAULT}};
    world_init(&world, 1);
    world.nodes[0].is_mute = true;
    struct client_config config = world_config(contacts, 1);
    config.requests_max = 100;
    world.client = client_create(memory_system(), &config);
    world_tell_time(&world);
    for (unsigned i = 0; i < 101; i++) {
        requests[i] = world_send_request(&conversation);
        client_submit(world.client, &requests[i]);
    }
    world_drain(&world);
    assert_int_equal(client_in_flight(world.client), 100);
    assert_ptr_equal(world.last_completed, &requests[100]);
    assert_int_equal(requests[100].error.code, ERR_OVERLOADED);
    /* Full as it is, it sees every one of them to its end. */
    world_run(&world, 11000);
    assert_int_equal(world.completed, 101);
    assert_int_equal(client_in_flight(world.client), 0);
    world_end(&world);
}

static void a_cancelled_request_never_completes(void **state)
{
    (void)state;
    world_warm(&world, 3);
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    client_cancel(world.client, &request);
    client_cancel(world.client, &request);
    world_run(&world, 100);
    assert_int_equal(world.completed, 0);
    assert_int_equal(world.asked_count, 0);
    assert_int_equal(client_in_flight(world.client), 0);
    world_end(&world);
}

struct failing_memory {
    struct memory memory;
    unsigned left;
    int outstanding;
};

static void *failing_allocate(struct memory *memory, size_t size)
{
    struct failing_memory *failing = (struct failing_memory *)memory;
    if (failing->left == 0) {
        return NULL;
    }
    failing->left--;
    failing->outstanding++;
    return malloc(size);
}

static void failing_release(struct memory *memory, void *block)
{
    ((struct failing_memory *)memory)->outstanding--;
    free(block);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    const struct client_contact contacts[] = {{world_text("10.0.0.1"), CLIENT_PORT_DEFAULT}};
    bool succeeded = false;
    for (unsigned allowed = 0; !succeeded; allowed++) {
        struct failing_memory memory = {{failing_allocate, failing_release}, allowed, 0};
        world_init(&world, 5);
        struct client_config config = world_config(contacts, 1);
        world.client = client_create(&memory.memory, &config);
        if (world.client != NULL) {
            world_tell_time(&world);
            struct client_request request = world_send_request(&conversation);
            client_submit(world.client, &request);
            world_run_until(&world, 1);
            assert_int_equal(world.completed, 1);
            succeeded = request.error.code == COLUMBA_OK && memory.left > 0;
            world_end(&world);
        }
        assert_int_equal(memory.outstanding, 0);
        assert_true(allowed < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_go_to_a_replica),
        cmocka_unit_test(with_the_first_replica_down_the_next_one_serves),
        cmocka_unit_test(a_lost_connection_is_made_up_for_elsewhere),
        cmocka_unit_test(a_busy_replica_is_passed_over),
        cmocka_unit_test(a_silent_node_is_left_and_avoided_until_it_speaks),
        cmocka_unit_test(overload_is_waited_out_with_growing_pauses),
        cmocka_unit_test(a_draining_node_is_left_at_once),
        cmocka_unit_test(a_node_whose_clock_is_wrong_is_left_at_once),
        cmocka_unit_test(unavailable_is_asked_of_one_more_node_and_told),
        cmocka_unit_test(what_cannot_be_done_is_told_at_once),
        cmocka_unit_test(what_a_node_says_cannot_steer_a_terminal),
        cmocka_unit_test(at_the_deadline_the_last_reason_is_told),
        cmocka_unit_test(a_send_without_an_answer_has_an_unknown_outcome),
        cmocka_unit_test(a_definite_error_after_a_lost_send_stays_uncertain),
        cmocka_unit_test(a_command_is_never_given_twice),
        cmocka_unit_test(a_late_answer_is_nobodys),
        cmocka_unit_test(an_answer_to_a_cancelled_request_is_not_the_next_ones),
        cmocka_unit_test(what_is_not_idempotent_is_asked_once_even_after_silence),
        cmocka_unit_test(a_connection_that_stays_silent_is_closed_and_made_anew),
        cmocka_unit_test(a_page_without_end_is_an_error_and_asked_of_another_node),
        cmocka_unit_test(requests_under_way_are_bounded),
        cmocka_unit_test(a_cancelled_request_never_completes),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
