/* The library as its users see it, against a node with real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <ares.h>
#include <cmocka.h>
#include <dlfcn.h>

#include "columba.h"
#include "columba_uv.h"
#include "fake_node.h"
#include "proto/content.h"

static struct fake_node *node;
static struct columba_client *client;

static struct columba_client *client_to(uint16_t port, const uint8_t *key)
{
    char contact[32];
    struct columba_error_info error;
    struct columba_options *options = columba_options_create();
    assert_non_null(options);
    snprintf(contact, sizeof(contact), "127.0.0.1:%u", port);
    assert_int_equal(columba_options_set_contacts(options, contact), COLUMBA_ERROR_OK);
    if (key != NULL) {
        assert_int_equal(columba_options_set_key(options, key), COLUMBA_ERROR_OK);
    }
    struct columba_client *made = columba_client_create(options, &error);
    columba_options_destroy(options);
    assert_non_null(made);
    return made;
}

static void begin(enum fake_fault fault, const uint8_t *key)
{
    node = fake_start(fault);
    client = client_to(node->port, key);
}

static void end(void)
{
    columba_client_destroy(client);
    fake_stop(node);
}

static struct columba_future *send_text(const char *text)
{
    const struct columba_message_send send = {
        .from = "alice", .to = "garden", .body = text, .body_bytes = strlen(text)};
    return columba_send(client, &send, NULL);
}

static enum columba_error_code finish(struct columba_future *future)
{
    enum columba_error_code code = columba_future_wait(future);
    columba_future_destroy(future);
    return code;
}

static struct columba_future *read_garden(void)
{
    const struct columba_history_read read = {.conversation = "garden"};
    return columba_history(client, &read, NULL);
}

static bool was_heard(const char *text)
{
    return memmem(node->heard, node->heard_bytes, text, strlen(text)) != NULL;
}

static const uint8_t key_one[COLUMBA_KEY_BYTES] = {1};
static const uint8_t key_two[COLUMBA_KEY_BYTES] = {2};

/* --- sending and reading --------------------------------------------------------------------- */

static void what_is_sent_is_read(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    struct columba_future *sent = send_text("hello");
    struct columba_id id = columba_future_message(sent);
    assert_false(columba_id_is_zero(&id));
    assert_int_equal(finish(sent), COLUMBA_ERROR_OK);

    struct columba_future *read = read_garden();
    assert_int_equal(columba_future_wait(read), COLUMBA_ERROR_OK);
    const struct columba_history_page *page = columba_future_history(read);
    assert_int_equal(page->count, 1);
    assert_false(page->more);
    const struct columba_message *message = &page->messages[0];
    assert_memory_equal(&message->id, &id, sizeof(id));
    assert_string_equal(message->from, "alice");
    assert_string_equal(message->body, "hello");
    assert_int_equal(message->body_bytes, 5);
    assert_string_equal(message->media_url, "");
    assert_int_equal(message->type, COLUMBA_TYPE_TEXT);
    assert_int_equal(message->created_at_ms, columba_message_id_unix_ms(&id));
    assert_false(message->is_encrypted);
    assert_int_equal(message->problem, COLUMBA_ERROR_OK);
    assert_null(columba_future_inbox(read));
    columba_future_destroy(read);
    end();
}

static void every_call_brings_its_result(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    assert_int_equal(finish(columba_connect(client, NULL)), COLUMBA_ERROR_OK);
    assert_int_equal(finish(columba_ping(client, NULL, NULL)), COLUMBA_ERROR_OK);
    assert_int_equal(finish(columba_ping(client, "node1", NULL)), COLUMBA_ERROR_OK);
    assert_int_equal(finish(columba_ping(client, "node7", NULL)), COLUMBA_ERROR_NOT_FOUND);

    struct columba_future *got = columba_conversation_get(client, "a garden", NULL);
    assert_int_equal(columba_future_wait(got), COLUMBA_ERROR_OK);
    const struct columba_conversation *found = columba_future_conversation(got);
    struct columba_id id = columba_conversation_id("a garden");
    assert_memory_equal(&found->id, &id, sizeof(id));
    assert_string_equal(found->name, "a garden");
    assert_int_equal(found->kind, COLUMBA_KIND_GROUP);
    assert_int_equal(found->membership_version, 9);
    columba_future_destroy(got);

    const struct columba_members_read members_read = {.conversation = "garden"};
    struct columba_future *members = columba_members(client, &members_read, NULL);
    assert_int_equal(columba_future_wait(members), COLUMBA_ERROR_OK);
    assert_int_equal(columba_future_members(members)->count, 2);
    assert_string_equal(columba_future_members(members)->members[1].name, "bob");
    columba_future_destroy(members);

    const char *arguments[] = {"conversation", "garden"};
    struct columba_future *admin =
        columba_admin(client, "node1", "getendpoints", arguments, 2, NULL);
    assert_int_equal(columba_future_wait(admin), COLUMBA_ERROR_OK);
    assert_string_equal(columba_future_json(admin), "{\"done\":true}");
    columba_future_destroy(admin);
    end();
}

static void a_large_conversation_is_made_in_several_requests(void **state)
{
    (void)state;
    static char names[2500][16];
    static const char *members[2500];
    begin(FAKE_WELL, NULL);
    for (int i = 0; i < 2500; i++) {
        snprintf(names[i], sizeof(names[i]), "user%d", i);
        members[i] = names[i];
    }
    struct columba_conversation_new create = {
        .name = "channel", .members = members, .member_count = 2500};
    assert_int_equal(finish(columba_conversation_create(client, &create, NULL)), COLUMBA_ERROR_OK);
    assert_int_equal(node->asked[MESSAGE_CONVERSATION_CREATE], 3);
    assert_int_equal(node->reads, 2500);
    assert_int_equal(node->last_kind, COLUMBA_KIND_BROADCAST);
    create.member_count = 2;
    assert_int_equal(finish(columba_conversation_create(client, &create, NULL)), COLUMBA_ERROR_OK);
    assert_int_equal(node->last_kind, COLUMBA_KIND_BY_MEMBERS);
    end();
}

static int by_id_of_name(const void *a, const void *b)
{
    struct columba_id x = columba_conversation_id(a), y = columba_conversation_id(b);
    return memcmp(&x, &y, sizeof(x));
}

static int by_activity(const void *a, const void *b)
{
    const struct message_inbox_row *row = b;
    return fake_inbox_order(row, &((const struct message_inbox_row *)a)->last,
                            &((const struct message_inbox_row *)a)->conversation);
}

static void fill_inbox(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        snprintf(node->inbox_names[i], sizeof(node->inbox_names[i]), "room %u", i);
    }
    qsort(node->inbox_names, count, sizeof(node->inbox_names[0]), by_id_of_name);
    for (uint32_t i = 0; i < count; i++) {
        node->inbox[i] = (struct message_inbox_row){
            .conversation = id_of_name(ID_CONVERSATION, slice_of_text(node->inbox_names[i])),
            .last = {{(uint8_t)(7 * i)}},
            .unread = i,
            .has_unread = true};
    }
    qsort(node->inbox, count, sizeof(node->inbox[0]), by_activity);
    node->inbox_count = count;
}

/* Page by page, newest first. */
static void read_whole_inbox(void)
{
    struct columba_inbox_read read = {.user = "alice"};
    struct columba_inbox_cursor next;
    struct columba_id before = {{0}};
    bool seen[300] = {false}, more = true;
    while (more) {
        struct columba_future *inbox = columba_inbox(client, &read, NULL);
        assert_int_equal(columba_future_wait(inbox), COLUMBA_ERROR_OK);
        const struct columba_inbox_page *page = columba_future_inbox(inbox);
        assert_int_equal(page->count, 100);
        for (size_t i = 0; i < page->count; i++) {
            const struct columba_inbox_entry *entry = &page->entries[i];
            assert_string_equal(entry->name, node->inbox_names[entry->unread]);
            assert_false(seen[entry->unread]);
            seen[entry->unread] = true;
            bool is_first = columba_id_is_zero(&before);
            assert_true(is_first || memcmp(&before, &entry->last, sizeof(before)) >= 0);
            before = entry->last;
        }
        more = page->more;
        next = page->next;
        read.cursor = &next;
        columba_future_destroy(inbox);
    }
    for (int i = 0; i < 300; i++) {
        assert_true(seen[i]);
    }
}

/* Some of the 300 fall on one place of the cache: they are looked up again, never mixed up. */
static void an_inbox_comes_with_names_that_are_looked_up_once(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    fill_inbox(300);
    for (int round = 0; round < 2; round++) {
        read_whole_inbox();
        assert_in_range(node->asked[MESSAGE_CONVERSATION_GET], 300, round == 0 ? 300 : 360);
    }
    assert_int_equal(node->asked[MESSAGE_INBOX_READ], 6);
    end();
}

static void marking_without_an_id_marks_the_newest(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    assert_int_equal(finish(columba_mark_read(client, "bob", "garden", NULL, NULL)),
                     COLUMBA_ERROR_OK);
    assert_int_equal(node->asked[MESSAGE_MARK_READ], 0); /* nothing there to be read */
    struct columba_future *sent = send_text("newest");
    struct columba_id id = columba_future_message(sent);
    finish(sent);
    assert_int_equal(finish(columba_mark_read(client, "bob", "garden", NULL, NULL)),
                     COLUMBA_ERROR_OK);
    assert_memory_equal(&node->last_up_to, &id, sizeof(id));
    end();
}

/* --- encryption ------------------------------------------------------------------------------ */

static void with_a_key_no_plaintext_leaves_the_process(void **state)
{
    (void)state;
    begin(FAKE_WELL, key_one);
    assert_int_equal(finish(send_text("the pigeons are in the loft")), COLUMBA_ERROR_OK);
    struct columba_import_message import = {.id = columba_message_id_make(1000, 1, "alice"),
                                            .from = "alice",
                                            .body = "imported secret",
                                            .body_bytes = 15};
    assert_int_equal(finish(columba_history_import(client, "garden", &import, 1, NULL)),
                     COLUMBA_ERROR_OK);
    struct columba_future *read = read_garden();
    assert_int_equal(columba_future_wait(read), COLUMBA_ERROR_OK);
    const struct columba_history_page *page = columba_future_history(read);
    assert_int_equal(page->count, 2);
    assert_string_equal(page->messages[0].body, "the pigeons are in the loft");
    assert_string_equal(page->messages[1].body, "imported secret");
    assert_true(page->messages[0].is_encrypted);
    columba_future_destroy(read);
    assert_false(was_heard("pigeons"));
    assert_false(was_heard("secret"));
    assert_true(was_heard("alice"));
    end();
}

static void expect_problem(const uint8_t *key, const char *text)
{
    struct columba_client *other = client_to(node->port, key);
    const struct columba_history_read read = {.conversation = "garden"};
    struct columba_future *future = columba_history(other, &read, NULL);
    assert_int_equal(columba_future_wait(future), COLUMBA_ERROR_OK);
    const struct columba_message *message = &columba_future_history(future)->messages[0];
    assert_int_equal(message->problem, COLUMBA_ERROR_WRONG_KEY);
    assert_non_null(strstr(message->problem_text, text));
    assert_int_equal(message->body_bytes, 0);
    assert_string_equal(message->from, "alice");
    columba_future_destroy(future);
    columba_client_destroy(other);
}

static void without_the_right_key_a_message_stays_closed_and_says_why(void **state)
{
    (void)state;
    begin(FAKE_WELL, key_one);
    assert_int_equal(finish(send_text("hello")), COLUMBA_ERROR_OK);
    expect_problem(NULL, "no key was given");
    expect_problem(key_two, "another key");
    node->rows[0].content[node->rows[0].size - 2] ^= 1;
    expect_problem(key_one, "altered");
    end();
}

static void an_unencrypted_message_is_marked_as_such(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    assert_int_equal(finish(send_text("in the clear")), COLUMBA_ERROR_OK);
    columba_client_destroy(client);
    client = client_to(node->port, key_one);
    struct columba_future *read = read_garden();
    assert_int_equal(columba_future_wait(read), COLUMBA_ERROR_OK);
    assert_false(columba_future_history(read)->messages[0].is_encrypted);
    assert_string_equal(columba_future_history(read)->messages[0].body, "in the clear");
    columba_future_destroy(read);
    end();
}

static void a_repeated_send_is_the_same_bytes(void **state)
{
    (void)state;
    begin(FAKE_WELL, key_one);
    struct columba_id id = columba_message_id_make(1700000000000, 7, "alice");
    for (int i = 0; i < 2; i++) {
        const struct columba_message_send send = {
            .from = "alice", .to = "garden", .body = "once", .body_bytes = 4, .message = &id};
        assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_OK);
    }
    assert_int_equal(node->rows[0].size, node->rows[1].size);
    assert_memory_equal(node->rows[0].content, node->rows[1].content, node->rows[0].size);
    end();
}

static void what_a_node_makes_up_does_not_pass_for_a_message(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    struct id garden = id_of_name(ID_CONVERSATION, slice_of_text("garden"));
    struct id alice = id_of_name(ID_USER, slice_of_text("alice"));
    struct id id = message_id_make(1, 1, &alice);
    uint8_t bytes[64];
    struct content forged = {.sender = slice_of_text("bob"), .body = slice_of_text("from bob")};
    content_encode(&forged, bytes);
    fake_store(node, &garden, &id, slice_of(bytes, content_size(&forged)));
    struct id later = message_id_make(2, 1, &alice);
    fake_store(node, &garden, &later, slice_of_text("no content at all"));
    struct columba_future *read = read_garden();
    assert_int_equal(columba_future_wait(read), COLUMBA_ERROR_OK);
    const struct columba_history_page *page = columba_future_history(read);
    assert_int_equal(page->messages[0].problem, COLUMBA_ERROR_MALFORMED);
    assert_int_equal(page->messages[1].problem, COLUMBA_ERROR_MALFORMED);
    assert_int_equal(page->messages[1].body_bytes, 0);
    columba_future_destroy(read);
    end();
}

/* --- futures, callbacks, events -------------------------------------------------------------- */

static int callbacks_seen;
static bool in_dispatch;

static void on_done(struct columba_future *future, void *user)
{
    assert_true(in_dispatch);
    assert_ptr_equal(user, &callbacks_seen);
    assert_ptr_equal(columba_future_user(future), user);
    assert_int_equal(columba_future_code(future), COLUMBA_ERROR_OK);
    callbacks_seen++;
    columba_future_destroy(future);
}

static void callbacks_run_inside_dispatch_only(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    callbacks_seen = 0;
    for (int i = 0; i < 100; i++) {
        columba_future_set_callback(send_text("hello"), on_done, &callbacks_seen);
    }
    while (callbacks_seen < 100) {
        in_dispatch = true;
        columba_dispatch(client, -1);
        in_dispatch = false;
    }
    /* Also of one that was done before the callback was set. */
    struct columba_future *early = send_text("hello");
    in_dispatch = true;
    columba_future_wait(early);
    in_dispatch = false;
    columba_future_set_callback(early, on_done, &callbacks_seen);
    assert_int_equal(callbacks_seen, 100);
    in_dispatch = true;
    columba_dispatch(client, 1000);
    in_dispatch = false;
    assert_int_equal(callbacks_seen, 101);
    end();
}

static void a_program_with_poll_misses_nothing(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    int done = 0;
    for (int i = 0; i < 50; i++) {
        struct columba_future *future = send_text("hello");
        columba_future_set_user(future, &done);
        struct columba_event event;
        bool found = false;
        while (!found) {
            struct pollfd ready = {.fd = columba_fd(client), .events = POLLIN};
            assert_int_equal(poll(&ready, 1, 5000), 1);
            columba_dispatch(client, 0);
            while (columba_event_next(client, &event)) {
                found = found || (event.type == COLUMBA_EVENT_DONE && event.future == future);
            }
        }
        assert_int_equal(columba_future_code(future), COLUMBA_ERROR_OK);
        columba_future_destroy(future);
    }
    end();
}

static void refused_calls_are_events_too(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    const struct columba_message_send send = {.from = "", .to = "garden"};
    struct columba_future *future = columba_send(client, &send, NULL);
    assert_true(columba_future_is_done(future));
    struct pollfd ready = {.fd = columba_fd(client), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 1000), 1);
    columba_dispatch(client, 0);
    struct columba_event event;
    assert_true(columba_event_next(client, &event));
    assert_ptr_equal(event.future, future);
    assert_false(columba_event_next(client, &event));
    columba_future_destroy(future);
    end();
}

static void node_events_tell_who_comes_and_goes(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    struct columba_event event;
    assert_int_equal(finish(columba_connect(client, NULL)), COLUMBA_ERROR_OK);
    assert_true(columba_event_next(client, &event));
    assert_int_equal(event.type, COLUMBA_EVENT_NODE_UP);
    assert_non_null(strstr(event.text, "127.0.0.1:"));
    node->fault = FAKE_CLOSES_ONCE;
    assert_int_equal(finish(send_text("hello")), COLUMBA_ERROR_OK);
    assert_true(columba_event_next(client, &event));
    assert_int_equal(event.type, COLUMBA_EVENT_NODE_DOWN);
    assert_non_null(strstr(event.text, "closed the connection"));
    end();
}

static void futures_may_go_at_any_time(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    columba_future_destroy(send_text("abandoned before it left"));
    struct columba_future *future = send_text("abandoned on the way");
    columba_dispatch(client, 0);
    columba_future_destroy(future);
    assert_int_equal(finish(send_text("kept")), COLUMBA_ERROR_OK);

    struct columba_future *outliving[100];
    for (int i = 0; i < 100; i++) {
        outliving[i] = i % 2 == 0 ? send_text("never done") : read_garden();
    }
    columba_client_destroy(client);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(columba_future_wait(outliving[i]), COLUMBA_ERROR_CANCELLED);
        columba_future_destroy(outliving[i]);
    }
    fake_stop(node);
}

static int chain_left;

static void on_chain(struct columba_future *future, void *user)
{
    assert_int_equal(columba_future_code(future), COLUMBA_ERROR_OK);
    columba_future_destroy(future);
    if (--chain_left > 0) {
        columba_future_set_callback(send_text("next"), on_chain, user);
    }
}

static void a_callback_may_ask_for_the_next_thing(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    chain_left = 200;
    columba_future_set_callback(send_text("first"), on_chain, NULL);
    while (chain_left > 0) {
        columba_dispatch(client, -1);
    }
    assert_int_equal(node->asked[MESSAGE_SEND], 200);
    end();
}

static void on_uv_done(struct columba_future *future, void *user)
{
    struct columba_uv *adapter = user;
    assert_int_equal(columba_future_code(future), COLUMBA_ERROR_OK);
    columba_future_destroy(future);
    columba_uv_stop(adapter, NULL);
}

static void it_runs_on_a_libuv_loop(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    struct columba_uv adapter;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(columba_uv_start(&adapter, &loop, client), 0);
    columba_future_set_callback(send_text("hello"), on_uv_done, &adapter);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    end();
}

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

/* --- arguments ------------------------------------------------------------------------------- */

static void arguments_out_of_their_limits_are_refused(void **state)
{
    (void)state;
    static char long_name[COLUMBA_NAME_MAX_BYTES + 2];
    static char body[COLUMBA_BODY_MAX_BYTES + 1];
    static struct columba_import_message messages[COLUMBA_IMPORT_MAX_ROWS + 1];
    memset(long_name, 'x', sizeof(long_name) - 1);
    begin(FAKE_WELL, key_one);
    struct columba_message_send send = {.from = "alice", .to = "garden", .body = body};
    send.body_bytes = COLUMBA_BODY_MAX_BYTES;
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_OK);
    send.body_bytes++;
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_TOO_LARGE);
    send = (struct columba_message_send){.from = long_name, .to = "garden"};
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_TOO_LARGE);
    send = (struct columba_message_send){.from = "alice", .to = NULL};
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_INVALID);
    send = (struct columba_message_send){.from = "al\xffice", .to = "garden"};
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_INVALID);
    struct columba_id no_uuid = {{1}};
    send = (struct columba_message_send){.from = "alice", .to = "garden", .message = &no_uuid};
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_INVALID);

    assert_int_equal(finish(columba_history_import(client, "garden", messages,
                                                   COLUMBA_IMPORT_MAX_ROWS + 1, NULL)),
                     COLUMBA_ERROR_TOO_LARGE);
    for (int i = 0; i < 20; i++) {
        messages[i] = (struct columba_import_message){.id = columba_message_id_make(5, 5, "alice"),
                                                      .from = "alice",
                                                      .body = body,
                                                      .body_bytes = COLUMBA_BODY_MAX_BYTES};
    }
    assert_int_equal(finish(columba_history_import(client, "garden", messages, 20, NULL)),
                     COLUMBA_ERROR_TOO_LARGE);
    assert_int_equal(finish(columba_history_import(client, "garden", messages, 11, NULL)),
                     COLUMBA_ERROR_OK);
    const struct columba_history_read read = {.conversation = "garden", .limit = 1001};
    assert_int_equal(finish(columba_history(client, &read, NULL)), COLUMBA_ERROR_TOO_LARGE);
    end();
}

static void options_say_what_is_wrong(void **state)
{
    (void)state;
    struct columba_options *options = columba_options_create();
    const char *good[] = {"localhost", "127.0.0.1:1,127.0.0.2", "[::1]:7411, ::1,[fe80::1]",
                          "node-1.example.org:65535"};
    const char *bad[] = {"", ",", "a:", ":7411", "a:0", "a:65536", "a:x", "[::1", "[::1]x", "a,,b"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(columba_options_set_contacts(options, good[i]), COLUMBA_ERROR_OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(columba_options_set_contacts(options, bad[i]), COLUMBA_ERROR_INVALID);
        assert_true(strlen(columba_options_error(options)) > 0);
    }
    assert_int_equal(columba_options_set_timeout_ms(options, 0), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_consistency(options, (enum columba_consistency)99),
                     COLUMBA_ERROR_INVALID);
    columba_options_destroy(options);

    enum columba_consistency level;
    assert_true(columba_consistency_from_name("local_quorum", &level));
    assert_int_equal(level, COLUMBA_CONSISTENCY_LOCAL_QUORUM);
    assert_string_equal(columba_consistency_name(level), "LOCAL_QUORUM");
    assert_false(columba_consistency_from_name("most", &level));
}

static void key_file_with(const char *bytes, size_t size, enum columba_error_code expected)
{
    char path[] = "/tmp/columba-key-XXXXXX";
    int fd = mkstemp(path);
    struct columba_options *options = columba_options_create();
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
    assert_int_equal(columba_options_set_key_file(options, path), expected);
    if (expected != COLUMBA_ERROR_OK) {
        assert_non_null(strstr(columba_options_error(options), path));
    }
    unlink(path);
    columba_options_destroy(options);
}

static void a_key_file_holds_digits_or_bytes(void **state)
{
    (void)state;
    const char *digits = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n";
    key_file_with(digits, 65, COLUMBA_ERROR_OK);
    key_file_with(digits, 64, COLUMBA_ERROR_OK);
    key_file_with(digits, 63, COLUMBA_ERROR_INVALID);
    key_file_with("0123456789abcdef\xff\0\n3456789abcdef", 32, COLUMBA_ERROR_OK);
    key_file_with("", 0, COLUMBA_ERROR_INVALID);
    key_file_with("0123456789abcdef0123456789abcde", 31, COLUMBA_ERROR_INVALID);
    struct columba_options *options = columba_options_create();
    assert_int_equal(columba_options_set_key_file(options, "/no/such/file"), COLUMBA_ERROR_IO);
    columba_options_destroy(options);
}

/* --- what newcomers pass, and what programs do to their processes --------------------------- */

static void refused_as_invalid(struct columba_future *future)
{
    assert_non_null(future);
    assert_int_equal(columba_future_wait(future), COLUMBA_ERROR_INVALID);
    assert_true(strlen(columba_future_error(future)->text) > 0);
    columba_future_destroy(future);
}

static void every_call_refused_for(struct columba_client *whose)
{
    const struct columba_message_send send = {.from = "alice", .to = "garden"};
    const struct columba_conversation_new create = {.name = "garden"};
    const struct columba_history_read history = {.conversation = "garden"};
    const struct columba_members_read members = {.conversation = "garden"};
    const struct columba_inbox_read inbox = {.user = "alice"};
    refused_as_invalid(columba_connect(whose, NULL));
    refused_as_invalid(columba_ping(whose, NULL, NULL));
    refused_as_invalid(columba_send(whose, &send, NULL));
    refused_as_invalid(columba_conversation_create(whose, &create, NULL));
    refused_as_invalid(columba_conversation_get(whose, "garden", NULL));
    refused_as_invalid(columba_members(whose, &members, NULL));
    refused_as_invalid(columba_history(whose, &history, NULL));
    refused_as_invalid(columba_inbox(whose, &inbox, NULL));
    refused_as_invalid(columba_mark_read(whose, "alice", "garden", NULL, NULL));
    refused_as_invalid(columba_history_import(whose, "garden", NULL, 1, NULL));
    refused_as_invalid(columba_inbox_import(whose, NULL, 1, NULL));
    refused_as_invalid(columba_admin(whose, NULL, "info", NULL, 0, NULL));
}

static void null_is_invalid_and_never_a_crash(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    every_call_refused_for(NULL);
    refused_as_invalid(columba_send(client, NULL, NULL));
    refused_as_invalid(columba_conversation_create(client, NULL, NULL));
    refused_as_invalid(columba_conversation_get(client, NULL, NULL));
    refused_as_invalid(columba_members(client, NULL, NULL));
    refused_as_invalid(columba_history(client, NULL, NULL));
    refused_as_invalid(columba_inbox(client, NULL, NULL));
    refused_as_invalid(columba_mark_read(client, NULL, NULL, NULL, NULL));
    refused_as_invalid(columba_history_import(client, "garden", NULL, 1, NULL));
    refused_as_invalid(columba_inbox_import(client, NULL, 1, NULL));
    refused_as_invalid(columba_admin(client, NULL, NULL, NULL, 0, NULL));
    refused_as_invalid(columba_admin(client, NULL, "info", NULL, 1, NULL));
    const char *const none[] = {NULL};
    refused_as_invalid(columba_admin(client, NULL, "info", none, 1, NULL));
    const struct columba_message_send hollow = {.from = "alice", .to = "garden", .body_bytes = 1};
    refused_as_invalid(columba_send(client, &hollow, NULL));
    const struct columba_conversation_new nobody = {.name = "garden", .member_count = 1};
    refused_as_invalid(columba_conversation_create(client, &nobody, NULL));
    end();
    assert_int_equal(columba_future_wait(NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_future_code(NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_future_error(NULL)->code, COLUMBA_ERROR_INVALID);
    assert_true(columba_future_is_done(NULL));
    assert_null(columba_future_user(NULL));
    assert_null(columba_future_history(NULL));
    assert_null(columba_future_json(NULL));
    columba_future_set_callback(NULL, NULL, NULL);
    columba_future_set_user(NULL, NULL);
    columba_future_destroy(NULL);
    columba_client_destroy(NULL);
    columba_wake(NULL);
    assert_int_equal(columba_fd(NULL), -1);
    assert_int_equal(columba_dispatch(NULL, 0), -1);
    assert_false(columba_event_next(NULL, NULL));
    assert_false(columba_id_from_text(NULL, NULL));
    assert_true(columba_id_is_zero(NULL));
    columba_user_id(NULL);
}

static void options_take_no_null(void **state)
{
    (void)state;
    struct columba_error_info error;
    struct columba_options *options = columba_options_create();
    assert_int_equal(columba_options_set_contacts(options, NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_key(options, NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_key_file(options, NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_cluster_name(options, NULL), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_contacts(NULL, "a"), COLUMBA_ERROR_INVALID);
    assert_int_equal(columba_options_set_timeout_ms(NULL, 1), COLUMBA_ERROR_INVALID);
    assert_non_null(columba_options_error(NULL));
    columba_options_destroy(options);
    assert_null(columba_client_create(NULL, &error));
    assert_int_equal(error.code, COLUMBA_ERROR_INVALID);
}

static void times_and_limits_are_checked(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    struct columba_message_send send = {
        .from = "alice", .to = "garden", .created_at_ms = UINT64_MAX};
    refused_as_invalid(columba_send(client, &send, NULL));
    send.created_at_ms = (uint64_t)COLUMBA_TIME_MAX_MS + 1;
    refused_as_invalid(columba_send(client, &send, NULL));
    send.created_at_ms = (uint64_t)COLUMBA_TIME_MAX_MS;
    assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_OK);
    struct columba_import_message import = {
        .id = columba_message_id_make(5, 5, "alice"), .from = "alice", .created_at_ms = UINT64_MAX};
    refused_as_invalid(columba_history_import(client, "garden", &import, 1, NULL));
    const struct columba_conversation_new create = {.name = "garden", .created_at_ms = UINT64_MAX};
    refused_as_invalid(columba_conversation_create(client, &create, NULL));
    const struct columba_call level = {.consistency = (enum columba_consistency)99};
    refused_as_invalid(columba_connect(client, &level));
    const struct columba_inbox_read inbox = {.user = "alice", .limit = COLUMBA_INBOX_MAX_ROWS + 1};
    assert_int_equal(finish(columba_inbox(client, &inbox, NULL)), COLUMBA_ERROR_TOO_LARGE);
    const struct columba_members_read members = {.conversation = "garden", .limit = 1001};
    assert_int_equal(finish(columba_members(client, &members, NULL)), COLUMBA_ERROR_TOO_LARGE);
    end();
}

/* A program built for a later version: what it does not use of that is no hindrance. */
static void arguments_of_a_later_version_are_taken_or_refused(void **state)
{
    (void)state;
    struct later {
        struct columba_message_send send;
        uint64_t new_field;
    } later = {.send = {.size = sizeof(later), .from = "alice", .to = "garden"}};
    begin(FAKE_WELL, NULL);
    assert_int_equal(finish(columba_send(client, &later.send, NULL)), COLUMBA_ERROR_OK);
    later.new_field = 1;
    refused_as_invalid(columba_send(client, &later.send, NULL));
    later.send.size = 1;
    refused_as_invalid(columba_send(client, &later.send, NULL));
    later.send.size = SIZE_MAX;
    refused_as_invalid(columba_send(client, &later.send, NULL));
    later.send.size = sizeof(later.send);
    assert_int_equal(finish(columba_send(client, &later.send, NULL)), COLUMBA_ERROR_OK);
    struct columba_import_message import = {
        .id = columba_message_id_make(5, 5, "alice"), .from = "alice", .reserved = {1}};
    refused_as_invalid(columba_history_import(client, "garden", &import, 1, NULL));
    end();
}

static void the_version_is_a_number_too(void **state)
{
    (void)state;
    char text[32];
    uint32_t number = columba_version_number();
    snprintf(text, sizeof(text), "%u.%u.%u", number / 1000000, number / 1000 % 1000, number % 1000);
    assert_string_equal(text, columba_version());
    assert_int_equal(number, COLUMBA_VERSION_NUMBER);
}

static void on_cancelled(struct columba_future *future, void *user)
{
    ++*(int *)user;
    assert_int_equal(columba_future_code(future), COLUMBA_ERROR_CANCELLED);
    columba_future_destroy(future);
}

static void on_any(struct columba_future *future, void *user)
{
    ++*(int *)user;
    columba_future_destroy(future);
}

static void every_callback_runs_once_even_at_the_end(void **state)
{
    (void)state;
    int cancelled = 0, refused = 0;
    begin(FAKE_WELL, NULL);
    for (int i = 0; i < 10; i++) {
        columba_future_set_callback(send_text("never sent"), on_cancelled, &cancelled);
    }
    columba_future_set_callback(columba_send(client, NULL, NULL), on_any, &refused);
    struct columba_future *left = send_text("without a callback");
    assert_int_equal(cancelled, 0);
    columba_client_destroy(client);
    assert_int_equal(cancelled, 10);
    assert_int_equal(refused, 1);
    assert_int_equal(columba_future_code(left), COLUMBA_ERROR_CANCELLED);
    columba_future_destroy(left);
    client = NULL;
    end();
}

static void *wake_soon(void *argument)
{
    usleep(20000);
    columba_wake(argument);
    return NULL;
}

static void another_thread_wakes_a_dispatch(void **state)
{
    (void)state;
    pthread_t thread;
    begin(FAKE_WELL, NULL);
    while (columba_dispatch(client, 0) > 0) {
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&thread, NULL, wake_soon, client), 0);
        assert_int_equal(columba_dispatch(client, -1), 0);
        pthread_join(thread, NULL);
    }
    end();
}

static void on_log(enum columba_log_level level, const char *text, void *user)
{
    char *log = user;
    size_t used = strlen(log);
    snprintf(log + used, 1024 - used, "%d %s\n", (int)level, text);
}

static void the_log_tells_what_nobody_asked_for(void **state)
{
    (void)state;
    char contact[32], log[1024] = "";
    node = fake_start(FAKE_WELL);
    struct columba_options *options = columba_options_create();
    snprintf(contact, sizeof(contact), "127.0.0.1:%u", node->port);
    columba_options_set_contacts(options, contact);
    columba_options_set_log(options, on_log, log);
    client = columba_client_create(options, NULL);
    columba_options_destroy(options);
    assert_int_equal(finish(columba_connect(client, NULL)), COLUMBA_ERROR_OK);
    assert_non_null(strstr(log, contact));
    end();
}

/* In the child nothing of the parent's is touched; exit codes tell how far it got. */
static void child_uses(struct columba_future *under_way)
{
    every_call_refused_for(client);
    if (columba_future_wait(under_way) != COLUMBA_ERROR_INVALID) {
        _exit(2);
    }
    columba_future_destroy(under_way);
    if (columba_dispatch(client, -1) != -1) {
        _exit(3);
    }
    columba_client_destroy(client);
    _exit(0);
}

static void a_child_is_refused_and_the_parent_goes_on(void **state)
{
    (void)state;
    int status, called = 0;
    begin(FAKE_WELL, NULL);
    assert_int_equal(finish(send_text("before")), COLUMBA_ERROR_OK);
    struct columba_future *under_way = send_text("meanwhile");
    struct columba_future *other = send_text("meanwhile, too");
    columba_future_set_callback(other, on_any, &called);
    pid_t child = fork();
    if (child == 0) {
        child_uses(under_way);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(finish(under_way), COLUMBA_ERROR_OK);
    while (called == 0) {
        columba_dispatch(client, 1000);
    }
    assert_int_equal(finish(send_text("after")), COLUMBA_ERROR_OK);
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
        cmocka_unit_test(what_is_sent_is_read),
        cmocka_unit_test(every_call_brings_its_result),
        cmocka_unit_test(a_large_conversation_is_made_in_several_requests),
        cmocka_unit_test(an_inbox_comes_with_names_that_are_looked_up_once),
        cmocka_unit_test(marking_without_an_id_marks_the_newest),
        cmocka_unit_test(with_a_key_no_plaintext_leaves_the_process),
        cmocka_unit_test(without_the_right_key_a_message_stays_closed_and_says_why),
        cmocka_unit_test(an_unencrypted_message_is_marked_as_such),
        cmocka_unit_test(a_repeated_send_is_the_same_bytes),
        cmocka_unit_test(what_a_node_makes_up_does_not_pass_for_a_message),
        cmocka_unit_test(callbacks_run_inside_dispatch_only),
        cmocka_unit_test(a_program_with_poll_misses_nothing),
        cmocka_unit_test(refused_calls_are_events_too),
        cmocka_unit_test(node_events_tell_who_comes_and_goes),
        cmocka_unit_test(futures_may_go_at_any_time),
        cmocka_unit_test(a_callback_may_ask_for_the_next_thing),
        cmocka_unit_test(it_runs_on_a_libuv_loop),
        cmocka_unit_test(hostile_servers_are_left_with_a_reason),
        cmocka_unit_test(nobody_listening_is_told_quickly),
        cmocka_unit_test(a_cut_connection_is_made_good),
        cmocka_unit_test(answers_nobody_asked_for_change_nothing),
        cmocka_unit_test(a_refusal_comes_with_all_the_node_said),
        cmocka_unit_test(arguments_out_of_their_limits_are_refused),
        cmocka_unit_test(options_say_what_is_wrong),
        cmocka_unit_test(a_key_file_holds_digits_or_bytes),
        cmocka_unit_test(every_address_of_a_name_is_tried),
        cmocka_unit_test(a_name_server_that_is_silent_blocks_nothing),
        cmocka_unit_test(null_is_invalid_and_never_a_crash),
        cmocka_unit_test(options_take_no_null),
        cmocka_unit_test(times_and_limits_are_checked),
        cmocka_unit_test(arguments_of_a_later_version_are_taken_or_refused),
        cmocka_unit_test(the_version_is_a_number_too),
        cmocka_unit_test(every_callback_runs_once_even_at_the_end),
        cmocka_unit_test(another_thread_wakes_a_dispatch),
        cmocka_unit_test(the_log_tells_what_nobody_asked_for),
        cmocka_unit_test(a_child_is_refused_and_the_parent_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
