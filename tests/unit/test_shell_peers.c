/*
 * What nodes rely on of each other: that it is the right one at the other end, whoever claims what,
 * and that it is heard at once when a request cannot reach it.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/shell_cluster.h"

static struct shell_cluster cluster;

static uint16_t port(void)
{
    return cluster.nodes[0].port;
}

struct view {
    bool is_up;
    bool is_connected;
};

/* What node 0 thinks of node 1. */
static struct view view_of_peer(void)
{
    struct shell_client client;
    struct view view = {0};
    shell_client_connect_as(&client, port(), ROLE_ADMINISTRATOR);
    json_t *status = shell_client_admin(&client, "status");
    json_t *nodes = json_object_get(status, "nodes");
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        json_t *node = json_array_get(nodes, i);
        if (strcmp(json_string_value(json_object_get(node, "name")), "node1") == 0) {
            view.is_connected = json_is_true(json_object_get(node, "connected"));
            view.is_up = strcmp(json_string_value(json_object_get(node, "state")), "up") == 0;
        }
    }
    json_decref(status);
    shell_client_close(&client);
    return view;
}

/* Somebody at the address of node 1, who has heard node 0's greeting. */
static void impostor_take(struct shell_client *impostor, int listening)
{
    struct message hello;
    shell_client_adopt(impostor, accept(listening, NULL, NULL));
    assert_true(impostor->socket >= 0);
    assert_true(shell_client_receive(impostor, &hello, NULL));
    assert_int_equal(hello.type, MESSAGE_HELLO);
    assert_int_equal(hello.hello.role, ROLE_NODE);
}

static struct message welcome_of(const char *name)
{
    return (struct message){
        .type = MESSAGE_WELCOME,
        .welcome = {.protocol = PROTOCOL_VERSION_MAX,
                    .host_id = id_of_name(ID_HOST, slice_of_text(name)),
                    .cluster_name = slice_of_text("test"),
                    .directory_id = id_of_name(ID_HOST, slice_of_text(name))},
    };
}

static void another_node_at_a_peers_address_is_not_taken_for_it(void **state)
{
    (void)state;
    struct shell_client impostor;
    struct message next;
    struct message welcome = welcome_of("somebody else");
    shell_cluster_start_first(&cluster, 2, 1, "");
    int listening = shell_socket_bound(INADDR_LOOPBACK, cluster.nodes[1].port);
    assert_int_equal(listen(listening, 8), 0);
    impostor_take(&impostor, listening);
    shell_client_send(&impostor, &welcome, 0);
    assert_false(shell_client_receive(&impostor, &next, NULL));
    assert_false(view_of_peer().is_connected);
    shell_client_close(&impostor);

    welcome = welcome_of("node1");
    impostor_take(&impostor, listening);
    shell_client_send(&impostor, &welcome, 0);
    for (unsigned tries = 0; !view_of_peer().is_connected; tries++) {
        assert_true(tries < 1000);
        usleep(5000);
    }
    close(listening);
    shell_client_close(&impostor);
    shell_cluster_stop(&cluster);
}

static enum columba_error greets_as_node(uint32_t from, unsigned index, struct shell_client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port()),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct message hello = shell_hello(ROLE_NODE, index);
    shell_client_adopt(client, shell_socket_bound(from, 0));
    assert_int_equal(
        connect(client->socket, (struct sockaddr *)&address, (socklen_t)sizeof address), 0);
    struct message answer = shell_client_ask(client, &hello);
    return answer.type == MESSAGE_WELCOME ? COLUMBA_OK : answer.status.error;
}

static void a_node_has_to_come_from_its_own_address(void **state)
{
    (void)state;
    struct shell_client client;
    shell_cluster_start_first(&cluster, 2, 1, "");
    assert_int_equal(greets_as_node(INADDR_LOOPBACK + 1, 1, &client), ERR_WRONG_CLUSTER);
    shell_client_close(&client);
    assert_int_equal(greets_as_node(INADDR_LOOPBACK, 1, &client), COLUMBA_OK);
    shell_client_close(&client);
    assert_int_equal(shell_counter(port(), "frames_wrong_cluster"), 1);
    shell_cluster_stop(&cluster);
}

/* A peer whose old connections hang is not locked out by them, and cannot gather more. */
static void a_node_that_comes_anew_replaces_its_oldest_connection(void **state)
{
    (void)state;
    struct shell_client clients[INTAKE_CONNECTIONS_OF_NODE + 1];
    struct message answer;
    shell_cluster_start_first(&cluster, 2, 1, "");
    for (unsigned i = 0; i <= INTAKE_CONNECTIONS_OF_NODE; i++) {
        assert_int_equal(greets_as_node(INADDR_LOOPBACK, 1, &clients[i]), COLUMBA_OK);
    }
    assert_false(shell_client_receive(&clients[0], &answer, NULL));
    for (unsigned i = 1; i <= INTAKE_CONNECTIONS_OF_NODE; i++) {
        struct message ping = {.type = MESSAGE_PING, .ping = {.token = i}};
        answer = shell_client_ask(&clients[i], &ping);
        assert_int_equal(answer.ping.token, i);
    }
    for (unsigned i = 0; i <= INTAKE_CONNECTIONS_OF_NODE; i++) {
        shell_client_close(&clients[i]);
    }
    shell_cluster_stop(&cluster);
}

/* ---- requests that cannot leave ---- */

/* Node 1 gossips, and refuses the connections of node 0, which it looks for at another address. */
static void cluster_half_start(const char *options)
{
    shell_cluster_start_first(&cluster, 2, 1, options);
    cluster.hosts[0] = "127.0.0.9";
    shell_config_make(&cluster, 1, options);
    shell_node_start(&cluster.nodes[1]);
    for (unsigned tries = 0; !view_of_peer().is_up; tries++) {
        assert_true(tries < 1000);
        usleep(5000);
    }
    assert_false(view_of_peer().is_connected);
}

/* Not after the timeout, which is a minute here. */
static void a_request_that_cannot_reach_its_node_is_answered_at_once(void **state)
{
    (void)state;
    struct shell_client client;
    struct message_member members[] = {{.name = slice_of_text("alice")},
                                       {.name = slice_of_text("bob")}};
    struct message create = {
        .type = MESSAGE_CONVERSATION_CREATE,
        .conversation_create = {.name = slice_of_text("chat"),
                                .members = members,
                                .member_count = 2},
    };
    cluster_half_start("write_timeout: 60s\nread_timeout: 60s\n");
    uint64_t before = shell_counter(port(), "peer_dropped");
    shell_client_connect(&client, port());
    struct message answer = shell_client_ask(&client, &create);
    assert_int_equal(answer.type, MESSAGE_STATUS);
    assert_int_not_equal(answer.status.error, COLUMBA_OK);
    assert_int_not_equal(answer.status.error, ERR_TIMEOUT);
    assert_true(shell_counter(port(), "peer_dropped") > before);
    shell_client_close(&client);
    shell_cluster_stop(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_cannot_reach_its_node_is_answered_at_once),
        cmocka_unit_test(another_node_at_a_peers_address_is_not_taken_for_it),
        cmocka_unit_test(a_node_has_to_come_from_its_own_address),
        cmocka_unit_test(a_node_that_comes_anew_replaces_its_oldest_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
