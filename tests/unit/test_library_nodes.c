/* The library before nodes that misbehave, and before names of hosts. */
#include <ares.h>
#include <dlfcn.h>

#include "library_world.h"

/* --- when nodes misbehave -------------------------------------------------------------------- */

static void expect_failure(enum fake_fault fault, enum columba_error_code code, const char *text)
{
    begin(fault, NULL);
    struct columba_future *future = columba_connect(client, NULL);
    assert_int_equal(columba_future_wait(future), code);
    assert_non_null(strstr(columba_future_error(future)->text, text));
    columba_future_destroy(future);
    end();
}

static void hostile_servers_are_left_with_a_reason(void **state)
{
    (void)state;
    expect_failure(FAKE_GARBAGE, COLUMBA_ERROR_PROTOCOL_VERSION, "another frame format");
    expect_failure(FAKE_OLD_FRAMES, COLUMBA_ERROR_PROTOCOL_VERSION, "another frame format");
    expect_failure(FAKE_BAD_CHECKSUM, COLUMBA_ERROR_NO_NODE, "no frame of ours");
    expect_failure(FAKE_BAD_MESSAGE, COLUMBA_ERROR_NO_NODE, "no frame of ours");
    expect_failure(FAKE_OTHER_VERSION, COLUMBA_ERROR_PROTOCOL_VERSION, "versions 5 to 6");
}

static void nobody_listening_is_told_quickly(void **state)
{
    (void)state;
    node = fake_start(FAKE_WELL);
    uint16_t port = node->port;
    fake_stop(node);
    client = client_to(port, NULL);
    struct columba_future *future = send_text("hello");
    assert_int_equal(columba_future_wait(future), COLUMBA_ERROR_NO_NODE);
    assert_non_null(strstr(columba_future_error(future)->text, "Connection refused"));
    assert_true(columba_future_error(future)->retryable);
    assert_false(columba_future_error(future)->outcome_unknown);
    columba_future_destroy(future);
    columba_client_destroy(client);
}

static void a_cut_connection_is_made_good(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    for (int i = 0; i < 20; i++) {
        node->fault = FAKE_CLOSES_ONCE;
        assert_int_equal(finish(send_text("hello")), COLUMBA_ERROR_OK);
    }
    end();
}

static void answers_nobody_asked_for_change_nothing(void **state)
{
    (void)state;
    begin(FAKE_PAIRS, NULL);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(finish(send_text("hello")), COLUMBA_ERROR_OK);
    }
    end();
}

static void a_refusal_comes_with_all_the_node_said(void **state)
{
    (void)state;
    begin(FAKE_REFUSES, NULL);
    node->refusal = (struct message_status){.error = ERR_UNAVAILABLE,
                                            .text = slice_of_text("2 of 3 replicas are down"),
                                            .needed = 2,
                                            .received = 1};
    struct columba_future *future = send_text("hello");
    assert_int_equal(columba_future_wait(future), COLUMBA_ERROR_UNAVAILABLE);
    const struct columba_error_info *error = columba_future_error(future);
    assert_string_equal(error->text, "2 of 3 replicas are down");
    assert_int_equal(error->needed, 2);
    assert_int_equal(error->received, 1);
    assert_true(error->retryable);
    assert_string_equal(columba_error_name(error->code), "UNAVAILABLE");
    columba_future_destroy(future);
    end();
}

/* --- names of hosts -------------------------------------------------------------------------- */

/* A name server of our own: the library's c-ares asks it, because this function stands before the
 * real one. */
static char name_server[32];

__attribute__((visibility("default"))) int ares_init_options(ares_channel *out_channel,
                                                             struct ares_options *options,
                                                             int mask);

int ares_init_options(ares_channel *out_channel, struct ares_options *options, int mask)
{
    int (*real)(ares_channel *, struct ares_options *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "ares_init_options");
    int failed = real(out_channel, options, mask);
    return failed ? failed : ares_set_servers_ports_csv(*out_channel, name_server);
}

struct name_server {
    int fd;
    pthread_t thread;
    bool is_mute;
    _Atomic unsigned asked;
};

/* Every name has two addresses of version 4, and none of version 6: nobody listens at the first. */
static size_t name_answer(uint8_t *bytes, size_t size)
{
    static const uint8_t records[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 9, 9, 9,
                                      0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1};
    size_t end = 12;
    while (end < size && bytes[end] != 0) {
        end += bytes[end] + 1u;
    }
    bool is_a = bytes[end + 2] == 1;
    end += 5;
    bytes[2] |= 0x80;
    bytes[3] = 0;
    bytes[7] = is_a ? 2 : 0;
    memset(bytes + 8, 0, 4);
    if (is_a) {
        memcpy(bytes + end, records, sizeof(records));
        end += sizeof(records);
    }
    return end;
}

static void *name_serve(void *argument)
{
    struct name_server *server = argument;
    for (;;) {
        uint8_t bytes[1024];
        struct sockaddr_in from;
        socklen_t from_size = sizeof(from);
        ssize_t got =
            recvfrom(server->fd, bytes, sizeof(bytes) / 2, 0, (struct sockaddr *)&from, &from_size);
        if (got < 18) {
            return NULL;
        }
        server->asked++;
        if (!server->is_mute) {
            size_t size = name_answer(bytes, (size_t)got);
            sendto(server->fd, bytes, size, 0, (struct sockaddr *)&from, from_size);
        }
    }
}

static struct sockaddr_in names_begin(struct name_server *server, bool is_mute)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    *server = (struct name_server){.fd = socket(AF_INET, SOCK_DGRAM, 0), .is_mute = is_mute};
    assert_int_equal(bind(server->fd, (struct sockaddr *)&at, size), 0);
    getsockname(server->fd, (struct sockaddr *)&at, &size);
    snprintf(name_server, sizeof(name_server), "127.0.0.1:%u", ntohs(at.sin_port));
    assert_int_equal(pthread_create(&server->thread, NULL, name_serve, server), 0);
    return at;
}

static void names_end(struct name_server *server, struct sockaddr_in at)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    sendto(fd, "", 0, 0, (struct sockaddr *)&at, sizeof(at));
    pthread_join(server->thread, NULL);
    close(server->fd);
    close(fd);
}

static uint64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct columba_client *client_to_name(uint16_t port)
{
    char contact[64];
    struct columba_options *options = columba_options_create();
    snprintf(contact, sizeof(contact), "nodes.example.org:%u", port);
    columba_options_set_contacts(options, contact);
    struct columba_client *made = columba_client_create(options, NULL);
    columba_options_destroy(options);
    return made;
}

static void every_address_of_a_name_is_tried(void **state)
{
    (void)state;
    struct name_server server;
    struct sockaddr_in at = names_begin(&server, false);
    node = fake_start(FAKE_WELL);
    client = client_to_name(node->port);
    struct columba_future *sent = send_text("hello");
    columba_future_wait(sent);
    assert_string_equal(columba_future_error(sent)->text, "");
    columba_future_destroy(sent);
    assert_true(server.asked > 0);
    end();
    names_end(&server, at);
}

static void a_name_server_that_is_silent_blocks_nothing(void **state)
{
    (void)state;
    struct name_server server;
    struct sockaddr_in at = names_begin(&server, true);
    client = client_to_name(7411);
    const struct columba_call call = {.timeout_ms = 600};
    uint64_t began_ms = monotonic_ms();
    struct columba_future *future = columba_connect(client, &call);
    columba_dispatch(client, 0);
    assert_in_range(monotonic_ms() - began_ms, 0, 300);
    assert_int_equal(columba_future_wait(future), COLUMBA_ERROR_NO_NODE);
    assert_in_range(monotonic_ms() - began_ms, 500, 3000);
    columba_future_destroy(future);
    columba_client_destroy(client);
    assert_true(server.asked > 0);
    names_end(&server, at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_servers_are_left_with_a_reason),
        cmocka_unit_test(nobody_listening_is_told_quickly),
        cmocka_unit_test(a_cut_connection_is_made_good),
        cmocka_unit_test(answers_nobody_asked_for_change_nothing),
        cmocka_unit_test(a_refusal_comes_with_all_the_node_said),
        cmocka_unit_test(every_address_of_a_name_is_tried),
        cmocka_unit_test(a_name_server_that_is_silent_blocks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
