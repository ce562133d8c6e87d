/*
 * A program with a poll loop of its own: lines from standard input are sent as they come, and the
 * loop never waits for an answer.
 *
 *     cc poll.c $(pkg-config --cflags --libs columba) -o poll
 *     ./poll 127.0.0.1:7411 alice garden
 */
#include <columba.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned under_way;

static void on_sent(struct columba_future *future, void *user)
{
    (void)user;
    if (columba_future_code(future) != COLUMBA_ERROR_OK) {
        fprintf(stderr, "%s\n", columba_future_error(future)->text);
    }
    columba_future_destroy(future);
    under_way--;
}

static void line_send(struct columba_client *client, char **names, const char *line, size_t size)
{
    const struct columba_message_send send = {
        .from = names[0], .to = names[1], .body = line, .body_bytes = size};
    under_way++;
    columba_future_set_callback(columba_send(client, &send, NULL), on_sent, NULL);
}

/* False at the end of the input. What does not end in a newline is a line too. */
static bool lines_read(struct columba_client *client, char **names)
{
    char lines[4096];
    ssize_t size = read(STDIN_FILENO, lines, sizeof(lines));
    for (char *at = lines; size > 0;) {
        char *end = memchr(at, '\n', (size_t)size);
        size_t length = end != NULL ? (size_t)(end - at) : (size_t)size;
        if (length > 0) {
            line_send(client, names, at, length);
        }
        size -= (ssize_t)(length + 1);
        at += length + 1;
    }
    return size != 0;
}

static void loop(struct columba_client *client, char **names)
{
    bool more = true;
    while (more || under_way > 0) {
        struct pollfd ready[] = {{.fd = columba_fd(client), .events = POLLIN},
                                 {.fd = more ? STDIN_FILENO : -1, .events = POLLIN}};
        poll(ready, 2, -1);
        if (ready[1].revents != 0) {
            more = lines_read(client, names);
        }
        columba_dispatch(client, 0);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: poll CONTACT FROM TO\n");
        return 1;
    }
    struct columba_options *options = columba_options_create();
    if (columba_options_set_contacts(options, argv[1]) != COLUMBA_ERROR_OK) {
        fprintf(stderr, "%s\n", columba_options_error(options));
        columba_options_destroy(options);
        return 1;
    }
    struct columba_client *client = columba_client_create(options, NULL);
    columba_options_destroy(options);
    if (client == NULL) {
        return 2;
    }
    loop(client, argv + 2);
    columba_client_destroy(client);
    return 0;
}
