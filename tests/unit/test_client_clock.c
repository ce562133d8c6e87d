/* Ids and stamps follow the time of the nodes, whatever the device's clock does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/hlc.h"
#include "client_world.h"

static struct world world;
static struct id conversation = {{7}};

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
    world_warm(&world, 3);
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
    world_warm(&world, 3);
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
    world_warm(&world, 3);
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
