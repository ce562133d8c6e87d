#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "client/library.h"
#include "client/resolver.h"

/* More than a turn of a client with some tens of nodes has; the rest comes in the next one. */
#define EVENTS_PER_TURN 64

/* --- create and destroy ---------------------------------------------------------------------- */

static bool core_make(struct columba_client *client, const struct columba_options *options)
{
    struct client_config config;
    client_config_defaults(&config);
    config.contacts = options->contacts;
    config.contact_count = options->contact_count;
    config.cluster_name = slice_of_text(options->cluster_name);
    config.timeout_ms = options->timeout_ms;
    config.connections_per_node = options->connections_per_node;
    config.requests_max = options->requests_max;
    config.is_administrator = options->is_administrator;
    if (getrandom(&config.seed, sizeof(config.seed), 0) != sizeof(config.seed)) {
        return false;
    }
    client->core = client_create(memory_system(), &config);
    return client->core != NULL;
}

static bool key_copy(struct columba_client *client, const struct columba_options *options)
{
    if (options->key == NULL) {
        return true;
    }
    client->key = sodium_malloc(sizeof(*client->key));
    if (client->key == NULL) {
        return false;
    }
    memcpy(client->key, options->key, sizeof(*client->key));
    sodium_mprotect_readonly(client->key);
    return true;
}

static bool watch(const struct columba_client *client, int fd, uint32_t how, void *mark)
{
    struct epoll_event event = {.events = how, .data.ptr = mark};
    return fd >= 0 && epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool descriptors_open(struct columba_client *client)
{
    client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    client->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    client->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    /* The wake-up is edge-triggered: it never has to be read. */
    return client->epoll_fd >= 0 && watch(client, client->timer_fd, EPOLLIN, &client->timer_fd) &&
           watch(client, client->wake_fd, EPOLLIN | EPOLLET, &client->wake_fd);
}

bool library_is_own(const struct columba_client *client)
{
    return client != NULL && *client->owner != 0;
}

static bool owner_make(struct columba_client *client)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return false;
    }
    client->owner = page;
    *client->owner = 1;
    return madvise(page, size, MADV_WIPEONFORK) == 0;
}

void library_log(const struct columba_client *client, enum columba_log_level level,
                 const char *text)
{
    if (client->log != NULL) {
        client->log(level, text, client->log_user);
    }
}

static void contact_name(struct columba_client *client, const struct client_contact *contact)
{
    bool brackets = memchr(contact->host.data, ':', contact->host.size) != NULL;
    snprintf(client->first_contact, sizeof(client->first_contact),
             brackets ? "[%.*s]:%u" : "%.*s:%u", (int)contact->host.size,
             (const char *)contact->host.data, contact->port);
}

static void client_init(struct columba_client *client, const struct columba_options *options)
{
    *client = (struct columba_client){.consistency = options->consistency,
                                      .timeout_ms = options->timeout_ms,
                                      .log = options->log,
                                      .log_user = options->log_user,
                                      .epoll_fd = -1,
                                      .timer_fd = -1,
                                      .wake_fd = -1,
                                      .armed_ms = UINT64_MAX};
    list_init(&client->dirty);
    list_init(&client->dead);
    list_init(&client->connecting);
    resolver_init(&client->resolver);
    list_init(&client->futures);
    list_init(&client->kept);
    list_init(&client->callbacks);
    list_init(&client->events);
    arena_init(&client->decoding, memory_system(), DECODE_ARENA_MAX_BYTES);
    arena_init(&client->encoding, memory_system(), DECODE_ARENA_MAX_BYTES);
    contact_name(client, &options->contacts[0]);
}

struct columba_client *columba_client_create(const struct columba_options *options,
                                             struct columba_error_info *out_error)
{
    struct columba_error_info ignored;
    struct columba_error_info *error = out_error != NULL ? out_error : &ignored;
    if (options == NULL) {
        error_fill(error, ERR_INVALID, "there are no options (NULL)");
        return NULL;
    }
    struct columba_client *client = malloc(sizeof(*client));
    if (client == NULL) {
        error_fill(error, ERR_NO_MEMORY, "%s", error_text(ERR_NO_MEMORY));
        return NULL;
    }
    client_init(client, options);
    bool made = false;
    if (sodium_init() < 0) {
        error_fill(error, ERR_INTERNAL, "libsodium cannot be used here");
    } else if (!descriptors_open(client)) {
        error_fill(error, ERR_IO, "cannot make file descriptors: %s", strerror(errno));
    } else if (!owner_make(client) || !key_copy(client, options) || !core_make(client, options)) {
        error_fill(error, ERR_NO_MEMORY, "%s", error_text(ERR_NO_MEMORY));
    } else {
        made = true;
        library_now(client);
        error_fill(error, COLUMBA_OK, "%s", "");
    }
    if (!made) {
        columba_client_destroy(client);
        return NULL;
    }
    return client;
}

/* The futures whose callback has not run come into `due`. */
static void futures_release(struct columba_client *client, struct list *due)
{
    list_init(due);
    list_for_each_safe(link, &client->futures)
    {
        struct columba_future *future = container_of(link, struct columba_future, link);
        if (!future->is_done) {
            future->is_done = true;
            future->session = NULL;
            error_fill(&future->error, ERR_CANCELLED, "the client was destroyed");
        }
        list_remove(&future->link);
        list_remove(&future->done_link);
        future->client = NULL;
        if (future->callback != NULL) {
            list_append(due, &future->done_link);
        }
    }
    list_for_each_safe(kept, &client->kept)
    {
        future_free(container_of(kept, struct columba_future, link));
    }
}

static void callbacks_run_all(struct list *due);

static void descriptor_close(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void columba_client_destroy(struct columba_client *client)
{
    if (client == NULL) {
        return;
    }
    struct list due;
    bool is_own = client->owner == NULL || library_is_own(client);
    futures_release(client, &due);
    client_destroy(client->core);
    sockets_destroy(client);
    resolver_clear(&client->resolver);
    sodium_free(client->key);
    arena_clear(&client->decoding);
    arena_clear(&client->encoding);
    name_cache_destroy(client);
    free(client->node_events);
    descriptor_close(client->epoll_fd);
    descriptor_close(client->timer_fd);
    descriptor_close(client->wake_fd);
    if (client->owner != NULL) {
        munmap(client->owner, (size_t)sysconf(_SC_PAGESIZE));
    }
    free(client);
    if (is_own) {
        callbacks_run_all(&due);
    }
}

/* --- time ------------------------------------------------------------------------------------ */

static uint64_t clock_ms(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t library_now(struct columba_client *client)
{
    /* It goes on while the machine sleeps, as the nodes' time does. */
    uint64_t monotonic_ms = clock_ms(CLOCK_BOOTTIME);
    client_now(client->core, monotonic_ms, clock_ms(CLOCK_REALTIME));
    return monotonic_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The timer is only ever set earlier: firing too early costs one turn, and the usual case, a
 * deadline far away that moves all the time, costs nothing. */
static void timer_arm(struct columba_client *client)
{
    uint64_t due_ms = client_next_deadline_ms(client->core);
    due_ms = earlier(due_ms, sockets_due_ms(client));
    due_ms = earlier(due_ms, resolver_due_ms(client, clock_ms(CLOCK_BOOTTIME)));
    if (due_ms >= client->armed_ms) {
        return;
    }
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(due_ms / 1000),
                                           .tv_nsec = (long)(due_ms % 1000) * 1000000 + 1}};
    timerfd_settime(client->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    client->armed_ms = due_ms;
}

static void timer_fired(struct columba_client *client)
{
    uint64_t times;
    ssize_t got = read(client->timer_fd, &times, sizeof(times));
    (void)got; /* nothing to read is as good */
    client->armed_ms = UINT64_MAX;
}

void library_wake(struct columba_client *client)
{
    if (client->is_dispatching || !library_is_own(client)) {
        return;
    }
    timer_arm(client);
    if (!client->is_woken) {
        uint64_t one = 1;
        ssize_t written = write(client->wake_fd, &one, sizeof(one));
        (void)written; /* it only fails where it would be readable anyway */
        client->is_woken = true;
    }
}

/* --- effects --------------------------------------------------------------------------------- */

static void node_event_add(struct columba_client *client, enum columba_event_type type,
                           const char *text)
{
    if (client->node_events == NULL) {
        client->node_events = calloc(NODE_EVENTS_MAX, sizeof(client->node_events[0]));
    }
    if (client->node_events == NULL) {
        return;
    }
    if (client->node_event_count == NODE_EVENTS_MAX) {
        client->node_event_first = (client->node_event_first + 1) % NODE_EVENTS_MAX;
        client->node_event_count--;
    }
    uint32_t at = (client->node_event_first + client->node_event_count++) % NODE_EVENTS_MAX;
    client->node_events[at].type = type;
    snprintf(client->node_events[at].text, sizeof(client->node_events[at].text), "%s", text);
}

static void part_complete(struct client_request *request, const struct message *answer)
{
    struct part *part = container_of(request, struct part, request);
    part->is_under_way = false;
    part->future->step(part, answer);
}

void library_effects(struct columba_client *client)
{
    struct client_effect effect;
    if (!library_is_own(client)) {
        return; /* what it would do is the parent's */
    }
    while (client_effect_next(client->core, &effect)) {
        switch (effect.type) {
        case CLIENT_EFFECT_CONNECT:
            socket_open(client, effect.connection, effect.connect.host, effect.connect.port);
            break;
        case CLIENT_EFFECT_SEND:
            socket_send(client, effect.connection, effect.send.request_id, effect.send.message);
            break;
        case CLIENT_EFFECT_CLOSE:
            socket_close(client, effect.connection);
            break;
        case CLIENT_EFFECT_COMPLETE:
            part_complete(effect.complete.request, effect.complete.answer);
            break;
        case CLIENT_EFFECT_NODE_UP:
            library_log(client, COLUMBA_LOG_INFO, effect.node.text);
            node_event_add(client, COLUMBA_EVENT_NODE_UP, effect.node.text);
            break;
        case CLIENT_EFFECT_NODE_DOWN:
            library_log(client, COLUMBA_LOG_WARNING, effect.node.text);
            node_event_add(client, COLUMBA_EVENT_NODE_DOWN, effect.node.text);
            break;
        }
    }
}

/* --- dispatch -------------------------------------------------------------------------------- */

int columba_fd(const struct columba_client *client)
{
    return client != NULL ? client->epoll_fd : -1;
}

void columba_wake(struct columba_client *client)
{
    uint64_t one = 1;
    if (library_is_own(client)) {
        ssize_t written = write(client->wake_fd, &one, sizeof(one));
        (void)written; /* it only fails where it would be readable anyway */
    }
}

static void events_handle(struct columba_client *client, const struct epoll_event *events,
                          int count)
{
    for (int i = 0; i < count; i++) {
        void *mark = events[i].data.ptr;
        if (mark == &client->timer_fd) {
            timer_fired(client);
        } else if (mark != &client->wake_fd && mark != &client->resolver) {
            socket_ready(client, mark, events[i].events);
        }
    }
}

static void callbacks_run_all(struct list *due)
{
    while (!list_is_empty(due)) {
        struct list *link = due->next;
        struct columba_future *future = container_of(link, struct columba_future, done_link);
        columba_callback callback = future->callback;
        list_remove(link);
        future->callback = NULL;
        callback(future, future->user);
    }
}

/* Only those that are due now: a callback that asks for what is refused at once would otherwise
 * keep the dispatch from ever ending. */
static void callbacks_run(struct columba_client *client)
{
    struct list due;
    list_init(&due);
    while (!list_is_empty(&client->callbacks)) {
        struct list *link = client->callbacks.next;
        list_remove(link);
        list_append(&due, link);
    }
    callbacks_run_all(&due);
}

static void turn_end(struct columba_client *client)
{
    sockets_flush(client);
    sockets_bury(client);
    timer_arm(client);
    client->is_dispatching = false;
    if (!list_is_empty(&client->callbacks)) {
        library_wake(client);
    }
}

int columba_dispatch(struct columba_client *client, int timeout_ms)
{
    struct epoll_event events[EVENTS_PER_TURN];
    if (!library_is_own(client)) {
        return -1;
    }
    if (client->is_dispatching) {
        return 0;
    }
    client->is_dispatching = true;
    client->done_count = 0;
    library_now(client);
    sockets_flush(client);
    timer_arm(client);
    int count = epoll_wait(client->epoll_fd, events, EVENTS_PER_TURN, timeout_ms);
    client->is_woken = false;
    uint64_t now_ms = library_now(client);
    events_handle(client, events, count);
    resolver_turn(client);
    sockets_tick(client, now_ms);
    if (now_ms >= client_next_deadline_ms(client->core)) {
        client_tick(client->core);
        library_effects(client);
    }
    callbacks_run(client);
    turn_end(client);
    return (int)client->done_count;
}

bool columba_event_next(struct columba_client *client, struct columba_event *out_event)
{
    if (client == NULL || out_event == NULL) {
        return false;
    }
    if (client->node_event_count > 0) {
        client->taken_event = client->node_events[client->node_event_first];
        client->node_event_first = (client->node_event_first + 1) % NODE_EVENTS_MAX;
        client->node_event_count--;
        *out_event = (struct columba_event){.type = client->taken_event.type,
                                            .text = client->taken_event.text};
        return true;
    }
    if (list_is_empty(&client->events)) {
        return false;
    }
    struct list *link = client->events.next;
    list_remove(link);
    *out_event =
        (struct columba_event){.type = COLUMBA_EVENT_DONE,
                               .future = container_of(link, struct columba_future, done_link),
                               .text = ""};
    return true;
}
