/* What a program relies on when nodes come and go: its requests end well, or with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/hlc.h"
#include "client_world.h"

static struct world world;
static struct id conversation = {{7}};

/* --- connecting ------------------------------------------------------------------------------ */

static void the_first_contact_is_enough(void **state)
{
    (void)state;
    world_start(&world, 3, 1);
    assert_false(client_is_ready(world.client));
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_int_equal(request.error.code, COLUMBA_OK);
    assert_int_equal(world.last_answer, MESSAGE_STATUS);
    assert_true(client_is_ready(world.client));
    assert_int_equal(client_fanout_members_max(world.client), 1024);
    assert_non_null(strstr(world.news, "up 10.0.0.1:7411\n"));
    world_end(&world);
}

static void a_refusing_contact_is_passed_over_at_once(void **state)
{
    (void)state;
    world_start(&world, 3, 3);
    world.nodes[0].refuses = true;
    world.nodes[1].refuses = true;
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run(&world, 1);
    assert_int_equal(world.completed, 1);
    assert_int_equal(request.error.code, COLUMBA_OK);
    world_end(&world);
}

static void a_contact_that_hangs_is_not_waited_for(void **state)
{
    (void)state;
    world_start(&world, 3, 2);
    world.nodes[0].is_mute = true;
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run(&world, 400);
    assert_int_equal(request.error.code, COLUMBA_OK);
    assert_int_equal(world.completed, 1);
    world_end(&world);
}

static void with_no_node_a_request_ends_soon_and_names_them_all(void **state)
{
    (void)state;
    world_start(&world, 3, 3);
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].refuses = true;
    }
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_true(world.now_ms < 1000);
    assert_int_equal(request.error.code, ERR_NO_NODE);
    assert_string_equal(request.error.text, "10.0.0.1:7411: connection refused; "
                                            "10.0.0.2:7411: connection refused; "
                                            "10.0.0.3:7411: connection refused");
    assert_false(request.error.outcome_unknown);
    world_end(&world);
}

static void a_cluster_that_comes_later_is_found(void **state)
{
    (void)state;
    world_start(&world, 3, 3);
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].refuses = true;
    }
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].refuses = false;
    }
    struct client_request again = world_send_request(&conversation);
    client_submit(world.client, &again);
    world_run(&world, 3000);
    assert_int_equal(world.completed, 2);
    assert_int_equal(again.error.code, COLUMBA_OK);
    world_end(&world);
}

static void reconnects_back_off_with_jitter(void **state)
{
    (void)state;
    world_start(&world, 1, 1);
    world.nodes[0].refuses = true;
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run(&world, 30000);
    assert_in_range(world.connect_count, 12, 30);
    uint64_t late_ms =
        world.connect_at_ms[world.connect_count - 1] - world.connect_at_ms[world.connect_count - 2];
    uint64_t early_ms = world.connect_at_ms[1] - world.connect_at_ms[0];
    assert_in_range(early_ms, 20, 60);
    assert_in_range(late_ms, 900, 2100);
    world_end(&world);
}

static void an_address_and_a_name_of_one_node_are_one_node(void **state)
{
    (void)state;
    const struct client_contact contacts[] = {{world_text("first.example"), CLIENT_PORT_DEFAULT}};
    world_init(&world, 3);
    struct client_config config = world_config(contacts, 1);
    world.client = client_create(memory_system(), &config);
    world_tell_time(&world);
    for (unsigned i = 0; i < 50; i++) {
        struct id some = {{(uint8_t)i, 1}};
        struct client_request request = world_send_request(&some);
        client_submit(world.client, &request);
        world_run_until(&world, i + 1);
    }
    assert_int_equal(world.nodes[0].connects, 1);
    assert_int_equal(world.nodes[1].connects, 1);
    uint32_t node;
    assert_true(client_node_find(world.client, world_text("node1"), &node));
    assert_true(client_node_is_connected(world.client, node));
    assert_true(client_node_find(world.client, world_text("10.0.0.2"), &node));
    assert_true(client_node_find(world.client, world_text("10.0.0.2:7411"), &node));
    assert_false(client_node_find(world.client, world_text("node9"), &node));
    world_end(&world);
}

/* --- who may be talked to -------------------------------------------------------------------- */

static void a_node_of_another_protocol_version_is_named(void **state)
{
    (void)state;
    world_start(&world, 1, 1);
    world.nodes[0].greeting =
        (struct message){.type = MESSAGE_STATUS,
                         .status = {.error = ERR_PROTOCOL_VERSION,
                                    .text = world_text("this node speaks versions 2 to 3")}};
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_int_equal(request.error.code, ERR_PROTOCOL_VERSION);
    assert_non_null(strstr(request.error.text, "this node speaks versions 2 to 3"));
    assert_non_null(strstr(request.error.text, "10.0.0.1:7411"));
    world_end(&world);
}

static void a_version_that_was_not_offered_is_refused(void **state)
{
    (void)state;
    world_start(&world, 1, 1);
    world.nodes[0].greeting = world_welcome(&world, 0);
    world.nodes[0].greeting.welcome.protocol = PROTOCOL_VERSION_MAX + 1;
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_int_equal(request.error.code, ERR_PROTOCOL_VERSION);
    world_end(&world);
}

static void another_cluster_is_refused(void **state)
{
    (void)state;
    const struct client_contact contacts[] = {{world_text("10.0.0.1"), CLIENT_PORT_DEFAULT}};
    world_init(&world, 1);
    struct client_config config = world_config(contacts, 1);
    config.cluster_name = world_text("production");
    world.client = client_create(memory_system(), &config);
    world_tell_time(&world);
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_int_equal(request.error.code, ERR_WRONG_CLUSTER);
    assert_non_null(strstr(request.error.text, "\"test\", not to \"production\""));
    world_end(&world);
}

static void a_senseless_cluster_is_refused(void **state)
{
    (void)state;
    world_start(&world, 2, 1);
    world.nodes[0].greeting = world_welcome(&world, 0);
    world.nodes[0].greeting.welcome.node_count = 0;
    struct client_request request = world_send_request(&conversation);
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_int_equal(request.error.code, ERR_NO_NODE);
    world_end(&world);
}

static void an_answer_that_does_not_belong_closes_the_connection(void **state)
{
    (void)state;
    world_start(&world, 1, 1);
    struct client_request first = world_send_request(&conversation);
    client_submit(world.client, &first);
    world_run_until(&world, 1);
    world.nodes[0].is_mute = true;
    struct client_request request = world_read_request(&conversation);
    client_submit(world.client, &request);
    world_run(&world, 1);
    world.nodes[0].is_mute = false;
    struct message wrong = {.type = MESSAGE_MEMBERS};
    client_received(world.client, world.last_connection, world.last_request_id,
                    world_clock(&world, 0), &wrong);
    world_run_until(&world, 2);
    assert_int_equal(request.error.code, COLUMBA_OK);
    assert_int_equal(world.nodes[0].connects, 2);
    world_end(&world);
}

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

/* All nodes connected. */
static void warm_world(unsigned node_count)
{
    world_start(&world, node_count, node_count);
    for (unsigned i = 0; i < 40; i++) {
        struct id some = {{(uint8_t)i, 9}};
        struct client_request request = world_send_request(&some);
        client_submit(world.client, &request);
        world_run_until(&world, i + 1);
    }
    world.completed = 0;
    world.asked_count = 0;
}

static void a_lost_connection_is_made_up_for_elsewhere(void **state)
{
    (void)state;
    warm_world(3);
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
    warm_world(3);
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
    warm_world(3);
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
    warm_world(3);
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
    warm_world(3);
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
    warm_world(3);
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
        warm_world(3);
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
    warm_world(1);
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
    warm_world(3);
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
        warm_world(3);
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
    warm_world(3);
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
    warm_world(3);
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
    warm_world(3);
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
    warm_world(3);
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
    warm_world(3);
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
    warm_world(3);
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

/* --- clocks and ids -------------------------------------------------------------------------- */

static void message_ids_rise_whatever_the_clock_does(void **state)
{
    (void)state;
    world_start(&world, 1, 1);
    struct id alice = id_of_name(ID_USER, slice_of_text("alice"));
    struct id bob = id_of_name(ID_USER, slice_of_text("bob"));
    struct id before = {{0}};
    for (unsigned i = 0; i < 10000; i++) {
        world.now_ms += i % 3 == 0;
        world.device_clock_ms = i > 5000 ? -3600000 : 0;
        world_tell_time(&world);
        const struct id *sender = i % 2 ? &alice : &bob;
        struct id id = client_message_id(world.client, sender);
        assert_true(id_compare(&id, &before) > 0);
        assert_true(message_id_is_of_sender(&id, sender));
        before = id;
    }
    world_end(&world);
}

static void a_device_with_a_wrong_clock_makes_sane_ids(void **state)
{
    (void)state;
    const int64_t wrong[] = {-86400000ll * 365, 86400000ll * 365, -90000, 90000};
    struct id alice = id_of_name(ID_USER, slice_of_text("alice"));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        world_start(&world, 3, 1);
        world.device_clock_ms = wrong[i];
        world_tell_time(&world);
        client_message_id(world.client, &alice);
        struct client_request request = world_send_request(&conversation);
        client_submit(world.client, &request);
        world_run_until(&world, 1);
        struct id id = client_message_id(world.client, &alice);
        uint64_t now_ms = WORLD_UNIX_MS + world.now_ms;
        assert_in_range(message_id_unix_ms(&id), now_ms - 1000, now_ms + 1000);
        world_end(&world);
    }
}

/* The time in the next id, as an error against the world's. */
static int64_t id_error_ms(void)
{
    struct id alice = id_of_name(ID_USER, slice_of_text("alice"));
    struct id id = client_message_id(world.client, &alice);
    return (int64_t)message_id_unix_ms(&id) - (int64_t)(WORLD_UNIX_MS + world.now_ms);
}

static void assert_ids_are_right(void)
{
    int64_t error_ms = id_error_ms();
    assert_true(error_ms >= -200 && error_ms <= 200);
}

static void send_some(unsigned count)
{
    unsigned completed = world.completed;
    for (unsigned i = 0; i < count; i++) {
        struct id some = {{(uint8_t)i, 9}};
        struct client_request request = world_send_request(&some);
        client_submit(world.client, &request);
        world_run_until(&world, completed + i + 1);
        world_run(&world, 10);
    }
}

static void one_node_with_a_wrong_clock_moves_no_id(void **state)
{
    (void)state;
    const int64_t wrong[] = {-3600000, 3600000, 70000};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        for (unsigned node = 0; node < 3; node++) {
            world_start(&world, 3, 3);
            world.nodes[node].clock_ms = wrong[i];
            send_some(40);
            assert_ids_are_right();
            world_cut(&world, node); /* and it says WELCOME last */
            world_run(&world, 3000);
            assert_ids_are_right();
            world_end(&world);
        }
    }
}

/* What was believed of the first node is put right as soon as others are heard. */
static void an_id_ahead_of_its_time_is_the_last_of_its_kind(void **state)
{
    (void)state;
    world_start(&world, 3, 1);
    world.nodes[0].clock_ms = 3600000;
    world.nodes[1].refuses = world.nodes[2].refuses = true;
    send_some(1);
    assert_true(id_error_ms() > 3500000);
    world.nodes[1].refuses = world.nodes[2].refuses = false;
    world_run(&world, 5000);
    send_some(40);
    assert_ids_are_right();
    world_end(&world);
}

static void steps_of_the_wall_clock_change_nothing(void **state)
{
    (void)state;
    const int64_t steps[] = {3600000, -3600000, 86400000ll * 365, -86400000ll * 365};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        world_start(&world, 3, 3);
        world.device_clock_ms = -90000;
        world_tell_time(&world);
        send_some(40);
        world.device_clock_ms = steps[i];
        world_run(&world, 1);
        assert_ids_are_right();
        send_some(40);
        assert_ids_are_right();
        for (unsigned node = 0; node < 3; node++) {
            world_cut(&world, node);
        }
        world_run(&world, 5000);
        assert_ids_are_right();
        world_end(&world);
    }
}

static void the_greeting_tells_the_time(void **state)
{
    (void)state;
    world_start(&world, 1, 1);
    world.device_clock_ms = -86400000;
    world_tell_time(&world);
    struct client_request request = {.node = CLIENT_NODE_ANY, .wait_for_connection = true};
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_ids_are_right();
    world_end(&world);
}

static void the_time_is_refreshed_by_replies(void **state)
{
    (void)state;
    warm_world(3);
    for (unsigned node = 0; node < 3; node++) {
        world.nodes[node].clock_ms = 2000; /* as the nodes' clocks do when theirs are set right */
    }
    send_some(40);
    int64_t error_ms = id_error_ms();
    assert_true(error_ms >= 1800 && error_ms <= 2200);
    world_end(&world);
}

static void what_is_no_time_is_not_believed(void **state)
{
    (void)state;
    const uint64_t told[] = {0, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_C(1) << 48};
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        world_start(&world, 1, 1);
        world.nodes[0].greeting = world_welcome(&world, 0);
        world.nodes[0].greeting.welcome.unix_ms = told[i];
        send_some(3);
        assert_ids_are_right();
        world_end(&world);
    }
}

static bool answer_clock_ahead(struct world *at, unsigned node, const struct message *request,
                               struct message *out_answer)
{
    (void)at;
    (void)node;
    (void)request;
    *out_answer = (struct message){.type = MESSAGE_STATUS, .status = {.error = ERR_CLOCK_AHEAD}};
    return true;
}

/* The node itself may be behind. */
static void an_id_found_too_far_ahead_is_taken_to_other_nodes(void **state)
{
    (void)state;
    warm_world(3);
    struct client_request request = world_send_request(&conversation);
    world.nodes[0].answer = world.nodes[1].answer = world.nodes[2].answer = answer_clock_ahead;
    client_submit(world.client, &request);
    world_run_until(&world, 1);
    assert_int_equal(request.error.code, ERR_CLOCK_AHEAD);
    assert_int_equal(world.asked_count, 3);
    unsigned first = world.asked[0].node;
    assert_int_not_equal(world.asked[1].node, first);
    world.nodes[world.asked[1].node].answer = world_answers_well;
    client_submit(world.client, &request);
    world_run_until(&world, 2);
    assert_int_equal(request.error.code, COLUMBA_OK);
    world_end(&world);
}

static void stamps_follow_what_is_heard(void **state)
{
    (void)state;
    warm_world(3);
    struct message ok = {.type = MESSAGE_STATUS};
    uint64_t heard = hlc_of_unix_ms(WORLD_UNIX_MS + world.now_ms + 900);
    client_received(world.client, world.last_connection, 0, heard, &ok);
    assert_true(client_clock(world.client) > heard);
    uint64_t absurd = hlc_of_unix_ms(WORLD_UNIX_MS + world.now_ms + 500000);
    client_received(world.client, world.last_connection, 0, absurd, &ok);
    assert_true(client_clock(world.client) < absurd);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_contact_is_enough),
        cmocka_unit_test(a_refusing_contact_is_passed_over_at_once),
        cmocka_unit_test(a_contact_that_hangs_is_not_waited_for),
        cmocka_unit_test(with_no_node_a_request_ends_soon_and_names_them_all),
        cmocka_unit_test(a_cluster_that_comes_later_is_found),
        cmocka_unit_test(reconnects_back_off_with_jitter),
        cmocka_unit_test(an_address_and_a_name_of_one_node_are_one_node),
        cmocka_unit_test(a_node_of_another_protocol_version_is_named),
        cmocka_unit_test(a_version_that_was_not_offered_is_refused),
        cmocka_unit_test(another_cluster_is_refused),
        cmocka_unit_test(a_senseless_cluster_is_refused),
        cmocka_unit_test(an_answer_that_does_not_belong_closes_the_connection),
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
        cmocka_unit_test(message_ids_rise_whatever_the_clock_does),
        cmocka_unit_test(a_device_with_a_wrong_clock_makes_sane_ids),
        cmocka_unit_test(one_node_with_a_wrong_clock_moves_no_id),
        cmocka_unit_test(an_id_ahead_of_its_time_is_the_last_of_its_kind),
        cmocka_unit_test(steps_of_the_wall_clock_change_nothing),
        cmocka_unit_test(the_greeting_tells_the_time),
        cmocka_unit_test(the_time_is_refreshed_by_replies),
        cmocka_unit_test(what_is_no_time_is_not_believed),
        cmocka_unit_test(an_id_found_too_far_ahead_is_taken_to_other_nodes),
        cmocka_unit_test(stamps_follow_what_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
