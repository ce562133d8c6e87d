/*
 * Two threads: one owns the client and does nothing but dispatch, the other one has messages. What
 * it hands over goes through a slot under a lock, and columba_wake tells the owner: the one call
 * that any thread may make.
 *
 *     cc threads.c -pthread $(pkg-config --cflags --libs columba) -o threads
 *     ./threads alice garden "Hello from another thread"
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <columba.h>

static struct {
    pthread_mutex_t lock;
    struct columba_client *client;
    struct columba_message_send next;
    bool has_next;
    bool is_done;
    int status;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER, .status = 2};

static void on_sent(struct columba_future *future, void *user)
{
    (void)user;
    if (columba_future_code(future) == COLUMBA_ERROR_OK) {
        puts("sent");
        shared.status = 0;
    } else {
        fprintf(stderr, "%s\n", columba_future_error(future)->text);
    }
    columba_future_destroy(future);
    shared.is_done = true;
}

/* The owner's: the client is touched here only. */
static void *own_client(void *argument)
{
    (void)argument;
    while (!shared.is_done) {
        pthread_mutex_lock(&shared.lock);
        if (shared.has_next) {
            shared.has_next = false;
            columba_future_set_callback(columba_send(shared.client, &shared.next, NULL), on_sent,
                                        NULL);
        }
        pthread_mutex_unlock(&shared.lock);
        columba_dispatch(shared.client, -1);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t owner;
    if (argc != 4) {
        fprintf(stderr, "usage: threads USER CONVERSATION TEXT\n");
        return 1;
    }
    const char *contacts = getenv("COLUMBA_CONTACT");
    struct columba_options *options = columba_options_create();
    if (contacts && columba_options_set_contacts(options, contacts) != COLUMBA_ERROR_OK) {
        fprintf(stderr, "%s\n", columba_options_error(options));
        columba_options_destroy(options);
        return 1;
    }
    shared.client = columba_client_create(options, NULL);
    columba_options_destroy(options);
    if (!shared.client || pthread_create(&owner, NULL, own_client, NULL) != 0) {
        columba_client_destroy(shared.client);
        return 2;
    }
    pthread_mutex_lock(&shared.lock);
    shared.next = (struct columba_message_send){
        .from = argv[1], .to = argv[2], .body = argv[3], .body_bytes = strlen(argv[3])};
    shared.has_next = true;
    pthread_mutex_unlock(&shared.lock);
    columba_wake(shared.client);
    pthread_join(owner, NULL);
    columba_client_destroy(shared.client);
    return shared.status;
}
