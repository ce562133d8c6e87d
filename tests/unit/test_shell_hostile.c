/*
 * What a node relies on being true of itself when the other side is broken or hostile: it says what
 * was wrong, ends that connection, and goes on serving everybody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/codec.h"
#include "proto/content.h"
#include "ring/token.h"
#include "tests/unit/shell_cluster.h"

static struct shell_cluster cluster;

static int start(void **state)
{
    (void)state;
    shell_cluster_start(&cluster, 1,
                        "handshake_timeout: 200ms\nframe_timeout: 200ms\n"
                        "limits: {connections_max: 8, connection_requests: 4}\n");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    shell_cluster_stop(&cluster);
    return 0;
}

static uint16_t port(void)
{
    return cluster.nodes[0].port;
}

static uint64_t counter(const char *name)
{
    return shell_counter(port(), name);
}

/* The node's last words, and that they are the last. */
static void ends_with(struct shell_client *client, enum columba_error error, const char *text)
{
    struct message answer;
    assert_true(shell_client_receive(client, &answer, NULL));
    assert_int_equal(answer.type, MESSAGE_STATUS);
    assert_int_equal(answer.status.error, error);
    char said[1024];
    snprintf(said, sizeof said, "%.*s", (int)answer.status.text.size,
             (const char *)answer.status.text.data);
    if (strstr(said, text) == NULL) {
        fail_msg("expected \"%s\", got \"%s\"", text, said);
    }
    assert_false(shell_client_receive(client, &answer, NULL));
}

static void refused(bool greets, const void *bytes, size_t size, enum columba_error error,
                    const char *text)
{
    struct shell_client client;
    if (greets) {
        shell_client_connect(&client, port());
    } else {
        shell_client_open(&client, port());
    }
    shell_client_write(&client, bytes, size);
    ends_with(&client, error, text);
    shell_client_close(&client);
}

static void a_client_of_another_protocol_is_told(void **state)
{
    (void)state;
    static const char http[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n";
    struct shell_client client;
    struct message answer;
    shell_client_open(&client, port());
    shell_client_write(&client, http, sizeof http - 1);
    assert_true(shell_client_receive(&client, &answer, NULL));
    assert_int_equal(answer.type, MESSAGE_STATUS);
    assert_int_not_equal(answer.status.error, COLUMBA_OK);
    assert_false(shell_client_receive(&client, &answer, NULL));
    shell_client_close(&client);
}

static void an_oversized_frame_is_refused_at_its_header(void **state)
{
    (void)state;
    uint64_t before = counter("frames_too_large");
    uint8_t frame[FRAME_HEADER_BYTES];
    shell_frame_header(frame, MESSAGE_PING, slice_of("", 0));
    frame[0] = 0x7f; /* two thousand million bytes to come */
    refused(true, frame, sizeof frame, ERR_TOO_LARGE, "longer than the limit");
    assert_int_equal(counter("frames_too_large"), before + 1);
}

static void a_wrong_checksum_is_refused(void **state)
{
    (void)state;
    uint64_t before = counter("frames_malformed");
    uint8_t frame[FRAME_HEADER_BYTES + 2];
    shell_frame_header(frame, MESSAGE_PING, slice_of("\x08\x01", 2));
    frame[FRAME_HEADER_BYTES + 1] ^= 1;
    refused(true, frame, sizeof frame, ERR_MALFORMED, "checksum");
    assert_int_equal(counter("frames_malformed"), before + 1);
}

static void another_frame_format_is_refused(void **state)
{
    (void)state;
    uint8_t frame[FRAME_HEADER_BYTES];
    shell_frame_header(frame, MESSAGE_PING, slice_of("", 0));
    frame[4] = 9;
    refused(true, frame, sizeof frame, ERR_PROTOCOL_VERSION, "format");
}

static void garbage_in_a_whole_frame_is_refused(void **state)
{
    (void)state;
    static uint8_t garbage[3000];
    static uint8_t frame[FRAME_HEADER_BYTES + sizeof garbage];
    for (size_t i = 0; i < sizeof garbage; i++) {
        garbage[i] = (uint8_t)(i * 167 + 13);
    }
    shell_frame_header(frame, MESSAGE_SEND, slice_of(garbage, sizeof garbage));
    refused(true, frame, sizeof frame, ERR_MALFORMED, "not a valid message");
}

/* protobuf-c alone would spend seventy bytes on each of these two. */
static void a_million_empty_submessages_are_refused(void **state)
{
    (void)state;
    size_t size = 1000000;
    uint8_t *payload = malloc(size);
    uint8_t *frame = malloc(FRAME_HEADER_BYTES + size);
    for (size_t i = 0; i < size; i += 2) {
        payload[i] = 0x22; /* field 4, length-delimited: the members of a conversation */
        payload[i + 1] = 0;
    }
    shell_frame_header(frame, MESSAGE_CONVERSATION_CREATE, slice_of(payload, size));
    struct shell_client client;
    struct message answer;
    shell_client_connect(&client, port());
    shell_client_write(&client, frame, FRAME_HEADER_BYTES + size);
    assert_true(shell_client_receive(&client, &answer, NULL));
    assert_int_equal(answer.type, MESSAGE_STATUS);
    assert_true(answer.status.error == ERR_TOO_LARGE || answer.status.error == ERR_MALFORMED);
    assert_false(shell_client_receive(&client, &answer, NULL));
    shell_client_close(&client);
    free(payload);
    free(frame);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    size_t size = 60000;
    uint8_t *payload = malloc(size);
    uint8_t *frame = malloc(FRAME_HEADER_BYTES + size);
    memset(payload, 0x23, size); /* field 4, the start of a group, and so on inside it */
    shell_frame_header(frame, MESSAGE_CONVERSATION_CREATE, slice_of(payload, size));
    refused(true, frame, FRAME_HEADER_BYTES + size, ERR_MALFORMED, "not a valid message");
    free(payload);
    free(frame);
}

static struct message hello_of(uint32_t min, uint32_t max, const char *cluster_name)
{
    return (struct message){
        .type = MESSAGE_HELLO,
        .hello = {.protocol_min = min,
                  .protocol_max = max,
                  .role = ROLE_CLIENT,
                  .cluster_name = slice_of_text(cluster_name)},
    };
}

static void greeting_refused(const struct message *hello, enum columba_error error,
                             const char *text)
{
    struct shell_client client;
    shell_client_open(&client, port());
    shell_client_send(&client, hello, 1);
    ends_with(&client, error, text);
    shell_client_close(&client);
}

static void a_greeting_that_does_not_fit_says_what_would(void **state)
{
    (void)state;
    struct message newer = hello_of(7, 9, "");
    greeting_refused(&newer, ERR_PROTOCOL_VERSION, "versions 4 to 4, the greeting offers 7 to 9");
    struct message elsewhere = hello_of(PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX, "production");
    greeting_refused(&elsewhere, ERR_WRONG_CLUSTER, "belongs to the cluster test");
    struct message stranger = hello_of(PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX, "test");
    stranger.hello.role = ROLE_NODE;
    greeting_refused(&stranger, ERR_WRONG_CLUSTER, "not in the receiver's list of nodes");
    struct message namesake = hello_of(PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX, "test");
    namesake.hello.role = ROLE_NODE;
    namesake.hello.host_id = id_of_name(ID_HOST, slice_of_text("node0"));
    greeting_refused(&namesake, ERR_WRONG_CLUSTER, "node_name");
}

static void whoever_does_not_greet_first_is_refused(void **state)
{
    (void)state;
    struct message ping = {.type = MESSAGE_PING, .ping = {.token = 1}};
    greeting_refused(&ping, ERR_INVALID, "HELLO");
}

static void silence_instead_of_a_greeting_ends_in_time(void **state)
{
    (void)state;
    uint64_t before = counter("handshakes_timed_out");
    refused(false, "", 0, ERR_TIMEOUT, "no HELLO in time");
    uint8_t half[10] = {0};
    refused(false, half, sizeof half, ERR_TIMEOUT, "no HELLO in time");
    assert_int_equal(counter("handshakes_timed_out"), before + 2);
}

/* A byte now and then must not keep a frame open for ever. */
static void a_frame_that_trickles_in_ends_in_time(void **state)
{
    (void)state;
    struct shell_client client;
    uint8_t frame[FRAME_HEADER_BYTES + 100] = {0};
    shell_frame_header(frame, MESSAGE_PING, slice_of(frame, 0));
    frame[3] = 100;
    shell_client_connect(&client, port());
    for (unsigned i = 0; i < 10; i++) {
        shell_client_write(&client, frame + i, 1);
        usleep(50000);
    }
    ends_with(&client, ERR_TIMEOUT, "did not arrive whole in time");
    shell_client_close(&client);
}

static void a_truncated_frame_harms_nobody(void **state)
{
    (void)state;
    for (size_t size = 1; size < FRAME_HEADER_BYTES + 40; size += 7) {
        uint8_t frame[FRAME_HEADER_BYTES + 40] = {0};
        struct shell_client client;
        shell_frame_header(frame, MESSAGE_PING, slice_of(frame, 0));
        frame[3] = 40;
        shell_client_connect(&client, port());
        shell_client_write(&client, frame, size);
        shell_client_close(&client);
    }
    assert_true(counter("connections_accepted") > 0);
}

static void what_is_not_for_clients_is_refused_and_the_connection_goes_on(void **state)
{
    (void)state;
    struct shell_client client;
    struct message write = {
        .type = MESSAGE_WRITE,
        .write = {.partition_kind = PARTITION_USER, .packed = slice_of_text("")}};
    shell_client_connect(&client, port());
    struct message answer = shell_client_ask(&client, &write);
    assert_int_equal(answer.status.error, ERR_NOT_SUPPORTED);
    uint8_t unknown[FRAME_HEADER_BYTES];
    shell_frame_header(unknown, 200, slice_of("", 0));
    shell_client_write(&client, unknown, sizeof unknown);
    assert_true(shell_client_receive(&client, &answer, NULL));
    assert_int_equal(answer.status.error, ERR_NOT_SUPPORTED);
    struct message ping = {.type = MESSAGE_PING, .ping = {.token = 99}};
    answer = shell_client_ask(&client, &ping);
    assert_int_equal(answer.type, MESSAGE_PING);
    assert_int_equal(answer.ping.token, 99);
    assert_true(answer.ping.answer);
    shell_client_close(&client);
}

static void a_greeting_byte_by_byte_is_heard(void **state)
{
    (void)state;
    struct shell_client client;
    struct message hello = hello_of(PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX, "test");
    struct message answer;
    struct codec_encoding encoding;
    uint8_t bytes[512];
    shell_client_open(&client, port());
    assert_int_equal(codec_prepare(&hello, &client.arena, &encoding), COLUMBA_OK);
    codec_encode(&encoding, 5, 0, bytes);
    for (size_t i = 0; i < FRAME_HEADER_BYTES + encoding.payload_bytes; i++) {
        shell_client_write(&client, bytes + i, 1);
        usleep(200);
    }
    uint64_t request_id;
    assert_true(shell_client_receive(&client, &answer, &request_id));
    assert_int_equal(answer.type, MESSAGE_WELCOME);
    assert_int_equal(request_id, 5);
    shell_client_close(&client);
}

/* The largest frame there may be, in pieces, and small ones around it. */
static void a_large_frame_arrives_whole(void **state)
{
    (void)state;
    struct shell_client client;
    struct message answer;
    size_t size = 900000;
    char *command = malloc(size + 1);
    memset(command, 'x', size);
    command[size] = '\0';
    struct message large = {.type = MESSAGE_ADMIN, .admin = {.command = slice_of_text(command)}};
    struct message ping = {.type = MESSAGE_PING, .ping = {.token = 3}};
    shell_client_connect(&client, port());
    shell_client_send(&client, &ping, 1);
    shell_client_send(&client, &large, 2);
    shell_client_send(&client, &ping, 3);
    uint64_t request_id;
    for (uint64_t i = 1; i <= 3; i++) {
        assert_true(shell_client_receive(&client, &answer, &request_id));
        assert_int_equal(request_id, i);
    }
    shell_client_close(&client);
    assert_int_equal(counter("input_bytes"), 0);
    free(command);
}

static void assert_refused(struct shell_client *client, const struct message *request,
                           const char *text)
{
    struct message answer;
    uint64_t request_id;
    shell_client_send(client, request, 1);
    assert_true(shell_client_receive(client, &answer, &request_id));
    assert_int_equal(answer.type, MESSAGE_STATUS);
    assert_int_equal(answer.status.error, ERR_INVALID);
    assert_true(*text == '\0' || memmem(answer.status.text.data, answer.status.text.size, text,
                                        strlen(text)) != NULL);
}

static void a_name_that_is_no_text_is_refused_by_nodes_too(void **state)
{
    (void)state;
    struct shell_client client;
    shell_client_connect(&client, port());
    struct message_member members[] = {{.name = slice_of_text("alice")},
                                       {.name = slice_of("bob\0evil", 8)}};
    struct message create = {.type = MESSAGE_CONVERSATION_CREATE,
                             .conversation_create = {.name = slice_of_text("lunch"),
                                                     .members = members,
                                                     .member_count = 2}};
    assert_refused(&client, &create, "a member's name has to be");
    create.conversation_create.member_count = 1;
    create.conversation_create.name = slice_of_text("cafe\xcc\x81"); /* e and a mark */
    assert_refused(&client, &create, "the conversation's name has to be");
    uint8_t bytes[64];
    struct content content = {.sender = slice_of_text("al\nice"), .body = slice_of_text("hello")};
    struct id sender = id_of_name(ID_USER, content.sender);
    content_encode(&content, bytes);
    struct message send = {
        .type = MESSAGE_SEND,
        .send = {.conversation = id_of_name(ID_CONVERSATION, slice_of_text("lunch")),
                 .message = message_id_make(1, 1, &sender),
                 .content = slice_of(bytes, content_size(&content))}};
    assert_refused(&client, &send, "");
    shell_client_close(&client);
}

/* Far more requests than may be under way: they wait, and all are answered. */
static void requests_beyond_the_bound_wait_their_turn(void **state)
{
    (void)state;
    struct shell_client client;
    struct message answer;
    uint64_t answered = 0;
    struct message get = {
        .type = MESSAGE_CONVERSATION_GET,
        .conversation_get = {.conversation = id_of_name(ID_CONVERSATION, slice_of_text("none"))},
    };
    shell_client_connect(&client, port());
    for (uint64_t i = 1; i <= 2000; i++) {
        shell_client_send(&client, &get, i);
    }
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t request_id;
        assert_true(shell_client_receive(&client, &answer, &request_id));
        assert_int_equal(answer.type, MESSAGE_STATUS);
        assert_int_equal(answer.status.error, ERR_UNKNOWN_CONVERSATION);
        answered += request_id;
    }
    assert_int_equal(answered, 2000u * 2001u / 2);
    shell_client_close(&client);
    assert_int_equal(counter("requests"), 1); /* the one that asks */
}

/* Its answers wait in the system's buffers and in a bounded one of the node, not in memory without
 * end; once it reads, it gets them all. */
static void a_client_that_does_not_read_is_not_read_from(void **state)
{
    (void)state;
    enum { REPORTS = 3000 };
    struct shell_client client;
    struct message answer;
    struct message info = {.type = MESSAGE_ADMIN, .admin = {.command = slice_of_text("info")}};
    int small = 64 * 1024;
    shell_client_connect(&client, port());
    setsockopt(client.socket, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (uint64_t i = 1; i <= REPORTS; i++) {
        shell_client_send(&client, &info, i);
    }
    uint64_t queued = 0;
    for (unsigned tries = 0; queued == 0 && tries < 1000; tries++) {
        usleep(10000);
        queued = counter("bytes_queued");
    }
    assert_in_range(queued, 1, 3 * MIB);
    assert_true(counter("reads_paused") > 0);
    for (uint64_t i = 1; i <= REPORTS; i++) {
        uint64_t request_id;
        assert_true(shell_client_receive(&client, &answer, &request_id));
        assert_int_equal(answer.type, MESSAGE_ADMIN_REPLY);
        assert_int_equal(request_id, i);
    }
    shell_client_close(&client);
    assert_int_equal(counter("bytes_queued"), 0);
}

static void too_many_connections_are_told(void **state)
{
    (void)state;
    struct shell_client clients[8];
    struct shell_client ninth;
    uint64_t before = counter("connections_refused");
    usleep(20000);
    for (unsigned i = 0; i < 8; i++) {
        shell_client_connect(&clients[i], port());
    }
    struct message hello = shell_hello(ROLE_CLIENT, 0);
    shell_client_open(&ninth, port());
    shell_client_send(&ninth, &hello, 1);
    ends_with(&ninth, ERR_OVERLOADED, "limits.connections_max");
    shell_client_close(&ninth);
    for (unsigned i = 0; i < 8; i++) {
        shell_client_close(&clients[i]);
    }
    usleep(20000);
    assert_int_equal(counter("connections_refused"), before + 1);
}

static void unknown_commands_name_the_known_ones(void **state)
{
    (void)state;
    struct shell_client client;
    struct slice arguments[] = {slice_of_text("planet"), slice_of_text("mars")};
    struct message ask = {.type = MESSAGE_ADMIN, .admin = {.command = slice_of_text("explode")}};
    shell_client_connect(&client, port());
    struct message answer = shell_client_ask(&client, &ask);
    assert_int_equal(answer.status.error, ERR_INVALID);
    assert_non_null(
        memmem(answer.status.text.data, answer.status.text.size, "describecluster", 15));
    ask.admin = (struct message_admin){
        .command = slice_of_text("getendpoints"), .arguments = arguments, .argument_count = 2};
    answer = shell_client_ask(&client, &ask);
    assert_int_equal(answer.status.error, ERR_INVALID);
    assert_non_null(memmem(answer.status.text.data, answer.status.text.size, "usage: ", 7));
    shell_client_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_of_another_protocol_is_told),
        cmocka_unit_test(an_oversized_frame_is_refused_at_its_header),
        cmocka_unit_test(a_wrong_checksum_is_refused),
        cmocka_unit_test(another_frame_format_is_refused),
        cmocka_unit_test(garbage_in_a_whole_frame_is_refused),
        cmocka_unit_test(a_million_empty_submessages_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_greeting_that_does_not_fit_says_what_would),
        cmocka_unit_test(whoever_does_not_greet_first_is_refused),
        cmocka_unit_test(silence_instead_of_a_greeting_ends_in_time),
        cmocka_unit_test(a_frame_that_trickles_in_ends_in_time),
        cmocka_unit_test(a_truncated_frame_harms_nobody),
        cmocka_unit_test(what_is_not_for_clients_is_refused_and_the_connection_goes_on),
        cmocka_unit_test(a_greeting_byte_by_byte_is_heard),
        cmocka_unit_test(a_large_frame_arrives_whole),
        cmocka_unit_test(a_name_that_is_no_text_is_refused_by_nodes_too),
        cmocka_unit_test(requests_beyond_the_bound_wait_their_turn),
        cmocka_unit_test(a_client_that_does_not_read_is_not_read_from),
        cmocka_unit_test(too_many_connections_are_told),
        cmocka_unit_test(unknown_commands_name_the_known_ones),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
