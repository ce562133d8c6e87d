/*
 * What a node relies on when more is asked of it than it can keep: memory stays within what the
 * configuration says, whoever does not read is cut off, and everybody else is served.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/content.h"
#include "tests/unit/shell_cluster.h"

#define OUTPUT_MAX_BYTES (4u * MIB)

static struct shell_cluster cluster;

static uint16_t port(void)
{
    return cluster.nodes[0].port;
}

static uint64_t counter(const char *name)
{
    return shell_counter(port(), name);
}

static void clients_fill(struct shell_client *clients, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        shell_client_connect(&clients[i], port());
    }
}

static void clients_close(struct shell_client *clients, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        shell_client_close(&clients[i]);
    }
}

/* ---- clients that take nothing ---- */

#define BODY_BYTES 8000u
#define MESSAGES 90u
#define IDLERS 40u
#define PAGES 8u

static struct message page_ask(void)
{
    return (struct message){
        .type = MESSAGE_HISTORY_READ,
        .history_read = {.conversation = id_of_name(ID_CONVERSATION, slice_of_text("large")),
                         .limit = 1000},
    };
}

/* One page of it is some 700 KiB. */
static void large_conversation_make(struct shell_client *client)
{
    static uint8_t content[BODY_BYTES + 1024];
    static char text[BODY_BYTES + 1];
    memset(text, 'x', BODY_BYTES);
    shell_conversation_create(client, "large", "alice", "bob");
    for (unsigned i = 0; i < MESSAGES; i++) {
        struct message send = shell_send_make("large", "alice", text, content);
        struct message answer = shell_client_ask(client, &send);
        assert_int_equal(answer.status.error, COLUMBA_OK);
    }
}

static void idlers_ask(struct shell_client *idlers)
{
    struct message ask = page_ask();
    int small = 16 * 1024;
    for (unsigned i = 0; i < IDLERS; i++) {
        shell_client_connect(&idlers[i], port());
        setsockopt(idlers[i].socket, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        for (unsigned j = 0; j < PAGES; j++) {
            shell_client_send(&idlers[i], &ask, j + 1);
        }
    }
}

/* True: the node has cut it off. */
static bool is_cut_off(struct shell_client *client)
{
    static uint8_t bytes[256 * 1024];
    ssize_t got;
    do {
        got = recv(client->socket, bytes, sizeof bytes, MSG_DONTWAIT);
    } while (got > 0);
    return got == 0 || errno != EAGAIN;
}

static void idlers_are_cut_off(struct shell_client *idlers)
{
    for (unsigned i = 0; i < IDLERS; i++) {
        for (unsigned tries = 0; !is_cut_off(&idlers[i]); tries++) {
            assert_true(tries < 2000);
            usleep(5000);
        }
        shell_client_close(&idlers[i]);
    }
}

/* The budget, with its slack: one answer each that is too small to be refused. */
static void output_stays_within_its_budget(void)
{
    for (unsigned i = 0; i < 20; i++) {
        assert_in_range(counter("output_bytes"), 0, OUTPUT_MAX_BYTES + IDLERS * 16 * KIB);
        usleep(10000);
    }
}

static void whoever_takes_nothing_makes_room_for_others(void **state)
{
    (void)state;
    struct shell_client idlers[IDLERS];
    struct shell_client reader;
    struct message ask = page_ask();
    shell_cluster_start(&cluster, 1, "limits: {output_max: 4MiB}\n");
    shell_client_connect(&reader, port());
    large_conversation_make(&reader);
    idlers_ask(idlers);
    output_stays_within_its_budget();
    assert_true(counter("answers_refused") + counter("requests_refused") > 0);
    for (unsigned tries = 0; counter("outputs_cut_off") == 0; tries++) {
        assert_true(tries < 1000);
        usleep(5000);
    }
    for (unsigned tries = 0;; tries++) {
        struct message answer = shell_client_ask(&reader, &ask);
        if (answer.type == MESSAGE_HISTORY) {
            assert_int_equal(answer.history.row_count, MESSAGES);
            break;
        }
        assert_int_equal(answer.status.error, ERR_OVERLOADED);
        assert_true(tries < 1000);
        usleep(10000);
    }
    for (unsigned i = 0; i < IDLERS; i++) {
        shell_client_close(&idlers[i]);
    }
    shell_client_close(&reader);
    shell_cluster_stop(&cluster);
}

/* Memory is not short: a deadline holds all the same. */
static void whoever_takes_nothing_is_cut_off_in_time(void **state)
{
    (void)state;
    struct shell_client idlers[IDLERS];
    struct shell_client client;
    shell_cluster_start(&cluster, 1, "output_timeout: 200ms\n");
    shell_client_connect(&client, port());
    large_conversation_make(&client);
    idlers_ask(idlers);
    for (unsigned tries = 0; counter("outputs_timed_out") < IDLERS; tries++) {
        assert_true(tries < 1000);
        usleep(5000);
    }
    idlers_are_cut_off(idlers);
    assert_int_equal(counter("output_bytes"), 0);
    assert_int_equal(counter("outputs_cut_off"), 0);
    shell_client_close(&client);
    shell_cluster_stop(&cluster);
}

/* ---- requests, with a disk that is slow ---- */

#define ROOMS 90u

static void slow_start(struct shell_client *client, const char *options)
{
    shell_slowness_end();
    shell_cluster_start(&cluster, 1, options);
    shell_client_connect(client, port());
    large_conversation_make(client);
    shell_rooms_create(client, ROOMS);
}

static void slow_stop(struct shell_client *client)
{
    shell_slowness_end();
    shell_client_close(client);
    shell_cluster_stop(&cluster);
}

struct tally {
    unsigned done;
    unsigned refused;
};

/* Sends all at once, and counts the answers; a refusal has to name the limit. */
static struct tally sends_tally(struct shell_client *client, unsigned count, size_t body_bytes,
                                const char *limit)
{
    static uint8_t content[64 * 1024];
    static char text[64 * 1024];
    struct tally tally = {0};
    struct message answer;
    memset(text, 'y', sizeof text);
    text[body_bytes] = '\0';
    for (unsigned i = 0; i < count; i++) {
        char room[SHELL_ROOM_BYTES];
        struct message send = shell_send_make(shell_room(i % ROOMS, room), "alice", text, content);
        shell_client_send(client, &send, i + 1);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_true(shell_client_receive(client, &answer, NULL));
        if (answer.status.error == COLUMBA_OK) {
            tally.done++;
            continue;
        }
        assert_int_equal(answer.status.error, ERR_OVERLOADED);
        assert_non_null(
            memmem(answer.status.text.data, answer.status.text.size, limit, strlen(limit)));
        tally.refused++;
    }
    return tally;
}

static void requests_of_one_client_beyond_its_limit_wait_in_its_socket(void **state)
{
    (void)state;
    struct shell_client client;
    uint8_t content[256];
    slow_start(&client, "limits: {connection_requests: 4}\n");
    shell_slowness.commit_ms = 500;
    for (unsigned i = 0; i < 30; i++) {
        char room[SHELL_ROOM_BYTES];
        struct message send = shell_send_make(shell_room(i, room), "alice", "x", content);
        shell_client_send(&client, &send, i + 1);
    }
    for (unsigned tries = 0; shell_counter(port(), "requests") < 5; tries++) {
        assert_true(tries < 1000);
        usleep(2000);
    }
    usleep(50000);
    assert_int_equal(shell_counter(port(), "requests"), 5); /* with the one that asks */
    shell_slowness.commit_ms = 0;
    for (unsigned i = 0; i < 30; i++) {
        struct message answer;
        assert_true(shell_client_receive(&client, &answer, NULL));
        assert_int_equal(answer.status.error, COLUMBA_OK);
    }
    slow_stop(&client);
}

/* Exactly when clients have filled the node an administrator has to see it. */
static void administration_takes_no_place_of_clients_requests(void **state)
{
    (void)state;
    struct shell_client client;
    struct shell_client other;
    uint8_t content[256];
    slow_start(&client, "limits: {requests: 1}\n");
    shell_client_connect(&other, port());
    shell_slowness.commit_ms = 500;
    struct message send = shell_send_make("large", "alice", "x", content);
    shell_client_send(&client, &send, 1);
    while (shell_counter(port(), "requests") < 2) {
        usleep(2000);
    }
    send = shell_send_make("large", "alice", "y", content);
    struct message answer = shell_client_ask(&other, &send);
    assert_int_equal(answer.status.error, ERR_OVERLOADED);
    assert_non_null(
        memmem(answer.status.text.data, answer.status.text.size, "limits.requests", 15));
    json_decref(shell_client_admin(&other, "status"));
    assert_true(shell_client_receive(&client, &answer, NULL));
    assert_int_equal(answer.status.error, COLUMBA_OK);
    shell_client_close(&other);
    slow_stop(&client);
}

/* Three times: what was taken is given back. */
static void bytes_of_requests_under_way_are_bounded(void **state)
{
    (void)state;
    struct shell_client client;
    slow_start(&client, "limits: {request_bytes: 2MiB}\n");
    for (unsigned round = 0; round < 3; round++) {
        shell_slowness.commit_ms = 300;
        struct tally tally = sends_tally(&client, 60, 60000, "limits.request_bytes");
        assert_in_range(tally.done, 30, 50);
        assert_true(tally.refused >= 10);
        shell_slowness.commit_ms = 0;
        tally = sends_tally(&client, 30, 60000, "limits.request_bytes");
        assert_int_equal(tally.done, 30);
    }
    slow_stop(&client);
}

static void writes_that_wait_for_the_disk_are_bounded(void **state)
{
    (void)state;
    struct shell_client client;
    slow_start(&client, "limits: {batch_max: 2MiB}\n");
    shell_slowness.commit_ms = 300;
    struct tally tally = sends_tally(&client, 90, 60000, "limits.batch_max");
    assert_true(tally.done >= 30 && tally.refused >= 10);
    shell_slowness.commit_ms = 0;
    assert_int_equal(sends_tally(&client, 30, 60000, "limits.batch_max").done, 30);
    slow_stop(&client);
}

static void reads_that_wait_for_the_disk_are_bounded(void **state)
{
    (void)state;
    enum { READS = 20 };
    struct shell_client client;
    struct message ask = page_ask();
    unsigned overloaded = 0;
    slow_start(&client, "limits: {reads_queued: 2}\nreader_threads: 1\n");
    for (unsigned round = 0; round < 2; round++) {
        shell_slowness.disk_ms = 50;
        for (unsigned i = 0; i < READS; i++) {
            shell_client_send(&client, &ask, i + 1);
        }
        for (unsigned i = 0; i < READS; i++) {
            struct message answer;
            assert_true(shell_client_receive(&client, &answer, NULL));
            overloaded += answer.type == MESSAGE_STATUS;
        }
        shell_slowness.disk_ms = 0;
        assert_int_equal(shell_client_ask(&client, &ask).type, MESSAGE_HISTORY);
    }
    assert_in_range(overloaded, READS, 2 * READS - 4);
    assert_true(shell_counter(port(), "reads_refused") >= overloaded);
    slow_stop(&client);
}

static void frames_that_have_come_in_part_are_bounded(void **state)
{
    (void)state;
    enum { SENDERS = 8, PART_BYTES = 900 * 1024 };
    static uint8_t part[1024 * 1024];
    struct shell_client senders[SENDERS];
    struct frame frame = {.payload_bytes = 1000 * 1024, .type = MESSAGE_HISTORY_IMPORT};
    shell_cluster_start(&cluster, 1, "limits: {input_max: 4MiB}\n");
    frame_header_encode(part, &frame);
    for (unsigned i = 0; i < SENDERS; i++) {
        shell_client_connect(&senders[i], port());
        shell_client_write(&senders[i], part, PART_BYTES);
    }
    for (unsigned tries = 0; counter("input_refused") < SENDERS / 2; tries++) {
        assert_true(tries < 1000);
        usleep(2000);
        assert_true(counter("input_bytes") <= 4 * MIB);
    }
    clients_close(senders, SENDERS);
    for (unsigned tries = 0; counter("input_bytes") > 0; tries++) {
        assert_true(tries < 1000);
        usleep(2000);
    }
    shell_cluster_stop(&cluster);
}

static void answers_that_pile_up_cut_a_client_off(void **state)
{
    (void)state;
    struct shell_client client;
    struct message ask = page_ask();
    int small = 16 * 1024;
    slow_start(&client, "limits: {connection_output: 2MiB, connection_output_max: 2MiB}\n");
    setsockopt(client.socket, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (unsigned i = 0; i < 20; i++) {
        shell_client_send(&client, &ask, i + 1);
    }
    for (unsigned tries = 0; counter("output_overruns") == 0; tries++) {
        assert_true(tries < 1000);
        usleep(2000);
    }
    for (unsigned tries = 0; !is_cut_off(&client); tries++) {
        assert_true(tries < 2000);
        usleep(2000);
    }
    slow_stop(&client);
}

/* A node that asks and is not answered by the core, whose disk stands still. */
static void a_request_that_nobody_answers_is_given_up(void **state)
{
    (void)state;
    struct shell_client node;
    struct message hello = shell_hello(ROLE_NODE, 1);
    struct id user = id_of_name(ID_USER, slice_of_text("alice"));
    struct message fanout = {
        .type = MESSAGE_FANOUT,
        .fanout = {.users = &user, .user_count = 1, .topology_version = 1, .sender = user},
    };
    shell_slowness_end();
    shell_cluster_start_first(&cluster, 2, 0,
                              "write_timeout: 10ms\nread_timeout: 10ms\n"
                              "handshake_timeout: 100ms\n");
    cluster.nodes[0].request_patience_ms = 100;
    shell_node_start(&cluster.nodes[0]);
    shell_client_open(&node, port());
    assert_int_equal(shell_client_ask(&node, &hello).type, MESSAGE_WELCOME);
    shell_slowness.commit_ms = 1500;
    struct message answer = shell_client_ask(&node, &fanout);
    assert_int_equal(answer.type, MESSAGE_STATUS);
    assert_int_equal(answer.status.error, ERR_OUTCOME_UNKNOWN);
    assert_int_equal(counter("requests_abandoned"), 1);
    assert_int_equal(counter("requests"), 1); /* the one that asks */
    shell_slowness.commit_ms = 0;
    shell_client_close(&node);
    shell_cluster_stop(&cluster);
}

/* ---- places ---- */

static void clients_take_no_place_of_a_node(void **state)
{
    (void)state;
    struct shell_client clients[8];
    shell_cluster_start(&cluster, 2, "limits: {connections_max: 8}\n");
    clients_fill(clients, 8);
    shell_node_stop(&cluster.nodes[1]);
    shell_node_start(&cluster.nodes[1]);
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned tries = 0; !shell_node_sees_all(&cluster, i); tries++) {
            assert_true(tries < 2000);
            usleep(5000);
        }
    }
    clients_close(clients, 8);
    shell_cluster_stop(&cluster);
}

static void connections_that_say_nothing_take_no_place(void **state)
{
    (void)state;
    struct shell_client silent[INTAKE_GREETINGS_SPARE + 20];
    struct shell_client clients[8];
    unsigned count = sizeof silent / sizeof *silent;
    shell_cluster_start(&cluster, 1, "limits: {connections_max: 8}\n");
    for (unsigned i = 0; i < count; i++) {
        shell_client_open(&silent[i], port());
    }
    clients_fill(clients, 8);
    assert_true(counter("connections_refused") >= 20);
    clients_close(clients, 8);
    clients_close(silent, count);
    shell_cluster_stop(&cluster);
}

static void administrators_have_places_and_ask_nothing_else(void **state)
{
    (void)state;
    struct shell_client clients[8];
    struct shell_client administrators[INTAKE_ADMINISTRATION_CONNECTIONS];
    struct shell_client further;
    struct message page = page_ask();
    struct message hello = shell_hello(ROLE_ADMINISTRATOR, 0);
    shell_cluster_start(&cluster, 1, "limits: {connections_max: 8}\n");
    clients_fill(clients, 8);
    for (unsigned i = 0; i < INTAKE_ADMINISTRATION_CONNECTIONS; i++) {
        shell_client_connect_as(&administrators[i], port(), ROLE_ADMINISTRATOR);
    }
    json_decref(shell_client_admin(&administrators[0], "status"));
    struct message answer = shell_client_ask(&administrators[0], &page);
    assert_int_equal(answer.status.error, ERR_NOT_SUPPORTED);
    shell_client_open(&further, port());
    answer = shell_client_ask(&further, &hello);
    assert_int_equal(answer.status.error, ERR_OVERLOADED);
    shell_client_close(&further);
    clients_close(administrators, INTAKE_ADMINISTRATION_CONNECTIONS);
    clients_close(clients, 8);
    shell_cluster_stop(&cluster);
}

/* ---- open files ---- */

/* Lowering the limit cannot be taken back: another process. No thread runs yet, so that it may
 * start some under the thread sanitizer as well. Its exit code is 0 where the node was
 * refused with a sentence. */
static int starts_with_open_files(rlim_t limit)
{
    pid_t child = fork();
    if (child == 0) {
        struct rlimit few = {.rlim_cur = limit, .rlim_max = limit};
        char text[CONFIG_PROBLEM_BYTES] = "";
        struct node *node;
        struct log log = shell_log();
        struct node_options options = {
            .config = &cluster.nodes[0].config,
            .log = &log,
            .engine = engine_locked_open(engine_memory_open(memory_system())),
        };
        setrlimit(RLIMIT_NOFILE, &few);
        enum columba_error error = node_create(&options, &node, text);
        bool is_told = error == ERR_CONFIGURATION && strstr(text, "limit of open files") != NULL;
        _exit(is_told ? 0 : error == COLUMBA_OK ? 1 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

static void a_node_that_could_serve_nobody_does_not_start(void **state)
{
    (void)state;
    shell_cluster_start_first(&cluster, 1, 0, "limits: {engine_open_files: 64}\n");
    assert_int_equal(starts_with_open_files(100), 0);
    assert_int_equal(starts_with_open_files(210), 0);
    assert_int_equal(starts_with_open_files(300), 1);
    shell_cluster_stop(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_that_could_serve_nobody_does_not_start),
        cmocka_unit_test(clients_take_no_place_of_a_node),
        cmocka_unit_test(connections_that_say_nothing_take_no_place),
        cmocka_unit_test(administrators_have_places_and_ask_nothing_else),
        cmocka_unit_test(whoever_takes_nothing_makes_room_for_others),
        cmocka_unit_test(whoever_takes_nothing_is_cut_off_in_time),
        cmocka_unit_test(requests_of_one_client_beyond_its_limit_wait_in_its_socket),
        cmocka_unit_test(administration_takes_no_place_of_clients_requests),
        cmocka_unit_test(bytes_of_requests_under_way_are_bounded),
        cmocka_unit_test(writes_that_wait_for_the_disk_are_bounded),
        cmocka_unit_test(reads_that_wait_for_the_disk_are_bounded),
        cmocka_unit_test(frames_that_have_come_in_part_are_bounded),
        cmocka_unit_test(answers_that_pile_up_cut_a_client_off),
        cmocka_unit_test(a_request_that_nobody_answers_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
