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
#include <sys/socket.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_takes_nothing_makes_room_for_others),
        cmocka_unit_test(whoever_takes_nothing_is_cut_off_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
