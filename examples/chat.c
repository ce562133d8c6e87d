/*
 * Sends one message and prints the newest ten of its conversation.
 *
 *     cc chat.c $(pkg-config --cflags --libs columba) -o chat
 *     ./chat alice garden "Hello from C"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <columba.h>

/* Waits; says what went wrong, if something did. */
static bool succeeded(struct columba_future *future)
{
    if (!future) {
        fprintf(stderr, "out of memory\n");
        return false;
    }
    if (columba_future_wait(future) != COLUMBA_ERROR_OK) {
        fprintf(stderr, "%s\n", columba_future_error(future)->text);
        return false;
    }
    return true;
}

static bool send_text(struct columba_client *client, const char *from, const char *to,
                      const char *text)
{
    const struct columba_message_send send = {
        .from = from, .to = to, .body = text, .body_bytes = strlen(text)};
    struct columba_future *sent = columba_send(client, &send, NULL);
    bool is_sent = succeeded(sent);
    columba_future_destroy(sent);
    return is_sent;
}

static bool print_newest(struct columba_client *client, const char *conversation)
{
    const struct columba_history_read read = {.conversation = conversation, .limit = 10};
    struct columba_future *history = columba_history(client, &read, NULL);
    bool is_read = succeeded(history);
    if (is_read) {
        const struct columba_history_page *page = columba_future_history(history);
        for (size_t i = page->count; i-- > 0;) {
            const struct columba_message *message = &page->messages[i];
            printf("%s: %s\n", message->from, (const char *)message->body);
        }
    }
    columba_future_destroy(history);
    return is_read;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: chat USER CONVERSATION TEXT\n");
        return 1;
    }
    struct columba_options *options = columba_options_create();
    const char *contacts = getenv("COLUMBA_CONTACT");
    if (!options ||
        (contacts && columba_options_set_contacts(options, contacts) != COLUMBA_ERROR_OK)) {
        fprintf(stderr, "%s\n", options ? columba_options_error(options) : "out of memory");
        columba_options_destroy(options);
        return 2;
    }
    struct columba_error_info error;
    struct columba_client *client = columba_client_create(options, &error);
    columba_options_destroy(options);
    if (!client) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    bool is_done = send_text(client, argv[1], argv[2], argv[3]) && print_newest(client, argv[2]);
    columba_client_destroy(client);
    return is_done ? 0 : 2;
}
