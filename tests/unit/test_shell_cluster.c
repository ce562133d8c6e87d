/*
 * Whole nodes over real sockets: what is sent through one is read through another, a node that dies
 * is not missed, one that stops answers what it has taken, and one whose disk fails stops at once
 * without a word that it could not keep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/content.h"
#include "tests/unit/shell_cluster.h"

#define CONTENT_BYTES 2048u

static struct id conversation_id(const char *name)
{
    return id_of_name(ID_CONVERSATION, slice_of_text(name));
}

static enum columba_error send_text(struct shell_client *client, const char *conversation,
                                    const char *text)
{
    uint8_t content[CONTENT_BYTES];
    struct message send = shell_send_make(conversation, "alice", text, content);
    struct message answer = shell_client_ask(client, &send);
    assert_int_equal(answer.type, MESSAGE_STATUS);
    return answer.status.error;
}

/* How many messages there are; the newest's text. */
static uint32_t history_read(struct shell_client *client, const char *conversation,
                             char *out_newest)
{
    struct message read = {
        .type = MESSAGE_HISTORY_READ,
        .history_read = {.conversation = conversation_id(conversation), .limit = 1000},
    };
    struct message answer = shell_client_ask(client, &read);
    assert_int_equal(answer.type, MESSAGE_HISTORY);
    if (answer.history.row_count > 0) {
        struct content content;
        assert_int_equal(content_decode(answer.history.rows[0].content, &content), COLUMBA_OK);
        snprintf(out_newest, CONTENT_BYTES, "%.*s", (int)content.body.size,
                 (const char *)content.body.data);
    }
    return answer.history.row_count;
}

static void one_node_answers_what_it_was_sent(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    struct shell_client client;
    char newest[CONTENT_BYTES];
    shell_cluster_start(&cluster, 1, "");
    shell_client_connect(&client, cluster.nodes[0].port);
    shell_conversation_create(&client, "chat", "alice", "bob");
    assert_int_equal(send_text(&client, "chat", "first"), COLUMBA_OK);
    assert_int_equal(send_text(&client, "chat", "second"), COLUMBA_OK);
    assert_int_equal(history_read(&client, "chat", newest), 2);
    assert_string_equal(newest, "second");
    assert_int_equal(send_text(&client, "nowhere", "x"), ERR_UNKNOWN_CONVERSATION);
    json_t *info = shell_client_admin(&client, "info");
    json_t *send = json_object_get(json_object_get(info, "latencies"), "send");
    assert_int_equal(json_integer_value(json_object_get(send, "count")), 3);
    assert_true(json_integer_value(json_object_get(info, "cpu_us")) > 0);
    json_decref(info);
    shell_client_close(&client);
    shell_cluster_stop(&cluster);
    assert_int_equal(cluster.nodes[0].result, COLUMBA_OK);
}

static void three_nodes_are_one_store(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    struct shell_client clients[3];
    char newest[CONTENT_BYTES];
    shell_cluster_start(&cluster, 3, "");
    for (unsigned i = 0; i < 3; i++) {
        shell_client_connect(&clients[i], cluster.nodes[i].port);
    }
    shell_conversation_create(&clients[0], "chat", "alice", "bob");
    for (unsigned i = 0; i < 30; i++) {
        char text[32];
        snprintf(text, sizeof text, "message %u", i);
        assert_int_equal(send_text(&clients[i % 3], "chat", text), COLUMBA_OK);
        assert_int_equal(history_read(&clients[(i + 1) % 3], "chat", newest), i + 1);
        assert_string_equal(newest, text);
    }
    shell_client_close(&clients[2]);
    shell_node_stop(&cluster.nodes[2]);
    assert_int_equal(send_text(&clients[0], "chat", "without the third"), COLUMBA_OK);
    assert_int_equal(history_read(&clients[1], "chat", newest), 31);
    assert_string_equal(newest, "without the third");
    shell_client_close(&clients[0]);
    shell_client_close(&clients[1]);
    shell_cluster_stop(&cluster);
}

static void every_node_names_the_same_endpoints(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    char *first = NULL;
    struct slice arguments[] = {slice_of_text("conversation"), slice_of_text("chat")};
    struct message ask = {.type = MESSAGE_ADMIN,
                          .admin = {.command = slice_of_text("getendpoints"),
                                    .arguments = arguments,
                                    .argument_count = 2}};
    shell_cluster_start(&cluster, 3, "");
    for (unsigned i = 0; i < 3; i++) {
        struct shell_client client;
        shell_client_connect(&client, cluster.nodes[i].port);
        struct message answer = shell_client_ask(&client, &ask);
        assert_int_equal(answer.type, MESSAGE_ADMIN_REPLY);
        json_t *json = json_loadb((const char *)answer.admin_reply.json.data,
                                  answer.admin_reply.json.size, 0, NULL);
        json_t *replicas = json_object_get(json, "replicas");
        assert_int_equal(json_array_size(replicas), 3);
        char names[128] = "";
        for (size_t j = 0; j < 3; j++) {
            strcat(names, json_string_value(json_object_get(json_array_get(replicas, j), "name")));
        }
        if (first == NULL) {
            first = strdup(names);
        }
        assert_string_equal(names, first);
        json_decref(json);
        shell_client_close(&client);
    }
    free(first);
    shell_cluster_stop(&cluster);
}

/* Every request gets an answer, or the connection ends: never silence. */
static void a_stopping_node_answers_what_it_has_taken(void **state)
{
    (void)state;
    enum { SENDS = 300 };
    struct shell_cluster cluster;
    struct shell_client client;
    struct message answer;
    uint8_t content[CONTENT_BYTES];
    unsigned done = 0;
    unsigned refused = 0;
    shell_cluster_start(&cluster, 1, "");
    shell_client_connect(&client, cluster.nodes[0].port);
    shell_conversation_create(&client, "chat", "alice", "bob");
    done += send_text(&client, "chat", "first") == COLUMBA_OK;
    for (unsigned i = 1; i < SENDS; i++) {
        struct message send = shell_send_make("chat", "alice", "x", content);
        shell_client_send(&client, &send, i + 1);
        if (i == SENDS / 2) {
            node_stop(cluster.nodes[0].node);
        }
    }
    while (shell_client_receive(&client, &answer, NULL)) {
        done += answer.status.error == COLUMBA_OK;
        refused += answer.status.error == ERR_SHUTTING_DOWN;
    }
    assert_true(done > 0);
    assert_true(done + refused <= SENDS);
    shell_node_join(&cluster.nodes[0]);
    assert_int_equal(cluster.nodes[0].result, COLUMBA_OK);
    shell_client_close(&client);
    shell_cluster_stop(&cluster);
}

/* ---- draining, with a disk that is slow ---- */

#define FLIGHT 50u

static void flight_send(struct shell_client *client, uint16_t port)
{
    uint8_t content[CONTENT_BYTES];
    for (unsigned i = 0; i < FLIGHT; i++) {
        char room[SHELL_ROOM_BYTES];
        struct message send = shell_send_make(shell_room(i, room), "alice", "x", content);
        shell_client_send(client, &send, i + 1);
    }
    for (unsigned tries = 0; shell_counter(port, "requests") < FLIGHT; tries++) {
        assert_true(tries < 1000);
        usleep(2000);
    }
}

static void slow_start(struct shell_cluster *cluster, struct shell_client *client, unsigned count)
{
    shell_slowness_end();
    shell_cluster_start(cluster, count, "");
    shell_client_connect(client, cluster->nodes[0].port);
    shell_rooms_create(client, FLIGHT);
    assert_int_equal(send_text(client, "room 0", "first"), COLUMBA_OK);
    shell_slowness.commit_ms = 400;
}

static void slow_stop(struct shell_cluster *cluster, struct shell_client *client)
{
    shell_slowness.commit_ms = 0;
    shell_client_close(client);
    shell_cluster_stop(cluster);
}

static void flight_is_answered(struct shell_client *client)
{
    struct message answer;
    unsigned done = 0;
    while (done < FLIGHT && shell_client_receive(client, &answer, NULL)) {
        assert_int_equal(answer.status.error, COLUMBA_OK);
        done++;
    }
    assert_int_equal(done, FLIGHT);
}

static void a_stopping_node_waits_for_what_is_in_flight_and_flushes(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    struct shell_client client;
    slow_start(&cluster, &client, 1);
    flight_send(&client, cluster.nodes[0].port);
    node_stop(cluster.nodes[0].node);
    flight_is_answered(&client);
    shell_node_join(&cluster.nodes[0]);
    assert_int_equal(cluster.nodes[0].result, COLUMBA_OK);
    assert_int_equal(shell_slowness.flushes, 1);
    slow_stop(&cluster, &client);
}

static void a_drain_waits_for_what_is_in_flight_and_flushes(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    struct shell_client client;
    struct shell_client administrator;
    slow_start(&cluster, &client, 1);
    shell_client_connect_as(&administrator, cluster.nodes[0].port, ROLE_ADMINISTRATOR);
    flight_send(&client, cluster.nodes[0].port);
    json_t *drained = shell_client_admin(&administrator, "drain");
    assert_int_equal(json_integer_value(json_object_get(drained, "requests_left")), 0);
    assert_true(json_integer_value(json_object_get(drained, "elapsed_ms")) > 100);
    json_decref(drained);
    assert_int_equal(shell_slowness.flushes, 1);
    flight_is_answered(&client);
    shell_client_close(&administrator);
    slow_stop(&cluster, &client);
}

static bool has_left(struct shell_cluster *cluster, unsigned asked, const char *name)
{
    struct shell_client client;
    bool left = false;
    shell_client_connect_as(&client, cluster->nodes[asked].port, ROLE_ADMINISTRATOR);
    json_t *status = shell_client_admin(&client, "status");
    json_t *nodes = json_object_get(status, "nodes");
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        json_t *node = json_array_get(nodes, i);
        left = left || (strcmp(json_string_value(json_object_get(node, "name")), name) == 0 &&
                        strcmp(json_string_value(json_object_get(node, "state")), "left") == 0);
    }
    json_decref(status);
    shell_client_close(&client);
    return left;
}

/* The others need not find out that it is gone: it has told them before it waits. */
static void a_stopping_node_leaves_the_cluster_first(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    struct shell_client client;
    slow_start(&cluster, &client, 2);
    flight_send(&client, cluster.nodes[0].port);
    node_stop(cluster.nodes[0].node);
    for (unsigned tries = 0; !has_left(&cluster, 1, "node0"); tries++) {
        assert_true(tries < 1000);
        usleep(5000);
    }
    shell_slowness.commit_ms = 0;
    shell_node_join(&cluster.nodes[0]);
    slow_stop(&cluster, &client);
}

/* ---- what is counted ---- */

static void commits_are_counted(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    struct shell_client client;
    shell_cluster_start(&cluster, 1, "");
    shell_client_connect(&client, cluster.nodes[0].port);
    shell_conversation_create(&client, "chat", "alice", "bob");
    uint64_t before = shell_counter(cluster.nodes[0].port, "commits");
    uint64_t rows = shell_counter(cluster.nodes[0].port, "commit_rows");
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(send_text(&client, "chat", "one after the other"), COLUMBA_OK);
    }
    assert_true(shell_counter(cluster.nodes[0].port, "commits") >= before + 10);
    assert_true(shell_counter(cluster.nodes[0].port, "commit_rows") >= rows + 10);
    shell_client_close(&client);
    shell_cluster_stop(&cluster);
}

static void a_drained_node_refuses_requests_and_still_reports(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    struct shell_client client;
    shell_cluster_start(&cluster, 1, "");
    shell_client_connect(&client, cluster.nodes[0].port);
    shell_conversation_create(&client, "chat", "alice", "bob");
    json_t *drained = shell_client_admin(&client, "drain");
    assert_true(json_is_true(json_object_get(drained, "done")));
    assert_int_equal(json_integer_value(json_object_get(drained, "requests_left")), 0);
    json_decref(drained);
    assert_int_equal(send_text(&client, "chat", "late"), ERR_SHUTTING_DOWN);
    json_t *info = shell_client_admin(&client, "info");
    assert_string_equal(json_string_value(json_object_get(info, "mode")), "drained");
    json_decref(info);
    shell_client_close(&client);
    shell_cluster_stop(&cluster);
    assert_int_equal(cluster.nodes[0].result, COLUMBA_OK);
}

/* What could not be written is never acknowledged, and the node does not try again. */
static void a_failed_commit_stops_the_node(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    struct shell_client client;
    struct message answer;
    uint8_t content[CONTENT_BYTES];
    unsigned acknowledged = 0;
    shell_cluster_start_failing(&cluster, 8);
    shell_client_connect(&client, cluster.nodes[0].port);
    shell_conversation_create(&client, "chat", "alice", "bob");
    for (;;) {
        struct message send = shell_send_make("chat", "alice", "x", content);
        shell_client_send(&client, &send, 1);
        if (!shell_client_receive(&client, &answer, NULL)) {
            break;
        }
        if (answer.status.error != COLUMBA_OK) {
            break;
        }
        acknowledged++;
    }
    assert_in_range(acknowledged, 1,
                    7); /* one commit each at least, and one for the conversation */
    shell_node_join(&cluster.nodes[0]);
    assert_int_equal(cluster.nodes[0].result, ERR_IO);
    shell_client_close(&client);
    shell_cluster_stop(&cluster);
}

/* ---- many at once ---- */

struct worker {
    pthread_t thread;
    uint16_t port;
    unsigned number;
    unsigned done;
};

static void *worker_run(void *context)
{
    struct worker *worker = context;
    struct shell_client client;
    char newest[CONTENT_BYTES];
    char conversation[32];
    snprintf(conversation, sizeof conversation, "chat %u", worker->number);
    shell_client_connect(&client, worker->port);
    shell_conversation_create(&client, conversation, "alice", "bob");
    for (unsigned i = 0; i < 100; i++) {
        worker->done += send_text(&client, conversation, "hello") == COLUMBA_OK;
        if (i % 10 == 0 && history_read(&client, conversation, newest) != worker->done) {
            break;
        }
        if (i % 25 == 0) {
            json_decref(shell_client_admin(&client, i % 50 == 0 ? "flush" : "info"));
        }
    }
    shell_client_close(&client);
    return NULL;
}

static void a_full_disk_takes_no_writes_and_gives_what_it_has(void **state)
{
    (void)state;
    struct shell_cluster cluster;
    struct shell_client client;
    char newest[CONTENT_BYTES];
    enum columba_error error;
    shell_cluster_start(&cluster, 1, "");
    shell_client_connect(&client, cluster.nodes[0].port);
    shell_conversation_create(&client, "chat", "alice", "bob");
    assert_int_equal(send_text(&client, "chat", "before"), COLUMBA_OK);
    engine_memory_set_full(cluster.nodes[0].memory_engine, true);
    uint32_t taken = 1;
    while ((error = send_text(&client, "chat", "until it is noticed")) == COLUMBA_OK) {
        taken++;
        usleep(1000);
    }
    assert_int_equal(error, ERR_DISK_FULL);
    assert_int_equal(history_read(&client, "chat", newest), taken);
    engine_memory_set_full(cluster.nodes[0].memory_engine, false);
    for (unsigned tries = 0; send_text(&client, "chat", "after") != COLUMBA_OK; tries++) {
        assert_true(tries < 5000);
        usleep(1000);
    }
    assert_int_equal(history_read(&client, "chat", newest), taken + 1);
    assert_string_equal(newest, "after");
    shell_client_close(&client);
    shell_cluster_stop(&cluster);
}

static void with_periodic_sync_commits_are_synced_once_an_interval(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        bool is_synced;
    } modes[] = {
        {"commit_sync: periodic\ncommit_sync_interval: 20ms", true},
        {"commit_sync: periodic\ncommit_sync_interval: 60s", false},
        {"commit_sync: batch", true},
    };
    for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct shell_cluster cluster;
        struct shell_client client;
        shell_slowness_end();
        shell_cluster_start(&cluster, 1, modes[i].options);
        shell_client_connect(&client, cluster.nodes[0].port);
        shell_conversation_create(&client, "chat", "alice", "bob");
        assert_int_equal(send_text(&client, "chat", "text"), COLUMBA_OK);
        for (unsigned tries = 0; modes[i].is_synced && shell_slowness.unsynced > 0; tries++) {
            assert_true(tries < 5000);
            usleep(1000);
        }
        assert_int_equal(shell_slowness.unsynced == 0, modes[i].is_synced);
        shell_client_close(&client);
        shell_cluster_stop(&cluster);
    }
}

static void many_clients_at_once_are_all_served(void **state)
{
    (void)state;
    enum { WORKERS = 12 };
    struct shell_cluster cluster;
    struct worker workers[WORKERS];
    shell_cluster_start(&cluster, 3, "");
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.port = cluster.nodes[i % 3].port, .number = i};
        pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].done, 100);
    }
    shell_cluster_stop(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_node_answers_what_it_was_sent),
        cmocka_unit_test(three_nodes_are_one_store),
        cmocka_unit_test(every_node_names_the_same_endpoints),
        cmocka_unit_test(a_stopping_node_answers_what_it_has_taken),
        cmocka_unit_test(a_stopping_node_waits_for_what_is_in_flight_and_flushes),
        cmocka_unit_test(a_drain_waits_for_what_is_in_flight_and_flushes),
        cmocka_unit_test(a_stopping_node_leaves_the_cluster_first),
        cmocka_unit_test(commits_are_counted),
        cmocka_unit_test(a_drained_node_refuses_requests_and_still_reports),
        cmocka_unit_test(a_failed_commit_stops_the_node),
        cmocka_unit_test(a_full_disk_takes_no_writes_and_gives_what_it_has),
        cmocka_unit_test(with_periodic_sync_commits_are_synced_once_an_interval),
        cmocka_unit_test(many_clients_at_once_are_all_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
