/* The simulator's time and network: what the simulated cluster may rely on, and what it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/network.h"

#define LOG_MAX 256u

/* Everything an endpoint was told, as letters: A accepted, O opened, a digit for a frame of that
 * body, C closed, a small letter for a datagram. */
struct listener {
    char log[LOG_MAX];
    uint64_t connection;
};

struct scene {
    struct schedule schedule;
    struct trace trace;
    struct network *network;
    struct listener listeners[2];
};

static void note(struct listener *listener, char what)
{
    size_t length = strlen(listener->log);
    assert_true(length + 1 < LOG_MAX);
    listener->log[length] = what;
}

static void on_accepted(void *context, uint64_t connection, uint32_t from)
{
    (void)from;
    struct listener *listener = context;
    listener->connection = connection;
    note(listener, 'A');
}

static void on_opened(void *context, uint64_t connection)
{
    (void)connection;
    note(context, 'O');
}

static void on_frame(void *context, uint64_t connection, struct slice bytes)
{
    (void)connection;
    note(context, (char)bytes.data[bytes.size - 1]);
}

static void on_closed(void *context, uint64_t connection)
{
    (void)connection;
    note(context, 'C');
}

static void on_datagram(void *context, uint32_t from, struct slice bytes)
{
    (void)from;
    note(context, (char)bytes.data[0]);
}

static void scene_begin(struct scene *scene, uint64_t seed)
{
    memset(scene, 0, sizeof *scene);
    schedule_init(&scene->schedule);
    trace_init(&scene->trace, &scene->schedule, NULL);
    scene->network = network_create(&scene->schedule, &scene->trace, seed, 2);
    for (uint32_t i = 0; i < 2; i++) {
        network_attach(scene->network, i,
                       (struct network_handler){.context = &scene->listeners[i],
                                                .accepted = on_accepted,
                                                .opened = on_opened,
                                                .frame = on_frame,
                                                .closed = on_closed,
                                                .datagram = on_datagram});
    }
}

static void scene_end(struct scene *scene)
{
    network_destroy(scene->network);
    schedule_clear(&scene->schedule);
}

static void run_for(struct scene *scene, uint64_t us)
{
    uint64_t until_us = scene->schedule.now_us + us;
    while (schedule_run_next(&scene->schedule, until_us)) {
    }
}

/* A frame is as long as its header at least; its last byte is what the log shows. */
static void send_digit(struct scene *scene, uint64_t connection, uint32_t from, char digit)
{
    uint8_t bytes[64] = {0};
    bytes[sizeof bytes - 1] = (uint8_t)digit;
    network_send(scene->network, connection, from, slice_of(bytes, sizeof bytes));
}

static uint64_t connect(struct scene *scene)
{
    uint64_t connection = network_connect(scene->network, 0, 1);
    run_for(scene, MICROSECONDS_PER_SECOND);
    return connection;
}

static void append_letter(void *context, uint64_t letter)
{
    note(context, (char)letter);
}

static void test_entries_run_by_time_and_in_the_order_of_their_making(void **state)
{
    (void)state;
    struct schedule schedule;
    struct listener listener = {0};
    schedule_init(&schedule);
    schedule_at(&schedule, 30, append_letter, &listener, 'd');
    schedule_at(&schedule, 10, append_letter, &listener, 'a');
    schedule_at(&schedule, 20, append_letter, &listener, 'b');
    schedule_at(&schedule, 20, append_letter, &listener, 'c');
    while (schedule_run_next(&schedule, 25)) {
    }
    assert_string_equal(listener.log, "abc");
    assert_int_equal(schedule.now_us, 25);
    schedule_clear(&schedule);
}

static void test_a_connection_carries_frames_in_order_and_once(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene, 1);
    *network_weather(scene.network) =
        (struct network_weather){.delay_mean_us = 5000, .connection_straggle = 300000};
    uint64_t connection = connect(&scene);
    for (char digit = '0'; digit <= '9'; digit++) {
        send_digit(&scene, connection, 0, digit);
    }
    run_for(&scene, 20 * MICROSECONDS_PER_SECOND);
    assert_string_equal(scene.listeners[0].log, "O");
    assert_string_equal(scene.listeners[1].log, "A0123456789");
    scene_end(&scene);
}

static void test_a_blocked_link_holds_frames_back_in_one_direction(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene, 2);
    uint64_t connection = connect(&scene);
    network_block(scene.network, 0, 1, true);
    send_digit(&scene, connection, 0, '1');
    send_digit(&scene, connection, 1, '2');
    run_for(&scene, MICROSECONDS_PER_SECOND / 2);
    assert_string_equal(scene.listeners[0].log, "O2");
    assert_string_equal(scene.listeners[1].log, "A");
    network_block(scene.network, 0, 1, false);
    run_for(&scene, MICROSECONDS_PER_SECOND);
    assert_string_equal(scene.listeners[1].log, "A1");
    scene_end(&scene);
}

static void test_a_link_blocked_for_long_breaks_the_connection_for_both(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene, 3);
    uint64_t connection = connect(&scene);
    network_block(scene.network, 0, 1, true);
    send_digit(&scene, connection, 0, '1');
    run_for(&scene, 10 * MICROSECONDS_PER_SECOND);
    network_block(scene.network, 0, 1, false);
    run_for(&scene, MICROSECONDS_PER_SECOND);
    assert_string_equal(scene.listeners[0].log, "OC");
    assert_string_equal(scene.listeners[1].log, "AC");
    scene_end(&scene);
}

static void test_what_a_dead_process_had_sent_still_arrives(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene, 4);
    uint64_t connection = connect(&scene);
    send_digit(&scene, connection, 0, '1');
    network_down(scene.network, 0, false);
    run_for(&scene, MICROSECONDS_PER_SECOND);
    assert_string_equal(scene.listeners[0].log, "O");
    assert_string_equal(scene.listeners[1].log, "A1C");
    scene_end(&scene);
}

static void test_a_dead_machine_is_noticed_late(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene, 5);
    connect(&scene);
    network_down(scene.network, 0, true);
    run_for(&scene, MICROSECONDS_PER_SECOND / 2);
    assert_string_equal(scene.listeners[1].log, "A");
    run_for(&scene, 10 * MICROSECONDS_PER_SECOND);
    assert_string_equal(scene.listeners[1].log, "AC");
    scene_end(&scene);
}

static void test_nobody_answers_for_a_host_that_is_down(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene, 6);
    network_down(scene.network, 1, false);
    connect(&scene);
    assert_string_equal(scene.listeners[0].log, "C");
    assert_string_equal(scene.listeners[1].log, "");
    scene_end(&scene);
}

static void test_datagrams_are_lost_and_doubled(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene, 7);
    *network_weather(scene.network) =
        (struct network_weather){.datagram_drop = 500, .datagram_duplicate = 500};
    for (char letter = 'a'; letter <= 'z'; letter++) {
        network_datagram(scene.network, 0, 1, slice_of(&letter, 1));
    }
    run_for(&scene, MICROSECONDS_PER_SECOND);
    unsigned lost = 0;
    unsigned doubled = 0;
    for (char letter = 'a'; letter <= 'z'; letter++) {
        const char *first = strchr(scene.listeners[1].log, letter);
        lost += first == NULL;
        doubled += first != NULL && strchr(first + 1, letter) != NULL;
    }
    assert_in_range(lost, 5, 20);
    assert_in_range(doubled, 1, 15);
    scene_end(&scene);
}

static uint64_t trace_of_seed(uint64_t seed)
{
    struct scene scene;
    scene_begin(&scene, seed);
    *network_weather(scene.network) = (struct network_weather){.delay_mean_us = 5000};
    uint64_t connection = connect(&scene);
    for (char digit = '0'; digit <= '9'; digit++) {
        send_digit(&scene, connection, 0, digit);
        send_digit(&scene, connection, 1, digit);
    }
    run_for(&scene, MICROSECONDS_PER_SECOND);
    uint64_t hash = scene.trace.hash;
    scene_end(&scene);
    return hash;
}

static void test_the_seed_decides_everything(void **state)
{
    (void)state;
    assert_true(trace_of_seed(8) == trace_of_seed(8));
    assert_true(trace_of_seed(8) != trace_of_seed(9));
}

static void test_the_canary_is_seen_in_frames_and_datagrams(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene, 10);
    network_canary(scene.network, slice_of_text("canary"));
    uint64_t connection = connect(&scene);
    network_send(scene.network, connection, 0, slice_of_text("a frame of twenty-eight bytes…"));
    assert_int_equal(network_canaries_seen(scene.network), 0);
    network_send(scene.network, connection, 0, slice_of_text("a long frame with a canary in it"));
    network_datagram(scene.network, 0, 1, slice_of_text("canary"));
    assert_int_equal(network_canaries_seen(scene.network), 2);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_run_by_time_and_in_the_order_of_their_making),
        cmocka_unit_test(test_a_connection_carries_frames_in_order_and_once),
        cmocka_unit_test(test_a_blocked_link_holds_frames_back_in_one_direction),
        cmocka_unit_test(test_a_link_blocked_for_long_breaks_the_connection_for_both),
        cmocka_unit_test(test_what_a_dead_process_had_sent_still_arrives),
        cmocka_unit_test(test_a_dead_machine_is_noticed_late),
        cmocka_unit_test(test_nobody_answers_for_a_host_that_is_down),
        cmocka_unit_test(test_datagrams_are_lost_and_doubled),
        cmocka_unit_test(test_the_seed_decides_everything),
        cmocka_unit_test(test_the_canary_is_seen_in_frames_and_datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
