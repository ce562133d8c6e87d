/*
 * On a libuv loop: sends a message, then reads the newest ten, each step from the callback of the
 * one before.
 *
 *     cc uv.c $(pkg-config --cflags --libs columba libuv) -o uv
 *     ./uv alice garden "Hello from libuv"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <columba.h>
#include <columba_uv.h>

static struct columba_uv adapter;
static const char *conversation;
static int status = 2;

static void on_read(struct columba_future *future, void *user)
{
    struct columba_client *client = user;
    (void)client;
    if (columba_future_code(future) == COLUMBA_ERROR_OK) {
        const struct columba_history_page *page = columba_future_history(future);
        for (size_t i = page->count; i-- > 0;) {
            printf("%s: %s\n", page->messages[i].from, (const char *)page->messages[i].body);
        }
        status = 0;
    } else {
        fprintf(stderr, "%s\n", columba_future_error(future)->text);
    }
    columba_future_destroy(future);
    columba_uv_stop(&adapter, NULL); /* nothing is left for the loop to wait for */
}

static void on_sent(struct columba_future *future, void *user)
{
    struct columba_client *client = user;
    const struct columba_history_read read = {.conversation = conversation, .limit = 10};
    if (columba_future_code(future) == COLUMBA_ERROR_OK) {
        columba_future_set_callback(columba_history(client, &read, NULL), on_read, client);
    } else {
        fprintf(stderr, "%s\n", columba_future_error(future)->text);
        columba_uv_stop(&adapter, NULL);
    }
    columba_future_destroy(future);
}

static struct columba_client *connect_to(const char *contacts)
{
    struct columba_client *client = NULL;
    struct columba_options *options = columba_options_create();
    if (!contacts || columba_options_set_contacts(options, contacts) == COLUMBA_ERROR_OK) {
        client = columba_client_create(options, NULL);
    }
    columba_options_destroy(options);
    return client;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: uv USER CONVERSATION TEXT\n");
        return 1;
    }
    struct columba_client *client = connect_to(getenv("COLUMBA_CONTACT"));
    if (!client || columba_uv_start(&adapter, uv_default_loop(), client) != 0) {
        fprintf(stderr, "no client, or no loop\n");
        return 2;
    }
    conversation = argv[2];
    const struct columba_message_send send = {
        .from = argv[1], .to = argv[2], .body = argv[3], .body_bytes = strlen(argv[3])};
    columba_future_set_callback(columba_send(client, &send, NULL), on_sent, client);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    columba_client_destroy(client);
    return status;
}
