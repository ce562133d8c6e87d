/*
 * In a glib main loop, as GTK programs have it: the client's descriptor is one source among others.
 *
 *     cc glib.c $(pkg-config --cflags --libs columba glib-2.0) -o glib
 *     ./glib alice garden "Hello from glib"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <columba.h>
#include <glib-unix.h>
#include <glib.h>

static int status = 2;

static gboolean on_readable(gint fd, GIOCondition condition, gpointer client)
{
    (void)fd;
    (void)condition;
    columba_dispatch(client, 0);
    return G_SOURCE_CONTINUE;
}

static void on_sent(struct columba_future *future, void *loop)
{
    if (columba_future_code(future) == COLUMBA_ERROR_OK) {
        puts("sent");
        status = 0;
    } else {
        fprintf(stderr, "%s\n", columba_future_error(future)->text);
    }
    columba_future_destroy(future);
    g_main_loop_quit(loop);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: glib USER CONVERSATION TEXT\n");
        return 1;
    }
    const char *contacts = getenv("COLUMBA_CONTACT");
    struct columba_options *options = columba_options_create();
    if (contacts && columba_options_set_contacts(options, contacts) != COLUMBA_ERROR_OK) {
        fprintf(stderr, "%s\n", columba_options_error(options));
        columba_options_destroy(options);
        return 1;
    }
    struct columba_client *client = columba_client_create(options, NULL);
    columba_options_destroy(options);
    if (!client) {
        return 2;
    }
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    guint source = g_unix_fd_add(columba_fd(client), G_IO_IN, on_readable, client);
    const struct columba_message_send send = {
        .from = argv[1], .to = argv[2], .body = argv[3], .body_bytes = strlen(argv[3])};
    columba_future_set_callback(columba_send(client, &send, NULL), on_sent, loop);
    g_main_loop_run(loop);
    g_source_remove(source);
    columba_client_destroy(client);
    g_main_loop_unref(loop);
    return status;
}
