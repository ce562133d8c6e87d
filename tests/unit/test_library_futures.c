/* Futures, callbacks and events: when they come, from which thread, and how they end. */
#include <sys/wait.h>

#include "columba_uv.h"
#include "library_world.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_run_inside_dispatch_only),
        cmocka_unit_test(a_program_with_poll_misses_nothing),
        cmocka_unit_test(refused_calls_are_events_too),
        cmocka_unit_test(node_events_tell_who_comes_and_goes),
        cmocka_unit_test(futures_may_go_at_any_time),
        cmocka_unit_test(a_callback_may_ask_for_the_next_thing),
        cmocka_unit_test(it_runs_on_a_libuv_loop),
        cmocka_unit_test(every_callback_runs_once_even_at_the_end),
        cmocka_unit_test(another_thread_wakes_a_dispatch),
        cmocka_unit_test(the_log_tells_what_nobody_asked_for),
        cmocka_unit_test(a_child_is_refused_and_the_parent_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
