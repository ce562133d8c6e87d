/* Which nodes a client finds, whom it believes, and how it comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
